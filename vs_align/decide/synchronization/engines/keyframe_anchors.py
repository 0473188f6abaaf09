"""Keyframe anchors: pairs of keyframes (peaks of the change between frames) that occur in both clips."""

from dataclasses import dataclass

import numpy as np

from vs_align.decide.synchronization.engines.dtw import Sequence, Weights, pair_distances
from vs_align.decide.synchronization.engines.monotone import heaviest_monotone_subset
from vs_align.io.array_types import Float64Array, Int64Array


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the peak detection and of the comparison."""

    distance: int = 30
    """Frames between two keyframes at least."""
    prominence: float = 0.5
    """Least prominence of a peak, in standard deviations of the change."""
    smoothing: float = 3.0
    """Standard deviation of the Gaussian that smooths the change, frames."""
    reach: int = 2
    """Frames to either side of a keyframe that are compared too."""
    agreement: float = 0.35
    """Share of the usual distance of two frames below which two keyframes are equal."""
    pairs: int = 512
    """Random pairs by which the usual distance is measured."""


_TUNING = _Tuning()


def keyframe_anchors(
    ref: Sequence, clip: Sequence, weights: Weights, positions: Float64Array, radius: int
) -> tuple[Int64Array, Int64Array]:
    """Return keyframes of ref and the equal keyframes of clip, both rising.

    Two keyframes are equal if each is the nearest to the other within the radius, and they are much nearer than two
    frames of the clips usually are.

    Args:
        ref: (n,) normalized vectors.
        clip: (m,) normalized vectors.
        weights: Weights of the distance, see `dtw`.
        positions: (n,) approximate clip frame of each ref frame.
        radius: Largest distance from these positions.
    """
    none = np.empty(0, np.int64)
    ours, theirs = keyframe_numbers(ref, weights), keyframe_numbers(clip, weights)
    if not len(ours) or not len(theirs):
        return none, none
    rng = np.random.default_rng(0)
    usual = pair_distances(
        ref, clip, weights, rng.integers(0, len(ref), _TUNING.pairs), rng.integers(0, len(clip), _TUNING.pairs)
    ).mean()
    shifts = np.arange(-_TUNING.reach, _TUNING.reach + 1)
    table = np.full((len(ours), len(theirs)), np.inf)
    rows, columns = np.nonzero(np.abs(positions[ours][:, None] - theirs) <= radius)
    for shift in shifts:
        first = np.clip(ours[rows] + shift, 0, len(ref) - 1)
        second = np.clip(theirs[columns] + shift, 0, len(clip) - 1)
        found = pair_distances(ref, clip, weights, first, second)
        before = table[rows, columns]
        table[rows, columns] = np.where(np.isinf(before), 0.0, before) + found / len(shifts)
    best = table.argmin(axis=1)
    mutual = table.argmin(axis=0)[best] == np.arange(len(ours))
    kept = np.flatnonzero(mutual & (table[np.arange(len(ours)), best] < _TUNING.agreement * usual))
    if not kept.size:
        return none, none
    kept = kept[heaviest_monotone_subset(theirs[best[kept]], np.ones(len(kept)))]
    return ours[kept], theirs[best[kept]]


def keyframe_numbers(frames: Sequence, weights: Weights) -> Int64Array:
    """Return the peaks of the smoothed distance between successive frames, at least 30 frames apart."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    count = len(frames)
    if count < 3:
        return np.empty(0, np.int64)
    change = np.zeros(count)
    change[1:] = pair_distances(frames, frames, weights, np.arange(1, count), np.arange(count - 1))
    smooth = gaussian_filter1d(change, _TUNING.smoothing)
    least = max(1e-9, _TUNING.prominence * float(smooth.std()))
    found: Int64Array = find_peaks(smooth, distance=_TUNING.distance, prominence=least)[0]
    return found.astype(np.int64)
