"""Lanes: a Python callback runs alone in its node, so heavy work is spread over several nodes."""

from collections.abc import Callable, Sequence

import vapoursynth as vs

_MOST_LANES = 8


def lane_count(wanted: int | None = None) -> int:
    """Return how many frames to work on at once; by default as many as the core has threads, up to a bound."""
    return max(1, wanted or min(vs.core.num_threads, _MOST_LANES))


def in_lanes(
    nodes: Sequence[vs.VideoNode],
    callback: Callable[[int, Sequence[vs.VideoFrame]], vs.VideoFrame],
    lanes: int,
) -> vs.VideoNode:
    """Return `std.ModifyFrame` of the first node, run for several frames at once.

    Args:
        nodes: Clips of the same length. The result has the format, size and frame rate of the first.
        callback: Takes the frame number and one frame of each node, may run in several threads at once, and must
            release the GIL where it works hard.
        lanes: How many threads.
    """
    length = nodes[0].num_frames
    lanes = min(lanes, length)
    if lanes == 1:
        return nodes[0].std.ModifyFrame(list(nodes), lambda n, f: callback(n, f))
    rest = -length % lanes
    whole = [node + node[-1] * rest if rest else node for node in nodes]
    parts = []
    for lane in range(lanes):
        part = [node.std.SelectEvery(lanes, [lane], modify_duration=False) for node in whole]
        parts.append(part[0].std.ModifyFrame(part, _numbered(callback, lane, lanes)))
    return vs.core.std.Interleave(parts, modify_duration=False)[:length]


def _numbered(
    callback: Callable[[int, Sequence[vs.VideoFrame]], vs.VideoFrame], lane: int, lanes: int
) -> Callable[[int, Sequence[vs.VideoFrame]], vs.VideoFrame]:
    return lambda n, f: callback(n * lanes + lane, f)
