"""What segments say beyond match, hold and insert: missing, black, phase, score; and the verdict of a timeline."""

import json
import pickle
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import Segment, Timeline

MATCH, HOLD, INSERT, MISSING, BLACK = SegmentKind
FILM = Fraction(24000, 1001)

CUT = Timeline(
    (
        Segment(0, -1, 0, kind=MISSING, clip_count=5),
        Segment(0, 9, 5, confidence=0.75, phase=0.25, score=0.125),
        Segment(10, 14, None, kind=BLACK),
        Segment(15, 14, 15, kind=MISSING, clip_count=30, confidence=0.5),
        Segment(15, 34, 45, rate=1.5, phase=-0.5),
        Segment(35, 39, None, kind=INSERT),
        Segment(40, 39, 90, kind=MISSING, clip_count=10),
    ),
    FILM,
    Fraction(25),
    clip_length=100,
    ref_length=40,
    verdict="good",
    reasons=("the pictures fit", "so does the sound"),
    residual_ms=-3.5,
)


def edited(timeline: Timeline, **edits: Any) -> Timeline:
    """Load the timeline's file after top-level keys were replaced."""
    return Timeline.from_json(json.dumps(json.loads(timeline.to_json()) | edits))


def test_missing_segments_have_clip_frames_and_no_ref_frames() -> None:
    lost = Segment(15, 14, 15, kind=MISSING, clip_count=30)
    assert (len(lost), lost.clip_last, list(lost.clip_frames()), lost.rate) == (0, 44, [], 1.0)
    assert CUT.frame_map[:10] == tuple(range(5, 15))
    assert CUT.frame_map[10:15] == (None,) * 5
    assert CUT.frame_map[35:] == (None,) * 5
    assert len(CUT.frame_map) == len(CUT) == 40
    assert [CUT.segment_at(n).ref_first for n in (0, 9, 10, 14, 15, 39)] == [0, 0, 10, 10, 15, 35]
    assert all(len(CUT.segment_at(n)) for n in range(40))
    with pytest.raises(ArgumentError, match=r"n must lie in 15\.\.14"):
        lost.clip_frame(15)


def test_a_phase_moves_the_line_and_never_its_first_frame() -> None:
    for phase in (-0.5, -0.25, 0.0, 0.25, 0.49999999999999994):
        segment = Segment(10, 59, 40, rate=0.75, phase=phase)
        frames = [segment.clip_frame(n) for n in range(10, 60)]
        assert frames[0] == 40
        assert frames == list(segment.clip_frames())
        assert segment.clip_last == frames[-1]
        even = Segment(10, 59, 40, phase=phase)
        assert [even.clip_frame(n) for n in range(10, 60)] == list(even.clip_frames()) == list(range(40, 90))
        assert even.clip_last == 89
    assert list(Segment(0, 5, 40, rate=0.5, phase=-0.5).clip_frames()) == [40, 40, 41, 41, 42, 42]
    assert list(Segment(0, 5, 40, rate=0.5, phase=0.25).clip_frames()) == [40, 41, 41, 42, 42, 43]
    assert list(Segment(0, 3, 40, rate=-0.5, phase=0.25).clip_frames()) == [40, 40, 39, 39]


def test_a_phase_is_part_of_the_range_of_clip() -> None:
    line = Segment(0, 9, 0, rate=1.05, phase=0.25)
    assert line.clip_last == 10
    with pytest.raises(ArgumentError, match=r"segments\[0\] must show frames of clip, 0\.\.9, got 0\.\.10\.$"):
        Timeline((line,), FILM, FILM, clip_length=10, ref_length=10)
    assert Timeline((replace(line, phase=0.0),), FILM, FILM, clip_length=10, ref_length=10).frame_map[-1] == 9


