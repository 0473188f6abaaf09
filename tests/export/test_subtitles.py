"""Cues are demanded back on the frames of ref that show what clip showed with them."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.export.cue_times import CueTimes
from vs_align.export.subtitle_formats import Cue, Times, rewritten
from vs_align.export.subtitles import SubtitleReport, retime_subtitles
from vs_align.timeline.time_map import TimeMap, milliseconds
from vs_align.timeline.timeline import Segment, Timeline

FILM = Fraction(24000, 1001)


def line(segments: list[Segment], clip_rate: Fraction | int = 25, ref_rate: Fraction | int = 25) -> Timeline:
    stop = max(segment.clip_last or 0 for segment in segments) + 1
    return Timeline(tuple(segments), Fraction(clip_rate), Fraction(ref_rate), stop, segments[-1].ref_last + 1)


def visible(times: np.ndarray[tuple[int], np.dtype[np.int64]], start: int, end: int) -> list[int]:
    """Frames on which a player shows a cue."""
    return [n for n, time in enumerate(times[:-1].tolist()) if start <= time < end]


def srt(*cues: tuple[str, str, str]) -> str:
    return "".join(f"{i}\n{a} --> {b}\n{text}\n\n" for i, (a, b, text) in enumerate(cues, 1))


def cues_in(path: Path) -> list[Cue]:
    cues: list[Cue] = []

    def take(cue: Cue) -> Times:
        cues.append(cue)
        return []

    rewritten(path.read_text(encoding="utf-8"), path.suffix[1:], take)
    return cues


def retimed(text: str, timeline: Timeline, folder: Path, form: str = "srt") -> tuple[list[Cue], SubtitleReport]:
    source, target = folder / f"in.{form}", folder / f"out.{form}"
    source.write_text(text, encoding="utf-8")
    report = retime_subtitles(source, target, timeline)
    return cues_in(target), report


MAPS = {
    "pal": (line([Segment(0, 1199, 0)], 25, FILM), 1, 0),
    "film": (line([Segment(0, 999, 40)], FILM, 25), 1, 0),
    "time kept": (line([Segment(0, 1199, 3, 24 / 25, phase=0.25)], 24, 25), 1, 1),
    "drift": (line([Segment(0, 1199, 7, 1.00015, phase=0.3)], 25, 25), 1, 1),
    "more frames": (line([Segment(0, 1999, 0, 0.5, phase=-0.5)], 25, 50), 1, 0),
    "pal in centiseconds": (line([Segment(0, 1199, 0)], 25, FILM), 10, 0),
    "shift at 60": (line([Segment(0, 1999, 33)], 60, Fraction(60000, 1001)), 10, 0),
}


@pytest.mark.parametrize("name", MAPS)
def test_cues_are_seen_on_the_same_pictures(name: str) -> None:
    timeline, step, lost = MAPS[name]
    times = TimeMap(timeline, "test")
    cues = CueTimes(times, step)
    clip, ref = milliseconds(times.clip_times), milliseconds(times.ref_times)
    shown = timeline.frame_map
    first, last = shown[0] or 0, shown[-1] or 0
    rng = np.random.default_rng(4)
    checked = 0
    for _ in range(120):
        start, length = (int(n) for n in rng.integers((int(clip[first]), 60), (int(clip[last]) - 3000, 3000)))
        (found,) = cues.showings(start, start + length)
        wanted = set(visible(clip, start, start + length))
        assert found.start % step == found.end % step == 0
        on_ref = visible(ref, found.start, found.end)
        assert on_ref == [n for n, frame in enumerate(shown) if frame in wanted]
        missing = wanted - {shown[n] for n in on_ref}
        # Where clip has more frames than ref, single ones are not seen at all.
        assert len(missing) <= lost * (1 + 0.05 * len(wanted))
        assert found.whole
        checked += len(on_ref)
    assert checked > 2000


@pytest.mark.parametrize("offset", [0, 37, 1234])
def test_a_shift_is_exact_to_the_millisecond(offset: int, tmp_path: Path) -> None:
    """Cues at any millisecond, not only on frames."""
    timeline = line([Segment(0, 2499, offset)])
    starts = [40 * offset + ms for ms in (0, 1, 39, 40, 41, 1017, 50_003)]
    made = [(f"00:{ms // 60000:02}:{ms // 1000 % 60:02},{ms % 1000:03}") for ms in starts]
    ends = [(f"00:{(ms + 1503) // 60000:02}:{(ms + 1503) // 1000 % 60:02},{(ms + 1503) % 1000:03}") for ms in starts]
    text = srt(*[(a, b, f"<i>cue</i> {k}\nsecond") for k, (a, b) in enumerate(zip(made, ends, strict=True))])
    cues, report = retimed(text, timeline, tmp_path)
    assert report == SubtitleReport(7, 0, 0, 0)
    assert [(cue.start, cue.end) for cue in cues] == [(s - 40 * offset, s - 40 * offset + 1503) for s in starts]
    if offset == 0:
        assert (tmp_path / "out.srt").read_text() == text


def test_pal_times_follow_the_line() -> None:
    """Times are scaled, and only where that would be another frame they are not."""
    timeline = MAPS["pal"][0]
    cues = CueTimes(TimeMap(timeline, "test"))
    near = 0
    for start in range(1000, 40000, 777):
        (found,) = cues.showings(start, start + 2000)
        assert abs(found.start - start * 25025 / 24000) < 43
        near += abs(found.start - start * 25025 / 24000) <= 0.5
    assert near > 40


CUT = [
    Segment(0, 99, 0),
    Segment(100, 99, 100, kind=SegmentKind.MISSING, clip_count=100),
    Segment(100, 199, 200),
    Segment(200, 299, None, kind=SegmentKind.INSERT),
    Segment(300, 399, 300),
]


def test_cuts_inserts_and_what_ref_lacks(tmp_path: Path) -> None:
    text = srt(
        ("00:00:01,000", "00:00:02,000", "untouched"),
        ("00:00:03,000", "00:00:05,000", "goes into the cut"),
        ("00:00:05,000", "00:00:06,500", "lost"),
        ("00:00:07,600", "00:00:09,000", "comes out of the cut"),
        ("00:00:03,500", "00:00:09,500", "over the whole cut"),
        ("00:00:11,000", "00:00:12,500", "most of it before the insert"),
        ("00:00:11,900", "00:00:14,000", "most of it behind the insert"),
        ("00:00:13,000", "00:00:14,000", "behind it"),
        ("00:00:03,960", "00:00:07,000", "one frame of it is left"),
    )
    cues, report = retimed(text, line(CUT), tmp_path)
    found = {cue.text: (cue.start, cue.end) for cue in cues}
    assert found["untouched"] == (1000, 2000)
    # Half-way between the last frame before the cut, or the first behind it, and its neighbour.
    assert found["goes into the cut"] == (3000, 3980)
    assert found["comes out of the cut"] == (3980, 5000)
    assert found["over the whole cut"] == (3500, 5500)
    assert found["most of it before the insert"] == (7000, 7980)
    assert found["most of it behind the insert"] == (11980, 14000)
    assert found["behind it"] == (13000, 14000)
    assert len(found) == 7
    assert (report.kept, report.clipped, report.dropped, report.repeated) == (2, 5, 2, 0)
    assert sorted(report.dropped_cues) == [(3960, "one frame of it is left"), (5000, "lost")]
    starts = [cue.start for cue in cues]
    assert starts == sorted(starts)
    numbers = [text for text in (tmp_path / "out.srt").read_text().splitlines() if text.isdigit()]
    assert numbers == [str(n) for n in range(1, 8)]


def test_what_is_shown_again_is_said_again(tmp_path: Path) -> None:
    timeline = line([Segment(0, 99, 0), Segment(100, 199, 50), Segment(200, 299, 150)])
    cues, report = retimed(srt(("00:00:02,400", "00:00:03,200", "twice")), timeline, tmp_path)
    assert [(cue.start, cue.end) for cue in cues] == [(2400, 3200), (4400, 5200)]
    assert (report.kept, report.repeated) == (1, 1)


def test_dropped_frames_do_not_chop_cues() -> None:
    kept = [n for n in range(2000) if n % 50 != 49]
    timeline = Timeline.from_frame_map(kept, clip_rate=25, ref_rate=25, clip_length=2000)
    cues = CueTimes(TimeMap(timeline, "test"))
    ref = milliseconds(TimeMap(timeline, "test").ref_times)
    for start in range(0, 76000, 1357):
        (found,) = cues.showings(start, start + 1800)
        wanted = {n for n in range(2000) if start <= 40 * n < start + 1800}
        assert visible(ref, found.start, found.end) == [n for n, frame in enumerate(kept) if frame in wanted]
        assert found.whole


def test_before_the_first_and_behind_the_last_frame(tmp_path: Path) -> None:
    timeline = line([Segment(0, 99, 10)])
    text = srt(
        ("00:00:00,000", "00:00:01,000", "begins too early"),
        ("00:00:04,000", "00:00:09,000", "ends behind the end"),
        ("00:00:04,390", "00:00:04,399", "on no frame"),
    )
    cues, report = retimed(text, timeline, tmp_path)
    assert [(cue.start, cue.end) for cue in cues] == [(0, 600), (3600, 8600), (3990, 3999)]
    assert (report.kept, report.clipped, report.dropped) == (2, 1, 0)


def test_held_frames_keep_their_cue() -> None:
    timeline = line([Segment(0, 49, 0), Segment(50, 149, 50, 0.0, SegmentKind.HOLD), Segment(150, 199, 51)])
    cues = CueTimes(TimeMap(timeline, "test"))
    (found,) = cues.showings(1000, 3000)
    assert (found.start, found.end, found.first, found.last) == (1000, 6960, 25, 173)


def test_variable_rate_is_followed_by_time_stamps() -> None:
    """Clip stands still for 2 s in its middle; ref has the same frames at an even rate."""
    times = [n / 25 + (2 if n >= 100 else 0) for n in range(200)]
    timeline = Timeline((Segment(0, 199, 0),), Fraction(0), Fraction(25), 200, 200, clip_times=tuple(times))
    cues = CueTimes(TimeMap(timeline, "test"))
    (found,) = cues.showings(6400, 7400)
    ref = milliseconds(TimeMap(timeline, "test").ref_times)
    assert visible(ref, found.start, found.end) == list(range(110, 135))


ASS = """\ufeff[Script Info]
; A comment
ScriptType: v4.00+

