"""Numba kernels of TOPIQ on the CPU: the passes over whole feature maps that are no matrix products.

They are serial and release the GIL, so that several threads may run them side by side. Maps are float32, channels last.
"""

from typing import Any

import numpy as np
from numba import njit

# Keeps the root of the difference apart from 0.
_LEAST_SQUARED = np.float32(1e-12)


@njit(nogil=True, cache=True, inline="always")
def _difference(x: Any, y: Any) -> Any:
    return np.sqrt((x - y) * (x - y) + _LEAST_SQUARED)


@njit(nogil=True, cache=True)
def differences(x: Any, y: Any, out: Any) -> None:
    """Write the difference of two maps, all flat."""
    for i in range(out.size):
        out[i] = _difference(x[i], y[i])


@njit(nogil=True, cache=True)
def gate(taps: Any, bias: Any, out: Any) -> None:
    """Add up the nine taps of a 3x3 convolution with zeros outside, and take the sigmoid.

    Args:
        taps: (h, w, 9 or more): what each pixel gives to each of its neighbours, in the order of the weights.
        bias: Added to each sum.
        out: (h, w).
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
    """Write the weighted means of x, y and their difference over cells.

    Args:
        x: (h, w, C).
        y: (h, w, C).
        weights: (h, w).
        tall: Rows of cells. Cell row k reaches from row floor(k h / tall) to before ceil((k + 1) h / tall).
        wide: Columns of cells.
        out: (tall wide, 3 C).
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