def test_what_has_no_phase_rate_or_score_reads_alike() -> None:
    assert Segment(0, 3, None, 2.0, BLACK, phase=0.25) == Segment(0, 3, None, kind=BLACK)
    assert Segment(0, 3, 7, 0, HOLD, phase=0.25) == Segment(0, 3, 7, 0, HOLD)
    assert Segment(4, 3, 7, 0.0, MISSING, clip_count=2, phase=0.1) == Segment(4, 3, 7, kind=MISSING, clip_count=2)
    assert Segment(0, 3, 7, score=float("inf")) == Segment(0, 3, 7)
    assert [s.clip_last for s in CUT.segments] == [4, 14, None, 44, 73, None, 99]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"phase": 0.5}, "phase must lie in -0.5..0.5, without 0.5, got 0.5."),
        ({"phase": -0.6}, "phase must lie in -0.5..0.5, without 0.5, got -0.6."),
        ({"phase": float("nan")}, "phase must lie in -0.5..0.5, without 0.5, got nan."),
        ({"phase": "late"}, "phase must be a number, got 'late'."),
        ({"score": -1}, "score must be at least 0, got -1.0."),
        ({"score": "low"}, "score must be a number, got 'low'."),
        ({"clip_count": 3}, "clip_count must be None for a match (only a missing one has it), got 3."),
        ({"kind": "black"}, "clip_first must be None for black, got 3."),
        ({"kind": "missing"}, "ref_last must be ref_first - 1 (1) for a missing one, got 7."),
        ({"kind": "missing", "ref_last": 1}, "clip_count must be a whole number, got None."),
        ({"kind": "missing", "ref_last": 1, "clip_count": 0}, "clip_count must be at least 1, got 0."),
        (
            {"kind": "missing", "ref_last": 1, "clip_first": None},
            "clip_first must be a frame number for a missing one, got None.",
        ),
        ({"ref_first": 0, "ref_last": -1}, "ref_last must be at least 0, got -1."),
    ],
)
def test_a_segment_names_the_field_that_is_wrong(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Segment(**({"ref_first": 2, "ref_last": 7, "clip_first": 3} | fields))
    assert str(caught.value) == f"vs_align.Segment: {message}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"verdict": "fine"}, "verdict must be None or one of exact, good, doubtful, unrelated, got 'fine'."),
        ({"verdict": 1}, "verdict must be None or one of exact, good, doubtful, unrelated, got 1."),
        ({"reasons": "because"}, "reasons must be a sequence of texts, got 'because'."),
        ({"reasons": ["a", 1]}, "reasons[1] must be a text, got 1."),
        ({"residual_ms": "3 ms"}, "residual_ms must be a number, got '3 ms'."),
        ({"residual_ms": float("inf")}, "residual_ms must be finite, got inf."),
        (
            {"segments": (Segment(0, -1, 95, kind=MISSING, clip_count=6), *CUT.segments[1:])},
            "segments[0] must name frames of clip, 0..99, got 95..100.",
        ),
        (
            {"segments": (Segment(1, 0, 95, kind=MISSING, clip_count=5), *CUT.segments[1:])},
            "segments[0].ref_first must be 0, the first ref frame, got 1.",
        ),
        (
            {"segments": CUT.segments[:1]},
            "segments[0].ref_last must end at the last ref frame (39), got -1.",
        ),
        ({"notes": {"verdict": "mine"}}, "notes must have text keys that the file does not use, got 'verdict'."),
    ],
)
def test_a_timeline_names_the_argument_that_is_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        replace(CUT, **options)
    assert str(caught.value) == f"vs_align.Timeline: {message}"


def test_speed_is_seconds_of_clip_per_second_of_ref() -> None:
    assert CUT.speed_of(CUT.segments[1]) == pytest.approx(25 * 1001 / 24000, rel=1e-15)
    assert CUT.speed_of(CUT.segments[4]) == pytest.approx(1.5 * 25 * 1001 / 24000, rel=1e-15)
    assert [CUT.speed_of(CUT.segments[i]) for i in (0, 2, 5)] == [None] * 3
    assert CUT.speed_of(Segment(0, 3, 7, 0, HOLD)) == 0.0
    pal = Timeline((Segment(0, 99, 0),), Fraction(25), FILM, clip_length=100, ref_length=100)
    assert pal.speed_of(pal.segments[0]) == pytest.approx(0.959041, abs=1e-6)
    assert replace(pal, clip_rate=Fraction(0)).speed_of(pal.segments[0]) is None


def test_speed_follows_time_stamps() -> None:
    times = tuple(n / 50 for n in range(50)) + tuple(1 + n / 10 for n in range(50))
    mixed = Timeline((Segment(0, 49, 0), Segment(50, 99, 50)), Fraction(0), Fraction(25), 100, 100, clip_times=times)
    assert [mixed.speed_of(s) for s in mixed.segments] == pytest.approx([0.5, 2.5])
    assert mixed.speed_of(Segment(0, 0, 3)) is None, "one frame has no duration where the rate is unknown"


def test_equal_hashable_and_picklable() -> None:
    assert pickle.loads(pickle.dumps(CUT)) == CUT  # noqa: S301
    assert hash(CUT) == hash(replace(CUT))
    assert replace(CUT, verdict=None) != CUT
    assert replace(CUT, reasons=()) != CUT
    assert replace(CUT, residual_ms=None) != CUT


