"""Choosing, of matches some of which are wrong, those that are in order."""

import numpy as np

from vs_align.io.array_types import BoolArray, Float64Array, Int64Array


def in_order(places: Int64Array, worth: Float64Array) -> Int64Array:
    """Return which of some matches to keep: the set of the highest worth whose places never fall.

    The heaviest non-decreasing subsequence, by dynamic programming.

    Args:
        places: (k,) clip frames of ref frames in order.
        worth: (k,) above 0.
    """
    count = len(places)
    total, before = worth.astype(np.float64).copy(), np.full(count, -1)
    for i in range(1, count):
        earlier = np.flatnonzero(places[:i] <= places[i])
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


def merged(ahead: Int64Array, back: Int64Array, ahead_costs: Float64Array, back_costs: Float64Array) -> BoolArray:
    """Return (n,) where the forward pass is followed, so that places never fall and the sum of costs is the least.

    Args:
        ahead: (n,) places of the forward pass, never falling.
        back: (n,) those of the backward pass, likewise.
        ahead_costs: (n,).
        back_costs: (n,).
    """
    count = len(ahead)
    totals = np.array([ahead_costs[0], back_costs[0]])
    came = np.zeros((count, 2), np.int64)
    places, costs = np.stack([ahead, back]), np.stack([ahead_costs, back_costs])
    for n in range(1, count):
        new = np.empty(2)
        for to in (0, 1):
            # changing over is allowed where time does not run backward; of equal ways the steady one is kept
            change = totals[1 - to] if places[1 - to, n - 1] <= places[to, n] else np.inf
            came[n, to] = 1 - to if change < totals[to] else to
            new[to] = min(change, totals[to]) + costs[to, n]
        totals = new
    forward = np.empty(count, np.bool_)
    at = 0 if totals[0] <= totals[1] else 1
    for n in range(count - 1, -1, -1):
        forward[n] = at == 0
        at = int(came[n, at])
    return forward
