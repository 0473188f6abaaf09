"""Frame descriptors are robust to grading, blur and grain, and tell scenes apart."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.decide.synchronization.synthetic_fingerprints import noise_pictures, prints
from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import BLACK, PLAIN, WORN, Look, ShotFilm
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.fingerprints.descriptors import DESCRIPTOR_LENGTH, frame_descriptors
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH

MOMENTS = list(range(0, 4000, 37))


def descriptors(look: Look = PLAIN, seed: int = 6, border: int = 0) -> Float32Array:
    film = prints(ShotFilm(seed, look), MOMENTS)
    if border:
        luma = film.thumbnails(0, len(film)).copy()
        luma[:, :border] = luma[:, -border:] = 16
        film = fingerprints_of(luma, film.rate)
    return frame_descriptors(film, range(len(MOMENTS)))


def alike(a: Float32Array, b: Float32Array) -> Float64Array:
    """(n, n) correlations."""
    return np.asarray((a[:, None, :].astype(float) * b[None]).sum(axis=2), np.float64)


@pytest.mark.parametrize(
    ("look", "least"),
    [
        (PLAIN, 1.0),
        (Look(gain=0.6, lift=20), 0.97),
        (Look(gamma=1.4), 0.95),
        (Look(gamma=0.7), 0.95),
        (Look(grain=10), 0.95),
        (Look(blur=0.01), 0.9),
        (Look(zoom=1.03), 0.8),
        (WORN, 0.7),
    ],
)
def test_a_frame_is_known_again(look: Look, least: float) -> None:
    found = alike(descriptors(look), descriptors())
    own = np.diag(found)
    assert own.min() >= least - 1e-5
    # and no frame of another scene comes near it
    assert (found.argmax(axis=1) == np.arange(len(MOMENTS))).mean() > 0.97
    assert np.median(own) > np.percentile(found[~np.eye(len(MOMENTS), dtype=bool)], 99.5)


def test_other_films_are_unlike() -> None:
    found = alike(descriptors(), descriptors(seed=7))
    assert abs(float(found.mean())) < 0.05
    assert found.max() < 0.7


def test_they_are_of_unit_length_and_without_brightness() -> None:
    found = descriptors()
    assert found.shape == (len(MOMENTS), DESCRIPTOR_LENGTH)
    assert np.square(found.astype(float)).sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert np.abs(found.sum(axis=1)).max() < 1e-3


def test_flat_frames_have_no_descriptor() -> None:
    film = prints(ShotFilm(0), [BLACK, 5])
    grain = np.clip(np.random.default_rng(0).normal(100, 0.8, (1, HEIGHT, WIDTH)), 0, 255).astype(np.uint8)
    luma = np.concatenate([film.thumbnails(0, 2), np.full((1, HEIGHT, WIDTH), 200, np.uint8), grain])
    found = frame_descriptors(fingerprints_of(luma, Fraction(25)), [0, 1, 2, 3])
    assert not found[[0, 2]].any()
    assert np.square(found[1]).sum() == pytest.approx(1, abs=1e-4)
    # faint noise is no picture
    assert np.square(found[3]).sum() < 0.95
    assert frame_descriptors(film, []).shape == (0, DESCRIPTOR_LENGTH)


def test_borders_do_not_count() -> None:
    bordered = descriptors(border=6)
    film = prints(ShotFilm(6), MOMENTS)
    inside = frame_descriptors(film, range(len(MOMENTS)), (0, 32, 2, 16))
    assert np.diag(alike(bordered, inside)).min() > 0.999
    assert np.diag(alike(bordered, descriptors())).mean() < 0.9


def test_order_is_as_asked_for() -> None:
    film = fingerprints_of(noise_pictures(9), Fraction(25))
    forward = frame_descriptors(film, np.arange(9))
    assert np.array_equal(frame_descriptors(film, [8, 2, 2, 0]), forward[[8, 2, 2, 0]])


def test_size_of_grain_does_not_matter() -> None:
    fine, coarse = (descriptors(replace(PLAIN, grain=grain)) for grain in (2, 8))
    assert np.diag(alike(fine, coarse)).min() > 0.95
