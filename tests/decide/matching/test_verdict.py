"""Verdicts for matches that are known to be good or bad."""

from vs_align.decide.matching.match_report import match_report
from vs_align.decide.matching.verdict import Findings, judge
from vs_align.decide.verdict import Judgment
from vs_align.timeline.timeline import Timeline

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


def test_matches_at_the_edge_ask_for_sync() -> None:
    found = judge([0.01] * 100, STEADY, CENTRES, 3)
    assert found.verdict == "doubtful"
    assert "edge of the search window of 3 frames" in found.reason
    assert "`vs-align sync CLIP REF --json t.json`" in found.reason
    assert "temporal --use-timeline" in found.reason
    assert "raise --tr" not in found.reason


def test_an_offset_that_creeps_up_to_the_edge_asks_for_a_wider_search() -> None:
    creeping = [n + min(20, n // 4) for n in range(100)]
    found = judge([0.01] * 100, creeping, CENTRES, 20, clip_length=120)
    assert found.verdict == "doubtful"
    assert "raise --tr" in found.reason
    assert "sync" not in found.reason


def test_scattered_matches_at_the_edge_ask_for_sync() -> None:
    scattered = [n + (20 if n % 12 < 2 else -7 if n % 5 else 9) for n in range(100)]
    found = judge([0.01] * 100, scattered, CENTRES, 20, clip_length=120)
    assert "vs-align sync" in found.reason
    assert "raise --tr" not in found.reason


def test_lengths_that_differ_by_more_than_the_window_ask_for_sync() -> None:
    creeping = [n + min(20, n // 4) for n in range(100)]
    found = judge([0.01] * 100, creeping, CENTRES, 20, clip_length=300)
    assert "vs-align sync" in found.reason
    assert "differ in length by 200 frames" in found.reason
    assert judge([0.01] * 100, STEADY, CENTRES, 20, clip_length=300).verdict == "good"


def test_a_large_share_without_a_match_asks_for_sync() -> None:
    ended: list[int | None] = [n if n < 60 else None for n in range(100)]
    found = judge([0.01] * 60 + [None] * 40, ended, CENTRES, 20, clip_length=60)
    assert found.verdict == "doubtful"
    assert found.reason.startswith("40 % of the frames have no match and clip and ref differ in length by 40 frames: ")
    assert "vs-align sync" in found.reason
    nothing = judge([None] * 100, [None] * 100, CENTRES, 20, clip_length=60)
    assert "vs-align sync" in nothing.reason


def test_radius_0_has_no_edge() -> None:
    assert judge([0.0] * 100, CENTRES, CENTRES, 0).verdict == "exact"


def test_matches_that_run_backwards_are_doubtful() -> None:
    shuffled = [n + (4 if n % 2 else 0) for n in range(100)]
    assert "backwards" in judge([0.01] * 100, shuffled, CENTRES, 20).reason


def test_many_unmatched_frames_are_doubtful() -> None:
    gaps = [None if n % 3 == 0 else n for n in range(99)]
    found = judge([0.01] * 99, gaps, CENTRES[:99], 20)
    assert found.verdict == "doubtful"
    assert "34 %" in found.reason or "33 %" in found.reason


def test_no_match_at_all() -> None:
    assert judge([None] * 5, [None] * 5, list(range(5)), 20).verdict == "doubtful"


def test_other_metrics_are_judged_by_confidence() -> None:
    def judged(scores: float, confidence: float) -> str:
        findings = Findings(confidences=[confidence] * 100)
        return judge([scores] * 100, STEADY, CENTRES, 20, "butteraugli", findings).verdict

    assert judged(0.0, 0.95) == "exact"
    assert judged(3.2, 0.95) == "good"
    assert judged(3.2, 0.3) == "doubtful"
    assert "butteraugli" in judge([3.2] * 100, STEADY, CENTRES, 20, "butteraugli").reason


def apart(framing: float, grade: float, confidence: float, score: float = 0.03, metric: str = "planestats") -> Judgment:
    findings = Findings([confidence] * 100, [True] * 100, [framing] * 100, [grade] * 100)
    return judge([score] * 100, STEADY, CENTRES, 20, metric, findings)


def test_another_framing_is_doubtful_and_said_first() -> None:
    for metric in ("planestats", "butteraugli"):
        found = apart(0.006, 0.0, 0.85, metric=metric)
        assert found.verdict == "doubtful"
        assert found.reason.startswith("the versions differ in framing (by 0.6 % of the width), which misleads")
        assert "`--precision 3` (structure) or `vs-align sync`" in found.reason
    both = apart(0.006, 0.04, 0.5)
    assert "framing (by 0.6 % of the width) and grade (by 4 % of the range)" in both.reason
    assert "about 50 % of the matches are expected to be wrong" in both.reason


def test_another_grade_is_said_first_and_doubtful_where_matches_are_unsure() -> None:
    sure, unsure = apart(0.0, 0.03, 0.92), apart(0.0, 0.03, 0.6)
    assert (sure.verdict, unsure.verdict) == ("good", "doubtful")
    for found in (sure, unsure):
        assert found.reason.startswith("the versions differ in grade (by 3 % of the range)")
        assert "vs-align sync" in found.reason
    # as much as compression differs by
    assert apart(0.0004, 0.002, 0.97).reason.startswith("matched frames differ")


def test_a_film_in_which_nothing_moves_is_not_expected_to_be_wrong() -> None:
    still = Findings(confidences=[0.55] * 100, telling=[False] * 100)
    assert judge([0.0] * 100, STEADY, CENTRES, 20, "planestats", still).verdict == "exact"
    moving = Findings(confidences=[0.55] * 100, telling=[True] * 100)
    assert judge([0.0] * 100, STEADY, CENTRES, 20, "planestats", moving).verdict == "doubtful"


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
