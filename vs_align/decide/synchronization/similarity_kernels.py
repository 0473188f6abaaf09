"""Numba kernels of frame similarity: local contrast normalization of thumbnails, and correlation of many pairs."""

from typing import Any

import numpy as np
from numba import njit

FLAT_ALIKE = -1.0
"""Stands for the dissimilarity of two flat frames of equal brightness: a match that proves nothing."""

_RADIUS = 5
"""Half width in pixels of the window over which local mean and deviation are measured."""
_NOISE = 0.012
"""Standard deviation, as a share of white, that counts as noise; its square is added to the local variance."""
_LARGEST = 3.0
"""Largest magnitude of a pixel in local standard deviations: a single bright spot must not dominate."""
SAME_BRIGHTNESS = 16.0
"""Difference of mean luma, in levels of 255, up to which two flat frames are equal."""

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True, fastmath=_FAST)
def local_contrast(images: Any, matrix: Any, weight: Any, inside: Any, out: Any) -> None:
    """Fill local-contrast normalized pixels of warped images: (pixel - local mean) / local deviation, clipped.

    Args:
        images: (n, height, width) uint8.
        matrix: (3, 3) homography from output pixels to image pixels.
        weight: (height, width) float32, 0 for output pixels to ignore, else 1.
        inside: (pixels,) flat indices of the output pixels to write.
        out: (n, pixels) float32, filled.
    """
    height, width = weight.shape
    identity = np.abs(matrix - np.eye(3)).max() == 0
    seen, made = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    masses = np.empty((height, width), np.float32)
    ones, unused = np.ones((height, width), np.float32), np.empty((height, width), np.float32)
    _box_sums(ones, weight, masses, unused)
    sums, squares = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    for n in range(len(images)):
        if identity:
            seen[:, :] = images[n] * np.float32(1 / 255)
        else:
            _warped(images[n], matrix, seen)
        _box_sums(seen, weight, sums, squares)
        for y in range(height):
            for x in range(width):
                share = np.float32(1) / max(masses[y, x], np.float32(1e-6))
                mean = sums[y, x] * share
                variance = max(squares[y, x] * share - mean * mean, np.float32(0))
                value = (seen[y, x] - mean) / np.sqrt(variance + np.float32(_NOISE * _NOISE))
                value = min(max(value, np.float32(-_LARGEST)), np.float32(_LARGEST))
                made[y, x] = value * weight[y, x]
        pixels = made.ravel()
        for k in range(inside.size):
            out[n, k] = pixels[inside[k]]


@njit(nogil=True, cache=True, fastmath=_FAST)
def _warped(image: Any, matrix: Any, seen: Any) -> None:
    """Warp an image to shares of white by bilinear interpolation; its borders are replicated."""
    height, width = seen.shape
    affine = matrix[2, 0] == 0.0 and matrix[2, 1] == 0.0
    for y in range(height):
        u_row, v_row = matrix[0, 1] * y + matrix[0, 2], matrix[1, 1] * y + matrix[1, 2]
        for x in range(width):
            u, v = matrix[0, 0] * x + u_row, matrix[1, 0] * x + v_row
            if not affine:
                depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
                u, v = u / depth, v / depth
            u, v = min(max(u, 0.0), width - 1.0), min(max(v, 0.0), height - 1.0)
            i, j = min(int(u), width - 2), min(int(v), height - 2)
            a, b = np.float32(u - i), np.float32(v - j)
            top = image[j, i] + a * (np.float32(image[j, i + 1]) - image[j, i])
            bottom = image[j + 1, i] + a * (np.float32(image[j + 1, i + 1]) - image[j + 1, i])
            seen[y, x] = (top + b * (bottom - top)) * np.float32(1 / 255)


@njit(nogil=True, cache=True, fastmath=_FAST)
def _box_sums(image: Any, weight: Any, sums: Any, squares: Any) -> None:
    """Fill weighted sums of the pixels in the window around each, and of their squares (running box sums)."""
    height, width = image.shape
    column, column_squares = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for y in range(-_RADIUS, height):
        if y + _RADIUS < height:
            _add_row(image[y + _RADIUS], weight[y + _RADIUS], np.float32(1), column, column_squares)
        if y - _RADIUS - 1 >= 0:
            _add_row(image[y - _RADIUS - 1], weight[y - _RADIUS - 1], np.float32(-1), column, column_squares)
        if y >= 0:
            _row_sums(column, sums[y])
            _row_sums(column_squares, squares[y])


