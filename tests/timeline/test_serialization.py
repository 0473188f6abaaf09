"""The file of a `Timeline`: layout, round trip, edits by hand, errors, safe writing."""

import json
import os
import random
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError
from vs_align.timeline.timeline import Segment, Timeline

type Edit = Callable[[dict[str, Any]], object]

HOLD, INSERT = SegmentKind.HOLD, SegmentKind.INSERT
FILM = Fraction(24000, 1001)


def mapped(frame_map: Sequence[int | None], **options: Any) -> Timeline:
    return Timeline.from_frame_map(frame_map, **{"clip_rate": FILM, "ref_rate": FILM, "clip_length": 100} | options)


def random_map(rng: random.Random) -> list[int | None]:
    """Some frames of a clip of 100, with many that rise by one, are equal to the one before or are missing."""
    frames: list[int | None] = [rng.randrange(100)]
    while len(frames) < 30:
        last = frames[-1]
        jump = None if rng.random() < 0.1 else rng.randrange(100)
        step = rng.choice((1, 1, 1, 0, None))
        frames.append(jump if step is None or last is None or last + step > 99 else last + step)
    return frames


EXAMPLE = mapped(
    [3, 4, 5, 6, 6, 6, None, 20, 21, 22],
    ref_rate=25,
    scores=[0.5, *[0.25] * 5, None, 0.125, 0.125, 0.0],
    confidences=[1, 1, 1, 1, 1, 1, 0, 0.5, 0.75, 0.25],
)
DRIFT = Timeline(
    (
        Segment(0, 59, 10, rate=1.05, confidence=0.25),
        Segment(60, 79, 75, confidence=0.5),
        Segment(80, 89, None, kind=INSERT),
        Segment(90, 99, 3, 0, HOLD, 0.1),
    ),
    clip_rate=FILM,
    ref_rate=Fraction(25),
    clip_length=100,
    ref_length=100,
)


def edited(timeline: Timeline, *edits: Edit) -> Timeline:
    """Load the timeline's file after some edits, written by another hand with another layout."""
    data = json.loads(timeline.to_json())
    for edit in edits:
        edit(data)
    return Timeline.from_json(json.dumps(data, indent=1))


