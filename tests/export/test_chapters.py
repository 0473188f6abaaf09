"""Chapters are demanded back where ref shows what clip shows at their starts."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from tests.media.films import write_film
from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError
from vs_align.export.chapter_formats import Chapter, chapter_text, read_chapters
from vs_align.export.chapters import ChapterReport, retime_chapters
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.timeline.timeline import Segment, Timeline

CHAPTERS = [
    Chapter(0, 3000, "Opening"),
    Chapter(3000, 5000, "Into the cut"),
    Chapter(5000, 6500, "Lost = gone; #1"),
    Chapter(6500, 12_000, "Begins in the cut\\ and goes on"),
    Chapter(12_000, 16_000, "Behind & <after>"),
]
CUT = Timeline(
    (
        Segment(0, 24, None, kind=SegmentKind.INSERT),
        Segment(25, 124, 0),
        Segment(125, 124, 100, kind=SegmentKind.MISSING, clip_count=100),
        Segment(125, 324, 200),
    ),
    Fraction(25),
    Fraction(25),
    400,
    325,
)
WANTED = [(1000, "Opening"), (4000, "Into the cut"), (5000, CHAPTERS[3].title), (9000, CHAPTERS[4].title)]


@pytest.mark.parametrize("source", ["ogm", "matroska", "ffmetadata"])
@pytest.mark.parametrize("target", ["out.txt", "out.xml", "out.ffmetadata"])
def test_all_formats(source: str, target: str, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(chapter_text(CHAPTERS, source), encoding="utf-8")
    assert [c.title for c in read_chapters((tmp_path / "in.txt").read_text())] == [c.title for c in CHAPTERS]
    report = retime_chapters(tmp_path / "in.txt", tmp_path / target, CUT)
    assert report == ChapterReport(4, 1, ("Lost = gone; #1",))
    found = read_chapters((tmp_path / target).read_text(encoding="utf-8"))
    assert [(chapter.start, chapter.title) for chapter in found] == WANTED
    if target != "out.txt":
        assert [chapter.end for chapter in found] == [4000, 5000, 9000, 13_000]


def test_chapters_of_a_media_file(tmp_path: Path) -> None:
    """They are muxed into Matroska by ffmpeg, which also reads what was written."""
    film = write_film(tmp_path / "film.mkv", [0] * 400, size=(32, 16))
    (tmp_path / "in.ffmetadata").write_text(chapter_text(CHAPTERS, "ffmetadata"), encoding="utf-8")
    command = [str(find_ffmpeg()), "-loglevel", "error", "-i", str(film), "-i", str(tmp_path / "in.ffmetadata")]
    subprocess.run([*command, "-map_chapters", "1", "-c", "copy", str(tmp_path / "with.mkv")], check=True)
    retime_chapters(tmp_path / "with.mkv", tmp_path / "out.ini", CUT)
    command[-1] = str(tmp_path / "out.ini")
    subprocess.run([*command, "-map_chapters", "1", "-c", "copy", str(tmp_path / "back.mkv")], check=True)
    report = retime_chapters(
        tmp_path / "back.mkv",
        tmp_path / "same.txt",
        Timeline((Segment(0, 399, 0),), CUT.clip_rate, CUT.ref_rate, 400, 400),
    )
    assert report == ChapterReport(4, 0)
    found = read_chapters((tmp_path / "same.txt").read_text(encoding="utf-8"))
    assert [(chapter.start, chapter.title) for chapter in found] == WANTED
    with pytest.raises(ArgumentError, match=r"retime_chapters: source must have chapters, got '.*film\.mkv'"):
        retime_chapters(film, tmp_path / "none.txt", CUT)


@pytest.mark.parametrize("frame", [0, 1, 77, 1439, 2399])
def test_pal_speed_stays_on_the_frame(frame: int, tmp_path: Path) -> None:
    line = Timeline((Segment(0, 2499, 0),), Fraction(25), Fraction(24000, 1001), 2500, 2500)
    (tmp_path / "in.txt").write_text(chapter_text([Chapter(40 * frame, None, "x")], "ogm"))
    retime_chapters(tmp_path / "in.txt", tmp_path / "out.txt", line)
    (found,) = read_chapters((tmp_path / "out.txt").read_text())
    assert found.start == round(frame * 1001 / 24)


def test_scenes_in_another_order(tmp_path: Path) -> None:
    line = Timeline((Segment(0, 99, 100), Segment(100, 199, 0)), Fraction(25), Fraction(25), 200, 200)
    (tmp_path / "in.txt").write_text(chapter_text([Chapter(0, None, "one"), Chapter(4000, None, "two")], "ogm"))
    retime_chapters(tmp_path / "in.txt", tmp_path / "out.txt", line)
    assert (tmp_path / "out.txt").read_text().splitlines() == [
        "CHAPTER01=00:00:00.000",
        "CHAPTER01NAME=two",
        "CHAPTER02=00:00:04.000",
        "CHAPTER02NAME=one",
    ]


def test_nanoseconds_and_languages_of_matroska() -> None:
    text = """<?xml version="1.0"?>
    <!-- a remark --><Chapters><EditionEntry><EditionUID>1</EditionUID>
    <ChapterAtom><ChapterTimeStart>01:00:01.500400000</ChapterTimeStart>
    <ChapterDisplay><ChapterString>Ende</ChapterString><ChapterLanguage>ger</ChapterLanguage></ChapterDisplay>
    </ChapterAtom><ChapterAtom><ChapterTimeStart>00:00:00</ChapterTimeStart></ChapterAtom></EditionEntry></Chapters>"""
    assert read_chapters(text) == [Chapter(0, None, ""), Chapter(3_601_500, None, "Ende", "ger")]


def test_what_cannot_be(tmp_path: Path) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    cases = {
        "": "must hold chapters as",
        "nothing of the kind": "must hold chapters as",
        "<Chapters><EditionEntry>": r"must be XML \(",
        "<html/>": r"must be an XML file of chapters \(it holds 'html'\)",
        "<Chapters/>": "must have chapters",
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/0\nSTART=0\n": r"must have whole numbers as times \(TIMEBASE='1/0'\)",
        "<Chapters><EditionEntry><ChapterAtom><ChapterTimeStart>1 s</ChapterTimeStart></ChapterAtom></EditionEntry>"
        "</Chapters>": "must have times such as",
    }
    for text, rule in cases.items():
        source.write_text(text)
        with pytest.raises(ArgumentError, match=rf"retime_chapters: source {rule}"):
            retime_chapters(source, target, CUT)
    source.write_bytes(b"CHAPTER01=\xff\xfa")
    with pytest.raises(ArgumentError, match=r"source must be text in UTF-8"):
        retime_chapters(source, target, CUT)
    with pytest.raises(ArgumentError, match=r"source must name a file that can be read"):
        retime_chapters(tmp_path / "nothing.txt", target, CUT)
    with pytest.raises(ArgumentError, match=r"target must end in one of \.txt, .* got '.*out\.srt'"):
        retime_chapters(source, tmp_path / "out.srt", CUT)
    (tmp_path / "in.mkv").write_bytes(b"no film at all")
    with pytest.raises(ArgumentError, match=r"source must be a media file or a text of chapters"):
        retime_chapters(tmp_path / "in.mkv", target, CUT)
    source.write_text(chapter_text(CHAPTERS, "ogm"))
    with pytest.raises(MediaError, match=r"retime_chapters: cannot write"):
        retime_chapters(source, tmp_path / "nowhere" / "out.txt", CUT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "in.txt"]


def test_images_that_begin_later_than_the_clock(tmp_path: Path) -> None:
    """On clip's side by half a second, on ref's by a second; a chapter at 0 begins with clip's first frame."""
    segments = (Segment(0, 24, None, kind=SegmentKind.INSERT), Segment(25, 224, 0))
    line = Timeline(segments, CUT.clip_rate, CUT.ref_rate, 200, 225)
    given = [Chapter(0, None, "start"), Chapter(500, None, "first frame"), Chapter(4500, None, "frame 100")]
    (tmp_path / "in.txt").write_text(chapter_text(given[::2], "ogm"))
    retime_chapters(tmp_path / "in.txt", tmp_path / "out.ini", line, clip_start=0.5, ref_start=1.0)
    found = read_chapters((tmp_path / "out.ini").read_text())
    assert [(chapter.start, chapter.end) for chapter in found] == [(2000, 6000), (6000, 10_000)]
    (tmp_path / "in.txt").write_text(chapter_text(given[1:], "ogm"))
    retime_chapters(tmp_path / "in.txt", tmp_path / "out.ini", line, clip_start=0.5)
    assert [chapter.start for chapter in read_chapters((tmp_path / "out.ini").read_text())] == [1000, 5000]


