"""The interface of metrics: its defaults are right, and tolerances are ranges above a score."""

from math import inf

import numpy as np
import pytest

from tests.measure.metrics.toy import MeanDifference
from vs_align.io.array_types import Float64Array, RgbImage
from vs_align.measure.metrics.best_match_search import find_best_match
from vs_align.measure.metrics.metric import ALL_SCORES, Metric, ScoreTolerance


class _Smallest(Metric[Float64Array]):
    """Has nothing but what every metric must have."""

    def prepare(self, image: RgbImage) -> Float64Array:
        return image.astype(np.float64)

    def size(self, features: Float64Array) -> int:
        return features.nbytes

    def score(self, candidate: Float64Array, ref: Float64Array, limit: float = inf) -> float:
        return float(np.abs(candidate - ref).mean())


class _Sample:
    def __init__(self, image: Float64Array) -> None:
        self.digest, self._image = image.tobytes(), image

    def features(self) -> Float64Array:
        return self._image


def test_three_methods_are_enough() -> None:
    metric, images = _Smallest(), np.random.default_rng(0).random((7, 3, 4, 5))
    assert (metric.rounding, metric.zero_for_equal, metric.bound(images[0], images[1])) == (0.0, False, 0.0)
    assert metric.scores(list(images), images[2]) == [metric.score(image, images[2]) for image in images]
    window = {number: _Sample(image) for number, image in enumerate(images)}
    found = find_best_match(metric, _Sample(images[2] + 0.01), window, 3, 3, ALL_SCORES)
    bounded = find_best_match(MeanDifference(), _Sample(images[2] + 0.01), window, 3, 3, ALL_SCORES)
    assert found == bounded
    assert found.winner == 2


def test_a_metric_without_a_score_cannot_be_made() -> None:
    class Scoreless(Metric[Float64Array]):
        def prepare(self, image: RgbImage) -> Float64Array:
            return image.astype(np.float64)

        def size(self, features: Float64Array) -> int:
            return features.nbytes

    with pytest.raises(TypeError, match="score"):
        Scoreless()  # type: ignore[abstract]


def test_tolerances_are_ranges_above_a_score() -> None:
    tolerance = ScoreTolerance(0.5, 0.25)
    assert tolerance.limit(2.0) == 3.25
    assert tolerance.scaled(2) == ScoreTolerance(1.0, 0.5)
    assert ScoreTolerance().limit(0.7) == 0.7
    assert ALL_SCORES.limit(0.0) == inf
