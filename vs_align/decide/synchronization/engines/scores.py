"""Differences of pixels along a map and beside it."""

import numpy as np

from vs_align.decide.synchronization.engines.frame_views import Side
from vs_align.decide.synchronization.engines.kernels import differences
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.metrics.structure.kernels import BINS, tone_curve

_PIECE = 256
# Matches that show how the levels of the two differ.
_TONE_FRAMES = 60


def pixel_scores(ref: Side, clip: Side, frames: Int64Array) -> Float64Array:
    """Return the mean absolute difference of each ref frame and its clip frame, (n,) in levels of 255.

    Infinity where the frame is -1.
    """
    out = np.full(len(frames), np.inf)
    there = frames >= 0
    out[there] = _table(ref, clip, frames, np.zeros(1, np.int64))[there, 0]
    return out


def shifted_scores(ref: Side, clip: Side, frames: Int64Array, radius: int) -> Float64Array:
    """Return the mean absolute differences of each ref frame and the clip frames round its match.

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) 0 to m - 1.
        radius: How many to either side. The first and the last frame of clip stand for those beyond.

    Returns:
        (n, 2 radius + 1).
    """
    return _table(ref, clip, frames, np.arange(-radius, radius + 1))


def like_ref(ref: Side, clip: Side, frames: Int64Array) -> Side:
    """Return clip with its levels changed to what ref has at the same places, so that a grade does not count.

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) clip frame of each ref frame, as far as it is known, 0 to m - 1.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _TONE_FRAMES)).round().astype(np.int64))
    ours = np.concatenate([ref.rows(int(n), int(n) + 1) for n in chosen]).ravel()
    theirs = clip.take(frames[chosen]).ravel()
    curve = np.empty(BINS)
    tone_curve(theirs.astype(np.float32) / 255, ours.astype(np.float32) / 255, curve)
    return clip.toned(np.clip(np.rint(curve * 255), 0, 255).astype(np.uint8))


def _table(ref: Side, clip: Side, frames: Int64Array, shifts: Int64Array) -> Float64Array:
    out = np.empty((len(frames), len(shifts)))
    for begin in range(0, len(frames), _PIECE):
        wanted = np.clip(frames[begin : begin + _PIECE, None] + shifts, 0, len(clip) - 1)
        unique, inverse = np.unique(wanted, return_inverse=True)
        rows = ref.rows(begin, begin + len(wanted))
        found = np.empty(wanted.size)
        differences(rows, clip.take(unique), np.repeat(np.arange(len(rows)), len(shifts)), inverse.ravel(), found)
        out[begin : begin + _PIECE] = found.reshape(wanted.shape)
    return out
