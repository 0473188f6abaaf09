"""Subpixel refinement, and selection of the simplest model."""

import numpy as np
import pytest

from tests.measure.registration.placed_films import PlacedFilms, window
from vs_align.api.video import NodeVideo
from vs_align.measure.registration.placement_search.anchor_frames import (
    AnchorFrames,
    frames_around,
    overlap_boxes,
    read_anchor_frames,
)
from vs_align.measure.registration.placement_search.subpixel import (
    RefinedPlacement,
    edges_in_clip,
    matrix_from_edges,
    placement_confidence,
    refine_placement,
)
from vs_align.placement.homography import corner_distance

REF = (160, 90)


def _near(films: PlacedFilms) -> AnchorFrames:
    boxes = overlap_boxes(films.truth_at(0), films.clip_size, REF)
    anchors = [(n, frames_around(n, 2, films.length)) for n in range(0, films.length, 2)]
    return read_anchor_frames(NodeVideo(films.clip(), "clip"), NodeVideo(films.ref(), "ref"), anchors, boxes, 640)


def test_edges_and_places_are_inverse() -> None:
    edges = (3.25, -4.5, 100.0, 77.0)
    assert np.allclose(edges_in_clip(matrix_from_edges(edges, REF), REF), edges)
    assert corner_distance(
        matrix_from_edges(edges, REF), matrix_from_edges((3.25, -4.5, 103.0, 81.0), REF), REF
    ) == pytest.approx(5)


@pytest.mark.parametrize(
    ("scale", "kind", "corner"), [(1.0, "shift", 41.0), (1.0, "shift", 41.4), (1.2, "scale", 41.0)]
)
def test_the_simplest_kind_is_found_from_some_pixels_away(scale: float, kind: str, corner: float) -> None:
    truth = window(corner, 30, REF, scale)
    films = PlacedFilms(truth, REF, length=12)
    start = window(corner + 3, 28, REF, scale * 1.02)
    found = refine_placement(_near(films), start, (films.clip_size, REF))
    assert found.kind == kind
    assert corner_distance(found.matrix, truth, REF) < (0.02 if corner % 1 else 1e-9)
    assert found.agreement > 0.97
    assert found.split_half_error < 0.05
    assert [int(k) for k in found.candidates if k >= 0] == list(range(0, 12, 2))


def test_a_known_place_is_taken_as_it_is_only_where_it_is_right() -> None:
    truth = window(41, 30, REF)
    films = PlacedFilms(truth, REF, length=12)
    near = _near(films)
    same = refine_placement(near, truth, (films.clip_size, REF), [truth])
    assert (same.kind, same.matrix is truth) == ("known", True)
    beside = window(42.5, 30, REF)
    other = refine_placement(near, beside, (films.clip_size, REF), [beside])
    assert other.kind == "shift"
    assert corner_distance(other.matrix, truth, REF) < 1e-9


def test_confidence_falls_with_agreement_and_spread() -> None:
    assert (placement_confidence(0.05), placement_confidence(0.2), placement_confidence(0.9)) == (0.0, 0.5, 1.0)
    assert placement_confidence(0.9, 1.0) == 0.5
    none = np.zeros(0, np.int64)
    small, large = (RefinedPlacement(np.eye(3), "shift", 0.9, covered, none, 0.0) for covered in (10, 100))
    assert large.significance > small.significance > 0
