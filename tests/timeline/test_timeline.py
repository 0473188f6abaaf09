"""`Timeline` and `Segment` as data: frames, offsets, milliseconds, and what they refuse."""

import pickle
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import Segment, Timeline, as_rate

MATCH, HOLD, INSERT = SegmentKind.MATCH, SegmentKind.HOLD, SegmentKind.INSERT
FILM = Fraction(24000, 1001)


def mapped(frame_map: Sequence[int | None], **options: Any) -> Timeline:
    return Timeline.from_frame_map(frame_map, **{"clip_rate": FILM, "ref_rate": FILM, "clip_length": 100} | options)


def built(*segments: Segment, **options: Any) -> Timeline:
    defaults = {"clip_rate": FILM, "ref_rate": FILM, "clip_length": 100, "ref_length": segments[-1].ref_last + 1}
    return Timeline(segments, **(defaults | options))


def outline(timeline: Timeline) -> list[tuple[int, int, int | None, SegmentKind]]:
    return [(s.ref_first, s.ref_last, s.clip_first, s.kind) for s in timeline.segments]


def random_map(rng: random.Random, clip_length: int) -> list[int | None]:
    """Runs that rise, hold, jump or are missing, one to six frames each, in random order."""
    frames: list[int | None] = []
    for _ in range(rng.randint(1, 12)):
        first, length = rng.randrange(clip_length - 6), rng.randint(1, 6)
        if frames and frames[-1] is not None and frames[-1] < clip_length - 7 and rng.random() < 0.5:
            first = frames[-1] + rng.randint(0, 1)
        step = rng.choice(("rise", "rise", "hold", "fall", "none"))
        for i in range(length):
            frame = {"rise": first + i, "hold": first, "fall": max(first - i, 0)}.get(step)
            frames.append(frame)
    return frames


@pytest.mark.parametrize(
    ("frame_map", "expected"),
    [
        ([5], [(0, 0, 5, MATCH)]),
        ([3, 4, 5, 6], [(0, 3, 3, MATCH)]),
        ([0, 1, 7, 8], [(0, 1, 0, MATCH), (2, 3, 7, MATCH)]),
        ([2, 2], [(0, 1, 2, HOLD)]),
        ([0, 1, 2, 2, 3, 4], [(0, 2, 0, MATCH), (3, 5, 2, MATCH)]),
        ([0, 1, 2, 2, 2, 3], [(0, 1, 0, MATCH), (2, 4, 2, HOLD), (5, 5, 3, MATCH)]),
        ([0, 0, 1, 1, 2, 2], [(0, 1, 0, HOLD), (2, 3, 1, HOLD), (4, 5, 2, HOLD)]),
        ([4, 5, 5], [(0, 0, 4, MATCH), (1, 2, 5, HOLD)]),
        ([None, None, 0, 1, None], [(0, 1, None, INSERT), (2, 3, 0, MATCH), (4, 4, None, INSERT)]),
        ([None, 0, 0, 1], [(0, 0, None, INSERT), (1, 2, 0, HOLD), (3, 3, 1, MATCH)]),
        ([0, 1, 1, 2, 2, 3], [(0, 0, 0, MATCH), (1, 2, 1, HOLD), (3, 4, 2, HOLD), (5, 5, 3, MATCH)]),
        ([9, 8, 7], [(0, 0, 9, MATCH), (1, 1, 8, MATCH), (2, 2, 7, MATCH)]),
    ],
)
def test_a_frame_map_becomes_the_fewest_sensible_segments(
    frame_map: list[int | None], expected: list[tuple[int, int, int | None, SegmentKind]]
) -> None:
    timeline = mapped(frame_map)
    assert outline(timeline) == expected
    assert timeline.frame_map == tuple(frame_map)


def test_any_frame_map_survives() -> None:
    rng = random.Random(1)
    for _ in range(400):
        frame_map = random_map(rng, 30)
        timeline = mapped(frame_map, clip_length=30)
        assert timeline.frame_map == tuple(frame_map)
        assert len(timeline) == timeline.ref_length == len(frame_map)
        for n, frame in enumerate(frame_map):
            assert timeline.clip_frame(n) == timeline.segment_at(n).clip_frame(n) == frame
            assert timeline.offset_at(n) == (None if frame is None else frame - n)


def test_a_rate_rounds_to_the_nearest_frame_and_halves_up() -> None:
    half = Segment(10, 15, 40, rate=0.5)
    assert [half.clip_frame(n) for n in range(10, 16)] == list(half.clip_frames()) == [40, 41, 41, 42, 42, 43]
    back = Segment(0, 3, 9, rate=-1)
    assert list(back.clip_frames()) == [9, 8, 7, 6]
    drift = built(Segment(0, 1999, 0, rate=1.001), clip_length=2002)
    assert [drift.offset_at(n) for n in (0, 499, 501, 1499, 1501, 1999)] == [0, 0, 1, 1, 2, 2]


