"""Verdict on a match: exact, good or doubtful, from its scores, its confidence and the course of its offsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import fmean, median

from vs_align.decide.verdict import Judgment
from vs_align.enums import Verdict
from vs_align.measure.metrics.registry import METRICS


@dataclass(frozen=True, slots=True)
class VerdictThresholds:
    """Limits of the findings. Luma differences are mean absolute differences as shares of the range.

    Lower limits warn of more wrong matches, and of more right ones.
    """

    exact: float = 0.5 / 255
    """Mean luma difference up to which frames are equal: half a step of 8 bits, which is rounding."""
    good: float = 0.04
    """Median luma difference up to which versions show the same footage."""
    other_version: float = 0.12
    """The same if a difference of framing or grade explains a part of it."""
    backward: float = 0.1
    """Share of steps from match to match that may run backwards."""
    guess: float = 0.5
    """Confidence below which a match is a guess."""
    guesses: float = 0.5
    """Share of matches that may be guesses."""
    expected: float = 0.8
    """Mean confidence, which is the expected share of right matches, of the matches that could be wrong."""
    framing: float = 0.0035
    """Displacement from which on the versions differ in framing, as a share of the width."""
    grade: float = 0.015
    """Tone difference from which on the versions differ in grade, as a share of the range."""
    at_edge: float = 0.05
    """Share of matches that may lie at the edge of the search window."""
    unmatched: float = 0.2
    """Share of ref frames that may have no match."""
    drift: int = 2
    """Frames from the edge within which neighbors lie if the offset drifts to the edge instead of jumping there."""
    drifting: float = 0.3
    """Largest share of matches at the edge that counts as drift."""


_LIMITS = VerdictThresholds()
_OTHER_WAY = "`--precision 3` (structure) or `vs-align sync` is made for that"
_SYNC = (
    "`vs-align sync CLIP REF --json t.json` finds any offset, and `vs-align temporal --use-timeline t.json` renders it"
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of matches beside their scores, per ref frame. Empty if not known."""

    confidences: Sequence[float] = ()
    """0 to 1."""
    telling: Sequence[bool] = ()
    """Whether a candidate looks different, so that the match could be wrong; empty: all of them could."""
    framings: Sequence[float | None] = ()
    """Difference of framing of the versions, as a share of the width."""
    grades: Sequence[float | None] = ()
    """Difference of tone of the versions, as a share of the range."""


_NOTHING = Findings()


def judge(
    scores: Sequence[float | None],
    frame_map: Sequence[int | None],
    centers: Sequence[int] = (),
    tr: int | None = None,
    metric: str = "planestats",
    findings: Findings = _NOTHING,
    clip_length: int | None = None,
) -> Judgment:
    """Judge matches by their scores, by what else is known of them, and by how they follow each other.

    Args:
        scores: Per ref frame, lower is better, 0 for equal images; None if there was no candidate.
        frame_map: Clip frame of each ref frame, None if none was good enough.
        centers: Clip frame in the middle of each search window, or empty if nothing was searched.
        tr: Radius of the search windows in frames; None if nothing was searched.
        metric: Name of the metric.
        findings: Confidence, and how the versions differ.
        clip_length: Frames of clip; None if not known.

    Returns:
        The verdict; the reason lists every finding that casts doubt, advice first.
    """
    matched = [n for n, frame in enumerate(frame_map) if frame is not None]
    window = _judge_window(frame_map, centers, tr, clip_length)
    if not matched:
        return Judgment(Verdict.DOUBTFUL, (f"not one frame has a match: {window.advice or 'raise --thresh'}",))
    found = [score for n in matched if (score := scores[n] if scores else None) is not None]
    if not found:
        return Judgment(Verdict.GOOD, ("a given timeline was rendered, nothing was searched",))
    versions = _Versions.of(findings, matched)
    doubts = _doubts(frame_map, matched, window, versions, metric, findings)
    middle = median(found)
    by_luma = METRICS[metric].is_luma_difference if metric in METRICS else False
    if by_luma and middle > (_LIMITS.other_version if versions.grade or versions.framing else _LIMITS.good):
        doubts.append(
            f"even the best matches differ by {100 * middle:.1f} % of the range of luma, so the versions differ in "
            "framing or colour or show different footage"
        )
    if doubts:
        return Judgment(Verdict.DOUBTFUL, tuple(doubts))
    if fmean(found) <= (_LIMITS.exact if by_luma else 0):
        return Judgment(Verdict.EXACT, ("matched frames are equal" + (" to within rounding" if by_luma else ""),))
    what = (
        f"matched frames differ by {100 * middle:.2f} % of the range of luma"
        if by_luma
        else f"matched frames have a median score of {middle:.4g} by {metric}"
    )
    return Judgment(Verdict.GOOD, (f"{versions.text}: {_OTHER_WAY}; {what}" if versions.text else what,))


