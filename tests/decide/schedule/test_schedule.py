"""Which frames `overlay` shows: schedules whose answer is known."""

import math
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from vs_align.decide.schedule.schedule import Schedule, schedule_of
from vs_align.enums import SegmentKind, Timing
from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import Segment, Timeline

Frames = list[int | None]
FILM = 170_000
NTSC = Fraction(24000, 1001)


def timeline(frames: Frames, bg_length: int, bg_rate: Any = 24, fg_rate: Any = 24, **more: Any) -> Timeline:
    return Timeline.from_frame_map(frames, clip_rate=bg_rate, ref_rate=fg_rate, clip_length=bg_length, **more)


def line(segment: Segment, bg_length: int, bg_rate: Any = 24, fg_rate: Any = 24, fg_length: int = FILM) -> Timeline:
    return Timeline((segment,), Fraction(bg_rate), Fraction(fg_rate), bg_length, fg_length)


def shown(schedule: Schedule) -> list[tuple[int | None, int | None]]:
    """Pairs of bg and fg frames, as far as both timelines agree on what the result is."""
    assert schedule.bg.ref_length == schedule.fg.ref_length == len(schedule)
    assert schedule.bg.ref_rate == schedule.fg.ref_rate
    assert schedule.bg.ref_times == schedule.fg.ref_times
    return list(zip(schedule.bg.frame_map, schedule.fg.frame_map, strict=True))


def numbers(first: int, stop: int) -> Frames:
    return list(range(first, stop))


@pytest.mark.parametrize("trim", [True, False])
def test_equal_rates_with_an_offset(trim: bool) -> None:
    found = timeline(numbers(7, 27), 40)
    by_fg = schedule_of(found, Timing.FG, trim)
    assert shown(by_fg) == [(n + 7, n) for n in range(20)]
    assert (by_fg.clock, by_fg.first, by_fg.bg.ref_rate) == (Timing.FG, 0, Fraction(24))
    by_bg = schedule_of(found, Timing.BG, trim)
    whole = [(n, n - 7 if 7 <= n < 27 else None) for n in range(40)]
    assert shown(by_bg) == (whole[7:27] if trim else whole)
    assert (by_bg.clock, by_bg.first) == (Timing.BG, 7 if trim else 0)


def test_every_fg_frame_once_whatever_bg_dropped_and_repeated() -> None:
    frames: Frames = [0, 1, 2, 5, 6, 6, 6, 7, 9, 10, 20, 21, 22, 3, 4]
    schedule = schedule_of(timeline(frames, 30), Timing.FG, trim=True)
    assert shown(schedule) == [(frame, n) for n, frame in enumerate(frames)]


def test_a_fade_at_either_end_belongs_to_what_is_matched() -> None:
    frames: Frames = [None, None, *numbers(5, 25), None, None, None]
    assert shown(schedule_of(timeline(frames, 60), Timing.FG, trim=True)) == [(n + 3, n) for n in range(25)]
    # bg has but one frame more at either end
    short = timeline([None, None, *numbers(1, 21), None, None, None], 22)
    schedule = schedule_of(short, Timing.FG, trim=True)
    assert shown(schedule) == [(n - 1, n) for n in range(1, 23)]
    assert schedule.first == 1
    assert shown(schedule_of(short, Timing.BG, trim=True)) == [(n - 1, n) for n in range(1, 23)]


def test_what_is_not_matched_for_long_is_trimmed_and_else_goes_on() -> None:
    frames: Frames = [*[None] * 40, *numbers(60, 90), *[None] * 24]
    found = timeline(frames, 100)
    trimmed = schedule_of(found, Timing.FG, trim=True)
    # ten frames of bg behind the last match are less than a second
    assert shown(trimmed) == [(n + 20, n) for n in range(40, 80)]
    assert trimmed.first == 40
    whole = schedule_of(found, Timing.FG, trim=False)
    assert shown(whole) == [(n + 20 if n < 80 else None, n) for n in range(94)]


