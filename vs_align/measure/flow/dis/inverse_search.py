"""Dense inverse search (DIS) optical flow of OpenCV on images in units of local contrast."""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, UInt8Array

_GRAY = 128
"""Gray level of a normalized value of 0."""
_GRAY_PER_DEVIATION = 40
"""Gray levels per unit of local contrast: 0..255 spans about -3..3."""
_ROUGH_FINEST_SCALE = 1
"""Finest scale of rough searches: level 1 of DIS's pyramid, half the size."""
_MIN_SIZE = 32
"""Shortest side in pixels that is passed to OpenCV, which reads out of bounds if an image is smaller than a patch (8
pixels) after at most two halvings."""


def inverse_search(source: Float32Array, target: Float32Array, *, rough: bool = False) -> Float32Array:
    """Return the displacement from each pixel of `source` to the same content in `target`.

    Args:
        source: (h, w) float32 in units of local contrast; NaN for invalid pixels.
        target: (h, w) float32 in units of local contrast; NaN for invalid pixels.
        rough: Search patches of a finer level without variational refinement, for means over areas.

    Returns:
        Displacements in pixels, (h, w, 2).

    Source:
        T. Kroeger et al., Fast optical flow using dense inverse search, ECCV 2016.
    """
    # A new object per call makes the function thread-safe.
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    if rough:
        search.setFinestScale(_ROUGH_FINEST_SCALE)
        search.setVariationalRefinementIterations(0)
    height, width = source.shape
    padding = max(0, _MIN_SIZE - height), max(0, _MIN_SIZE - width)
    pair = [as_bytes(image) for image in (source, target)]
    if any(padding):
        pair = [np.pad(gray, ((0, padding[0]), (0, padding[1])), mode="edge") for gray in pair]
    flow = np.zeros((*pair[0].shape, 2), np.float32)
    return np.ascontiguousarray(search.calc(pair[0], pair[1], flow)[:height, :width], np.float32)


def as_bytes(image: Float32Array) -> UInt8Array:
    """Return local contrast as 8-bit gray; invalid pixels become middle gray."""
    gray = np.nan_to_num(image * np.float32(_GRAY_PER_DEVIATION), nan=0.0) + np.float32(_GRAY)
    return np.asarray(np.clip(gray, 0, 255), np.uint8)
