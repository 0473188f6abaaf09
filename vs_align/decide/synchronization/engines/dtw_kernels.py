"""Numba kernels of banded dynamic time warping and of the fingerprint distance."""

from typing import Any

import numpy as np
from numba import njit

_FAST = {"reassoc", "contract", "arcp", "nsz"}

_DIAGONAL, _DOWN, _RIGHT, _START = 0, 1, 2, 3
"""Moves by which a cell is reached: (1, 1), (1, 0), (0, 1), or as the first of a path."""


@njit(nogil=True, cache=True, inline="always")
def _bit_count(word: Any) -> Any:
    """Number of set bits of a uint64."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit(nogil=True, cache=True, fastmath=_FAST)
def distance(ref: Any, clip: Any, i: Any, j: Any, weights: Any) -> Any:
    """Weighted distance of two fingerprints: Hamming distance of the bits, squared Euclidean distance of the vectors.

    Args:
        ref: (bits (n, words) uint64, vectors (n, floats) float32).
        clip: (bits (m, words) uint64, vectors (m, floats) float32).
        i: Row of ref.
        j: Row of clip.
        weights: ((words,) weight of a differing bit of each word, (parts,) where each part of the vectors ends,
            (parts,) weight of the squared distance of each part, which is clipped at 1).
    """
    bits_a, bits_b = ref[0][i], clip[0][j]
    total = np.float32(0.0)
    for w in range(bits_a.size):
        total += weights[0][w] * np.float32(_bit_count(bits_a[w] ^ bits_b[w]))
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
    """Forward pass: fill the move by which the cheapest path reaches each cell of the band, and the cell's cost.

    Paths go from any column of row 0 by moves (1, 1), (1, 0) and (0, 1) to any column of the last row; of equally cheap
    paths the one with the diagonal move wins.

    Args:
        ref: (bits, vectors), see `distance`.
        clip: (bits, vectors), see `distance`.
        weights: See `distance`.
        low: (n,) int64, first column of each row, never falling.
        high: (n,) int64, one past the last, never falling.
        offsets: (n,) int64, where each row begins in `moves` and `costs`.
        moves: (cells,) uint8, filled.
        costs: (cells,) float32, filled.

    Returns:
        Last column of the cheapest path.
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
    """Trace the cheapest path back and fill the cheapest cell of each row that it crosses, the first if equal.

    Args:
        last: Last column of the path, see `warp`.
        low: (n,) int64, first column of each row.
        offsets: (n,) int64, where each row begins in `moves` and `costs`.
        moves: (cells,) uint8, see `warp`.
        costs: (cells,) float32, see `warp`.
        found: (n,) int64, filled with columns.
        scores: (n,) float64, filled with their costs.
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
