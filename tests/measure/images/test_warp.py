"""Resampling along a field: exact, sharp and without aliasing."""

import numpy as np
import pytest

from tests.synth import grid, texture
from vs_align.io.array_types import AnyArray, Float32Array
from vs_align.measure.images.field import homography_field
from vs_align.measure.images.warp import cubic_table, lanczos_table, shrinkage, warp
from vs_align.placement.homography import resize_matrix

PEAKS: dict[type, float | None] = {np.uint8: 255.0, np.uint16: 65535.0, np.float32: None}
SIZES = [(1, 1), (1, 9), (9, 1), (5, 7), (17, 13), (64, 48)]


def warped(picture: AnyArray, field: Float32Array, peak: float | None = None) -> AnyArray:
    """Warp three planes that differ, and return the first."""
    planes = [picture, picture[::-1].copy(), picture.copy()]
    out = [np.zeros(field.shape[:2], picture.dtype) for _ in planes]
    warp(planes, field, peak, out)
    # equal planes may differ in the order of their sums, which is the last bit
    assert np.abs(out[0].astype(np.float64) - out[2]).max() <= (1e-6 if peak is None else 1)
    return out[0]


def shift(x: float, y: float, size: tuple[int, int]) -> Float32Array:
    return homography_field(np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64), size)


def noise(size: tuple[int, int], dtype: type) -> AnyArray:
    values = np.random.default_rng(3).random(size[::-1])
    peak = PEAKS[dtype]
    return (values * 3 - 1).astype(np.float32) if peak is None else np.rint(values * peak).astype(dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", PEAKS)
def test_whole_positions_are_exact(dtype: type, size: tuple[int, int]) -> None:
    picture = noise(size, dtype)
    assert np.array_equal(warped(picture, shift(0, 0, size), PEAKS[dtype]), picture)
    moved = warped(picture, shift(2, -1, size), PEAKS[dtype])
    xs, ys = np.clip(np.arange(size[0]) + 2, 0, size[0] - 1), np.clip(np.arange(size[1]) - 1, 0, size[1] - 1)
    assert np.array_equal(moved, picture[np.ix_(ys, xs)])


def test_the_three_planes_do_not_mix() -> None:
    planes = [np.full((20, 30), value, np.uint8) for value in (10, 20, 30)]
    out = [np.zeros((20, 30), np.uint8) for _ in planes]
    for field in (shift(0.3, 0.7, (30, 20)), homography_field(np.diag([3.0, 3.0, 1.0]), (30, 20))):
        warp(planes, field, 255.0, out)
        assert [np.unique(plane).tolist() for plane in out] == [[10], [20], [30]]


@pytest.mark.parametrize(("x", "y"), [(0.5, 0), (0, 0.5), (0.25, -0.4), (3.3, 1.7)])
def test_between_pixels_it_is_sharp(x: float, y: float) -> None:
    size = (96, 64)
    u, v = grid(*size)
    # four lobes hold waves of 3.5 px to within half a percent
    clip, truth = texture(u, v, finest=7), texture(u + x, v + y, finest=7)
    found = warped(clip.astype(np.float32), shift(x, y, size))
    assert np.abs(found - truth)[8:-8, 8:-8].max() < 0.006
    eight = warped(np.rint(clip * 255).astype(np.uint8), shift(x, y, size), 255.0)
    assert np.abs(eight - truth * 255)[8:-8, 8:-8].max() < 3
    assert abs((eight - truth * 255)[8:-8, 8:-8].mean()) < 0.03  # rounded, not cut


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_overshoots_of_integers_stop_at_the_ends(dtype: type) -> None:
    peak = np.iinfo(dtype).max
    picture: AnyArray = np.zeros((32, 32), dtype)
    picture[:, 16:] = peak
    found = warped(picture, shift(0.5, 0, (32, 32)), float(peak)).astype(np.float64)
    assert np.abs(found[:, :12] - 0).max() < 0.05 * peak
    assert np.abs(found[:, 20:] - peak).max() < 0.05 * peak
    assert found[:, 12:15].max() < 0.15 * peak
    assert found[:, 16:20].min() > 0.85 * peak


def test_overshoots_of_floats_stay() -> None:
    picture = np.zeros((32, 32), np.float32)
    picture[:, 16:] = 1
    found = warped(picture, shift(0.5, 0, (32, 32)))
    assert found.max() > 1.02
    assert found.min() < -0.02


def test_a_picture_that_shrinks_is_not_aliased() -> None:
    u, v = grid(256, 192)
    stripes = (0.5 + 0.5 * np.cos(np.pi * u) * np.cos(np.pi * v)).astype(np.float32)
    field = homography_field(resize_matrix((256, 192), (64, 48)), (64, 48))
    assert np.abs(warped(stripes, field) - 0.5)[4:-4, 4:-4].max() < 0.01
    smooth = texture(u, v, finest=40)
    x, y = grid(64, 48)
    truth = texture(4 * x + 1.5, 4 * y + 1.5, finest=40)
    assert np.abs(warped(smooth.astype(np.float32), field) - truth)[4:-4, 4:-4].max() < 0.01


@pytest.mark.parametrize("size", SIZES)
def test_shrinkage(size: tuple[int, int]) -> None:
    assert shrinkage(homography_field(np.eye(3), size)) == (1, 1)
    assert shrinkage(homography_field(np.diag([0.5, 0.25, 1]), size)) == (1, 1)
    across, down = shrinkage(homography_field(np.diag([2.0, 4.0, 1.0]), size))
    assert across == (2 if size[0] > 1 else 1)
    assert down == (4 if size[1] > 1 else 1)


def test_shrinkage_of_a_turned_picture_is_that_of_its_axes() -> None:
    cos = np.cos(np.pi / 4)
    turned = np.array([[cos, -cos, 0], [cos, cos, 0], [0, 0, 1]])
    assert shrinkage(homography_field(turned, (64, 48))) == (1, 1)
    assert shrinkage(homography_field(turned @ np.diag([2.0, 2.0, 1.0]), (64, 48))) == (2, 2)
    assert shrinkage(homography_field(np.diag([500.0, 1.0, 1.0]), (64, 48))) == (16, 1)


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0, 7.25])
def test_weights_add_up_and_are_symmetric(scale: float) -> None:
    table = lanczos_table(scale)
    assert table.shape[1] == 2 * int(np.ceil(4 * scale))
    assert np.allclose(table.sum(axis=1), 1, atol=1e-6)
    assert np.allclose(table, table[::-1, ::-1], atol=1e-6)
    assert np.allclose(cubic_table().sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(cubic_table()[0], [0, 1, 0, 0])