[Aegisub Project Garbage]
Audio File: a.mkv

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,47.123

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:00.00,Default,,0,0,0,template line,!retime("line")!
Dialogue: 3,0:00:04.00,0:00:05.50,Default,A,0,0,0,karaoke,{\\k20}la{\\k30\\t(0,200,\\frz30)}la, la
Dialogue: 0,0:00:05.00,0:00:06.50,Default,,0,0,0,,lost
Dialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,before, in file behind

[Aegisub Extradata]
Data: 1,_,e
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_ass_keeps_all_but_times(newline: str, tmp_path: Path) -> None:
    timeline = line([Segment(0, 99, 75), Segment(100, 199, 300)])
    (tmp_path / "in.ass").write_bytes(ASS.replace("\n", newline).encode())
    report = retime_subtitles(tmp_path / "in.ass", tmp_path / "out.ass", timeline)
    assert (report.kept, report.clipped, report.dropped) == (3, 0, 1)
    assert report.dropped_cues == ((2000, "before, in file behind"),)
    made = (tmp_path / "out.ass").read_bytes().decode().replace(newline, "\n")
    wanted = ASS.replace("0:00:04.00,0:00:05.50", "0:00:01.00,0:00:02.50").replace(
        "0:00:05.00,0:00:06.50", "0:00:02.00,0:00:03.50"
    )
    gone = [text for text in wanted.splitlines() if "before, in file" in text]
    assert made.splitlines() == [text for text in wanted.splitlines() if text not in gone]


