"""Refinement of a rough frame map: sliding windows, drift correction, and Savitzky-Golay smoothing."""

from dataclasses import dataclass

import numpy as np

from vs_align.decide.synchronization.engines.frame_views import FrameView
from vs_align.decide.synchronization.engines.pixel_scores import shifted_scores
from vs_align.io.array_types import Float64Array, Int64Array


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the refinement. Frames unless said otherwise."""

    windows: tuple[tuple[int, int], ...] = ((30, 10), (8, 2))
    """Length of a sliding window, and shifts tried to either side; the second pass resolves what lies between two
    dropped frames or at the ends."""
    drift_reach: int = 4
    """Shifts tried to either side for drift."""
    better_share: float = 0.97
    """Share of the difference at the current match that another one must stay below ..."""
    better_levels: float = 0.1
    """... minus this many levels of 255."""
    smoothing_window: int = 21
    """Length of the smoothing polynomial."""
    smoothing_degree: int = 3
    """Its degree."""
    cut: float = 3.0
    """A step that differs from the median step by more is an edit, which is not smoothed over."""


_TUNING = _Tuning()


def slid(ref: FrameView, clip: FrameView, frames: Int64Array) -> Int64Array:
    """Shift the map at each frame to where the pixels of a window around it differ least: 30 frames, then 8; (n,).

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) 0 to m - 1.
    """
    for window, reach in _TUNING.windows:
        frames = _slid_once(ref, clip, frames, window, reach)
    return frames


def _slid_once(ref: FrameView, clip: FrameView, frames: Int64Array, window: int, reach: int) -> Int64Array:
    table = shifted_scores(ref, clip, frames, reach)
    sums = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table, axis=0)])
    first = np.maximum(0, np.arange(len(frames)) - window // 2)
    stop = np.minimum(len(frames), np.arange(len(frames)) + window - window // 2)
    means = (sums[stop] - sums[first]) / (stop - first)[:, None]
    best = means.argmin(axis=1)
    lowest = means[np.arange(len(frames)), best]
    better = lowest < _TUNING.better_share * means[:, reach] - _TUNING.better_levels
    shift = np.where(better, best - reach, 0)
    return np.clip(frames + shift, 0, len(clip) - 1)


def drift_corrected(ref: FrameView, clip: FrameView, frames: Int64Array, interval: int) -> Float64Array:
    """Return the map with its drift corrected, (n,) with fractions.

    In each interval the shift with the least pixel difference is measured, refined below a frame by a parabola; between
    the middles of intervals the correction is interpolated. Each correction depends on its own measurement only, so
    that errors do not accumulate. If no shift is clearly better, the correction is 0.

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) 0 to m - 1.
        interval: Frames per measurement, at least 1.
    """
    count = len(frames)
    table = shifted_scores(ref, clip, frames, _TUNING.drift_reach)
    middles, corrections = [], []
    for begin in range(0, count, interval):
        stop = min(count, begin + interval)
        means = table[begin:stop].mean(axis=0)
        middles.append((begin + stop - 1) / 2)
        corrections.append(_minimum(means) - _TUNING.drift_reach)
    return frames + np.interp(np.arange(count), middles, corrections)


def _minimum(means: Float64Array) -> float:
    """Position of the least value with fractions; the middle if that is not clearly larger."""
    middle, best = len(means) // 2, int(np.argmin(means))
    if not means[best] < _TUNING.better_share * means[middle] - _TUNING.better_levels:
        best = middle
    if not 0 < best < len(means) - 1:
        return float(best)
    before, here, after = means[best - 1 : best + 2]
    bend = before - 2 * here + after
    if bend <= _TUNING.better_levels:
        return float(best)
    return best + float(np.clip((before - after) / (2 * bend), -0.5, 0.5))


def smoothed(positions: Float64Array) -> Float64Array:
    """Smooth a map with polynomials of degree 3 over 21 frames (Savitzky-Golay), but not across edits, (n,)."""
    from scipy.signal import savgol_filter

    if len(positions) < 2:
        return positions
    steps = np.diff(positions)
    cuts = np.flatnonzero(np.abs(steps - np.median(steps)) > _TUNING.cut) + 1
    out = positions.copy()
    for part in np.split(np.arange(len(positions)), cuts):
        if len(part) >= _TUNING.smoothing_window:
            out[part] = savgol_filter(positions[part], _TUNING.smoothing_window, _TUNING.smoothing_degree)
    return out
