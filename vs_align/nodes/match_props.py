"""From matches to pictures: a clip whose props name frames, and the frames themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import vapoursynth as vs

from vs_align.nodes.clips import blank_like
from vs_align.nodes.debug_text import draw_lines

MATCH = "VSAlignMatch"
OFFSET = "VSAlignOffset"
OFFSET_MS = "VSAlignOffsetMs"
SCORE = "VSAlignScore"
FALLBACK = "VSAlignFallback"
CONFIDENCE = "VSAlignConfidence"
METRIC = "VSAlignMetric"
MARGIN = "VSAlignMargin"
UNREST = "VSAlignUnrest"
RUNNER_UP = "VSAlignRunnerUp"
FRAMING = "VSAlignFraming"
GRADE = "VSAlignGrade"
WINDOW_FIRST = "VSAlignWindowFirst"
WINDOW_SCORES = "VSAlignWindowScores"

_PERHAPS = [OFFSET_MS, CONFIDENCE, MARGIN, UNREST, RUNNER_UP, FRAMING, GRADE]
_MATCH_PROPS = [MATCH, OFFSET, SCORE, FALLBACK, METRIC, *_PERHAPS]
_TIMING_PROPS = ["_DurationNum", "_DurationDen", "_AbsoluteTime"]
# They describe the neighbourhood and the coding of a frame that now stands elsewhere.
_STALE_PROPS = ["_SceneChangeNext", "_SceneChangePrev", "_PictType"]
# Offsets that are kept at a time; where two rates differ the offset goes on growing.
_MOST_SHIFTS = 512


@dataclass(frozen=True, slots=True)
class Match:
    """What is known of the match of one ref frame."""

    match: int
    """Number of the clip frame."""
    number: int
    """Number of the ref frame."""
    score: float
    """Infinity where there was no candidate."""
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
    """Write a match into the props of a frame; what is unknown is left out.

    Args:
        props: Props of a frame that may be written to.
        found: The match.
        first: The clip frame to which the first of `scores` belongs.
        scores: Scores of the whole window, for display.
    """
    # numbers in lists are written three times as fast as alone, and read back as the same
    props[MATCH], props[OFFSET] = [found.match], [found.match - found.number]
    props[SCORE], props[FALLBACK], props[METRIC] = [found.score], [int(found.fallback)], found.metric
    known = found.late, found.confidence, found.margin, found.unrest, found.runner_up, found.framing, found.grade
    for name, value in zip(_PERHAPS, known, strict=True):
        if value is not None:
            props[name] = [value]
        elif name in props:
            del props[name]  # a picture that is itself the result of a match
    if scores is not None:
        props[WINDOW_FIRST], props[WINDOW_SCORES] = first, scores


def copy_timing(source: Any, target: Any) -> None:
    """Copy the timing props of one frame to another, which has none."""
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
    """Show for each ref frame the frame of `out` that belongs to it, with the `VSAlign...` props of the match.

    Args:
        matches: A clip as long as ref, whose frames carry those props.
        out: Where frames are copied from.
        timing: A clip as long as ref, whose length and frame durations the result gets.
        fallback: Shown where VSAlignFallback is set; without it the frame is shown that the match names.
        describe: Lines to draw on a frame, from its number and the props of its match. None draws nothing.
        stamped: The matches carry the timing props of ref, so that no frame of `timing` is asked for.
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
    """Give frames that were moved the timing props of another clip, and drop props that do not hold any more."""
    return clip.std.CopyFrameProps(timing, props=_TIMING_PROPS).std.RemoveFrameProps(_STALE_PROPS)


class _ShiftedClips:
    """Gives a clip that shows its frames earlier or later. Making one in a callback is slow, so they are kept."""

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
