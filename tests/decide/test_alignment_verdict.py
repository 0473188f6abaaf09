"""Verdicts and reports of alignments that are known to be good or bad."""

from dataclasses import replace

from vs_align.decide.alignment_report import alignment_report
from vs_align.decide.alignment_verdict import judge_alignment
from vs_align.media.frame_props import FrameAlignment

SMALL, HD = (320, 180), (1920, 1080)
# What versions of real footage gave that differ in grade, grain and framing.
GOOD = FrameAlignment((3.3, -2.1), 0.4, (1.01, 1.01), 0.05, 0.978, 0, "dis")
IN_PLACE = FrameAlignment((0, 0), 0, (1, 1), 0.0, 1.0, 0, "dis")
# What unlike footage gave.
UNLIKE = FrameAlignment((0, 0), 0, (1, 1), 6.5, 0.05, 3, "dis", "the images show different things")


def test_exact() -> None:
    assert judge_alignment([IN_PLACE] * 10, SMALL).verdict == "exact"


def test_what_was_moved_is_not_exact() -> None:
    for moved in (
        replace(IN_PLACE, shift=(0.01, 0)),
        replace(IN_PLACE, scale=(1, 1.01)),
        replace(IN_PLACE, rotation=1),
    ):
        assert judge_alignment([IN_PLACE] * 9 + [moved], SMALL).verdict == "good"


def test_good() -> None:
    found = judge_alignment([GOOD] * 10, SMALL)
    assert found.verdict == "good"
    assert "97.8 %" in found.reason
    assert "0.05 px" in found.reason


def test_residuals_grow_with_the_picture() -> None:
    coarse = [replace(GOOD, residual=0.5)] * 10
    assert judge_alignment(coarse, SMALL).verdict == "doubtful"
    assert judge_alignment(coarse, HD).verdict == "good"


def test_unlike_footage() -> None:
    found = judge_alignment([UNLIKE] * 10, HD)
    assert found.verdict == "doubtful"
    assert "vs-align temporal" in found.reason
    assert "the images show different things" in found.reason


def test_some_unlike_frames_are_named() -> None:
    bad = replace(GOOD, residual=5.0, valid=0.2)
    found = judge_alignment([GOOD] * 7 + [bad] * 3, SMALL)
    assert found.verdict == "doubtful"
    assert "30 % of the frames do not show what ref shows, the first is frame 7" in found.reason
    assert judge_alignment([GOOD] * 49 + [bad], SMALL).verdict == "good"


def test_neighbours_transforms_are_no_doubt() -> None:
    assert judge_alignment([replace(GOOD, fallback=1)] * 10, SMALL).verdict == "good"


def test_pictures_without_structure() -> None:
    found = judge_alignment([replace(IN_PLACE, residual=None)] * 3, SMALL)
    assert (found.verdict, "no structure" in found.reason) == ("doubtful", True)


def test_report() -> None:
    frames = [GOOD, replace(GOOD, shift=(3.5, -2.1), residual=0.2, fallback=2), replace(GOOD, valid=0.9, fallback=1)]
    report = alignment_report(frames, judge_alignment(frames, SMALL))
    assert (report["verdict"], report["frames"], report["engine"]) == ("good", 3, "dis")
    assert report["fallback"] == {"1": 1, "2": 1, "3": 0}
    assert report["shift_x"] == {"min": 3.3, "median": 3.3, "max": 3.5}
    assert report["residual"] == {"median": 0.05, "worst": 0.2, "worst_frame": 1}
    assert report["valid"] == {"median": 0.978, "worst": 0.9, "worst_frame": 2}


def test_report_of_flat_pictures() -> None:
    frames = [replace(GOOD, residual=None)]
    report = alignment_report(frames, judge_alignment(frames, SMALL))
    assert report["residual"] == {"median": None, "worst": None, "worst_frame": None}
