"""From matches to pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import vapoursynth as vs

from vs_align.vapour.clips import blank_like
from vs_align.vapour.debug_text import draw_lines

_TIMING_PROPS = ["_DurationNum", "_DurationDen", "_AbsoluteTime"]
# They describe the neighbourhood and the coding of a frame that now stands elsewhere.
_STALE_PROPS = ["_SceneChangeNext", "_SceneChangePrev", "_PictType"]
# Offsets that are kept at a time; where two rates differ the offset goes on growing.
_MOST_SHIFTS = 512


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """The clip frame that belongs to a ref frame."""

    frame: int
    """Number of the clip frame; the nearest one where there was no candidate."""
    missing: bool
    """Whether clip has no counterpart, or none that is good enough."""
    score: float | None
    """Infinite where there was no candidate; None where it is not known."""
    offset_ms: float | None
    """Time stamp of the clip frame minus that of the ref frame; None where it is not known."""
    window_first: int = 0
    window_scores: tuple[float, ...] = ()
    """Scores of the candidates from `window_first` on, infinite where there is no such frame; empty: not asked for."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Which clip frame belongs to which ref frame, to be asked frame by frame."""

    find: Callable[[int, vs.VideoFrame | None], FrameMatch]
    """Gives the match of ref frame n, from frame n of the first source, if there is one."""
    sources: tuple[vs.VideoNode, ...] = ()
    """Clips as long as ref: the first carries what `find` needs, the others are only to be asked for with it."""


def render_matches(
    matches: Matches,
    out: vs.VideoNode,
    timing: vs.VideoNode,
    fallback: vs.VideoNode | None,
    describe: Callable[[int, FrameMatch], list[str]] | None = None,
) -> vs.VideoNode:
    """Show for each ref frame the frame of `out` that belongs to it, with the `VSAlign...` props of the match.

    Args:
        matches: The matches of all ref frames.
        out: Where frames are copied from.
        timing: A clip as long as ref, whose length and frame durations the result gets.
        fallback: Shown where a match is missing; without it the frame is shown that the match names.
        describe: Lines to draw on a frame, from its number and its match. None draws nothing.
    """
    shifted = _ShiftedClips(out)

    def choose(n: int, f: list[vs.VideoFrame] | None = None) -> vs.VideoNode:
        match = matches.find(n, f[0] if f else None)
        frame = fallback if fallback is not None and match.missing else shifted.showing(match.frame, n)
        if describe is not None:
            frame = draw_lines(frame, describe(n, match))
        return frame.std.SetFrameProps(**_match_props(n, match))

    base = blank_like(out, timing)
    declared = [clip for clip in (out, fallback) if clip is not None]
    if matches.sources:
        chosen = base.std.FrameEval(choose, prop_src=matches.sources, clip_src=declared)
    else:
        chosen = base.std.FrameEval(choose, clip_src=declared)
    return chosen.std.CopyFrameProps(timing, props=_TIMING_PROPS).std.RemoveFrameProps(_STALE_PROPS)


class _ShiftedClips:
    """Gives a clip that shows a frame at another place. Making one in a callback is slow, so they are kept."""

    def __init__(self, clip: vs.VideoNode) -> None:
        self._clip = clip
        self._kept: dict[int, vs.VideoNode] = {}

    def showing(self, frame: int, n: int) -> vs.VideoNode:
        """Return a clip whose frame n is frame `frame` of the clip."""
        offset = frame - n
        node = self._kept.get(offset)
        if node is None:
            if len(self._kept) == _MOST_SHIFTS:
                self._kept.clear()
            node = self._clip[offset:] if offset >= 0 else self._clip[0] * -offset + self._clip
            self._kept[offset] = node
        return node


def _match_props(n: int, match: FrameMatch) -> dict[str, Any]:
    props: dict[str, Any] = {
        "VSAlignMatch": match.frame,
        "VSAlignOffset": match.frame - n,
        "VSAlignFallback": int(match.missing),
    }
    if match.score is not None:
        props["VSAlignScore"] = match.score
    if match.offset_ms is not None:
        props["VSAlignOffsetMs"] = match.offset_ms
    return props
