"""Kernels of the metric "structure": tone curves and differences of many pictures, given as rows of pixels."""

from typing import Any

import numpy as np
from numba import njit

BINS = 256
_PART = 4096

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True)
def tone_curve(clip: Any, ref: Any, curve: Any) -> None:
    """Fill a rising curve of BINS values that takes clip's brightness (0..1) to the mean of ref's at the same places.

    Means of each brightness are smoothed and then made monotonic by pooling adjacent violators (R. Barlow et al.,
    Statistical inference under order restrictions, 1972), weighted by how many pixels they stand for.
    """
    counts, sums = np.zeros(BINS), np.zeros(BINS)
    for i in range(clip.size):
        b = min(BINS - 1, max(0, int(clip[i] * (BINS - 1) + np.float32(0.5))))
        counts[b] += 1.0
        sums[b] += ref[i]
    mass, mean = np.zeros(BINS), np.zeros(BINS)
    for b in range(BINS):
        total, weight = 0.0, 0.0
        for d in range(-5, 6):
            if 0 <= b + d < BINS:
                share = np.exp(-d * d / 8.0)
                total += share * sums[b + d]
                weight += share * counts[b + d]
        mass[b] = weight
        mean[b] = total / weight if weight > 0 else 0.0
    # blocks of bins that share one value, as a stack
    values, weights, ends = np.empty(BINS), np.empty(BINS), np.empty(BINS, np.int64)
    top = -1
    for b in range(BINS):
        if mass[b] <= 0.0:
            continue
        top += 1
        values[top], weights[top], ends[top] = mean[b], mass[b], b
        while top > 0 and values[top - 1] > values[top]:
            both = weights[top - 1] + weights[top]
            values[top - 1] = (values[top - 1] * weights[top - 1] + values[top] * weights[top]) / both
            weights[top - 1], ends[top - 1] = both, ends[top]
            top -= 1
    block = 0
    for b in range(BINS):
        while block < top and b > ends[block]:
            block += 1
        curve[b] = values[max(0, block)] if top >= 0 else b / (BINS - 1)


@njit(nogil=True, cache=True)
def toned(picture: Any, curve: Any, out: Any) -> None:
    """Apply a curve of BINS values to a picture, straight between them."""
    for i in range(picture.size):
        x = min(np.float32(BINS - 1), max(np.float32(0), picture[i] * np.float32(BINS - 1)))
        b = min(BINS - 2, int(x))
        out[i] = curve[b] + (x - b) * (curve[b + 1] - curve[b])


@njit(nogil=True, cache=True, fastmath=_FAST)
def mean_difference(first: Any, second: Any) -> Any:
    """Mean absolute difference of two rows of pixels."""
    total = 0.0
    # sums of single floats, which are fast, of parts that are short enough to stay exact
    for start in range(0, first.size, _PART):
        total += _sum_of_differences(first[start : start + _PART], second[start : start + _PART])
    return total / first.size


@njit(nogil=True, fastmath=_FAST, inline="always")
def _sum_of_differences(first: Any, second: Any) -> Any:
    part = np.float32(0)
    for i in range(first.size):
        part += abs(first[i] - second[i])
    return part


@njit(nogil=True, cache=True, fastmath=_FAST)
def mean_deviation(picture: Any) -> Any:
    """Mean absolute difference of a row of pixels from its mean."""
    total = 0.0
    for i in range(picture.size):
        total += picture[i]
    mean = np.float32(total / picture.size)
    out = 0.0
    for i in range(picture.size):
        out += abs(picture[i] - mean)
    return out / picture.size


@njit(nogil=True, cache=True)
def small_shift(ref: Any, clip: Any, slope_x: Any, slope_y: Any) -> Any:
    """Shift of a fraction of a pixel that explains most of the difference of two rows of pixels.

    Least squares on the slopes (B. Lucas and T. Kanade, 1981) with weights that fall with what is left, so that what
    moves by itself hardly pulls.

    Returns:
        The shift in x and y in pixels; zeros where there are no edges.
    """
    x, y = np.float32(0), np.float32(0)
    scale = mean_difference(ref, clip) + 1e-4
    for _ in range(2):
        xx, xy, yy, x_wanted, y_wanted = 1e-6, 0.0, 1e-6, 0.0, 0.0
        for i in range(ref.size):
            gx, gy = slope_x[i], slope_y[i]
            difference = clip[i] - ref[i]
            weight = scale / (scale + abs(difference - x * gx - y * gy))
            xx += weight * gx * gx
            xy += weight * gx * gy
            yy += weight * gy * gy
            x_wanted += weight * gx * difference
            y_wanted += weight * gy * difference
        determinant = xx * yy - xy * xy
        if not determinant > 1e-3 * xx * yy:
            return np.float32(0), np.float32(0)
        x = np.float32((yy * x_wanted - xy * y_wanted) / determinant)
        y = np.float32((xx * y_wanted - xy * x_wanted) / determinant)
    return x, y


@njit(nogil=True, cache=True, fastmath=_FAST)
def mean_difference_within(ref: Any, clip: Any, slope_x: Any, slope_y: Any, reach: Any) -> Any:
    """Mean absolute difference of two rows of pixels after the best small shift, of `reach` pixels at most."""
    x, y = small_shift(ref, clip, slope_x, slope_y)
    length = (x * x + y * y) ** 0.5
    if length > reach:
        x, y = np.float32(x * reach / length), np.float32(y * reach / length)
    total = 0.0
    for start in range(0, ref.size, _PART):
        part = slice(start, start + _PART)
        total += _sum_apart(ref[part], clip[part], slope_x[part], slope_y[part], x, y)
    return total / ref.size


@njit(nogil=True, fastmath=_FAST, inline="always")
def _sum_apart(ref: Any, clip: Any, slope_x: Any, slope_y: Any, x: Any, y: Any) -> Any:
    part = np.float32(0)
    for i in range(ref.size):
        part += abs(clip[i] - ref[i] - x * slope_x[i] - y * slope_y[i])
    return part
