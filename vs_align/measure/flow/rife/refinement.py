"""The last fraction of a pixel: least squares on the pictures themselves, from where the network left off.

Each pixel moves by what minimises the difference of both pictures in a window round it (B. Lucas and T. Kanade, "An
iterative image registration technique with an application to stereo vision", IJCAI 1981), held back where the window
has no texture. Pictures are first freed of their local mean and contrast, so that a change of colour does not matter.
"""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.rife.images import blurred, sampled, still
from vs_align.measure.images.field import compose

_CONTRAST_RADIUS = 6.0
_NOISE, _NOTHING = 3 / 255, 1e-3
"""Contrast that counts half, and contrast that is not raised."""
_HOLD = np.float32(0.03)
_REACH = 1.0
"""Pixels that one round may move."""
_SMALLEST_HALVED = 64


def polish(
    clip: Float32Array, ref: Float32Array, field: Float32Array, weight: Float32Array | None, rounds: int, blur: float
) -> Float32Array:
    """Return the field with what is left of the displacement taken off.

    Args:
        clip: Luma, 0 to 1, (Hc, Wc).
        ref: Luma, (h, w).
        field: (h, w, 2), within a pixel or so of the truth.
        weight: How much each pixel of ref counts, 0 to 1, (h, w); None for all alike.
        rounds: How often pictures are compared.
        blur: Standard deviation in pixels of the blur that keeps grain from counting.
    """
    height, width = ref.shape
    halved = min(height, width) >= _SMALLEST_HALVED
    size = ((width + 1) // 2, (height + 1) // 2) if halved else (width, height)
    radius = float(np.clip(min(height, width) / 60, 3, 12)) / (1 + halved)
    base = still(ref.shape)
    even, share = _even_contrast(ref, blur)
    slopes = _slopes(even)
    for _ in range(rounds):
        seen, seen_share = _even_contrast(sampled(clip, field, sharp=True), blur)
        terms = _terms(seen, even, slopes)
        terms *= (np.minimum(share, seen_share) * _counted(field, clip.shape, weight))[..., None]
        if halved:
            terms = _reduced(terms, size)
        step = _solved(blurred(terms, radius))
        if halved:
            step = np.asarray(cv2.resize(step, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        field = compose(field, base + step)
    return field


def _reduced(terms: Float32Array, size: tuple[int, int]) -> Float32Array:
    # OpenCV averages no more than four channels at a time
    parts = (np.ascontiguousarray(terms[..., k]) for k in range(terms.shape[2]))
    return np.stack([np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA)) for part in parts], axis=-1)


def _even_contrast(luma: Float32Array, blur: float) -> tuple[Float32Array, Float32Array]:
    """Return luma (h, w) with a local mean of 0 and a local deviation of 1, and how much of it is more than noise."""
    soft = blurred(luma, blur)
    detail = soft - blurred(soft, _CONTRAST_RADIUS)
    variance = blurred(detail * detail, _CONTRAST_RADIUS)
    even = detail / np.sqrt(variance + np.float32(_NOTHING**2))
    return np.asarray(even, np.float32), variance / (variance + np.float32(_NOISE**2))


def _slopes(picture: Float32Array) -> tuple[Float32Array, Float32Array]:
    x = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    y = cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _terms(seen: Float32Array, ref: Float32Array, ref_slopes: tuple[Float32Array, Float32Array]) -> Float32Array:
    """The products whose sums over a window make the normal equations, (h, w, 5)."""
    x, y = ((a + b) * np.float32(0.5) for a, b in zip(_slopes(seen), ref_slopes, strict=True))
    difference = ref - seen
    return np.asarray(cv2.merge([x * x, x * y, y * y, x * difference, y * difference]), np.float32)


def _solved(sums: Float32Array) -> Float32Array:
    """Solve the equations of each pixel, and cut what reaches too far; (h, w, 2) in pixels."""
    xx, xy, yy, x, y = (sums[..., i] for i in range(5))
    xx, yy = xx + _HOLD, yy + _HOLD
    determinant = xx * yy - xy * xy
    step = np.dstack([(yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant])
    length = np.hypot(step[..., 0], step[..., 1])
    return np.asarray(step / np.maximum(length / np.float32(_REACH), 1)[..., None], np.float32)


def _counted(field: Float32Array, clip_shape: tuple[int, ...], weight: Float32Array | None) -> Float32Array:
    """Beyond the borders of clip there is nothing to compare."""
    u, v = field[..., 0], field[..., 1]
    inside = (u >= 0) & (v >= 0) & (u <= clip_shape[1] - 1) & (v <= clip_shape[0] - 1)
    return inside.astype(np.float32) if weight is None else np.where(inside, weight, np.float32(0))
