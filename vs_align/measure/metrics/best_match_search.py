"""The best candidate of a window by any metric, with as few full comparisons as the metric's bounds allow.

Pictures that are equal bit by bit share one comparison. The candidate that is expected to win is compared first, so
that the limit is low from the start; the others follow in the order of their lower bounds, until the bounds exceed
the limit. The answer is that of comparing everything, always.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isnan
from typing import Protocol

from vs_align.measure.metrics.metric import Metric


class Sample[F](Protocol):
    """A picture that a window holds."""

    @property
    def digest(self) -> bytes:
        """Equal for pictures that are equal bit by bit."""

    def features(self) -> F:
        """What the metric prepared of it; made at the first call."""


@dataclass(frozen=True, slots=True)
class Slack:
    """How far above the best score others are wanted exactly: up to best * (1 + relative) + absolute."""

    relative: float = 0.0
    absolute: float = 0.0

    def limit(self, best: float) -> float:
        """Return the highest score that is wanted exactly."""
        return best * (1 + self.relative) + self.absolute


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found out."""

    winner: int
    """Number of the best candidate, -1 without candidates."""
    scores: dict[int, float]
    """By number: the score where it is within the slack of the best, else a lower bound of it that is above."""


def search[F](
    metric: Metric[F],
    ref: Sample[F],
    candidates: Mapping[int, Sample[F]],
    centre: int,
    hint: int,
    slack: Slack,
) -> Found:
    """Find the candidate with the lowest score.

    Args:
        metric: How pictures are compared.
        ref: The picture to find.
        candidates: The window, by frame number.
        centre: The number in the middle of the window, which may be none of the candidates. Of equal scores the one
            nearest to it wins, and of two equally near ones the later.
        hint: The number that is expected to win. It changes the speed, not the answer.
        slack: Which other scores are wanted exactly.
    """
    if not candidates:
        return Found(-1, {})
    groups: dict[bytes, list[int]] = {}
    for number in sorted(candidates, key=lambda c: _rank(c, centre)):
        groups.setdefault(candidates[number].digest, []).append(number)
    race = _Race(metric, slack)
    if ref.digest in groups and getattr(metric, "zero_for_equal", False):
        race.note(ref.digest, 0.0)
    wanted = ref.features()
    rest = {digest: candidates[numbers[0]].features() for digest, numbers in groups.items()}
    first = min(groups, key=lambda digest: min(abs(number - hint) for number in groups[digest]))
    if first not in race.scores:
        race.note(first, metric.score(rest[first], wanted, race.limit))
    for digest in race.scores:
        del rest[digest]
    race.run(rest, wanted)
    scores = {number: race.scores[digest] for digest, numbers in groups.items() for number in numbers}
    best = min(scores.values())
    winner = min((c for c in scores if scores[c] <= best + race.tolerance), key=lambda c: _rank(c, centre))
    return Found(winner, scores)


class _Race[F]:
    """Scores of one window as they come in."""

    def __init__(self, metric: Metric[F], slack: Slack) -> None:
        self._metric = metric
        self._slack = slack
        self.tolerance = float(getattr(metric, "tolerance", 0.0))
        self.scores: dict[bytes, float] = {}
        self.limit = inf

    def note(self, digest: bytes, score: float) -> None:
        score = inf if isnan(score) else score  # pictures that hold no numbers cannot win
        self.scores[digest] = score
        self.limit = min(self.limit, max(self._slack.limit(score), score + self.tolerance))

    def run(self, rest: dict[bytes, F], ref: F) -> None:
        """Compare what is left."""
        bounds = {digest: self._metric.bound(features, ref) for digest, features in rest.items()}
        if not any(bounds.values()):
            # nothing tells which to leave out, so that the metric may take them all at once
            found = self._metric.scores(list(rest.values()), ref, self.limit) if rest else []
            for digest, score in zip(rest, found, strict=True):
                self.note(digest, score)
            return
        for digest in sorted(rest, key=lambda digest: bounds[digest]):
            bound = bounds[digest]
            self.note(digest, bound if bound > self.limit else self._metric.score(rest[digest], ref, self.limit))


def _rank(number: int, centre: int) -> int:
    """Order among equal scores: the nearest to the centre first, of two the later one."""
    distance = number - centre
    return 2 * abs(distance) - (1 if distance > 0 else 0)
