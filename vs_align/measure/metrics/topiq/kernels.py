"""Numba kernels of TOPIQ on the CPU: differences, gate and gated means of feature maps.

They are serial and release the GIL, so that several threads may run them in parallel. Maps are float32, channels last.
"""

from typing import Any

import numpy as np
from numba import njit

_MIN_SQUARED = np.float32(1e-12)
"""Added under the square root of a difference, as in CFANet, so that it is above 0."""


@njit(nogil=True, cache=True, inline="always")
def _difference(x: Any, y: Any) -> Any:
    return np.sqrt((x - y) * (x - y) + _MIN_SQUARED)


@njit(nogil=True, cache=True)
def differences(x: Any, y: Any, out: Any) -> None:
    """Fill the absolute difference of two flat maps."""
    for i in range(out.size):
        out[i] = _difference(x[i], y[i])


@njit(nogil=True, cache=True)
def gate(taps: Any, bias: Any, out: Any) -> None:
    """Sum the nine taps of a zero-padded 3x3 convolution, and apply the sigmoid.

    Args:
        taps: (h, w, 9 or more), contribution of each pixel to each of its neighbors, in the order of the weights.
        bias: Added to each sum.
        out: (h, w), receives the gate.
    """
    height, width = out.shape
    for row in range(height):
        line = out[row]
        line[:] = bias
        for i in range(3):
            source = row + i - 1
            if source < 0 or source >= height:
                continue
            for column in range(width):
                total = taps[source, column, 3 * i + 1]
                if column > 0:
                    total += taps[source, column - 1, 3 * i]
                if column < width - 1:
                    total += taps[source, column + 1, 3 * i + 2]
                line[column] += total
        for column in range(width):
            line[column] = np.float32(1) / (np.float32(1) + np.exp(-line[column]))


@njit(nogil=True, cache=True)
def gated_means(x: Any, y: Any, weights: Any, tall: Any, wide: Any, out: Any) -> None:
    """Fill the gated means of x, y and their difference over cells (adaptive average pooling).

    Args:
        x: (h, w, C) features of the candidate.
        y: (h, w, C) features of ref.
        weights: (h, w) gate.
        tall: Rows of cells. Cell row k covers rows from floor(k h / tall) to before ceil((k + 1) h / tall).
        wide: Columns of cells.
        out: (tall wide, 3 C), receives the means.
    """
    height, width, channels = x.shape
    for cell in range(tall * wide):
        k, j = cell // wide, cell % wide
        top, bottom = k * height // tall, -((-(k + 1) * height) // tall)
        left, right = j * width // wide, -((-(j + 1) * width) // wide)
        share = np.float32(1) / np.float32((bottom - top) * (right - left))
        sums = out[cell]
        sums[:] = 0
        of_x, of_y, of_difference = sums[:channels], sums[channels : 2 * channels], sums[2 * channels :]
        for row in range(top, bottom):
            for column in range(left, right):
                weight = weights[row, column] * share
                x_here, y_here = x[row, column], y[row, column]
                for c in range(channels):
                    of_x[c] += weight * x_here[c]
                    of_y[c] += weight * y_here[c]
                    of_difference[c] += weight * _difference(x_here[c], y_here[c])
