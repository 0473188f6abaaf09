"""The consistency check separates correct from wrong fields, and aligned from other areas."""

import numpy as np
import pytest

from tests.synth import grid, texture
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.flow.consistency_check import check_consistency, inside_clip
from vs_align.measure.images.field import homography_field
from vs_align.placement.homography import resize_matrix

WIDTH, HEIGHT = 240, 136


def painted(x: float = 0, y: float = 0, seed: int = 0) -> Float32Array:
    u, v = grid(WIDTH, HEIGHT)
    return texture(u + x, v + y, seed, finest=9).astype(np.float32)


def shift(x: float, y: float) -> Float64Array:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def field(x: float = 0, y: float = 0) -> Float32Array:
    return homography_field(shift(x, y), (WIDTH, HEIGHT))


@pytest.mark.parametrize(("x", "y"), [(0, 0), (0.5, 0.25), (7, -5)])
def test_a_right_field(x: float, y: float) -> None:
    found = check_consistency(painted(), painted(x, y), field(x, y), None)
    assert found.residual is not None
    assert found.residual < 0.06
    assert np.count_nonzero(found.reliable) > 0.98 * np.count_nonzero(found.inside)
    assert not (found.reliable & ~found.inside).any()


@pytest.mark.parametrize("off", [0.3, 1.0, 3.0])
def test_the_residual_is_how_far_a_field_is_off(off: float) -> None:
    found = check_consistency(painted(), painted(), field(off, 0), None)
    assert found.residual == pytest.approx(off, rel=0.2)
    assert (found.reliable.mean() < 0.2) == (off > 0.75)


def test_the_residual_is_in_ref_pixels_whatever_the_size() -> None:
    u, v = grid(720, 408)
    big = texture(u / 3, v / 3, finest=9).astype(np.float32)
    found = check_consistency(big, big, homography_field(shift(2.4, 0), (720, 408)), None)
    assert found.residual == pytest.approx(2.4, rel=0.2)


def test_pictures_that_have_nothing_in_common() -> None:
    found = check_consistency(painted(), painted(seed=1), field(), None)
    assert found.reliable.mean() < 0.5


def test_grades_do_not_matter_and_grain_hardly() -> None:
    grain = np.random.default_rng(0).normal(0, 0.02, (HEIGHT, WIDTH))
    for other in (painted() ** 1.6, painted() * 0.2 + 0.1, painted() + grain):
        found = check_consistency(painted(), np.asarray(other, np.float32), field(), None)
        assert found.residual is not None
        assert found.residual < 0.2
        assert found.reliable.mean() > 0.95


def test_an_object_that_differs_is_not_reliable_unless_it_is_excluded() -> None:
    ref, excluded = painted(), np.zeros((HEIGHT, WIDTH), bool)
    excluded[40:96, 80:160] = True
    ref[excluded] = painted(seed=5)[excluded]
    found = check_consistency(painted(), ref, field(), None)
    assert found.reliable[52:84, 92:148].mean() < 0.2
    far = np.ones((HEIGHT, WIDTH), bool)
    far[24:112, 64:176] = False
    assert found.reliable[far].mean() > 0.98
    assert check_consistency(painted(), ref, field(), excluded).reliable.mean() > 0.98


def test_outside_nothing_is_reliable() -> None:
    found = check_consistency(painted(), painted(), field(WIDTH + 5, 0), None)
    assert not found.inside.any()
    assert not found.reliable.any()
    assert found.residual is None


def test_flat_pictures_tell_nothing_against_a_field() -> None:
    flat = np.full((HEIGHT, WIDTH), 0.4, np.float32)
    found = check_consistency(flat, flat * np.float32(0.7), field(2, 2), None)
    assert found.residual is None
    assert np.array_equal(found.reliable, found.inside)


def test_all_of_it_excluded() -> None:
    found = check_consistency(painted(), painted(seed=1), field(), np.ones((HEIGHT, WIDTH), bool))
    assert found.residual is None
    assert found.reliable.all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (23, 23), (24, 24), (400, 24), (24, 400), (401, 31)])
def test_awkward_sizes(size: tuple[int, int]) -> None:
    luma = np.random.default_rng(0).random(size[::-1], np.float32)
    found = check_consistency(luma[:1, :1], luma, homography_field(resize_matrix((1, 1), size), size), None)
    assert found.inside.shape == found.reliable.shape == size[::-1]
    assert found.inside.all()
    assert check_consistency(luma, luma, homography_field(np.eye(3), size), None).reliable.all()


def test_edges_of_pixels_are_inside() -> None:
    places = np.array([[[-0.5, 0], [-0.51, 0], [9.5, 4.5], [9.51, 4], [3, 4.6], [np.nan, 0]]], np.float32)
    assert inside_clip(places, 10, 5).tolist() == [[True, False, True, False, False, False]]