@njit(nogil=True, cache=True, fastmath=_FAST, inline="always")
def _add_row(row: Any, weight: Any, sign: Any, column: Any, squares: Any) -> None:
    for x in range(row.size):
        value = sign * row[x] * weight[x]
        column[x] += value
        squares[x] += value * row[x]


@njit(nogil=True, cache=True, fastmath=_FAST, inline="always")
def _row_sums(column: Any, out: Any) -> None:
    total = np.float32(0)
    for x in range(-_RADIUS, column.size):
        if x + _RADIUS < column.size:
            total += column[x + _RADIUS]
        if x - _RADIUS - 1 >= 0:
            total -= column[x - _RADIUS - 1]
        if x >= 0:
            out[x] = total


@njit(nogil=True, cache=True, fastmath=_FAST)
def normalize_rows(rows: Any) -> None:
    """Subtract the mean of each row and scale it to unit length; rows with almost no contrast stay shorter."""
    for i in range(len(rows)):
        total = np.float32(0)
        for k in range(rows.shape[1]):
            total += rows[i, k]
        mean = total / np.float32(rows.shape[1])
        power = np.float32(0)
        for k in range(rows.shape[1]):
            rows[i, k] -= mean
            power += rows[i, k] * rows[i, k]
        # pure noise must not weigh like content
        scale = np.float32(1) / max(np.sqrt(power), np.float32(0.1) * np.sqrt(np.float32(rows.shape[1])))
        for k in range(rows.shape[1]):
            rows[i, k] *= scale


@njit(nogil=True, cache=True, fastmath=_FAST)
def row_dissimilarities(refs: Any, clips: Any, numbers: Any, lows: Any, highs: Any, offsets: Any, out: Any) -> None:
    """Fill 1 minus the correlation of each ref row with the clip rows of its candidates.

    Args:
        refs: (n, pixels) float32 unit rows.
        clips: (m, pixels) float32 unit rows of the clip frames `numbers`.
        numbers: (m,) int64 clip frames, rising.
        lows: (n, k) first clip frame of each candidate range, see `CandidateRanges`.
        highs: (n, k) last clip frame.
        offsets: (n + 1,) row offsets into `out`.
        out: (candidates,) float32, filled.
    """
    for i in range(len(refs)):
        at = offsets[i]
        for k in range(lows.shape[1]):
            if lows[i, k] < 0:
                break
            j = np.searchsorted(numbers, lows[i, k])
            for _ in range(highs[i, k] - lows[i, k] + 1):
                total = np.float32(0)
                for p in range(refs.shape[1]):
                    total += refs[i, p] * clips[j, p]
                # rounding may make the product of equal rows exceed 1
                out[at] = max(np.float32(1) - total, np.float32(0))
                at += 1
                j += 1


@njit(nogil=True, cache=True)
def keep_best(best: Any, other: Any, offsets: Any) -> None:
    """Replace the values of ref frames whose best candidate is better in `other`, in place."""
    for i in range(offsets.size - 1):
        a, b = offsets[i], offsets[i + 1]
        if a < b and other[a:b].min() < best[a:b].min():
            best[a:b] = other[a:b]


@njit(nogil=True, cache=True)
def mark_flat(
    ref_flat: Any, ref_brightness: Any, clip_flat: Any, clip_brightness: Any, numbers: Any, lows: Any, highs: Any,
    offsets: Any, out: Any,
) -> None:  # fmt: skip
    """Fill the values of flat ref frames: FLAT_ALIKE for flat candidates of equal brightness, else 1."""
    for i in range(ref_flat.size):
        if not ref_flat[i]:
            continue
        at = offsets[i]
        for k in range(lows.shape[1]):
            if lows[i, k] < 0:
                break
            j = np.searchsorted(numbers, lows[i, k])
            for _ in range(highs[i, k] - lows[i, k] + 1):
                same = clip_flat[j] and abs(clip_brightness[j] - ref_brightness[i]) <= SAME_BRIGHTNESS
                out[at] = FLAT_ALIKE if same else np.float32(1)
                at += 1
                j += 1
