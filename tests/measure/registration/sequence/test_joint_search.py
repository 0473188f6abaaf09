"""Joint registration recovers known transforms together with known time offsets, and rejects unrelated content."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tests.footage import Shot
from tests.measure.registration.scenes import centred, noisy, shifted, turned, with_logo
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.registration.sequence.joint_search import JointRegistration, register_jointly

SIZE = (192, 108)
# Candidate k shows moment k - 40, and windows are centred three frames off.
REFS, MOMENTS, LATE, RADIUS = np.arange(-24, 24, 3), np.arange(-40, 40), 3, 8
WINDOWS = [range(int(n) + 40 + LATE - RADIUS, int(n) + 40 + LATE + RADIUS + 1) for n in REFS]
MOVES = {
    "shift": shifted(9.3, -5.6),
    "zoom": shifted(3, -2) @ turned(0, 1.04),
    "turn": shifted(4, 3) @ turned(1.5),
    "stretch": shifted(-4, 2) @ turned(0, 1.08, 0.97),
    "all": shifted(-7, 4) @ turned(-1.2, 1.05, 1.02),
    "none": np.eye(3),
}


def about_centre(move: Float64Array) -> Float64Array:
    return centred(SIZE) @ move @ np.linalg.inv(centred(SIZE))


def corner_error(found: Float64Array, truth: Float64Array) -> float:
    """Greatest distance at a corner in pixels."""
    x, y = SIZE[0] - 1, SIZE[1] - 1
    corners = np.array([(0, 0, 1), (x, 0, 1), (0, y, 1), (x, y, 1)], np.float64)
    a, b = (moved[:, :2] / moved[:, 2:] for moved in (corners @ found.T, corners @ truth.T))
    return float(np.hypot(*(a - b).T).max())


def bordered(picture: Float32Array) -> Float32Array:
    out = picture.copy()
    out[:, :12] = out[:, -12:] = 0
    return out


def mirrored(picture: Float32Array) -> Float32Array:
    inner = np.ascontiguousarray(picture[:, 14:-14])
    return np.asarray(cv2.copyMakeBorder(inner, 0, 0, 14, 14, cv2.BORDER_REFLECT), np.float32)


def crushed(picture: Float32Array) -> Float32Array:
    return np.asarray(np.clip(1.6 * np.clip(picture, 0, 1) ** 1.5 - 0.25, 0, 1), np.float32)


def everything(picture: Float32Array, seed: int) -> Float32Array:
    return with_logo(bordered(crushed(noisy(picture, 0.04, seed))))


def demand(found: JointRegistration, truth: Float64Array, within: float = 0.1) -> None:
    assert found.found
    assert found.matched.candidates.tolist() == (REFS + 40).tolist()
    assert corner_error(found.matrix, truth) < within


SLOW, STILL, FAST = (0.4, 0.1), (0.0, 0.0), (2.5, -0.7)


@pytest.mark.parametrize(
    ("move", "pan"), [*((name, SLOW) for name in MOVES), ("all", STILL), ("shift", FAST), ("all", FAST)], ids=str
)
def test_a_transform_and_an_offset_come_back_together(move: str, pan: tuple[float, float]) -> None:
    shot, truth = Shot(3, SIZE, pan), about_centre(MOVES[move])
    found = register_jointly(shot.film(MOMENTS, truth), shot.film(REFS), WINDOWS)
    demand(found, truth)
    assert found.matched.agreement > 0.9


@pytest.mark.parametrize(
    ("seed", "pan", "move"),
    [
        (3, (1.0, 0.0), shifted(4.3, -3.6) @ turned(0.7, 1.05)),
        (3, (1.6, 0.0), shifted(4.3, -3.6) @ turned(0.7, 1.05)),
        (5, (0.8, -0.3), shifted(1, 0) @ turned(0, 1.03)),
    ],
)
def test_a_frame_and_a_step_of_the_pan_are_not_mixed_up(
    seed: int, pan: tuple[float, float], move: Float64Array
) -> None:
    """Both lead to a stable end: here the first search begins nearer to the wrong one."""
    shot, truth = Shot(seed, SIZE, pan), about_centre(move)
    demand(register_jointly(shot.film(MOMENTS, truth), shot.film(REFS), WINDOWS), truth)


CHANGES: dict[str, Callable[[Float32Array, int], Float32Array]] = {
    "grain": lambda p, i: noisy(p, 0.05, i),
    "gamma": lambda p, i: np.asarray(np.clip(p, 0, 1) ** 2.2, np.float32),
    "crushed": lambda p, i: crushed(p),
    "border": lambda p, i: bordered(p),
    "mirrored border": lambda p, i: mirrored(p),
    "logo": lambda p, i: with_logo(p),
    "logo on both": lambda p, i: with_logo(p),
    "flicker": lambda p, i: np.asarray(p * (0.7 + 0.3 * np.sin(2.1 * i)), np.float32),
    "everything": everything,
}


@pytest.mark.parametrize("change", CHANGES)
def test_versions_may_differ_in_more(change: str) -> None:
    shot, truth = Shot(3, SIZE, (1.5, 0.0)), about_centre(shifted(4.3, -3.6) @ turned(0.7, 1.05))
    clip, ref = [CHANGES[change](p, i) for i, p in enumerate(shot.film(MOMENTS, truth))], shot.film(REFS)
    if change == "grain":
        ref = [noisy(p, 0.03, 1000 + i) for i, p in enumerate(ref)]
    if change == "logo on both":
        ref = [with_logo(p) for p in ref]
    demand(register_jointly(clip, ref, WINDOWS), truth)


@pytest.mark.parametrize(("pan", "grain"), [((0.0, 0.0), 0.04), ((0.7, 0.2), 0.0), ((0.7, 0.2), 0.04)], ids=str)
def test_no_transform_comes_back_as_exactly_none(pan: tuple[float, float], grain: float) -> None:
    shot = Shot(6, SIZE, pan)
    clip = [noisy(p, grain, i) for i, p in enumerate(shot.film(MOMENTS))]
    found = register_jointly(clip, [noisy(p, grain, 500 + i) for i, p in enumerate(shot.film(REFS))], WINDOWS)
    assert np.array_equal(found.matrix, np.eye(3))
    demand(found, np.eye(3))


def test_areas_that_are_named_do_not_count() -> None:
    shot, truth = Shot(8, SIZE, (0.4, 0.0)), about_centre(shifted(5, 2))
    rng = np.random.default_rng(1)
    panel = rng.random((108, 80)).astype(np.float32)
    clip = [np.hstack([p[:, :112], panel]) for p in shot.film(MOMENTS, truth)]
    ref = [np.hstack([p[:, :112], panel]) for p in shot.film(REFS)]
    excluded = np.zeros((108, 192), np.bool_)
    excluded[:, 112:] = True
    demand(register_jointly(clip, ref, WINDOWS, excluded, excluded), truth, within=0.2)


def test_a_crop_of_a_fifth_is_found_by_features() -> None:
    shot, truth = Shot(3, SIZE, (0.5, 0.1)), about_centre(turned(0, 1.25) @ shifted(5, -3))
    demand(register_jointly(shot.film(MOMENTS, truth), shot.film(REFS), WINDOWS), truth)


@pytest.mark.parametrize("other", ["scene", "noise", "grey noise on black"])
def test_nothing_is_made_of_what_has_nothing_in_common(other: str) -> None:
    rng = np.random.default_rng(5)
    ref = Shot(3, SIZE, (0.5, 0.1)).film(REFS)
    others: dict[str, Callable[[], list[Float32Array]]] = {
        "scene": lambda: Shot(44, SIZE, (0.5, 0.1)).film(MOMENTS),
        "noise": lambda: [rng.random((108, 192)).astype(np.float32) for _ in MOMENTS],
        "grey noise on black": lambda: [rng.normal(0.02, 0.01, (108, 192)).astype(np.float32) for _ in MOMENTS],
    }
    clip = others[other]()
    found = register_jointly(clip, ref, WINDOWS)
    assert not found.found
    assert np.array_equal(found.matrix, np.eye(3))
    assert found.matched.agreement < 0.35


@pytest.mark.parametrize(("value", "both"), [(0.0, True), (0.0, False), (0.5, True), (1.0, False)])
def test_flat_pictures_tell_nothing(value: float, both: bool) -> None:
    flat = [np.full((108, 192), value, np.float32)] * len(MOMENTS)
    found = register_jointly(flat, flat[: len(REFS)] if both else Shot(3, SIZE).film(REFS), WINDOWS)
    assert not found.found
    assert np.array_equal(found.matrix, np.eye(3))
    assert np.isfinite(found.matched.agreements).all()


def test_one_frame_is_enough() -> None:
    shot, truth = Shot(4, SIZE), about_centre(MOVES["all"])
    found = register_jointly(shot.film([0], truth), shot.film([0]), [range(1)])
    assert found.found and found.matched.candidates.tolist() == [0]
    assert corner_error(found.matrix, truth) < 0.1


def test_frames_without_candidates_are_left_out() -> None:
    shot, truth = Shot(4, SIZE, (0.8, 0.0)), about_centre(MOVES["zoom"])
    windows = [range(0) if i % 3 == 0 else window for i, window in enumerate(WINDOWS)]
    found = register_jointly(shot.film(MOMENTS, truth), shot.film(REFS), windows)
    assert found.found
    expected = [-1 if i % 3 == 0 else int(n) + 40 for i, n in enumerate(REFS)]
    assert found.matched.candidates.tolist() == expected
    assert (found.matched.agreements[::3] == 0).all()
    assert corner_error(found.matrix, truth) < 0.1


@pytest.mark.parametrize("windows", [[], [range(0)] * 3], ids=["no refs", "empty windows"])
def test_no_candidates_at_all(windows: list[range]) -> None:
    shot = Shot(4, SIZE)
    found = register_jointly(shot.film([0, 1]), shot.film(range(len(windows))), windows)
    assert not found.found
    assert found.matched.candidates.tolist() == [-1] * len(windows)
    assert np.array_equal(found.matrix, np.eye(3))


@pytest.mark.parametrize("size", [(1, 1), (15, 9), (200, 1), (1, 70), (16, 16), (41, 17)], ids=str)
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    clip = [rng.random((size[1], size[0])).astype(np.float32) for _ in range(6)]
    found = register_jointly(clip, clip[2:4], [range(5), range(1, 6)])
    if min(size) < 16:
        assert not found.found
    else:
        assert found.found and found.matched.candidates.tolist() == [2, 3]
    assert np.array_equal(found.matrix, np.eye(3))