@dataclass(frozen=True, slots=True)
class _Versions:
    """Median differences of the versions; 0 if below the limits or not known."""

    framing: float
    grade: float

    @classmethod
    def of(cls, findings: Findings, matched: Sequence[int]) -> "_Versions":
        typical = []
        for values, least in ((findings.framings, _LIMITS.framing), (findings.grades, _LIMITS.grade)):
            known = [value for n in matched if values and (value := values[n]) is not None]
            middle = median(known) if known else 0.0
            typical.append(middle if middle >= least else 0.0)
        return cls(*typical)

    @property
    def text(self) -> str:
        parts = []
        if self.framing:
            parts.append(f"framing (by {100 * self.framing:.1f} % of the width)")
        if self.grade:
            parts.append(f"grade (by {100 * self.grade:.0f} % of the range)")
        return f"the versions differ in {' and '.join(parts)}" if parts else ""


def _doubts(
    frame_map: Sequence[int | None],
    matched: Sequence[int],
    window: "_WindowFindings",
    versions: _Versions,
    metric: str,
    findings: Findings,
) -> list[str]:
    known = [findings.confidences[n] for n in matched] if findings.confidences else []
    telling = [findings.confidences[n] for n in matched if not findings.telling or findings.telling[n]] if known else []
    expected = fmean(telling) if telling else 1.0
    guesses = sum(value < _LIMITS.guess for value in known)
    unsure = expected < _LIMITS.expected or guesses > _LIMITS.guesses * len(known)
    doubts = [window.doubt] if window.doubt else []
    # images of other moments differ in everything, so that framing and grade say nothing about the versions
    if not window.wrong_moments and (versions.framing or (versions.grade and unsure)):
        doubts.insert(0, f"{versions.text}, which misleads {metric}: {_OTHER_WAY}")
    if expected < _LIMITS.expected:
        doubts.append(f"about {round(100 * (1 - expected))} % of the matches are expected to be wrong")
    elif unsure:
        share = round(100 * guesses / len(known))
        doubts.append(f"{share} % of the matches are hardly better than others nearby")
    steps = [(frame_map[b] or 0) - (frame_map[a] or 0) for a, b in pairwise(matched) if b == a + 1]
    backward = sum(step < 0 for step in steps)
    if backward > _LIMITS.backward * max(1, len(steps)):
        doubts.append(f"matches run backwards {backward} times, as in a still image, a loop or unlike footage")
    return doubts


@dataclass(frozen=True, slots=True)
class _WindowFindings:
    """Whether the search windows were wide enough."""

    doubt: str = ""
    """Finding with advice; empty without."""
    advice: str = ""
    """Advice if no frame has a match."""
    wrong_moments: bool = False
    """Whether many of the matches show other moments than their ref frames."""


def _judge_window(
    frame_map: Sequence[int | None], centers: Sequence[int], tr: int | None, clip_length: int | None
) -> _WindowFindings:
    """Judge by the offsets of matches within their windows whether the windows were wide enough; see `judge`."""
    if not frame_map:
        return _WindowFindings()
    count = sum(frame is not None for frame in frame_map)
    unmatched = 1 - count / len(frame_map)
    missing = f"{round(100 * unmatched)} % of the frames have no match"
    if not centers or tr is None:
        return _WindowFindings(missing if unmatched > _LIMITS.unmatched else "")
    offsets = [None if frame is None else frame - center for frame, center in zip(frame_map, centers, strict=True)]
    edge = [offset is not None and tr > 0 and abs(offset) >= tr for offset in offsets]
    share = sum(edge) / max(1, count)
    signs = []
    if share > _LIMITS.at_edge:
        signs.append(f"{round(100 * share)} % of the matches lie at the edge of the search window of {tr} frames")
    if unmatched > _LIMITS.unmatched:
        signs.append(missing)
    if not signs:
        return _WindowFindings(advice=_SYNC)
    longer = 0 if clip_length is None else abs(clip_length - centers[-1] - 1)
    drifts = share <= _LIMITS.drifting and _drifts(offsets, edge, tr)
    if unmatched <= _LIMITS.unmatched and longer <= tr and drifts:
        return _WindowFindings(f"{signs[0]}, which the offset creeps up to: raise --tr", _SYNC)
    if longer > tr:
        signs.append(f"clip and ref differ in length by {longer} frames")
    wrong = share > _LIMITS.unmatched or unmatched > _LIMITS.unmatched
    return _WindowFindings(f"{_joined(signs)}: {_SYNC}", _SYNC, wrong_moments=wrong)


def _drifts(offsets: Sequence[int | None], edge: Sequence[bool], tr: int) -> bool:
    """Return whether most runs of matches at the edge begin and end beside matches close to that edge."""
    drifting, start = 0, 0
    for at_edge, run in groupby(edge):
        end = start + len(list(run))
        if at_edge:
            sign = 1 if (offsets[start] or 0) > 0 else -1
            beside = [offsets[n] for n in (start - 1, end) if 0 <= n < len(offsets)]
            near = [offset is not None and sign * offset >= tr - _LIMITS.drift for offset in beside]
            if near and all(near):
                drifting += end - start
        start = end
    return 2 * drifting > sum(edge)


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
