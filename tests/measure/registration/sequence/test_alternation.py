"""Alternating matching and registration."""

import numpy as np

from tests.measure.registration.scenes import shifted
from vs_align.measure.registration.sequence.alternation import (
    prune_windows,
    rescale_matrix,
    spread_pairs,
)
from vs_align.measure.registration.sequence.sequence_pair import FrameMatches
from vs_align.placement.homography import corner_distance

MATCHED = FrameMatches(np.array([4, 5, -1, 7]), np.array([0.9, 0.2, 0.0, 0.8]))


def test_pairs_that_agree_badly_have_no_say() -> None:
    assert spread_pairs(MATCHED, 8) == [(0, 4), (3, 7)]
    assert spread_pairs(MATCHED, 1) == [(0, 4)]
    assert spread_pairs(FrameMatches(np.array([-1]), np.zeros(1)), 4) == []


def test_windows_close_in_on_what_was_found() -> None:
    windows = [range(10), range(10), range(0), range(6, 9)]
    assert prune_windows(windows, MATCHED) == [range(2, 7), range(0), range(0), range(6, 9)]


def test_a_transform_keeps_its_meaning_at_another_size() -> None:
    moved = shifted(4, -2)
    assert np.allclose(rescale_matrix(moved, (100, 50), (200, 100)), shifted(8, -4))
    assert corner_distance(np.eye(3), moved, (100, 50), along_axes=True) == 4
