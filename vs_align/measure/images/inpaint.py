"""Hole filling of weighted arrays by pull-push interpolation."""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array


def fill(values: Float32Array, weight: Float32Array) -> Float32Array:
    """Return `values` where their weight is 1, and a smooth interpolation of them where it is 0 (pull-push).

    Pull: weighted averages from level to level down to one pixel. Push: each level takes what it lacks from the coarser
    one. In between, known and interpolated values are blended by weight.

    Args:
        values: (height, width, channels) float32.
        weight: (height, width) float32, 0..1.

    Returns:
        Shape of `values`. Zero everywhere if no value has weight.

    Source:
        S. Gortler et al., The Lumigraph, SIGGRAPH 1996; M. Kraus, The pull-push algorithm revisited, 2009.
    """
    height, width = weight.shape
    if height == 1 and width == 1:
        return np.asarray(np.where(weight[..., None] > 0, values, np.float32(0)), np.float32)
    half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    mass = _resized(weight, half, cv2.INTER_AREA)
    sums = _resized(values * weight[..., None], half, cv2.INTER_AREA).reshape(half[1], half[0], -1)
    known = np.asarray(sums / np.maximum(mass, np.float32(1e-12))[..., None], np.float32)
    coarse = fill(known, np.asarray(np.minimum(mass * 4, 1), np.float32))
    up = _resized(coarse, (width, height), cv2.INTER_LINEAR).reshape(values.shape)
    return np.asarray(up + (values - up) * weight[..., None], np.float32)


def _resized(values: Float32Array, size: tuple[int, int], how: int) -> Float32Array:
    return np.asarray(cv2.resize(values, size, interpolation=how), np.float32)
