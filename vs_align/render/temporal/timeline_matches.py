"""A `Timeline` as a clip of match props, for rendering without a search."""

from collections.abc import Sequence
from math import inf
from os import PathLike
from typing import Any

import vapoursynth as vs

from vs_align.io.prop_names import FALLBACK, MATCH, OFFSET, OFFSET_MS, SCORE
from vs_align.nodes.checks import load_timeline
from vs_align.nodes.clips import tiny_clip
from vs_align.timeline.timeline import Timeline


def timeline_matches(
    function: str, timeline: Timeline | str | PathLike[str], clip: vs.VideoNode, ref: vs.VideoNode
) -> vs.VideoNode:
    """Return a clip of one pixel as long as `ref`, whose frames carry the `VSAlign...` props of a timeline.

    Args:
        function: The public function that was called, for messages.
        timeline: A timeline of these two clips, or the path of its JSON file.
        clip: As long as the clip of the timeline.
        ref: As long as the ref of the timeline.

    Raises:
        ArgumentError: A clip has another length, or the file holds no timeline.
    """
    loaded = load_timeline(function, timeline, clip, ref)
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
    """Replace missing frames by the clip frame of the nearest ref frame with a match, of two the earlier."""
    known = [n for n, frame in enumerate(frame_map) if frame is not None]
    filled, k = [], 0
    for n in range(len(frame_map)):
        while k + 1 < len(known) and known[k + 1] - n < n - known[k]:
            k += 1
        filled.append((frame_map[known[k]] if known else None) or 0)
    return filled
