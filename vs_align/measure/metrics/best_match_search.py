"""Pruned nearest-neighbor search: the best candidate of a window by any metric, with few full comparisons.

Images that are equal bit by bit share one comparison. The candidate that is expected to win is compared first, so that
the limit is low from the start; the others follow in the order of their lower bounds, until the bounds exceed the
limit. The result is always that of comparing every candidate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isnan
from typing import Protocol

from vs_align.measure.metrics.metric import Metric, ScoreTolerance


class Sample[F](Protocol):
    """An image of a window."""

    @property
    def digest(self) -> bytes:
        """Equal for images that are equal bit by bit."""

    def features(self) -> F:
        """Return what the metric prepared of the image; prepared at the first call."""


@dataclass(frozen=True, slots=True)
class BestMatch:
    """Result of the search of one window."""

    winner: int
    """Number of the best candidate, -1 without candidates."""
    scores: dict[int, float]
    """By candidate number: the score if it is within the tolerance of the best, else a lower bound of it above that."""


def find_best_match[F](
    metric: Metric[F],
    ref: Sample[F],
    candidates: Mapping[int, Sample[F]],
    center: int,
    hint: int,
    exact: ScoreTolerance,
) -> BestMatch:
    """Find the candidate with the lowest score.

    Args:
        metric: How images are compared.
        ref: The image to find.
        candidates: The window, by frame number.
        center: The number in the middle of the window, which may be none of the candidates. Of equal scores the one
            nearest to it wins, and of two equally near ones the later.
        hint: The number that is expected to win. It changes the speed, not the result.
        exact: Range above the best score in which other scores must be exact too.
    """
    if not candidates:
        return BestMatch(-1, {})
    groups: dict[bytes, list[int]] = {}
    for number in sorted(candidates, key=lambda c: _rank(c, center)):
        groups.setdefault(candidates[number].digest, []).append(number)
    scoring = _Scoring(metric, exact)
    if ref.digest in groups and metric.zero_for_equal:
        scoring.add(ref.digest, 0.0)
    ref_features = ref.features()
    rest = {digest: candidates[numbers[0]].features() for digest, numbers in groups.items()}
    first = min(groups, key=lambda digest: min(abs(number - hint) for number in groups[digest]))
    if first not in scoring.scores:
        scoring.add(first, metric.score(rest[first], ref_features, scoring.limit))
    for digest in scoring.scores:
        del rest[digest]
    scoring.compare(rest, ref_features)
    scores = {number: scoring.scores[digest] for digest, numbers in groups.items() for number in numbers}
    best = min(scores.values())
    winner = min((c for c in scores if scores[c] <= best + metric.rounding), key=lambda c: _rank(c, center))
    return BestMatch(winner, scores)


class _Scoring[F]:
    """Scores of one window as they are computed, and the limit above which further scores need not be exact."""

    def __init__(self, metric: Metric[F], exact: ScoreTolerance) -> None:
        self._metric = metric
        self._exact = exact
        self.scores: dict[bytes, float] = {}
        self.limit = inf

    def add(self, digest: bytes, score: float) -> None:
        score = inf if isnan(score) else score  # images with NaN cannot win
        self.scores[digest] = score
        self.limit = min(self.limit, max(self._exact.limit(score), score + self._metric.rounding))

    def compare(self, rest: dict[bytes, F], ref: F) -> None:
        """Score the remaining candidates, by their digests, in the order of their lower bounds."""
        bounds = {digest: self._metric.bound(features, ref) for digest, features in rest.items()}
        if not any(bounds.values()):
            # without bounds there is no better order, and the metric may score all of them as one batch
            found = self._metric.scores(list(rest.values()), ref, self.limit) if rest else []
            for digest, score in zip(rest, found, strict=True):
                self.add(digest, score)
            return
        for digest in sorted(rest, key=lambda digest: bounds[digest]):
            bound = bounds[digest]
            self.add(digest, bound if bound > self.limit else self._metric.score(rest[digest], ref, self.limit))


def _rank(number: int, center: int) -> int:
    """Order among equal scores: the nearest to the center first, of two the later one."""
    distance = number - center
    return 2 * abs(distance) - (1 if distance > 0 else 0)
