"""Numba kernels of collinear chaining: descriptor products, selection of matches, and the chain of highest weight."""

from typing import Any

import numpy as np
from numba import njit

_LEAST_CORRELATION = 0.35
"""Correlation of two descriptors from which on they may match."""
_LEAST_DISTANCE = 0.4
"""Seconds between two matches of one ref frame at least."""
_SPEED_SLACK = 0.12
"""Matches follow each other if their times advance equally up to this share ..."""
_TIME_SLACK = 0.3
"""... plus this many seconds."""
_LOOKBACK = 12
"""Sampled ref frames within an interval that may lack a match in succession."""
_SKIP_COST = 0.05
"""Cost of a sampled ref frame without a match, in perfect matches."""
_OFFSET_COST = 0.3
"""Cost of a change of the offset by one second, in perfect matches."""
_JUMP_COST = 3.0
"""Cost of beginning a new interval, in perfect matches."""

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True)
def add_products(rows: Any, out: Any) -> None:
    """Add the outer product of each row with itself to `out`."""
    for row in rows:
        for i in range(row.size):
            for j in range(row.size):
                out[i, j] += row[i] * row[j]


@njit(nogil=True, cache=True, fastmath=_FAST)
def project(rows: Any, directions: Any, out: Any) -> None:
    """Fill the inner products of rows (n, length) with directions (k, length): (n, k)."""
    for i in range(len(rows)):
        for j in range(len(directions)):
            total = np.float32(0)
            for k in range(rows.shape[1]):
                total += rows[i, k] * directions[j, k]
            out[i, j] = total


@njit(nogil=True, cache=True)
def select_matches(ref: Any, clip: Any, nearest: Any, times: Any, matches: Any, correlations: Any) -> None:
    """Fill the best matches of each ref frame that are apart in time, best first.

    Args:
        ref: (n, length) float32 descriptors.
        clip: (m, length) float32 descriptors.
        nearest: (n, k) int64 candidates, rows of `clip`.
        times: (m,) seconds of the rows of `clip`.
        matches: (n, kept) int64 rows of `clip`, filled; -1 behind the last.
        correlations: (n, kept) float32, filled.
    """
    scores = np.zeros((1, nearest.shape[1]), np.float32)
    for i in range(len(ref)):
        project(ref[i : i + 1], clip[nearest[i]], scores)
        kept = 0
        for j in np.argsort(-scores[0], kind="mergesort"):
            if scores[0, j] < _LEAST_CORRELATION or kept == matches.shape[1]:
                break
            if _is_apart(times, matches[i, :kept], times[nearest[i, j]]):
                matches[i, kept], correlations[i, kept] = nearest[i, j], scores[0, j]
                kept += 1


@njit(nogil=True, cache=True, inline="always")
def _is_apart(times: Any, others: Any, time: Any) -> Any:
    nearest = np.inf
    for other in others:
        nearest = min(nearest, abs(times[other] - time))
    return nearest >= _LEAST_DISTANCE


@njit(nogil=True, cache=True)
def best_chain(ref: Any, clip: Any, matches: Any, correlations: Any) -> Any:
    """Find the collinear chain of matches with the highest total of squared correlations less costs.

    Args:
        ref: (n,) seconds of the sampled ref frames.
        clip: (m,) seconds of the sampled clip frames.
        matches: (n, k) sampled clip frames that match each ref frame, -1 behind the last.
        correlations: (n, k) their correlations.

    Returns:
        (length, 3) int64, backwards along the chain: ref frame, index of its match, 1 if a new interval begins there.
    """
    count, kept = matches.shape
    total = np.full((count, kept), -np.inf)
    before = np.full((count, kept), -1, np.int64)
    begins = np.ones((count, kept), np.int64)
    # prefix maxima over clip's frames (P. Fenwick, Software: Practice and Experience 24, 1994)
    tree, tree_matches = np.zeros(len(clip) + 2), np.full(len(clip) + 2, -1, np.int64)
    for i in range(count):
        for j in range(kept):
            a = matches[i, j]
            if a < 0:
                break
            best, place = _best_jump(tree, tree_matches, a)
            continued, at = _best_continuation(ref, clip, matches, total, i, a)
            if continued > best:
                best, place = continued, at
                begins[i, j] = 0
            total[i, j], before[i, j] = best + correlations[i, j] * correlations[i, j], place
        for j in range(kept):
            k = matches[i, j] + 1
            while 0 < k < tree.size:
                if total[i, j] > tree[k]:
                    tree[k], tree_matches[k] = total[i, j], i * kept + j
                k += k & -k
    return _traced(total, before, begins)


@njit(nogil=True, cache=True, inline="always")
def _best_jump(tree: Any, tree_matches: Any, a: Any) -> Any:
    """The best chain that ends before sampled clip frame a, less the jump; none if that is worse than no chain."""
    best, place = 0.0, np.int64(-1)
    while a > 0:
        if tree[a] - _JUMP_COST > best:
            best, place = tree[a] - _JUMP_COST, tree_matches[a]
        a -= a & -a
    return best, place


@njit(nogil=True, cache=True)
def _best_continuation(ref: Any, clip: Any, matches: Any, total: Any, i: Any, a: Any) -> Any:
    """The best chain whose current interval sampled clip frame a, matching ref frame i, continues."""
    best, place = -np.inf, np.int64(-1)
    for b in range(max(0, i - _LOOKBACK), i):
        due = ref[i] - ref[b]
        for m in range(matches.shape[1]):
            other = matches[b, m]
            if other < 0:
                break
            advance = clip[a] - clip[other]
            off = abs(advance - due)
            if advance >= 0 and off <= _SPEED_SLACK * due + _TIME_SLACK:
                value = total[b, m] - _SKIP_COST * (i - b - 1) - _OFFSET_COST * off
                if value > best:
                    best, place = value, np.int64(b * matches.shape[1] + m)
    return best, place


@njit(nogil=True, cache=True)
def _traced(total: Any, before: Any, begins: Any) -> Any:
    """Trace the best chain back from its end."""
    count, kept = total.shape
    out = np.empty((count, 3), np.int64)
    if count == 0 or not total.max() > 0:
        return out[:0]
    at, length = np.int64(np.argmax(total)), 0
    while at >= 0:
        i, j = divmod(at, kept)
        out[length, 0], out[length, 1], out[length, 2] = i, j, begins[i, j]
        length += 1
        at = before[i, j]
    return out[:length]
