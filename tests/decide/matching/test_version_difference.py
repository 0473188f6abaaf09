"""Framing and grade differences, measured on images that are known at every position."""

from math import sqrt

import numpy as np
import pytest

from tests.synth import grid, texture
from vs_align.decide.matching.version_difference import (
    HEIGHT,
    WIDTH,
    DifferenceSample,
    VersionDifference,
    sample_difference,
    thumbnail,
    version_difference,
)
from vs_align.io.array_types import Float64Array

SIZE = (193, 109)


def scene(dx: float = 0.0, dy: float = 0.0, scale: float = 1.0, seed: int = 0) -> Float64Array:
    u, v = grid(*SIZE)
    middle = (SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2
    return texture((u - middle[0]) * scale + middle[0] + dx, (v - middle[1]) * scale + middle[1] + dy, seed, finest=12)


def between(clip: Float64Array, ref: Float64Array, peak: float = 1.0) -> VersionDifference:
    pictures = [thumbnail(np.asarray(plane * peak, np.float32), peak) for plane in (clip, ref)]
    found = version_difference([sample_difference(pictures[1], 0, range(1), lambda _: pictures[0])])
    assert found is not None
    return found


def test_equal_pictures_do_not_differ() -> None:
    found = between(scene(), scene())
    assert (found.framing, found.grade, found.dissent, found.trust) == (0, 0, 0, 1)


@pytest.mark.parametrize(("dx", "dy"), [(1.0, 0.0), (0.0, 1.4), (-2.0, 1.0), (0.3, 0.2)])
def test_a_shift_is_measured(dx: float, dy: float) -> None:
    found = between(scene(dx, dy), scene())
    # the small picture is as wide as ref, and so much higher than ref as its pixels are
    wanted = sqrt((dx / SIZE[0]) ** 2 + (dy / SIZE[1] * HEIGHT / WIDTH) ** 2)
    assert found.framing == pytest.approx(wanted, rel=0.15)
    assert found.grade < 0.004


@pytest.mark.parametrize("scale", [0.98, 1.015, 0.95])
def test_a_zoom_is_measured(scale: float) -> None:
    found = between(scene(scale=scale), scene())
    wanted = abs(1 - scale) * sqrt((1 + (HEIGHT / WIDTH) ** 2) / 12)
    assert found.framing == pytest.approx(wanted, rel=0.2)


def test_a_grade_is_measured_and_is_no_framing() -> None:
    ref = scene()
    found = between(0.8 * ref + 0.02, ref)
    assert found.grade == pytest.approx(float(np.sqrt(((0.2 * ref - 0.02) ** 2).mean())), rel=0.1)
    assert found.framing < 0.0005
    curved = between(ref**1.25, ref)
    assert curved.grade > 0.02
    assert curved.framing < 0.001


@pytest.mark.parametrize("change", ["grain", "logo"])
def test_grain_and_logos_are_neither(change: str) -> None:
    ref, rng = scene(), np.random.default_rng(1)
    clip = ref + rng.normal(0, 0.03, ref.shape) if change == "grain" else ref.copy()
    if change == "logo":
        clip[6:20, 130:180] = 0.95
    found = between(clip, ref)
    assert found.framing < 0.001
    assert found.grade < 0.004
    assert found.trust > 0.95


def test_crop_grade_and_dissent_take_from_the_trust() -> None:
    assert VersionDifference(0.006, 0.0, 0.0).trust < 0.7
    assert VersionDifference(0.0, 0.06, 0.0).trust < 0.9
    assert VersionDifference(0.0, 0.0, 0.4).trust == 0.5
    assert VersionDifference(0.0004, 0.001, 0.0).trust > 0.99


def test_the_second_opinion_is_not_misled_by_gain() -> None:
    film = [scene(dx=2.0 * n) for n in range(9)]
    # clip grows dark: by the difference of pixels an earlier, brighter frame may win
    clip = [thumbnail((film[n] * (1 - 0.08 * n)).astype(np.float32), 1.0) for n in range(9)]
    ref = thumbnail(film[6].astype(np.float32), 1.0)
    assert sample_difference(ref, 6, range(9), clip.__getitem__).dissent == 0
    assert sample_difference(ref, 3, range(9), clip.__getitem__).dissent > 1


def test_looks_travel_as_bytes_and_add_up() -> None:
    ref, other = (thumbnail(scene(seed=seed).astype(np.float32), 1.0) for seed in (0, 1))
    moved = thumbnail(scene(dx=1.0).astype(np.float32), 1.0)
    one, two = (
        sample_difference(ref, 3, range(2, 6), lambda _: moved),
        sample_difference(other, 0, range(1), lambda _: other),
    )
    read = DifferenceSample.from_bytes(one.to_bytes())
    np.testing.assert_array_equal(read.normal, one.normal)
    np.testing.assert_array_equal(read.right, one.right)
    assert read.dissent == one.dissent
    alone, both = version_difference([one]), version_difference([one, two])
    assert alone is not None
    assert both is not None
    # a look that leaves nothing unexplained counts more
    assert both.framing < 0.5 * alone.framing
    assert version_difference([]) is None


@pytest.mark.parametrize("size", [(1, 1), (9, 1), (1, 7), (31, 17), (64, 36), (1921, 1081)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_plane_makes_a_small_picture(size: tuple[int, int], dtype: type) -> None:
    peak = 1 if dtype is np.float32 else np.iinfo(dtype).max
    plane: np.ndarray = np.full((size[1], size[0]), peak, dtype)
    np.testing.assert_allclose(thumbnail(plane, peak), np.ones((HEIGHT, WIDTH)), rtol=1e-6)
    found = version_difference(
        [sample_difference(thumbnail(plane, peak), 0, range(1), lambda _: thumbnail(plane, peak))]
    )
    assert found == VersionDifference(0, 0, 0)


def test_samples_that_are_no_numbers_do_no_harm() -> None:
    plane = np.full((72, 128), 0.5, np.float32)
    plane[3, 4], plane[5, 6], plane[40, 50] = np.nan, np.inf, -np.inf
    assert np.isfinite(thumbnail(plane, 1.0)).all()
