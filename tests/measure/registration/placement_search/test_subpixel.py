"""Places that are right to a fraction of a pixel, and as simple as can be."""

import numpy as np
import pytest

from tests.measure.registration.placed_films import PlacedFilms, window
from vs_align.measure.registration.placement_search.anchor_frames import (
    NearPictures,
    around,
    near_pictures,
    shared_boxes,
)
from vs_align.measure.registration.placement_search.subpixel import (
    FinePlace,
    confidence_of,
    corner_difference,
    edges_of,
    fine_place,
    placed_on,
)

REF = (160, 90)


def _near(films: PlacedFilms) -> NearPictures:
    boxes = shared_boxes(films.truth_at(0), films.clip_size, REF)
    anchors = [(n, around(n, 2, films.length)) for n in range(0, films.length, 2)]
    return near_pictures(films.clip(), films.ref(), anchors, boxes, 640)


def test_edges_and_places_are_inverse() -> None:
    edges = (3.25, -4.5, 100.0, 77.0)
    assert np.allclose(edges_of(placed_on(edges, REF), REF), edges)
    assert corner_difference(placed_on(edges, REF), placed_on((3.25, -4.5, 103.0, 81.0), REF), REF) == pytest.approx(5)


@pytest.mark.parametrize(
    ("scale", "kind", "corner"), [(1.0, "shift", 41.0), (1.0, "shift", 41.4), (1.2, "scale", 41.0)]
)
def test_the_simplest_kind_is_found_from_some_pixels_away(scale: float, kind: str, corner: float) -> None:
    truth = window(corner, 30, REF, scale)
    films = PlacedFilms(truth, REF, length=12)
    start = window(corner + 3, 28, REF, scale * 1.02)
    found = fine_place(_near(films), start, (films.clip_size, REF))
    assert found.kind == kind
    assert corner_difference(found.matrix, truth, REF) < (0.02 if corner % 1 else 1e-9)
    assert found.agreement > 0.97
    assert found.spread < 0.05
    assert [int(k) for k in found.moments if k >= 0] == list(range(0, 12, 2))


def test_a_known_place_is_taken_as_it_is_only_where_it_is_right() -> None:
    truth = window(41, 30, REF)
    films = PlacedFilms(truth, REF, length=12)
    near = _near(films)
    same = fine_place(near, truth, (films.clip_size, REF), [truth])
    assert (same.kind, same.matrix is truth) == ("known", True)
    beside = window(42.5, 30, REF)
    other = fine_place(near, beside, (films.clip_size, REF), [beside])
    assert other.kind == "shift"
    assert corner_difference(other.matrix, truth, REF) < 1e-9


def test_confidence_falls_with_agreement_and_spread() -> None:
    assert (confidence_of(0.05), confidence_of(0.2), confidence_of(0.9)) == (0.0, 0.5, 1.0)
    assert confidence_of(0.9, 1.0) == 0.5
    none = np.zeros(0, np.int64)
    small, large = (FinePlace(np.eye(3), "shift", 0.9, covered, none, 0.0) for covered in (10, 100))
    assert large.worth > small.worth > 0
