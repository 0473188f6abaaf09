"""Numba kernel of piecewise-linear segmentation."""

from typing import Any

from numba import njit


@njit(nogil=True, cache=True)
def greedy_runs(positions: Any, lows: Any, highs: Any, rate: Any, out: Any) -> int:
    """Cover points by lines of one slope, each as long as its tolerance intervals allow.

    Args:
        positions: (n,) ref frames, rising, float64.
        lows: (n,) first clip frame that a line may show at each, after rounding.
        highs: (n,) last clip frame.
        rate: Slope, clip frames per ref frame.
        out: (n, 4) float64, filled with first and last ref frame and the clip position at the first.

    Returns:
        Number of lines.
    """
    count, i = 0, 0
    while i < positions.size:
        low, high, j = lows[i] - 0.5, highs[i] + 0.5, i + 1
        while j < positions.size:
            moved = (positions[j] - positions[i]) * rate
            new_low, new_high = max(low, lows[j] - 0.5 - moved), min(high, highs[j] + 0.5 - moved)
            if new_low >= new_high - 1e-9:
                break
            low, high = new_low, new_high
            j += 1
        out[count, 0], out[count, 1], out[count, 2] = positions[i], positions[j - 1], (low + high) / 2
        count += 1
        i = j
    return count