@pytest.mark.parametrize("timing", [Timing.FG, Timing.BG])
def test_a_gap_across_which_both_go_on_is_bridged(timing: Timing) -> None:
    frames: Frames = [*numbers(0, 50), *[None] * 80, *numbers(130, 160)]
    schedule = schedule_of(timeline(frames, 160), timing, trim=True)
    assert shown(schedule) == [(n, n) for n in range(160)]
    assert len(schedule.bg.passages()) == len(schedule.fg.passages()) == 1


def test_a_scene_that_only_fg_has() -> None:
    found = timeline([*numbers(0, 50), *[None] * 80, *numbers(50, 90)], 90)
    assert shown(schedule_of(found, Timing.FG, trim=True)) == [
        (n if n < 50 else None if n < 130 else n - 80, n) for n in range(170)
    ]
    # in bg's time it has no place
    assert shown(schedule_of(found, Timing.BG, trim=True)) == [(n, n if n < 50 else n + 80) for n in range(90)]


def test_a_scene_that_only_bg_has() -> None:
    found = timeline([*numbers(0, 50), *numbers(130, 170)], 170)
    assert shown(schedule_of(found, Timing.FG, trim=True)) == [(n if n < 50 else n + 80, n) for n in range(90)]
    assert shown(schedule_of(found, Timing.BG, trim=True)) == [
        (n, n if n < 50 else None if n < 130 else n - 80) for n in range(170)
    ]


