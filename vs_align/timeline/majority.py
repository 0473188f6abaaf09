"""What most of some numbers agree on, whatever a few others say."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Majority(NamedTuple):
    """The largest weight of numbers that lie within a width of each other."""

    low: float
    """The least of these numbers."""
    high: float
    """The greatest of them, at most `width` above `low`."""
    share: float
    """Their part of the whole weight, 0..1."""

    @property
    def middle(self) -> float:
        """Half-way between the least and the greatest."""
        return (self.low + self.high) / 2


def majority_of(values: npt.ArrayLike, width: float, weights: npt.ArrayLike | None = None) -> Majority:
    """Find the numbers that the most weight agrees on; of several such the least.

    Args:
        values: (n,) at least one number.
        width: How far they may lie from each other, at least 0.
        weights: (n,) weight of each, above 0. None: all weigh the same.
    """
    numbers = np.asarray(values, np.float64)
    heavy = np.ones(len(numbers)) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(numbers, kind="stable")
    numbers, total = numbers[order], np.concatenate([[0.0], np.cumsum(heavy[order])])
    stops = np.searchsorted(numbers, numbers + width, side="right")
    held = total[stops] - total[:-1]
    first = int(np.argmax(held))
    return Majority(float(numbers[first]), float(numbers[stops[first] - 1]), float(held[first] / total[-1]))
