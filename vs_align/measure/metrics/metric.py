"""Interface of a full-reference image metric, and the tolerance within which two of its scores count as equal.

Adding a metric takes a class of the form of `Metric` and a row in `vs_align.measure.metrics.registry`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from vs_align.io.array_types import RgbImage


@dataclass(frozen=True, slots=True)
class ScoreTolerance:
    """A range of scores above a score s: from s to s * (1 + relative) + absolute.

    Args:
        relative: Share of the score, at least 0.
        absolute: Width of the range at a score of 0, in units of the score, at least 0.
    """

    relative: float = 0.0
    absolute: float = 0.0

    def limit(self, best: float) -> float:
        """Return the highest score within the tolerance of `best`."""
        return best * (1 + self.relative) + self.absolute

    def scaled(self, factor: float) -> "ScoreTolerance":
        """Return a tolerance that is `factor` times as wide."""
        return ScoreTolerance(factor * self.relative, factor * self.absolute)


ALL_SCORES = ScoreTolerance(0.0, inf)
"""Every score lies within it."""


class Metric[F](ABC):
    """Difference of two images of one size; lower is more alike. `candidate` and `ref` are not interchangeable.

    A metric splits its work into `prepare`, which sees one image, and `score`, which compares what was prepared of two
    images. `F` is the type of what `prepare` returns. All methods are called from several threads at once.

    Required: `prepare`, `size`, `score`. Optional, with defaults that are always right but slower: `bound`, `scores`,
    `rounding`, `zero_for_equal`.
    """

    @property
    def rounding(self) -> float:
        """Largest change of a score by rounding; scores that differ by no more count as equal. Default: 0."""
        return 0.0

    @property
    def zero_for_equal(self) -> bool:
        """Whether bit-identical images score exactly 0, so that they need not be compared. Default: False."""
        return False

    @abstractmethod
    def prepare(self, image: RgbImage) -> F:
        """Return the features of one image. They are cached and used for all windows that contain the image."""

    @abstractmethod
    def size(self, features: F) -> int:
        """Return the bytes that features hold; they may grow while they are used."""

    @abstractmethod
    def score(self, candidate: F, ref: F, limit: float = inf) -> float:
        """Return the exact score if it is at most `limit`.

        If it is higher, any value above `limit` and not above the exact score may be returned, to stop early.
        """

    def bound(self, candidate: F, ref: F) -> float:
        """Return a cheap lower bound of the score. Default: 0."""
        return 0.0

    def scores(self, candidates: Sequence[F], ref: F, limit: float = inf) -> list[float]:
        """Return the scores of several candidates, each as from `score`. Default: one call of `score` for each."""
        return [self.score(candidate, ref, limit) for candidate in candidates]
