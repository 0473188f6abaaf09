"""What the search of one ref frame found out, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isnan

import numpy as np

from vs_align.decide.matching.confidence import confidence
from vs_align.decide.matching.version_difference import VersionDifference
from vs_align.decide.matching.viterbi import costs, vote
from vs_align.io.array_types import Float64Array
from vs_align.measure.metrics.score_tolerance import Noise


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Scores of the window of one ref frame, small enough to travel in a frame prop.

    Args:
        scores: (k,) by place: the number of the candidate minus the centre of the window, plus its radius. Infinity
            where there is no candidate.
        late: (k,) time of each candidate minus that of the ref frame in milliseconds, NaN where unknown.
        start: The clip frame at place 0, which may lie outside the clip.
    """

    scores: Float64Array
    late: Float64Array
    start: int

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        return np.concatenate([[float(self.start)], self.scores, self.late]).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Evidence":
        """Read what `to_bytes` wrote."""
        values = np.frombuffer(data, np.float64)
        k = (values.size - 1) // 2
        return cls(values[1 : 1 + k], values[1 + k :], int(values[0]))


@dataclass(frozen=True, slots=True)
class Decision:
    """The match of one ref frame."""

    place: int
    """-1 where there was no candidate."""
    score: float
    """Infinity where there was no candidate."""
    confidence: float | None = None
    """0 to 1; None where it was not asked for."""
    margin: float | None = None
    """By how much the best way through a different picture is worse, in units of noise; infinity where all look the
    same; None where it was not asked for."""
    unrest: float | None = None
    """By how many places the matches of neighbours differ on average, each for itself; None likewise."""
    runner_up: float | None = None
    """Best score among pictures that look different, or the end of the noise's reach where it lies beyond; None where
    there are none."""
    apart: VersionDifference | None = None
    """How the versions differ around the frame apart from time; None where that was not looked at."""

    @property
    def details(self) -> tuple[float | None, ...]:
        """Confidence, margin, unrest, runner-up, framing and grade, as a `Match` lists them."""
        apart = (None, None) if self.apart is None else (self.apart.framing, self.apart.grade)
        return self.confidence, self.margin, self.unrest, self.runner_up, *apart


def decide(
    scores: Sequence[Float64Array],
    begin: int,
    end: int,
    noise: Noise,
    metric: str,
    *,
    smooth: bool,
    apart: Sequence[VersionDifference | None] = (),
) -> list[Decision]:
    """Decide the matches of some ref frames.

    Args:
        scores: Those of consecutive ref frames, see `Evidence`: also of the neighbours that have a say.
        begin: First frame to decide, an index of `scores`.
        end: One past the last.
        noise: Noise of the scores.
        metric: Name of the metric.
        smooth: Whether neighbours have a say. Without, the lowest score wins, and nothing is said about confidence,
            because the search did not look closely at what is not the best.
        apart: How the versions differ around each frame to decide, which takes from the confidence; empty where that
            was not looked at.
    """
    table = np.stack(scores)
    if not smooth:
        # every difference counts, so that the costs are the scores
        table = np.where(np.isnan(table), inf, table)
        places = vote(table, begin, end, smooth=False).places.tolist()
        return [Decision(p, _score(table[begin + i], p)) for i, p in enumerate(places)]
    found = vote(costs(table, noise), begin, end)
    # beyond the reach there are lower bounds, which depend on the order of the search
    relative, absolute = noise.reach()
    limits = (np.fmin.reduce(table[begin:end], axis=1) * (1 + relative) + absolute).tolist()
    decisions = []
    columns = found.places, found.margins, found.unrest, found.runners_up, found.lone
    listed = zip(*(column.tolist() for column in columns), limits, strict=True)
    for i, (place, margin, unrest, second, lone, limit) in enumerate(listed):
        row = table[begin + i]
        score = _score(row, place)
        difference = apart[i] if apart else None
        trust = 1.0 if difference is None else difference.trust
        sure = 0.0 if place < 0 else trust * confidence(margin, score, metric, unrest, lone=lone)
        runner_up = min(float(row[second]), limit) if second >= 0 else None
        decisions.append(Decision(place, score, sure, margin, unrest, runner_up, difference))
    return decisions


def _score(row: Float64Array, place: int) -> float:
    score = float(row[place]) if place >= 0 else inf
    return inf if isnan(score) else score
