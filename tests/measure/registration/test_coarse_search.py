"""Coarse registration recovers known shifts and scales, and rejects unrelated content."""

import numpy as np
import pytest

from tests.measure.registration.scenes import errors, noisy, pair, scene, shifted, turned, with_logo
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.registration.coarse_search import register_coarse
from vs_align.placement.homography import resize_matrix

SIZE = (320, 180)
MOVES = {
    "shift": shifted(25, -9),
    "far": shifted(-27, 6),
    "larger": shifted(6, 4) @ turned(0, 1.1),
    "smaller": shifted(-8, 3) @ turned(0, 0.9),
    "turned": shifted(5, 5) @ turned(2),
    "all": shifted(-12, 7) @ turned(-1.5, 1.06, 1.03),
}


def grade(picture: Float32Array) -> Float32Array:
    out: Float32Array = np.clip(1.3 * (np.clip(picture, 0, 1) ** 1.4) - 0.08, 0, 1).astype(np.float32)
    return out


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
@pytest.mark.parametrize("change", ["none", "grade", "grain", "logo", "one logo"])
def test_a_known_move_comes_back_within_a_pixel(move: Float64Array, change: str) -> None:
    clip, ref, truth = pair(1, move)
    clip = {
        "none": lambda x: x,
        "grade": grade,
        "grain": lambda x: noisy(x, 0.04),
        "logo": with_logo,
        "one logo": with_logo,
    }[change](clip)
    if change == "logo":
        ref = with_logo(ref)
    found = register_coarse(clip, ref)
    assert found.found and not found.reason
    assert errors(found.matrix, truth, SIZE, SIZE).max() < 1.0
    assert errors(resize_matrix(SIZE, SIZE), truth, SIZE, SIZE).mean() > 4, "there was something to find"
    assert 0.35 < found.agreement <= 1


def test_clip_may_have_another_size_and_shape() -> None:
    size = (501, 377)
    clip, ref, _ = pair(2, np.eye(3), SIZE, SIZE)
    neutral = resize_matrix(size, SIZE)
    big, ref, truth = pair(2, shifted(*(15, -10)) @ np.diag([size[0] / SIZE[0], size[1] / SIZE[1], 1]), SIZE, size)
    found = register_coarse(big, ref)
    assert found.found
    assert errors(found.matrix, truth, SIZE, size).max() < 1.6
    assert errors(neutral, truth, SIZE, size).mean() > 10
    assert clip.shape == ref.shape


def test_black_borders_do_not_hold_the_picture_back() -> None:
    clip, ref, truth = pair(3, shifted(12, 5))
    for picture in (clip, ref):
        picture[:22], picture[-22:] = 0.06, 0.06
    found = register_coarse(clip, ref)
    assert found.found
    assert errors(found.matrix, truth, SIZE, SIZE).max() < 1.0


def test_excluded_areas_do_not_count() -> None:
    clip, ref, truth = pair(4, shifted(14, -6))
    other = scene(9)
    ref[30:150, 90:300] = clip[30:150, 90:300] = other[100:220, 100:310]
    excluded = np.zeros(ref.shape, bool)
    excluded[28:152, 88:302] = True
    assert (
        not register_coarse(clip, ref).found or errors(register_coarse(clip, ref).matrix, truth, SIZE, SIZE).max() > 5
    )
    found = register_coarse(clip, ref, excluded, excluded)
    assert found.found
    assert errors(found.matrix, truth, SIZE, SIZE).max() < 1.0


PICTURE = scene(5, (333, 187))
BLANK = np.full((187, 333), 0.3, np.float32)


@pytest.mark.parametrize(
    ("clip", "ref"),
    [
        (PICTURE, PICTURE),
        (PICTURE, noisy(PICTURE, 0.01)),
        (PICTURE, BLANK),
        (BLANK, PICTURE),
        (BLANK, BLANK),
        (noisy(BLANK, 0.02), noisy(BLANK, 0.02, 1)),
        (scene(6, (333, 187)), PICTURE),
        (scene(7, (640, 360)), PICTURE),
        (np.full_like(BLANK, np.nan), PICTURE),
        (PICTURE, np.full_like(BLANK, np.inf)),
    ],
    ids=["same", "same but noise", "flat ref", "flat clip", "flat", "noise", "other", "other size", "nan", "inf"],
)
def test_where_there_is_nothing_to_find_the_answer_is_exactly_neutral(clip: Float32Array, ref: Float32Array) -> None:
    found = register_coarse(clip, ref)
    sizes = clip.shape[::-1], ref.shape[::-1]
    assert not found.found and found.reason
    assert np.array_equal(found.matrix, resize_matrix(*sizes))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3), (15, 15), (17, 33), (16, 400)])
@pytest.mark.parametrize("other", [(1, 1), (64, 48)])
def test_no_size_is_too_small_to_answer(size: tuple[int, int], other: tuple[int, int]) -> None:
    for clip_size, ref_size in ((size, other), (other, size)):
        found = register_coarse(scene(1)[: clip_size[1], : clip_size[0]], scene(2)[: ref_size[1], : ref_size[0]])
        assert np.isfinite(found.matrix).all()
        if not found.found:
            assert np.array_equal(found.matrix, resize_matrix(clip_size, ref_size))


def test_the_answer_is_always_the_same() -> None:
    clip, ref, _ = pair(8, MOVES["all"])
    assert np.array_equal(register_coarse(clip, ref).matrix, register_coarse(clip.copy(), ref.copy()).matrix)


def test_pictures_are_not_written_to() -> None:
    clip, ref, _ = pair(8, MOVES["all"])
    before = clip.copy(), ref.copy()
    register_coarse(clip, ref)
    assert np.array_equal(clip, before[0]) and np.array_equal(ref, before[1])


def test_a_subject_that_moves_on_its_own_does_not_count() -> None:
    clip, ref, truth = pair(6, shifted(10, 6))
    subject = scene(11)[200:290, 300:400]
    ref[50:140, 60:160] = subject
    clip[60:150, 180:280] = subject
    found = register_coarse(clip, ref)
    assert found.found
    assert errors(found.matrix, truth, SIZE, SIZE).max() < 1.0
