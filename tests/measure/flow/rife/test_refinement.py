"""Refinement on images removes the remaining displacement, independent of grading, and only there."""

import numpy as np
import pytest

from tests.measure.flow.rife.cases import pictures
from vs_align.measure.flow.rife.images import luma_of
from vs_align.measure.flow.rife.refinement import refine_on_images
from vs_align.measure.images.field import homography_field


@pytest.mark.parametrize("grade", [1.0, 0.4])
@pytest.mark.parametrize("size", [(120, 160), (48, 56), (97, 133), (121, 160)])
def test_half_a_pixel_is_taken_off(size: tuple[int, int], grade: float) -> None:
    clip, ref, truth = pictures(*size, shift=(0.4, -0.3))
    begin = homography_field(np.eye(3), (size[1], size[0]))
    field = refine_on_images(luma_of(clip) * np.float32(grade) + np.float32(0.2), luma_of(ref), begin, None, 3, 0.8)
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(truth - begin)[inner].max() == pytest.approx(0.4, abs=0.01)
    assert np.hypot(*np.moveaxis(field - truth, 2, 0))[inner].mean() < 0.13


def test_flat_pictures_and_no_weight_move_nothing() -> None:
    begin = homography_field(np.eye(3), (80, 70))
    flat = np.full((70, 80), 0.5, np.float32)
    assert np.abs(refine_on_images(flat, flat, begin, None, 2, 0.8) - begin).max() < 1e-6
    clip, ref, _ = pictures(70, 80, shift=(0.5, 0))
    unweighted = np.zeros((70, 80), np.float32)
    assert np.abs(refine_on_images(luma_of(clip), luma_of(ref), begin, unweighted, 2, 0.8) - begin).max() < 1e-6
