"""Numba kernels of Butteraugli that compare two images, tile by tile.

A pixel of the map depends on its neighbors within four pixels only, so that tiles can be compared in any order and the
comparison can stop early. The tiles lie on a fixed grid, and each is always computed by the same code from the same
numbers: its result does not depend on which other tiles were compared, to the last bit.
"""

from typing import Any

import numpy as np
from numba import njit

from vs_align.measure.metrics.butteraugli import constants as c
from vs_align.measure.metrics.butteraugli.bands_kernels import FAST

# Both are even, so that a tile of the half level lies under exactly four of the full one.
ROWS = 32
"""Rows of a tile."""
COLUMNS = 120
"""Columns of a tile."""

_HALO = 4
"""Pixels around a tile that its Malta lines reach."""
_STRIDE = COLUMNS + 2 * _HALO
"""Pixels from one row of a tile with its halo to the next."""

_F = np.float32
_ZERO, _ONE, _HALF = _F(0), _F(1), _F(0.5)
_MALTA_LOW, _MALTA_HIGH, _SQUARES_LOW = _F(c.MALTA_LOW), _F(c.MALTA_HIGH), _F(c.SQUARES_LOW)
_SCALE = _F(c.GLOBAL_SCALE)
_DC0, _DC1, _DC2 = (_F(v) for v in c.MASK_OF_DC)
_AC0, _AC1, _AC2 = (_F(v) for v in c.MASK_OF_AC)
_MASK_DIFFERENCE = _F(c.MASK_DIFFERENCE)
_FULL_SHARE, _HALF_SHARE = _F(c.FULL_SHARE), _F(c.HALF_SHARE)
_PLANES = c.MALTA_PLANES
_ROUNDING = 1 - 1e-12
"""Factor that makes a partial 3-norm safe from the order of a few million additions in double precision."""


@njit(nogil=True, cache=True, fastmath=FAST)
def _weigh_row(a: Any, b: Any, weights: Any, out: Any) -> Any:
    """Fill the difference of two rows in units of visibility, with a penalty if it exceeds bounds set by the first."""
    n0, n1, norm = weights[0], weights[1], weights[2]
    for x in range(out.size):
        difference = a[x] - b[x]
        size = abs(a[x])
        along = b[x] if a[x] >= _ZERO else -b[x]
        penalty = n1 * max(max(_MALTA_LOW * size - along, along - _MALTA_HIGH * size), _ZERO)
        penalty = penalty if difference > _ZERO else -penalty
        out[x] = (n0 * difference + penalty) / (norm + _HALF * (size + abs(b[x])))


@njit(nogil=True, cache=True)
def _weigh_tile(a: Any, b: Any, weights: Any, top: Any, left: Any, rows: Any, columns: Any, out: Any) -> Any:
    """Fill a tile and its halo with weighted differences, zero outside the image."""
    height, width = a.shape
    first, last = max(left - _HALO, 0), min(left + columns + _HALO, width)
    skipped = first - (left - _HALO)
    for j in range(rows + 2 * _HALO):
        y, line = top - _HALO + j, out[j * _STRIDE : (j + 1) * _STRIDE]
        if y < 0 or y >= height:
            line[:] = _ZERO
            continue
        line[:skipped] = _ZERO
        line[skipped + last - first :] = _ZERO
        _weigh_row(a[y, first:last], b[y, first:last], weights, line[skipped : skipped + last - first])


@njit(nogil=True, cache=True, fastmath=FAST, inline="always")
def _nine(d: Any, i: Any, a: Any, b: Any, c: Any, e: Any) -> Any:
    a, b, c, e = np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(e)
    s = (d[i] + (d[i + a] + d[i - a])) + ((d[i + b] + d[i - b]) + ((d[i + c] + d[i - c]) + (d[i + e] + d[i - e])))
    return s * s


@njit(nogil=True, cache=True, fastmath=FAST, inline="always")
def _seven(d: Any, i: Any, a: Any, b: Any, c: Any) -> Any:
    a, b, c = np.uint64(a), np.uint64(b), np.uint64(c)
    s = (d[i] + (d[i + a] + d[i - a])) + ((d[i + b] + d[i - b]) + (d[i + c] + d[i - c]))
    return s * s