def test_a_segment_carries_the_mean_confidence_of_its_frames() -> None:
    timeline = mapped([0, 1, 7, 8, 9], confidences=[1, 0.5, 0.1, 0.1, 0.1])
    assert [s.confidence for s in timeline.segments] == [0.75, 0.1]
    assert [s.confidence for s in mapped([0, 1, 7]).segments] == [None, None]


def test_arrays_are_stored_as_plain_numbers() -> None:
    timeline = mapped(
        np.arange(3, dtype=np.int32),  # type: ignore[arg-type]
        scores=np.array([0.5, np.inf, np.nan], np.float32),
        confidences=np.ones(3),
        ref_times=np.arange(3) / 8,
    )
    assert timeline == mapped([0, 1, 2], scores=[0.5, None, None], confidences=[1, 1, 1], ref_times=[0, 0.125, 0.25])
    assert {type(value) for value in (*timeline.frame_map, timeline.segments[0].ref_last)} == {int}
    assert {type(value) for value in (*timeline.confidences, *timeline.ref_times, timeline.scores[0])} == {float}


def test_milliseconds_from_the_two_rates() -> None:
    timeline = mapped([None, *range(2500)], clip_rate=FILM, ref_rate=25, clip_length=2500)
    assert timeline.to_ms(0) is None
    assert timeline.to_ms(1) == -40.0
    # Clip frame 2400 lies at 100.1 s, ref frame 2401 at 96.04 s.
    assert timeline.to_ms(2401) == 4060.0
    assert timeline.to_ms(2) == pytest.approx(1001 / 24 - 80, abs=1e-12)


def test_milliseconds_do_not_lose_bits_over_hours() -> None:
    timeline = built(Segment(0, 399_999, 5), clip_length=400_005)
    assert {timeline.to_ms(n) for n in range(0, 400_000, 997)} == {5 * 1001 / 24}


def test_milliseconds_from_time_stamps() -> None:
    timeline = mapped([1, 2, None, 0], clip_length=3, clip_rate=0, ref_rate=0, clip_times=[0.5, 0.75, 2.0])
    assert timeline.to_ms(0) is None, "ref has neither time stamps nor a rate"
    timeline = replace(timeline, ref_times=(0.25, 1.0, 1.5, 3.0))
    assert [timeline.to_ms(n) for n in range(4)] == [500.0, 1000.0, None, -2500.0]
    assert replace(timeline, ref_times=(), ref_rate=Fraction(4)).to_ms(3) == -250.0
    assert replace(timeline, clip_times=(), clip_rate=Fraction(2)).to_ms(1) == 0.0
    assert mapped([0], clip_rate=0).to_ms(0) is None


def test_equal_by_value_hashable_and_picklable() -> None:
    one, other = mapped([3, 4, 5, None], scores=[0.1] * 4), mapped((3, 4, 5, None), scores=(0.1,) * 4)
    assert one == other
    assert hash(one) == hash(other)
    assert one != mapped([3, 4, 5, 6], scores=[0.1] * 4)
    assert one != replace(one, scores=())
    assert one == replace(one, notes={"by": "a person"})
    assert one.frame_map is one.frame_map
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301
    assert Segment(0, 3, 1, 0, "hold") == Segment(0, 3, 1, 0.0, HOLD)  # type: ignore[arg-type]
    assert Segment(0, 3, None, 0.5, INSERT) == Segment(0, 3, None, kind=INSERT)


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("24000/1001", FILM),
        (" 24000 / 1001", FILM),
        ("23.976", Fraction(2997, 125)),
        ("0", 0),
        (25, 25),
        (12.5, Fraction(25, 2)),
        (np.int64(30), 30),
        (np.float64(0.5), Fraction(1, 2)),
        (Fraction(0), 0),
    ],
)
def test_rates_are_exact(value: Any, rate: Fraction | int) -> None:
    assert as_rate(value) == rate
    assert type(as_rate(value)) is Fraction


