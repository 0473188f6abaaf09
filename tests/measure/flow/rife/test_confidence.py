"""Fields are trusted where there is texture, and extrapolated elsewhere."""

import numpy as np

from tests.measure.flow.rife.cases import world
from vs_align.measure.flow.rife.confidence import extrapolate_field, texture_confidence
from vs_align.measure.flow.rife.images import luma_of
from vs_align.measure.images.field import homography_field


def test_grain_is_no_texture() -> None:
    rng = np.random.default_rng(0)
    luma = luma_of(world(96, 192))
    luma[:, :96] = 0.4
    noise = 0.03
    grainy = luma + rng.normal(0, noise, luma.shape).astype(np.float32)
    trusted = texture_confidence(grainy, noise)
    assert trusted.dtype == np.float32
    assert trusted[:, :80].mean() < 0.01
    assert trusted[:, 112:].mean() > 0.7
    faint = np.tile(np.linspace(0.2, 0.6, 192, dtype=np.float32), (96, 1))
    assert texture_confidence(faint, 0.0)[10:-10, 10:-10].min() > 0.9  # a clean slope is enough
    assert texture_confidence(faint, noise).max() < 0.05


def test_affine_motion_is_continued_and_deviations_stay() -> None:
    start = homography_field(np.eye(3), (160, 120))
    motion = np.array([[1.02, 0.01, 3], [-0.01, 0.99, -2], [0, 0, 1]])
    truth = homography_field(motion, (160, 120))
    truth[30:50, 20:40, 0] += 1.5
    weight = np.zeros((120, 160), np.float32)
    weight[:, :80] = 1
    found = truth.copy()
    found[:, 80:] = start[:, 80:] + np.random.default_rng(0).normal(0, 5, (120, 80, 2))
    got = extrapolate_field(found, start, weight)
    assert np.abs(got - truth)[:, :80].max() < 1e-3
    assert np.abs(got - truth)[:, 80:].max() < 0.35
    assert np.abs(truth - start)[:, 80:].max() > 5


def test_nothing_believed_is_the_start() -> None:
    start = homography_field(np.array([[2, 0, 1], [0, 2, 1], [0, 0, 1.0]]), (7, 5))
    nothing = np.zeros((5, 7), np.float32)
    assert np.array_equal(extrapolate_field(start + 9, start, nothing), start)
