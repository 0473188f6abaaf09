"""What makes a rough map exact: windows that slide to where the pixels fit, drift taken out, and smoothing."""

import numpy as np

from vs_align.decide.synchronization.engines.frame_views import Side
from vs_align.decide.synchronization.engines.scores import shifted_scores
from vs_align.io.array_types import Float64Array, Int64Array

# Frames of a sliding window, and frames to either side that it is tried at; then once more for what lies between two
# frames that were dropped or at the ends.
_WINDOWS = ((30, 10), (8, 2))
# Frames to either side that drift is looked for at.
_DRIFT_REACH = 4
# The map stays unless another place differs so much less: this share, and these levels.
_BETTER, _BETTER_LEVELS = 0.97, 0.1
# Frames and degree of the smoothing polynomial.
_SMOOTH, _DEGREE = 21, 3
# A step that is further from the usual one is a cut, over which nothing is smoothed.
_CUT = 3.0


def slid(ref: Side, clip: Side, frames: Int64Array) -> Int64Array:
    """Slide the map, at each frame by what fits a window of 30 frames round it best, and then one of 8, (n,).

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) 0 to m - 1.
    """
    for window, reach in _WINDOWS:
        frames = _slid(ref, clip, frames, window, reach)
    return frames


def _slid(ref: Side, clip: Side, frames: Int64Array, window: int, reach: int) -> Int64Array:
    table = shifted_scores(ref, clip, frames, reach)
    sums = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table, axis=0)])
    first = np.maximum(0, np.arange(len(frames)) - window // 2)
    stop = np.minimum(len(frames), np.arange(len(frames)) + window - window // 2)
    means = (sums[stop] - sums[first]) / (stop - first)[:, None]
    best = means.argmin(axis=1)
    lowest = means[np.arange(len(frames)), best]
    better = lowest < _BETTER * means[:, reach] - _BETTER_LEVELS
    shift = np.where(better, best - reach, 0)
    return np.clip(frames + shift, 0, len(clip) - 1)


def drift_corrected(ref: Side, clip: Side, frames: Int64Array, interval: int) -> Float64Array:
    """Return the map with its drift taken out, (n,) with fractions.

    In each interval the shift at which the pixels differ least is measured, below a frame by a parabola through the
    differences; between the middles of intervals the correction runs evenly. Each correction rests on its own
    measurement and none on the one before: an error cannot grow. Where no shift is better, there is none.

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) 0 to m - 1.
        interval: Frames, at least 1.
    """
    count = len(frames)
    table = shifted_scores(ref, clip, frames, _DRIFT_REACH)
    middles, corrections = [], []
    for begin in range(0, count, interval):
        stop = min(count, begin + interval)
        means = table[begin:stop].mean(axis=0)
        middles.append((begin + stop - 1) / 2)
        corrections.append(_lowest(means) - _DRIFT_REACH)
    return frames + np.interp(np.arange(count), middles, corrections)


def _lowest(means: Float64Array) -> float:
    """Where some differences are the least, with fractions; the middle where that is not clearly less."""
    middle, best = len(means) // 2, int(np.argmin(means))
    if not means[best] < _BETTER * means[middle] - _BETTER_LEVELS:
        best = middle
    if not 0 < best < len(means) - 1:
        return float(best)
    before, here, after = means[best - 1 : best + 2]
    bend = before - 2 * here + after
    if bend <= _BETTER_LEVELS:
        return float(best)
    return best + float(np.clip((before - after) / (2 * bend), -0.5, 0.5))


def smoothed(places: Float64Array) -> Float64Array:
    """Smooth a map with polynomials of degree 3 over 21 frames, but not across cuts, (n,)."""
    from scipy.signal import savgol_filter

    if len(places) < 2:
        return places
    steps = np.diff(places)
    cuts = np.flatnonzero(np.abs(steps - np.median(steps)) > _CUT) + 1
    out = places.copy()
    for part in np.split(np.arange(len(places)), cuts):
        if len(part) >= _SMOOTH:
            out[part] = savgol_filter(places[part], _SMOOTH, _DEGREE)
    return out