@pytest.mark.parametrize("value", ["", "24/0", "-25", -1, True, None, float("nan"), float("inf"), "1e9", "1/2/3", []])
def test_what_is_no_rate(value: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^vs_align\.Timeline: ref_rate must be frames per second"):
        mapped([0], ref_rate=value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ref_first": -1}, "ref_first must be at least 0, got -1."),
        ({"ref_first": 1.5}, "ref_first must be a whole number, got 1.5."),
        ({"ref_first": 8}, "ref_last must be at least ref_first (8), got 7."),
        ({"clip_first": -2}, "clip_first must be at least 0, got -2."),
        ({"clip_first": None}, "clip_first must be a frame number for a match, got None."),
        ({"kind": "insert"}, "clip_first must be None for an insert, got 3."),
        ({"kind": "hold"}, "rate must be 0 for a hold, got 1.0."),
        ({"kind": "skip"}, "kind must be one of match, hold, insert, missing, black, got 'skip'."),
        ({"rate": 0}, "rate must not be 0 for a match (a hold repeats one frame), got 0.0."),
        ({"rate": float("nan")}, "rate must lie in -1000..1000, got nan."),
        ({"rate": 1e300}, "rate must lie in -1000..1000, got 1e+300."),
        ({"rate": "fast"}, "rate must be a number, got 'fast'."),
        ({"confidence": 1.1}, "confidence must lie in 0..1, got 1.1."),
        ({"confidence": float("nan")}, "confidence must lie in 0..1, got nan."),
    ],
)
def test_a_segment_names_the_field_that_is_wrong(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Segment(**({"ref_first": 2, "ref_last": 7, "clip_first": 3} | fields))
    assert str(caught.value) == f"vs_align.Segment: {message}"


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([Segment(1, 9, 0)], "segments[0].ref_first must be 0, the first ref frame, got 1."),
        ([Segment(0, 4, 0), Segment(6, 9, 6)], "segments[1].ref_first must be 5, one past the segment before, got 6."),
        ([Segment(0, 4, 0), Segment(4, 9, 4)], "segments[1].ref_first must be 5, one past the segment before, got 4."),
        ([Segment(0, 8, 0)], "segments[0].ref_last must end at the last ref frame (9), got 8."),
        ([Segment(0, 10, 0)], "segments[0].ref_last must end at the last ref frame (9), got 10."),
        ([], "segments must end at the last ref frame (9), got -1."),
        ([Segment(0, 9, 11)], "segments[0] must show frames of clip, 0..19, got 11..20."),
        ([Segment(0, 9, 2, rate=-1)], "segments[0] must show frames of clip, 0..19, got 2..-7."),
        ([Segment(0, 9, 20, 0, HOLD)], "segments[0] must show frames of clip, 0..19, got 20..20."),
        (["x"], "segments[0] must be a Segment, got 'x'."),
    ],
)
def test_segments_cover_ref_once_with_frames_that_exist(segments: list[Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Timeline(tuple(segments), FILM, FILM, clip_length=20, ref_length=10)
    assert str(caught.value) == f"vs_align.Timeline: {message}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_length": 0}, "clip_length must be at least 1, got 0."),
        ({"clip_length": "x"}, "clip_length must be a whole number, got 'x'."),
        ({"clip_length": 4}, "frame_map[1] must be a frame of clip, 0..3, got 4."),
        ({"ref_length": 4}, "frame_map must have one entry per ref frame (4), got 3."),
        ({"scores": [0.1]}, "scores must be empty or have 3 entries, got 1."),
        ({"scores": [0.1, -1, None]}, "scores[1] must be at least 0, got -1.0."),
        ({"confidences": [1, 1, 2]}, "confidences[2] must lie in 0..1, got 2.0."),
        ({"confidences": [1, None, 1]}, "confidences[1] must be a number, got None."),
        ({"ref_times": [0, 1]}, "ref_times must be empty or have 3 entries, got 2."),
        ({"ref_times": [0, 2, 1]}, "ref_times[2] must be finite and not before the frame before, got 1.0."),
        ({"ref_times": [0, 1, float("inf")]}, "ref_times[2] must be finite and not before the frame before, got inf."),
        ({"clip_times": [0]}, "clip_times must be empty or have 9 entries, got 1."),
        ({"notes": {"clip": 1}}, "notes must have text keys that the file does not use, got 'clip'."),
        ({"notes": {1: 1}}, "notes must have text keys that the file does not use, got 1."),
    ],
)
def test_a_timeline_names_the_argument_that_is_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        mapped([3, 4, 5], **({"clip_length": 9} | options))
    assert str(caught.value) == f"vs_align.Timeline: {message}"


def test_frames_of_a_map_are_whole_numbers_of_clip() -> None:
    with pytest.raises(ArgumentError, match=r"^vs_align.Timeline: frame_map\[1\] must be a whole number, got 1.5\.$"):
        mapped([0, 1.5])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match=r"frame_map\[0\] must be a frame of clip, 0\.\.99, got -1"):
        mapped([-1, 0])
    with pytest.raises(ArgumentError, match="frame_map must have at least one entry"):
        mapped([])


@pytest.mark.parametrize("method", ["segment_at", "clip_frame", "offset_at", "to_ms"])
@pytest.mark.parametrize("n", [-1, 3])
def test_frame_numbers_do_not_wrap(method: str, n: int) -> None:
    with pytest.raises(ArgumentError) as caught:
        getattr(mapped([0, 1, 2]), method)(n)
    assert str(caught.value) == f"vs_align.Timeline.{method}: n must lie in 0..2, got {n}."


def test_a_segment_answers_for_its_own_frames_only() -> None:
    with pytest.raises(ArgumentError, match=r"^vs_align.Segment.clip_frame: n must lie in 2\.\.7, got 8\.$"):
        Segment(2, 7, 0).clip_frame(8)


def test_importing_the_timeline_loads_nothing_heavy() -> None:
    code = (
        "import sys, vs_align.timeline.timeline; "
        "print(sorted({'numpy', 'pydantic', 'cv2', 'numba'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
