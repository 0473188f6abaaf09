"""Local contrast is independent of grading, and noise is estimated."""

import numpy as np
import pytest

from tests.synth import grid, texture
from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.dis.local_contrast import estimate_noise, local_contrast, presmoothing_sigma


def picture(width: int = 160, height: int = 90, finest: float = 8) -> Float32Array:
    return texture(*grid(width, height), finest=finest).astype(np.float32)


@pytest.mark.parametrize("strength", [0.005, 0.01, 0.03, 0.06])
def test_grain_is_measured(strength: float) -> None:
    grain = np.random.default_rng(0).normal(0, strength, (270, 480))
    assert estimate_noise((picture(480, 270, 60) + grain).astype(np.float32)) == pytest.approx(strength, rel=0.25)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (17, 13), (90, 160)])
def test_flat_pictures_have_no_grain(shape: tuple[int, int]) -> None:
    assert estimate_noise(np.full(shape, 0.4, np.float32)) == 0


def test_fine_detail_is_hardly_taken_for_grain() -> None:
    assert presmoothing_sigma(estimate_noise(picture(320, 180))) < 0.6


def test_smoothing_grows_with_grain_up_to_a_bound() -> None:
    widths = [presmoothing_sigma(noise) for noise in (0, 0.005, 0.01, 0.02, 0.05, 1)]
    assert widths[:2] == [0, 0]
    assert widths == sorted(widths)
    assert widths[-1] == widths[-2] == 1.5


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.2), (1.5, -0.3), (1, 0.4)])
def test_a_straight_grade_disappears(gain: float, offset: float) -> None:
    before, after = (local_contrast(luma, 0) for luma in (picture(), picture() * np.float32(gain) + np.float32(offset)))
    # all but a floor under the contrast, which counts where there is hardly any
    assert np.abs(before - after).mean() < 0.015
    assert np.percentile(np.abs(before - after), 99) < 0.1
    assert before.std() > 0.6


def test_flat_pictures_are_nothing() -> None:
    assert np.abs(local_contrast(np.full((40, 60), 0.7, np.float32), 0)).max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (5, 6), (8, 8), (17, 13)])
def test_small_pictures(shape: tuple[int, int]) -> None:
    luma = np.random.default_rng(0).random(shape, np.float32)
    excluded = np.zeros(shape, bool)
    excluded[0, 0] = True
    assert np.isfinite(local_contrast(luma, 0.01)).all()
    assert np.array_equal(np.isnan(local_contrast(luma, 0.01, excluded)), excluded)


def test_what_is_excluded_has_no_effect_on_the_rest() -> None:
    excluded = np.zeros((90, 160), bool)
    excluded[20:50, 30:90] = True
    black, white = (np.where(excluded, np.float32(value), picture()) for value in (0, 1))
    one, other = (local_contrast(luma, 0, excluded) for luma in (black, white))
    assert np.allclose(one, other, atol=1e-3, equal_nan=True)
    assert np.array_equal(np.isnan(one), excluded)
    far = np.ones((90, 160), bool)
    far[12:58, 22:98] = False
    assert np.allclose(one[far], local_contrast(picture(), 0)[far], atol=1e-3)
    assert np.isnan(local_contrast(picture(), 0, np.ones((90, 160), bool))).all()
    assert np.array_equal(local_contrast(picture(), 0, np.zeros((90, 160), bool)), local_contrast(picture(), 0))
