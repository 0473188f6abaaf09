"""Initial estimates of a placement."""

import numpy as np
import pytest

from tests.measure.registration.scenes import pair, shifted
from vs_align.measure.images.preprocessing import scaled
from vs_align.measure.registration.placement_search.initial_estimates import centered_matrix, thumbnail_estimates
from vs_align.measure.registration.placement_search.subpixel import edges_in_clip
from vs_align.measure.registration.template_matching import match_template

SMALL = (96, 54)
ONES = np.ones((54, 96), np.float32)


def test_the_middle_lies_on_the_middle() -> None:
    assert np.allclose(edges_in_clip(centered_matrix((320, 180), (160, 90)), (160, 90)), (80, 44, 240, 134))
    assert np.allclose(edges_in_clip(centered_matrix((321, 181), (640, 360)), (640, 360)), (0, 0.21875, 321, 180.78125))
    assert np.allclose(edges_in_clip(centered_matrix((320, 180), (160, 90), 0.5), (160, 90)), (120, 67.5, 200, 112.5))


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.6])
@pytest.mark.parametrize("known", [False, True])
def test_small_pictures_tell_place_and_scale(scale: float, known: bool) -> None:
    size = 320, 180
    placement = shifted(9, -6) @ np.diag([scale, scale, 1])
    clips, refs, truth = [], [], np.eye(3)
    for seed in range(4):
        clip, ref, truth = pair(seed, placement, size, size)
        clips.append(scaled(clip, SMALL))
        refs.append(scaled(ref, SMALL))
    windows = [range(i, i + 1) for i in range(4)]
    given = scale if known else None
    first = next(thumbnail_estimates(clips, refs, windows, (size, size), given))
    assert np.abs(np.subtract(edges_in_clip(first, size), edges_in_clip(truth, size))).max() < (6 if known else 12)
    places = match_template(clips, refs, windows, (ONES, ONES), (size, size), given)
    assert places[0].score == max(place.score for place in places)
    assert places[0].agreement > 0.5


def test_pictures_without_candidates_tell_nothing() -> None:
    flat = np.full((54, 96), 0.5, np.float32)
    assert match_template([flat], [flat], [range(0)], (ONES, ONES), (SMALL, SMALL)) == []
    assert list(thumbnail_estimates([flat], [flat], [range(1)], (SMALL, SMALL), None)) == []
