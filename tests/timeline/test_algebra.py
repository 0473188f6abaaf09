"""`Timeline.inverse` and `Timeline.then`: what was exchanged twice or joined is known beforehand."""

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import Segment, Timeline

MATCH, HOLD, INSERT, MISSING, BLACK = SegmentKind
FILM, PAL = Fraction(24000, 1001), Fraction(25)


def built(*segments: Segment, clip_length: int = 100, **options: Any) -> Timeline:
    return Timeline(segments, FILM, PAL, clip_length, max(s.ref_last for s in segments) + 1, **options)


def one_to_one(rng: random.Random) -> Timeline:
    """Pieces that rise by one, with cuts of either side between them, and no clip frame shown twice."""
    segments: list[Segment] = []
    n = frame = 0
    for _ in range(rng.randint(1, 8)):
        step = rng.choice(("match", "match", "insert", "black", "skip", "missing"))
        length = rng.randint(1, 20)
        if step == "match":
            segments.append(Segment(n, n + length - 1, frame, confidence=0.5, phase=rng.uniform(-0.4, 0.4)))
            frame += length
        elif step in ("insert", "black"):
            segments.append(Segment(n, n + length - 1, None, kind=SegmentKind(step)))
        else:
            if step == "missing":
                segments.append(Segment(n, n - 1, frame, kind=MISSING, clip_count=length))
            frame, length = frame + length, 0
        n += length
    if n == 0:
        segments.append(Segment(0, 4, frame))
        n, frame = 5, frame + 5
    return Timeline(tuple(segments), FILM, PAL, frame + rng.randint(0, 3) or 1, n)


def anything(rng: random.Random, clip_length: int, rates: Sequence[float]) -> Timeline:
    """Segments of all kinds in any order, which show clip frames several times or never."""
    segments: list[Segment] = [Segment(0, 3, 2)]
    n = 4
    for _ in range(rng.randint(1, 10)):
        kind, length = rng.choice((MATCH, MATCH, MATCH, HOLD, INSERT, MISSING, BLACK)), rng.randint(1, 15)
        frame = rng.randrange(clip_length - 20)
        if kind in (INSERT, BLACK):
            segment = Segment(n, n + length - 1, None, kind=kind)
        elif kind is MISSING:
            segment = Segment(n, n - 1, frame, kind=kind, clip_count=length)
        elif kind is HOLD:
            segment = Segment(n, n + length - 1, frame, 0, kind)
        else:
            segment = Segment(n, n + length - 1, frame, rng.choice(rates), phase=rng.uniform(-0.5, 0.49))
            if not 0 <= (segment.clip_last or 0) < clip_length:
                continue
        segments.append(segment)
        n += len(segment)
    return Timeline(tuple(segments), FILM, PAL, clip_length, n)


def composed(first: Timeline, other: Timeline) -> tuple[int | None, ...]:
    return tuple(None if b is None else first.frame_map[b] for b in other.frame_map)


def test_a_cut_and_an_insert_are_exchanged() -> None:
    timeline = built(
        Segment(0, 9, 5, confidence=0.75, phase=0.25, score=0.125),
        Segment(10, 14, None, kind=INSERT, confidence=0.5),
        Segment(15, 14, 15, kind=MISSING, clip_count=30, confidence=0.25),
        Segment(15, 34, 45),
        clip_length=70,
        clip_times=[n / 8 for n in range(70)],
        verdict="good",
        reasons=("it fits",),
        residual_ms=1.5,
        notes={"by": "me"},
    )
    back = timeline.inverse()
    assert back.segments == (
        Segment(0, 4, None, kind=INSERT),
        Segment(5, 14, 0, confidence=0.75, phase=-0.25, score=0.125),
        Segment(15, 14, 10, kind=MISSING, clip_count=5, confidence=0.5),
        Segment(15, 44, None, kind=INSERT, confidence=0.25),
        Segment(45, 64, 15),
        Segment(65, 69, None, kind=INSERT),
    )
    assert (back.clip_rate, back.ref_rate, back.clip_length, back.ref_length) == (PAL, FILM, 35, 70)
    assert (back.clip_times, back.ref_times) == ((), timeline.clip_times)
    assert (back.verdict, back.reasons, back.residual_ms, back.notes) == ("good", ("it fits",), -1.5, {"by": "me"})


def test_scores_and_confidences_follow_their_frames() -> None:
    timeline = Timeline.from_frame_map(
        [2, 3, 3, None],
        clip_rate=25,
        ref_rate=25,
        clip_length=5,
        scores=[0.1, 0.2, 0.3, None],
        confidences=[0.9, 0.8, 0.7, 0.1],
    )
    back = timeline.inverse()
    assert back.frame_map == (None, None, 0, 1, None)
    assert back.scores == (None, None, 0.1, 0.2, None)
    assert back.confidences == (0.0, 0.0, 0.9, 0.8, 0.0)


