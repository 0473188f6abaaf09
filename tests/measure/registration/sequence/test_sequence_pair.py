"""Frames of two videos at one size: matching and refinement under known transforms."""

import numpy as np
import pytest

from tests.footage import Shot
from tests.measure.registration.scenes import centred, noisy, shifted, turned
from vs_align.io.array_types import Float64Array
from vs_align.measure.images.preprocessing import normalize_contrast
from vs_align.measure.registration.esm import AFFINE
from vs_align.measure.registration.sequence.sequence_pair import SequencePair

SIZE = (131, 75)
SHOT = Shot(2, SIZE, (0.9, 0.2))
TRUTH: Float64Array = centred(SIZE) @ shifted(3.5, -2) @ turned(1, 1.04) @ np.linalg.inv(centred(SIZE))
WHOLE = np.ones((75, 131), np.float32)


def sequences(grain: float = 0.0) -> SequencePair:
    clip = [noisy(p, grain, i) for i, p in enumerate(SHOT.film(range(20), TRUTH))]
    return SequencePair(clip, SHOT.film(range(4, 14)), WHOLE, WHOLE, SIZE, 5)


@pytest.mark.parametrize("grain", [0.0, 0.05])
def test_moments_are_found_under_the_right_transform(grain: float) -> None:
    windows = [range(n, n + 9) for n in range(10)]
    found = sequences(grain).match(TRUTH, windows)
    assert found.candidates.tolist() == list(range(4, 14))
    assert found.agreement == pytest.approx(found.agreements.mean())
    assert found.agreements.min() > (0.97 if grain == 0 else 0.6)
    wrong = sequences(grain).match(TRUTH @ shifted(6, 6), windows)
    assert wrong.agreement < found.agreement - 0.3


def test_agreement_is_the_correlation_of_what_both_show() -> None:
    several = sequences()
    found = several.match(TRUTH, [range(6, 7)] + [range(0)] * 9)
    inside = several.coverage(TRUTH) > 0
    assert 0.7 < inside.mean() < 0.999
    ref = normalize_contrast(SHOT.at(4), WHOLE, 5)
    expected = np.corrcoef(several.warped(TRUTH, 6).image[inside], ref[inside])[0, 1]
    assert found.candidates.tolist() == [6] + [-1] * 9
    assert found.agreements[0] == pytest.approx(expected, abs=1e-4)
    assert not found.agreements[1:].any()


def test_what_does_not_count_has_no_say() -> None:
    clip, ref = SHOT.film(range(20)), SHOT.film(range(4, 14))
    rng = np.random.default_rng(0)
    panel = rng.random((75, 60)).astype(np.float32)
    for picture in clip:
        picture[:, :60] = panel
    for picture in ref:
        picture[:, :60] = panel[::-1]
    left = WHOLE.copy()
    left[:, :60] = 0
    windows = [range(n, n + 9) for n in range(10)]
    for weights in ((left, WHOLE), (WHOLE, left), (left, left)):
        found = SequencePair(clip, ref, *weights, SIZE, 5).match(np.eye(3), windows)
        assert found.candidates.tolist() == list(range(4, 14))
        assert found.agreement > 0.9
    assert SequencePair(clip, ref, WHOLE, WHOLE, SIZE, 5).match(np.eye(3), windows).agreement < 0.7


def test_flat_pictures_agree_with_nothing() -> None:
    flat = [np.full((75, 131), 0.4, np.float32)] * 3
    found = SequencePair(flat, SHOT.film(range(3)), WHOLE, WHOLE, SIZE, 5).match(np.eye(3), [range(3)] * 3)
    assert np.abs(found.agreements).max() < 0.05


@pytest.mark.parametrize("windows", [[], [range(0)] * 10])
def test_nothing_to_match(windows: list[range]) -> None:
    found = sequences().match(TRUTH, windows)
    assert found.candidates.tolist() == [-1] * len(windows)
    assert found.agreement == 0.0


def test_pictures_that_do_not_overlap_agree_with_nothing() -> None:
    found = sequences().match(shifted(500, 0), [range(5)] * 10)
    assert found.candidates.tolist() == [-1] * 10


@pytest.mark.parametrize("off", [shifted(1.5, -1), shifted(-1, 1) @ turned(0.4, 1.01)])
def test_several_pairs_bring_a_transform_closer(off: Float64Array) -> None:
    start = TRUTH @ centred(SIZE) @ off @ np.linalg.inv(centred(SIZE))
    closer = sequences(0.02).refine(start, [(n, n + 4) for n in range(0, 10, 2)], AFFINE, 10)
    corners = np.array([(0, 0, 1), (130, 0, 1), (0, 74, 1), (130, 74, 1)], np.float64)

    def error(matrix: Float64Array) -> float:
        return float(np.abs((corners @ (matrix - TRUTH).T)[:, :2]).max())

    assert error(start) > 1
    assert error(closer) < 0.1