def test_centiseconds_stay_on_their_frame(tmp_path: Path) -> None:
    timeline = MAPS["film"][0]
    ass = "[V4+ Styles]\n[Events]\nDialogue: 0,0:00:10.01,0:00:12.34,Default,,0,0,0,,x\n"
    cues, _ = retimed(ass, timeline, tmp_path, "ass")
    clip = milliseconds(TimeMap(timeline, "t").clip_times)
    ref = milliseconds(TimeMap(timeline, "t").ref_times)
    wanted = [n - 40 for n in visible(clip, 10010, 12340)]
    assert visible(ref, cues[0].start, cues[0].end) == wanted


VTT = """WEBVTT - a title

STYLE
::cue { color: red }

NOTE a remark

intro
00:01.000 --> 00:02.000 line:0 align:start
<v Ann>first

00:00:05.000 --> 00:00:06.500
lost

00:00:09.000 --> 00:00:10.000
last
"""


def test_vtt_keeps_names_and_settings(tmp_path: Path) -> None:
    cues, report = retimed(VTT, line(CUT), tmp_path, "vtt")
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [(1000, 2000, "<v Ann>first"), (5000, 6000, "last")]
    assert report.dropped_cues == ((5000, "lost"),)
    text = (tmp_path / "out.vtt").read_text()
    assert text.startswith(
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE a remark\n\nintro\n00:00:01.000 -->"
    )
    assert "00:00:02.000 line:0 align:start\n" in text


