"""One transform for several frame pairs."""

import numpy as np
import pytest

from tests.measure.registration.scenes import errors, noisy, pair, shifted, turned, with_logo
from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.registration.features.detector import Matches
from vs_align.measure.registration.features.multi_frame import register_pairs
from vs_align.measure.registration.features.sift import SiftDetector
from vs_align.placement.homography import resize_matrix

SIZE = (320, 180)
PLACEMENT = shifted(14, -8) @ turned(6, 0.85)
SIFT = SiftDetector()


def frames(
    count: int, placement: Float64Array, *, logo: bool = False
) -> tuple[list[Matches], list[tuple[Float32Array, Float32Array]], Float64Array]:
    matches, pictures = [], []
    truth = np.eye(3)
    for seed in range(count):
        clip, ref, truth = pair(seed, placement)
        clip = noisy(clip, 0.02, seed)
        if logo:
            clip, ref = with_logo(clip), with_logo(ref)
        matches.append(SIFT.match(SIFT.detect(clip), SIFT.detect(ref)))
        pictures.append((clip, ref))
    return matches, pictures, truth


@pytest.mark.parametrize("logo", [False, True])
def test_matches_of_several_frames_give_one_transform(logo: bool) -> None:
    matches, pictures, truth = frames(4, PLACEMENT, logo=logo)
    rough = register_pairs(matches)
    assert rough.found and rough.method == "sift similarity"
    assert rough.inliers > 1.5 * max(len(each.ref) for each in matches) * 0.5
    assert errors(rough.matrix, truth, SIZE, SIZE).mean() < 0.3
    fine = register_pairs(matches, pictures[:3])
    assert fine.found and fine.agreement > 0.6
    assert errors(fine.matrix, truth, SIZE, SIZE).mean() < 0.1


def test_frames_that_know_too_little_alone_know_enough_together() -> None:
    matches, _, truth = frames(5, PLACEMENT)
    thin = [Matches(m.clip[i::50], m.ref[i::50], SIZE, SIZE, "sift") for i, m in enumerate(matches)]
    assert max(len(each.ref) for each in thin) < 12
    assert not register_pairs(thin[:1]).found
    assert errors(register_pairs(thin).matrix, truth, SIZE, SIZE).mean() < 0.5


def test_pictures_that_lie_on_each_other_stay_where_they_are() -> None:
    matches, pictures, _ = frames(3, np.eye(3))
    found = register_pairs(matches, pictures)
    assert not found.found and "no better" in found.reason
    assert np.array_equal(found.matrix, resize_matrix(SIZE, SIZE))


def test_wrong_arguments_are_named() -> None:
    nothing = np.empty((0, 2))
    one, other = Matches(nothing, nothing, SIZE, SIZE, "sift"), Matches(nothing, nothing, SIZE, (9, 9), "sift")
    assert register_pairs([one]).reason == "too few matches"
    with pytest.raises(ArgumentError, match="matches must have at least one entry"):
        register_pairs([])
    with pytest.raises(ArgumentError, match=r"matches\[1\] must be for the sizes"):
        register_pairs([one, other])
    picture = np.zeros((4, 4), np.float32)
    with pytest.raises(ArgumentError, match=r"images\[0\] must be for the sizes"):
        register_pairs([one], [(picture, picture)])


def test_no_set_of_points_is_too_odd_to_answer() -> None:
    rng = np.random.default_rng(0)
    line, spot = np.array([[1.0, 0], [2, 0]]), np.array([[0.0, 0], [0, 0]])
    for i in range(200):
        count = int(rng.integers(0, 60))
        clip, ref = rng.uniform(-5, 320, (2, count, 2))
        clip, ref = (
            (clip, ref),
            (clip @ line, ref @ line),
            (clip @ spot, ref),
            (clip, ref @ spot),
            (np.rint(clip / 80) * 80, np.rint(ref / 80) * 80),
            (ref * 0.01, ref),
            (ref * 5, ref),
            (-ref, ref),
        )[i % 8]
        found = register_pairs([Matches(clip, ref, SIZE, SIZE, "odd")])
        assert not found.found and found.reason
        assert np.array_equal(found.matrix, resize_matrix(SIZE, SIZE))
