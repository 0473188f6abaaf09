"""Local contrast: luma with its local mean and contrast taken away, so that grade, fade and gamma do not matter."""

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array
from vs_align.measure.flow.dis.cells_kernels import even_out, grain_of_blocks

Excluded = BoolArray | None

_WINDOW = 15
# Contrast below this is not lifted; luma runs from 0 to 1.
_FLOOR = 0.01
# Grain of this strength is lifted as little as makes no difference to the match.
_FLOOR_OF_NOISE = 2.0
_PRESMOOTHING_OF_NOISE, _MOST_PRESMOOTHING, _HARMLESS_NOISE = 50.0, 1.5, 0.006
_BLOCK = 16
_LEAST_NOISE = 0.001


def noise_of(luma: Float32Array) -> float:
    """Estimate the strength of grain.

    Args:
        luma: 0 to 1, shape (h, w).

    Returns:
        Standard deviation, from the smoothest fifth of the blocks that are not perfectly flat.

    Source:
        J. Immerkaer, Fast noise variance estimation, Computer Vision and Image Understanding 64(2), 1996.
    """
    blocks = np.zeros((max(0, luma.shape[0] - 2) // _BLOCK, max(0, luma.shape[1] - 2) // _BLOCK), np.float32)
    grain_of_blocks(luma, _BLOCK, blocks)
    # the mean of the absolute value of a Gaussian, and the gain of the kernel
    blocks *= np.float32(np.sqrt(np.pi / 2) / 6)
    grainy = blocks[blocks > _LEAST_NOISE]
    return float(np.percentile(grainy, 20)) if grainy.size else 0.0


def presmoothing(noise: float) -> float:
    """Return the width of the Gaussian in pixels that a picture of such grain is smoothed with, 0 for none."""
    return min(max(0.0, (noise - _HARMLESS_NOISE) * _PRESMOOTHING_OF_NOISE), _MOST_PRESMOOTHING)


def local_contrast(luma: Float32Array, noise: float, excluded: Excluded = None) -> Float32Array:
    """Return luma in units of its local contrast.

    Args:
        luma: 0 to 1 nominal, shape (h, w).
        noise: Standard deviation of its grain.
        excluded: Pixels that do not count, shape (h, w).

    Returns:
        (luma - mean) / deviation over a window round each pixel, shape (h, w); NaN where excluded.
    """
    floor = max(_FLOOR, _FLOOR_OF_NOISE * noise)
    size = (_WINDOW, _WINDOW)
    border = cv2.BORDER_REFLECT_101 if min(luma.shape) > _WINDOW // 2 else cv2.BORDER_REPLICATE
    if excluded is None or not excluded.any():
        mean = cv2.boxFilter(luma, -1, size, borderType=border)
        square = cv2.sqrBoxFilter(luma, -1, size, borderType=border)
    else:
        counted = np.where(excluded, np.float32(0), np.float32(1))
        share = np.maximum(cv2.boxFilter(counted, -1, size, borderType=border), np.float32(1e-6))
        mean = cv2.boxFilter(luma * counted, -1, size, borderType=border) / share
        square = cv2.boxFilter(luma * luma * counted, -1, size, borderType=border) / share
    out = np.empty_like(luma)
    even_out(luma, mean, square, np.float32(floor), out)
    if excluded is not None:
        out[excluded] = np.nan
    return out
