"""Consensus of numbers: the window of a given width that holds the largest weight. Robust against outliers."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Consensus(NamedTuple):
    """The window of values that holds the largest weight."""

    low: float
    """Smallest value in the window."""
    high: float
    """Largest value in the window, at most `width` above `low`."""
    share: float
    """Share of the total weight, 0..1."""

    @property
    def middle(self) -> float:
        """Midpoint of `low` and `high`."""
        return (self.low + self.high) / 2


def consensus_of(values: npt.ArrayLike, width: float, weights: npt.ArrayLike | None = None) -> Consensus:
    """Return the window of width `width` with the largest weight; of equal ones the lowest.

    Args:
        values: Shape (n,), at least one number.
        width: Width of the window, at least 0.
        weights: Shape (n,), above 0. None: equal weights.
    """
    numbers = np.asarray(values, np.float64)
    heavy = np.ones(len(numbers)) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(numbers, kind="stable")
    numbers, total = numbers[order], np.concatenate([[0.0], np.cumsum(heavy[order])])
    stops = np.searchsorted(numbers, numbers + width, side="right")
    held = total[stops] - total[:-1]
    first = int(np.argmax(held))
    return Consensus(float(numbers[first]), float(numbers[stops[first] - 1]), float(held[first] / total[-1]))
