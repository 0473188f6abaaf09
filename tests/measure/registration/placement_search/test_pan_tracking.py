"""Pan-and-scan tracking within a scene."""

import numpy as np
import pytest

from tests.measure.registration.placed_films import PlacedFilms, window
from vs_align.api.video import NodeVideo
from vs_align.io.array_types import Float64Array
from vs_align.measure.registration.placement_search.pan_tracking import track_pans
from vs_align.measure.registration.placement_search.subpixel import edges_in_clip
from vs_align.placement.placement import Placement, Scene, Transform

REF = (160, 90)


class _Moving(PlacedFilms):
    def truth_at(self, moment: int) -> Float64Array:
        return window(40 + 0.2 * moment, 30, REF, 1 + 0.002 * moment)


def _scanned(films: PlacedFilms, start: Float64Array) -> list[Scene]:
    nodes = films.clip(), films.ref()
    clip, ref = (NodeVideo(node, "clip") for node in nodes)
    transform = Transform(start.tolist(), films.clip_size, REF)
    pairs = [(n, n) for n in range(films.length)]
    return track_pans(clip, ref, pairs, [Scene(0, transform, 0.5)], lambda *_: None)


@pytest.mark.parametrize("pan", [(1.4, 0.6), (0.4, 0.2)])
def test_shift_and_zoom_are_followed(pan: tuple[float, float]) -> None:
    films = _Moving(np.eye(3), REF, length=40, pan=pan)
    scenes = _scanned(films, films.truth_at(20))
    assert [each.moving for each in scenes] == [*[True] * (len(scenes) - 1), False]
    assert {each.method for each in scenes} == {"scan"}
    found = Placement(films.clip_size, REF, tuple(scenes))
    for n in range(40):
        difference = np.subtract(edges_in_clip(found.at(n).array, REF), edges_in_clip(films.truth_at(n), REF))
        assert np.abs(difference).max() < 0.5


def test_what_stands_still_or_is_turned_is_left_alone() -> None:
    films = PlacedFilms(window(40, 30, REF), REF, length=40)
    assert len(_scanned(films, films.truth_at(0))) == 1
    turned = films.truth_at(0) + np.array([[0, 0.01, 0], [-0.01, 0, 0], [0, 0, 0]])
    assert len(_scanned(films, turned)) == 1