def test_a_hold_becomes_its_middle_frame() -> None:
    back = built(Segment(0, 4, 0), Segment(5, 9, 5, 0, HOLD, 0.5), Segment(10, 12, 6), clip_length=9).inverse()
    assert back.segments == (
        Segment(0, 4, 0),
        Segment(5, 4, 5, kind=MISSING, clip_count=2),
        Segment(5, 5, 7, confidence=0.5),
        Segment(6, 5, 8, kind=MISSING, clip_count=2),
        Segment(6, 8, 10),
    )


def test_where_a_clip_frame_is_shown_twice_the_first_time_counts() -> None:
    back = built(Segment(0, 5, 0), Segment(6, 10, 4), clip_length=9).inverse()
    assert back.frame_map == (0, 1, 2, 3, 4, 5, 8, 9, 10)
    assert back.segments[1] == Segment(6, 5, 6, kind=MISSING, clip_count=2)
    backwards = built(Segment(0, 4, 10), Segment(5, 9, 0), clip_length=15).inverse()
    assert backwards.frame_map == (5, 6, 7, 8, 9, *[None] * 5, 0, 1, 2, 3, 4)


def test_a_rate_becomes_its_reciprocal() -> None:
    slow = built(Segment(0, 199, 10, rate=0.5, phase=-0.25), clip_length=120)
    back = slow.inverse()
    line = max(back.segments, key=len)
    assert line.rate == 2
    assert len(line) >= 98
    shown = [(m, n) for m, n in enumerate(back.frame_map) if n is not None]
    assert [m for m, _ in shown] == list(range(10, 110))
    assert all(slow.frame_map[n] == m for m, n in shown)
    fast = built(Segment(0, 99, 3, rate=1.04, phase=0.25), clip_length=110).inverse()
    assert [(len(s), s.rate) for s in fast.segments if s.kind is MATCH] == [(104, 1 / 1.04)]
    reverse = built(Segment(0, 9, 9, rate=-1), clip_length=10).inverse()
    assert reverse.frame_map == tuple(range(9, -1, -1))
    assert len(reverse.segments) == 1


def test_only_gaps_have_an_inverse_too() -> None:
    back = built(Segment(0, 4, None, kind=BLACK), Segment(5, 7, None, kind=INSERT), clip_length=6).inverse()
    assert back.segments == (
        Segment(0, -1, 0, kind=MISSING, clip_count=8),
        Segment(0, 5, None, kind=INSERT),
    )


def test_twice_exchanged_nothing_has_changed() -> None:
    rng = random.Random(4)
    for _ in range(300):
        timeline = one_to_one(rng)
        back = timeline.inverse()
        for n, frame in enumerate(timeline.frame_map):
            assert frame is None or back.frame_map[frame] == n
        assert sum(frame is not None for frame in back.frame_map) == sum(f is not None for f in timeline.frame_map)
        again = back.inverse()
        assert again.frame_map == timeline.frame_map
        assert [s for s in again.segments if s.kind is MATCH] == [s for s in timeline.segments if s.kind is MATCH]


def test_any_timeline_has_an_inverse() -> None:
    rng = random.Random(5)
    exact = 0
    for _ in range(400):
        timeline = anything(rng, 120, (1, 1, 2, 0.5, -1, 1.04, 0.96, 3.3, -0.7))
        back = timeline.inverse()
        firsts: dict[int, int] = {}
        for n, frame in enumerate(timeline.frame_map):
            if frame is not None:
                firsts.setdefault(frame, n)
        for m, ref_frame in enumerate(back.frame_map):
            if ref_frame is None:
                assert m not in firsts
                continue
            shown = timeline.frame_map[ref_frame]
            assert shown is not None
            exact += shown == m
            # Only a line that leaves out clip frames gives one that is not shown, the nearest.
            rate = timeline.segment_at(ref_frame).rate
            assert abs(shown - m) <= abs(rate) / 2 + 0.5
            assert shown == m or abs(rate) > 1
        named = {n for n in back.frame_map if n is not None}
        for segment in back.segments:
            if segment.kind is MISSING:
                lost = range(segment.clip_first or 0, (segment.clip_last or 0) + 1)
                assert named.isdisjoint(lost)
                named.update(lost)
        slow = {
            n
            for s in timeline.segments
            if s.kind is MATCH and abs(s.rate) < 1
            for n in range(s.ref_first, s.ref_last + 1)
        }
        assert named | slow == set(range(len(timeline)))
    assert exact > 5000


def test_joined_timelines_give_the_frames_of_both() -> None:
    rng = random.Random(6)
    for _ in range(400):
        rates = (1, 1, 2, 0.5, -1, 1.04, 25025 / 24000)
        first = anything(rng, 150, rates)
        if first.ref_length < 30:
            continue
        other = anything(rng, first.ref_length, rates)
        both = first.then(other)
        assert both.frame_map == composed(first, other)
        assert (both.clip_rate, both.ref_rate) == (first.clip_rate, other.ref_rate)
        shown = {frame for frame in both.frame_map if frame is not None}
        for segment in both.segments:
            if segment.kind is MISSING:
                assert shown.isdisjoint(range(segment.clip_first or 0, (segment.clip_last or 0) + 1))


