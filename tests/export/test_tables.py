"""Tables are read back with another reader of CSV."""

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError
from vs_align.export.tables import FRAME_COLUMNS, SEGMENT_COLUMNS, write_csv
from vs_align.timeline.timeline import Segment, Timeline

LINE = Timeline(
    (
        Segment(0, 99, 50, confidence=0.5, score=0.0125),
        Segment(100, 149, None, kind=SegmentKind.INSERT),
        Segment(150, 149, 150, kind=SegmentKind.MISSING, clip_count=70),
        Segment(150, 299, 220),
    ),
    Fraction(25),
    Fraction(24000, 1001),
    400,
    300,
    confidences=(0.5,) * 300,
    scores=(0.25, None) * 150,
)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_segments(tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    write_csv(LINE, path)
    content = path.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n") == 5
    assert content.split(b"\r\n")[0].decode().split(",") == list(SEGMENT_COLUMNS)
    match, insert, missing, last = rows(path)
    assert match == {
        "kind": "match",
        "ref_first": "0",
        "ref_last": "99",
        "ref_time": "00:00:00.000",
        "clip_first": "50",
        "clip_last": "149",
        "clip_time": "00:00:02.000",
        "rate": "1",
        "speed": "0.959040959",
        "offset_frames": "50",
        "offset_ms": "2000",
        "confidence": "0.5",
        "score": "0.0125",
    }
    assert (insert["kind"], insert["ref_first"], insert["ref_time"]) == ("insert", "100", "00:00:04.171")
    assert all(insert[name] == "" for name in ("clip_first", "clip_last", "clip_time", "rate", "speed", "offset_ms"))
    assert [missing[name] for name in ("kind", "ref_first", "ref_last", "clip_first", "clip_last")] == [
        "missing",
        "150",
        "149",
        "150",
        "219",
    ]
    assert (last["offset_frames"], last["offset_ms"]) == ("70", "2543.75")


def test_frames(tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    write_csv(LINE, path, rows="frames")
    found = rows(path)
    assert len(found) == 300
    assert list(found[0]) == list(FRAME_COLUMNS)
    shown = [int(row["clip_frame"]) if row["clip_frame"] else None for row in found]
    assert shown == list(LINE.frame_map)
    assert [row["ref_frame"] for row in found] == [str(n) for n in range(300)]
    for n in (0, 99, 150, 299):
        assert float(found[n]["offset_ms"]) == pytest.approx(LINE.to_ms(n), abs=0.001)
    assert found[120]["clip_time"] == found[120]["offset_ms"] == found[121]["score"] == ""
    assert found[299]["clip_time"] == "00:00:14.760"


def test_missing_behind_the_end_and_unknown_times(tmp_path: Path) -> None:
    segments = (Segment(0, 9, 0), Segment(10, 9, 10, kind=SegmentKind.MISSING, clip_count=5))
    times = tuple(n / 10 for n in range(10))
    write_csv(Timeline(segments, Fraction(0), Fraction(0), 15, 10, ref_times=times), tmp_path / "line.csv")
    match, missing = rows(tmp_path / "line.csv")
    assert (match["ref_time"], match["clip_time"], match["offset_ms"]) == ("00:00:00.000", "", "")
    assert (missing["ref_time"], missing["clip_first"], missing["clip_last"]) == ("", "10", "14")


def test_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"write_csv: rows must be 'segments' or 'frames', got 'all'"):
        write_csv(LINE, tmp_path / "line.csv", rows="all")
    with pytest.raises(MediaError, match=r"write_csv: cannot write"):
        write_csv(LINE, tmp_path / "nowhere" / "line.csv")
    assert not list(tmp_path.iterdir())