def put(*path: str | int, value: Any) -> Edit:
    def edit(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return edit


def seg(index: int, key: str, value: Any) -> Edit:
    return put("segments", index, key, value=value)


def drop(*keys: str) -> Edit:
    return lambda data: [data.pop(key) for key in keys]


def test_the_layout_is_for_reading() -> None:
    assert mapped([0, 1, *[9] * 20], clip_rate=24, ref_rate=25, scores=[0.1] * 22).to_json() == (
        "{\n"
        '  "format": "vs_align timeline",\n'
        '  "version": 2,\n  "verdict": null,\n  "reasons": [],\n  "residual_ms": null,\n'
        '  "clip": {"rate": "24", "length": 100},\n'
        '  "ref": {"rate": "25", "length": 22},\n'
        '  "segments": [\n'
        '    {"ref_first": 0, "ref_last": 1, "clip_first": 0, "rate": 1.0, "kind": "match", "confidence": null,'
        ' "offset_ms": 0.0, "speed": 1.041666667},\n'
        '    {"ref_first": 2, "ref_last": 21, "clip_first": 9, "rate": 0.0, "kind": "hold", "confidence": null,'
        ' "offset_ms": 295.0}\n'
        "  ],\n"
        '  "frame_map": [\n'
        "    0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,\n"
        "    9, 9\n"
        "  ],\n"
        '  "scores": [\n'
        "    0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1,\n"
        "    0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1,\n"
        "    0.1, 0.1\n"
        "  ],\n"
        '  "confidences": [],\n'
        '  "digest": {"segments": "ba30f0c37685", "frame_map": "7700760425d0"}\n'
        "}\n"
    )


def test_one_changed_frame_changes_few_lines() -> None:
    before = mapped(list(range(90))).to_json().splitlines()
    after = mapped([*range(50), 7, *range(51, 90)]).to_json().splitlines()
    assert len(set(after) - set(before)) == 5, "three segments, one line of the map, the digest"


@pytest.mark.parametrize(
    "timeline",
    [
        EXAMPLE,
        mapped([None]),
        mapped([4], clip_rate=0, ref_rate=0),
        mapped([0, 1], scores=[float("inf"), float("nan")]),
        mapped([0, 2, 1], clip_length=3, clip_times=[0, 0.1, 0.30000000000000004], ref_times=[-1.5, 0, 1e-9]),
        DRIFT,
    ],
)
def test_what_is_written_is_read_back(timeline: Timeline, tmp_path: Path) -> None:
    path = tmp_path / "timeline.json"
    timeline.save(path)
    text = path.read_text(encoding="utf-8")
    assert Timeline.load(path) == timeline
    assert Timeline.load(str(path)).to_json() == timeline.to_json() == text


def test_any_timeline_is_read_back_whichever_half_is_there() -> None:
    rng = random.Random(2)
    for _ in range(100):
        frame_map = random_map(rng)
        scores = [rng.choice((None, rng.random())) for _ in frame_map]
        timeline = mapped(frame_map, scores=scores, confidences=[rng.random() for _ in frame_map])
        assert Timeline.from_json(timeline.to_json()) == timeline
        assert edited(timeline, drop("segments")) == timeline
        assert edited(timeline, drop("frame_map", "digest")) == timeline


def test_an_edited_segment_wins() -> None:
    timeline = edited(EXAMPLE, seg(3, "clip_first", 30))
    assert timeline.frame_map == (3, 4, 5, 6, 6, 6, None, 30, 31, 32)
    assert timeline.scores == EXAMPLE.scores
    assert timeline.confidences == EXAMPLE.confidences
    assert edited(timeline) == timeline, "saved again, the edit is no longer an edit"


def test_a_segment_may_be_written_with_few_keys() -> None:
    short = [{"ref_first": 0, "ref_last": 3, "clip_first": 3}, {"ref_first": 4, "ref_last": 9, "kind": "insert"}]
    assert edited(EXAMPLE, put("segments", value=short)).frame_map == (3, 4, 5, 6, *[None] * 6)
    short[1] = {"ref_first": 4, "ref_last": 9, "clip_first": 8, "kind": "hold"}
    assert edited(EXAMPLE, put("segments", value=short)).frame_map == (3, 4, 5, 6, *[8] * 6)
    short[1] = {"ref_first": 4, "ref_last": 9, "clip_first": 8, "rate": 2}
    assert edited(EXAMPLE, put("segments", value=short)).frame_map == (3, 4, 5, 6, 8, 10, 12, 14, 16, 18)


def test_an_edited_frame_map_wins_and_touches_no_other_segment() -> None:
    change = edited(DRIFT, put("frame_map", 70, value=None), put("frame_map", 85, value=99))
    expected = list(DRIFT.frame_map)
    expected[70], expected[85] = None, 99
    assert change.frame_map == tuple(expected)
    assert change.segments == (
        DRIFT.segments[0],
        Segment(60, 69, 75, confidence=0.5),
        Segment(70, 70, None, kind=INSERT, confidence=0.5),
        Segment(71, 79, 86, confidence=0.5),
        Segment(80, 84, None, kind=INSERT),
        Segment(85, 85, 99),
        Segment(86, 89, None, kind=INSERT),
        DRIFT.segments[3],
    )
    assert edited(change) == change


def test_an_edited_frame_map_takes_the_confidences_of_its_frames() -> None:
    change = edited(EXAMPLE, put("frame_map", 9, value=50))
    assert change.segments[:3] == EXAMPLE.segments[:3]
    assert change.segments[3:] == (Segment(7, 8, 20, confidence=0.625), Segment(9, 9, 50, confidence=0.25))


def test_random_edits_of_the_frame_map_survive() -> None:
    rng = random.Random(3)
    for _ in range(200):
        frame_map = random_map(rng)
        timeline = mapped(frame_map)
        for n in rng.sample(range(30), 3):
            frame_map[n] = rng.choice((None, rng.randrange(100)))
        change = edited(timeline, put("frame_map", value=frame_map))
        assert change.frame_map == tuple(frame_map)


def test_a_frame_map_of_another_length_wins_with_the_new_length() -> None:
    plain = mapped([3, 4, 5, 6])
    change = edited(plain, put("frame_map", value=[3, 4]), put("ref", "length", value=2))
    assert change == mapped([3, 4])
    with pytest.raises(ArgumentError, match=r"frame_map must have one entry per ref frame \(4\), got 2"):
        edited(plain, put("frame_map", value=[3, 4]))


def test_two_edits_that_disagree_are_refused() -> None:
    edits = [seg(3, "clip_first", 30), put("frame_map", 1, value=9)]
    message = (
        "vs_align.Timeline.from_json: segments must agree with frame_map, but they differ at ref frames 1, 7-9 "
        "(4 in all); delete the one that is wrong."
    )
    with pytest.raises(ArgumentError) as caught:
        edited(EXAMPLE, *edits)
    assert str(caught.value) == message
    assert edited(EXAMPLE, *edits, drop("frame_map")).frame_map == (3, 4, 5, 6, 6, 6, None, 30, 31, 32)
    assert edited(EXAMPLE, *edits, drop("segments")).frame_map == (3, 9, 5, 6, 6, 6, None, 20, 21, 22)


def test_many_differences_are_summed_up() -> None:
    shuffled = put("frame_map", value=[n if n % 3 else 50 for n in range(40)])
    with pytest.raises(ArgumentError, match=r"differ at ref frames 0, 3, 6, 9, 12, \.\.\. \(14 in all\)"):
        edited(mapped(list(range(40))), drop("digest"), shuffled)
    with pytest.raises(ArgumentError, match="but they have 40 and 39 frames; delete"):
        edited(mapped(list(range(40))), drop("digest"), put("frame_map", value=list(range(39))))


def test_two_edits_that_agree_are_taken() -> None:
    frame_map = (3, 4, 5, 6, 6, 6, None, 30, 31, 32)
    both = [seg(3, "clip_first", 30), put("frame_map", value=frame_map)]
    assert edited(EXAMPLE, *both).frame_map == frame_map


def test_without_digest_the_halves_must_agree() -> None:
    assert edited(EXAMPLE, drop("digest")) == EXAMPLE
    for edit in (seg(3, "clip_first", 30), put("frame_map", 1, value=9)):
        with pytest.raises(ArgumentError, match="segments must agree with frame_map"):
            edited(EXAMPLE, drop("digest"), edit)
    with pytest.raises(ArgumentError, match=r"segments\[1\]\.ref_first must be 3, one past the segment before, got 5"):
        edited(EXAMPLE, drop("digest"), seg(1, "ref_first", 5))


def test_notes_and_other_edits_survive(tmp_path: Path) -> None:
    path = tmp_path / "timeline.json"
    timeline = edited(
        EXAMPLE,
        put("note", value="Größe 1 \u2028 stimmt"),
        put("checked", value={"by": ["me", None], "on": 1.5}),
        put("half", value="\ud800"),
        seg(0, "offset_ms", -1.0),
        put("scores", 0, value=0.75),
    )
    assert timeline.notes == {
        "note": "Größe 1 \u2028 stimmt",
        "checked": {"by": ["me", None], "on": 1.5},
        "half": "\ud800",
    }
    assert timeline.segments == EXAMPLE.segments
    assert timeline.scores == (0.75, *EXAMPLE.scores[1:])
    timeline.save(path)
    assert "Größe" in path.read_text(encoding="utf-8")
    assert Timeline.load(path).notes == timeline.notes


def test_rates_may_be_written_as_numbers() -> None:
    plain = edited(EXAMPLE, put("clip", "rate", value=12.5), put("ref", "rate", value=None))
    assert (plain.clip_rate, plain.ref_rate, EXAMPLE.clip_rate) == (Fraction(25, 2), Fraction(0), FILM)


def test_what_json_cannot_hold_becomes_null_or_an_error(tmp_path: Path) -> None:
    timeline = mapped([0, 1], scores=[float("inf"), 0.5], notes={"best": [float("-inf"), {"x": float("nan")}]})
    strict = json.loads(timeline.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (strict["scores"], strict["best"]) == ([None, 0.5], [None, {"x": None}])
    for name in ("Infinity", "NaN"):
        assert Timeline.from_json(timeline.to_json().replace("null, 0.5", f"{name}, 0.5")) == timeline
    with pytest.raises(ArgumentError, match=r"^vs_align.Timeline.to_json: notes\['when'\] must be a JSON value"):
        mapped([0], notes={"when": object()}).save(tmp_path / "timeline.json")
    assert not list(tmp_path.iterdir())


UNKNOWN = "is not a key of this format (notes go to the top level)."
NEWER = "must be at most 2 (a newer vs_align wrote this file: update vs_align), got 3."
NO_KIND = "must be 'match', 'hold', 'insert', 'missing' or 'black', got \"skip\"."
BACKWARDS = "must be finite and not before the frame before, got 0.5."
RATE_RULE = "must be frames per second, a number of at least 0 or text such as 24000/1001"


@pytest.mark.parametrize(
    ("edit", "key", "rule"),
    [
        (drop("format"), "format", "must be 'vs_align timeline', got null."),
        (put("format", value="EDL"), "format", "must be 'vs_align timeline', got \"EDL\"."),
        (put("version", value=3), "version", NEWER),
        (put("version", value="1"), "version", 'must be 1 or 2, got "1".'),
        (drop("version"), "version", "is missing."),
        (drop("clip"), "clip", "is missing."),
        (put("ref", "length", value=1.5), "ref.length", "must be a valid integer, got 1.5."),
        (put("ref", "length", value=0), "ref.length", "must be greater than or equal to 1, got 0."),
        (put("ref", "fps", value=25), "ref.fps", UNKNOWN),
        (put("clip", "rate", value="x"), "clip.rate", f'{RATE_RULE}, got "x".'),
        (seg(2, "ref_last", "ten"), "segments[2].ref_last", 'must be a valid integer, got "ten".'),
        (seg(0, "kind", "skip"), "segments[0].kind", NO_KIND),
        (seg(0, "kind", "hold"), "segments[0].rate", "must be 0 for a hold, got 1.0."),
        (seg(0, "ref_last", 3), "segments[1].ref_first", "must be 4, one past the segment before, got 3."),
        (seg(3, "clip_first", 98), "segments[3]", "must show frames of clip, 0..99, got 98..100."),
        (seg(0, "clip_frist", 3), "segments[0].clip_frist", UNKNOWN),
        (put("segments", value={}), "segments", "must be a valid list, got {}."),
        (put("frame_map", 4, value="6"), "frame_map[4]", 'must be a valid integer, got "6".'),
        (put("frame_map", 4, value=100), "frame_map[4]", "must be a frame of clip, 0..99, got 100."),
        (put("scores", value=[0.5]), "scores", "must be empty or have 10 entries, got 1."),
        (put("clip", "times", value=[0.5]), "clip.times", "must be empty or have 100 entries, got 1."),
        (put("clip", "times", value=[1.0] * 99 + [0.5]), "clip.times[99]", BACKWARDS),
        (drop("segments", "frame_map"), "segments", "or frame_map must be there."),
    ],
)
def test_a_wrong_file_names_the_path_and_the_key(edit: Edit, key: str, rule: str, tmp_path: Path) -> None:
    data = json.loads(EXAMPLE.to_json())
    edit(data)
    path = tmp_path / "ein Film.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ArgumentError) as caught:
        Timeline.load(path)
    assert str(caught.value) == f"vs_align.Timeline.load: {key} in '{path}' {rule}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be JSON: Expecting value at line 1 column 1."),
        (b'{\n "version": 1,\n}', "must be JSON: "),
        (EXAMPLE.to_json().encode()[:-40], "must be JSON: "),
        (b'{"a": 1, "a": 2}', 'must be JSON: key "a" occurs twice.'),
        (b'{"a": ' + b"[" * 100_000, "must be JSON: "),
        (b"[1, 2]", "must be a JSON object in UTF-8."),
        (b"\x1aE\xdf\xa3 a video", "must be a JSON object in UTF-8."),
        (b'{"a": "\xff"}', "must be a JSON object in UTF-8."),
        (EXAMPLE.to_json().encode("utf-16"), "must be a JSON object in UTF-8."),
    ],
)
def test_a_file_that_is_no_json_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "timeline.json"
    path.write_bytes(content)
    with pytest.raises(ArgumentError) as caught:
        Timeline.load(path)
    assert str(caught.value).startswith(f"vs_align.Timeline.load: text in '{path}' {message}")
    assert "\n" not in str(caught.value)


