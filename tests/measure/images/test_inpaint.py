"""Holes are filled smoothly, and nothing else changes."""

import numpy as np
import pytest

from vs_align.measure.images.inpaint import fill

SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (13, 17), (45, 80)]


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_known_stays(shape: tuple[int, int], channels: int) -> None:
    values = np.random.default_rng(0).normal(0, 5, (*shape, channels)).astype(np.float32)
    before = values.copy()
    assert np.allclose(fill(values, np.ones(shape, np.float32)), values, atol=1e-5)
    assert np.array_equal(values, before)


@pytest.mark.parametrize("shape", SIZES)
def test_nothing_known_is_zero(shape: tuple[int, int]) -> None:
    values = np.full((*shape, 2), 7, np.float32)
    assert not fill(values, np.zeros(shape, np.float32)).any()


@pytest.mark.parametrize("shape", SIZES)
def test_one_known_value_spreads_everywhere(shape: tuple[int, int]) -> None:
    values, weight = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
    values[-1, 0], weight[-1, 0] = (3, -4), 1
    assert np.allclose(fill(values, weight), (3, -4), atol=1e-4)


def test_a_hole_in_a_slope_is_bridged() -> None:
    ys, xs = np.mgrid[0:40, 0:60].astype(np.float32)
    slope = np.dstack([0.1 * xs, 0.05 * ys - 0.02 * xs])
    weight = np.ones((40, 60), np.float32)
    weight[12:26, 20:38] = 0
    holed = np.where(weight[..., None] > 0, slope, np.float32(1000))
    filled = fill(holed, weight)
    assert np.abs(filled - slope)[weight == 0].max() < 0.45  # the hole spans 1.8
    assert np.abs(filled - slope)[weight > 0].max() < 1e-5
    # and there is no step anywhere
    assert np.abs(np.diff(filled, axis=0)).max() < 0.5
    assert np.abs(np.diff(filled, axis=1)).max() < 0.5


def test_little_weight_lets_little_through() -> None:
    weight = np.ones((33, 33), np.float32)
    values = np.full((33, 33, 1), 2, np.float32)
    values[16, 16], weight[16, 16] = 100, 0.01
    assert 2 < fill(values, weight)[16, 16, 0] < 5
