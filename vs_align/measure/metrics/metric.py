"""What a metric is: how alike two pictures are.

A metric that is not bound to one plane in memory has this form. Adding one takes a file with a class of this form and
a row in `vs_align.measure.metrics.registry`.
"""

from collections.abc import Sequence
from math import inf
from typing import Protocol

from vs_align.io.array_types import Float32Array, UInt8Array, UInt16Array

type Picture = UInt8Array | UInt16Array | Float32Array
"""(3, height, width) R, G and B as stored, gamma-encoded: integers from 0 to the largest value of their type, single
floats from 0 to 1 nominal."""


class Metric[F](Protocol):
    """How alike two pictures are; lower is more alike. `candidate` and `ref` are not interchangeable.

    Everything is called from several threads at once.

    Two attributes are looked for, and neither has to be there:

    - `tolerance`: float, the difference of two scores below which they count as equal. 0 where it is missing.
    - `zero_for_equal`: bool, whether bit-identical pictures score 0, so that they need not be compared. False where it
      is missing.
    """

    def prepare(self, picture: Picture) -> F:
        """Return everything that belongs to one picture. It is kept, and serves all windows the picture is in."""

    def size(self, features: F) -> int:
        """Return the bytes that features hold; they may grow while they are used."""

    def bound(self, candidate: F, ref: F) -> float:
        """Return a cheap lower bound of the score, 0 where there is none."""

    def score(self, candidate: F, ref: F, limit: float = inf) -> float:
        """Return the score where it is at most `limit`, exactly.

        Where it is higher, any value above `limit` and not above the score is right, found as early as possible.
        """

    def scores(self, candidates: Sequence[F], ref: F, limit: float = inf) -> list[float]:
        """Return the scores of several candidates, each as `score` does."""
