"""Where `register` begins."""

import numpy as np
import pytest

from tests.measure.registration.scenes import pair, shifted
from vs_align.measure.images.views import scaled
from vs_align.measure.registration.placement_search.initial_estimates import centred, small_starts
from vs_align.measure.registration.placement_search.subpixel import edges_of
from vs_align.measure.registration.template_matching import template_places

SMALL = (96, 54)
ONES = np.ones((54, 96), np.float32)


def test_the_middle_lies_on_the_middle() -> None:
    assert np.allclose(edges_of(centred((320, 180), (160, 90)), (160, 90)), (80, 44, 240, 134))
    assert np.allclose(edges_of(centred((321, 181), (640, 360)), (640, 360)), (0, 0.21875, 321, 180.78125))
    assert np.allclose(edges_of(centred((320, 180), (160, 90), 0.5), (160, 90)), (120, 67.5, 200, 112.5))


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
    first = next(small_starts(clips, refs, windows, (size, size), given))
    assert np.abs(np.subtract(edges_of(first, size), edges_of(truth, size))).max() < (6 if known else 12)
    places = template_places(clips, refs, windows, (ONES, ONES), (size, size), given)
    assert places[0].score == max(place.score for place in places)
    assert places[0].agreement > 0.5


def test_pictures_without_candidates_tell_nothing() -> None:
    flat = np.full((54, 96), 0.5, np.float32)
    assert template_places([flat], [flat], [range(0)], (ONES, ONES), (SMALL, SMALL)) == []
    assert list(small_starts([flat], [flat], [range(1)], (SMALL, SMALL), None)) == []
