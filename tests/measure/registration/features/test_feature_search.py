"""Feature-based registration recovers known transforms to a fraction of a pixel, or gives a reason."""

from functools import partial

import numpy as np
import pytest

from tests.measure.registration.scenes import Size, errors, noisy, pair, scene, shifted, turned, with_logo
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.registration.features.detector import Features, Matches
from vs_align.measure.registration.features.feature_search import register_by_features, register_matches
from vs_align.measure.registration.features.sift import SiftDetector
from vs_align.measure.registration.validation import rejection_reason
from vs_align.placement.homography import resize_matrix

SIZE = (320, 180)
SIFT = SiftDetector()
search = partial(register_by_features, detector=SIFT)


def tilted(x: float, y: float) -> Float64Array:
    return np.array([[1, 0, 0], [0, 1, 0], [x, y, 1]], np.float64)


CASES: dict[str, tuple[Float64Array, Size, Size]] = {
    "shift": (shifted(60, -30), SIZE, SIZE),
    "4:3 of 16:9": (np.eye(3), SIZE, (241, 181)),
    "16:9 of 4:3": (np.eye(3), (241, 181), SIZE),
    "half": (turned(0, 0.5), SIZE, SIZE),
    "double": (turned(0, 2), SIZE, SIZE),
    "half the size": (turned(0, 0.5) @ shifted(5, 3), SIZE, (161, 91)),
    "turned by 45": (turned(45, 1.2), SIZE, SIZE),
    "sheared": (turned(3, 1, shear=0.2), SIZE, SIZE),
    "stretched": (shifted(9, -4) @ turned(0, 1.15, 0.9), SIZE, SIZE),
    "perspective": (tilted(5e-4, -3e-4) @ turned(4), SIZE, SIZE),
}


def crushed(picture: Float32Array) -> Float32Array:
    out: Float32Array = np.clip((np.clip(picture, 0, 1) ** 1.3 - 0.13) * 1.25, 0, 1).astype(np.float32)
    return out


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("change", ["none", "crushed", "grain", "logo"])
def test_a_known_transform_comes_back(case: tuple[Float64Array, Size, Size], change: str) -> None:
    placement, ref_size, clip_size = case
    clip, ref, truth = pair(1, placement, ref_size, clip_size)
    if change == "logo":
        clip, ref = with_logo(clip), with_logo(ref)
    elif change == "crushed":
        clip = crushed(clip)
    elif change == "grain":
        clip = noisy(clip, 0.03)
    found = search(clip, ref)
    assert found.found, found.reason
    limit = 0.1 if change == "none" else 0.3
    assert errors(found.matrix, truth, ref_size, clip_size).mean() < limit
    assert found.matrix[2, 2] == 1
    assert found.inliers >= 12 and 0 < found.share <= 1 and found.agreement > 0.25


def test_the_simplest_kind_that_explains_the_points_is_chosen() -> None:
    def kind(placement: Float64Array) -> str:
        clip, ref, _ = pair(2, placement)
        return search(clip, ref).method

    assert kind(turned(10, 0.8)) == "sift similarity"
    assert kind(turned(0, 1.15, 0.9)) == "sift affine"
    assert kind(tilted(8e-4, 0)) == "sift homography"


def test_black_borders_and_excluded_areas_do_not_count() -> None:
    clip, ref, truth = pair(3, turned(5, 0.9))
    clip[:20], clip[-20:] = 0.0, 0.0
    stamp = scene(7)[:90, :150]
    clip[45:135, 80:230] = ref[45:135, 80:230] = stamp
    excluded = np.zeros(ref.shape, bool)
    excluded[44:136, 79:231] = True
    found = search(clip, ref, excluded, excluded)
    assert found.found, found.reason
    assert errors(found.matrix, truth, SIZE, SIZE).mean() < 0.2


