"""`Timeline.explain`: what a person reads."""

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from vs_align.enums import SegmentKind
from vs_align.timeline.timeline import Segment, Timeline

MATCH, HOLD, INSERT, MISSING, BLACK = SegmentKind
FILM, PAL = Fraction(24000, 1001), Fraction(25)


def built(
    *segments: Segment, clip_rate: Fraction = FILM, ref_rate: Fraction = FILM, clip_length: int = 20_000
) -> Timeline:
    return Timeline(segments, clip_rate, ref_rate, clip_length, max(s.ref_last for s in segments) + 1)


def mapped(frame_map: Sequence[int | None]) -> Timeline:
    length = max(frame for frame in frame_map if frame is not None) + 1
    return Timeline.from_frame_map(frame_map, clip_rate=FILM, ref_rate=FILM, clip_length=length)


def test_the_whole_text() -> None:
    timeline = replace(
        built(
            Segment(0, 479, 240, confidence=0.974),
            Segment(480, 527, None, kind=BLACK),
            Segment(528, 527, 720, kind=MISSING, clip_count=48),
            Segment(528, 1199, 768),
            clip_rate=Fraction(24),
            ref_rate=Fraction(24),
            clip_length=1440,
        ),
        verdict="good",
        reasons=("the pictures fit", "word " * 30),
        residual_ms=-3.25,
    )
    assert timeline.explain() == "\n".join(
        [
            "Verdict: good",
            "- the pictures fit",
            "- word word word word word word word word word word word word word word word word word word word",
            "  word word word word word word word word word word word",
            "",
            "clip: 1440 frames, 24 fps, up to 00:01:00.000",
            "ref:  1200 frames, 24 fps, up to 00:00:50.000",
            "1152 of ref's 1200 frames have a counterpart in clip.",
            "",
            "ref time                   ref frames  clip time     offset ms  frames  sure",
            "00:00:00.000-00:00:20.000  0-479       00:00:10.000   +10000.0    +240  0.97  frame for frame",
            "00:00:20.000-00:00:22.000  480-527     -",
            "    black, clip lacks 48 frames (2.000 s)",
            "-                          before 528  00:00:30.000",
            "    ref lacks 48 frames (2.000 s)",
            "00:00:22.000-00:00:50.000  528-1199    00:00:32.000   +10000.0    +240        frame for frame",
            "",
            "Frames of clip that ref never shows:",
            "00:00:00.000-00:00:10.000  0-239  240 frames (10.000 s)",
            "",
            "Left below a frame: -3.25 ms (clip time minus ref time).",
        ]
    )


@pytest.mark.parametrize(
    ("rate", "clip_rate", "ref_rate", "words"),
    [
        (1.0, PAL, FILM, "PAL speed-up: clip runs 4.27 % faster, frame for frame"),
        (1.0, FILM, PAL, "PAL slow-down: clip runs 4.10 % slower, frame for frame"),
        (1.0, PAL, Fraction(24), "PAL speed-up from 24 fps: clip runs 4.17 % faster, frame for frame"),
        (1.0, Fraction(24), FILM, "as 24 beside 23.976 fps: clip runs 0.10 % faster, frame for frame"),
        (1.0, FILM, FILM, "frame for frame"),
        (25025 / 24000, PAL, FILM, "same speed; 427 frames left out"),
        (1.00015, FILM, FILM, "drift of +150 ppm (+9.0 ms a minute); 1 frame left out"),
        (0.99985, FILM, FILM, "drift of -150 ppm (-9.0 ms a minute); 1 frame repeated"),
        (1.125, FILM, FILM, "clip runs 11.11 % slower; 1250 frames left out"),
        (3.0, Fraction(72), Fraction(18), "clip runs 33.33 % faster; "),
        (3.0, FILM, FILM, "clip shows 3 s for each second of ref; "),
        (1.0, Fraction(0), FILM, "frame for frame"),
        (0.75, Fraction(0), FILM, "0.75 clip frames per ref frame; 2500 frames repeated"),
    ],
)
def test_speed_in_words(rate: float, clip_rate: Fraction, ref_rate: Fraction, words: str) -> None:
    timeline = built(Segment(0, 9999, 0, rate), clip_rate=clip_rate, ref_rate=ref_rate, clip_length=40_000)
    assert f"  {words}" in timeline.explain().replace("\n    ", "  ")
    assert (f"  {words}\n" in timeline.explain() + "\n") == (not words.endswith("; "))


