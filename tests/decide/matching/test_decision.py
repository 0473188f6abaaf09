"""Decisions from scores, and their confidence."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from vs_align.decide.matching.decision import WindowScores, confidence, decide
from vs_align.measure.metrics.metric import ScoreTolerance
from vs_align.measure.metrics.registry import METRICS, Calibration

PLANESTATS = METRICS["planestats"]
NOISY = replace(PLANESTATS, noise=ScoreTolerance(0.02, 0.001))


def test_window_scores_travel_as_bytes() -> None:
    sent = WindowScores(np.array([0.1, inf, 1e-300]), np.array([nan, -41.708333, 7.0]), -12)
    read = WindowScores.from_bytes(sent.to_bytes())
    assert read.start == -12
    np.testing.assert_array_equal(read.scores, sent.scores)
    np.testing.assert_array_equal(read.offsets_ms, sent.offsets_ms)


def test_the_score_is_that_of_the_chosen_candidate() -> None:
    rows = [np.array([0.5, 0.1, 0.5])] * 6
    rows[3] = np.array([0.1, 0.101, 0.5])
    (found,) = decide(rows, 3, 4, NOISY, smooth=True)
    assert (found.index, found.score) == (1, 0.101)
    (plain,) = decide(rows, 3, 4, NOISY, smooth=False)
    assert (plain.index, plain.score, plain.confidence, plain.runner_up) == (0, 0.1, None, None)


def test_plain_choice_knows_the_smallest_differences() -> None:
    rows = [np.array([0.3, 0.25, 0.25 - 1e-15])]
    assert decide(rows, 0, 1, NOISY, smooth=False)[0].index == 2


def test_the_runner_up_does_not_depend_on_how_far_the_search_looked() -> None:
    for beyond in (0.2, 0.9):
        (found,) = decide([np.array([beyond, 0.1, beyond * 2])], 0, 1, NOISY, smooth=True)
        assert found.runner_up == pytest.approx(0.1 * 1.2 + 0.01)
    (found,) = decide([np.array([0.115, 0.1, 0.2])], 0, 1, NOISY, smooth=True)
    assert found.runner_up == 0.115


def test_nothing_to_choose_from() -> None:
    for smooth, sure in ((True, 0.0), (False, None)):
        (found,) = decide([np.full(3, inf)], 0, 1, NOISY, smooth=smooth)
        assert (found.index, found.score, found.confidence) == (-1, inf, sure)


@pytest.mark.parametrize("metric", [row.calibration for row in METRICS.values()], ids=list(METRICS))
def test_confidence_grows_with_the_margin_and_falls_with_the_score(metric: Calibration) -> None:
    by_margin = [confidence(margin, 0.01, metric) for margin in (0, 0.5, 2, 5, 15)]
    assert by_margin == sorted(by_margin)
    assert by_margin[0] <= 0.6 < 0.9 < by_margin[-1]
    by_score = [confidence(4, score, metric) for score in (0, 0.1, 1, 10)]
    assert by_score == sorted(by_score, reverse=True)
    assert all(0 <= value <= 1 for value in by_margin + by_score)
    assert confidence(4, inf, metric) == 0
    assert 0.2 < confidence(inf, 0, metric) < 0.8


@pytest.mark.parametrize("name", ["butteraugli", "butteraugli:3norm"])
def test_butteraugli_is_sure_of_equal_frames_and_not_under_a_logo_or_grain(name: str) -> None:
    metric = METRICS[name].calibration
    # margin, score and jitter of wrong matches in real footage: a logo in a slow tilt, grain in a slow tilt, a fade
    assert confidence(14.0, 25.2, metric, 0.0) < 0.9
    assert confidence(11.5, 2.82, metric, 1.0) < 0.9
    assert confidence(10.0, 4.03, metric, 0.38) < 0.9
    # and of right ones without any difference, amid lost and repeated frames
    assert confidence(10.0, 0.0, metric, 0.38) > 0.9


def isolated_jump(score: float, beside: float) -> list[np.ndarray]:
    """Scores of 17 frames at one index, of which the middle one prefers the next."""
    rows = [np.array([0.05, 0.05, score, 0.05, 0.05]) for _ in range(17)]
    rows[8] = np.array([0.05, 0.05, beside, score, 0.05])
    return rows


def test_a_isolated_jump_in_grain_is_not_sure() -> None:
    jump = decide(isolated_jump(0.0125, 0.0135), 8, 9, PLANESTATS, smooth=True)[0]
    steady = decide(isolated_jump(0.0125, 0.0135), 0, 1, PLANESTATS, smooth=True)[0]
    assert (jump.index, steady.index) == (3, 2)
    assert jump.confidence is not None and steady.confidence is not None
    assert jump.confidence < 0.9 < steady.confidence


def test_a_isolated_jump_to_an_equal_frame_stays_sure() -> None:
    (jump,) = decide(isolated_jump(0.0, 0.02), 8, 9, PLANESTATS, smooth=True)
    assert jump.index == 3
    assert jump.confidence is not None and jump.confidence > 0.95


@pytest.mark.parametrize("name", ["planestats", "butteraugli", "butteraugli:3norm", "topiq"])
def test_an_isolated_jump_costs_more_at_higher_scores(name: str) -> None:
    metric = METRICS[name].calibration
    left = [confidence(7, score, metric, isolated=True) / confidence(7, score, metric) for score in (0, 0.01, 0.1, 1)]
    assert left[0] == 1
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.9
