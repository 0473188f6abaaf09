"""Numba kernels of `vs_align.decide.matching.viterbi`: min-sum paths, their margins, and the jitter of offsets.

They are serial and release the GIL. Costs are rows (m, k), one row for each ref frame, one column for each index in
its window; infinity marks an index without a candidate.
"""

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _transition(totals: Any, step: Any, jump: Any, out: Any) -> Any:
    """Fill the cost of the cheapest path into each index of the next frame, the cost of the change included."""
    k = totals.size
    lowest = totals[0]
    for p in range(1, k):
        lowest = min(lowest, totals[p])
    for p in range(k):
        best = min(totals[p], lowest + jump)
        if p > 0:
            best = min(best, totals[p - 1] + step)
        if p + 1 < k:
            best = min(best, totals[p + 1] + step)
        out[p] = best


@njit(nogil=True, cache=True)
def _add_row(row: Any, totals: Any) -> Any:
    """Add the costs of a neighbor, but nothing at indices where it has no candidate.

    Otherwise the end of clip, where the indices vanish one after the other, would shift the frames before it.
    """
    for p in range(row.size):
        if row[p] < np.inf:
            totals[p] += row[p]


@njit(nogil=True, cache=True)
def path_costs(rows: Any, n: Any, radius: Any, step: Any, jump: Any, totals: Any, before: Any, after: Any) -> Any:
    """Fill the costs of the best paths around frame n (forward and backward min-sum passes).

    Args:
        rows: (m, k) costs of consecutive frames.
        n: Row of the frame.
        radius: Frames to either side that the path covers.
        step: Cost of a change of the index by one.
        jump: Cost of a change by more.
        totals: (k,) receives the cost of the best path through each index of frame n.
        before: (k,) receives the cost of the best path up to each index of frame n - 1.
        after: (k,) receives the cost of the best path from each index of frame n + 1 on.
    """
    m, k = rows.shape
    ahead, back, moved = np.zeros(k), np.zeros(k), np.zeros(k)
    before[:], after[:] = 0.0, 0.0
    for i in range(max(0, n - radius), n):
        _add_row(rows[i], ahead)
        before[:] = ahead
        _transition(ahead, step, jump, moved)
        ahead[:] = moved
    for i in range(min(m - 1, n + radius), n, -1):
        _add_row(rows[i], back)
        after[:] = back
        _transition(back, step, jump, moved)
        back[:] = moved
    for p in range(k):
        totals[p] = ahead[p] + back[p] + rows[n, p]


@njit(nogil=True, cache=True)
def _nearest_best(totals: Any, own: Any, rounding: Any) -> Any:
    """Return the index of the cheapest path; of equal ones that with the lowest own cost, then the most central."""
    lowest = np.inf
    for p in range(totals.size):
        lowest = min(lowest, totals[p])
    best, center = -1, (totals.size - 1) // 2
    for distance in range(center + 1):
        for p in (center + distance, center - distance):
            # indices are visited from the center outwards, the later one first, which breaks ties
            near = totals[p] <= lowest + rounding and totals[p] < np.inf
            if near and (best < 0 or own[p] < own[best] - rounding):
                best = p
    return best


@njit(nogil=True, cache=True)
def _index_beside(totals: Any, index: Any, step: Any, jump: Any, rounding: Any) -> Any:
    """Return the index, one frame away, of the best path through `index`; of equally cheap ones the same index."""
    best, lowest = index, totals[index]
    for p in range(totals.size):
        price = step if abs(p - index) == 1 else jump
        if p != index and totals[p] + price < lowest - rounding:
            best, lowest = p, totals[p] + price
    return best


@njit(nogil=True, cache=True)
def best_paths(
    rows: Any, begin: Any, end: Any, radius: Any, constants: Any, indices: Any, margins: Any, runners_up: Any,
    isolated: Any,
) -> Any:  # fmt: skip
    """Decide the rows from `begin` to `end`; the last four arguments receive the fields of `ViterbiResult`.

    Args:
        rows: (m, k) costs.
        begin: First row to decide.
        end: One past the last.
        radius: Frames to either side that the path covers.
        constants: Cost of a step, cost of a jump, cost difference of images that look different, rounding error.
        indices: (end - begin,) int64.
        margins: (end - begin,) float64.
        runners_up: (end - begin,) int64.
        isolated: (end - begin,) bool.
    """
    step, jump, different, rounding = constants
    totals, before, after = np.empty(rows.shape[1]), np.empty(rows.shape[1]), np.empty(rows.shape[1])
    for n in range(begin, end):
        own = rows[n]
        path_costs(rows, n, radius, step, jump, totals, before, after)
        best = _nearest_best(totals, own, rounding)
        margin, runner_up = np.inf, -1
        if best < 0:
            margin = 0.0
        for p in range(own.size):
            if best >= 0 and own[p] < np.inf and own[p] > own[best] + different:
                margin = min(margin, max(0.0, totals[p] - totals[best]))
                if runner_up < 0 or own[p] < own[runner_up]:
                    runner_up = p
        indices[n - begin], margins[n - begin], runners_up[n - begin] = best, margin, runner_up
        isolated[n - begin] = False
        if best >= 0:
            beside = _index_beside(before, best, step, jump, rounding)
            returns = beside == _index_beside(after, best, step, jump, rounding)
            isolated[n - begin] = returns and own[best] + different < own[beside] < np.inf


@njit(nogil=True, cache=True)
def _cheapest(row: Any) -> Any:
    """Return the cheapest index nearest to the center, -1 if most indices are equally good or there are none."""
    best, center, present, worse = -1, (row.size - 1) // 2, 0, 0
    for distance in range(center + 1):
        for p in (center + distance, center - distance):
            if row[p] < np.inf and (best < 0 or row[p] < row[best]):
                best = p
    for p in range(row.size):
        if row[p] < np.inf:
            present += 1
            if row[p] > row[best] + 1:
                worse += 1
    return best if 2 * worse >= present > 0 else -1


@njit(nogil=True, cache=True)
def offset_jitter(rows: Any, begin: Any, end: Any, radius: Any, max_step: Any, out: Any) -> Any:
    """Fill the mean change of the cheapest index from one frame to the next around each row from `begin` to `end`.

    Args:
        rows: (m, k) costs.
        begin: First row.
        end: One past the last.
        radius: Frames to either side that count.
        max_step: A larger change counts as this.
        out: (end - begin,) receives the means, 0 where no two frames have a cheapest index.
    """
    m = rows.shape[0]
    low, high = max(0, begin - radius), min(m, end + radius)
    cheapest = np.empty(high - low, np.int64)
    for i in range(low, high):
        cheapest[i - low] = _cheapest(rows[i])
    for n in range(begin, end):
        total, count, before = 0.0, 0, -1
        for i in range(max(0, n - radius), min(m, n + radius + 1)):
            index = cheapest[i - low]
            if index >= 0:
                if before >= 0:
                    total += min(max_step, abs(index - before))
                    count += 1
                before = index
        out[n - begin] = total / count if count > 0 else 0.0