def test_backwards_and_held_frames() -> None:
    text = built(Segment(0, 99, 99, rate=-1), Segment(100, 199, 50, 0, HOLD)).explain()
    assert "  clip runs backwards\n" in text
    assert "  clip stands still\n" in text
    assert "clip runs backwards, 2 times as far as ref" in built(Segment(0, 99, 300, rate=-2)).explain()


def test_lost_frames_are_told_once_for_the_whole_stretch() -> None:
    rng = random.Random(1)
    lost = set(rng.sample(range(1, 14_399), 288))
    kept = [n for n in range(14_400) if n not in lost]
    timeline = mapped(kept)
    assert len(timeline.passages()) > 5
    rows = [line for line in timeline.explain().splitlines() if line.startswith("00:")]
    assert len(rows) == 1
    assert "    frame for frame; 288 frames left out; offset +12012.0 ms at the end" in timeline.explain()
    cut = mapped([*kept[:7000], *kept[7500:]])
    assert len([line for line in cut.explain().splitlines() if line.startswith("00:")]) == 3, "two, and what is lost"


def test_a_drift_written_frame_by_frame() -> None:
    text = mapped([round(n * 1.001) for n in range(20_000)]).explain()
    assert "    as 23.976 beside 24 fps: clip runs 0.10 % slower; 20 frames left out" in text


def test_nothing_in_common() -> None:
    timeline = replace(built(Segment(0, 239, None, kind=INSERT), clip_length=480), verdict="unrelated", reasons=("no",))
    text = timeline.explain()
    assert text.startswith("Verdict: unrelated\n- no\n")
    assert "0 of ref's 240 frames have a counterpart" in text
    assert "clip lacks 240 frames (10.010 s)" in text
    assert "0-479  480 frames (20.020 s)" in text


def test_without_rates_there_are_frames() -> None:
    text = built(
        Segment(0, 99, 7), Segment(100, 149, None, kind=INSERT), clip_rate=Fraction(0), ref_rate=Fraction(0)
    ).explain()
    assert "clip: 20000 frames, rate unknown" in text
    assert "- 0-99 frame 7 - +7 frame for frame" in [" ".join(line.split()) for line in text.splitlines()]
    assert "clip lacks 50 frames" in text
    assert "None" not in text
    assert "00:0" not in text


def test_time_stamps_are_used() -> None:
    timeline = Timeline(
        (Segment(0, 3, 0),),
        Fraction(0),
        Fraction(0),
        4,
        4,
        clip_times=(-0.25, 0.25, 0.5, 3600.0),
        ref_times=(0.0, 0.5, 0.75, 3600.25),
    )
    text = timeline.explain()
    assert "4 frames, time stamps of its own, up to 01:20:00.3" in text
    assert "00:00:00.000-01:20:00.3" in text
    assert "-00:00:00.250     -250.0      +0        frame for frame" in text


def test_lines_are_never_too_long_and_long_lists_are_cut() -> None:
    rng = random.Random(2)
    segments, n = [], 0
    for _ in range(400):
        length = rng.randint(20, 300)
        kind = rng.choice((MATCH, MATCH, HOLD, INSERT, BLACK))
        first = None if kind in (INSERT, BLACK) else rng.randrange(900_000)
        segments.append(Segment(n, n + length - 1, first, {MATCH: 1.04, HOLD: 0.0}.get(kind, 1.0), kind, rng.random()))
        n += length
    timeline = built(*segments, clip_length=1_000_000, clip_rate=Fraction(120000, 1001))
    text = timeline.explain()
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "more passages" in text
    assert "more runs" in text
    assert len(text.splitlines()) < 300
