"""Kernels of the chain: products of shapes, the choice of answers, and the best chain of them."""

from typing import Any

import numpy as np
from numba import njit

# Correlation from which on an answer may be one, and seconds between two answers to one frame.
_LEAST, _APART = 0.35, 0.4
# Answers follow each other if their times advance alike but for this share, and so many seconds.
_SPEED_SLACK, _TIME_SLACK = 0.12, 0.3
# So many frames that ask may have no answer within a stretch, and what each of them and each second off costs.
_LOOKBACK, _SKIPPED, _OFF = 12, 0.05, 0.3
# What it costs to go on elsewhere, as many good answers.
_JUMP = 3.0

_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True)
def add_products(rows: Any, out: Any) -> None:
    """Add the outer product of each row with itself."""
    for row in rows:
        for i in range(row.size):
            for j in range(row.size):
                out[i, j] += row[i] * row[j]


@njit(nogil=True, cache=True, fastmath=_FAST)
def project(rows: Any, directions: Any, out: Any) -> None:
    """Fill the inner products of rows with directions."""
    for i in range(len(rows)):
        for j in range(len(directions)):
            total = np.float32(0)
            for k in range(rows.shape[1]):
                total += rows[i, k] * directions[j, k]
            out[i, j] = total


@njit(nogil=True, cache=True)
def prune(wanted: Any, known: Any, nearest: Any, times: Any, answers: Any, alike: Any) -> None:
    """Fill the best answers to each frame that are apart in time, best first."""
    scores = np.zeros((1, nearest.shape[1]), np.float32)
    for i in range(len(wanted)):
        project(wanted[i : i + 1], known[nearest[i]], scores)
        kept = 0
        for j in np.argsort(-scores[0], kind="mergesort"):
            if scores[0, j] < _LEAST or kept == answers.shape[1]:
                break
            if _is_apart(times, answers[i, :kept], times[nearest[i, j]]):
                answers[i, kept], alike[i, kept] = nearest[i, j], scores[0, j]
                kept += 1


@njit(nogil=True, cache=True, inline="always")
def _is_apart(times: Any, others: Any, time: Any) -> Any:
    nearest = np.inf
    for other in others:
        nearest = min(nearest, abs(times[other] - time))
    return nearest >= _APART


@njit(nogil=True, cache=True)
def link(ref: Any, clip: Any, answers: Any, alike: Any) -> Any:
    """Find the best chain.

    Args:
        ref: (n,) times of the frames that ask.
        clip: (m,) times of those that answer.
        answers: (n, k) which ones answer, -1 behind the last.
        alike: (n, k) how well.

    Returns:
        Rows backwards along the chain: frame that asks, which of its answers, 1 where a new stretch begins.
    """
    count, kept = answers.shape
    total = np.full((count, kept), -np.inf)
    before = np.full((count, kept), -1, np.int64)
    fresh = np.ones((count, kept), np.int64)
    # prefix maxima over clip's frames (P. Fenwick, Software: Practice and Experience 24, 1994)
    tree, tree_places = np.zeros(len(clip) + 2), np.full(len(clip) + 2, -1, np.int64)
    for i in range(count):
        for j in range(kept):
            a = answers[i, j]
            if a < 0:
                break
            best, place = _best_elsewhere(tree, tree_places, a)
            gone_on, at = _best_before(ref, clip, answers, total, i, a)
            if gone_on > best:
                best, place = gone_on, at
                fresh[i, j] = 0
            total[i, j], before[i, j] = best + alike[i, j] * alike[i, j], place
        for j in range(kept):
            k = answers[i, j] + 1
            while 0 < k < tree.size:
                if total[i, j] > tree[k]:
                    tree[k], tree_places[k] = total[i, j], i * kept + j
                k += k & -k
    return _traced(total, before, fresh)


@njit(nogil=True, cache=True, inline="always")
def _best_elsewhere(tree: Any, tree_places: Any, a: Any) -> Any:
    """The best chain that ends before clip's frame a, less the jump; nothing where there is none worth it."""
    best, place = 0.0, np.int64(-1)
    while a > 0:
        if tree[a] - _JUMP > best:
            best, place = tree[a] - _JUMP, tree_places[a]
        a -= a & -a
    return best, place


@njit(nogil=True, cache=True)
def _best_before(ref: Any, clip: Any, answers: Any, total: Any, i: Any, a: Any) -> Any:
    """The best chain that clip's frame a, asked for by frame i, goes on with."""
    best, place = -np.inf, np.int64(-1)
    for b in range(max(0, i - _LOOKBACK), i):
        due = ref[i] - ref[b]
        for m in range(answers.shape[1]):
            other = answers[b, m]
            if other < 0:
                break
            advance = clip[a] - clip[other]
            off = abs(advance - due)
            if advance >= 0 and off <= _SPEED_SLACK * due + _TIME_SLACK:
                value = total[b, m] - _SKIPPED * (i - b - 1) - _OFF * off
                if value > best:
                    best, place = value, np.int64(b * answers.shape[1] + m)
    return best, place


@njit(nogil=True, cache=True)
def _traced(total: Any, before: Any, fresh: Any) -> Any:
    count, kept = total.shape
    out = np.empty((count, 3), np.int64)
    if count == 0 or not total.max() > 0:
        return out[:0]
    at, length = np.int64(np.argmax(total)), 0
    while at >= 0:
        i, j = divmod(at, kept)
        out[length, 0], out[length, 1], out[length, 2] = i, j, fresh[i, j]
        length += 1
        at = before[i, j]
    return out[:length]