def test_single_frames_that_fg_dropped_are_held_in_bgs_time() -> None:
    found = timeline([n for n in range(60) if n % 10 != 5], 60)
    fg = [n for _, n in shown(schedule_of(found, Timing.BG, trim=True))]
    assert None not in fg
    assert fg == [n - (n + 5) // 10 for n in range(60)]


def test_bg_is_shorter_and_fg_begins_before_and_ends_after() -> None:
    found = timeline([*[None] * 30, *numbers(0, 20), *[None] * 50], 20)
    schedule = schedule_of(found, Timing.BG, trim=False)
    assert shown(schedule) == [(n - 30 if 30 <= n < 50 else None, n) for n in range(100)]
    assert schedule.first == -30
    assert shown(schedule_of(found, Timing.BG, trim=True)) == [(n, n + 30) for n in range(20)]


def test_fg_begins_before_and_bg_ends_after() -> None:
    found = timeline([*[None] * 30, *numbers(0, 20)], 70)
    assert shown(schedule_of(found, Timing.BG, trim=False)) == [
        (n if n >= 0 else None, n + 30 if n < 20 else None) for n in range(-30, 70)
    ]


@pytest.mark.parametrize("lines", [True, False])
def test_from_24_to_30_frames_every_fg_frame_is_shown_once_on_the_bg_frame_on_display(lines: bool) -> None:
    truth = [4 * n // 5 for n in range(400)]
    found = timeline(list(truth), 330, 24, 30)
    if lines:
        found = line(Segment(0, 399, 0, 0.8, phase=-0.4), 330, 24, 30, 400)
        assert list(found.frame_map) == truth
    schedule = schedule_of(found, Timing.BG, trim=True)
    assert shown(schedule) == list(zip(truth, range(400), strict=True))
    assert schedule.bg.ref_rate == 30
    whole = schedule_of(found, Timing.BG, trim=False)
    assert shown(whole) == [(4 * n // 5, n if n < 400 else None) for n in range(413)]


@pytest.mark.parametrize("shift", [5, -5])
def test_from_24_to_30_frames_with_an_offset(shift: int) -> None:
    found = timeline([4 * (n + shift) // 5 if n + shift >= 0 else None for n in range(200)], 300, 24, 30)
    schedule = schedule_of(found, Timing.BG, trim=False)
    low = min(0, shift)
    assert schedule.first == low
    expected = [
        (4 * n // 5 if n >= 0 else None, n - shift if 0 <= n - shift < 200 else None) for n in range(low, len(schedule))
    ]
    assert shown(schedule)[: 374 - low] == expected[: 374 - low]


@pytest.mark.parametrize("start", [0, 1, 7, 10, 13])
@pytest.mark.parametrize("phase", [0, 1, 2, 3, 4])
def test_both_show_the_same_on_the_grid_wherever_fg_begins(start: int, phase: int) -> None:
    found = timeline([(4 * n + phase) // 5 + start for n in range(200)], 200, 24, 30)
    pairs = shown(schedule_of(found, Timing.BG, trim=True))
    assert pairs == [(bg, n) for n, bg in enumerate(found.frame_map)]
    whole = shown(schedule_of(found, Timing.BG, trim=False))
    assert [pair for pair in whole if pair[1] is not None] == pairs
    assert [bg for bg, _ in whole] == sorted(bg for bg, _ in whole if bg is not None)
    assert {bg for bg, _ in whole} == set(range(200))


def test_where_fg_has_fewer_frames_bg_keeps_its_own() -> None:
    # fg frame n is seen in bg from when it begins until the next one does
    found = timeline([-(-5 * n // 4) for n in range(100)], 125, 30, 24)
    schedule = schedule_of(found, Timing.BG, trim=True)
    pairs = shown(schedule)
    assert schedule.bg.ref_rate == 30
    assert [bg for bg, _ in pairs] == list(range(len(pairs)))
    fg = [n for _, n in pairs if n is not None]
    assert len(fg) == len(pairs) >= 124
    assert sorted(set(fg)) == list(range(100))
    assert max(abs(n - 4 * bg / 5) for bg, n in enumerate(fg)) <= 1


def test_fifty_over_twenty_five() -> None:
    found = timeline([n // 2 for n in range(300)], 150, 25, 50)
    assert shown(schedule_of(found, Timing.BG, trim=False)) == [(n // 2, n) for n in range(300)]


def test_hours_of_23_976_against_24_do_not_drift() -> None:
    # a second of one is a second of the other: after 1001 frames of fg bg has shown 1000
    rate = Fraction(1000, 1001)
    found = line(Segment(0, FILM - 1, 0, float(rate)), FILM, NTSC, 24)
    pairs = shown(schedule_of(found, Timing.BG, trim=True))
    assert [n for _, n in pairs] == list(range(FILM))
    assert [bg for bg, _ in pairs] == [(2000 * n + 1001) // 2002 for n in range(FILM)]
    by_fg = schedule_of(found, Timing.FG, trim=True)
    assert by_fg.bg.frame_map == found.frame_map
    assert by_fg.bg.segments[0].rate == found.segments[0].rate


def test_frame_for_frame_at_other_speeds() -> None:
    # the same frames at 24000/1001 and, faster, at 24: in bg's time fg slows down
    found = line(Segment(0, FILM - 1, 0), FILM, NTSC, 24)
    schedule = schedule_of(found, Timing.BG, trim=True)
    assert schedule.bg.ref_rate == 24
    assert len(schedule) == FILM + 170
    assert max(abs((bg or 0) - (fg or 0)) for bg, fg in shown(schedule)) <= 1
    assert set(schedule.fg.frame_map) == set(range(FILM))


@pytest.mark.parametrize("timing", [Timing.FG, Timing.BG])
@pytest.mark.parametrize(
    "case", [(24, 24, Segment(0, FILM - 1, 100)), (24, 30, Segment(0, FILM - 1, 0, 0.8)), (30, 24, None)], ids=str
)
def test_a_film_takes_little_time(case: tuple[int, int, Segment | None], timing: Timing) -> None:
    bg_rate, fg_rate, segment = case
    length = FILM + 100
    if segment is None:
        # one match for every four frames, as a plain map gives them
        found = timeline([5 * n // 4 for n in range(FILM)], FILM * 5 // 4, bg_rate, fg_rate)
    else:
        found = line(segment, length, bg_rate, fg_rate)
    began = time.process_time()
    schedule = schedule_of(found, timing, trim=False)
    assert len(schedule.bg.frame_map) == len(schedule.fg.frame_map) >= FILM
    assert time.process_time() - began < 6  # under two seconds on a machine that has nothing else to do


def test_confidences_and_verdicts_follow() -> None:
    sure = [0.1 * n for n in range(10)]
    found = Timeline(
        (Segment(0, 9, 5),),
        Fraction(24),
        Fraction(24),
        40,
        10,
        confidences=tuple(sure),
        verdict="good",
        reasons=("so",),
    )
    by_fg = schedule_of(found, Timing.FG, trim=False)
    assert by_fg.bg.confidences == pytest.approx(sure)
    assert (by_fg.bg.verdict, by_fg.bg.reasons) == ("good", ("so",))
    by_bg = schedule_of(found, Timing.BG, trim=True)
    assert by_bg.fg.confidences == pytest.approx(sure)
    assert by_bg.fg.verdict == "good"


def test_variable_rates_keep_their_time_stamps() -> None:
    times = [0.0, 0.04, 0.1, 0.12, 0.2, 0.24, 0.3, 0.36]
    found = timeline([None, None, None, *numbers(0, 5)], 5, 25, 0, ref_times=times)
    schedule = schedule_of(found, Timing.FG, trim=True)
    assert schedule.first == 3
    assert schedule.bg.ref_times == pytest.approx([time - 0.12 for time in times[3:]])
    turned = timeline([*[None] * 3, *numbers(0, 8), None, None], 8, 0, 25, clip_times=times)
    longer = schedule_of(turned, Timing.BG, trim=False)
    step = 0.36 / 7
    assert shown(longer) == [(n - 3 if 3 <= n < 11 else None, n) for n in range(13)]
    assert longer.bg.ref_times == pytest.approx(
        [0, step, 2 * step, *[3 * step + time for time in times], 4 * step + 0.36, 5 * step + 0.36]
    )


def test_the_time_of_a_third_clip() -> None:
    bg = timeline([None, *numbers(10, 29)], 60, 24, 25)
    fg = timeline([*[None] * 5, *numbers(0, 10), *[None] * 5], 10, 30, 25)
    trimmed = schedule_of((bg, fg), Timing.REF, trim=True)
    assert shown(trimmed) == [(n + 9, n - 5) for n in range(5, 15)]
    assert (trimmed.clock, trimmed.first) == (Timing.REF, 5)
    whole = schedule_of((bg, fg), Timing.REF, trim=False)
    assert shown(whole) == [(n + 9, n - 5 if 5 <= n < 15 else None) for n in range(20)]
    assert [int(rate) for rate in (whole.bg.clip_rate, whole.fg.clip_rate, whole.bg.ref_rate)] == [24, 30, 25]


def test_frames_that_run_backwards_and_freezes() -> None:
    frames: Frames = [*numbers(0, 30), *range(29, 9, -1), *[10] * 40, *numbers(11, 40)]
    schedule = schedule_of(timeline(frames, 40), Timing.FG, trim=True)
    assert [bg for bg, _ in shown(schedule)] == frames
    in_bg = shown(schedule_of(timeline(frames, 40), Timing.BG, trim=True))
    assert [bg for bg, _ in in_bg] == list(range(40))
    assert all(fg is not None and frames[fg] == bg for bg, fg in in_bg)


def test_missing_ones_and_black_need_not_agree_with_what_is_bridged() -> None:
    segments = (
        Segment(0, -1, 0, kind=SegmentKind.MISSING, clip_count=5),
        Segment(0, 9, 5),
        Segment(10, 9, 15, kind=SegmentKind.MISSING, clip_count=20),
        Segment(10, 29, None, kind=SegmentKind.BLACK),
        Segment(30, 39, 35),
        Segment(40, 49, None, kind=SegmentKind.INSERT),
        Segment(50, 49, 45, kind=SegmentKind.MISSING, clip_count=5),
    )
    found = Timeline(segments, Fraction(24), Fraction(24), 50, 50)
    schedule = schedule_of(found, Timing.FG, trim=False)
    assert shown(schedule) == [(n + 5 if n < 45 else None, n) for n in range(50)]


@pytest.mark.parametrize("timing", [Timing.FG, Timing.BG])
def test_nothing_in_common(timing: Timing) -> None:
    with pytest.raises(ArgumentError, match=r"vs_align\.overlay: timeline must have at least one match, got none"):
        schedule_of(timeline([None] * 5, 5), timing, trim=True)


def test_pairs() -> None:
    one, longer = timeline([0, 1], 5), timeline([0, 1, 2], 5)
    with pytest.raises(ArgumentError, match=r"timeline must be a pair, .* got one timeline"):
        schedule_of(one, Timing.REF, trim=True)
    with pytest.raises(ArgumentError, match=r"with one ref, of 2 frames by its first, got 3 by its second"):
        schedule_of((one, longer), Timing.REF, trim=True)
    with pytest.raises(ArgumentError, match=r"timeline must be one timeline for timing 'fg', got a pair"):
        schedule_of((one, one), Timing.FG, trim=True)
    apart = timeline([0, *[None] * 99], 1), timeline([*[None] * 99, 0], 1)
    with pytest.raises(ArgumentError, match=r"frames of ref in common, got bg is matched in 0\.\.0, fg in 99\.\.99"):
        schedule_of(apart, Timing.REF, trim=True)


def scattered(seed: int) -> Timeline:
    """Runs of any kind: forwards, backwards, fast, slow, frozen, absent; at any two rates."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(2, 300))  # a single frame is a still, which has no time
    frames: Frames = []
    for _ in range(int(rng.integers(1, 9))):
        start, count = int(rng.integers(0, length)), int(rng.integers(1, 80))
        step = float(rng.choice([1, 1, 1, 0.8, 1.25, 0.5, 2, 1.001, 0, -1]))
        run = [min(max(math.floor(start + step * i), 0), length - 1) for i in range(count)]
        frames += [None] * count if rng.random() < 0.3 else run
    frames.append(0)
    rates = rng.choice(["24", "25", "30", "50", "24000/1001", "60000/1001"], 2)
    return timeline(frames, length, str(rates[0]), str(rates[1]), confidences=rng.random(len(frames)).tolist())


@pytest.mark.parametrize("seed", range(60))
def test_what_holds_for_any_timeline(seed: int) -> None:
    found = scattered(seed)
    for trim in (True, False):
        by_fg = schedule_of(found, Timing.FG, trim)
        pairs = shown(by_fg)
        assert [n for _, n in pairs] == numbers(by_fg.first, by_fg.first + len(by_fg))
        known = [(n, bg) for n, bg in enumerate(found.frame_map) if bg is not None]
        assert all(pairs[n - by_fg.first] == (bg, n) for n, bg in known)
        assert trim or len(by_fg) == found.ref_length
        assert by_fg.bg.confidences == found.confidences[by_fg.first : by_fg.first + len(by_fg)]

        by_bg = schedule_of(found, Timing.BG, trim)
        shown_bg = [bg for bg, _ in shown(by_bg) if bg is not None]
        assert shown_bg == sorted(shown_bg)
        assert by_bg.bg.ref_rate == max(found.clip_rate, found.ref_rate)
        assert trim or set(shown_bg) == set(range(found.clip_length))
        if found.ref_rate <= found.clip_rate:
            turned = found.inverse()
            inside = [(bg, n) for bg, n in shown(by_bg) if bg is not None and turned.frame_map[bg] is not None]
            assert inside == [(bg, n) for bg, n in enumerate(turned.frame_map) if n is not None]
            assert len(set(shown_bg)) == len(shown_bg)
        assert len(by_bg.fg.confidences) == len(by_bg)
