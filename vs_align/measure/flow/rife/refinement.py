"""Subpixel refinement of a dense field by windowed least squares on the images (Lucas-Kanade).

Each pixel moves by what minimizes the difference of both images in a window around it (B. Lucas and T. Kanade, An
iterative image registration technique with an application to stereo vision, IJCAI 1981), regularized where the window
has no texture. Images are normalized to local contrast, so that a change of color does not matter.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.rife.images import blurred, identity_field, sample
from vs_align.measure.images.field import compose


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the refinement on images."""

    contrast_sigma: float = 6.0
    """Standard deviation in pixels of the windows of the contrast normalization."""
    noise: float = 3 / 255
    """Local standard deviation of luma, of 1, at which a pixel has half of its weight."""
    min_deviation: float = 1e-3
    """Local standard deviation, of 1, that is added in quadrature, so that flat areas are not amplified."""
    max_step: float = 1.0
    """Largest movement per round in pixels."""
    min_halved_size: int = 64
    """Shorter side in pixels from which on the equations are solved at half resolution."""


_SETTINGS = _Settings()
_RIDGE = np.float32(0.03)
"""Regularization of the normal equations, in units of squared normalized gradients."""


def refine_on_images(
    clip: Float32Array, ref: Float32Array, field: Float32Array, weight: Float32Array | None, rounds: int, blur: float
) -> Float32Array:
    """Return the field after removal of the remaining displacement.

    Args:
        clip: Luma, (hc, wc) float32, 0..1.
        ref: Luma, (h, w) float32, 0..1.
        field: (h, w, 2) float32, right to about a pixel.
        weight: Weight of each pixel of ref, 0..1, (h, w); None for all alike.
        rounds: Number of rounds.
        blur: Standard deviation in pixels of the blur that suppresses noise.
    """
    height, width = ref.shape
    halved = min(height, width) >= _SETTINGS.min_halved_size
    size = ((width + 1) // 2, (height + 1) // 2) if halved else (width, height)
    radius = float(np.clip(min(height, width) / 60, 3, 12)) / (1 + halved)
    base = identity_field(ref.shape)
    normalized, share = _normalized(ref, blur)
    gradients = _gradients(normalized)
    for _ in range(rounds):
        warped, warped_share = _normalized(sample(clip, field, sharp=True), blur)
        products = _products(warped, normalized, gradients)
        products *= (np.minimum(share, warped_share) * _valid_weight(field, clip.shape, weight))[..., None]
        if halved:
            products = _halved(products, size)
        step = _solve(blurred(products, radius))
        if halved:
            step = np.asarray(cv2.resize(step, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        field = compose(field, base + step)
    return field


def _halved(products: Float32Array, size: tuple[int, int]) -> Float32Array:
    # OpenCV averages at most four channels at a time.
    parts = (np.ascontiguousarray(products[..., k]) for k in range(products.shape[2]))
    return np.stack([np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA)) for part in parts], axis=-1)


def _normalized(luma: Float32Array, blur: float) -> tuple[Float32Array, Float32Array]:
    """Return luma (h, w) with local mean 0 and local deviation 1, and the share of its variance that exceeds noise."""
    soft = blurred(luma, blur)
    detail = soft - blurred(soft, _SETTINGS.contrast_sigma)
    variance = blurred(detail * detail, _SETTINGS.contrast_sigma)
    normalized = detail / np.sqrt(variance + np.float32(_SETTINGS.min_deviation**2))
    return np.asarray(normalized, np.float32), variance / (variance + np.float32(_SETTINGS.noise**2))


def _gradients(image: Float32Array) -> tuple[Float32Array, Float32Array]:
    x = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    y = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _products(warped: Float32Array, ref: Float32Array, ref_slopes: tuple[Float32Array, Float32Array]) -> Float32Array:
    """Return the products whose windowed sums are the normal equations, (h, w, 5)."""
    x, y = ((a + b) * np.float32(0.5) for a, b in zip(_gradients(warped), ref_slopes, strict=True))
    difference = ref - warped
    return np.asarray(cv2.merge([x * x, x * y, y * y, x * difference, y * difference]), np.float32)


def _solve(sums: Float32Array) -> Float32Array:
    """Solve the equations of each pixel, with limited step length; (h, w, 2) in pixels."""
    xx, xy, yy, x, y = (sums[..., i] for i in range(5))
    xx, yy = xx + _RIDGE, yy + _RIDGE
    determinant = xx * yy - xy * xy
    step = np.dstack([(yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant])
    length = np.hypot(step[..., 0], step[..., 1])
    return np.asarray(step / np.maximum(length / np.float32(_SETTINGS.max_step), 1)[..., None], np.float32)


def _valid_weight(field: Float32Array, clip_shape: tuple[int, ...], weight: Float32Array | None) -> Float32Array:
    """Return the weight of each pixel, 0 for positions outside clip."""
    u, v = field[..., 0], field[..., 1]
    inside = (u >= 0) & (v >= 0) & (u <= clip_shape[1] - 1) & (v <= clip_shape[0] - 1)
    return inside.astype(np.float32) if weight is None else np.where(inside, weight, np.float32(0))
