"""Linear runs reproduce the frame map with few runs; segments state what either side lacks."""

from fractions import Fraction
from itertools import pairwise
from math import floor

import numpy as np
import pytest

from vs_align.decide.synchronization.rates import known_rates
from vs_align.decide.synchronization.segmentation import (
    NEIGHBOR_REACH,
    FrameMap,
    LinearRun,
    linear_runs,
    segments_from_runs,
)
from vs_align.enums import SegmentKind
from vs_align.io.array_types import Int64Array
from vs_align.timeline.segment import Segment
from vs_align.timeline.timeline import Timeline

RATES = known_rates(Fraction(24), Fraction(24))


def exact(frames: list[int] | Int64Array) -> FrameMap:
    array = np.asarray(frames, np.int64)
    return FrameMap(array, array, array)


def loose(frames: Int64Array, clip_length: int, seed: int = 0) -> FrameMap:
    """A map whose frames might as well be a neighbour here and there."""
    rng = np.random.default_rng(seed)
    lows = np.maximum(frames - rng.integers(0, 2, len(frames)), 0)
    highs = np.minimum(frames + rng.integers(0, 2, len(frames)), clip_length - 1)
    none = frames < 0
    return FrameMap(frames, np.where(none, -1, lows), np.where(none, -1, highs))


def straight(count: int, rate: float, begin: float = 0.0) -> Int64Array:
    return np.floor(begin + np.arange(count) * rate + 0.5).astype(np.int64)


def shown(line: LinearRun, n: int) -> int:
    return floor(line.begin + (n - line.first) * line.rate + 0.5)


def assert_true(lines: list[LinearRun], found: FrameMap) -> None:
    """Each frame with a counterpart lies on one line, which shows one of its frames."""
    known = np.flatnonzero(found.frames >= 0).tolist()
    assert all(line.first <= line.last for line in lines)
    assert all(a.last < b.first for a, b in pairwise(lines))
    for n in known:
        (line,) = [line for line in lines if line.first <= n <= line.last]
        if line.rate == 1:
            assert shown(line, n) == found.frames[n]
        else:
            assert found.lows[n] <= shown(line, n) <= found.highs[n]
    ends = {n for line in lines for n in (line.first, line.last)}
    assert ends <= set(known)


def timeline_of(
    found: FrameMap, clip_length: int, black: set[int] | None = None, rates: list[float] | None = None
) -> Timeline:
    lines = linear_runs(found, rates or RATES)
    assert_true(lines, found)
    count = len(found.frames)
    dark = np.array([n in (black or set()) for n in range(count)])
    segments = segments_from_runs(lines, found, dark, clip_length, np.full(count, 0.75), np.full(count, 0.1))
    made = Timeline(tuple(segments), Fraction(24), Fraction(24), clip_length, count)
    for n, frame in enumerate(made.frame_map):
        if found.frames[n] < 0:
            # a line of another rate goes on over a single frame
            assert frame is None or (made.segment_at(n).rate != 1 and found.frames[[n - 1, n + 1]].min() >= 0)
        else:
            assert frame is not None
            assert found.lows[n] <= frame <= found.highs[n]
    return made


def kinds(made: Timeline) -> list[str]:
    return [str(segment.kind) for segment in made.segments]


def assert_missing_is_complete(made: Timeline) -> None:
    """Where frames go one by one, each frame of clip is shown or said to be missing, and none is both."""
    seen = {frame for frame in made.frame_map if frame is not None}
    said: list[int] = []
    for segment in made.segments:
        if segment.kind is SegmentKind.MISSING:
            assert segment.clip_first is not None
            assert segment.clip_last is not None
            said += range(segment.clip_first, segment.clip_last + 1)
    assert len(said) == len(set(said))
    assert not seen & set(said)
    assert sorted(seen | set(said)) == list(range(made.clip_length))


# --- lines


def test_nothing() -> None:
    found = exact([-1] * 5)
    assert linear_runs(found, RATES) == []
    made = timeline_of(found, 7)
    assert kinds(made) == ["insert"]
    assert kinds(timeline_of(exact([-1]), 1, {0})) == ["black"]


