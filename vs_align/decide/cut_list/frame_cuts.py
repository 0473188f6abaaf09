"""From a frame map to a cut list for sound: numbers in, numbers out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vs_align.decide.cut_list.audio_piece import AudioPiece
from vs_align.io.array_types import BoolArray, Float64Array


def audio_speed(ref_times: ArrayLike, clip_times: ArrayLike, speeds: Sequence[float]) -> float:
    """Return which speed explains the matches with the fewest jumps.

    Args:
        ref_times: When each ref frame is shown, seconds.
        clip_times: When its counterpart is shown in clip, seconds; NaN where there is none.
        speeds: Seconds of clip per second of ref to choose from; of equal ones the first.
    """
    ref, clip = np.asarray(ref_times, float), np.asarray(clip_times, float)
    known = np.isfinite(clip)
    if known.sum() < 2:
        return speeds[0]

    def unrest(speed: float) -> float:
        return float(np.abs(np.diff(clip[known] / speed - ref[known])).sum())

    return min(speeds, key=unrest)


def audio_cuts(
    ref_times: ArrayLike, clip_times: ArrayLike, ref_end: float, tolerance: float, window: float = 1.0
) -> list[AudioPiece]:
    """Cut clip's sound so that it follows ref's time, and never for a single dropped or repeated frame.

    The offset of each frame is smoothed by a running median, which ignores what lasts less than half its window and
    keeps the place of what lasts longer. A new piece begins where the smoothed offset leaves the present one.

    Args:
        ref_times: When each ref frame is shown, seconds, rising, at least one.
        clip_times: When its counterpart is shown in clip, seconds; NaN where there is none.
        ref_end: When the last ref frame ends, seconds.
        tolerance: Change of offset that is let pass, seconds: half a frame.
        window: Width of the median, seconds.

    Returns:
        Pieces that follow each other without gaps from the first ref time to `ref_end`.
    """
    ref, clip = np.asarray(ref_times, float), np.asarray(clip_times, float)
    frame = (ref_end - ref[0]) / len(ref)
    half = max(1, round(window / frame / 2))
    offsets = clip - ref
    steady = _running_median(_without_short_gaps(offsets, half), half)
    pieces: list[AudioPiece] = []
    for first, last in _runs(steady, tolerance):
        end = ref_end if last + 1 == len(ref) else float(ref[last + 1])
        start = float(ref[first])
        held = steady[first : last + 1]
        # Judged by the raw offsets of the piece, the answer is one that a real frame has.
        raw = offsets[first : last + 1]
        near = raw[np.abs(raw - np.median(held)) <= tolerance] if np.isfinite(held[0]) else raw[:0]
        clip_start = None if near.size == 0 else start + float(np.median(near))
        pieces.append(AudioPiece(start, end, clip_start))
    return pieces


def _without_short_gaps(offsets: Float64Array, shortest: int) -> Float64Array:
    """Fill gaps of fewer than `shortest` frames with the offset before them, else the one behind."""
    filled = offsets.copy()
    for first, last in _stretches(np.isnan(offsets)):
        if last - first + 1 >= shortest:
            continue
        if first > 0:
            filled[first : last + 1] = filled[first - 1]
        elif last + 1 < len(offsets):
            filled[first : last + 1] = offsets[last + 1]
    return filled


def _running_median(offsets: Float64Array, half: int) -> Float64Array:
    """Median over 2 * half + 1 frames within each stretch of known offsets; NaN stays NaN."""
    steady = offsets.copy()
    for first, last in _stretches(np.isfinite(offsets)):
        stretch = offsets[first : last + 1]
        # A window that shrinks towards the ends stays centred, and a window cut off would lean to one side.
        reach = min(half, (len(stretch) - 1) // 2)
        if reach == 0:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(stretch, 2 * reach + 1)
        middle = np.median(windows, axis=1)
        steady[first + reach : last + 1 - reach] = middle
        steady[first : first + reach] = middle[0]
        steady[last + 1 - reach : last + 1] = middle[-1]
    return steady


def _runs(steady: Float64Array, tolerance: float) -> list[tuple[int, int]]:
    """Return first and last frame of each run whose offsets stay within the tolerance of its first."""
    runs: list[tuple[int, int]] = []
    first = 0
    for n in range(1, len(steady) + 1):
        if n < len(steady):
            here, there = steady[first], steady[n]
            both_silent = np.isnan(here) and np.isnan(there)
            if both_silent or abs(there - here) <= tolerance:
                continue
        runs.append((first, n - 1))
        first = n
    return runs


def _stretches(mask: BoolArray) -> list[tuple[int, int]]:
    """Return first and last index of each run of True."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))
