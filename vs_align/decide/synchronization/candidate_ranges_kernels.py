"""Numba kernel of candidate ranges."""

from typing import Any

from numba import njit


@njit(nogil=True, cache=True)
def insert_ranges(lows: Any, highs: Any, counts: Any, first: Any, low: Any, high: Any) -> None:
    """Insert one range into each of consecutive rows, keeping rows sorted and without overlaps.

    Args:
        lows: (n, k) int64 first values of the ranges of each row, -1 behind the last; changed.
        highs: (n, k) int64 last values; changed.
        counts: (n,) int64 ranges per row; changed.
        first: First row.
        low: (m,) first value of the new range of each row; negative: none.
        high: (m,) last value.
    """
    for i in range(low.size):
        if low[i] < 0:
            continue
        n, begin, end = first + i, low[i], high[i]
        kept = 0
        # ranges that touch the new one are merged into it
        for k in range(counts[n]):
            a, b = lows[n, k], highs[n, k]
            if a <= end + 1 and b + 1 >= begin:
                begin, end = min(a, begin), max(b, end)
            else:
                lows[n, kept], highs[n, kept] = a, b
                kept += 1
        place = kept
        while place > 0 and lows[n, place - 1] > begin:
            lows[n, place], highs[n, place] = lows[n, place - 1], highs[n, place - 1]
            place -= 1
        lows[n, place], highs[n, place] = begin, end
        counts[n] = kept + 1
        for k in range(counts[n], lows.shape[1]):
            lows[n, k], highs[n, k] = -1, -1