def test_editors_of_other_systems_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "timeline.json"
    path.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.to_json().replace("\n", "\r\n").encode())
    assert Timeline.load(path) == EXAMPLE


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(ArgumentError) as caught:
            Timeline.load(path)
        assert str(caught.value).startswith(
            f"vs_align.Timeline.load: path must name a timeline file that can be read, got '{path}' ("
        )


def test_saving_replaces_a_file_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "timeline.json"
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    EXAMPLE.save(link)
    assert link.is_symlink()
    assert Timeline.load(path) == EXAMPLE
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.json", "timeline.json"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_save_leaves_the_old_file_alone(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "timeline.json"
    EXAMPLE.save(path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(MediaError) as caught:
        replace(EXAMPLE, scores=()).save(path)
    assert str(caught.value) == f"vs_align.Timeline.save: cannot write '{path}': No space left on device."
    assert Timeline.load(path) == EXAMPLE
    assert [p.name for p in tmp_path.iterdir()] == ["timeline.json"]


def test_saving_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"^vs_align.Timeline.save: cannot write '.*': No such file or directory\.$"):
        EXAMPLE.save(tmp_path / "missing" / "timeline.json")
    EXAMPLE.save(tmp_path / ("n" * 250 + ".json"))
    with pytest.raises(MediaError, match=r"vs_align.Timeline.save: cannot write"):
        EXAMPLE.save(tmp_path)
