"""Kernels of dynamic time warping within a band, and of the distance of fingerprints."""

from typing import Any

import numpy as np
from numba import njit

_FAST = {"reassoc", "contract", "arcp", "nsz"}

_DIAGONAL, _DOWN, _RIGHT, _START = 0, 1, 2, 3


@njit(nogil=True, cache=True, inline="always")
def _ones(word: Any) -> Any:
    """Number of bits that are set in a uint64."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit(nogil=True, cache=True, fastmath=_FAST)
def distance(ref: Any, clip: Any, i: Any, j: Any, weights: Any) -> Any:
    """Distance of two fingerprints, 0 to the sum of the weights.

    Args:
        ref: (bits (n, words) of uint64, vectors (n, floats) of float32).
        clip: Likewise.
        i: Row of ref.
        j: Row of clip.
        weights: ((words,) of each bit of a word, (parts,) where each part of the vectors ends, (parts,) of its squared
            Euclidean distance, which counts up to 1).
    """
    bits_a, bits_b = ref[0][i], clip[0][j]
    total = np.float32(0.0)
    for w in range(bits_a.size):
        total += weights[0][w] * np.float32(_ones(bits_a[w] ^ bits_b[w]))
    a, b = ref[1][i], clip[1][j]
    begin = 0
    for p in range(weights[1].size):
        part = np.float32(0.0)
        for x in range(begin, weights[1][p]):
            d = a[x] - b[x]
            part += d * d
        total += weights[2][p] * min(np.float32(1.0), part)
        begin = weights[1][p]
    return total


@njit(nogil=True, cache=True)
def distances(ref: Any, clip: Any, first: Any, second: Any, weights: Any, out: Any) -> None:
    """Fill the distances of rows first[i] of ref and second[i] of clip."""
    for i in range(first.size):
        out[i] = distance(ref, clip, first[i], second[i], weights)


@njit(nogil=True, cache=True)
def warp(ref: Any, clip: Any, weights: Any, low: Any, high: Any, offsets: Any, moves: Any, costs: Any) -> Any:
    """Fill how the cheapest way reaches each cell of the band, and what the cell costs.

    Ways go from any column of row 0 by (1, 1), (1, 0) and (0, 1) to any column of the last row; of equally cheap ones
    the diagonal is taken.

    Args:
        ref: See `distance`.
        clip: Likewise.
        weights: Likewise.
        low: (n,) first column of each row, never falling.
        high: (n,) one past the last, never falling.
        offsets: (n,) where each row begins in `moves` and `costs`.
        moves: (cells,) of uint8, filled.
        costs: (cells,) of float32, filled.

    Returns:
        The last column of the cheapest way.
    """
    widest = 0
    for i in range(low.size):
        widest = max(widest, high[i] - low[i])
    before, now = np.empty(widest), np.empty(widest)
    for i in range(low.size):
        base = offsets[i] - low[i]
        for j in range(low[i], high[i]):
            cost = distance(ref, clip, i, j, weights)
            best, move = np.inf, _DIAGONAL
            if i == 0:
                best, move = 0.0, _START
            else:
                if low[i - 1] <= j - 1 < high[i - 1]:
                    best = before[j - 1 - low[i - 1]]
                if low[i - 1] <= j < high[i - 1] and before[j - low[i - 1]] < best:
                    best, move = before[j - low[i - 1]], _DOWN
            if j > low[i] and now[j - 1 - low[i]] < best:
                best, move = now[j - 1 - low[i]], _RIGHT
            now[j - low[i]] = best + cost
            moves[base + j] = move
            costs[base + j] = cost
        before, now = now, before
    return low[-1] + np.argmin(before[: high[-1] - low[-1]])


@njit(nogil=True, cache=True)
def trace(last: Any, low: Any, offsets: Any, moves: Any, costs: Any, found: Any, scores: Any) -> None:
    """Go back along the cheapest way and fill the cheapest cell of each row that it crosses.

    Of equally cheap cells of a row the first is taken.

    Args:
        last: What `warp` returned.
        low: See `warp`.
        offsets: Likewise.
        moves: Likewise.
        costs: Likewise.
        found: (n,) filled with columns.
        scores: (n,) filled with their costs.
    """
    i, j = low.size - 1, last
    scores[:] = np.inf
    while True:
        cell = offsets[i] - low[i] + j
        if costs[cell] <= scores[i]:
            found[i], scores[i] = j, costs[cell]
        move = moves[cell]
        if move == _START:
            return
        if move != _RIGHT:
            i -= 1
        if move != _DOWN:
            j -= 1
