"""How good a match is, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from vs_align.decide.matching.search_reach import Reach, reach_of

# Mean absolute difference of luma, where 1 is the whole range. Half a step of 8 bits is rounding.
_EXACT = 0.5 / 255
_GOOD, _UNLIKE = 0.04, 0.12
_JUMPY = 0.1
# Confidence below which a match is more of a guess; and what part of the matches may be guesses.
_GUESS, _GUESSES = 0.5, 0.5
# Mean confidence, which is the share of matches that are expected to be right, of those that could be wrong.
_EXPECTED = 0.8
# Differences of two versions that mislead a comparison by pixels: of the width, and of the range.
_FRAMING, _GRADE = 0.0035, 0.015
_OTHER_WAY = "`--precision 3` (structure) or `vs-align sync` is made for that"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to think of a match."""

    verdict: str
    """"exact", "good" or "doubtful"."""
    reason: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of matches beside their scores, per ref frame. Empty where it is not known."""

    confidences: Sequence[float] = ()
    """0 to 1."""
    telling: Sequence[bool] = ()
    """Whether a candidate looks different, so that the match could be wrong; empty: all of them could."""
    framings: Sequence[float | None] = ()
    """By how much the framing of the versions differs, as a share of the width."""
    grades: Sequence[float | None] = ()
    """By how much their tone differs, as a share of the range."""


_NOTHING = Findings()


def judge(
    scores: Sequence[float | None],
    frame_map: Sequence[int | None],
    centres: Sequence[int] = (),
    tr: int | None = None,
    metric: str = "planestats",
    findings: Findings = _NOTHING,
    clip_length: int | None = None,
) -> Verdict:
    """Judge matches by what contradicts them: their scores, what is known of them, and how they follow each other.

    Args:
        scores: Per ref frame, lower is better, 0 for equal pictures; None where there was no candidate.
        frame_map: Clip frame of each ref frame, None where none was good enough.
        centres: Clip frame in the middle of each search window, or empty where nothing was searched.
        tr: Radius of the search windows in frames; None where nothing was searched.
        metric: Name of the metric.
        findings: Confidence, and how the versions differ.
        clip_length: Frames of clip; None where it is not known.

    Returns:
        The verdict; every finding that casts doubt is in the reason, what to do about it first.
    """
    matched = [n for n, frame in enumerate(frame_map) if frame is not None]
    reach = reach_of(frame_map, centres, tr, clip_length)
    if not matched:
        return Verdict("doubtful", f"not one frame has a match: {reach.advice or 'raise --thresh'}")
    found = [score for n in matched if (score := scores[n] if scores else None) is not None]
    if not found:
        return Verdict("good", "a given timeline was rendered, nothing was searched")
    apart = _Apart.of(findings, matched)
    doubts = _doubts(frame_map, matched, reach, apart, metric, findings)
    middle = median(found)
    by_luma = metric == "planestats"
    if by_luma and middle > (_UNLIKE if apart.grade or apart.framing else _GOOD):
        doubts.append(
            f"even the best matches differ by {100 * middle:.1f} % of the range of luma, so the versions differ in "
            "framing or colour or show different footage"
        )
    if doubts:
        return Verdict("doubtful", "; ".join(doubts))
    if fmean(found) <= (_EXACT if by_luma else 0):
        return Verdict("exact", "matched frames are equal" + (" to within rounding" if by_luma else ""))
    what = (
        f"matched frames differ by {100 * middle:.2f} % of the range of luma"
        if by_luma
        else f"matched frames have a median score of {middle:.4g} by {metric}"
    )
    return Verdict("good", f"{apart.words}: {_OTHER_WAY}; {what}" if apart.words else what)


@dataclass(frozen=True, slots=True)
class _Apart:
    """How the versions differ, medians; 0 where it does not matter or is not known."""

    framing: float
    grade: float

    @classmethod
    def of(cls, findings: Findings, matched: Sequence[int]) -> "_Apart":
        typical = []
        for values, least in ((findings.framings, _FRAMING), (findings.grades, _GRADE)):
            known = [value for n in matched if values and (value := values[n]) is not None]
            middle = median(known) if known else 0.0
            typical.append(middle if middle >= least else 0.0)
        return cls(*typical)

    @property
    def words(self) -> str:
        parts = []
        if self.framing:
            parts.append(f"framing (by {100 * self.framing:.1f} % of the width)")
        if self.grade:
            parts.append(f"grade (by {100 * self.grade:.0f} % of the range)")
        return f"the versions differ in {' and '.join(parts)}" if parts else ""


def _doubts(
    frame_map: Sequence[int | None],
    matched: Sequence[int],
    reach: Reach,
    apart: _Apart,
    metric: str,
    findings: Findings,
) -> list[str]:
    known = [findings.confidences[n] for n in matched] if findings.confidences else []
    telling = [findings.confidences[n] for n in matched if not findings.telling or findings.telling[n]] if known else []
    expected = fmean(telling) if telling else 1.0
    guesses = sum(value < _GUESS for value in known)
    unsure = expected < _EXPECTED or guesses > _GUESSES * len(known)
    doubts = [reach.doubt] if reach.doubt else []
    # pictures of other moments differ in everything
    if not reach.lost and (apart.framing or (apart.grade and unsure)):
        doubts.insert(0, f"{apart.words}, which misleads {metric}: {_OTHER_WAY}")
    if expected < _EXPECTED:
        doubts.append(f"about {round(100 * (1 - expected))} % of the matches are expected to be wrong")
    elif unsure:
        share = round(100 * guesses / len(known))
        doubts.append(f"{share} % of the matches are hardly better than others nearby")
    steps = [(frame_map[b] or 0) - (frame_map[a] or 0) for a, b in pairwise(matched) if b == a + 1]
    backward = sum(step < 0 for step in steps)
    if backward > _JUMPY * max(1, len(steps)):
        doubts.append(f"matches run backwards {backward} times, as in a still picture, a loop or unlike footage")
    return doubts
