"""How good a match is, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

# Mean absolute difference of luma, where 1 is the whole range. Half a step of 8 bits is rounding.
_EXACT = 0.5 / 255
_GOOD = 0.04
_AT_EDGE = 0.05
_JUMPY = 0.1
_UNMATCHED = 0.2
# Confidence below which a match is more of a guess; and what part of the matches may be guesses.
_GUESS, _GUESSES = 0.5, 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to think of a match."""

    verdict: str
    """"exact", "good" or "doubtful"."""
    reason: str


def judge(
    scores: Sequence[float | None],
    frame_map: Sequence[int | None],
    centres: Sequence[int] = (),
    tr: int | None = None,
    metric: str = "planestats",
    confidences: Sequence[float] = (),
) -> Verdict:
    """Judge matches by their scores and by how they follow each other.

    Args:
        scores: Per ref frame, lower is better, 0 for equal pictures; None where there was no candidate.
        frame_map: Clip frame of each ref frame, None where none was good enough.
        centres: Clip frame in the middle of each search window, or empty where nothing was searched.
        tr: Radius of the search windows in frames; None where nothing was searched.
        metric: Name of the metric.
        confidences: Per ref frame, 0 to 1; empty where they are unknown. They judge the matches of metrics whose
            scores are no shares of luma.

    Returns:
        The verdict; every finding that casts doubt is in the reason.
    """
    matched = [n for n, frame in enumerate(frame_map) if frame is not None]
    if not matched:
        return Verdict(
            "doubtful", "not one frame has a match: raise --tr or --thresh, or check that both show the same footage"
        )
    found = [score for n in matched if (score := scores[n] if scores else None) is not None]
    if not found:
        return Verdict("good", "a given timeline was rendered, nothing was searched")
    middle = median(found)
    doubts = _doubts(frame_map, matched, centres, tr)
    if metric != "planestats":
        return _judge_by_confidence(found, [confidences[n] for n in matched] if confidences else [], metric, doubts)
    if middle > _GOOD:
        doubts.append(
            f"even the best matches differ by {100 * middle:.1f} % of the range of luma, so the versions differ in "
            "framing or colour or show different footage"
        )
    if doubts:
        return Verdict("doubtful", "; ".join(doubts))
    if fmean(found) <= _EXACT:
        return Verdict("exact", "matched frames are equal to within rounding")
    return Verdict("good", f"matched frames differ by {100 * middle:.2f} % of the range of luma")


def _judge_by_confidence(
    scores: Sequence[float], confidences: Sequence[float], metric: str, doubts: list[str]
) -> Verdict:
    guesses = sum(value < _GUESS for value in confidences)
    if guesses > _GUESSES * len(confidences):
        share = round(100 * guesses / len(confidences))
        doubts.append(f"{share} % of the matches are hardly better than others nearby")
    if doubts:
        return Verdict("doubtful", "; ".join(doubts))
    if not any(scores):
        return Verdict("exact", "matched frames are equal")
    return Verdict("good", f"matched frames have a median score of {median(scores):.4g} by {metric}")


def _doubts(
    frame_map: Sequence[int | None], matched: Sequence[int], centres: Sequence[int], tr: int | None
) -> list[str]:
    doubts = []
    if tr and centres:
        reaching = [n for n in matched if abs((frame_map[n] or 0) - centres[n]) >= tr]
        if len(reaching) > _AT_EDGE * len(matched):
            share = round(100 * len(reaching) / len(matched))
            doubts.append(f"{share} % of the matches lie at the edge of the search window of {tr} frames: raise --tr")
    steps = [(frame_map[b] or 0) - (frame_map[a] or 0) for a, b in pairwise(matched) if b == a + 1]
    backward = sum(step < 0 for step in steps)
    if backward > _JUMPY * max(1, len(steps)):
        doubts.append(f"matches run backwards {backward} times, as in a still picture, a loop or unlike footage")
    unmatched = 1 - len(matched) / len(frame_map)
    if unmatched > _UNMATCHED:
        doubts.append(f"{round(100 * unmatched)} % of the frames have no match")
    return doubts
