"""Numba kernels of the DIS engine: sampling, normal equations of cells, control grids, local contrast, histograms.

They are serial and release the GIL, so that several threads can run them in parallel. NaN marks invalid pixels, so
fast-math is used without the flag that assumes that there are none.
"""

from typing import Any

import numpy as np
from numba import njit

from vs_align.measure.images.warp_kernels import FAST_WITH_NAN, PHASES, weighed_short, weighed_short_at_edge

EQUATIONS = 7
"""Columns of the normal equations of a cell: sums over its pixels of the weighted products of gradients and difference
(xx, xy, yy, xd, yd), of the squared difference, and of the mean square of both images."""


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def sample_cubic(image: Any, field: Any, table: Any, out: Any) -> None:
    """Sample an image with 4x4 taps; NaN for positions outside.

    Args:
        image: (height, width) float32.
        field: (h, w, 2) float32, positions in `image`.
        table: (PHASES + 1, 4) float32, weights of 4 taps at each phase.
        out: (h, w) float32, written.
    """
    height, width = image.shape
    for y in range(field.shape[0]):
        row = out[y]
        positions = field[y]
        for x in range(field.shape[1]):
            u, v = positions[x, 0], positions[x, 1]
            if not (u >= 0 and v >= 0 and u <= width - 1 and v <= height - 1):
                row[x] = np.nan
                continue
            left, top = np.int64(u), np.int64(v)
            across = table[np.int64((u - left) * PHASES + np.float32(0.5))]
            down = table[np.int64((v - top) * PHASES + np.float32(0.5))]
            left -= 1
            top -= 1
            if left >= 0 and top >= 0 and left + 4 <= width and top + 4 <= height:
                row[x] = weighed_short(image, left, top, across, down)
            else:
                row[x] = weighed_short_at_edge(image, left, top, across, down)


@njit(nogil=True, cache=True)
def mask_outside(field: Any, width: Any, height: Any, out: Any) -> None:
    """Set samples to NaN whose positions lie outside an image of the given size in pixels."""
    for y in range(field.shape[0]):
        row, positions = out[y], field[y]
        for x in range(field.shape[1]):
            u, v = positions[x, 0], positions[x, 1]
            if not (u >= 0 and v >= 0 and u <= width - 1 and v <= height - 1):
                row[x] = np.nan


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def accumulate_equations(ref: Any, warped: Any, cell_size: Any, sharpness: Any, lines: Any, out: Any) -> None:
    """Accumulate the normal equations of each cell.

    Args:
        ref: (h, w) float32.
        warped: (h, w) float32, the warped image of clip.
        cell_size: Side of a cell in pixels.
        sharpness: Weight of a difference: 1 / (1 + sharpness * difference ** 2).
        lines: (EQUATIONS, w) float32, buffer for column sums.
        out: (rows, columns, EQUATIONS) float32, written: means over the area of a cell.
    """
    height, width = ref.shape
    quarter, half = np.float32(0.25), np.float32(0.5)
    s0, s1, s2, s3, s4, s5, s6 = lines[0], lines[1], lines[2], lines[3], lines[4], lines[5], lines[6]
    for row in range(out.shape[0]):
        lines[:] = 0
        for y in range(max(1, row * cell_size), min(height - 1, (row + 1) * cell_size)):
            r0, r1, r2 = ref[y - 1], ref[y], ref[y + 1]
            w0, w1, w2 = warped[y - 1], warped[y], warped[y + 1]
            for x in range(1, width - 1):
                gx = quarter * ((r1[x + 1] - r1[x - 1]) + (w1[x + 1] - w1[x - 1]))
                gy = quarter * ((r2[x] - r0[x]) + (w2[x] - w0[x]))
                e = r1[x] - w1[x]
                probe = gx + gy + e
                known = probe == probe
                square = e * e
                weight = np.float32(1) / (np.float32(1) + sharpness * square)
                wx, wy = weight * gx, weight * gy
                s0[x] += wx * gx if known else np.float32(0)
                s1[x] += wx * gy if known else np.float32(0)
                s2[x] += wy * gy if known else np.float32(0)
                s3[x] += wx * e if known else np.float32(0)
                s4[x] += wy * e if known else np.float32(0)
                s5[x] += square if known else np.float32(0)
                s6[x] += half * (r1[x] * r1[x] + w1[x] * w1[x]) if known else np.float32(0)
        scale = np.float32(1.0 / (cell_size * cell_size))
        for column in range(out.shape[1]):
            stop = min(width, (column + 1) * cell_size)
            for k in range(lines.shape[0]):
                total = np.float32(0)
                line = lines[k]
                for x in range(column * cell_size, stop):
                    total += line[x]
                out[row, column, k] = total * scale


