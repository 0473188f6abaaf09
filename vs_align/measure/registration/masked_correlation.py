"""Masked normalized cross-correlation over all shifts within a range, at several scales, by FFT.

Source: D. Padfield, Masked object registration in the Fourier domain, IEEE Transactions on Image Processing 2012.
"""

import numpy as np
from scipy import fft

from vs_align.io.array_types import Complex64Array, Float32Array, Float64Array
from vs_align.measure.images.preprocessing import WeightedImage, warp_weighted

_MIN_OVERLAP = 0.5
"""Overlap below which a shift is discarded, as a share of the largest one."""


def best_shifts(
    clip: WeightedImage, ref: WeightedImage, scales: tuple[float, ...], reach: float
) -> list[tuple[float, Float64Array]]:
    """Find the shift of highest correlation at each scale.

    Args:
        clip: Normalized image.
        ref: Normalized image of the same size.
        scales: Scales of clip relative to ref.
        reach: Largest shift in each direction, as a share of the longer side.

    Returns:
        Correlation, -1..1, and matrix (3, 3) from pixels of ref to pixels of clip; best first.
    """
    width, height = ref.size
    longest = max(1, round(reach * max(width, height)))
    shape = fft.next_fast_len(height + longest, real=True), fft.next_fast_len(width + longest, real=True)
    views = [warp_weighted(clip, _about_center(scale, ref.size), ref.size) for scale in scales]
    target = _spectra(ref, shape)
    ys = np.arange(-longest, longest + 1)
    found = []
    for scale, view in zip(scales, views, strict=True):
        scores = _correlations(_spectra(view, shape), target, shape)[np.ix_(ys, ys)]
        best = int(np.argmax(scores))
        dy, dx = ys[best // len(ys)], ys[best % len(ys)]
        shift = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], np.float64)
        found.append((float(scores.flat[best]), _about_center(scale, ref.size) @ shift))
    return sorted(found, key=lambda pair: -pair[0])


def _about_center(scale: float, size: tuple[int, int]) -> Float64Array:
    x, y = (size[0] - 1) / 2, (size[1] - 1) / 2
    return np.array([[scale, 0, x - scale * x], [0, scale, y - scale * y], [0, 0, 1]], np.float64)


def _spectra(view: WeightedImage, shape: tuple[int, int]) -> Complex64Array:
    masked = view.image * view.weight
    stack = np.stack([masked, masked * view.image, view.weight])
    out: Complex64Array = fft.rfft2(stack, shape)
    return out


def _correlations(clip: Complex64Array, ref: Complex64Array, shape: tuple[int, int]) -> Float32Array:
    """Return the correlation of clip at p + shift with ref at p for each shift (y, x); negative shifts wrap around.

    The local means are zero after normalization, so the terms with means are left out.
    """
    a, b = ref.conj(), clip
    products = np.stack([b[0] * a[0], b[1] * a[2], b[2] * a[1], b[2] * a[2]])
    cross, power_clip, power_ref, mass = fft.irfft2(products, shape)
    floor = np.float32(1e-3) * mass.max() + np.float32(1e-6)
    scores = cross / np.sqrt(np.maximum(power_clip, floor) * np.maximum(power_ref, floor))
    scores[mass < _MIN_OVERLAP * mass.max()] = -1
    out: Float32Array = scores
    return out
