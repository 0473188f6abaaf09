"""Dense inverse search on pictures in units of local contrast."""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, UInt8Array

_GREY, _CONTRAST = 128, 40
# Halvings of the picture that is matched last.
_ROUGH_SCALE = 1
# OpenCV reads beyond its memory where a picture is smaller than a patch after its halvings: 8 px, at most twice halved.
_SMALLEST = 32


def searched(source: Float32Array, target: Float32Array, *, rough: bool = False) -> Float32Array:
    """Return for each pixel of `source` the displacement to where `target` shows the same.

    Args:
        source: Units of local contrast, shape (h, w); NaN where a pixel does not count.
        target: Likewise.
        rough: Look at patches of a finer picture, and leave out the smoothing that follows, for means over areas.

    Returns:
        Displacements in pixels, shape (h, w, 2).

    Source:
        T. Kroeger et al., Fast optical flow using dense inverse search, ECCV 2016.
    """
    # an object of its own for each call is what makes calls from several threads safe
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    if rough:
        search.setFinestScale(_ROUGH_SCALE)
        search.setVariationalRefinementIterations(0)
    height, width = source.shape
    rest = max(0, _SMALLEST - height), max(0, _SMALLEST - width)
    pair = [as_bytes(picture) for picture in (source, target)]
    if any(rest):
        pair = [np.pad(grey, ((0, rest[0]), (0, rest[1])), mode="edge") for grey in pair]
    flow = np.zeros((*pair[0].shape, 2), np.float32)
    return np.ascontiguousarray(search.calc(pair[0], pair[1], flow)[:height, :width], np.float32)


def as_bytes(picture: Float32Array) -> UInt8Array:
    """Return local contrast as grey; what does not count is the middle grey of its surroundings."""
    grey = np.nan_to_num(picture * np.float32(_CONTRAST), nan=0.0) + np.float32(_GREY)
    return np.asarray(np.clip(grey, 0, 255), np.uint8)
