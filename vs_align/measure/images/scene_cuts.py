"""Detection of hard cuts from the mean absolute difference of successive thumbnails."""

import numpy as np

from vs_align.io.array_types import UInt8Array

_MIN_CHANGE = 6.0
"""Smallest mean absolute difference of a cut, in levels of 255."""
_OVER_MEDIAN = 3.0
"""How many times larger than the median difference around it the difference at a cut must be."""
_AROUND = 3
"""Frames to either side for that median."""


def detect_cuts(thumbnails: UInt8Array) -> list[int]:
    """Find hard cuts.

    Args:
        thumbnails: (frames, height, width) uint8, in order.

    Returns:
        Numbers of the frames that begin a new shot, ascending; never 0.
    """
    if len(thumbnails) < 2:
        return []
    frames = thumbnails.astype(np.float32)
    changes = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    # A change of brightness changes all pixels alike, a cut does not.
    frames -= frames.mean(axis=(1, 2), keepdims=True)
    shapes = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    padded = np.pad(shapes, _AROUND, constant_values=np.nan)
    around = np.delete(np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1), _AROUND, axis=1)
    usual = np.zeros(len(shapes)) if len(shapes) == 1 else np.nanmedian(around, axis=1)
    found = np.minimum(changes, shapes) > np.maximum(_MIN_CHANGE, _OVER_MEDIAN * usual)
    out: list[int] = (np.flatnonzero(found) + 1).tolist()
    return out
