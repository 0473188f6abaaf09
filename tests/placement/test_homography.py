"""Homographies map points, corners and distances, and agree with their Jacobian."""

import numpy as np
import pytest

from vs_align.placement.homography import apply_homography, corner_distance, corners_of, jacobian, resize_matrix

PERSPECTIVE = np.array([[1.1, 0.02, 3], [-0.03, 0.9, -5], [1e-4, -2e-4, 1]])


def test_points_of_any_shape_are_mapped() -> None:
    points = np.array([[[0.0, 0.0], [10.0, 20.0]], [[5.0, -1.0], [100.0, 50.0]]])
    mapped = apply_homography(PERSPECTIVE, points)
    assert mapped.shape == points.shape
    for (x, y), found in zip(points.reshape(-1, 2), mapped.reshape(-1, 2), strict=True):
        u, v, w = PERSPECTIVE @ (x, y, 1)
        assert found == pytest.approx((u / w, v / w), rel=1e-12)
    assert np.allclose(apply_homography(np.linalg.inv(PERSPECTIVE), mapped), points)


def test_a_resize_maps_edges_to_edges() -> None:
    matrix = resize_matrix((320, 180), (640, 240))
    assert np.allclose(apply_homography(matrix, corners_of((640, 240))), corners_of((320, 180)))
    assert np.array_equal(resize_matrix((7, 5), (7, 5)), np.eye(3))


def test_corners_run_clockwise_from_the_top_left() -> None:
    assert corners_of((4, 3)).tolist() == [[-0.5, -0.5], [3.5, -0.5], [3.5, 2.5], [-0.5, 2.5]]
    assert corners_of((4, 3), 0).tolist() == [[0, 0], [3, 0], [3, 2], [0, 2]]


def test_distance_of_a_shift_and_of_a_scale() -> None:
    shift = np.array([[1.0, 0, 3], [0, 1, -4], [0, 0, 1]])
    assert corner_distance(np.eye(3), shift, (100, 50)) == pytest.approx(5)
    assert corner_distance(np.eye(3), shift, (100, 50), along_axes=True) == pytest.approx(4)
    assert corner_distance(np.eye(3), np.diag([1.1, 1.0, 1.0]), (101, 50), along_axes=True) == pytest.approx(10)


def test_the_jacobian_is_the_derivative() -> None:
    point, step = np.array([30.0, 40.0]), 1e-4
    found = jacobian(PERSPECTIVE, point)
    for axis in (0, 1):
        ahead, behind = point.copy(), point.copy()
        ahead[axis] += step
        behind[axis] -= step
        slope = (apply_homography(PERSPECTIVE, ahead) - apply_homography(PERSPECTIVE, behind)) / (2 * step)
        assert slope == pytest.approx(found[:, axis], rel=1e-6)
