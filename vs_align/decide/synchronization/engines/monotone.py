"""Monotone subsets and merges of matches, by dynamic programming."""

import numpy as np

from vs_align.io.array_types import BoolArray, Float64Array, Int64Array


def heaviest_monotone_subset(positions: Int64Array, weights: Float64Array) -> Int64Array:
    """Return the indices of the heaviest non-decreasing subsequence.

    Args:
        positions: (k,) clip frames of matches in the order of ref.
        weights: (k,) above 0.
    """
    count = len(positions)
    total, before = weights.astype(np.float64).copy(), np.full(count, -1)
    for i in range(1, count):
        earlier = np.flatnonzero(positions[:i] <= positions[i])
        if earlier.size:
            best = earlier[np.argmax(total[earlier])]
            total[i] += total[best]
            before[i] = best
    kept: list[int] = []
    i = int(np.argmax(total)) if count else -1
    while i >= 0:
        kept.append(i)
        i = int(before[i])
    return np.array(kept[::-1], np.int64)


def merge_passes(ahead: Int64Array, back: Int64Array, ahead_costs: Float64Array, back_costs: Float64Array) -> BoolArray:
    """Choose at each frame between a forward and a backward pass, so that the map is monotone and the cost minimal.

    Args:
        ahead: (n,) clip frames of the forward pass, never falling.
        back: (n,) clip frames of the backward pass, never falling.
        ahead_costs: (n,) costs of the forward pass.
        back_costs: (n,) costs of the backward pass.

    Returns:
        (n,) whether the forward pass is chosen.
    """
    count = len(ahead)
    totals = np.array([ahead_costs[0], back_costs[0]])
    came = np.zeros((count, 2), np.int64)
    positions, costs = np.stack([ahead, back]), np.stack([ahead_costs, back_costs])
    for n in range(1, count):
        new = np.empty(2)
        for to in (0, 1):
            # a change of passes must not go back in time; at equal cost there is no change
            change = totals[1 - to] if positions[1 - to, n - 1] <= positions[to, n] else np.inf
            came[n, to] = 1 - to if change < totals[to] else to
            new[to] = min(change, totals[to]) + costs[to, n]
        totals = new
    forward = np.empty(count, np.bool_)
    at = 0 if totals[0] <= totals[1] else 1
    for n in range(count - 1, -1, -1):
        forward[n] = at == 0
        at = int(came[n, at])
    return forward