def test_everything_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "timeline.json"
    CUT.save(path)
    assert Timeline.load(path) == CUT
    data = json.loads(path.read_text())
    assert list(data)[:5] == ["format", "version", "verdict", "reasons", "residual_ms"]
    assert (data["verdict"], data["reasons"], data["residual_ms"]) == (CUT.verdict, list(CUT.reasons), -3.5)
    always = ["ref_first", "ref_last", "clip_first", "rate", "kind", "confidence", "offset_ms"]
    further = [list(segment)[len(always) :] for segment in data["segments"]]
    assert all(list(segment)[: len(always)] == always for segment in data["segments"])
    assert further == [
        ["clip_count"],
        ["phase", "score", "speed"],
        [],
        ["clip_count"],
        ["phase", "speed"],
        [],
        ["clip_count"],
    ]
    assert data["segments"][3]["offset_ms"] is None
    assert data["segments"][1]["speed"] == 1.042708333
    assert edited(CUT, frame_map=None) == CUT
    plain = Timeline.from_frame_map([0, 1], clip_rate=25, ref_rate=25, clip_length=2)
    assert [list(segment) for segment in json.loads(plain.to_json())["segments"]] == [always]


def test_a_file_with_the_frame_map_alone_keeps_its_verdict() -> None:
    data = json.loads(CUT.to_json())
    del data["segments"]
    loaded = Timeline.from_json(json.dumps(data))
    assert loaded.frame_map == CUT.frame_map
    assert (loaded.verdict, loaded.reasons, loaded.residual_ms) == (CUT.verdict, CUT.reasons, CUT.residual_ms)
    assert {segment.kind for segment in loaded.segments} == {MATCH, INSERT}


def test_an_edited_phase_wins() -> None:
    segments = json.loads(CUT.to_json())["segments"]
    segments[4] |= {"phase": 0.25, "speed": 99}
    change = edited(CUT, segments=segments)
    assert change.segments[4] == replace(CUT.segments[4], phase=0.25)
    assert change.frame_map[15:18] == (45, 47, 48)
    assert CUT.frame_map[15:18] == (45, 46, 48)


def test_missing_segments_beside_an_edit_of_the_map_are_dropped() -> None:
    frame_map = list(CUT.frame_map)
    frame_map[12] = 15
    change = edited(CUT, frame_map=frame_map)
    assert change.frame_map == tuple(frame_map)
    assert change.segments[:2] == CUT.segments[:2]
    assert change.segments[-3:] == CUT.segments[-3:]
    assert [s.kind for s in change.segments[2:-3]] == [INSERT, MATCH, INSERT]
    frame_map[0], frame_map[39] = 50, 51
    assert all(s.kind is not MISSING for s in edited(CUT, frame_map=frame_map).segments)


def test_files_of_version_1_are_read_and_their_notes_give_way() -> None:
    plain = Timeline.from_frame_map([0, 1, 7, 7], clip_rate=24, ref_rate=24, clip_length=9, confidences=[0.5] * 4)
    data = json.loads(plain.to_json())
    for key in ("verdict", "reasons", "residual_ms"):
        del data[key]
    data["version"] = 1
    assert data["digest"] == {"segments": "517634700f6d", "frame_map": "06cb9f86ceaf"}
    assert Timeline.from_json(json.dumps(data)) == plain
    notes = {"verdict": "checked by hand", "reasons": 3, "reasons_note": [1], "by": "me"}
    loaded = Timeline.from_json(json.dumps(data | notes))
    assert (loaded, loaded.verdict, loaded.reasons) == (plain, None, ())
    assert loaded.notes == {
        "verdict_note": "checked by hand",
        "reasons_note": [1],
        "reasons_note_note": 3,
        "by": "me",
    }
    assert Timeline.from_json(loaded.to_json()).notes == loaded.notes


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"verdict": "fine"}, "verdict must be 'exact', 'good', 'doubtful' or 'unrelated', got \"fine\"."),
        ({"reasons": "because"}, 'reasons must be a valid list, got "because".'),
        ({"residual_ms": "3"}, 'residual_ms must be a valid number, got "3".'),
        (
            {"segments": [{"ref_first": 0, "ref_last": 39, "clip_first": 0, "phase": 0.5}]},
            "segments[0].phase must be less",
        ),
        (
            {"segments": [{"ref_first": 0, "ref_last": -1, "clip_first": 0, "clip_count": 0}]},
            "segments[0].clip_count must",
        ),
    ],
)
def test_a_wrong_file_names_the_key(edits: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        edited(CUT, **edits)
    assert str(caught.value).startswith(f"vs_align.Timeline.from_json: {message}")
