"""Where a field can be believed, and its continuation to where it cannot.

A network asked about flat or grainy areas answers that nothing moves there. Such areas are better served by what their
surroundings do: an affine motion fitted to the trustworthy part, and the deviations from it carried on.
"""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.rife.images import blurred, still
from vs_align.measure.images.field import field_of
from vs_align.measure.images.inpaint import fill

_BLUR, _WINDOW = 1.5, 4.0
_FLOOR = 0.0005
"""Slope of luma per pixel that no picture of 8 bits carries for sure."""
_NOTHING, _PLENTY = 4.0, 16.0
"""How many times stronger than grain alone slopes must be to count at all, and fully."""
_SAMPLES = 20_000
_ROUNDS = 4
_LEAST_SPREAD = 0.5
_RIDGE = np.diag([1e-6, 1e-4, 1e-4])


def texture(luma: Float32Array, noise: float) -> Float32Array:
    """Return how surely what a picture shows is more than grain, 0 to 1, (h, w).

    Args:
        luma: 0 to 1, (h, w).
        noise: Standard deviation of the grain of the noisier of both pictures.
    """
    soft = blurred(luma, _BLUR)
    x, y = (np.asarray(cv2.Sobel(soft, cv2.CV_32F, i, 1 - i, ksize=3, scale=1 / 8), np.float32) for i in (1, 0))
    strength = blurred(x * x + y * y, _WINDOW)
    # white noise blurred by a Gaussian has slopes of this variance, in both directions together
    expected = noise**2 / (4 * np.pi * _BLUR**4) + _FLOOR**2
    strength *= np.float32(1 / expected / (_PLENTY - _NOTHING))
    strength -= np.float32(_NOTHING / (_PLENTY - _NOTHING))
    return np.clip(strength, 0, 1, out=strength)


def continued(field: Float32Array, start: Float32Array, weight: Float32Array) -> Float32Array:
    """Return the field where it has weight, and elsewhere a continuation of how far it lies from `start`.

    Args:
        field: (h, w, 2).
        start: (h, w, 2), what the search began with.
        weight: How far the field is believed, 0 to 1, (h, w).
    """
    deviation = field - start
    trend = _trend(deviation, weight)
    return start + trend + fill(deviation - trend, weight)


def _trend(deviation: Float32Array, weight: Float32Array) -> Float32Array:
    """Fit an affine motion by iteratively reweighted least squares (Cauchy weights); zero where nothing has weight."""
    height, width = weight.shape
    step = max(1, int((height * width / _SAMPLES) ** 0.5))
    base = still(weight.shape)[::step, ::step].reshape(-1, 2).astype(np.float64)
    scale = 1 / max(height, width)
    terms = np.column_stack([np.ones(len(base)), base * scale])
    values = deviation[::step, ::step].reshape(-1, 2).astype(np.float64)
    sure = weight[::step, ::step].reshape(-1).astype(np.float64)
    total = max(float(sure.sum()), 1.0)
    counted, fit = sure, np.zeros((3, 2))
    for _ in range(_ROUNDS):
        normal = terms.T @ (terms * counted[:, None]) / total + _RIDGE
        fit = np.linalg.solve(normal, terms.T @ (values * counted[:, None]) / total)
        error = np.square(values - terms @ fit).sum(1)
        spread = max(_LEAST_SPREAD**2, float((error * counted).sum() / max(float(counted.sum()), 1e-9)))
        counted = sure / (1 + error / spread)
    rows = np.column_stack([fit[1] * scale, fit[2] * scale, fit[0]])
    return field_of(np.vstack([rows, [0, 0, 1]]), (width, height))
