"""Numba kernels of registration: normal equations of ESM, and banded inner products of images.

They are serial and not left to BLAS, whose threads spin after each call and take cores from VapourSynth's threads.
"""

from typing import Any

import numpy as np
from numba import njit

_FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}
_BLOCK = 2048
"""Pixels per block of the inner products: a block of every row fits into the cache."""


@njit(nogil=True, cache=True)
def normal_equations(
    seen: Any,
    weight: Any,
    indices: Any,
    values: Any,
    gradients_xy: Any,
    coordinates: Any,
    half: Any,
    normal: Any,
    wanted: Any,
) -> Any:
    """Fill the normal equations of one Gauss-Newton step with Geman-McClure weights.

    Args:
        seen: (h, w) float32, the warped image of clip.
        weight: (h, w) float32; only pixels of full weight are valid.
        indices: (n,), flat indices of the pixels of ref.
        values: (n,), values of ref there.
        gradients_xy: (2, n), gradients of ref in x and y.
        coordinates: (2, n), positions in coordinates -1..1.
        half: Half of the longer side in pixels.
        normal: (p, p) float64, written; p is 6 for affine updates, 8 for homographies.
        wanted: (p,) float64, written: the right-hand side.

    Returns:
        The number of valid pixels.
    """
    width = seen.shape[1]
    count, total = 0, 0.0
    for i in range(indices.size):
        y, x = divmod(indices[i], width)
        if weight[y, x] > 0.999:
            count += 1
            total += abs(values[i] - seen[y, x])
    parameters = wanted.size
    normal[:, :] = 0.0
    wanted[:] = 0.0
    if count < 8 * parameters:
        return count
    spread = max(1.5 * total / count, 0.05) ** 2
    derivatives = np.zeros(parameters)
    for i in range(indices.size):
        y, x = divmod(indices[i], width)
        if weight[y, x] > 0.999:
            _derivatives(seen, y, x, gradients_xy[:, i], coordinates[:, i], half / 2, derivatives)
            error = values[i] - seen[y, x]
            trust = (spread / (spread + error * error)) ** 2
            for a in range(parameters):
                share = trust * derivatives[a]
                wanted[a] += share * error
                for b in range(a + 1):
                    normal[a, b] += share * derivatives[b]
    for a in range(parameters):
        for b in range(a):
            normal[b, a] = normal[a, b]
    return count


@njit(nogil=True, inline="always")
def _derivatives(seen: Any, y: Any, x: Any, slope: Any, point: Any, unit: Any, derivatives: Any) -> None:
    """Fill the derivatives of a pixel by each parameter, with the mean gradient of both images (ESM)."""
    height, width = seen.shape
    across = (seen[y, x + 1] - seen[y, x - 1]) / 2 if 0 < x < width - 1 else np.float32(0)
    down = (seen[y + 1, x] - seen[y - 1, x]) / 2 if 0 < y < height - 1 else np.float32(0)
    gx, gy = (across + slope[0]) * unit, (down + slope[1]) * unit
    derivatives[0], derivatives[1] = gx, gy
    derivatives[2], derivatives[3], derivatives[4], derivatives[5] = (
        gx * point[0],
        gx * point[1],
        gy * point[0],
        gy * point[1],
    )
    if derivatives.size == 8:
        along = gx * point[0] + gy * point[1]
        derivatives[6], derivatives[7] = -along * point[0], -along * point[1]


@njit(nogil=True, cache=True, fastmath=_FAST_MATH)
def windowed_products(first: Any, firsts: Any, second: Any, seconds: Any, begins: Any, ends: Any, out: Any) -> None:
    """Fill the inner products of rows of two arrays within windows, and minus infinity elsewhere.

    Args:
        first: (any, p) float32.
        firsts: (m,), the rows of `first` to use.
        second: (any, p) float32.
        seconds: (k,), the rows of `second` to use.
        begins: (m,), start of the window in `seconds` for each row of `first`.
        ends: (m,), end of the window, exclusive.
        out: (m, k) float32, written.
    """
    m, p = firsts.size, first.shape[1]
    out[:, :] = -np.inf
    for i in range(m):
        for j in range(begins[i], ends[i]):
            out[i, j] = 0
    for start in range(0, p, _BLOCK):
        stop = min(p, start + _BLOCK)
        for i in range(m):
            row = first[firsts[i], start:stop]
            for j in range(begins[i], ends[i]):
                other = second[seconds[j], start:stop]
                total = np.float32(0)
                for q in range(row.size):
                    total += row[q] * other[q]
                out[i, j] += total
