"""Placement estimation per scene, and the frames it relies on."""

from typing import Any

import pytest

from tests.measure.registration.placed_films import PlacedFilms, error_of, window
from vs_align.api.video import NodeVideo
from vs_align.enums import PlaceMethod
from vs_align.io.array_types import Float32Array
from vs_align.measure.registration.placement_search.estimator import (
    PlacementOptions,
    centered_placement,
    estimate_placement,
)
from vs_align.measure.registration.placement_search.scene_check import missed_cuts, pair_correlations, placement_error
from vs_align.placement.placement import Placement

REF = (160, 90)
FILMS = PlacedFilms((window(37, 23, REF), window(60, 40, REF)), REF, shots=(0, 20), length=40)


def _sides(films: PlacedFilms, **changes: Any) -> tuple[NodeVideo, NodeVideo]:
    nodes = films.clip(change=changes.get("clip")), films.ref(change=changes.get("ref"))
    one, other = (NodeVideo(node, "clip") for node in nodes)
    return one, other


def _placed(films: PlacedFilms, frames: list[int | None], **changes: Any) -> Placement:
    return estimate_placement(*_sides(films, **changes), frames, PlacementOptions(PlaceMethod.FEATURE))


def test_a_scene_without_counterpart_takes_the_common_place() -> None:
    found = _placed(FILMS, [*range(20), *[None] * 20])
    assert error_of(found, 0, window(37, 23, REF)) < 0.05
    assert {each.transform for each in found.scenes} == {found.scenes[0].transform}


def test_a_cut_that_only_clip_shows_begins_a_scene() -> None:
    # ref has too little contrast for its own cut to be seen
    films = PlacedFilms((window(37, 23, REF), window(47, 30, REF)), REF, shots=(0, 20), length=40)

    def grey(picture: Float32Array, _: int) -> Float32Array:
        return 0.35 + 0.3 * picture

    found = _placed(films, list(range(40)), ref=grey)
    assert [each.ref_first for each in found.scenes] == [0, 20]
    assert error_of(found, 5, films.truth_at(5)) < 0.1
    assert error_of(found, 30, films.truth_at(30)) < 0.1


def test_small_pictures_tell_which_scenes_lie_elsewhere() -> None:
    clip, ref = _sides(FILMS)
    first, second = ([(n, n) for n in range(start, start + 20)] for start in (0, 20))
    assert placement_error(clip, ref, first, FILMS.truth_at(0)) < 0.4
    assert placement_error(clip, ref, second, FILMS.truth_at(0)) > 2


def test_small_pictures_tell_where_a_place_stops_to_hold() -> None:
    clip, ref = _sides(FILMS)
    pairs = [(n, n) for n in range(40)]
    assert missed_cuts(clip, ref, pairs, FILMS.truth_at(0)) == [20]
    assert missed_cuts(clip, ref, pairs[:20], FILMS.truth_at(0)) == []
    before, after = pair_correlations(clip, ref, [pairs[10], pairs[30]], FILMS.truth_at(0))
    assert before > 0.8 > after + 0.3


def test_the_middle_is_doubtful_and_says_why() -> None:
    plain = centered_placement((320, 180), REF)
    assert (plain.verdict, plain.confidence) == ("doubtful", None)
    failed = centered_placement((320, 180), REF, 0.5, 0.0, ("nothing fits",))
    assert (failed.confidence, failed.reasons) == (0.0, ("nothing fits",))
    assert failed.at(0).apply([(79.5, 44.5)])[0] == pytest.approx((159.5, 89.5))
