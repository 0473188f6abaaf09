"""Butteraugli on the CPU: scores of libjxl, any size and format, and errors for wrong arguments."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from tests.measure.metrics.butteraugli import cases
from vs_align.errors import ArgumentError
from vs_align.measure.metrics.butteraugli import constants as c
from vs_align.measure.metrics.butteraugli.metric import Butteraugli, Norm
from vs_align.measure.metrics.butteraugli.psycho_image import PyramidCache

NORMS: tuple[tuple[Norm, str], ...] = (("max", "max_norm"), ("3", "libjxl_3norm"))


@pytest.mark.parametrize("name", cases.KNOWN)
def test_scores_of_drawn_pictures_are_those_of_libjxl(name: str) -> None:
    first, second, intensity, asymmetry, highest, three = cases.KNOWN[name]
    for norm, expected in (("max", highest), ("3", three)):
        metric = Butteraugli("3" if norm == "3" else "max", intensity, asymmetry)
        assert metric.score(metric.prepare(first), metric.prepare(second)) == cases.near(expected)


@pytest.mark.parametrize("name", cases.pairs() or ["missing"])
def test_all_recorded_scores(name: str) -> None:
    cases.need_goldens()
    pair = cases.pairs()[name]
    assert len(pair["scores"]) == 4
    for intensity in (80, 203):
        source = Butteraugli(intensity_target=intensity)
        first, second = cases.prepared(source, pair["ref"]), cases.prepared(source, pair["dist"])
        for row in (row for row in pair["scores"] if row["intensity_target"] == intensity):
            for norm, key in NORMS:
                metric = Butteraugli(norm, intensity, row["hf_asymmetry"])
                score = metric.score(first, second)
                assert score == cases.near(row[key])
                assert metric.bound(first, second) <= score == metric.score(first, second, score)
                if score:
                    assert score / 3 < metric.score(first, second, score / 3) <= score


@pytest.mark.parametrize("key", ["astro64_jpeg60", "chelsea256_blur2", "coffee480_jpeg75"])
def test_maps(key: str) -> None:
    cases.need_goldens()
    pair = cases.pairs()[key]
    metric = Butteraugli()
    found = cases.distance_map(metric, cases.prepared(metric, pair["ref"]), cases.prepared(metric, pair["dist"]))
    expected = cases.arrays("distance_maps.npz")[f"{key}|it80|asym0.8"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4 * expected.max() + 1e-3)


@pytest.mark.parametrize(
    ("file", "first", "second", "intensity"),
    [
        ("intermediates_astro64_jpeg60_it80_asym1.0.npz", "astro64_ref.png", "astro64_jpeg60.png", 80),
        (
            "intermediates_float64_hdr_it203_asym0.8.npz",
            "linear_float_inputs.npz:float64_hdr_ref",
            "linear_float_inputs.npz:float64_hdr_dist",
            203,
        ),
    ],
)
def test_bands_and_masks(file: str, first: str, second: str, intensity: float) -> None:
    cases.need_goldens()
    metric, stored = Butteraugli(intensity_target=intensity), cases.arrays(file)
    names = ["lf_X", "lf_Y", "lf_B", "mf_X", "mf_Y", "mf_B", "hf_X", "hf_Y", "uhf_X", "uhf_Y"]
    for number, name in enumerate((first, second)):
        features = cases.prepared(metric, name)
        for level, size in zip(features.levels, ("full", "half"), strict=True):
            for plane, band in enumerate(names):
                expected = stored[f"{size}/img{number}/{band}"]
                tolerance = 2e-5 * max(1.0, float(abs(expected).max())) + 1e-4
                np.testing.assert_allclose(level.bands[plane], expected, rtol=0, atol=tolerance, err_msg=band)
            if number == 0:
                np.testing.assert_allclose(level.mask, stored[f"{size}/img0/mask"], rtol=2e-4, atol=1e-4)


def _odd_sizes() -> Iterator[tuple[int, int]]:
    yield from product((1, 7, 8, 15, 33), (1, 8, 14, 16, 121))
    yield 67, 243


@pytest.mark.parametrize(("height", "width"), list(_odd_sizes()))
def test_any_size(height: int, width: int) -> None:
    rng = np.random.default_rng(height * 1000 + width)
    image = rng.integers(40, 200, (3, height, width)).astype(np.uint8)
    brighter, noisier = image + 9, image.copy()
    noisier[:, height // 2, width // 2] ^= 63
    for norm, _ in NORMS:
        metric = Butteraugli(norm)
        ref = metric.prepare(image)
        assert metric.score(metric.prepare(image.copy()), ref) == 0
        for other in (metric.prepare(brighter), metric.prepare(noisier)):
            score = metric.score(other, ref)
            assert 0.01 < score < 1000
            assert 0 <= metric.bound(other, ref) <= score
            assert metric.score(other, ref, score) == score
            assert score / 2 < metric.score(other, ref, score / 2) <= score
    assert cases.distance_map(metric, ref, other).shape == (height, width)


def test_the_score_is_the_norm_of_the_map() -> None:
    image = cases.footage(70, 131, 2)
    metric, three = Butteraugli(), Butteraugli("3")
    first, second = (metric.prepare(picture) for picture in image)
    distances = cases.distance_map(metric, first, second)
    assert metric.score(first, second) == distances.max()
    powers = [np.mean(distances.astype(np.float64) ** p) ** (1 / p) for p in (3, 6, 12)]
    assert three.score(first, second) == pytest.approx(np.mean(powers), rel=1e-9)


def test_far_pixels_do_not_touch_each_other() -> None:
    image = cases.footage(96, 260, 1)[0]
    spotted = image.copy()
    spotted[:, 30, 60] ^= 127
    metric = Butteraugli()
    distances = cases.distance_map(metric, metric.prepare(spotted), metric.prepare(image))
    assert np.unravel_index(distances.argmax(), distances.shape)[0] in range(26, 35)
    assert distances[:, 190:].max() < 1e-4 * distances.max()


def test_formats_agree() -> None:
    images = cases.footage(40, 50, 2)
    metric = Butteraugli()
    scores = []
    for convert in cases.FORMS.values():
        first, second = (metric.prepare(convert(image)) for image in images)
        scores.append(metric.score(first, second))
    table = c.linear_table(256, 1.0)
    first, second = (metric.prepare(cases.srgb_codes(table[image])) for image in images)
    scores.append(metric.score(first, second))
    assert scores == pytest.approx([scores[0]] * 4, rel=2e-5)


def test_float_pictures_may_hold_anything() -> None:
    image = np.asarray(cases.FORMS["float"](cases.footage(40, 50, 1)[0]), np.float32)
    wild = image.copy()
    wild[0, 3, 4], wild[1, 3, 4], wild[2, 3, 4], wild[0, 20, 20] = np.nan, np.inf, -np.inf, -0.5
    tame = wild.copy()
    tame[:, 3, 4] = 0
    metric = Butteraugli()
    ref = metric.prepare(image)
    assert metric.score(metric.prepare(wild), ref) == metric.score(metric.prepare(tame), ref) > 0


def test_candidate_and_ref_are_not_interchangeable() -> None:
    images = cases.footage(64, 64, 2)
    metric = Butteraugli()
    first, second = metric.prepare(images[0]), metric.prepare(cases.compressed(images[0], 20))
    assert metric.score(first, second) != metric.score(second, first)


def test_pictures_are_copied_and_strides_do_not_matter() -> None:
    image = cases.footage(64, 64, 1)[0]
    metric = Butteraugli()
    ref, view = metric.prepare(image), image.transpose(1, 2, 0).copy().transpose(2, 0, 1)
    candidate = metric.prepare(view)
    view[:] = 0
    assert metric.score(candidate, ref) == 0


def test_bands_are_let_go_and_made_again() -> None:
    images = cases.footage(64, 96, 6)
    metric = Butteraugli()
    features = [metric.prepare(image) for image in images]
    expected = [metric.score(other, features[0]) for other in features]
    full = metric.size(features[0])
    store = PyramidCache(full)
    kept = [store.prepare(image, 80.0) for image in images]
    assert [features.levels is None for features in kept] == [True] * 5 + [False]
    assert metric.size(kept[0]) < full / 5
    assert store.levels(kept[3]) is kept[3].levels
    assert [features.levels is None for features in kept] == [True, True, True, False, True, True]
    assert [metric.score(other, kept[0]) for other in kept] == expected
    assert metric.size(kept[0]) == full


def test_the_cache_forgets_images_that_are_gone() -> None:
    image = cases.footage(64, 96, 1)[0]
    store = PyramidCache(1 << 30)
    for _ in range(5):
        store.prepare(image, 80.0)
    kept = store.prepare(image, 80.0)
    assert len(store) <= 2
    assert kept.levels is not None


def test_threads_get_what_one_gets() -> None:
    images = cases.footage(64, 96, 8)
    metric = Butteraugli()
    ref = metric.prepare(images[0])
    alone = [metric.score(metric.prepare(image), ref) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: metric.score(metric.prepare(image), ref), images * 3))
    assert together == alone * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "2"}, "norm must be"),
        ({"intensity_target": 0.0}, "intensity_target must be more than 0 and finite, got 0"),
        ({"hf_asymmetry": float("nan")}, "hf_asymmetry must be more than 0 and finite, got nan"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Butteraugli(**options)  # type: ignore[arg-type]


def test_wrong_pictures() -> None:
    metric = Butteraugli()
    with pytest.raises(ArgumentError, match=r"image must have the shape \(3, height, width\), got \(2, 8, 8\)"):
        metric.prepare(np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(ArgumentError, match="image must hold uint8, uint16 or float32, got float64"):
        metric.prepare(np.zeros((3, 8, 8), np.float64))  # type: ignore[arg-type]
    small, large = metric.prepare(cases.solid(8, 9, 1)), metric.prepare(cases.solid(8, 10, 1))
    with pytest.raises(ArgumentError, match=r"candidate must be as large as ref \(10x8\), got 9x8"):
        metric.score(small, large)
    with pytest.raises(ArgumentError, match="candidate must be as large"):
        metric.bound(small, large)
