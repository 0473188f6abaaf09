"""How far two scores of one metric may lie apart and still say the same."""

from dataclasses import dataclass

MOST_COST = 10.0
"""So many units of noise above the best, and it does not matter how many more."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of the scores of a metric."""

    relative: float
    """As a share of the score."""
    absolute: float
    """Of a score of 0; above 0."""

    def reach(self) -> tuple[float, float]:
        """Return which scores the vote wants to know: up to best * (1 + the first) + the second."""
        return MOST_COST * self.relative, MOST_COST * self.absolute
