"""Lazy reordering of the frames of a clip by a list of frame numbers: repeats, gaps, black frames, timing."""

from collections.abc import Sequence

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import Int64Array
from vs_align.nodes.clips import blank_like, tiny_clip
from vs_align.nodes.match_props import with_timing
from vs_align.render.overlay.color_tags import ColorTags, select_by_tags
from vs_align.render.overlay.resize import black_levels

_MOST_RUNS = 200
"""Number of runs of frames up to which std.Splice joins trims; beyond it std.FrameEval selects each frame, which is
faster to set up and slower to play."""


def filled(numbers: Sequence[int | None]) -> list[int]:
    """Fill missing numbers with the nearest known one, of two equally near the earlier; 0 if none is known."""
    known = [i for i, number in enumerate(numbers) if number is not None]
    out: list[int] = []
    k = 0
    for i, number in enumerate(numbers):
        if number is None and known:
            while k + 1 < len(known) and known[k + 1] - i < abs(i - known[k]):
                k += 1
            number = numbers[known[k]]
        out.append(number or 0)
    return out


def reorder_frames(clip: vs.VideoNode, numbers: Sequence[int]) -> vs.VideoNode:
    """Return a clip whose frame n is frame numbers[n] of `clip`. A clip of one frame is repeated."""
    if clip.num_frames == 1:
        return clip * len(numbers)
    runs = _runs(np.array(numbers, np.int64))
    if runs is not None:
        return vs.core.std.Splice([_run(clip, numbers[first:stop]) for first, stop in runs])
    kept = tuple(numbers)
    blank = blank_like(clip, tiny_clip(len(kept)))
    return blank.std.FrameEval(lambda n: clip[kept[n]], clip_src=[clip])


def _runs(numbers: Int64Array) -> list[tuple[int, int]] | None:
    """Return the ranges [first, stop) in which numbers rise by one or are constant; None if there are too many."""
    steps = np.diff(numbers)
    changes = np.flatnonzero(np.diff(steps)) + 1
    runs: list[tuple[int, int]] = []
    first = 0
    while first < len(numbers):
        if len(runs) == _MOST_RUNS:
            return None
        stop = first + 1
        if first < len(steps) and steps[first] in (0, 1):
            k = int(np.searchsorted(changes, first, side="right"))
            stop = 1 + (int(changes[k]) if k < len(changes) else len(steps))
        runs.append((first, stop))
        first = stop
    return runs


def _run(clip: vs.VideoNode, numbers: Sequence[int]) -> vs.VideoNode:
    first, last = numbers[0], numbers[-1]
    if first == last:
        return clip[first] * len(numbers)
    return clip if len(numbers) == clip.num_frames else clip[first : last + 1]


def blacken_gaps(clip: vs.VideoNode, numbers: Sequence[int | None]) -> vs.VideoNode:
    """Return a clip with black frames instead of those without a number; props stay.

    Args:
        clip: As long as the numbers.
        numbers: For each frame a number, None for black.
    """
    gaps = tuple(number is None for number in numbers)
    if not any(gaps):
        return clip

    def blank(_key: object, colors: ColorTags) -> vs.VideoNode:
        return vs.core.std.BlankClip(clip, color=black_levels(clip.format, colors), keep=True)

    dark = select_by_tags(clip, [clip], [clip], blank).std.CopyFrameProps(clip)
    return blank_like(clip, clip).std.FrameEval(lambda n: dark if gaps[n] else clip, clip_src=[clip, dark])


def adopt_timing(clip: vs.VideoNode, timing: vs.VideoNode) -> vs.VideoNode:
    """Return a clip with the frame rate and the timing props of another one of the same length."""
    if timing.fps:
        clip = clip.std.AssumeFPS(src=timing)
    else:
        shown = clip
        clip = blank_like(clip, timing).std.FrameEval(lambda n: shown, clip_src=[shown])
    return with_timing(clip, timing)