def test_faulty_srt_loses_nothing(tmp_path: Path) -> None:
    """A byte order mark, missing numbers, points for commas, blank lines and CR LF."""
    text = (
        "\ufeff1\r\n00:00:01.000 --> 00:00:02,000\r\none\r\n\r\nmore of one\r\n\r\n00:00:03,000 --> 00:00:03,5\r\ntwo"
    )
    (tmp_path / "in.srt").write_bytes(text.encode())
    report = retime_subtitles(tmp_path / "in.srt", tmp_path / "out.srt", line([Segment(0, 99, 0)]))
    assert report.kept == 2
    assert (tmp_path / "out.srt").read_bytes().decode() == (
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,000\r\none\r\n\r\nmore of one\r\n\r\n"
        "2\r\n00:00:03,000 --> 00:00:03,500\r\ntwo\r\n"
    )


def test_encodings(tmp_path: Path) -> None:
    text = srt(("00:00:01,000", "00:00:02,000", "Ünïcode, Привет"))
    timeline, target = line([Segment(0, 99, 0)]), tmp_path / "out.srt"
    for encoding, given in (("utf-8", None), ("utf-16", None), ("utf-8-sig", None)):
        (tmp_path / "in.srt").write_bytes(text.encode(encoding))
        retime_subtitles(tmp_path / "in.srt", target, timeline, given)
        assert target.read_text(encoding="utf-8-sig") == text
    (tmp_path / "in.srt").write_bytes(srt(("00:00:01,000", "00:00:02,000", "Привет")).encode("cp1251"))
    with pytest.raises(ArgumentError, match=r"retime_subtitles: encoding must be that of the source, got utf-8 for"):
        retime_subtitles(tmp_path / "in.srt", target, timeline)
    retime_subtitles(tmp_path / "in.srt", target, timeline, "cp1251")
    assert "Привет" in target.read_text(encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"encoding must be one that Python knows, got 'klingon'"):
        retime_subtitles(tmp_path / "in.srt", target, timeline, "klingon")


def test_another_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pysubs2", reason="the extra 'export' is not installed")
    (tmp_path / "in.srt").write_text(srt(("00:00:05,000", "00:00:06,000", "<i>word</i>")))
    timeline = line([Segment(0, 199, 100)])
    retime_subtitles(tmp_path / "in.srt", tmp_path / "out.ass", timeline)
    (cue,) = cues_in(tmp_path / "out.ass")
    assert (cue.start, cue.end) == (1000, 2000)
    assert cue.text == "{\\i1}word{\\i0}"
    (tmp_path / "in.sub").write_text("{125}{150}frames\n")
    retime_subtitles(tmp_path / "in.sub", tmp_path / "out.srt", timeline)
    assert [(cue.start, cue.end, cue.text) for cue in cues_in(tmp_path / "out.srt")] == [(1000, 2000, "frames")]
    monkeypatch.setitem(sys.modules, "pysubs2", None)
    with pytest.raises(MissingDependencyError, match=r"pip install opentimelineio .* pysubs2"):
        retime_subtitles(tmp_path / "in.srt", tmp_path / "out.ass", timeline)


def test_what_cannot_be(tmp_path: Path) -> None:
    timeline = line([Segment(0, 99, 0)])
    source = tmp_path / "in.srt"
    source.write_text(srt(("00:00:01,000", "00:00:02,000", "x")))
    with pytest.raises(ArgumentError, match=r"target must end in \.srt, \.vtt, \.ass or \.ssa, got '.*out\.txt'"):
        retime_subtitles(source, tmp_path / "out.txt", timeline)
    with pytest.raises(
        ArgumentError, match=r"source must name a file that can be read, got '.*nothing\.srt' \(No such"
    ):
        retime_subtitles(tmp_path / "nothing.srt", tmp_path / "out.srt", timeline)
    with pytest.raises(MediaError, match=r"retime_subtitles: cannot write"):
        retime_subtitles(source, tmp_path / "nowhere" / "out.srt", timeline)
    unknown = Timeline((Segment(0, 99, 0),), Fraction(0), Fraction(25), 100, 100)
    with pytest.raises(
        ArgumentError, match=r"timeline\.clip_rate must have a frame rate or time stamps of clip, got 0"
    ):
        retime_subtitles(source, tmp_path / "out.srt", unknown)
    bad = tmp_path / "bad.ass"
    bad.write_text("[V4+ Styles]\nDialogue: 0,zero,0:00:01.00,D,,0,0,0,,x\n")
    with pytest.raises(ArgumentError, match=r"source must hold times such as .* \(line 2 has 'zero'\)"):
        retime_subtitles(bad, tmp_path / "out.ass", timeline)
    pytest.importorskip("pysubs2", reason="the extra 'export' is not installed")
    source.write_text("no subtitles at all")
    with pytest.raises(ArgumentError, match=r"retime_subtitles: source must be a subtitle file"):
        retime_subtitles(source, tmp_path / "out.srt", timeline)
    assert not (tmp_path / "out.srt").exists()
