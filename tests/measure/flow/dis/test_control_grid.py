"""Control grid: fields from displacements, and the Gauss-Newton step that updates them."""

import numpy as np
import pytest

from tests.synth import grid, texture
from vs_align.io.array_types import Float64Array
from vs_align.measure.flow.dis.control_grid import (
    CELL_SIZE,
    GridUpdate,
    fill_untrusted,
    gauss_newton_step,
    grid_means,
    grid_shape,
    grid_to_field,
    resample_grid,
    sample,
)
from vs_align.measure.flow.dis.local_contrast import local_contrast
from vs_align.measure.images.field import homography_field
from vs_align.placement.homography import resize_matrix

SHAPES = [(1, 1), (1, 20), (20, 1), (8, 8), (17, 13), (64, 48), (67, 101)]


def centres(height: int, width: int) -> Float64Array:
    """Centre of each cell, x and y in pixels; shape (rows, columns, 2)."""
    rows, columns = grid_shape(height, width)
    return np.dstack(np.meshgrid(*(np.arange(n) * CELL_SIZE + (CELL_SIZE - 1) / 2 for n in (columns, rows))))


@pytest.mark.parametrize("shape", SHAPES)
def test_no_displacement_is_the_field_of_the_transform(shape: tuple[int, int]) -> None:
    matrix = np.array([[1.1, 0.05, -3], [-0.02, 0.95, 2], [1e-4, -2e-4, 1]])
    cells = np.zeros((*grid_shape(*shape), 2), np.float32)
    assert np.allclose(grid_to_field(cells, matrix, *shape), homography_field(matrix, shape[::-1]), atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_displaced_pixels_are_put_through_the_transform(shape: tuple[int, int]) -> None:
    matrix = resize_matrix((50, 90), shape[::-1])
    cells = np.full((*grid_shape(*shape), 2), (1.5, -0.75), np.float32)
    moved = matrix @ np.array([[1, 0, 1.5], [0, 1, -0.75], [0, 0, 1]])
    assert np.allclose(grid_to_field(cells, matrix, *shape), homography_field(moved, shape[::-1]), atol=1e-4)


@pytest.mark.parametrize("shape", [(16, 16), (17, 13), (64, 48), (67, 101)])
def test_a_slope_of_displacements_goes_on_to_the_very_edge(shape: tuple[int, int]) -> None:
    slope = np.array([[0.02, -0.01], [0.03, 0.005]])
    cells = (centres(*shape) @ slope.T).astype(np.float32)
    linear = np.eye(3)
    linear[:2, :2] += slope
    assert np.allclose(grid_to_field(cells, np.eye(3), *shape), homography_field(linear, shape[::-1]), atol=1e-3)


@pytest.mark.parametrize("target", [(34, 51), (67, 101), (134, 202), (100, 60)])
def test_regridding_keeps_motions_and_changes_units(target: tuple[int, int]) -> None:
    source = (67, 101)
    slope = np.array([[0.02, -0.01], [0.03, 0.005]])
    ratio = np.array([target[1] / source[1], target[0] / source[0]])
    there = (centres(*target) + 0.5) / ratio - 0.5
    found = resample_grid((centres(*source) @ slope.T).astype(np.float32), source, target)
    assert found.shape == (*grid_shape(*target), 2)
    # beyond the outermost centres there are no displacements to go by
    inner = (slice(2, -2), slice(2, -2))
    assert np.allclose(found[inner], (there @ slope.T * ratio)[inner], atol=0.02)
    same = resample_grid(np.full((*grid_shape(*source), 2), 3, np.float32), source, target)
    assert np.allclose(same, 3 * ratio, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_means_of_cells(shape: tuple[int, int]) -> None:
    flow = np.random.default_rng(0).normal(0, 1, (*shape, 2)).astype(np.float32)
    found = grid_means(flow)
    assert found.shape == (*grid_shape(*shape), 2)
    if min(shape) >= CELL_SIZE:
        assert np.allclose(found[0, 0], flow[:CELL_SIZE, :CELL_SIZE].mean(axis=(0, 1)), atol=1e-5)
    assert np.allclose(grid_means(np.full((*shape, 2), 2.5, np.float32)), 2.5)


@pytest.mark.parametrize("sharp", [False, True])
def test_samples_outside_are_unknown(sharp: bool) -> None:
    picture = texture(*grid(60, 40), finest=10).astype(np.float32)
    matrix = np.array([[1, 0, -2.5], [0, 1, 3.25], [0, 0, 1]])
    found = sample(picture, homography_field(matrix, (60, 40)), sharp=sharp)
    u, v = (axis + move for axis, move in zip(grid(60, 40), (-2.5, 3.25), strict=True))
    inside = (u >= 0) & (v <= 39)
    assert np.array_equal(np.isfinite(found), inside)
    assert np.abs(found - texture(u, v, finest=10))[5:-9, 8:-5].max() < (0.003 if sharp else 0.03)
    whole = sample(picture, homography_field(np.eye(3), (60, 40)), sharp=sharp)
    assert np.array_equal(whole, picture)


@pytest.mark.parametrize("sharp", [False, True])
def test_steps_lead_to_the_true_displacement(sharp: bool) -> None:
    u, v = grid(120, 88)
    bend = 0.6 * np.sin(v / 20)
    clip = local_contrast(texture(u, v, finest=9).astype(np.float32), 0)
    ref = local_contrast(texture(u + 0.4 + bend, v - 0.5, finest=9).astype(np.float32), 0)
    found = GridUpdate(np.zeros((*grid_shape(88, 120), 2), np.float32), np.zeros(grid_shape(88, 120), np.float32))
    errors = []
    for _ in range(6):
        found = gauss_newton_step(ref, clip, np.eye(3), found.grid, sharp=sharp)
        field = grid_to_field(found.grid, np.eye(3), 88, 120)
        off = np.hypot(field[..., 0] - (u + 0.4 + bend), field[..., 1] - (v - 0.5))[12:-12, 12:-12]
        errors.append(float(np.median(off)))
    assert errors[0] < 0.35
    assert errors[-1] < 0.03
    assert found.trust.min() >= 0
    assert found.trust.max() <= 1
    assert np.median(found.trust) > 0.5


def test_unlike_and_empty_pictures_are_not_trusted() -> None:
    shape = grid_shape(88, 120)
    still = np.zeros((*shape, 2), np.float32)
    one, other = (local_contrast(texture(*grid(120, 88), seed).astype(np.float32), 0) for seed in (0, 1))
    unlike = gauss_newton_step(one, other, np.eye(3), still, sharp=False)
    alike = gauss_newton_step(one, one, np.eye(3), still, sharp=False)
    assert np.median(unlike.trust) < 0.1
    assert np.median(alike.trust) > 0.5
    assert np.abs(alike.grid).max() < 1e-3
    for empty in (np.zeros((88, 120), np.float32), np.full((88, 120), np.nan, np.float32)):
        found = gauss_newton_step(one, empty, np.eye(3), still + 2, sharp=False)
        assert np.isfinite(found.grid).all()
        assert found.trust.max() < 0.05


def test_what_is_not_trusted_is_taken_from_around() -> None:
    trust = np.ones((11, 15), np.float32)
    trust[4:7, 5:9] = 0
    cells = np.full((11, 15, 2), (1.5, -2), np.float32)
    cells[4:7, 5:9] = 40
    assert np.allclose(fill_untrusted(GridUpdate(cells, trust)), (1.5, -2), atol=1e-3)
