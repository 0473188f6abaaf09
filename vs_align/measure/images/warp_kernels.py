"""Numba kernels that sample planes at the positions of a field, with tabulated separable weights.

They are serial and release the GIL, so that several threads can run them in parallel. NaN marks invalid pixels, so
fast-math is used without the flag that assumes that there are none.
"""

from typing import Any

import numpy as np
from numba import njit

PHASES = 4096
"""Number of tabulated positions between two pixels: the rounding error is at most 1/8192 pixel."""

FAST_WITH_NAN = {"reassoc", "contract", "arcp", "nsz", "afn"}


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN, inline="always")
def _weighed(plane: Any, left: Any, top: Any, across: Any, down: Any) -> Any:
    """Return the weighted sum of 8x8 samples, all inside the plane."""
    r0, r1, r2, r3 = plane[top], plane[top + 1], plane[top + 2], plane[top + 3]
    r4, r5, r6, r7 = plane[top + 4], plane[top + 5], plane[top + 6], plane[top + 7]
    total = np.float32(0)
    for k in range(8):
        i = left + k
        column = (down[0] * r0[i] + down[1] * r1[i]) + (down[2] * r2[i] + down[3] * r3[i])
        column += (down[4] * r4[i] + down[5] * r5[i]) + (down[6] * r6[i] + down[7] * r7[i])
        total += across[k] * column
    return total


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def _weighed_at_edge(plane: Any, left: Any, top: Any, across: Any, down: Any) -> Any:
    """Return the weighted sum of 8x8 samples with a replicated border."""
    height, width = plane.shape
    total = np.float32(0)
    for j in range(8):
        line = plane[min(max(top + j, 0), height - 1)]
        part = np.float32(0)
        for k in range(8):
            part += across[k] * line[min(max(left + k, 0), width - 1)]
        total += down[j] * part
    return total


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def sample_sharp(plane: Any, field: Any, table: Any, out: Any) -> Any:
    """Sample a plane with 8x8 taps and a replicated border.

    Args:
        plane: (height, width) float32.
        field: (h, w, 2) float32, positions in `plane`.
        table: (PHASES + 1, 8) float32, weights of 8 taps at each phase.
        out: (h, w) float32, written.
    """
    height, width = plane.shape
    half = np.float32(0.5)
    for y in range(field.shape[0]):
        row, positions = out[y], field[y]
        for x in range(field.shape[1]):
            u = min(max(positions[x, 0], np.float32(0)), np.float32(width - 1))
            v = min(max(positions[x, 1], np.float32(0)), np.float32(height - 1))
            left, top = np.int64(u), np.int64(v)
            across, down = table[np.int64((u - left) * PHASES + half)], table[np.int64((v - top) * PHASES + half)]
            left -= 3
            top -= 3
            if left >= 0 and top >= 0 and left + 8 <= width and top + 8 <= height:
                row[x] = _weighed(plane, left, top, across, down)
            else:
                row[x] = _weighed_at_edge(plane, left, top, across, down)


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def sample_three(
    planes: Any, field: Any, table: Any, lowest: Any, highest: Any, rounding: Any, first: Any, second: Any, third: Any
) -> Any:
    """Sample three planes at the same positions with 8x8 taps; a quarter faster than one plane at a time.

    Args:
        planes: (3, height, width) float32.
        field: (h, w, 2) float32, positions in the planes.
        table: (PHASES + 1, 8) float32, weights of 8 taps at each phase.
        lowest: Smallest value of a sample.
        highest: Largest value of a sample.
        rounding: Added before the conversion to the dtype of the output.
        first: (h, w) of any dtype, written from the first plane.
        second: (h, w) of any dtype, written from the second plane.
        third: (h, w) of any dtype, written from the third plane.
    """
    height, width = planes.shape[1:]
    half = np.float32(0.5)
    plane0, plane1, plane2 = planes[0], planes[1], planes[2]
    for y in range(field.shape[0]):
        row0, row1, row2, positions = first[y], second[y], third[y], field[y]
        for x in range(field.shape[1]):
            u = min(max(positions[x, 0], np.float32(0)), np.float32(width - 1))
            v = min(max(positions[x, 1], np.float32(0)), np.float32(height - 1))
            left, top = np.int64(u), np.int64(v)
            across, down = table[np.int64((u - left) * PHASES + half)], table[np.int64((v - top) * PHASES + half)]
            left -= 3
            top -= 3
            if left >= 0 and top >= 0 and left + 8 <= width and top + 8 <= height:
                a = _weighed(plane0, left, top, across, down)
                b = _weighed(plane1, left, top, across, down)
                c = _weighed(plane2, left, top, across, down)
            else:
                a = _weighed_at_edge(plane0, left, top, across, down)
                b = _weighed_at_edge(plane1, left, top, across, down)
                c = _weighed_at_edge(plane2, left, top, across, down)
            row0[x] = min(max(a + rounding, lowest), highest)
            row1[x] = min(max(b + rounding, lowest), highest)
            row2[x] = min(max(c + rounding, lowest), highest)


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN, inline="always")
def weighed_short(plane: Any, left: Any, top: Any, across: Any, down: Any) -> Any:
    """Return the weighted sum of 4x4 samples, all inside the plane."""
    r0, r1, r2, r3 = plane[top], plane[top + 1], plane[top + 2], plane[top + 3]
    total = np.float32(0)
    for k in range(4):
        i = left + k
        total += across[k] * ((down[0] * r0[i] + down[1] * r1[i]) + (down[2] * r2[i] + down[3] * r3[i]))
    return total


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def weighed_short_at_edge(plane: Any, left: Any, top: Any, across: Any, down: Any) -> Any:
    """Return the weighted sum of 4x4 samples with a replicated border."""
    height, width = plane.shape
    total = np.float32(0)
    for j in range(4):
        line = plane[min(max(top + j, 0), height - 1)]
        for k in range(4):
            total += down[j] * across[k] * line[min(max(left + k, 0), width - 1)]
    return total


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def sample_three_short(
    planes: Any, field: Any, table: Any, lowest: Any, highest: Any, rounding: Any, first: Any, second: Any, third: Any
) -> Any:
    """Sample three planes with 4x4 taps; parameters as in `sample_three`, with a table of shape (PHASES + 1, 4)."""
    height, width = planes.shape[1:]
    half = np.float32(0.5)
    plane0, plane1, plane2 = planes[0], planes[1], planes[2]
    for y in range(field.shape[0]):
        row0, row1, row2, positions = first[y], second[y], third[y], field[y]
        for x in range(field.shape[1]):
            u = min(max(positions[x, 0], np.float32(0)), np.float32(width - 1))
            v = min(max(positions[x, 1], np.float32(0)), np.float32(height - 1))
            left, top = np.int64(u), np.int64(v)
            across, down = table[np.int64((u - left) * PHASES + half)], table[np.int64((v - top) * PHASES + half)]
            left -= 1
            top -= 1
            if left >= 0 and top >= 0 and left + 4 <= width and top + 4 <= height:
                a = weighed_short(plane0, left, top, across, down)
                b = weighed_short(plane1, left, top, across, down)
                c = weighed_short(plane2, left, top, across, down)
            else:
                a = weighed_short_at_edge(plane0, left, top, across, down)
                b = weighed_short_at_edge(plane1, left, top, across, down)
                c = weighed_short_at_edge(plane2, left, top, across, down)
            row0[x] = min(max(a + rounding, lowest), highest)
            row1[x] = min(max(b + rounding, lowest), highest)
            row2[x] = min(max(c + rounding, lowest), highest)


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def sample_wide(plane: Any, field: Any, tables: Any, lowest: Any, highest: Any, rounding: Any, out: Any) -> Any:
    """Sample one plane with kernels of any width.

    Args:
        plane: (height, width) float32.
        field: (h, w, 2) float32, positions in `plane`.
        tables: Weights across and down, (PHASES + 1, taps) float32 each.
        lowest: Smallest value of a sample.
        highest: Largest value of a sample.
        rounding: Added before the conversion to the dtype of `out`.
        out: (h, w) of any dtype, written.
    """
    height, width = plane.shape
    wide, tall = tables[0].shape[1], tables[1].shape[1]
    for y in range(field.shape[0]):
        row = out[y]
        positions = field[y]
        for x in range(field.shape[1]):
            u = min(max(positions[x, 0], np.float32(0)), np.float32(width - 1))
            v = min(max(positions[x, 1], np.float32(0)), np.float32(height - 1))
            left, top = np.int64(u), np.int64(v)
            across = tables[0][np.int64((u - left) * PHASES + np.float32(0.5))]
            down = tables[1][np.int64((v - top) * PHASES + np.float32(0.5))]
            left -= wide // 2 - 1
            top -= tall // 2 - 1
            total = np.float32(0)
            inside = left >= 0 and left + wide <= width
            for j in range(tall):
                line = plane[min(max(top + j, 0), height - 1)]
                part = np.float32(0)
                if inside:
                    for k in range(wide):
                        part += across[k] * line[left + k]
                else:
                    for k in range(wide):
                        part += across[k] * line[min(max(left + k, 0), width - 1)]
                total += down[j] * part
            row[x] = min(max(total + rounding, lowest), highest)
