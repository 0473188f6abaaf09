"""A `Timeline` as matches, for rendering."""

from collections.abc import Sequence
from math import inf
from os import PathLike
from typing import Any

import vapoursynth as vs

from vs_align.errors import ArgumentError
from vs_align.nodes.clips import tiny_clip
from vs_align.nodes.match_props import FALLBACK, MATCH, OFFSET, OFFSET_MS, SCORE
from vs_align.timeline.timeline import Timeline


def timeline_matches(
    function: str, timeline: Timeline | str | PathLike[str], clip: vs.VideoNode, ref: vs.VideoNode
) -> vs.VideoNode:
    """Return a clip of one pixel as long as `ref`, whose frames carry the `VSAlign...` props that a timeline gives.

    Args:
        function: The public function that was called, for messages.
        timeline: A timeline of these two clips, or the path of its JSON file.
        clip: Must be as long as the timeline's clip.
        ref: Must be as long as the timeline's ref.
    """
    loaded = timeline if isinstance(timeline, Timeline) else Timeline.load(timeline)
    for name, node, length in (("clip", clip, loaded.clip_length), ("ref", ref, loaded.ref_length)):
        if node.num_frames != length:
            rule = f"must be as long as the timeline's {name} ({length} frames)"
            raise ArgumentError(function, name, rule, node.num_frames)
    shown = _filled(loaded.frame_map)

    def name_frame(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        props: Any = out.props
        missing = loaded.frame_map[n] is None
        score = loaded.scores[n] if loaded.scores else None
        milliseconds = loaded.to_ms(n)
        props[MATCH], props[OFFSET], props[FALLBACK] = shown[n], shown[n] - n, int(missing)
        if score is not None or missing:
            props[SCORE] = inf if score is None else score
        if milliseconds is not None:
            props[OFFSET_MS] = milliseconds
        return out

    carrier = tiny_clip(ref.num_frames)
    return carrier.std.ModifyFrame(carrier, name_frame)


def _filled(frame_map: Sequence[int | None]) -> list[int]:
    """Stand in for missing frames by the clip frame of the nearest ref frame that has one, of two the earlier."""
    known = [n for n, frame in enumerate(frame_map) if frame is not None]
    filled, k = [], 0
    for n in range(len(frame_map)):
        while k + 1 < len(known) and known[k + 1] - n < n - known[k]:
            k += 1
        filled.append((frame_map[known[k]] if known else None) or 0)
    return filled