@njit(nogil=True, cache=True, fastmath=FAST, inline="always")
def _five(d: Any, i: Any, a: Any, b: Any) -> Any:
    a, b = np.uint64(a), np.uint64(b)
    s = d[i] + ((d[i + a] + d[i - a]) + (d[i + b] + d[i - b]))
    return s * s


@njit(nogil=True, cache=True, fastmath=FAST)
def _add_full_lines(d: Any, rows: Any, columns: Any, out: Any) -> Any:
    """Add the squared sums along 16 full lines of a tile, four of which count twice.

    Indices are unsigned, since the wraparound check of negative ones would prevent vectorization.
    """
    r = _STRIDE
    for y in range(rows):
        line = out[y]
        start = np.uint64((y + _HALO) * _STRIDE + _HALO)
        for x in range(np.uint64(columns)):
            i = start + x
            once = _nine(d, i, 1, 2, 3, 4) + _nine(d, i, r, 2 * r, 3 * r, 4 * r)
            once += _seven(d, i, r + 1, 2 * r + 2, 3 * r + 3) + _seven(d, i, r - 1, 2 * r - 2, 3 * r - 3)
            once += _seven(d, i, r + 1, 2 * r + 1, 3 * r + 2) + _seven(d, i, r - 1, 2 * r - 1, 3 * r - 2)
            once += _seven(d, i, r + 1, r + 2, 2 * r + 3) + _seven(d, i, r - 1, r - 2, 2 * r - 3)
            twice = _nine(d, i, r, 2 * r - 1, 3 * r - 1, 4 * r - 1) + _nine(d, i, r, 2 * r + 1, 3 * r + 1, 4 * r + 1)
            twice += _nine(d, i, 1, r + 2, r + 3, r + 4) + _nine(d, i, 1, r - 2, r - 3, r - 4)
            line[x] += once + (twice + twice)


@njit(nogil=True, cache=True, fastmath=FAST)
def _add_sparse_lines(d: Any, rows: Any, columns: Any, out: Any) -> Any:
    """Add the squared sums along 16 sparse lines of a tile; see `_add_full_lines`."""
    r = _STRIDE
    for y in range(rows):
        line = out[y]
        start = np.uint64((y + _HALO) * _STRIDE + _HALO)
        for x in range(np.uint64(columns)):
            i = start + x
            s = _five(d, i, 2, 4) + _five(d, i, 2 * r, 4 * r)
            s += _five(d, i, 2 * r + 2, 3 * r + 3) + _five(d, i, 2 * r - 2, 3 * r - 3)
            s += _five(d, i, 2 * r - 1, 4 * r - 1) + _five(d, i, 2 * r + 1, 4 * r + 1)
            s += _five(d, i, r + 2, r + 4) + _five(d, i, r - 2, r - 4)
            s += _five(d, i, 2 * r + 1, 3 * r + 2) + _five(d, i, 2 * r - 1, 3 * r - 2)
            s += _five(d, i, r + 2, 2 * r + 3) + _five(d, i, r - 2, 2 * r - 3)
            s += _five(d, i, r - 2, 2 * r - 4) + _five(d, i, r + 2, 2 * r + 4)
            s += _five(d, i, 2 * r + 1, 4 * r + 2) + _five(d, i, 2 * r - 1, 4 * r - 2)
            line[x] += s


@njit(nogil=True, cache=True, fastmath=FAST)
def _squares_row(a: Any, b: Any, weights: Any, out: Any) -> Any:
    """Add weights[0] * (a - b)^2 and a penalty if b is well below a or above it."""
    above, below = weights[0], weights[1]
    for x in range(out.size):
        difference = a[x] - b[x]
        size = abs(a[x])
        along = b[x] if a[x] >= _ZERO else -b[x]
        penalty = max(max(_SQUARES_LOW * size - along, along - size), _ZERO)
        out[x] += above * difference * difference + below * penalty * penalty


@njit(nogil=True, cache=True, fastmath=FAST)
def _three_rows(a: Any, b: Any, first: Any, y: Any, left: Any, weights: Any, out: Any) -> Any:
    """Fill with the weighted sum of the squared differences of three planes."""
    last = left + out.size
    a0, a1, a2 = a[first, y, left:last], a[first + 1, y, left:last], a[first + 2, y, left:last]
    b0, b1, b2 = b[first, y, left:last], b[first + 1, y, left:last], b[first + 2, y, left:last]
    w0, w1, w2 = weights[first], weights[first + 1], weights[first + 2]
    for x in range(out.size):
        d0, d1, d2 = a0[x] - b0[x], a1[x] - b1[x], a2[x] - b2[x]
        out[x] = w0 * d0 * d0 + (w1 * d1 * d1 + w2 * d2 * d2)


