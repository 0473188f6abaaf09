"""Anchor frames are cropped to the common area of two videos."""

import numpy as np

from tests.measure.registration.placed_films import PlacedFilms, window
from vs_align.api.video import NodeVideo
from vs_align.measure.registration.placement_search.anchor_frames import (
    frames_around,
    overlap_boxes,
    read_anchor_frames,
    working_size,
)

REF = (160, 90)


def test_boxes_hold_what_both_share_and_a_little_more() -> None:
    clip, ref = overlap_boxes(window(100, 50, REF), (321, 181), REF, 0.1)
    assert np.allclose(clip, (84, 41, 192, 108))
    assert np.allclose(ref, (0, 0, 160, 90))


def test_a_part_of_ref_outside_clip_is_left_out_on_demand() -> None:
    matrix = window(-40, 100, REF)
    clip, ref = overlap_boxes(matrix, (321, 181), REF, 0.1, 0.0)
    assert np.allclose(clip, (0, 91.9, 132, 89.1))
    assert np.allclose(ref, (40, 0, 120, 81))


def test_a_size_shows_what_the_coarser_side_has() -> None:
    assert working_size(((0, 0, 40, 20), (0, 0, 160, 80)), 640) == (44, 22)
    assert working_size(((0, 0, 1600, 800), (0, 0, 1601, 801)), 640) == (640, 320)


def test_frames_begin_and_end_with_the_film() -> None:
    assert (frames_around(0, 2, 9), frames_around(8, 2, 9), frames_around(4, 1, 9)) == (
        range(3),
        range(6, 9),
        range(3, 6),
    )


def test_pictures_lie_on_each_other_where_the_truth_says() -> None:
    films = PlacedFilms(window(41, 30, REF), REF, length=4)
    truth = films.truth_at(0)
    boxes = (41.0, 30.0, 160.0, 90.0), (0.0, 0.0, 160.0, 90.0)
    excluded = np.zeros((90, 160), bool)
    excluded[:30] = True
    near = read_anchor_frames(
        NodeVideo(films.clip(), "clip"),
        NodeVideo(films.ref(), "ref"),
        [(1, range(3)), (3, range(2, 4))],
        boxes,
        640,
        (None, excluded),
    )
    assert near.size == (160, 90)
    assert np.allclose(near.to_cropped(truth), np.eye(3), atol=1e-9)
    assert np.allclose(near.to_full(near.to_cropped(truth)), truth)
    assert near.windows == [range(3), range(2, 4)]
    assert np.abs(near.clip[1] - near.ref[0]).mean() < 0.01
    assert np.abs(near.clip[0] - near.ref[0]).mean() > 0.02
    assert near.weights[1][:29].max() == 0
    assert near.weights[1][31:].min() == 1
    assert near.weights[0].min() == 1
