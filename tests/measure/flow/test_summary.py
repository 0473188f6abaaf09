"""Summary of a field as shift, rotation and scale."""

import numpy as np
import pytest

from vs_align.measure.flow.summary import summarize_field
from vs_align.measure.images.field import homography_field
from vs_align.placement.homography import resize_matrix
from vs_align.placement.placement import Transform

SIZES = [((160, 90), (160, 90)), ((320, 180), (160, 90)), ((100, 100), (160, 90)), ((33, 17), (101, 67))]


@pytest.mark.parametrize(("clip_size", "ref_size"), SIZES)
def test_parts_of_a_transform_are_told(clip_size: tuple[int, int], ref_size: tuple[int, int]) -> None:
    transform = Transform.from_parts(clip_size, ref_size, shift=(3, -2), rotation=4, scale_x=1.05, scale_y=0.97)
    field = homography_field(transform.array, ref_size)
    found = summarize_field(field, np.eye(3), clip_size, np.ones(ref_size[::-1], bool))
    assert found.rotation == pytest.approx(4, abs=1e-3)
    assert (found.scale_x, found.scale_y) == pytest.approx((1.05, 0.97), abs=1e-4)
    # in clip pixels, at the median of all places
    per_pixel = clip_size[0] / ref_size[0], clip_size[1] / ref_size[1]
    assert found.shift == pytest.approx((3 * per_pixel[0], -2 * per_pixel[1]), abs=0.06)
    assert all(type(number) is float for number in (*found.shift, found.rotation, found.scale_x, found.scale_y))


@pytest.mark.parametrize(("clip_size", "ref_size"), SIZES)
def test_neutral_is_nothing(clip_size: tuple[int, int], ref_size: tuple[int, int]) -> None:
    neutral = resize_matrix(clip_size, ref_size)
    found = summarize_field(homography_field(neutral, ref_size), neutral, clip_size, np.ones(ref_size[::-1], bool))
    assert found.shift == pytest.approx((0, 0), abs=1e-4)
    assert (found.rotation, found.scale_x, found.scale_y) == pytest.approx((0, 1, 1), abs=1e-4)


def test_only_what_is_reliable_counts() -> None:
    field = homography_field(np.array([[1, 0, 2], [0, 1, -1], [0, 0, 1]], np.float64), (160, 90))
    reliable = np.ones((90, 160), bool)
    reliable[:60] = False
    field[:60] += 500
    found = summarize_field(field, np.eye(3), (160, 90), reliable)
    assert found.shift == pytest.approx((2, -1), abs=1e-4)
    assert found.scale_x == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (2, 2), (3, 3)])
def test_too_little_to_tell_is_left_to_the_coarse_transform(size: tuple[int, int]) -> None:
    start = Transform.from_parts(size, size, rotation=10).array
    found = summarize_field(homography_field(start, size), start, size, np.ones(size[::-1], bool))
    assert found.rotation == pytest.approx(10, abs=1e-6)
    nothing = summarize_field(homography_field(np.eye(3), size), start, size, np.zeros(size[::-1], bool))
    assert nothing.rotation == pytest.approx(10, abs=1e-6)
    assert nothing.shift == pytest.approx((0, 0), abs=1e-6)


def test_a_single_row_of_reliable_pixels_does_not_make_a_transform() -> None:
    reliable = np.zeros((90, 160), bool)
    reliable[0] = True
    found = summarize_field(homography_field(np.eye(3), (160, 90)), np.eye(3), (160, 90), reliable)
    assert (found.rotation, found.scale_x, found.scale_y) == pytest.approx((0, 1, 1), abs=1e-6)
