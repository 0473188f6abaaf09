"""Cut lists whose answer is known."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from vs_align.decide.cut_list.frame_cuts import frame_segments, steady_speed

RATE = 25
SAMPLES = 48_000
HALF = 0.5 / RATE


def cuts(frame_map: list[int | None]) -> list[tuple[Any, ...]]:
    """Cut list of a frame map in seconds."""
    times = np.arange(len(frame_map)) / RATE
    clip = [math.nan if frame is None else frame / RATE for frame in frame_map]
    segments = frame_segments(times, clip, len(frame_map) / RATE, HALF, SAMPLES)
    return [(segment.begin / SAMPLES, segment.end / SAMPLES, segment.clip_start) for segment in segments]


def test_constant_offset_is_one_segment() -> None:
    assert cuts([n + 7 for n in range(100)]) == [(0, 4, pytest.approx(7 / RATE))]


def test_dropped_and_repeated_frames_do_not_chop_the_audio() -> None:
    frame_map: list[int | None] = [n + 7 for n in range(200)]
    for n in (0, 3, 50, 51, 120, 199):
        frame_map[n] = 7 + n - 1
    for n in (20, 80, 81, 160):
        frame_map[n] = None
    assert cuts(frame_map) == [(0, 8, pytest.approx(7 / RATE))]


def test_a_cut_is_found_at_its_frame() -> None:
    frame_map: list[int | None] = [*range(60), *(n + 30 for n in range(60, 160))]
    assert cuts(frame_map) == [
        (0, pytest.approx(60 / RATE), pytest.approx(0)),
        (pytest.approx(60 / RATE), pytest.approx(160 / RATE), pytest.approx(90 / RATE)),
    ]


def test_a_change_too_short_to_hear_as_another_scene_is_no_cut() -> None:
    frame_map: list[int | None] = [n + (5 if 50 <= n < 60 else 0) for n in range(120)]
    assert len(cuts(frame_map)) == 1


def test_a_long_gap_is_silence() -> None:
    frame_map: list[int | None] = [*range(50), *([None] * 75), *range(50, 100)]
    assert cuts(frame_map) == [
        (0, 2, pytest.approx(0)),
        (2, 5, None),
        (5, 7, pytest.approx(2)),
    ]


def test_nothing_matched_is_all_silence() -> None:
    assert cuts([None] * 40) == [(0, pytest.approx(1.6), None)]


def test_one_frame() -> None:
    assert cuts([3]) == [(0, pytest.approx(0.04), pytest.approx(0.12))]


def test_flutter_between_two_frame_rates_is_no_cut() -> None:
    """Each ref frame at 24 shows the clip frame at 25 that is nearest: the offset flutters within half a frame."""
    ref = np.arange(240) / 24
    clip = np.round(ref * 25) / 25
    assert len(frame_segments(ref, clip, 10, 0.5 / 24, SAMPLES)) == 1


def test_segments_follow_each_other_whatever_the_map() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        blocks: list[int | None] = []
        for _ in range(rng.integers(1, 6)):
            start, length = int(rng.integers(0, 300)), int(rng.integers(1, 60))
            blocks += [None] * length if rng.random() < 0.2 else list(range(start, start + length))
        segments = cuts(blocks)
        assert segments[0][0] == 0
        assert segments[-1][1] == pytest.approx(len(blocks) / RATE)
        assert all(a[1] == b[0] for a, b in pairwise(segments))


def test_speed() -> None:
    frames = np.arange(500)
    pal, film = frames / 25, frames / (24000 / 1001)
    ratio = (24000 / 1001) / 25
    assert steady_speed(film, pal, [1.0, ratio]) == ratio
    assert steady_speed(pal, pal + 3, [1.0, ratio]) == 1.0
    assert steady_speed(pal, np.full(500, math.nan), [1.0, ratio]) == 1.0


def test_all_segments_have_the_speed_that_was_given() -> None:
    """A clip that runs 4 % slower, played frame for frame: a cut, and a clip time that counts clip's own seconds."""
    frames = np.array([*range(100), *range(150, 250)])
    ref = np.arange(200) / 25
    segments = frame_segments(ref, frames / 24, 8.0, HALF, SAMPLES, 25 / 24)
    assert [(s.begin, s.end, s.speed) for s in segments] == [(0, 192_000, 25 / 24), (192_000, 384_000, 25 / 24)]
    assert [s.clip_start for s in segments] == [pytest.approx(0.0), pytest.approx(150 / 24)]


def test_segments_that_continue_each_other_are_one() -> None:
    """The offset leaves the tolerance of its first value; both parts have the same median, and there is no jump."""
    offsets = np.array([*[0.0] * 30, *[0.9] * 100, *[1.05] * 30, *[0.9] * 100]) * HALF
    ref = np.arange(260) / RATE
    segments = frame_segments(ref, ref + offsets, 10.4, HALF, SAMPLES)
    assert [(s.begin, s.end) for s in segments] == [(0, 499_200)]
    assert segments[0].clip_start == pytest.approx(0.9 * HALF)
