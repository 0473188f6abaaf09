"""Dissimilarities are 0 for equal images and about 1 for unrelated ones, for the candidates of each ref frame."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from tests.decide.synchronization.synthetic_fingerprints import prints
from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import BLACK, WORN, ShotFilm
from vs_align.decide.synchronization import similarity as similarity
from vs_align.decide.synchronization import similarity_kernels as similarity_kernels
from vs_align.decide.synchronization.candidate_ranges import CandidateRanges, all_candidates
from vs_align.decide.synchronization.similarity import coverage, dissimilarities, normalized_rows, thumbnails_at
from vs_align.decide.synchronization.similarity_kernels import FLAT_ALIKE
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.images.preprocessing import normalize_contrast
from vs_align.measure.registration.sequence.geometry import Geometry, identity_geometry

PLACE = identity_geometry((WIDTH, HEIGHT))


def table(clip: Fingerprints, ref: Fingerprints, *places: Geometry) -> Float32Array:
    """(ref, clip) all dissimilarities."""
    return dissimilarities(clip, ref, all_candidates(len(clip), len(ref)), places or [PLACE]).reshape(
        len(ref), len(clip)
    )


def shifted(right: float) -> Geometry:
    """Clip's things lie so many pixels farther right than ref's."""
    matrix = np.eye(3)
    matrix[0, 2] = right
    return Geometry(matrix, PLACE.clip_weight, PLACE.ref_weight, 0.9)


def rolled(film: Fingerprints, right: int) -> Fingerprints:
    return fingerprints_of(np.roll(film.thumbnails(0, len(film)), right, axis=2), film.rate)


def test_equal_pictures_differ_by_nothing() -> None:
    film = prints(ShotFilm(5), range(0, 900, 13))
    found = table(film, film)
    assert np.abs(np.diag(found)).max() < 1e-5
    others = found[~np.eye(len(film), dtype=bool)]
    assert others.min() > 0.05
    assert np.median(others) == pytest.approx(1, abs=0.1)
    assert found == pytest.approx(found.T, abs=1e-4)


def test_worn_pictures_differ_less_than_others() -> None:
    moments = range(0, 900, 13)
    found = table(prints(ShotFilm(5), moments), prints(ShotFilm(5, WORN), moments))
    # the crop is not taken back here
    assert (found.argmin(axis=1) == np.arange(len(moments))).mean() > 0.95


def test_candidates_are_those_of_the_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_BATCH", 7)
    clip, ref = prints(ShotFilm(5), range(0, 400, 7)), prints(ShotFilm(5), range(0, 400, 11))
    whole = table(clip, ref)
    rng = np.random.default_rng(0)
    lows, highs = (np.full((len(ref), 2), -1, np.int64) for _ in range(2))
    for n in range(len(ref)):
        a, b, c, d = np.sort(rng.choice(len(clip), 4, replace=False))
        kind = rng.integers(3)
        if kind:
            lows[n, 0], highs[n, 0] = a, b
        if kind == 2 and c > b + 1:
            lows[n, 1], highs[n, 1] = c, d
    bands = CandidateRanges(lows, highs)
    told: list[int] = []
    found = dissimilarities(clip, ref, bands, [PLACE], told.append)
    assert len(found) == bands.offsets[-1] > 100
    for n in range(len(ref)):
        ranges = [range(a, b + 1) for a, b in zip(lows[n], highs[n], strict=True) if a >= 0]
        wanted = [whole[n, c] for each in ranges for c in each]
        assert found[bands.offsets[n] : bands.offsets[n + 1]].tolist() == pytest.approx(wanted, abs=1e-6)
    assert max(told) == len(ref)


def test_no_candidates() -> None:
    film = prints(ShotFilm(5), range(3))
    none = np.full((3, 1), -1, np.int64)
    assert dissimilarities(film, film, CandidateRanges(none, none), [PLACE]).shape == (0,)


def test_nothing_to_be_seen() -> None:
    levels = [16, 20, 40, 235]
    luma = np.stack([np.full((HEIGHT, WIDTH), level, np.uint8) for level in levels])
    ref = prints(ShotFilm(1), [BLACK, 9])
    clip = fingerprints_of(np.concatenate([luma, ref.thumbnails(1, 2)]), Fraction(24))
    found = table(clip, ref)
    assert found[0].tolist() == [FLAT_ALIKE, FLAT_ALIKE, 1, 1, 1]
    assert found[1, 4] == pytest.approx(0, abs=1e-5)
    assert found[1, :4].tolist() == pytest.approx([1] * 4, abs=0.05)
    assert FLAT_ALIKE not in found[1]


def test_clip_is_looked_at_through_its_geometry() -> None:
    ref = prints(ShotFilm(5), range(0, 500, 31))
    clip = rolled(ref, 5)
    assert np.median(np.diag(table(clip, ref))) > 0.2
    assert np.diag(table(clip, ref, shifted(5))).max() < 0.02


def test_of_several_geometries_the_best_counts() -> None:
    own = prints(ShotFilm(5), range(0, 500, 31))
    half = len(own) // 2
    left, right = rolled(own, -4).thumbnails(0, half), rolled(own, 5).thumbnails(half, len(own))
    clip = fingerprints_of(np.concatenate([left, right]), own.rate)
    found = table(clip, own, shifted(-4), shifted(5))
    assert np.diag(found).max() < 0.02
    alone = [table(clip, own, shifted(-4)), table(clip, own, shifted(5))]
    # each ref frame's candidates are compared under one of the two
    for n in range(len(own)):
        best = min(alone, key=lambda each, n=n: float(each[n].min()))  # type: ignore[misc]
        assert found[n] == pytest.approx(best[n], abs=1e-6)


def test_areas_without_weight_do_not_count() -> None:
    film = prints(ShotFilm(5), range(0, 500, 31))
    spoiled = film.thumbnails(0, len(film)).copy()
    spoiled[:, :15, :30] = np.random.default_rng(0).integers(0, 255, (len(film), 15, 30))
    clip = fingerprints_of(spoiled, film.rate)
    weight = np.ones((HEIGHT, WIDTH), np.float32)
    weight[:22, :37] = 0
    cut = Geometry(np.eye(3), weight, weight, 0.9)
    assert np.diag(table(clip, film)).min() > 0.02
    assert np.diag(table(clip, film, cut)).max() < 1e-3


def test_bars_do_not_count() -> None:
    pictures = prints(ShotFilm(5), range(0, 500, 31)).thumbnails(0, 17)
    barred = pictures.copy()
    barred[:, :7] = barred[:, -7:] = 16
    weight = np.ones((HEIGHT, WIDTH), np.float32)
    weight[:7] = weight[-7:] = 0
    cut = Geometry(np.eye(3), weight, weight, 0.9)
    films = [fingerprints_of(each, Fraction(24)) for each in (pictures, barred)]
    for clip in films:
        for ref in films:
            assert np.diag(table(clip, ref, cut)).max() < 1e-3


def test_frames_of_any_numbers() -> None:
    film = prints(ShotFilm(5), range(60))
    for numbers in ([0], [3, 4, 5], [0, 7, 8, 30, 59]):
        assert np.array_equal(thumbnails_at(film, np.array(numbers)), film.thumbnails(0, 60)[numbers])


def test_rows_are_of_unit_length_except_for_noise() -> None:
    film = prints(ShotFilm(5), [3, 90, 200])
    rows = normalized_rows(film.thumbnails(0, 3), np.eye(3), PLACE.ref_weight, PLACE.common)
    assert rows.shape == (3, PLACE.common.size)
    assert np.square(rows.astype(float)).sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert np.abs(rows.mean(axis=1)).max() < 1e-5
    even = normalized_rows(np.full((1, HEIGHT, WIDTH), 90, np.uint8), np.eye(3), PLACE.ref_weight, PLACE.common)
    assert np.square(even).sum() < 1e-4


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3),
        np.array([[1, 0, 2.25], [0, 1, -1.5], [0, 0, 1]]),
        np.array([[0.95, 0.01, 2], [-0.01, 0.95, 1.5], [0, 0, 1]]),
        np.array([[1.02, 0, -1], [0.01, 0.99, 0.5], [1e-4, -2e-4, 1]]),
    ],
)
def test_rows_hold_local_contrast(matrix: Float64Array) -> None:
    pictures = prints(ShotFilm(5), [3, 90]).thumbnails(0, 2)
    weight = np.ones((HEIGHT, WIDTH), np.float32)
    weight[5:20, 60:80] = 0
    # at the edges of the frame only what lies within it counts here
    counts = weight.copy()
    counts[:6] = counts[-6:] = counts[:, :6] = counts[:, -6:] = 0
    inside = np.flatnonzero(counts)
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    u, v, down = (row[0] * x + row[1] * y + row[2] for row in matrix)
    found = normalized_rows(pictures, matrix, weight, inside)
    for row, picture in zip(found, pictures, strict=True):
        seen = map_coordinates(picture.astype(float), [v / down, u / down], order=1, mode="nearest") / 255
        wanted = (
            normalize_contrast(seen.astype(np.float32), weight, similarity_kernels._RADIUS)
            .ravel()[inside]
            .astype(float)
        )
        wanted -= wanted.mean()
        wanted /= np.sqrt(np.square(wanted).sum())
        assert float((wanted * row).sum()) > 0.9999


def test_clip_counts_where_its_area_lies_on_ref() -> None:
    weight = np.ones((HEIGHT, WIDTH), np.float32)
    weight[:, :20] = 0
    place = Geometry(shifted(5).matrix, weight, PLACE.ref_weight, 0.9)
    found = coverage(place)
    assert set(np.unique(found)) == {0.0, 1.0}
    assert not found[:, :15].any()
    assert found[:, 15:].all()
