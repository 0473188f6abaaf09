"""Fields and homographies agree about pixel coordinates."""

import numpy as np
import pytest

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.images.field import compose, homography_field, sample_bilinear
from vs_align.placement.homography import resize_matrix

SIZES = [(1, 1), (1, 7), (7, 1), (17, 13), (64, 48), (101, 67)]


def identity(width: int, height: int) -> Float64Array:
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)))


@pytest.mark.parametrize("clip_size", SIZES)
@pytest.mark.parametrize("ref_size", SIZES)
def test_the_neutral_transform_lays_edges_on_edges(clip_size: tuple[int, int], ref_size: tuple[int, int]) -> None:
    matrix = resize_matrix(clip_size, ref_size)
    for ref_corner, clip_corner in (
        ((-0.5, -0.5), (-0.5, -0.5)),
        (np.array(ref_size) - 0.5, np.array(clip_size) - 0.5),
    ):
        assert (matrix @ (*ref_corner, 1))[:2] == pytest.approx(clip_corner)
    assert np.allclose(matrix @ resize_matrix(ref_size, clip_size), np.eye(3))


@pytest.mark.parametrize("size", SIZES)
def test_the_field_of_a_neutral_transform_is_exact(size: tuple[int, int]) -> None:
    field = homography_field(resize_matrix(size, size), size)
    assert field.dtype == np.float32
    assert field.flags.c_contiguous
    assert np.array_equal(field, identity(*size))


def test_whole_shifts_are_exact_far_from_the_origin() -> None:
    field = homography_field(np.array([[1, 0, -3], [0, 1, 5], [0, 0, 1]], np.float64), (4099, 3))
    assert np.array_equal(field, identity(4099, 3) + np.array([-3, 5]))


def test_perspective() -> None:
    matrix = np.array([[1.1, 0.05, -3], [-0.02, 0.95, 2], [1e-4, -2e-4, 1]])
    places = identity(40, 30)
    moved = np.concatenate([places, np.ones((30, 40, 1))], axis=-1) @ matrix.T
    assert np.allclose(homography_field(matrix, (40, 30)), moved[..., :2] / moved[..., 2:], atol=1e-5)


def test_composition_of_affine_fields_is_that_of_their_matrices() -> None:
    """Also where the second field looks outside of the first by a little."""
    first = np.array([[1.02, 0.01, 0.5], [-0.01, 0.99, -1.25], [0, 0, 1]])
    second = np.array([[1, 0, 2.5], [0, 1, -1.5], [0, 0, 1]])
    made = compose(homography_field(first, (60, 40)), homography_field(second, (60, 40)))
    exact = homography_field(first @ second, (60, 40))
    # OpenCV looks up in steps of 1/32 px
    inner = (slice(2, None), slice(0, -3))
    assert np.abs(made - exact)[inner].max() < 0.002
    assert np.abs(made - exact).max() < 0.1


def test_the_identity_changes_nothing_on_either_side() -> None:
    rng = np.random.default_rng(1)
    field: Float32Array = (identity(31, 17) + rng.normal(0, 1, (17, 31, 2))).astype(np.float32)
    still = homography_field(np.eye(3), (31, 17))
    assert np.array_equal(compose(still, field), field)
    assert np.allclose(compose(field, still), field, atol=1e-5)


def test_looking_up_repeats_the_edge_and_goes_straight_between_pixels() -> None:
    picture = np.arange(12, dtype=np.float32).reshape(3, 4)
    places = np.array([[[1, 2], [1.5, 0], [-5, 1], [9, 9], [2, 0.25]]], np.float32)
    assert sample_bilinear(picture, places).ravel().tolist() == [9, 1.5, 4, 11, 3]
