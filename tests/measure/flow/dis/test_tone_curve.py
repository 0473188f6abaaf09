"""The tone curve between two images is estimated if there is one, in the direction that loses nothing."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.synth import grid, texture
from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.dis.tone_curve import estimate_tone_curve


def picture(seed: int = 0) -> Float32Array:
    return texture(*grid(160, 90), seed, finest=12).astype(np.float32)


def graded(grade: Callable[[Float32Array], Float32Array]) -> Float32Array:
    return np.asarray(grade(picture()), np.float32)


@pytest.mark.parametrize("gain", [0.3, 1.0, 0.9])
def test_a_straight_grade_needs_no_curve(gain: float) -> None:
    assert estimate_tone_curve(picture(), graded(lambda p: gain * p + 0.05)) is None


CURVES: dict[str, Callable[[Float32Array], Float32Array]] = {
    "gamma": lambda p: np.asarray(p**1.8, np.float32),
    "other gamma": lambda p: np.asarray(p**0.6, np.float32),
    "s curve": lambda p: np.asarray(p * p * (3 - 2 * p), np.float32),
}


@pytest.mark.parametrize("grade", CURVES.values(), ids=CURVES.keys())
def test_a_curve_is_found(grade: Callable[[Float32Array], Float32Array]) -> None:
    ref, warped = picture(), graded(grade)
    tone = estimate_tone_curve(ref, warped)
    assert tone is not None
    one, other = (tone.applied(ref), warped) if tone.of_ref else (ref, tone.applied(warped))
    before = np.abs(ref - warped).mean()
    assert np.abs(one - other).mean() < 0.005 < before / 5


def test_crushed_blacks_are_crushed_in_the_other_picture_too() -> None:
    crushed = graded(lambda p: np.clip((p - 0.4) / 0.6, 0, 1))
    tone = estimate_tone_curve(picture(), crushed)
    assert tone is not None
    assert tone.of_ref
    assert np.abs(tone.applied(picture()) - crushed).mean() < 0.01
    mirrored = estimate_tone_curve(crushed, picture())
    assert mirrored is not None
    assert not mirrored.of_ref


def test_a_logo_and_unknown_pixels_do_not_bend_the_curve() -> None:
    ref, warped = picture(), graded(lambda p: np.asarray(p**1.8, np.float32))
    plain = estimate_tone_curve(ref, warped)
    warped = warped.copy()
    warped[10:30, 10:60] = 0.97
    warped[60:70] = np.nan
    tone = estimate_tone_curve(ref, warped)
    assert tone is not None
    assert plain is not None
    assert tone.of_ref == plain.of_ref
    assert np.abs(tone.applied(ref) - plain.applied(ref)).max() < 0.03


def test_the_curve_goes_on_straight_outside() -> None:
    tone = estimate_tone_curve(picture(), graded(CURVES["gamma"]))
    assert tone is not None
    outside = tone.applied(np.array([[-0.5, -0.25, 0, 1, 1.25, 1.5]], np.float32))[0]
    assert np.diff(outside[:3]) == pytest.approx(np.full(2, np.diff(outside[:2])[0]), abs=0.01)
    assert np.diff(outside[3:]) == pytest.approx(np.full(2, np.diff(outside[3:5])[0]), abs=0.01)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0, 1.7, -0.3])
def test_flat_and_unknown_pictures_have_no_tone(value: float) -> None:
    flat = np.full((40, 60), value, np.float32)
    assert estimate_tone_curve(flat, flat * np.float32(0.5)) is None
    assert estimate_tone_curve(flat, np.full_like(flat, np.nan)) is None
    assert estimate_tone_curve(flat[:2, :2], flat[:2, :2]) is None
    assert estimate_tone_curve(picture(), np.full((90, 160), value, np.float32)) is None
