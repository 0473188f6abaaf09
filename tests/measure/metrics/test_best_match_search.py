"""The pruned window search returns the result of comparing every candidate."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pytest

from tests.measure.metrics.toy import MeanDifference
from vs_align.io.array_types import Float64Array
from vs_align.measure.metrics.best_match_search import BestMatch, find_best_match
from vs_align.measure.metrics.metric import ALL_SCORES, ScoreTolerance

BEST_ONLY = ScoreTolerance()


@dataclass
class Sample:
    """A picture whose features are itself."""

    digest: bytes
    value: Float64Array

    def features(self) -> Float64Array:
        """Return the picture."""
        return self.value


def samples(count: int, seed: int, pictures: int) -> list[Sample]:
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(0, 0.05, (pictures, 3, 4, 5)), axis=0)
    chosen = [values[rng.integers(pictures)] for _ in range(count)]
    return [Sample(value.tobytes(), value) for value in chosen]


def find(
    metric: Any,
    ref: Sample,
    window: Sequence[Sample],
    first: int,
    center: int,
    hint: int,
    exact: ScoreTolerance = BEST_ONLY,
) -> BestMatch:
    return find_best_match(metric, ref, {first + i: sample for i, sample in enumerate(window)}, center, hint, exact)


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_equals_comparing_everything(bounded: bool, seed: int) -> None:
    draw = random.Random(seed)
    window = samples(13, seed, draw.choice([3, 30]))
    ref = draw.choice([*window, *samples(3, seed + 100, 3)])
    first, center = draw.randint(0, 9), draw.randint(3, 18)
    exact = [float(np.abs(s.value - ref.value).mean()) for s in window]
    order = sorted(range(13), key=lambda i: (exact[i], abs(first + i - center), -(first + i)))
    for tolerance in (ScoreTolerance(), ScoreTolerance(0.3, 0.01), ALL_SCORES):
        found = find(MeanDifference(bounded), ref, window, first, center, draw.randint(-5, 40), tolerance)
        assert found.winner == first + order[0]
        limit = tolerance.limit(min(exact))
        for i, score in enumerate(exact):
            if score <= limit:
                assert found.scores[first + i] == score
            else:
                assert limit < found.scores[first + i] <= score


def test_equal_pictures_are_compared_once() -> None:
    one, two = samples(2, 3, 40)
    metric = MeanDifference(bounded=False)
    found = find(metric, samples(1, 9, 5)[0], [one, two] * 10, 0, 10, 10)
    assert metric.compared == 2
    assert len(found.scores) == 20


def test_a_picture_equal_to_ref_is_not_compared() -> None:
    window = samples(9, 4, 50)
    metric = MeanDifference()
    assert find(metric, window[6], window, 0, 4, 4).scores[6] == 0
    counted = metric.compared
    metric.zero_for_equal = False
    find(metric, window[6], window, 0, 4, 4)
    assert counted < metric.compared - counted


def test_a_good_hint_saves_work() -> None:
    values = [np.full((3, 2, 2), i / 40) for i in range(40)]
    window = [Sample(value.tobytes(), value) for value in values]
    ref = Sample(b"ref", values[30] + 0.001)
    metric = MeanDifference()
    assert find(metric, ref, window, 0, 20, 30).winner == 30
    assert metric.compared <= 2


def test_scores_within_the_tolerance_are_equal() -> None:
    values = [np.full((3, 2, 2), v) for v in (0.2, 0.1003, 0.3, 0.1, 0.4)]
    window = [Sample(value.tobytes(), value) for value in values]
    ref = Sample(b"ref", np.zeros((3, 2, 2)))
    metric = MeanDifference()
    assert find(metric, ref, window, 0, 1, 1).winner == 3
    metric.rounding = 0.001
    assert find(metric, ref, window, 0, 1, 1).winner == 1
    assert find(metric, ref, window, 0, 1, 3).winner == 1


def test_pictures_that_are_no_numbers_never_win() -> None:
    values = [np.full((3, 2, 2), v) for v in (nan, 0.5, nan)]
    window = [Sample(bytes([i]), value) for i, value in enumerate(values)]
    found = find(MeanDifference(), Sample(b"ref", np.zeros((3, 2, 2))), window, 0, 0, 0)
    assert (found.winner, found.scores[1]) == (1, 0.5)


def test_an_empty_window() -> None:
    assert find_best_match(MeanDifference(), samples(1, 0, 1)[0], {}, 0, 0, BEST_ONLY) == BestMatch(-1, {})
