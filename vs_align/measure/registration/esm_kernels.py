"""Kernels of registration: normal equations, and products of many pictures.

They are not left to a BLAS library, because its threads go on spinning after each call and take the processors from
VapourSynth's.
"""

from typing import Any

import numpy as np
from numba import njit

_FAST = {"reassoc", "contract", "arcp", "nsz"}
_BLOCK = 2048


@njit(nogil=True, cache=True)
def normal_equations(
    seen: Any, weight: Any, chosen: Any, values: Any, slopes: Any, places: Any, half: Any, normal: Any, wanted: Any
) -> Any:
    """Fill the normal equations of one step of Gauss-Newton with weights of Geman and McClure.

    Args:
        seen: (h, w) float32, clip as it is seen now.
        weight: (h, w) float32; pixels that are not whole do not count.
        chosen: (n,) the pixels of ref to look at, counted along the rows.
        values: (n,) ref there.
        slopes: (2, n) its slopes in x and y.
        places: (2, n) where they are, in coordinates -1..1.
        half: Half of the longer side in pixels.
        normal: (p, p) float64, filled; p is 6 for affine transforms, 8 for homographies.
        wanted: (p,) float64, filled.

    Returns:
        How many pixels counted.
    """
    width = seen.shape[1]
    count, total = 0, 0.0
    for i in range(chosen.size):
        y, x = divmod(chosen[i], width)
        if weight[y, x] > 0.999:
            count += 1
            total += abs(values[i] - seen[y, x])
    parameters = wanted.size
    normal[:, :] = 0.0
    wanted[:] = 0.0
    if count < 8 * parameters:
        return count
    spread = max(1.5 * total / count, 0.05) ** 2
    slant = np.zeros(parameters)
    for i in range(chosen.size):
        y, x = divmod(chosen[i], width)
        if weight[y, x] > 0.999:
            _slant(seen, y, x, slopes[:, i], places[:, i], half / 2, slant)
            error = values[i] - seen[y, x]
            trust = (spread / (spread + error * error)) ** 2
            for a in range(parameters):
                share = trust * slant[a]
                wanted[a] += share * error
                for b in range(a + 1):
                    normal[a, b] += share * slant[b]
    for a in range(parameters):
        for b in range(a):
            normal[b, a] = normal[a, b]
    return count


@njit(nogil=True, inline="always")
def _slant(seen: Any, y: Any, x: Any, slope: Any, place: Any, unit: Any, slant: Any) -> None:
    """Fill how brightness at a pixel changes with each parameter; the slopes are the mean of both pictures'."""
    height, width = seen.shape
    across = (seen[y, x + 1] - seen[y, x - 1]) / 2 if 0 < x < width - 1 else np.float32(0)
    down = (seen[y + 1, x] - seen[y - 1, x]) / 2 if 0 < y < height - 1 else np.float32(0)
    gx, gy = (across + slope[0]) * unit, (down + slope[1]) * unit
    slant[0], slant[1] = gx, gy
    slant[2], slant[3], slant[4], slant[5] = gx * place[0], gx * place[1], gy * place[0], gy * place[1]
    if slant.size == 8:
        along = gx * place[0] + gy * place[1]
        slant[6], slant[7] = -along * place[0], -along * place[1]


@njit(nogil=True, cache=True, fastmath=_FAST)
def products(first: Any, firsts: Any, second: Any, seconds: Any, begins: Any, ends: Any, out: Any) -> None:
    """Fill the inner products of rows, minus infinity where they are not asked for.

    Args:
        first: (any, p) float32.
        firsts: (m,) the rows of `first` that are meant.
        second: (any, p) float32.
        seconds: (k,) the rows of `second` that are meant.
        begins: (m,) the first of those of `second` to multiply each of `first` with.
        ends: (m,) one past the last.
        out: (m, k) float32, filled.
    """
    m, p = firsts.size, first.shape[1]
    out[:, :] = -np.inf
    for i in range(m):
        for j in range(begins[i], ends[i]):
            out[i, j] = 0
    # a block of every row stays in the cache while all pairs use it
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
