"""Parallel Python callbacks: VapourSynth runs one callback per node at a time, so frames are spread over nodes."""

from collections.abc import Callable, Sequence

import vapoursynth as vs

_MOST_WORKERS = 8
"""Default bound of the number of workers. More need more memory and gain little, because of the GIL."""


def worker_count(wanted: int | None = None) -> int:
    """Return the number of frames to process at once; by default the threads of the core, at most `_MOST_WORKERS`."""
    return max(1, wanted or min(vs.core.num_threads, _MOST_WORKERS))


def run_parallel(
    nodes: Sequence[vs.VideoNode],
    callback: Callable[[int, Sequence[vs.VideoFrame]], vs.VideoFrame],
    lanes: int,
) -> vs.VideoNode:
    """Return `std.ModifyFrame` of the first node, run for several frames at once by interleaved nodes.

    Args:
        nodes: Clips of the same length. The result has the format, size and frame rate of the first.
        callback: Takes the frame number and one frame of each node, may run in several threads at once, and must
            release the GIL during heavy work.
        lanes: Number of frames to process at once.
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
