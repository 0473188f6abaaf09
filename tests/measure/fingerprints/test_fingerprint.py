"""`Fingerprints`: statistics, cuts, flat and black frames, and the border of synthetic thumbnails."""

from fractions import Fraction

import numpy as np
import pytest

from tests.decide.synchronization.synthetic_fingerprints import noise_frames, noise_pictures, prints
from tests.memory_fingerprints import MemoryStore, fingerprints_of
from tests.sync_films import BLACK, ShotFilm, shot_starts
from vs_align.measure.fingerprints import fingerprint
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, frame_stats
from vs_align.measure.images.scene_cuts import detect_cuts


def test_numbers_of_frames() -> None:
    luma = np.zeros((4, HEIGHT, WIDTH), np.uint8)
    luma[1] = 100
    luma[2, :, : WIDTH // 2] = 40
    luma[2, :, WIDTH // 2 :] = 60
    luma[3, 3:6, 6:9] = 90
    stats = frame_stats(luma, None)
    assert stats.brightness.tolist() == pytest.approx([0, 100, 50, 90 * 9 / luma[0].size])
    assert stats.contrast.tolist()[:3] == pytest.approx([0, 0, 10])
    assert stats.change.tolist() == pytest.approx([0, 100, 50, (50 * luma[0].size - 9 * 40 + 9 * 50) / luma[0].size])
    assert stats.grid.shape == (4, 18, 32)
    assert stats.grid[3, 1, 2] == 90
    assert int(stats.grid[3].sum()) == 90


def test_numbers_go_on_from_the_frame_before() -> None:
    luma = noise_pictures(20)
    whole = frame_stats(luma, None)
    parts = [frame_stats(luma[:7], None), frame_stats(luma[7:8], luma[6]), frame_stats(luma[8:], luma[7])]
    for name in ("brightness", "contrast", "change", "grid"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))
    assert whole.change[0] == 0
    assert (whole.change[1:] > 1).all()


def test_the_store_returns_the_thumbnails() -> None:
    frames = noise_frames(31)
    film = fingerprints_of(frames.luma, Fraction(25), frames.times, frames.color)
    assert len(film) == len(frames) == 31
    assert np.array_equal(film.thumbnails(4, 9), frames.luma[4:9])
    assert np.array_equal(film.colors(4, 9), frames.color[4:9])
    assert np.array_equal(MemoryStore(frames).read(30, 31).times, [1.2])


def test_times_and_duration() -> None:
    film = fingerprints_of(noise_pictures(5), Fraction(24000, 1001))
    assert film.times == pytest.approx(np.arange(5) * 1001 / 24000)
    assert film.duration == pytest.approx(5 * 1001 / 24000)
    uneven = fingerprints_of(noise_pictures(3), Fraction(25), [0.0, 0.1, 0.12])
    assert uneven.duration == pytest.approx(0.16)
    assert fingerprints_of(noise_pictures(1), Fraction(25)).duration == pytest.approx(0.04)


def test_cuts_do_not_depend_on_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    film = prints(ShotFilm(4), range(700))
    starts = shot_starts(4, 700)
    assert film.cuts.tolist() == starts
    for length in (starts[0], starts[0] + 1, starts[1] - 1, 97):
        monkeypatch.setattr(fingerprint, "_BATCH", length)
        assert prints(ShotFilm(4), range(700)).cuts.tolist() == detect_cuts(film.stats.grid) == starts


def test_nothing_is_cut_in_one_frame() -> None:
    assert prints(ShotFilm(0), [3]).cuts.tolist() == []
    assert prints(ShotFilm(0), [BLACK] * 9).cuts.tolist() == []


def test_black_and_flat() -> None:
    luma = np.stack([np.full((HEIGHT, WIDTH), level, np.uint8) for level in (0, 16, 128, 235)] + [noise_pictures(1)[0]])
    grain = np.clip(16 + np.random.default_rng(0).normal(0, 1.5, (1, HEIGHT, WIDTH)), 0, 255).astype(np.uint8)
    film = fingerprints_of(np.concatenate([luma, grain]), Fraction(25))
    assert film.flat.tolist() == [True, True, True, True, False, True]
    assert film.black.tolist() == [True, True, False, False, False, True]


@pytest.mark.parametrize(
    ("rows", "columns", "box"),
    [
        ((0, 54), (0, 96), (0, 32, 0, 18)),
        ((9, 45), (0, 96), (0, 32, 3, 15)),
        ((0, 54), (12, 84), (4, 28, 0, 18)),
        ((6, 54), (0, 90), (0, 30, 2, 18)),
        # no border leaves so little
        ((27, 33), (0, 96), (0, 32, 0, 18)),
    ],
)
def test_border(rows: tuple[int, int], columns: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    luma = np.full((40, HEIGHT, WIDTH), 16, np.uint8)
    part = slice(None), slice(*rows), slice(*columns)
    luma[part] = np.maximum(noise_pictures(40), 24)[part]
    # black now and then tells nothing about the border
    luma[5:9] = 16
    assert fingerprints_of(luma, Fraction(25)).box == box


def test_a_black_film_has_no_border() -> None:
    assert prints(ShotFilm(0), [BLACK] * 3).box == (0, 32, 0, 18)