def test_chapters_of_a_file_that_begins_late_are_read_on_its_clock(tmp_path: Path) -> None:
    """Nothing begins before 0.52 s; ffmpeg alone would count from there."""
    film = write_film(tmp_path / "film.mkv", [0] * 200, start=0.52, size=(32, 16))
    (tmp_path / "in.ffmetadata").write_text(chapter_text([Chapter(4520, 5000, "frame 100")], "ffmetadata"))
    command = [str(find_ffmpeg()), "-loglevel", "error", "-copyts", "-i", str(film)]
    command += ["-i", str(tmp_path / "in.ffmetadata")]
    subprocess.run([*command, "-map_chapters", "1", "-c", "copy", str(tmp_path / "with.mkv")], check=True)
    same = Timeline((Segment(0, 199, 0),), CUT.clip_rate, CUT.ref_rate, 200, 200)
    retime_chapters(tmp_path / "with.mkv", tmp_path / "out.txt", same, clip_start=0.52)
    (chapter,) = read_chapters((tmp_path / "out.txt").read_text())
    assert chapter.start == 4000


def test_none_is_left(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(chapter_text([Chapter(5000, None, "in the cut")], "ogm"))
    short = Timeline((Segment(0, 0, 0),), CUT.clip_rate, CUT.ref_rate, 1, 1)
    assert retime_chapters(tmp_path / "in.txt", tmp_path / "out.txt", short) == ChapterReport(0, 1, ("in the cut",))
