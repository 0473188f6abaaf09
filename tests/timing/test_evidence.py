"""From scores to matches, and what is said about them."""

from math import inf, nan

import numpy as np
import pytest

from vs_align.metrics.registry import METRICS
from vs_align.timing.confidence import confidence
from vs_align.timing.evidence import Evidence, decide
from vs_align.timing.noise import Noise

NOISE = Noise(0.02, 0.001)


def test_evidence_travels_as_bytes() -> None:
    sent = Evidence(np.array([0.1, inf, 1e-300]), np.array([nan, -41.708333, 7.0]), -12)
    read = Evidence.from_bytes(sent.to_bytes())
    assert read.start == -12
    np.testing.assert_array_equal(read.scores, sent.scores)
    np.testing.assert_array_equal(read.late, sent.late)


def test_the_score_is_that_of_the_place_chosen() -> None:
    rows = [np.array([0.5, 0.1, 0.5])] * 6
    rows[3] = np.array([0.1, 0.101, 0.5])
    (found,) = decide(rows, 3, 4, NOISE, "planestats", smooth=True)
    assert (found.place, found.score) == (1, 0.101)
    (plain,) = decide(rows, 3, 4, NOISE, "planestats", smooth=False)
    assert (plain.place, plain.score, plain.confidence, plain.runner_up) == (0, 0.1, None, None)


def test_plain_choice_knows_the_smallest_differences() -> None:
    rows = [np.array([0.3, 0.25, 0.25 - 1e-15])]
    assert decide(rows, 0, 1, NOISE, "planestats", smooth=False)[0].place == 2


def test_the_runner_up_does_not_depend_on_how_far_the_search_looked() -> None:
    for beyond in (0.2, 0.9):
        (found,) = decide([np.array([beyond, 0.1, beyond * 2])], 0, 1, NOISE, "planestats", smooth=True)
        assert found.runner_up == pytest.approx(0.1 * 1.2 + 0.01)
    (found,) = decide([np.array([0.115, 0.1, 0.2])], 0, 1, NOISE, "planestats", smooth=True)
    assert found.runner_up == 0.115


def test_nothing_to_choose_from() -> None:
    for smooth, sure in ((True, 0.0), (False, None)):
        (found,) = decide([np.full(3, inf)], 0, 1, NOISE, "planestats", smooth=smooth)
        assert (found.place, found.score, found.confidence) == (-1, inf, sure)


@pytest.mark.parametrize("metric", METRICS)
def test_confidence_grows_with_the_margin_and_falls_with_the_score(metric: str) -> None:
    by_margin = [confidence(margin, 0.01, metric) for margin in (0, 0.5, 2, 5, 15)]
    assert by_margin == sorted(by_margin)
    assert by_margin[0] <= 0.6 < 0.9 < by_margin[-1]
    by_score = [confidence(4, score, metric) for score in (0, 0.1, 1, 10)]
    assert by_score == sorted(by_score, reverse=True)
    assert all(0 <= value <= 1 for value in by_margin + by_score)
    assert confidence(4, inf, metric) == 0
    assert 0.2 < confidence(inf, 0, metric) < 0.8
