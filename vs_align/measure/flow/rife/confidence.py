"""Confidence of a network's flow from image texture, and its extrapolation to areas without.

A network returns zero motion for flat or noisy areas. These are filled in from their surroundings: an affine motion
fitted to the confident part, plus the interpolated deviations from it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.rife.images import blurred, identity_field
from vs_align.measure.images.field import homography_field
from vs_align.measure.images.inpaint import fill


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of confidence and extrapolation."""

    sigma: float = 1.5
    """Standard deviation in pixels of the blur before gradients are computed."""
    window_sigma: float = 4.0
    """Standard deviation in pixels of the window over which squared gradients are averaged."""
    min_slope: float = 0.0005
    """Gradient of luma per pixel, of 1, that quantization to 8 bits can hide."""
    zero_trust: float = 4.0
    """Mean squared gradient, in units of what noise alone causes, up to which the confidence is 0."""
    full_trust: float = 16.0
    """Mean squared gradient, in the same units, from which on the confidence is 1."""
    max_samples: int = 20_000
    """Approximate number of pixels to which the affine motion is fitted."""
    rounds: int = 4
    """Rounds of iteratively reweighted least squares."""
    min_scale: float = 0.5
    """Smallest scale of the Cauchy weights in pixels."""


_SETTINGS = _Settings()
_RIDGE = np.diag([1e-6, 1e-4, 1e-4])
"""Regularization of the affine motion: constant, x and y."""


def texture_confidence(luma: Float32Array, noise: float) -> Float32Array:
    """Return the confidence that the content of an image is more than noise, 0..1, (h, w).

    Args:
        luma: (h, w) float32, 0..1.
        noise: Standard deviation of the noise of the noisier one of both images, of 1.
    """
    soft = blurred(luma, _SETTINGS.sigma)
    x, y = (np.asarray(cv2.Sobel(soft, cv2.CV_32F, i, 1 - i, ksize=3, scale=1 / 8), np.float32) for i in (1, 0))
    strength = blurred(x * x + y * y, _SETTINGS.window_sigma)
    # Variance of both gradients of white noise after a Gaussian blur, together.
    expected = noise**2 / (4 * np.pi * _SETTINGS.sigma**4) + _SETTINGS.min_slope**2
    strength *= np.float32(1 / expected / (_SETTINGS.full_trust - _SETTINGS.zero_trust))
    strength -= np.float32(_SETTINGS.zero_trust / (_SETTINGS.full_trust - _SETTINGS.zero_trust))
    return np.clip(strength, 0, 1, out=strength)


def extrapolate_field(field: Float32Array, initial: Float32Array, weight: Float32Array) -> Float32Array:
    """Return the field where it has weight, and elsewhere an extrapolation of its deviation from `initial`.

    Args:
        field: (h, w, 2) float32.
        initial: (h, w, 2) float32, the initial field of the search.
        weight: Confidence of the field, 0..1, (h, w).
    """
    deviation = field - initial
    trend = _trend(deviation, weight)
    return initial + trend + fill(deviation - trend, weight)


def _trend(deviation: Float32Array, weight: Float32Array) -> Float32Array:
    """Fit an affine motion by iteratively reweighted least squares (Cauchy weights); zero if nothing has weight."""
    height, width = weight.shape
    step = max(1, int((height * width / _SETTINGS.max_samples) ** 0.5))
    base = identity_field(weight.shape)[::step, ::step].reshape(-1, 2).astype(np.float64)
    unit = 1 / max(height, width)
    terms = np.column_stack([np.ones(len(base)), base * unit])
    values = deviation[::step, ::step].reshape(-1, 2).astype(np.float64)
    trust = weight[::step, ::step].reshape(-1).astype(np.float64)
    total = max(float(trust.sum()), 1.0)
    weights, fit = trust, np.zeros((3, 2))
    for _ in range(_SETTINGS.rounds):
        normal = terms.T @ (terms * weights[:, None]) / total + _RIDGE
        fit = np.linalg.solve(normal, terms.T @ (values * weights[:, None]) / total)
        error = np.square(values - terms @ fit).sum(1)
        cauchy_scale = max(_SETTINGS.min_scale**2, float((error * weights).sum() / max(float(weights.sum()), 1e-9)))
        weights = trust / (1 + error / cauchy_scale)
    rows = np.column_stack([fit[1] * unit, fit[2] * unit, fit[0]])
    return homography_field(np.vstack([rows, [0, 0, 1]]), (width, height))
