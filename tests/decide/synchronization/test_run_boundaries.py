"""Runs are extended through flat frames and end where clip ends."""

from fractions import Fraction

import numpy as np

from tests.decide.synchronization.synthetic_fingerprints import noise_pictures
from tests.memory_fingerprints import fingerprints_of
from vs_align.decide.synchronization.run_boundaries import resolve_run_boundaries
from vs_align.decide.synchronization.segmentation import FrameMap
from vs_align.measure.fingerprints.fingerprint import Fingerprints


def film(*parts: int) -> Fingerprints:
    """Patterns, as many frames as a number says; of a negative one, black ones."""
    made = [
        noise_pictures(count, 3 + i) if count > 0 else np.full((-count, 54, 96), 16, np.uint8)
        for i, count in enumerate(parts)
    ]
    return fingerprints_of(np.concatenate(made), Fraction(24))


def laid(frames: list[int], clip: Fingerprints, ref: Fingerprints, neighbor_costs: float | None = None) -> list[int]:
    found = np.array(frames)
    flat = ref.flat & (found >= 0)
    table = None if neighbor_costs is None else np.full((len(found), 5), neighbor_costs, np.float32)
    out = resolve_run_boundaries(FrameMap(found, found, found, table), flat, clip, ref, (1.0,)).frames
    return [int(frame) for frame in out]


def test_black_at_the_end_goes_on_and_ends_with_clip() -> None:
    clip, ref = film(20, -6), film(20, -12)
    assert laid([*range(20), 20, 20, 21, 21, 22, 22, 23, 23, 24, 24, 25, 25], clip, ref) == [*range(26), *[-1] * 6]


def test_black_before_goes_back_from_the_line_behind() -> None:
    clip, ref = film(-6, 20), film(-12, 20)
    assert laid([*range(6), *[5] * 6, *range(6, 26)], clip, ref) == [*[-1] * 6, *range(26)]


def test_black_between_two_lines_is_shared() -> None:
    clip, ref = film(20, -6, 20), film(20, -4, 20)
    assert laid([*range(20), 25, 25, 25, 25, *range(26, 46)], clip, ref) == [*range(24), *range(26, 46)]


def test_a_line_does_not_repeat_the_ends_of_clip() -> None:
    clip, ref = film(20), film(26)
    assert laid([-1, 0, 0, *range(20), 19, 19, -1], clip, ref) == [-1, -1, -1, *range(20), -1, -1, -1]


def test_a_jump_in_a_still_near_the_end_is_none() -> None:
    clip, ref = film(40), film(40)
    jumped = [-1, -1, *range(10), *range(9, 37)]
    assert laid(jumped, clip, ref, 0.1) == [-1, -1, -1, *range(37)]
    # where the frames say that it jumps, it does
    assert laid(jumped, clip, ref, 2.0) == jumped
