"""Scenes: where one shot ends and the next begins, seen on thumbnails."""

import numpy as np

from vs_align.io.array_types import UInt8Array

# Mean difference of thumbnails from 0 to 255 below which nobody calls it a cut.
_LEAST_CHANGE = 6.0
# A cut changes so many times more than the frames around it do.
_STANDS_OUT = 3.0
_AROUND = 3


def cuts_in(thumbnails: UInt8Array) -> list[int]:
    """Find cuts.

    Args:
        thumbnails: Frames in order at a very low resolution, shape (frames, height, width).

    Returns:
        Numbers of the frames that begin a new scene, in order; the first frame is not one of them.
    """
    if len(thumbnails) < 2:
        return []
    frames = thumbnails.astype(np.float32)
    changes = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    # a change of light moves all pixels alike, a cut does not
    frames -= frames.mean(axis=(1, 2), keepdims=True)
    shapes = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    padded = np.pad(shapes, _AROUND, constant_values=np.nan)
    around = np.delete(np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1), _AROUND, axis=1)
    usual = np.zeros(len(shapes)) if len(shapes) == 1 else np.nanmedian(around, axis=1)
    found = np.minimum(changes, shapes) > np.maximum(_LEAST_CHANGE, _STANDS_OUT * usual)
    out: list[int] = (np.flatnonzero(found) + 1).tolist()
    return out
