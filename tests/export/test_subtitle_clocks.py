"""Subtitles by the clocks of files whose images begin later than the clock, and times inside cues."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from vs_align.enums import SegmentKind
from vs_align.export.ass_tags import retagged
from vs_align.export.subtitles import retime_subtitles
from vs_align.timeline.timeline import Segment, Timeline

FILM = Fraction(24)


def line(segments: list[Segment], clip_rate: Fraction = FILM, ref_rate: Fraction = FILM) -> Timeline:
    stop = max(segment.clip_last or 0 for segment in segments) + 1
    return Timeline(tuple(segments), clip_rate, ref_rate, stop, segments[-1].ref_last + 1)


SHIFT = line([Segment(0, 99, None, kind=SegmentKind.INSERT), Segment(100, 387, 0)])
SAME = line([Segment(0, 287, 0)])


def retimed(text: str, timeline: Timeline, folder: Path, form: str, **starts: float) -> str:
    (folder / f"in.{form}").write_text(text, encoding="utf-8")
    clip_start, ref_start = starts.get("clip_start"), starts.get("ref_start")
    retime_subtitles(
        folder / f"in.{form}", folder / f"out.{form}", timeline, clip_start=clip_start, ref_start=ref_start
    )
    return (folder / f"out.{form}").read_text(encoding="utf-8")


def times_in(text: str) -> list[str]:
    return re.findall(r"\S+ --> \S+", text)


TWO = "1\n00:00:01,000 --> 00:00:02,000\nA\n\n2\n00:00:05,000 --> 00:00:06,000\nB\n"


@pytest.mark.parametrize(
    ("timeline", "starts", "wanted"),
    [
        (SHIFT, {"clip_start": 0.5}, ["00:00:04,667 --> 00:00:05,667", "00:00:08,667 --> 00:00:09,667"]),
        (SAME, {"ref_start": 0.5}, ["00:00:01,500 --> 00:00:02,500", "00:00:05,500 --> 00:00:06,500"]),
        (SAME, {"clip_start": 0.5, "ref_start": 0.5}, times_in(TWO)),
        (
            SHIFT,
            {"clip_start": 0.5, "ref_start": 1},
            ["00:00:05,667 --> 00:00:06,667", "00:00:09,667 --> 00:00:10,667"],
        ),
    ],
)
def test_images_may_begin_later_than_the_clock(
    timeline: Timeline, starts: dict[str, float], wanted: list[str], tmp_path: Path
) -> None:
    assert times_in(retimed(TWO, timeline, tmp_path, "srt", **starts)) == wanted


def test_variable_rates_begin_there_too(tmp_path: Path) -> None:
    """Time stamps of a timeline count from the first frame, wherever the file begins."""
    times = tuple(n / 24 for n in range(288))
    timeline = Timeline(SAME.segments, Fraction(0), Fraction(0), 288, 288, clip_times=times, ref_times=times)
    text = retimed(TWO, timeline, tmp_path, "srt", clip_start=0.5, ref_start=1.0)
    assert times_in(text) == ["00:00:01,500 --> 00:00:02,500", "00:00:05,500 --> 00:00:06,500"]


def test_cues_before_the_first_image(tmp_path: Path) -> None:
    """They go along with the audio, as long as ref's clock has begun."""
    text = "1\n00:00:00,100 --> 00:00:00,300\nintro\n\n2\n00:00:00,400 --> 00:00:01,000\nover the start\n"
    assert times_in(retimed(text, SAME, tmp_path, "srt", clip_start=0.5, ref_start=0.75)) == [
        "00:00:00,350 --> 00:00:00,550", "00:00:00,650 --> 00:00:01,250",
    ]  # fmt: skip
    assert times_in(retimed(text, SAME, tmp_path, "srt", clip_start=0.5)) == ["00:00:00,000 --> 00:00:00,500"]


VTT = """WEBVTT

00:01.000 --> 00:04.000 line:0
One <00:00:02.000><c>two</c> <00:03.500>three

00:00:05.000 --> 00:00:06.000
plain <b>bold</b>
"""


