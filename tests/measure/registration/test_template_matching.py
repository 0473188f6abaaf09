"""Template matching over all shifts and many scales."""

import numpy as np
import pytest

from tests.measure.registration.scenes import noisy, pair, shifted
from vs_align.measure.registration.template_matching import match_template

SIZE = (96, 54)
ONES = np.ones((54, 96), np.float32)


@pytest.mark.parametrize("scale", [0.4, 0.7, 1.0, 1.8])
def test_shift_and_scale_are_found_with_the_moment(scale: float) -> None:
    placement = shifted(7, -4) @ np.diag([scale, scale, 1])
    clips, refs, truth = [], [], np.eye(3)
    for seed in range(6):
        clip, ref, truth = pair(seed, placement, SIZE, SIZE)
        clips.append(clip)
        refs.append(noisy(ref, 0.02, seed))
    # every candidate for every ref frame
    best = match_template(clips, refs, [range(6)] * 6, (ONES, ONES), (SIZE, SIZE))[0]
    corners = np.array([(0, 0, 1), (95, 53, 1)], np.float64)
    assert np.abs((corners @ (best.matrix - truth).T)[:, :2]).max() < 3
    assert best.agreement > 0.5


def test_places_are_distinct_and_sorted() -> None:
    clip, ref, _ = pair(3, shifted(7, -4), SIZE, SIZE)
    places = match_template([clip], [ref], [range(1)], (ONES, ONES), (SIZE, SIZE), 1.0, most=3)
    assert [each.score for each in places] == sorted((each.score for each in places), reverse=True)
    assert np.abs(places[0].matrix[:2, 2] - (7, -4)).max() <= 1
