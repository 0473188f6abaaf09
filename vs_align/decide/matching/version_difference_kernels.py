"""Numba kernels of `vs_align.decide.matching.version_difference`: thumbnails, normal equations and correlation.

They are serial: threads of a linear algebra library would compete with the threads of the search.
"""

from typing import Any

import numpy as np
from numba import njit

REGRESSORS = 9
"""Three of tone: 1, level and its square; six of an affine displacement."""


@njit(nogil=True, cache=True)
def cell_means(plane: Any, samples: Any, peak: Any, out: Any) -> Any:
    """Fill means of cells of a plane, 0 to 1, from about samples**2 values each."""
    height, width = plane.shape
    rows, columns = out.shape
    low, high = -0.5 * peak, 1.5 * peak
    for i in range(rows):
        top = i * height // rows
        bottom = max(top + 1, (i + 1) * height // rows)
        down = max(1, (bottom - top) // samples)
        for j in range(columns):
            left = j * width // columns
            right = max(left + 1, (j + 1) * width // columns)
            along = max(1, (right - left) // samples)
            total, count = 0.0, 0
            for y in range(top, bottom, down):
                for x in range(left, right, along):
                    value = np.float64(plane[y, x])
                    if not np.isnan(value):
                        total += min(max(value, low), high)
                    count += 1
            out[i, j] = total / (count * peak)


@njit(nogil=True, cache=True)
def solve(normal: Any, right: Any, stiffness: Any) -> Any:
    """Solve (normal + diag(stiffness)) x = right by Cholesky decomposition."""
    n = right.size
    lower, x = np.zeros((n, n)), right.copy()
    for i in range(n):
        for j in range(i + 1):
            total = normal[i, j] + (stiffness[i] if i == j else 0.0)
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            lower[i, j] = np.sqrt(max(total, 1e-12)) if i == j else total / lower[j, j]
    for i in range(n):
        for k in range(i):
            x[i] -= lower[i, k] * x[k]
        x[i] /= lower[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            x[i] -= lower[k, i] * x[k]
        x[i] /= lower[i, i]
    return x


@njit(nogil=True, cache=True)
def _regressors(clip: Any, ref: Any, regressors: Any, difference: Any) -> Any:
    """Fill the regressors (pixels, 9) of two images and the difference ref - clip (pixels,), without the border."""
    height, width = clip.shape
    row = 0
    for y in range(1, height - 1):
        v = (y - (height - 1) / 2) / (width / 2)
        for x in range(1, width - 1):
            u = (x - (width - 1) / 2) / (width / 2)
            level = 0.5 * (clip[y, x] + ref[y, x]) - 0.5
            along = 0.25 * (clip[y, x + 1] - clip[y, x - 1] + ref[y, x + 1] - ref[y, x - 1])
            down = 0.25 * (clip[y + 1, x] - clip[y - 1, x] + ref[y + 1, x] - ref[y - 1, x])
            regressor = regressors[row]
            regressor[0], regressor[1], regressor[2], regressor[3], regressor[4] = (
                1.0,
                level,
                level * level,
                along,
                down,
            )
            regressor[5], regressor[6], regressor[7], regressor[8] = u * along, v * down, v * along, u * down
            difference[row] = ref[y, x] - clip[y, x]
            row += 1


@njit(nogil=True, cache=True)
def _accumulate(regressors: Any, difference: Any, weight: Any, normal: Any, right: Any) -> Any:
    """Fill the weighted normal equations; weights (pixels,) are normalized to a sum of 1."""
    normal[:], right[:] = 0.0, 0.0
    total = weight.sum()
    for k in range(difference.size):
        regressor, share = regressors[k], weight[k] / total
        for i in range(REGRESSORS):
            scaled = regressor[i] * share
            right[i] += scaled * difference[k]
            for j in range(i + 1):
                normal[i, j] += scaled * regressor[j]
    for i in range(REGRESSORS):
        for j in range(i):
            normal[j, i] = normal[i, j]


@njit(nogil=True, cache=True)
def equations(
    clip: Any, ref: Any, stiffness: Any, rounds: Any, outlier: Any, least: Any, normal: Any, right: Any
) -> Any:
    """Fill the normal equations, per pixel, of ref - clip by iteratively reweighted least squares (Cauchy weights).

    Args:
        clip: (h, w) thumbnail of the match.
        ref: (h, w) thumbnail of the ref frame.
        stiffness: (9,) added to the diagonal.
        rounds: Reweightings.
        outlier: Residual of half weight, as a multiple of the median.
        least: Added to that residual.
        normal: (9, 9) receives the matrix.
        right: (9,) receives the right side.

    Returns:
        `outlier` times the median absolute residual, plus `least`.
    """
    count = (clip.shape[0] - 2) * (clip.shape[1] - 2)
    regressors, difference, weight = np.empty((count, REGRESSORS)), np.empty(count), np.ones(count)
    _regressors(clip, ref, regressors, difference)
    _accumulate(regressors, difference, weight, normal, right)
    usual = least
    for _ in range(rounds):
        found = solve(normal, right, stiffness)
        for k in range(count):
            explained = 0.0
            for i in range(REGRESSORS):
                explained += regressors[k, i] * found[i]
            weight[k] = abs(difference[k] - explained)
        usual = outlier * np.median(weight) + least
        for k in range(count):
            weight[k] = 1 / (1 + (weight[k] / usual) ** 2)
        _accumulate(regressors, difference, weight, normal, right)
    return usual


@njit(nogil=True, cache=True)
def correlation(first: Any, second: Any, flat: Any) -> Any:
    """Return the normalized correlation of two images. `flat` is added to both variances: flat images give about 0."""
    height, width = first.shape
    count = height * width
    sums = np.zeros(5)
    for y in range(height):
        for x in range(width):
            a, b = np.float64(first[y, x]), np.float64(second[y, x])
            sums[0] += a
            sums[1] += b
            sums[2] += a * a
            sums[3] += b * b
            sums[4] += a * b
    means_of = sums / count
    one = means_of[2] - means_of[0] ** 2 + flat
    other = means_of[3] - means_of[1] ** 2 + flat
    return (means_of[4] - means_of[0] * means_of[1]) / np.sqrt(one * other)