def test_lines_stay_lines() -> None:
    rng = random.Random(7)
    pal = built(Segment(0, 1199, 5, rate=25025 / 24000, phase=0.125, confidence=0.5), clip_length=1300)
    cut = Timeline((Segment(0, 399, 100, confidence=0.5), Segment(400, 799, 700)), FILM, FILM, 1200, 800)
    both = pal.then(cut)
    assert both.frame_map == composed(pal, cut)
    assert [(s.ref_first, s.ref_last, s.rate, s.confidence) for s in both.segments] == [
        (0, 399, 25025 / 24000, 0.25),
        (400, 799, 25025 / 24000, 0.5),
    ]
    for _ in range(50):
        timeline = one_to_one(rng)
        whole = built(Segment(0, timeline.ref_length - 1, 0), clip_length=timeline.ref_length)
        assert timeline.then(whole).frame_map == timeline.frame_map
        kinds = [s.kind for s in timeline.then(whole).segments if s.kind is not MISSING]
        assert set(kinds) == {s.kind for s in timeline.segments} - {MISSING}


def test_two_rates_become_few_lines() -> None:
    pal = built(Segment(0, 30_999, 5, rate=25025 / 24000, phase=0.125), clip_length=32_500)
    drift = Timeline((Segment(0, 29_999, 7, rate=1.00015, phase=-0.25, confidence=0.5),), FILM, FILM, 31_000, 30_000)
    both = pal.then(drift)
    assert both.frame_map == composed(pal, drift)
    assert len(both.segments) < 10
    assert {s.rate for s in both.segments} <= {25025 / 24000, 25025 / 24000 * 1.00015}
    assert {s.confidence for s in both.segments} == {0.5}


def test_there_and_back_is_one_line() -> None:
    timeline = built(
        Segment(0, 9, 5, phase=0.25), Segment(10, 29, None, kind=INSERT), Segment(30, 39, 15), clip_length=25
    )
    assert timeline.then(timeline.inverse()).segments == (Segment(0, 4, None, kind=INSERT), Segment(5, 24, 5))
    assert timeline.inverse().then(timeline).frame_map == tuple(n if n < 10 or n >= 30 else None for n in range(40))


def test_what_either_lacks_is_carried_on() -> None:
    first = built(
        Segment(0, 9, 0), Segment(10, 9, 10, kind=MISSING, clip_count=20), Segment(10, 29, 30), clip_length=60
    )
    other = Timeline(
        (
            Segment(0, 4, 0),
            Segment(5, 4, 5, kind=MISSING, clip_count=10),
            Segment(5, 9, 15),
            Segment(10, 14, None, kind=BLACK),
        ),
        FILM,
        FILM,
        30,
        15,
    )
    assert first.then(other).segments == (
        Segment(0, 4, 0),
        Segment(5, 4, 5, kind=MISSING, clip_count=30),
        Segment(5, 9, 35),
        Segment(10, 14, None, kind=BLACK),
    )


def test_confidences_are_multiplied_and_the_worse_verdict_counts() -> None:
    first = Timeline.from_frame_map([1, 2, None], clip_rate=24, ref_rate=25, clip_length=3, confidences=[0.5, 1, 0.25])
    other = Timeline.from_frame_map(
        [0, 1, 2, None], clip_rate=25, ref_rate=30, clip_length=3, confidences=[0.5, 0.25, 1, 0.125], scores=[0.1] * 4
    )
    first = replace(first, verdict="exact", reasons=("one", "two"), residual_ms=1.0)
    other = replace(other, verdict="doubtful", reasons=("two", "three"), residual_ms=-3.0)
    both = first.then(other)
    assert both.confidences == (0.25, 0.25, 0.25, 0.0)
    assert both.scores == ()
    assert (both.verdict, both.reasons, both.residual_ms) == ("doubtful", ("one", "two", "three"), -2.0)
    assert first.then(replace(other, confidences=())).confidences == (0.5, 1.0, 0.25, 0.0)
    plain = first.then(replace(other, verdict=None, residual_ms=None))
    assert (plain.verdict, plain.residual_ms) == (None, None)


def test_timelines_that_do_not_meet_are_refused() -> None:
    first, other = built(Segment(0, 9, 0)), built(Segment(0, 9, 0), clip_length=11)
    with pytest.raises(ArgumentError) as caught:
        first.then(other)
    rule = "must have a clip as long as this timeline's ref (10 frames), got 11."
    assert str(caught.value) == f"vs_align.Timeline.then: other {rule}"
