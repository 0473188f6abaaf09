"""Scenes: where one shot ends and the next begins, seen on thumbnails."""

import numpy as np
import numpy.typing as npt

# Mean difference of thumbnails from 0 to 255 below which nobody calls it a cut.
_LEAST_CHANGE = 6.0
# A cut changes so many times more than the frames around it do.
_STANDS_OUT = 3.0
_AROUND = 3


def cuts_in(thumbnails: npt.NDArray[np.uint8]) -> list[int]:
    """Find cuts.

    Args:
        thumbnails: Frames in order at a very low resolution, shape (frames, height, width).

    Returns:
        Numbers of the frames that begin a new scene, in order; the first frame is not one of them.
    """
    frames = thumbnails.astype(np.float32)
    changes = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    # a change of light moves all pixels alike, a cut does not
    frames -= frames.mean(axis=(1, 2), keepdims=True)
    shapes = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    found = []
    for i, (change, shape) in enumerate(zip(changes, shapes, strict=True)):
        around = np.concatenate([shapes[max(0, i - _AROUND) : i], shapes[i + 1 : i + 1 + _AROUND]])
        usual = float(np.median(around)) if around.size else 0.0
        if min(change, shape) > max(_LEAST_CHANGE, _STANDS_OUT * usual):
            found.append(i + 1)
    return found