def test_one_frame() -> None:
    assert linear_runs(exact([4]), RATES) == [LinearRun(0, 0, 4.0, 1.0)]
    made = timeline_of(exact([4]), 9)
    assert kinds(made) == ["missing", "match", "missing"]
    assert_missing_is_complete(made)


@pytest.mark.parametrize("offset", [0, 5, 1000])
def test_a_constant_offset_is_one_line(offset: int) -> None:
    found = exact(np.arange(500) + offset)
    assert linear_runs(found, RATES) == [LinearRun(0, 499, float(offset), 1.0)]


@pytest.mark.parametrize("rate", [25 / 24, 0.8, 2.0, 1.25, 1001 / 1000, 25025 / 24000, 0.5])
@pytest.mark.parametrize("begin", [0.0, 3.3704])
def test_known_rates_come_back_exactly(rate: float, begin: float) -> None:
    rates = [1.0, rate, *RATES[1:]]
    frames = straight(3000, rate, begin)
    for found in (exact(frames), loose(frames, int(frames[-1]) + 5)):
        (line,) = linear_runs(found, rates)
        assert line.rate == rate
        assert_true([line], found)
        assert abs(line.begin - begin) < 1.0


@pytest.mark.parametrize("ppm", [150, -150, 220, 600])
@pytest.mark.parametrize("begin", [0.0123, 41.4])
def test_drift_is_fitted(ppm: int, begin: float) -> None:
    frames = straight(14400, 1 + ppm * 1e-6, begin)
    found = exact(frames)
    lines = linear_runs(found, RATES)
    assert len(lines) == 1
    assert (lines[0].rate - 1) * 1e6 == pytest.approx(ppm, abs=5)
    assert_true(lines, found)


def test_drift_is_fitted_where_either_neighbour_would_do() -> None:
    frames = straight(14400, 1 + 150e-6)
    # about each step a few frames are no better than their neighbours
    lows, highs = frames.copy(), frames.copy()
    for n in np.flatnonzero(np.diff(frames) != 1):
        lows[n + 1 : n + 9] -= 1
        highs[n - 8 : n + 1] += 1
    found = FrameMap(frames, lows, highs)
    lines = linear_runs(found, RATES)
    assert len(lines) == 1
    assert (lines[0].rate - 1) * 1e6 == pytest.approx(150, abs=5)
    assert_true(lines, found)


@pytest.mark.parametrize("drops", [[100], [100, 260, 261, 400], [3, 480], [150, 350]])
def test_each_drop_begins_a_line(drops: list[int]) -> None:
    frames = np.array([n for n in range(500) if n not in drops])
    lines = linear_runs(exact(frames), RATES)
    apart = 1 + sum(drop - 1 not in drops for drop in drops)
    assert len(lines) == apart
    assert all(line.rate == 1 for line in lines)
    assert [line.first for line in lines[1:]] == [drop - k for k, drop in enumerate(drops) if drop - 1 not in drops]
    made = timeline_of(exact(frames), 500)
    assert kinds(made).count("missing") == apart - 1
    assert_missing_is_complete(made)


def test_repeated_frames_begin_lines() -> None:
    frames = np.sort(np.concatenate([np.arange(300), [80, 200]]))
    lines = linear_runs(exact(frames), RATES)
    assert [line.first for line in lines] == [0, 81, 202]
    made = timeline_of(exact(frames), 300)
    assert kinds(made) == ["match"] * 3


def test_drops_here_and_there_are_no_rate() -> None:
    # 2 % of frames dropped by chance look like 1.02 on average, but are not
    rng = np.random.default_rng(0)
    frames = np.flatnonzero(rng.random(3000) >= 0.02)
    found = exact(frames)
    lines = linear_runs(found, RATES)
    assert all(line.rate == 1 for line in lines)
    assert len(lines) == 1 + int((np.diff(frames) > 1).sum())
    assert_true(lines, found)


