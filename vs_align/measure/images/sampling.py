"""Tables of weights for the sampling kernels."""

from functools import lru_cache

import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.images.warp_kernels import PHASES


@lru_cache(maxsize=64)
def lanczos_table(scale: float, lobes: int = 4) -> Float32Array:
    """Return the weights of the Lanczos kernel, stretched by `scale`, at each phase; shape (PHASES + 1, taps)."""
    taps = 2 * int(np.ceil(lobes * scale))
    phases = np.arange(PHASES + 1)[:, None] / PHASES
    distance = (np.arange(taps) - (taps // 2 - 1) - phases) / scale
    weights = np.where(np.abs(distance) < lobes, np.sinc(distance) * np.sinc(distance / lobes), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    if scale == 1:
        # sinc of whole numbers is not quite zero in floating point, and whole positions must give back the sample
        weights[0] = np.arange(taps) == taps // 2 - 1
        weights[-1] = np.arange(taps) == taps // 2
    return weights.astype(np.float32)


@lru_cache(maxsize=1)
def cubic_table() -> Float32Array:
    """Return the weights of the Catmull-Rom spline at each phase; shape (PHASES + 1, 4)."""
    t = np.arange(PHASES + 1) / PHASES
    weights = [
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]
    return np.ascontiguousarray(np.stack(weights, axis=1), np.float32)
