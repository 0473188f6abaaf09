"""`Timeline.passages`: what belongs together, what does not, and the rate and counts of each passage."""

import math
import random
import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from vs_align.enums import SegmentKind
from vs_align.timeline.passages import TOLERANCE, Passage, _Corridor
from vs_align.timeline.time_map import TimeMap
from vs_align.timeline.timeline import Segment, Timeline

MATCH, HOLD, INSERT, MISSING, BLACK = SegmentKind
FILM = Fraction(24000, 1001)


def mapped(frame_map: Sequence[int | None]) -> Timeline:
    length = max(frame for frame in frame_map if frame is not None) + 1
    return Timeline.from_frame_map(frame_map, clip_rate=FILM, ref_rate=FILM, clip_length=length)


def built(*segments: Segment) -> Timeline:
    return Timeline(segments, FILM, FILM, 30_000, max(s.ref_last for s in segments) + 1)


def outline(timeline: Timeline) -> list[tuple[int, int, int | None, int | None, SegmentKind]]:
    return [(p.ref_first, p.ref_last, p.clip_first, p.clip_last, p.kind) for p in timeline.passages()]


def only(timeline: Timeline) -> Passage:
    (passage,) = timeline.passages()
    assert (passage.ref_first, passage.ref_last) == (0, timeline.ref_length - 1)
    return passage


def test_one_segment_is_one_passage_with_its_rate() -> None:
    timeline = built(Segment(0, 999, 100, rate=25025 / 24000, confidence=0.75, phase=0.25))
    assert only(timeline) == Passage(0, 999, 100, 1142, MATCH, 25025 / 24000, 43, 0, 0.75, 1000 * 100 / float(FILM))
    assert len(only(timeline)) == 1000


def test_a_drift_in_steps_of_one_frame() -> None:
    passage = only(mapped([math.floor(n * 1.00015 + 0.5) + 100 for n in range(40_000)]))
    assert passage.rate == pytest.approx(1.00015, abs=2e-5)
    assert (passage.dropped, passage.repeated, passage.kind) == (6, 0, MATCH)


