"""Kernels of registration against plain NumPy."""

import numpy as np
import pytest

from tests.measure.registration.scenes import noisy, pair, shifted
from vs_align.measure.images.preprocessing import WeightedImage, normalize_contrast, warp_weighted
from vs_align.measure.registration.esm import EsmReference, esm_reference
from vs_align.measure.registration.kernels import normal_equations, windowed_products

SIZE = (83, 61)


def views() -> tuple[WeightedImage, EsmReference]:
    clip, ref, _ = pair(2, shifted(1.5, -0.7), SIZE, SIZE)
    whole = np.ones_like(ref)
    whole[:9, :] = 0
    view = WeightedImage(normalize_contrast(noisy(clip, 0.03), np.ones_like(clip), 5), np.ones_like(clip))
    seen = warp_weighted(view, shifted(-2.5, 3.0), SIZE)
    return seen, esm_reference(WeightedImage(normalize_contrast(ref, whole, 5), whole))


def expected_equations(
    seen: WeightedImage, targets: EsmReference, parameters: int
) -> tuple[int, np.ndarray, np.ndarray]:
    picture = seen.image.astype(np.float64)
    across, down = np.zeros_like(picture), np.zeros_like(picture)
    across[:, 1:-1] = (picture[:, 2:] - picture[:, :-2]) / 2
    down[1:-1] = (picture[2:] - picture[:-2]) / 2
    counts = seen.weight.ravel()[targets.indices] > 0.999
    chosen = targets.indices[counts]
    u, v = targets.coordinates[:, counts].astype(np.float64)
    gx = (across.ravel()[chosen] + targets.gradients_xy[0, counts]) / 2 * targets.half
    gy = (down.ravel()[chosen] + targets.gradients_xy[1, counts]) / 2 * targets.half
    along = gx * u + gy * v
    slant = np.stack([gx, gy, gx * u, gx * v, gy * u, gy * v, -along * u, -along * v])[:parameters]
    error = targets.values[counts] - picture.ravel()[chosen]
    spread = max(1.5 * np.abs(error).mean(), 0.05) ** 2
    trust = (spread / (spread + error**2)) ** 2
    return len(chosen), (slant * trust) @ slant.T, slant @ (trust * error)


@pytest.mark.parametrize("parameters", [6, 8])
def test_normal_equations(parameters: int) -> None:
    seen, targets = views()
    normal, wanted = np.full((parameters, parameters), 7.0), np.full(parameters, 7.0)
    counted = normal_equations(
        seen.image, seen.weight, targets.indices, targets.values, targets.gradients_xy, targets.coordinates,
        np.float32(targets.half), normal, wanted,
    )  # fmt: skip
    count, expected, right = expected_equations(seen, targets, parameters)
    assert counted == count
    assert 500 < count < len(targets.indices), "some pixels count and some do not"
    np.testing.assert_allclose(normal, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(wanted, right, rtol=1e-3, atol=1e-4 * np.abs(right).max())
    assert np.array_equal(normal, normal.T)


def test_normal_equations_of_nothing_are_zero() -> None:
    seen, targets = views()
    normal, wanted = np.full((6, 6), 7.0), np.full(6, 7.0)
    nothing = np.zeros_like(seen.weight)
    counted = normal_equations(
        seen.image, nothing, targets.indices, targets.values, targets.gradients_xy, targets.coordinates,
        np.float32(targets.half), normal, wanted,
    )  # fmt: skip
    assert counted == 0
    assert not normal.any() and not wanted.any()


@pytest.mark.parametrize("length", [1, 7, 2047, 2048, 2049, 5001])
def test_products(length: int) -> None:
    rng = np.random.default_rng(length)
    first = rng.normal(0, 1, (5, length)).astype(np.float32)
    second = rng.normal(0, 1, (7, length)).astype(np.float32)
    begins, ends = np.array([0, 2, 3, 6, 0]), np.array([7, 5, 3, 7, 1])
    out = np.full((5, 7), 9.0, np.float32)
    firsts, seconds = np.array([4, 0, 2, 1, 3]), np.array([6, 1, 0, 5, 2, 3, 4])
    windowed_products(first, firsts, second, seconds, begins, ends, out)
    first, second = first[firsts], second[seconds]
    asked = (np.arange(7) >= begins[:, None]) & (np.arange(7) < ends[:, None])
    assert np.isneginf(out[~asked]).all()
    expected = first.astype(np.float64) @ second.astype(np.float64).T
    np.testing.assert_allclose(out[asked], expected[asked], rtol=1e-4, atol=1e-5 * length**0.5)
