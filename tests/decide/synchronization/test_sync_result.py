"""`SyncResult`: runs without support are removed."""

import numpy as np
import pytest

from vs_align.decide.synchronization.segmentation import FrameMap
from vs_align.decide.synchronization.sync_result import build_sync_result

RATES = [1.0, 1.001, 1 / 1.001]


def found_with(frames: list[int], odd: dict[int, float]) -> tuple[list[int], list[tuple[int, int]]]:
    """Frames and lines that are left; `odd` gives the evidence of single frames, all others have much."""
    array = np.array(frames, np.int64)
    evidence = np.full(len(frames), 3.0)
    for n, value in odd.items():
        evidence[n] = value
    match = build_sync_result(FrameMap(array, array, array), np.full(len(frames), 0.01), evidence, RATES, 24)
    return match.found.frames.tolist(), [(line.first, line.last) for line in match.runs]


@pytest.mark.parametrize("count", [1, 2])
def test_frames_before_clip_begins_are_no_match(count: int) -> None:
    """What ref shows just before is much like clip's first frame, and there is nothing else to compare it with."""
    frames = [-1] * 10 + [0] * count + list(range(100)) + [-1] * 10
    left, lines = found_with(frames, dict.fromkeys(range(10, 10 + count), 0.0))
    assert left == [-1] * (10 + count) + list(range(100)) + [-1] * 10
    assert lines == [(10 + count, 109 + count)]


def test_frames_behind_clips_end_are_no_match() -> None:
    left, lines = found_with([*range(100), 99, -1], {100: -1.0})
    assert left == [*range(100), -1, -1]
    assert lines == [(0, 99)]


def test_a_repeated_frame_for_which_something_speaks_stays() -> None:
    left, _ = found_with([0, *range(100), -1], {})
    assert left == [0, *range(100), -1]


def test_odd_frames_within_stay() -> None:
    frames = [*range(50), 49, *range(51, 100)]
    left, _ = found_with(frames, {50: 0.0})
    assert left == frames