def test_jumps_and_gaps_end_lines() -> None:
    parts = [
        np.arange(100),
        np.full(30, -1),
        np.arange(100, 200),
        np.arange(260, 300),
        np.full(5, -1),
        np.arange(305, 400),
    ]
    found = exact(np.concatenate(parts))
    assert [(line.first, line.last) for line in linear_runs(found, RATES)] == [(0, 99), (130, 229), (230, 369)]
    made = timeline_of(found, 420)
    assert kinds(made) == ["match", "insert", "match", "missing", "match", "insert", "missing", "match", "missing"]
    assert_missing_is_complete(made)


def test_a_change_of_speed() -> None:
    frames = np.concatenate([np.arange(600), 600 + straight(1200, 25 / 24)])
    found = exact(frames)
    lines = linear_runs(found, RATES)
    assert_true(lines, found)
    assert len(lines) < 60


# --- segments


def test_what_either_side_lacks_is_told() -> None:
    frames = [-1] * 10 + list(range(20, 80)) + [-1] * 20 + list(range(90, 140)) + [-1] * 15
    made = timeline_of(exact(frames), 150, black={0, 1, 2, 78, 79, 80, 153, 154})
    assert [(str(s.kind), s.ref_first, s.ref_last, s.clip_first, s.clip_count) for s in made.segments] == [
        ("black", 0, 2, None, None),
        ("insert", 3, 9, None, None),
        ("missing", 10, 9, 0, 20),
        ("match", 10, 69, 20, None),
        ("insert", 70, 77, None, None),
        ("black", 78, 80, None, None),
        ("insert", 81, 89, None, None),
        ("missing", 90, 89, 80, 10),
        ("match", 90, 139, 90, None),
        ("missing", 140, 139, 140, 10),
        ("insert", 140, 152, None, None),
        ("black", 153, 154, None, None),
    ]
    assert_missing_is_complete(made)


def test_black_frames_that_are_matched_stay_matches() -> None:
    made = timeline_of(exact(list(range(50))), 50, black={10, 11})
    assert kinds(made) == ["match"]


def test_frames_that_a_rate_skips_are_not_missing() -> None:
    frames = straight(400, 2.0)
    made = timeline_of(exact(frames), 800, rates=[1.0, 2.0])
    assert "missing" not in kinds(made)
    cut = np.concatenate([frames[:200], frames[200:] + 50])
    made = timeline_of(exact(cut), 850, rates=[1.0, 2.0])
    assert kinds(made) == ["match", "missing", "match"]
    assert made.segments[1].clip_count == 50


def test_confidence_and_score_are_those_of_the_frames() -> None:
    frames = np.concatenate([np.arange(100), [-1] * 3, np.arange(103, 200)])
    found = exact(frames)
    confidences, scores = np.linspace(0, 1, 200), np.full(200, 0.25)
    scores[:50], scores[50:60] = np.nan, -1.0
    made = segments_from_runs(
        linear_runs(found, RATES), found, np.zeros(200, np.bool_), 200, confidences, np.where(scores < 0, 0.05, scores)
    )
    matches = [segment for segment in made if segment.kind is SegmentKind.MATCH]
    assert [segment.confidence for segment in matches] == pytest.approx(
        [confidences[:100].mean(), confidences[103:].mean()]
    )
    assert [segment.score for segment in matches] == pytest.approx([(10 * 0.05 + 40 * 0.25) / 50, 0.25])
    unknown = segments_from_runs(
        linear_runs(found, RATES), found, np.zeros(200, np.bool_), 200, confidences, np.full(200, np.nan)
    )
    assert {segment.score for segment in unknown} == {None}


def test_scores_below_zero_are_no_scores() -> None:
    found = exact(list(range(5)))
    (segment,) = segments_from_runs(
        linear_runs(found, RATES), found, np.zeros(5, np.bool_), 5, np.full(5, 0.5), np.full(5, -1e-7)
    )
    assert segment == Segment(0, 4, 0, confidence=0.5, score=0.0)


