"""Numba kernels of the structure metric: tone curves, differences and shifts of images given as rows of pixels."""

from typing import Any

import numpy as np
from numba import njit

BINS = 256
"""Bins of a tone curve."""
_PART = 4096
"""Pixels summed in single precision before the sum is added in double precision: more are faster and less exact."""

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True)
def tone_curve(clip: Any, ref: Any, curve: Any) -> None:
    """Fill a rising curve of BINS values that maps luma of clip (0 to 1) to the mean luma of ref at the same pixels.

    The mean of each bin is smoothed and then made monotonic by pooling adjacent violators (R. Barlow et al.,
    Statistical inference under order restrictions, 1972), weighted by the number of its pixels.

    Args:
        clip: (p,) float32.
        ref: (p,) float32.
        curve: (BINS,) float32, receives the curve.
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
def apply_curve(image: Any, curve: Any, out: Any) -> None:
    """Apply a curve of BINS values to an image (p,), with linear interpolation."""
    for i in range(image.size):
        x = min(np.float32(BINS - 1), max(np.float32(0), image[i] * np.float32(BINS - 1)))
        b = min(BINS - 2, int(x))
        out[i] = curve[b] + (x - b) * (curve[b + 1] - curve[b])


@njit(nogil=True, cache=True, fastmath=_FAST)
def mean_difference(first: Any, second: Any) -> Any:
    """Return the mean absolute difference of two images (p,)."""
    total = 0.0
    # single precision sums of short parts, which are fast and precise enough
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
def mean_deviation(image: Any) -> Any:
    """Return the mean absolute deviation of an image (p,) from its mean."""
    total = 0.0
    for i in range(image.size):
        total += image[i]
    mean = np.float32(total / image.size)
    out = 0.0
    for i in range(image.size):
        out += abs(image[i] - mean)
    return out / image.size


@njit(nogil=True, cache=True)
def small_shift(ref: Any, clip: Any, slope_x: Any, slope_y: Any) -> Any:
    """Return the subpixel shift that explains most of the difference of two images.

    Least squares on the gradients (B. Lucas and T. Kanade, 1981) with weights that fall with the residual, so that
    local motion has little effect.

    Args:
        ref: (p,) pixels.
        clip: (p,) pixels.
        slope_x: (p,) gradient of ref in x, per pixel.
        slope_y: (p,) gradient of ref in y, per pixel.

    Returns:
        The shift in x and y in pixels; zeros if there are no edges.
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
def mean_difference_within(ref: Any, clip: Any, slope_x: Any, slope_y: Any, max_shift: Any) -> Any:
    """Return the mean absolute difference of two images after the best small shift, of `max_shift` pixels at most."""
    x, y = small_shift(ref, clip, slope_x, slope_y)
    length = (x * x + y * y) ** 0.5
    if length > max_shift:
        x, y = np.float32(x * max_shift / length), np.float32(y * max_shift / length)
    total = 0.0
    for start in range(0, ref.size, _PART):
        part = slice(start, start + _PART)
        total += _sum_shifted(ref[part], clip[part], slope_x[part], slope_y[part], x, y)
    return total / ref.size


@njit(nogil=True, fastmath=_FAST, inline="always")
def _sum_shifted(ref: Any, clip: Any, slope_x: Any, slope_y: Any, x: Any, y: Any) -> Any:
    part = np.float32(0)
    for i in range(ref.size):
        part += abs(clip[i] - ref[i] - x * slope_x[i] - y * slope_y[i])
    return part