def test_time_stamps_inside_vtt_cues_move_with_the_cue(tmp_path: Path) -> None:
    text = retimed(VTT, SHIFT, tmp_path, "vtt")
    assert "00:00:05.167 --> 00:00:08.167 line:0\n" in text
    assert "One <00:00:06.167><c>two</c> <00:00:07.667>three" in text
    assert "plain <b>bold</b>" in text


def test_time_stamps_inside_vtt_cues_at_another_speed_and_over_a_cut(tmp_path: Path) -> None:
    """Half the speed; and ref lacks clip's frames 0-59, so that the second word is there from the start."""
    slow = line([Segment(0, 399, 0, 0.5)], FILM, FILM)
    text = retimed(VTT, slow, tmp_path, "vtt")
    inner = re.findall(r"<(\d\d:\d\d:\d\d\.\d{3})>", text)
    # the first ref frame that shows clip frame 48, and 84
    assert [round(float(clock[-6:]) * 24) for clock in inner] == [95, 167]
    cut = line([Segment(0, 227, 60)])
    text = retimed(VTT, cut, tmp_path, "vtt")
    assert "00:00:00.000 --> 00:00:01.500 line:0\nOne <c>two</c> <00:00:01.000>three" in text


ASS = "[V4+ Styles]\n[Events]\nDialogue: 0,0:00:01.00,0:00:04.00,Default,,0,0,0,,{}\n"
SUNG = r"{\k100\t(0,500,\fs20)}la{\kf50}la, {\fad(200,200)\move(1,2,3,4,1000,2000)}la{\ko150}la"


def sung_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\\k[fo]?(\d+)", text)]


def test_karaoke_is_kept_to_the_letter_by_a_shift(tmp_path: Path) -> None:
    for starts in ({}, {"clip_start": 0.5}):
        made = retimed(ASS.format(SUNG), SHIFT, tmp_path, "ass", **starts)
        assert SUNG in made


def test_karaoke_keeps_its_place_at_another_speed(tmp_path: Path) -> None:
    """PAL: clip at 25 frames a second shows the same frames as ref at 23.976, which takes 4.27 % longer."""
    pal = line([Segment(0, 199, 0)], Fraction(25), Fraction(24000, 1001))
    made = retimed(ASS.format(SUNG), pal, tmp_path, "ass")
    start = 1000 * 25025 / 24000
    found, reached = sung_in(made), 0.0
    for length, wanted in zip(found, (1000, 1500, 3000), strict=True):
        reached += 10 * length
        assert reached == pytest.approx(wanted * 25025 / 24000, abs=25)
    assert found != [100, 50, 150]
    assert start + reached == pytest.approx(4000 * 25025 / 24000, abs=30)
    (times,) = re.findall(r"\\move\(1,2,3,4,(\d+),(\d+)\)", made)
    assert [int(time) for time in times] == pytest.approx([1043, 2085], abs=25)
    assert r"\fad(200,200)" in made


def test_karaoke_that_has_lost_its_beginning(tmp_path: Path) -> None:
    """Ref lacks the first two seconds: the first syllable is over, half of the last is left."""
    made = retimed(ASS.format(r"{\k100}a{\k150}b{\k50}c"), line([Segment(0, 227, 60)]), tmp_path, "ass")
    assert "Dialogue: 0,0:00:00.00,0:00:01.50" in made
    assert sung_in(made) == pytest.approx([0, 100, 50], abs=1)


def test_tags_count_from_the_start() -> None:
    def doubled(time: int) -> int:
        return 2 * time

    assert retagged(r"{\k10\kt50\K20}x{\k5}", doubled) == r"{\k20\kt100\K40}x{\k10}"
    assert retagged(r"{\t(\fs3)}{\t(0,0,\fs3)}{\t(2,\fs3)}", doubled) == r"{\t(\fs3)}{\t(0,0,\fs3)}{\t(2,\fs3)}"
    assert retagged(r"{\t(100,200,2,\fs3)}", doubled) == r"{\t(200,400,2,\fs3)}"
    assert retagged(r"{\fade(255,0,255,0,300,700,1000)}", doubled) == r"{\fade(255,0,255,0,600,1400,2000)}"
    assert retagged(r"no \k10 outside {\kfoo}", doubled) == r"no \k10 outside {\kfoo}"
    assert retagged(r"{\k10.5}", lambda time: time + 5) == r"{\k10.5}"