@njit(nogil=True, cache=True, fastmath=FAST)
def _mask_row(a: Any, b: Any, out: Any) -> Any:
    for x in range(out.size):
        difference = a[x] - b[x]
        out[x] += _MASK_DIFFERENCE * difference * difference


@njit(nogil=True, cache=True)
def plain_row(a: Any, b: Any, y: Any, left: Any, weights: Any, dc: Any, ac: Any) -> Any:
    """Fill a row of both sums with all terms except the Malta terms."""
    last = left + dc.size
    _three_rows(a, b, 0, y, left, weights, dc)
    _three_rows(a, b, 3, y, left, weights, ac)
    for plane in range(2):
        _squares_row(a[6 + plane, y, left:last], b[6 + plane, y, left:last], weights[6 + 2 * plane :], ac)
    _mask_row(a[10, y, left:last], b[10, y, left:last], ac)


@njit(nogil=True, cache=True, fastmath=FAST)
def visible_row(mask: Any, dc: Any, ac: Any, out: Any) -> Any:
    """Weigh both sums by their visibility under the mask."""
    for x in range(out.size):
        of_dc = _SCALE * (_ONE + _DC2 / (_DC1 * mask[x] + _DC0))
        of_ac = _SCALE * (_ONE + _AC2 / (_AC1 * mask[x] + _AC0))
        out[x] = np.sqrt(of_dc * of_dc * dc[x] + of_ac * of_ac * ac[x])


@njit(nogil=True, cache=True)
def _level_tile(pair: Any, top: Any, left: Any, weights: Any, buffers: Any, out: Any) -> Any:
    """Compare a tile of one level.

    Args:
        pair: Bands of the first image, of the second, mask of the first, which Malta terms are not zero everywhere.
        top: First row.
        left: First column.
        weights: (6, 3) of the Malta terms, (10,) of the squares.
        buffers: (ROWS + 8) * (COLUMNS + 8) floats, and two times (ROWS, COLUMNS).
        out: Shape (rows, columns) of the tile, receives the map.
    """
    a, b, mask, active = pair
    malta, squares = weights
    weighed, dc, ac = buffers
    rows, columns = out.shape
    for y in range(rows):
        plain_row(a, b, top + y, left, squares, dc[y, :columns], ac[y, :columns])
    for term in range(6):
        if active[term]:
            plane = _PLANES[term]
            _weigh_tile(a[plane], b[plane], malta[term], top, left, rows, columns, weighed)
            if term < 2:
                _add_full_lines(weighed, rows, columns, ac)
            else:
                _add_sparse_lines(weighed, rows, columns, ac)
    for y in range(rows):
        visible_row(mask[top + y, left : left + columns], dc[y, :columns], ac[y, :columns], out[y])


@njit(nogil=True, cache=True)
def add_half_row(full: Any, half: Any, left: Any) -> Any:
    """Add the half level under a row that begins at column `left`, an even one."""
    first = left // 2
    for x in range(full.size // 2):
        share = _HALF_SHARE * half[first + x]
        full[2 * x] = _FULL_SHARE * full[2 * x] + share
        full[2 * x + 1] = _FULL_SHARE * full[2 * x + 1] + share
    if full.size % 2:
        full[full.size - 1] = _FULL_SHARE * full[full.size - 1] + _HALF_SHARE * half[first + full.size // 2]


@njit(nogil=True, cache=True, fastmath=FAST)
def cubes_row(row: Any, sums: Any) -> Any:
    """Add the third, sixth and twelfth powers of a row."""
    s3, s6, s12 = 0.0, 0.0, 0.0
    for x in range(row.size):
        value = np.float64(row[x])
        cube = value * value * value
        s3 += cube
        s6 += cube * cube
        s12 += cube * cube * cube * cube
    sums[0] += s3
    sums[1] += s6
    sums[2] += s12


@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "nnan"})
def highest(row: Any) -> Any:
    """Return the highest of some nonnegative numbers."""
    most = _ZERO
    for x in range(row.size):
        most = max(most, row[x])
    return most