def random_map(rng: np.random.Generator) -> tuple[Int64Array, int, bool]:
    """A map that never falls, its clip length, and whether frames go one by one."""
    frames: list[int] = []
    next_frame = int(rng.integers(0, 40))
    by_one = bool(rng.random() < 0.5)
    for _ in range(int(rng.integers(1, 9))):
        kind = rng.integers(0, 5)
        length = int(rng.integers(1, 120))
        if kind == 0:
            frames += [-1] * min(length, 30)
            continue
        rate = 1.0 if by_one else float(rng.choice([1, 1, 0.8, 25 / 24, 1.25, 2.0, 0.5, 1.37]))
        part = next_frame + straight(length, rate, float(rng.uniform(0, 0.9)) if rate != 1 else 0.0)
        if kind == 1 and length > 20:
            # some are lost, and some shown again
            part = np.sort(np.delete(part, rng.integers(0, len(part), 3)))
            part = np.sort(np.append(part, part[rng.integers(0, len(part), 2)]))
        frames += part.tolist()
        next_frame = int(part[-1]) + int(rng.choice([1, 1, 2, 5, 60]))
        if kind == 2:
            frames[-1] = -1
    return np.array(frames or [-1], np.int64), next_frame + int(rng.integers(0, 30)), by_one


@pytest.mark.parametrize("seed", range(120))
def test_random_maps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames, clip_length, by_one = random_map(rng)
    assert (np.diff(frames[frames >= 0]) >= 0).all()
    dark = set(rng.integers(0, len(frames), 20).tolist())
    rates = [1.0, *rng.permutation([0.8, 25 / 24, 1.25, 2.0, 0.5]).tolist()]
    made = timeline_of(exact(frames), clip_length, dark, rates)
    if by_one and (frames >= 0).any() and all(segment.rate == 1 for segment in made.segments):
        assert_missing_is_complete(made)
    for segment in made.segments:
        if segment.clip_first is None:
            inside = {n in dark for n in range(segment.ref_first, segment.ref_last + 1)}
            assert inside == {segment.kind is SegmentKind.BLACK}
    timeline_of(loose(frames, clip_length, seed), clip_length, dark, rates)


def priced(frames: Int64Array, room: int = 0, odd: float = 4.0) -> FrameMap:
    """A map that knows what the frames beside cost."""
    neighbor_costs = np.full((len(frames), 2 * NEIGHBOR_REACH + 1), odd, np.float32)
    neighbor_costs[:, NEIGHBOR_REACH] = 0
    return FrameMap(frames, np.maximum(frames - room, 0), frames + room, neighbor_costs)


def test_one_odd_frame_does_not_break_a_line_of_another_rate() -> None:
    frames = straight(600, 2.5, 10)
    frames[[150, 300]] += [1, -1]
    assert len(linear_runs(exact(frames), known_rates(Fraction(60), Fraction(24)))) > 1
    (line,) = linear_runs(priced(frames), known_rates(Fraction(60), Fraction(24)))
    assert (line.first, line.last, line.rate) == (0, 599, 2.5)
    assert [shown(line, n) for n in (0, 149, 151, 599)] == frames[[0, 149, 151, 599]].tolist()


def test_odd_frames_at_either_end_are_lines_of_their_own() -> None:
    """They bend the line no more than those within."""
    frames = straight(402, 2.5, 10)
    frames[0], frames[-1] = frames[1], frames[-2]
    lines = linear_runs(priced(frames), known_rates(Fraction(60), Fraction(24)))
    assert [(line.first, line.last) for line in lines] == [(0, 0), (1, 400), (401, 401)]


def test_a_jump_is_no_odd_frame() -> None:
    frames = straight(600, 2.5, 10)
    frames[300:] += 3
    lines = linear_runs(priced(frames, odd=8.0), known_rates(Fraction(60), Fraction(24)))
    assert [(line.first, line.last) for line in lines] == [(0, 299), (300, 599)]


def test_files_of_different_rates_run_at_one_speed_unless_much_speaks_for_another() -> None:
    """A speed of 1001/1000 beside another rate needs more than two lines less to be believed."""
    true = straight(2400, 2.5 * 1.001, 0)
    (line,) = linear_runs(priced(true), known_rates(Fraction(60), Fraction(24)))
    assert line.rate == pytest.approx(2.5025)
