"""Numba kernels of compositing: coverage with antialiased edges, separable resampling, blending, color gains.

They are serial and release the GIL, so that several threads run in parallel.
"""

import math
from typing import Any

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True, fastmath=FAST)
def _fill_inside(row: Any, edges: Any, first: Any, y: Any, wide: Any, tall: Any) -> Any:
    """Write the coverage of each sample of a row by four edges; a sample is `wide` x `tall` pixels."""
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    slopes, starts = np.empty(4, np.float32), np.empty(4, np.float32)
    for k in range(4):
        # distance in units of the sample's extent across the edge
        extent = abs(edges[k, 0]) * wide + abs(edges[k, 1]) * tall
        slopes[k] = edges[k, 0] * wide / extent
        starts[k] = (edges[k, 0] * first + edges[k, 1] * y + edges[k, 2]) / extent + half
    a, b, c, d = slopes
    e, f, g, h = starts
    for i in range(row.shape[0]):
        x = np.float32(i)
        left, top = min(max(a * x + e, zero), one), min(max(b * x + f, zero), one)
        right, bottom = min(max(c * x + g, zero), one), min(max(d * x + h, zero), one)
        row[i] = (left * top) * (right * bottom)


@njit(nogil=True, cache=True, fastmath=FAST)
def fill_coverage(
    out: Any, first: Any, grid: Any, edges: Any, bg_edges: Any, feathered: Any, margin: Any, opacity: Any
) -> Any:
    """Write the coverage of samples by an image.

    Args:
        out: Shape (h, w), float32: a part of a plane.
        first: Column and row of its first sample in the plane.
        grid: Where samples lie in pixels of the canvas: x = grid[0] * column + grid[1], y = grid[2] * row + grid[3].
            The coverage of a chroma sample is the mean over the luma pixels that share it, regardless of its siting:
            an image with edges on chroma boundaries covers its samples entirely.
        edges: Edges of the image, shape (4, 3), see `edge_lines`.
        bg_edges: Edges of bg, shape (4, 3). The feather is applied inside of bg only.
        feathered: Which edges are feathered.
        margin: Width of the feather in pixels, 0 for none.
        opacity: Factor of the coverage, 0..1.
    """
    wide, tall, one = np.float32(grid[0]), np.float32(grid[2]), np.float32(1)
    feathers = margin > 0 and feathered.any()
    middle_x = grid[0] * (first[0] + 0.5) - 0.5
    on_bg = np.empty(out.shape[1] if feathers else 0, np.float32)
    for j in range(out.shape[0]):
        row = out[j]
        middle_y = grid[2] * (j + first[1] + 0.5) - 0.5
        _fill_inside(row, edges, middle_x, middle_y, wide, tall)
        if feathers:
            _fill_inside(on_bg, bg_edges, middle_x, middle_y, wide, tall)
            y = grid[2] * (j + first[1]) + grid[3]
            for i in range(out.shape[1]):
                x = grid[0] * (i + first[0]) + grid[1]
                ramp = one
                for k in range(4):
                    if feathered[k]:
                        distance = (edges[k, 0] * x + edges[k, 1] * y + edges[k, 2]) / margin
                        if distance < 1:
                            ramp *= np.float32(0.5 - 0.5 * math.cos(math.pi * max(distance, 0.0)))
                row[i] *= one - on_bg[i] * (one - ramp)
        if opacity < 1:
            for i in range(out.shape[1]):
                row[i] *= opacity


@njit(nogil=True, cache=True, fastmath=FAST)
def fill_sample_points(out: Any, first: Any, matrix: Any) -> Any:
    """Map the samples of a part of a plane by a homography.

    Args:
        out: Mapped positions (x, y), shape (h, w, 2), float32.
        first: Column and row of the first sample.
        matrix: Homography, shape (3, 3), float64.
    """
    for j in range(out.shape[0]):
        y = np.float64(j + first[1])
        line = out[j]
        u0 = matrix[0, 1] * y + matrix[0, 2]
        v0 = matrix[1, 1] * y + matrix[1, 2]
        w0 = matrix[2, 1] * y + matrix[2, 2]
        for i in range(out.shape[1]):
            x = np.float64(i + first[0])
            # points behind the horizon are mapped far outside
            w = 1.0 / max(matrix[2, 0] * x + w0, 1e-9)
            line[i, 0] = np.float32((matrix[0, 0] * x + u0) * w)
            line[i, 1] = np.float32((matrix[1, 0] * x + v0) * w)


@njit(nogil=True, cache=True, fastmath=FAST)
def sample_upright(plane: Any, lefts: Any, across: Any, tops: Any, down: Any, out: Any) -> Any:
    """Resample a plane separably, first along rows, then along columns.

    Args:
        plane: Shape (height, width), float32; beyond the border its samples are repeated.
        lefts: Column of the first tap for each column of the result, shape (w,), int64.
        across: Weights of the horizontal taps, shape (w, taps), float32.
        tops: Row of the first tap for each row of the result, rising, shape (h,), int64.
        down: Weights of the vertical taps, shape (h, taps), float32.
        out: Shape (h, w), float32.
    """
    height, width = plane.shape
    wide, tall = across.shape[1], down.shape[1]
    # ring buffer of horizontally resampled rows, as many as one row of the result needs
    ring = np.empty((tall, out.shape[1]), np.float32)
    ready = tops[0] - 1
    for y in range(out.shape[0]):
        for j in range(max(ready + 1, tops[y]), tops[y] + tall):
            line, target = plane[min(max(j, 0), height - 1)], ring[j % tall]
            for x in range(out.shape[1]):
                left = lefts[x]
                total = np.float32(0)
                if left >= 0 and left + wide <= width:
                    for k in range(wide):
                        total += across[x, k] * line[left + k]
                else:
                    for k in range(wide):
                        total += across[x, k] * line[min(max(left + k, 0), width - 1)]
                target[x] = total
            ready = j
        row = out[y]
        row[:] = 0
        for j in range(tall):
            weight, source = down[y, j], ring[(tops[y] + j) % tall]
            for x in range(out.shape[1]):
                row[x] += weight * source[x]


@njit(nogil=True, cache=True, fastmath=FAST)
def lay(out: Any, image: Any, share: Any, peak: Any) -> Any:
    """Blend an image over another one in place.

    Args:
        out: The lower image, shape (h, w), any dtype.
        image: The upper image, shape (h, w), float32.
        share: Weight of the upper image, shape (h, w), float32, 0..1.
        peak: Largest value of an integer format, 0 for float.
    """
    for j in range(out.shape[0]):
        row, above, weights = out[j], image[j], share[j]
        for i in range(out.shape[1]):
            weight = weights[i]
            if weight > 0:
                value = np.float32(above[i])
                if weight < 1:
                    value = np.float32(row[i]) + weight * (value - np.float32(row[i]))
                if peak > 0:
                    row[i] = min(max(value + np.float32(0.5), np.float32(0)), np.float32(peak))
                else:
                    row[i] = value


@njit(nogil=True, cache=True, fastmath=FAST)
def apply_gains(plane: Any, gain: Any, offset: Any) -> Any:
    """Apply a gain and an offset to a plane of linear light in place; negative results become 0."""
    for j in range(plane.shape[0]):
        row = plane[j]
        for i in range(plane.shape[1]):
            row[i] = max(row[i] * gain + offset, np.float32(0))
