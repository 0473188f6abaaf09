"""Numba kernels of lower bounds of Butteraugli.

All terms under the square root of the map are sums of squares, so that leaving out terms or pixels can only lower the
result. The order of the sums differs from that of the comparison, which changes rounding: callers multiply a bound by
`constants.SAFETY` before they reject by it.
"""

from typing import Any

import numpy as np
from numba import njit

from vs_align.measure.metrics.butteraugli import constants as c
from vs_align.measure.metrics.butteraugli.bands_kernels import FAST
from vs_align.measure.metrics.butteraugli.comparison_kernels import (
    COLUMNS,
    ROWS,
    add_half_row,
    cubes_row,
    highest,
    plain_row,
    three_norm,
    visible_row,
)

_F = np.float32
_ONE = _F(1)
_SCALE = _F(c.GLOBAL_SCALE)
_DC0, _DC1, _DC2 = (_F(v) for v in c.MASK_OF_DC)
_ROOT_X, _ROOT_Y, _ROOT_B = (_F(np.sqrt(v)) for v in c.WEIGHTS_LF)


@njit(nogil=True, cache=True, fastmath=FAST)
def take_samples(bands: Any, step: Any, out: Any) -> Any:
    """Fill weighted samples of the low band.

    Args:
        bands: Bands of a level, shape (11, height, width).
        step: Pixels from one sample to the next; half as many in a half level.
        out: Shape (3, samples), row by row.
    """
    _, height, width = bands.shape
    i = 0
    for y in range(0, height, step):
        for x in range(0, width, step):
            out[0, i] = _ROOT_X * bands[0, y, x]
            out[1, i] = _ROOT_Y * bands[1, y, x]
            out[2, i] = _ROOT_B * bands[2, y, x]
            i += 1


@njit(nogil=True, cache=True, fastmath=FAST)
def take_factors(mask: Any, step: Any, share: Any, out: Any) -> Any:
    """Fill the visibility of the low band under the mask at the same samples, times the share of the level."""
    height, width = mask.shape
    i = 0
    for y in range(0, height, step):
        for x in range(0, width, step):
            out[i] = share * _SCALE * (_ONE + _DC2 / (_DC1 * mask[y, x] + _DC0))
            i += 1


@njit(nogil=True, cache=True, fastmath=FAST)
def _add_samples(a: Any, b: Any, factors: Any, out: Any) -> Any:
    a0, a1, a2, b0, b1, b2 = a[0], a[1], a[2], b[0], b[1], b[2]
    for x in range(out.size):
        d0, d1, d2 = a0[x] - b0[x], a1[x] - b1[x], a2[x] - b2[x]
        out[x] += factors[x] * np.sqrt(d0 * d0 + (d1 * d1 + d2 * d2))


@njit(nogil=True, cache=True)
def sampled_bound(a: Any, b: Any, factors: Any, pixels: Any, cubes: Any) -> Any:
    """Return the bound from samples of the low band, not yet safe from rounding.

    Args:
        a: Samples of the first image, shape (levels, 3, samples).
        b: Samples of the second image, same shape.
        factors: Factors of the first image, shape (levels, samples).
        pixels: Number of pixels of the image.
        cubes: Whether to return the 3-norm instead of the maximum.
    """
    values = np.zeros(a.shape[2], np.float32)
    for level in range(a.shape[0]):
        _add_samples(a[level], b[level], factors[level], values)
    if not cubes:
        return np.float64(highest(values))
    sums = np.zeros(3)
    cubes_row(values, sums)
    return three_norm(sums, pixels)


@njit(nogil=True, cache=True, fastmath=FAST)
def _rough_row(a: Any, b: Any, weight: Any, out: Any) -> Any:
    for x in range(out.size):
        difference = a[x] - b[x]
        out[x] += weight * difference * difference


@njit(nogil=True, cache=True)
def _plain_and_rough(pair: Any, y: Any, weights: Any, sums: Any, plain: Any, rough: Any) -> Any:
    """Fill a row with the map without Malta terms, and with the map with squares in their place."""
    a, b, mask, active = pair
    dc, ac = sums[0, : plain.size], sums[1, : plain.size]
    plain_row(a, b, y, 0, weights[0], dc, ac)
    visible_row(mask[y], dc, ac, plain)
    for term in range(6):
        if active[term]:
            plane = c.MALTA_PLANES[term]
            _rough_row(a[plane, y], b[plane, y], weights[1][term], ac)
    visible_row(mask[y], dc, ac, rough)


@njit(nogil=True, cache=True, fastmath=FAST)
def _highest_mean(row: Any) -> Any:
    """Return the highest mean square of eight neighbors; a single pixel predicts little."""
    most = np.float32(0)
    for start in range(0, row.size, 8):
        total, part = np.float32(0), row[start : start + 8]
        for x in range(part.size):
            total += part[x] * part[x]
        most = max(most, total / np.float32(part.size))
    return most


@njit(nogil=True, cache=True)
def plain_bound(full: Any, half: Any, weights: Any, cubes: Any, expected: Any) -> Any:
    """Compare every fourth row without the Malta terms, and predict which tiles of the full comparison are highest.

    Args:
        full: Full level, as in `compare`.
        half: Half level.
        weights: (10,) of the squares, and (6,) of the squares that replace the Malta terms in the prediction.
        cubes: Whether to return the 3-norm instead of the maximum.
        expected: (tiles,) zeros; receives the prediction for each tile.

    Returns:
        The norm of these rows, not yet safe from rounding.
    """
    height, width = full[2].shape
    half_height, half_width = half[2].shape
    across = (width + COLUMNS - 1) // COLUMNS
    rows, sums = np.zeros((4, width), np.float32), np.empty((2, width), np.float32)
    plain, rough, under_plain, under_rough = rows[0], rows[1], rows[2, :half_width], rows[3, :half_width]
    powers, most = np.zeros(3), np.float32(0)
    for y in range(0, height, c.SAMPLE_STEP):
        _plain_and_rough(full, y, weights, sums, plain, rough)
        if half_height:
            _plain_and_rough(half, y // 2, weights, sums, under_plain, under_rough)
            add_half_row(plain, under_plain, 0)
            add_half_row(rough, under_rough, 0)
        for column in range(across):
            number = y // ROWS * across + column
            part = rough[column * COLUMNS : min((column + 1) * COLUMNS, width)]
            expected[number] = max(expected[number], _highest_mean(part))
        if cubes:
            cubes_row(plain, powers)
        else:
            most = max(most, highest(plain))
    return three_norm(powers, height * width) if cubes else np.float64(most)
