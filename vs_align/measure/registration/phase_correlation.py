"""Candidates for the place of one view on another: every shift within a range, at a few scales, by correlation.

Source: D. Padfield, Masked object registration in the Fourier domain, IEEE Transactions on Image Processing 2012.
"""

import numpy as np
from scipy import fft

from vs_align.io.array_types import Complex64Array, Float32Array, Float64Array
from vs_align.measure.images.views import View, warped

_LEAST_OVERLAP = 0.5


def candidates(clip: View, ref: View, scales: tuple[float, ...], reach: float) -> list[tuple[float, Float64Array]]:
    """Find the best shift at each scale.

    Args:
        clip: The view that is looked at.
        ref: The view of the same size that it is laid on.
        scales: How much larger than in ref things may be in clip.
        reach: Longest shift to try to either side, as a part of the longer side.

    Returns:
        Correlation (-1..1) and transform from pixels of ref to pixels of clip, the best first.
    """
    width, height = ref.size
    longest = max(1, round(reach * max(width, height)))
    shape = fft.next_fast_len(height + longest, real=True), fft.next_fast_len(width + longest, real=True)
    views = [warped(clip, _about_centre(scale, ref.size), ref.size) for scale in scales]
    target = _spectra(ref, shape)
    ys = np.arange(-longest, longest + 1)
    found = []
    for scale, view in zip(scales, views, strict=True):
        scores = _correlations(_spectra(view, shape), target, shape)[np.ix_(ys, ys)]
        best = int(np.argmax(scores))
        dy, dx = ys[best // len(ys)], ys[best % len(ys)]
        shift = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], np.float64)
        found.append((float(scores.flat[best]), _about_centre(scale, ref.size) @ shift))
    return sorted(found, key=lambda pair: -pair[0])


def _about_centre(scale: float, size: tuple[int, int]) -> Float64Array:
    x, y = (size[0] - 1) / 2, (size[1] - 1) / 2
    return np.array([[scale, 0, x - scale * x], [0, scale, y - scale * y], [0, 0, 1]], np.float64)


def _spectra(view: View, shape: tuple[int, int]) -> Complex64Array:
    masked = view.picture * view.weight
    stack = np.stack([masked, masked * view.picture, view.weight])
    out: Complex64Array = fft.rfft2(stack, shape)
    return out


def _correlations(clip: Complex64Array, ref: Complex64Array, shape: tuple[int, int]) -> Float32Array:
    """Correlation of clip seen from p + shift with ref at p, for each shift (y, x); negative ones count from the end.

    Local normalisation has taken the means away, so that none are here.
    """
    a, b = ref.conj(), clip
    products = np.stack([b[0] * a[0], b[1] * a[2], b[2] * a[1], b[2] * a[2]])
    cross, power_clip, power_ref, mass = fft.irfft2(products, shape)
    floor = np.float32(1e-3) * mass.max() + np.float32(1e-6)
    scores = cross / np.sqrt(np.maximum(power_clip, floor) * np.maximum(power_ref, floor))
    scores[mass < _LEAST_OVERLAP * mass.max()] = -1
    out: Float32Array = scores
    return out
