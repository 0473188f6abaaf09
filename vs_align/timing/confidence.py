"""How sure a match is, from its margin and from its score."""

from dataclasses import dataclass
from math import exp, inf, isfinite, log1p


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants of one metric: the logit of being right is base + margin * log1p(m) - level * log1p(score / unit)."""

    base: float
    margin: float
    level: float
    unit: float
    """A score that is usual for pictures of one moment."""


# Of planestats and butteraugli: fitted to footage with lost, repeated and swapped frames, under grain, other grades and
# compression. Of the others: of their kind.
_CALIBRATIONS = {
    "planestats": Calibration(base=0.0, margin=2.1, level=3.4, unit=0.05),
    "butteraugli": Calibration(base=0.0, margin=1.9, level=2.5, unit=25.0),
    "butteraugli:3norm": Calibration(base=0.0, margin=1.9, level=2.5, unit=10.0),
    "topiq": Calibration(base=0.0, margin=2.0, level=2.5, unit=0.3),
    "structure": Calibration(base=0.0, margin=2.0, level=2.5, unit=0.2),
}


def confidence(margin: float, score: float, metric: str) -> float:
    """Return how likely it is that a match is right, 0 to 1.

    Args:
        margin: By how much the best different picture is worse, at least 0; infinity where all look the same.
        score: The score of the match, at least 0.
        metric: Name of the metric.
    """
    # variants that follow a colon measure the same thing where they are not listed by themselves
    known = _CALIBRATIONS.get(metric) or _CALIBRATIONS[metric.partition(":")[0]]
    if not isfinite(score):
        return 0.0
    if margin == inf:
        # nothing tells the candidates apart, so that only the score says whether any of them is right
        margin = 0.0
    logit = known.base + known.margin * log1p(margin) - known.level * log1p(score / known.unit)
    return 1 / (1 + exp(-max(-60.0, min(60.0, logit))))