@njit(nogil=True, cache=True)
def three_norm(sums: Any, pixels: Any) -> Any:
    """Return the mean of the 3-, 6- and 12-norm from sums of third, sixth and twelfth powers."""
    third = (sums[0] / pixels) ** (1 / 3)
    sixth = (sums[1] / pixels) ** (1 / 6)
    return (third + sixth + (sums[2] / pixels) ** (1 / 12)) / 3


@njit(nogil=True, cache=True)
def _compare_tile(number: Any, full: Any, half: Any, weights: Any, work: Any) -> Any:
    """Compare one tile at both levels; the half level of four tiles is computed with the first of them.

    Returns:
        First row and column of the tile, and its rows and columns.
    """
    buffers, tile, under, known = work
    height, width = full[2].shape
    half_height, half_width = half[2].shape
    across = (width + COLUMNS - 1) // COLUMNS
    top, left = number // across * ROWS, number % across * COLUMNS
    rows, columns = min(ROWS, height - top), min(COLUMNS, width - left)
    _level_tile(full, top, left, weights, buffers, tile[:rows, :columns])
    if half_height:
        down, right = top // (2 * ROWS), left // (2 * COLUMNS)
        if not known[down, right]:
            y, x = down * ROWS, right * COLUMNS
            part = under[y : min(y + ROWS, half_height), x : min(x + COLUMNS, half_width)]
            _level_tile(half, y, x, weights, buffers, part)
            known[down, right] = True
        for y in range(rows):
            add_half_row(tile[y, :columns], under[(top + y) // 2], left)
    return top, left, rows, columns


@njit(nogil=True, cache=True)
def _tally(tile: Any, place: Any, crop: Any, cubes: Any, sums: Any) -> Any:
    """Add the powers of a tile, or return its highest value, inside the crop."""
    top, left, rows, columns = place
    first, last = max(crop[1] - left, 0), min(crop[1] + crop[3] - left, columns)
    most = _ZERO
    for y in range(max(crop[0] - top, 0), min(crop[0] + crop[2] - top, rows)):
        if cubes:
            cubes_row(tile[y, first:last], sums)
        else:
            most = max(most, highest(tile[y, first:last]))
    return np.float64(most)


@njit(nogil=True, cache=True)
def compare(full: Any, half: Any, weights: Any, order: Any, limit: Any, crop: Any, cubes: Any, out: Any) -> Any:
    """Compare two images.

    Args:
        full: Full level, as `pair` of `_level_tile`.
        half: Half level, as `pair` of `_level_tile`; of height 0 if there is none.
        weights: As in `_level_tile`.
        order: Numbers of the tiles in the order of their comparison.
        limit: No more tiles are compared once the norm exceeds it.
        crop: First row, first column, rows and columns that count.
        cubes: Whether to return the 3-norm instead of the maximum.
        out: Shape (height, width), receives the map, or shape (0, 0).

    Returns:
        The norm of the compared tiles, and their number.
    """
    half_height, half_width = half[2].shape
    buffers = (
        np.empty((ROWS + 2 * _HALO) * _STRIDE, np.float32),
        np.empty((ROWS, COLUMNS), np.float32),
        np.empty((ROWS, COLUMNS), np.float32),
    )
    tile, under = np.empty((ROWS, COLUMNS), np.float32), np.empty((half_height, half_width), np.float32)
    known = np.zeros((half_height // ROWS + 1, half_width // COLUMNS + 1), np.bool_)
    work = (buffers, tile, under, known)
    sums, total = np.zeros((order.size, 3)), np.zeros(3)
    norm, compared = 0.0, 0
    for number in order:
        place = _compare_tile(number, full, half, weights, work)
        norm = max(norm, _tally(tile, place, crop, cubes, sums[number]))
        if out.size:
            top, left, rows, columns = place
            out[top : top + rows, left : left + columns] = tile[:rows, :columns]
        compared += 1
        if cubes:
            total += sums[number]
            norm = three_norm(total, crop[2] * crop[3]) * _ROUNDING
        if norm > limit:
            return norm, compared
    if cubes:
        # summed in a fixed order, so that the result does not depend on the order of the tiles
        total[:] = 0
        for number in range(order.size):
            total += sums[number]
        norm = three_norm(total, crop[2] * crop[3])
    return norm, compared
