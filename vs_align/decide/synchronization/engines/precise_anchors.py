"""Keyframes that both clips have: peaks of change whose pictures agree."""

import numpy as np

from vs_align.decide.synchronization.engines.dtw import Sequence, Weights, pair_distances
from vs_align.decide.synchronization.engines.monotone import in_order
from vs_align.io.array_types import Float64Array, Int64Array

# Keyframes are at least so many frames apart, and stand out by so many deviations of the change.
_APART, _PROMINENCE = 30, 0.5
_SMOOTHING = 3.0
# Frames round a keyframe that must agree too, and how much less than usual they may differ.
_NEAR = np.arange(-2, 3)
_AGREE = 0.35
_PAIRS = 512


def anchors(
    ref: Sequence, clip: Sequence, weights: Weights, places: Float64Array, radius: int
) -> tuple[Int64Array, Int64Array]:
    """Return keyframes of ref and the keyframes of clip that show the same, both in order.

    Keyframes are peaks of the smoothed difference between frames. Two are taken for the same when each is the most
    alike of those nearby to the other, and they are much more alike than frames of the two usually are.

    Args:
        ref: (n,) thumbnails.
        clip: (m,) thumbnails.
        weights: See `dtw`.
        places: (n,) where ref's frames are about.
        radius: How far they may be from there.
    """
    none = np.empty(0, np.int64)
    ours, theirs = keyframes(ref, weights), keyframes(clip, weights)
    if not len(ours) or not len(theirs):
        return none, none
    rng = np.random.default_rng(0)
    usual = pair_distances(
        ref, clip, weights, rng.integers(0, len(ref), _PAIRS), rng.integers(0, len(clip), _PAIRS)
    ).mean()
    table = np.full((len(ours), len(theirs)), np.inf)
    rows, columns = np.nonzero(np.abs(places[ours][:, None] - theirs) <= radius)
    for shift in _NEAR:
        first = np.clip(ours[rows] + shift, 0, len(ref) - 1)
        second = np.clip(theirs[columns] + shift, 0, len(clip) - 1)
        found = pair_distances(ref, clip, weights, first, second)
        before = table[rows, columns]
        table[rows, columns] = np.where(np.isinf(before), 0.0, before) + found / len(_NEAR)
    best = table.argmin(axis=1)
    mutual = table.argmin(axis=0)[best] == np.arange(len(ours))
    kept = np.flatnonzero(mutual & (table[np.arange(len(ours)), best] < _AGREE * usual))
    if not kept.size:
        return none, none
    kept = kept[in_order(theirs[best[kept]], np.ones(len(kept)))]
    return ours[kept], theirs[best[kept]]


def keyframes(frames: Sequence, weights: Weights) -> Int64Array:
    """Return the frames at which most changes, each at a peak of the smoothed change and 30 frames from the next."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    count = len(frames)
    if count < 3:
        return np.empty(0, np.int64)
    change = np.zeros(count)
    change[1:] = pair_distances(frames, frames, weights, np.arange(1, count), np.arange(count - 1))
    smooth = gaussian_filter1d(change, _SMOOTHING)
    found: Int64Array = find_peaks(smooth, distance=_APART, prominence=max(1e-9, _PROMINENCE * float(smooth.std())))[0]
    return found.astype(np.int64)
