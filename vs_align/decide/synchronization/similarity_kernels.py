"""Kernels of likeness: local contrast of small pictures, and the comparison of many pairs."""

from typing import Any

import numpy as np
from numba import njit

FLAT_ALIKE = -1.0
"""Stands for the difference of two frames in which there is nothing to be seen."""

# How far the surroundings reach by which contrast is measured, in pixels.
_RADIUS = 5
# Contrast that counts as noise, of white; and the most that a lone bright point may weigh.
_NOISE, _BRIGHTEST = 0.012, 3.0
# Flat frames show the same where their brightness differs by no more levels of 255.
_SAME_LIGHT = 16.0

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True, fastmath=_FAST)
def contrasts(pictures: Any, matrix: Any, weight: Any, inside: Any, out: Any) -> None:
    """Fill the local contrast of some pixels of pictures that are looked at through a transform."""
    height, width = weight.shape
    straight = np.abs(matrix - np.eye(3)).max() == 0
    seen, made = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    masses = np.empty((height, width), np.float32)
    ones, unused = np.ones((height, width), np.float32), np.empty((height, width), np.float32)
    _box_sums(ones, weight, masses, unused)
    sums, squares = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    for n in range(len(pictures)):
        if straight:
            seen[:, :] = pictures[n] * np.float32(1 / 255)
        else:
            _look(pictures[n], matrix, seen)
        _box_sums(seen, weight, sums, squares)
        for y in range(height):
            for x in range(width):
                share = np.float32(1) / max(masses[y, x], np.float32(1e-6))
                mean = sums[y, x] * share
                variance = max(squares[y, x] * share - mean * mean, np.float32(0))
                value = (seen[y, x] - mean) / np.sqrt(variance + np.float32(_NOISE * _NOISE))
                value = min(max(value, np.float32(-_BRIGHTEST)), np.float32(_BRIGHTEST))
                made[y, x] = value * weight[y, x]
        flat = made.ravel()
        for k in range(inside.size):
            out[n, k] = flat[inside[k]]


@njit(nogil=True, cache=True, fastmath=_FAST)
def _look(picture: Any, matrix: Any, seen: Any) -> None:
    """Look at a picture through a transform, straight between its pixels; its edges are repeated."""
    height, width = seen.shape
    flat = matrix[2, 0] == 0.0 and matrix[2, 1] == 0.0
    for y in range(height):
        u_row, v_row = matrix[0, 1] * y + matrix[0, 2], matrix[1, 1] * y + matrix[1, 2]
        for x in range(width):
            u, v = matrix[0, 0] * x + u_row, matrix[1, 0] * x + v_row
            if not flat:
                down = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
                u, v = u / down, v / down
            u, v = min(max(u, 0.0), width - 1.0), min(max(v, 0.0), height - 1.0)
            i, j = min(int(u), width - 2), min(int(v), height - 2)
            a, b = np.float32(u - i), np.float32(v - j)
            top = picture[j, i] + a * (np.float32(picture[j, i + 1]) - picture[j, i])
            bottom = picture[j + 1, i] + a * (np.float32(picture[j + 1, i + 1]) - picture[j + 1, i])
            seen[y, x] = (top + b * (bottom - top)) * np.float32(1 / 255)


@njit(nogil=True, cache=True, fastmath=_FAST)
def _box_sums(picture: Any, weight: Any, sums: Any, squares: Any) -> None:
    """Sums of the pixels around each, and of their squares, of those that count."""
    height, width = picture.shape
    column, column_squares = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for y in range(-_RADIUS, height):
        if y + _RADIUS < height:
            _add_row(picture[y + _RADIUS], weight[y + _RADIUS], np.float32(1), column, column_squares)
        if y - _RADIUS - 1 >= 0:
            _add_row(picture[y - _RADIUS - 1], weight[y - _RADIUS - 1], np.float32(-1), column, column_squares)
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
def make_unit(rows: Any) -> None:
    """Take the mean away from each row and give it unit length; less where there is hardly any contrast."""
    for i in range(len(rows)):
        total = np.float32(0)
        for k in range(rows.shape[1]):
            total += rows[i, k]
        mean = total / np.float32(rows.shape[1])
        power = np.float32(0)
        for k in range(rows.shape[1]):
            rows[i, k] -= mean
            power += rows[i, k] * rows[i, k]
        # a picture of noise must not become as long as one of edges
        scale = np.float32(1) / max(np.sqrt(power), np.float32(0.1) * np.sqrt(np.float32(rows.shape[1])))
        for k in range(rows.shape[1]):
            rows[i, k] *= scale


@njit(nogil=True, cache=True, fastmath=_FAST)
def compare(refs: Any, clips: Any, numbers: Any, lows: Any, highs: Any, places: Any, out: Any) -> None:
    """Fill 1 minus the inner product of each row of ref with those of its candidates, all in a row."""
    for i in range(len(refs)):
        place = places[i]
        for k in range(lows.shape[1]):
            if lows[i, k] < 0:
                break
            j = np.searchsorted(numbers, lows[i, k])
            for _ in range(highs[i, k] - lows[i, k] + 1):
                total = np.float32(0)
                for p in range(refs.shape[1]):
                    total += refs[i, p] * clips[j, p]
                # equal rows may be a little longer than 1
                out[place] = max(np.float32(1) - total, np.float32(0))
                place += 1
                j += 1


@njit(nogil=True, cache=True)
def keep_best(best: Any, other: Any, places: Any) -> None:
    """Take over the values of ref frames whose best candidate is better under another transform."""
    for i in range(places.size - 1):
        a, b = places[i], places[i + 1]
        if a < b and other[a:b].min() < best[a:b].min():
            best[a:b] = other[a:b]


@njit(nogil=True, cache=True)
def mark_flat(
    ref_flat: Any, ref_light: Any, clip_flat: Any, clip_light: Any, numbers: Any, lows: Any, highs: Any, places: Any,
    out: Any,
) -> None:  # fmt: skip
    """Fill what is to be said of ref frames in which nothing is to be seen."""
    for i in range(ref_flat.size):
        if not ref_flat[i]:
            continue
        place = places[i]
        for k in range(lows.shape[1]):
            if lows[i, k] < 0:
                break
            j = np.searchsorted(numbers, lows[i, k])
            for _ in range(highs[i, k] - lows[i, k] + 1):
                alike = clip_flat[j] and abs(clip_light[j] - ref_light[i]) <= _SAME_LIGHT
                out[place] = FLAT_ALIKE if alike else np.float32(1)
                place += 1
                j += 1
