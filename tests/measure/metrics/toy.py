"""A minimal metric, for tests of the code around metrics."""

import threading
from math import inf

import numpy as np

from vs_align.io.array_types import Float64Array, RgbImage
from vs_align.measure.metrics.metric import Metric


class MeanDifference(Metric[Float64Array]):
    """Mean absolute difference of all samples in shares of the peak, with the difference of means as bound.

    Args:
        bounded: Whether the bound is of any use.
        early: Whether scores beyond the limit are given up, as the interface allows.
    """

    zero_for_equal = True
    rounding = 0.0

    def __init__(self, bounded: bool = True, early: bool = True) -> None:
        self.bounded, self.early = bounded, early
        self.prepared = self.compared = 0
        self._lock = threading.Lock()

    def prepare(self, image: RgbImage) -> Float64Array:
        """Return the image as shares of the peak."""
        with self._lock:
            self.prepared += 1
        assert image.shape[0] == 3
        peak = {1: 255.0, 2: 65535.0, 4: 1.0}[image.itemsize]
        return image.astype(np.float64) / peak

    def size(self, features: Float64Array) -> int:
        """Return the bytes of the image."""
        return features.nbytes

    def bound(self, candidate: Float64Array, ref: Float64Array) -> float:
        """Return a little less than the difference of the means."""
        return 0.999 * abs(float(candidate.mean() - ref.mean())) if self.bounded else 0.0

    def score(self, candidate: Float64Array, ref: Float64Array, limit: float = inf) -> float:
        """Return the mean absolute difference."""
        with self._lock:
            self.compared += 1
        exact = float(np.abs(candidate - ref).mean())
        return (exact + limit) / 2 if self.early and exact > limit else exact