@njit(nogil=True, cache=True, fastmath=True)
def interpolate_grid(padded: Any, cell_size: Any, matrix: Any, out: Any) -> None:
    """Interpolate a control grid to pixels (Catmull-Rom) and apply a homography to the displaced pixels.

    Args:
        padded: (2, rows + 4, columns + 4) float32, displacements at the centers of cells with two more cells per side.
        cell_size: Side of a cell in pixels.
        matrix: (3, 3), applied to the displaced pixels.
        out: (h, w, 2) float32, the field, written.
    """
    height, width = out.shape[:2]
    columns = padded.shape[2]
    weights = np.empty((cell_size, 4), np.float32)
    for j in range(cell_size):
        t = ((j + 0.5) / cell_size + 0.5) % 1.0
        weights[j, 0] = ((-0.5 * t + 1) * t - 0.5) * t
        weights[j, 1] = (1.5 * t - 2.5) * t * t + 1
        weights[j, 2] = ((-1.5 * t + 2) * t + 0.5) * t
        weights[j, 3] = (0.5 * t - 0.5) * t * t
    line = np.empty((2, columns), np.float32)
    m00, m01, m02 = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    m10, m11, m12 = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    m20, m21, m22 = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    for y in range(height):
        first = (2 * y + 1 + 3 * cell_size) // (2 * cell_size) - 1
        w0, w1, w2, w3 = weights[y % cell_size]
        for k in range(2):
            p0, p1, p2, p3 = padded[k, first], padded[k, first + 1], padded[k, first + 2], padded[k, first + 3]
            target = line[k]
            for x in range(columns):
                target[x] = (w0 * p0[x] + w1 * p1[x]) + (w2 * p2[x] + w3 * p3[x])
        row = out[y]
        across, down = line[0], line[1]
        for x in range(width):
            i = (2 * x + 1 + 3 * cell_size) // (2 * cell_size) - 1
            w = weights[x % cell_size]
            px = x + ((w[0] * across[i] + w[1] * across[i + 1]) + (w[2] * across[i + 2] + w[3] * across[i + 3]))
            py = y + ((w[0] * down[i] + w[1] * down[i + 1]) + (w[2] * down[i + 2] + w[3] * down[i + 3]))
            z = m20 * px + m21 * py + m22
            row[x, 0] = (m00 * px + m01 * py + m02) / z
            row[x, 1] = (m10 * px + m11 * py + m12) / z


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def divide_by_deviation(luma: Any, mean: Any, square: Any, floor: Any, out: Any) -> None:
    """Subtract the local mean and divide by the local standard deviation.

    Args:
        luma: (h, w) float32.
        mean: (h, w), its local mean.
        square: (h, w), the local mean of its square.
        floor: Standard deviation that is added in quadrature.
        out: (h, w) float32, written.
    """
    least = floor * floor
    for y in range(luma.shape[0]):
        source, middle, power, target = luma[y], mean[y], square[y], out[y]
        for x in range(luma.shape[1]):
            variance = max(power[x] - middle[x] * middle[x], np.float32(0)) + least
            target[x] = (source[x] - middle[x]) / np.sqrt(variance)


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def block_noise(luma: Any, block: Any, out: Any) -> None:
    """Fill the mean absolute response of blocks to a kernel that ignores edges: the difference of two Laplacians.

    Args:
        luma: (h, w) float32.
        block: Side of a block in pixels.
        out: (rows, columns) of the whole blocks that fit, one pixel away from the edges, written.
    """
    two, four, scale = np.float32(2), np.float32(4), np.float32(1.0 / (block * block))
    width = out.shape[1] * block
    line = np.empty(width, np.float32)
    for row in range(out.shape[0]):
        line[:] = 0
        for y in range(row * block, (row + 1) * block):
            above, here, below = luma[y], luma[y + 1], luma[y + 2]
            for x in range(width):
                corners = (above[x] + above[x + 2]) + (below[x] + below[x + 2])
                sides = (above[x + 1] + below[x + 1]) + (here[x] + here[x + 2])
                line[x] += abs(corners - two * sides + four * here[x + 1])
        for column in range(out.shape[1]):
            total = np.float32(0)
            for x in range(column * block, (column + 1) * block):
                total += line[x]
            out[row, column] = total * scale


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def mark_inside(field: Any, width: Any, height: Any, out: Any) -> None:
    """Mark positions of a field inside an image of the given size in pixels, edges of pixels included."""
    half = np.float32(0.5)
    for y in range(field.shape[0]):
        row, positions = out[y], field[y]
        for x in range(field.shape[1]):
            u, v = positions[x, 0], positions[x, 1]
            row[x] = u >= -half and v >= -half and u <= width - half and v <= height - half


@njit(nogil=True, cache=True, fastmath=FAST_WITH_NAN)
def joint_histogram(ref: Any, warped: Any, steepness: Any, out: Any) -> None:
    """Fill the joint histogram of two images, with lower weights at edges and without over-range values.

    Args:
        ref: (h, w) float32, 0..1.
        warped: (h, w) float32; NaN is ignored.
        steepness: Weight of a pixel: 1 / (1 + steepness * squared gradient).
        out: (bins, bins) float32, written: ref in rows, warped in columns.
    """
    height, width = ref.shape
    bins = out.shape[0]
    lowest, highest = np.float32(-0.5 / bins), np.float32(1 + 0.5 / bins)
    out[:] = 0
    for y in range(1, height - 1):
        above, row, below, other = ref[y - 1], ref[y], ref[y + 1], warped[y]
        for x in range(1, width - 1):
            value = other[x]
            if not (value >= lowest and value <= highest and row[x] >= lowest and row[x] <= highest):
                continue
            gx, gy = row[x + 1] - row[x - 1], below[x] - above[x]
            weight = np.float32(1) / (np.float32(1) + steepness * (gx * gx + gy * gy))
            if weight != weight:
                continue
            i = min(max(np.int64(row[x] * bins), 0), bins - 1)
            j = min(max(np.int64(value * bins), 0), bins - 1)
            out[i, j] += weight