def test_features_that_are_known_already_are_used() -> None:
    clip, ref, _ = pair(4, turned(20))
    known = SIFT.detect(clip), SIFT.detect(ref)
    found = search(clip, ref, clip_features=known[0], ref_features=known[1])
    assert np.array_equal(found.matrix, search(clip, ref).matrix), "the same twice, with or without"
    nothing = Features(np.empty((0, 2)), np.empty((0, 128), np.float32), SIZE)
    assert not search(clip, ref, ref_features=nothing).found


@pytest.mark.parametrize(
    ("clip", "ref", "reason"),
    [
        (scene(1)[:180, :320], scene(2)[:180, :320], ""),
        (scene(1)[:180, :320], np.zeros((180, 320), np.float32), "too few matches"),
        (np.full((180, 320), np.nan, np.float32), scene(1)[:180, :320], "too few matches"),
        (scene(1)[:180, :320], scene(1)[:180, :320], "no better than the neutral one"),
        (scene(1)[:180, :320], np.ascontiguousarray(scene(1)[:180, 319::-1]), ""),
    ],
    ids=["other", "flat", "nan", "same", "mirrored"],
)
def test_where_nothing_is_found_the_answer_is_neutral_with_a_reason(
    clip: Float32Array, ref: Float32Array, reason: str
) -> None:
    found = search(clip, ref)
    assert not found.found
    assert reason in found.reason and found.reason
    assert np.array_equal(found.matrix, resize_matrix((320, 180), (320, 180)))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 200), (16, 16), (33, 17)])
def test_no_size_is_too_small_to_answer(size: Size) -> None:
    small, big = scene(1)[: size[1], : size[0]], scene(1)[:97, :131]
    for clip, ref in ((small, big), (big, small), (small, small)):
        found = search(clip, ref)
        assert np.isfinite(found.matrix).all()
        assert found.found or found.reason


def matches_of(clip: Float32Array, ref: Float32Array) -> Matches:
    return SIFT.match(SIFT.detect(clip), SIFT.detect(ref))


def test_matches_at_one_spot_are_not_believed() -> None:
    clip, ref, _ = pair(5, turned(0, 0.8))
    matches = matches_of(clip, ref)
    spot = (np.abs(matches.ref - matches.ref.mean(axis=0)) < 25).all(axis=1)
    assert spot.sum() >= 6
    # The far matches are wrong: nothing but the spot agrees.
    rng = np.random.default_rng(0)
    wrong = np.where(spot[:, None], matches.clip, rng.uniform(0, 180, matches.clip.shape))
    few = Matches(np.repeat(wrong, 2, axis=0), np.repeat(matches.ref, 2, axis=0), SIZE, SIZE, "sift")
    found = register_matches(few, clip, ref)
    assert not found.found
    assert "close together" in found.reason or "too few" in found.reason


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(3), ""),
        (turned(0, 0.4), ""),
        (shifted(319, 179) @ turned(180), ""),
        (turned(0, 0.2), "scale"),
        (turned(0, 4), "scale"),
        (shifted(319, 0) @ turned(0, -1, 1), "mirrors"),
        (turned(0, 1, 3), "stretched"),
        (tilted(2e-3, 0), "perspective"),
        (tilted(-5e-3, 0), "perspective"),
        (np.full((3, 3), np.nan), "finite"),
        (shifted(310, 0), "overlaps"),
        (turned(180) @ shifted(30, 30), "overlaps"),
    ],
)
def test_what_cannot_be_is_said(matrix: Float64Array, words: str) -> None:
    said = rejection_reason(matrix, SIZE, SIZE)
    assert words in said and bool(words) == bool(said)


def test_scale_counts_against_the_stretched_picture() -> None:
    assert rejection_reason(resize_matrix((3840, 2160), (320, 180)), (3840, 2160), (320, 180)) == ""
    assert rejection_reason(resize_matrix((720, 576), (1920, 1080)), (720, 576), (1920, 1080)) == ""
