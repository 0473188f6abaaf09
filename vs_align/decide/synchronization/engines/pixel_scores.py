"""Mean absolute differences of pixels along a frame map and beside it, and the tone curve between two clips."""

import numpy as np

from vs_align.decide.synchronization.engines.frame_views import FrameView
from vs_align.decide.synchronization.engines.kernels import mean_differences
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.metrics.structure.kernels import BINS, tone_curve

_BATCH = 256
"""Frames compared at a time; bounds memory."""
_TONE_FRAMES = 60
"""Matches from which the tone curve is estimated."""


def pixel_scores(ref: FrameView, clip: FrameView, frames: Int64Array) -> Float64Array:
    """Return the mean absolute difference of each ref frame and its clip frame.

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) clip frames, -1 for none.

    Returns:
        (n,) in levels of 255; infinity for none.
    """
    out = np.full(len(frames), np.inf)
    there = frames >= 0
    out[there] = _difference_table(ref, clip, frames, np.zeros(1, np.int64))[there, 0]
    return out


def shifted_scores(ref: FrameView, clip: FrameView, frames: Int64Array, radius: int) -> Float64Array:
    """Return the mean absolute differences of each ref frame and the clip frames around its match.

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) 0 to m - 1.
        radius: Frames to either side. The first and the last frame of clip stand for those beyond.

    Returns:
        (n, 2 radius + 1).
    """
    return _difference_table(ref, clip, frames, np.arange(-radius, radius + 1))


def with_tone_of_ref(ref: FrameView, clip: FrameView, frames: Int64Array) -> FrameView:
    """Return clip with the tone curve that maps its levels to those of ref, so that grading does not count.

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) approximate clip frame of each ref frame, 0 to m - 1.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _TONE_FRAMES)).round().astype(np.int64))
    ours = np.concatenate([ref.rows(int(n), int(n) + 1) for n in chosen]).ravel()
    theirs = clip.take(frames[chosen]).ravel()
    curve = np.empty(BINS)
    tone_curve(theirs.astype(np.float32) / 255, ours.astype(np.float32) / 255, curve)
    return clip.toned(np.clip(np.rint(curve * 255), 0, 255).astype(np.uint8))


def _difference_table(ref: FrameView, clip: FrameView, frames: Int64Array, shifts: Int64Array) -> Float64Array:
    """(n, shifts) mean absolute differences of each ref frame and the clip frames at some shifts from its match."""
    out = np.empty((len(frames), len(shifts)))
    for begin in range(0, len(frames), _BATCH):
        wanted = np.clip(frames[begin : begin + _BATCH, None] + shifts, 0, len(clip) - 1)
        unique, inverse = np.unique(wanted, return_inverse=True)
        rows = ref.rows(begin, begin + len(wanted))
        found = np.empty(wanted.size)
        ours = np.repeat(np.arange(len(rows)), len(shifts))
        mean_differences(rows, clip.take(unique), ours, inverse.ravel(), found)
        out[begin : begin + _BATCH] = found.reshape(wanted.shape)
    return out
