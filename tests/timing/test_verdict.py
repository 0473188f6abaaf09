"""Verdicts for matches that are known to be good or bad."""

from vs_align.timeline import Timeline
from vs_align.timing.match_report import match_report
from vs_align.timing.verdict import judge

STEADY = [n + 3 for n in range(100)]
CENTRES = list(range(100))


def test_exact() -> None:
    assert judge([0.0] * 100, STEADY, CENTRES, 20).verdict == "exact"


def test_good() -> None:
    found = judge([0.01] * 100, STEADY, CENTRES, 20)
    assert found.verdict == "good"
    assert "1.00 %" in found.reason


def test_large_differences_are_doubtful() -> None:
    assert judge([0.09] * 100, STEADY, CENTRES, 20).verdict == "doubtful"


def test_matches_at_the_edge_ask_for_a_wider_search() -> None:
    found = judge([0.01] * 100, STEADY, CENTRES, 3)
    assert found.verdict == "doubtful"
    assert "raise --tr" in found.reason


def test_radius_0_has_no_edge() -> None:
    assert judge([0.0] * 100, CENTRES, CENTRES, 0).verdict == "exact"


def test_matches_that_run_backwards_are_doubtful() -> None:
    shuffled = [n + (4 if n % 2 else 0) for n in range(100)]
    assert "backwards" in judge([0.01] * 100, shuffled, CENTRES, 20).reason


def test_many_unmatched_frames_are_doubtful() -> None:
    gaps = [None if n % 3 == 0 else n for n in range(99)]
    found = judge([0.01] * 99, gaps, CENTRES, 20)
    assert found.verdict == "doubtful"
    assert "34 %" in found.reason or "33 %" in found.reason


def test_no_match_at_all() -> None:
    assert judge([None] * 5, [None] * 5, list(range(5)), 20).verdict == "doubtful"


def test_other_metrics_are_judged_by_confidence() -> None:
    def judged(scores: float, confidence: float) -> str:
        return judge([scores] * 100, STEADY, CENTRES, 20, "butteraugli", [confidence] * 100).verdict

    assert judged(0.0, 0.95) == "exact"
    assert judged(3.2, 0.95) == "good"
    assert judged(3.2, 0.3) == "doubtful"
    assert "butteraugli" in judge([3.2] * 100, STEADY, CENTRES, 20, "butteraugli").reason


def test_rendered_timeline_makes_no_claim() -> None:
    assert "nothing was searched" in judge([], STEADY).reason


def test_report_counts_offsets_and_scores() -> None:
    frame_map = [5, 6, 7, None, 10]
    timeline = Timeline.from_frame_map(
        frame_map, clip_rate=25, ref_rate=25, clip_length=20, scores=[0.1, 0.2, 0.3, 0.9, 0.4]
    )
    report = match_report(timeline, judge(timeline.scores, timeline.frame_map))
    assert (report["frames"], report["matched"], report["fallback"]) == (5, 4, 1)
    assert report["offset_frames"] == {"constant": False, "min": 5, "median": 5.0, "max": 6}
    assert report["offset_ms"] == {"constant": False, "min": 200.0, "median": 200.0, "max": 240.0}
    assert report["score"]["max"] == 0.4
    assert report["score"]["median"] == 0.25


def test_report_without_matches_knows_nothing() -> None:
    timeline = Timeline.from_frame_map([None, None], clip_rate=25, ref_rate=25, clip_length=2)
    report = match_report(timeline, judge(timeline.scores, timeline.frame_map))
    assert report["offset_frames"]["constant"] is None
    assert report["score"]["mean"] is None


def test_report_sums_up_confidence() -> None:
    timeline = Timeline.from_frame_map(
        [5, 6, None, 8], clip_rate=25, ref_rate=25, clip_length=20, scores=[0.1] * 4, confidences=[0.95, 0.85, 0.1, 0.9]
    )
    report = match_report(timeline, judge(timeline.scores, timeline.frame_map), "butteraugli")
    assert report["metric"] == "butteraugli"
    assert report["confidence"]["median"] == 0.9
    assert report["confidence"]["sure"] == 2 / 3
