"""From the scores of windows to matches: Viterbi smoothing, and a logistic model of the confidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, isnan, log1p

import numpy as np

from vs_align.decide.matching.version_difference import VersionDifference
from vs_align.decide.matching.viterbi import MAX_COST, candidate_costs, viterbi
from vs_align.io.array_types import Float64Array
from vs_align.measure.metrics.registry import Calibration, MetricRow

_MAX_LOGIT = 60.0
"""Logits are clipped to this, which keeps exp from overflowing."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowScores:
    """Scores of the window of one ref frame, small enough for a frame prop.

    Args:
        scores: (k,) score by index in the window, k = 2 * radius + 1. Infinity where there is no candidate.
        offsets_ms: (k,) time of each candidate minus that of the ref frame in milliseconds, NaN if unknown.
        start: The clip frame at index 0, which may lie outside the clip.
    """

    scores: Float64Array
    offsets_ms: Float64Array
    start: int

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        return np.concatenate([[float(self.start)], self.scores, self.offsets_ms]).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "WindowScores":
        """Read what `to_bytes` wrote."""
        values = np.frombuffer(data, np.float64)
        k = (values.size - 1) // 2
        return cls(values[1 : 1 + k], values[1 + k :], int(values[0]))


@dataclass(frozen=True, slots=True)
class Decision:
    """The match of one ref frame."""

    index: int
    """Index in the window, -1 if there was no candidate."""
    score: float
    """Infinity if there was no candidate."""
    confidence: float | None = None
    """0 to 1; None without smoothing."""
    margin: float | None = None
    """Path cost margin in units of noise, see `ViterbiResult`; None without smoothing."""
    jitter: float | None = None
    """Jitter of the offsets around the frame in frames, see `ViterbiResult`; None without smoothing."""
    runner_up: float | None = None
    """Best score among images that look different, at most the highest score that the search gives exactly; None if
    there are none."""
    difference: VersionDifference | None = None
    """How the versions differ around the frame other than in time; None if not measured."""

    @property
    def details(self) -> tuple[float | None, ...]:
        """Confidence, margin, jitter, runner-up, framing and grade, in the order of the fields of `Match`."""
        apart = (None, None) if self.difference is None else (self.difference.framing, self.difference.grade)
        return self.confidence, self.margin, self.jitter, self.runner_up, *apart


def decide(
    scores: Sequence[Float64Array],
    begin: int,
    end: int,
    metric: MetricRow,
    *,
    smooth: bool,
    differences: Sequence[VersionDifference | None] = (),
) -> list[Decision]:
    """Decide the matches of some ref frames.

    Args:
        scores: (k,) scores of consecutive ref frames, see `WindowScores`; with smoothing also of all frames within
            `viterbi.RADIUS` of those to decide.
        begin: First frame to decide, an index of `scores`.
        end: One past the last.
        metric: The metric of the scores.
        smooth: Whether to smooth. Without, the lowest score wins, and there is no confidence, because the search knows
            only the best score exactly.
        differences: How the versions differ around each frame to decide, which lowers the confidence; empty if not
            measured.
    """
    table = np.stack(scores)
    if not smooth:
        # the costs are the scores, so that every difference counts
        table = np.where(np.isnan(table), inf, table)
        indices = viterbi(table, begin, end, smooth=False).indices.tolist()
        return [Decision(index, _score(table[begin + i], index)) for i, index in enumerate(indices)]
    found = viterbi(candidate_costs(table, metric.noise), begin, end)
    # beyond the limit there are lower bounds, which depend on the order of the search
    exact = metric.noise.scaled(MAX_COST)
    limits = (np.fmin.reduce(table[begin:end], axis=1) * (1 + exact.relative) + exact.absolute).tolist()
    decisions = []
    columns = found.indices, found.margins, found.jitter, found.runners_up, found.isolated
    listed = zip(*(column.tolist() for column in columns), limits, strict=True)
    for i, (index, margin, jitter, second, isolated, limit) in enumerate(listed):
        row = table[begin + i]
        score = _score(row, index)
        difference = differences[i] if differences else None
        trust = 1.0 if difference is None else difference.trust
        known = confidence(margin, score, metric.calibration, jitter, isolated=isolated)
        runner_up = min(float(row[second]), limit) if second >= 0 else None
        decisions.append(
            Decision(index, score, 0.0 if index < 0 else trust * known, margin, jitter, runner_up, difference)
        )
    return decisions


def confidence(
    margin: float, score: float, calibration: Calibration, jitter: float = 0.0, *, isolated: bool = False
) -> float:
    """Return the probability that a match is right, 0 to 1, by a logistic model.

    Args:
        margin: Path cost margin, at least 0; infinity if all candidates look the same.
        score: The score of the match, at least 0.
        calibration: Coefficients of the metric.
        jitter: Mean change of the offset from one neighbor to the next in frames, at least 0.
        isolated: Whether the match leaves the offset that both neighbors share.
    """
    if not isfinite(score):
        return 0.0
    if margin == inf:
        # nothing separates the candidates, so that only the score counts
        margin = 0.0
    weight = calibration.score * (1 + calibration.isolated if isolated else 1)
    logit = (
        calibration.base
        + calibration.margin * log1p(margin)
        - weight * log1p(score / calibration.typical_score)
        - calibration.jitter * log1p(jitter)
    )
    return 1 / (1 + exp(-max(-_MAX_LOGIT, min(_MAX_LOGIT, logit))))


def _score(row: Float64Array, index: int) -> float:
    score = float(row[index]) if index >= 0 else inf
    return inf if isnan(score) else score