@pytest.mark.parametrize(
    ("period", "rate"), [((0, 0, 1, 2, 3), 0.8), ((0, 0, 1, 1, 2, 2, 3, 3), 0.5), ((0, 1, 3), 4 / 3)]
)
def test_a_pulldown_is_one_passage(period: tuple[int, ...], rate: float) -> None:
    step = round(len(period) * rate)
    frames = [n // len(period) * step + period[n % len(period)] for n in range(1200)]
    passage = only(mapped(frames))
    assert passage.rate == pytest.approx(rate, abs=1e-4)
    steps = [b - a for a, b in pairwise(frames)]
    assert passage.repeated == steps.count(0)
    assert passage.dropped == steps.count(2)


def test_frames_that_are_lost_now_and_then() -> None:
    rng = random.Random(3)
    lost = set(rng.sample(range(1, 5000), 100))
    frames: list[int | None] = [None if n in lost else n for n in range(5000)]
    passage = only(mapped(frames))
    assert passage.rate == pytest.approx(1, abs=1e-6)
    assert (passage.dropped, passage.repeated) == (0, 0)
    repeats = [n - (n in lost) for n in range(5000)]
    passage = only(mapped(repeats))
    again = sum(a == b for a, b in pairwise(repeats))
    assert passage.rate == pytest.approx(1, abs=1e-5)
    assert passage.dropped == passage.repeated == again > 90


def test_passages_stay_close_to_one_line() -> None:
    rng = random.Random(4)
    frames, frame = [], 0
    for _ in range(14_400):
        frame += rng.random() >= 0.02
        frames.append(frame)
    timeline = mapped(frames)
    passages = timeline.passages()
    assert 2 < len(passages) < 30 < len(timeline.segments)
    for passage in passages:
        n = np.arange(passage.ref_first, passage.ref_last + 1)
        strays = np.array(frames[passage.ref_first : passage.ref_last + 1]) - passage.rate * n
        assert np.ptp(strays) < 2 * TOLERANCE + 1.5
    for before, passage in pairwise(passages):
        assert (passage.ref_first, passage.clip_first) == (before.ref_last + 1, frames[before.ref_last + 1])


def test_cuts_inserts_and_jumps_separate() -> None:
    timeline = built(
        Segment(0, -1, 0, kind=MISSING, clip_count=3),
        Segment(0, 499, 3),
        Segment(500, 879, 520),
        Segment(880, 1179, None, kind=INSERT, confidence=0.5),
        Segment(1180, 1779, 900),
        Segment(1780, 1779, 1500, kind=MISSING, clip_count=40),
        Segment(1780, 1799, None, kind=BLACK),
        Segment(1800, 1999, 1540),
        Segment(2000, 2099, 1000),
    )
    assert outline(timeline) == [
        (0, -1, 0, 2, MISSING),
        (0, 499, 3, 502, MATCH),
        (500, 879, 520, 899, MATCH),
        (880, 1179, None, None, INSERT),
        (1180, 1779, 900, 1499, MATCH),
        (1780, 1779, 1500, 1539, MISSING),
        (1780, 1799, None, None, BLACK),
        (1800, 1999, 1540, 1739, MATCH),
        (2000, 2099, 1000, 1099, MATCH),
    ]
    passages = timeline.passages()
    assert [p.offset_ms for p in passages if p.kind is not MATCH] == [None] * 4
    assert passages[1].offset_ms == pytest.approx(3000 / float(FILM))
    assert (passages[3].confidence, passages[1].confidence, len(passages[0])) == (0.5, None, 0)


def test_small_steps_stay_inside() -> None:
    timeline = built(
        Segment(0, 49, 0, confidence=0.5),
        Segment(50, 52, None, kind=INSERT),
        Segment(53, 99, 53, confidence=0.75),
        Segment(100, 99, 100, kind=MISSING, clip_count=2),
        Segment(100, 149, 102),
    )
    passage = only(timeline)
    assert (passage.clip_last, passage.dropped, passage.repeated) == (151, 2, 0)
    assert passage.confidence == pytest.approx((50 * 0.5 + 47 * 0.75) / 97)


@pytest.mark.parametrize(("step", "passages"), [(1, 1), (2, 2), (3, 2), (-1, 1), (-2, 2)])
def test_a_cut_of_two_frames_between_long_pieces_is_a_cut(step: int, passages: int) -> None:
    frames = [*range(2000), *range(2000 + step, 4000)]
    assert len(mapped(frames).passages()) == passages


def test_a_freeze_separates_and_a_slide_show_does_not() -> None:
    freeze = mapped([*range(300), *[299] * 60, *range(300, 600)])
    assert outline(freeze) == [(0, 298, 0, 298, MATCH), (299, 359, 299, 299, HOLD), (360, 659, 300, 599, MATCH)]
    assert [p.rate for p in freeze.passages()] == [1, 0, 1]
    slides = only(mapped([n // 24 for n in range(2400)]))
    assert slides.rate == pytest.approx(1 / 24, abs=1e-4)
    assert slides.repeated == 2300


def test_reverse_is_a_passage_of_its_own() -> None:
    timeline = built(Segment(0, 99, 0), Segment(100, 199, 99, rate=-1), Segment(200, 299, 0))
    assert [(p.ref_first, p.clip_first, p.rate, p.dropped) for p in timeline.passages()] == [
        (0, 0, 1, 0),
        (100, 99, -1, 0),
        (200, 0, 1, 0),
    ]


def test_passages_cover_ref_once() -> None:
    rng = random.Random(5)
    for _ in range(200):
        frames: list[int | None] = []
        while len(frames) < 200:
            first, length = rng.randrange(300), rng.randint(1, 40)
            last = next((f for f in reversed(frames) if f is not None), first)
            first = last + rng.choice((0, 1, 1, 2, 3, 9)) if rng.random() < 0.8 else first
            lost = rng.random() < 0.2
            frames += [None] * length if lost else range(first, first + length)
        frames.append(5)
        timeline = mapped(frames)
        expected = 0
        for passage in timeline.passages():
            assert passage.ref_first == expected
            expected = passage.ref_last + 1
            inside = [f for f in frames[passage.ref_first : expected] if f is not None]
            assert (passage.kind is INSERT) == (not inside)
            if inside:
                assert (passage.clip_first, passage.clip_last) == (inside[0], inside[-1])
                assert passage.kind is HOLD or inside == sorted(inside)
        assert expected == len(frames)


def fits_a_line(points: Sequence[tuple[int, int]]) -> bool:
    """Whether a line passes all points within the tolerance, by trying the slopes between any two of them."""
    n, frames = np.array(points).T
    later, former = np.triu_indices(len(n), 1)[::-1]
    run, rise = n[later] - n[former], frames[later] - frames[former]
    # Whole numbers, `run` times the height above a line of that slope: nothing is rounded.
    strays = run[:, None] * frames - rise[:, None] * n
    return bool((np.ptp(strays, axis=1) <= 2 * TOLERANCE * run).any())


def test_the_corridor_agrees_with_trying_all_lines() -> None:
    rng = random.Random(6)
    lengths = []
    for _ in range(400):
        x, slope = 0, rng.uniform(-1, 1.5)
        points: list[tuple[int, int]] = []
        corridor, taken = _Corridor(), True
        while taken and len(points) < 40:
            x += rng.randint(1, 9)
            points.append((x, round(slope * x + rng.uniform(-2.6, 2.6)) + 400))
            taken = corridor.takes(Segment(x, x, points[-1][1]))
        assert len(points) > 2
        assert fits_a_line(points) == taken
        assert fits_a_line(points[:-1])
        lengths.append(len(points))
    assert lengths.count(40) < 200
    assert len(set(lengths)) > 20


def test_a_long_film_is_quick() -> None:
    rng = random.Random(7)
    frames, frame = [], 0
    for _ in range(170_000):
        frame += rng.random() >= 0.02
        frames.append(frame)
    timeline = mapped(frames)
    assert len(timeline.segments) > 3000
    start = time.perf_counter()
    assert len(timeline.passages()) < 400
    assert time.perf_counter() - start < 5, "takes 0.05 s on an idle machine"


@pytest.mark.parametrize(
    "segments",
    [
        (Segment(0, 0, 0), Segment(1, 289, 0)),
        (Segment(0, 0, 3), Segment(1, 289, 3)),
        (Segment(0, 1, 0, 0.0, HOLD), Segment(2, 290, 1)),
        (Segment(0, 3, 2), Segment(4, 4, 5), Segment(5, 293, 7)),
    ],
)
def test_an_odd_frame_does_not_move_the_offset(segments: tuple[Segment, ...]) -> None:
    """All but the first frames, or one in between, lie a frame beside them; the majority counts."""
    timeline = Timeline(segments, Fraction(24), Fraction(24), 400, segments[-1].ref_last + 1)
    (passage,) = timeline.passages()
    frames = (segments[-1].clip_first or 0) - segments[-1].ref_first
    assert passage.offset_ms == pytest.approx(1000 * frames / 24)
    row = next(text for text in timeline.explain().splitlines() if text.startswith("00:00:00.000-"))
    assert row.split()[3:5] == [f"{1000 * frames / 24:+.1f}", f"{frames:+}"]
    (stretch,) = TimeMap(timeline, "test").stretches
    assert stretch.clip_start == pytest.approx(frames / 24, abs=1e-9)
    assert stretch.speed == 1


def test_an_odd_frame_at_another_rate() -> None:
    """The line of the other frames is carried on to where the passage begins."""
    timeline = Timeline((Segment(0, 0, 10), Segment(1, 300, 10, 2.5)), Fraction(60), Fraction(24), 800, 301)
    (passage,) = timeline.passages()
    assert passage.offset_ms == pytest.approx(1000 * (10 - 2.5) / 60)


def test_an_even_spread_keeps_its_first_frame() -> None:
    """Every 25th frame is shown twice, as 24 frames a second are made 25."""
    frames = [n * 24 // 25 + 50 for n in range(1000)]
    passage = only(mapped(frames))
    assert passage.offset_ms == pytest.approx(1000 * 50 / float(FILM))


def test_one_frame_that_is_missing_in_the_time_stamps_makes_no_other_speed() -> None:
    """The last frame comes a frame later than it should: neither speed nor time of the others change."""
    times = [*(round(n / 24, 3) for n in range(268)), round(268 / 24, 3)]
    times[-1] = round(269 / 24, 3)
    timeline = Timeline((Segment(0, 268, 0),), Fraction(24), Fraction(24), 269, 269, clip_times=tuple(times))
    assert timeline.speed_of(timeline.segments[0]) == pytest.approx(1, abs=2e-4)
    assert "frame for frame" in timeline.explain()
    assert "slower" not in timeline.explain()
    assert "drift" not in timeline.explain()
    (stretch,) = TimeMap(timeline, "test").stretches
    assert stretch.speed == 1
    assert stretch.clip_start == pytest.approx(0, abs=0.0006)
