"""Cut list from single frame matches: a running median of the frame offsets, cut where it leaves its tolerance.

For the maps of `temporal` and `spatial`, in which each frame was matched by itself: single frames may be dropped,
repeated or wrong, and no line was fitted to them. Times in, segments out; no video is read.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.io.array_types import BoolArray, Float64Array

_MEDIAN_SECONDS = 1.0
"""Width of the running median, in seconds. Changes of the offset that last less than half of it make no cut; trades
clicks and lost syllables against how short a scene may be for its audio to be moved."""
_SAME_LINE_SAMPLES = 1e-3
"""Segments that miss each other by less are one: above the rounding of times of several hours, far below a sample."""


def steady_speed(ref_times: ArrayLike, clip_times: ArrayLike, speeds: Sequence[float]) -> float:
    """Return the speed at which the offset of the matches jumps least: the sum of its absolute changes.

    Args:
        ref_times: When each ref frame is shown, in seconds.
        clip_times: When the matched clip frame is shown, in seconds; NaN if a ref frame has no match.
        speeds: Candidates, in seconds of clip per second of ref. The first of equally good ones is returned, also if
            fewer than two frames are matched.
    """
    ref, clip = np.asarray(ref_times, float), np.asarray(clip_times, float)
    known = np.isfinite(clip)
    if known.sum() < 2:
        return speeds[0]

    def offset_jitter(speed: float) -> float:
        return float(np.abs(np.diff(clip[known] / speed - ref[known])).sum())

    return min(speeds, key=offset_jitter)


def frame_segments(
    ref_times: ArrayLike, clip_times: ArrayLike, ref_end: float, tolerance: float, rate: int, speed: float = 1.0
) -> list[AudioSegment]:
    """Cut clip's audio to ref's time, but never for a single dropped or repeated frame.

    The offset of each frame is smoothed by a running median, which ignores outliers that last less than half its
    window and keeps the position of longer changes. A new segment begins where the smoothed offset leaves the present
    one by more than the tolerance. Gaps of more than half a window are silence.

    Args:
        ref_times: When each ref frame is shown, in seconds since the first sample of the result, rising, at least one.
        clip_times: When the matched clip frame is shown, in seconds; NaN if a ref frame has no match.
        ref_end: When the last ref frame ends, in seconds.
        tolerance: Change of offset that makes no cut, in seconds of ref: half a frame.
        rate: Samples per second of the result.
        speed: Seconds of clip per second of ref, for all segments.

    Returns:
        Segments in order, without gaps or overlaps, from the first ref time to `ref_end`.
    """
    ref, clip = np.asarray(ref_times, float), np.asarray(clip_times, float) / speed
    frame = (ref_end - ref[0]) / len(ref)
    half = max(1, round(_MEDIAN_SECONDS / frame / 2))
    offsets = clip - ref
    smooth = _running_median(_without_short_gaps(offsets, half), half)
    segments: list[AudioSegment] = []
    for first, last in _steady_runs(smooth, tolerance):
        start = float(ref[first])
        end = ref_end if last + 1 == len(ref) else float(ref[last + 1])
        # The median of raw offsets, so that the result is the offset of a real frame.
        raw, held = offsets[first : last + 1], smooth[first : last + 1]
        near = raw[np.abs(raw - np.median(held)) <= tolerance] if np.isfinite(held[0]) else raw[:0]
        clip_start = None if near.size == 0 else (start + float(np.median(near))) * speed
        begin, stop = (round(Fraction(time) * rate) for time in (start, end))
        segments.append(AudioSegment(begin, stop, clip_start, 1.0 if clip_start is None else speed))
    return _joined([segment for segment in segments if segment.end > segment.begin], rate)


def _joined(segments: Sequence[AudioSegment], rate: int) -> list[AudioSegment]:
    """Merge neighboring segments that continue each other, at which nothing must fade."""
    joined: list[AudioSegment] = []
    for segment in segments:
        before = joined[-1] if joined else None
        if before is not None and _continues(before, segment, rate):
            joined[-1] = AudioSegment(before.begin, segment.end, before.clip_start, before.speed)
        else:
            joined.append(segment)
    return joined


def _continues(before: AudioSegment, segment: AudioSegment, rate: int) -> bool:
    if before.clip_start is None or segment.clip_start is None:
        return False
    gap = (segment.clip_start - before.clip_start) * rate - len(before) * before.speed
    return abs(gap) < _SAME_LINE_SAMPLES


def _without_short_gaps(offsets: Float64Array, shortest: int) -> Float64Array:
    """Fill gaps of fewer than `shortest` frames with the offset before them, or behind them at the beginning."""
    filled = offsets.copy()
    for first, last in _true_runs(np.isnan(offsets)):
        if last - first + 1 >= shortest:
            continue
        if first > 0:
            filled[first : last + 1] = filled[first - 1]
        elif last + 1 < len(offsets):
            filled[first : last + 1] = offsets[last + 1]
    return filled


def _running_median(offsets: Float64Array, half: int) -> Float64Array:
    """Median over 2 * half + 1 frames within each run of known offsets; NaN stays NaN."""
    smooth = offsets.copy()
    for first, last in _true_runs(np.isfinite(offsets)):
        known = offsets[first : last + 1]
        # Short runs get a narrower window that stays centered; one cut off at an end would lag behind.
        reach = min(half, (len(known) - 1) // 2)
        if reach == 0:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(known, 2 * reach + 1)
        medians = np.median(windows, axis=1)
        smooth[first + reach : last + 1 - reach] = medians
        smooth[first : first + reach] = medians[0]
        smooth[last + 1 - reach : last + 1] = medians[-1]
    return smooth


def _steady_runs(smooth: Float64Array, tolerance: float) -> list[tuple[int, int]]:
    """Return first and last frame of each run whose offsets stay within the tolerance of its first frame's."""
    runs: list[tuple[int, int]] = []
    first = 0
    for n in range(1, len(smooth) + 1):
        if n < len(smooth):
            here, there = smooth[first], smooth[n]
            both_silent = np.isnan(here) and np.isnan(there)
            if both_silent or abs(there - here) <= tolerance:
                continue
        runs.append((first, n - 1))
        first = n
    return runs


def _true_runs(mask: BoolArray) -> list[tuple[int, int]]:
    """Return first and last index of each run of True."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))
