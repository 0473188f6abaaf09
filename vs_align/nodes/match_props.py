"""Match props: writing the match of a ref frame to props, and rendering the clip frames that the props name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import vapoursynth as vs

from vs_align.io.prop_names import (
    CONFIDENCE,
    FALLBACK,
    FRAMING,
    GRADE,
    MARGIN,
    MATCH,
    METRIC,
    OFFSET,
    OFFSET_MS,
    RUNNER_UP,
    SCORE,
    UNREST,
    WINDOW_FIRST,
    WINDOW_SCORES,
)
from vs_align.nodes.clips import blank_like
from vs_align.nodes.debug_text import draw_lines

_PERHAPS = [OFFSET_MS, CONFIDENCE, MARGIN, UNREST, RUNNER_UP, FRAMING, GRADE]
_MATCH_PROPS = [MATCH, OFFSET, SCORE, FALLBACK, METRIC, *_PERHAPS]
_TIMING_PROPS = ["_DurationNum", "_DurationDen", "_AbsoluteTime"]
# Props that are wrong after a frame was moved.
_STALE_PROPS = ["_SceneChangeNext", "_SceneChangePrev", "_PictType"]
_MOST_SHIFTS = 512
"""Number of shifted clips that are cached. With different frame rates the offset grows without bound."""


@dataclass(frozen=True, slots=True)
class Match:
    """The match of one ref frame."""

    match: int
    """Number of the clip frame."""
    number: int
    """Number of the ref frame."""
    score: float
    """Infinity if there was no candidate."""
    fallback: bool
    metric: str
    late: float | None = None
    """Time of the clip frame minus that of the ref frame in milliseconds."""
    confidence: float | None = None
    margin: float | None = None
    unrest: float | None = None
    runner_up: float | None = None
    framing: float | None = None
    grade: float | None = None


def write_match(props: Any, found: Match, first: int = 0, scores: list[float] | None = None) -> None:
    """Write a match to the props of a frame; unknown values are left out.

    Args:
        props: Props of a writable frame.
        found: The match.
        first: Number of the clip frame of `scores[0]`.
        scores: Scores of the whole search window, for display.
    """
    # a list of one number is written three times as fast as the number, and reads back the same
    props[MATCH], props[OFFSET] = [found.match], [found.match - found.number]
    props[SCORE], props[FALLBACK], props[METRIC] = [found.score], [int(found.fallback)], found.metric
    known = found.late, found.confidence, found.margin, found.unrest, found.runner_up, found.framing, found.grade
    for name, value in zip(_PERHAPS, known, strict=True):
        if value is not None:
            props[name] = [value]
        elif name in props:
            del props[name]  # clip is itself the result of a match
    if scores is not None:
        props[WINDOW_FIRST], props[WINDOW_SCORES] = first, scores


def copy_timing(source: Any, target: Any) -> None:
    """Copy the timing props of one frame to another that has none."""
    for name in _TIMING_PROPS:
        if name in source:
            target[name] = source[name]


def render_matches(
    matches: vs.VideoNode,
    out: vs.VideoNode,
    timing: vs.VideoNode,
    fallback: vs.VideoNode | None,
    describe: Callable[[int, vs.FrameProps], list[str]] | None = None,
    *,
    stamped: bool = False,
) -> vs.VideoNode:
    """Return for each ref frame the matching frame of `out`, with the `VSAlign...` props of the match.

    Args:
        matches: A clip as long as ref, whose frames carry these props.
        out: Clip that the frames are taken from.
        timing: A clip as long as ref, with the length and frame durations of the result.
        fallback: Shown if `VSAlignFallback` is set. None: the matched frame is shown anyway.
        describe: Returns lines to draw on a frame, from its number and the props of its match. None draws nothing.
        stamped: Whether the matches carry the timing props of ref, so that no frame of `timing` is requested.
    """
    shifted = _ShiftedClips(out)

    def choose(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        props = f.props
        frame = fallback if fallback is not None and props[FALLBACK] else shifted.by(props[OFFSET])
        return frame if describe is None else draw_lines(frame, describe(n, props))

    declared = [clip for clip in (out, fallback) if clip is not None]
    chosen = blank_like(out, timing).std.FrameEval(choose, prop_src=[matches], clip_src=declared)
    return with_timing(chosen.std.CopyFrameProps(matches, props=_MATCH_PROPS), matches if stamped else timing)


def with_timing(clip: vs.VideoNode, timing: vs.VideoNode) -> vs.VideoNode:
    """Return a clip with the timing props of another one, without the props that are wrong for moved frames."""
    return clip.std.CopyFrameProps(timing, props=_TIMING_PROPS).std.RemoveFrameProps(_STALE_PROPS)


class _ShiftedClips:
    """Cache of time-shifted versions of a clip. Creating a node in a callback is slow."""

    def __init__(self, clip: vs.VideoNode) -> None:
        self._clip = clip
        self._kept: dict[int, vs.VideoNode] = {}

    def by(self, offset: int) -> vs.VideoNode:
        """Return a clip whose frame n is frame n + offset."""
        node = self._kept.get(offset)
        if node is None:
            if len(self._kept) == _MOST_SHIFTS:
                self._kept.clear()
            node = self._clip[offset:] if offset >= 0 else self._clip[0] * -offset + self._clip
            self._kept[offset] = node
        return node
