"""How sure a match is, from its margin and from its score."""

from dataclasses import dataclass
from math import exp, inf, isfinite, log1p


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants of one metric: how the logit of being right depends on what is known of a match."""

    base: float
    margin: float
    """Per log1p of the margin."""
    level: float
    """Per -log1p of the score in units of `unit`."""
    unit: float
    """A score that is usual for pictures of one moment."""
    unrest: float = 0.0
    """Per -log1p of the unrest."""


# Fitted by scripts/calibrate.py to real footage with lost, repeated and swapped frames under grain, other grades, zoom,
# compression and wear, and to unrelated footage; that of topiq is of the same kind, and not fitted. The base is held
# low: where nothing speaks against another moment, a good score alone does not make a match sure.
_CALIBRATIONS = {
    "planestats": Calibration(base=0.3, margin=2.2, level=3.8, unit=0.05, unrest=1.8),
    "butteraugli": Calibration(base=0.3, margin=2.15, level=3.6, unit=25.0, unrest=2.3),
    "butteraugli:3norm": Calibration(base=0.3, margin=2.15, level=3.6, unit=10.0, unrest=2.3),
    "topiq": Calibration(base=0.3, margin=2.15, level=3.6, unit=0.3, unrest=2.0),
    "structure": Calibration(base=0.3, margin=2.6, level=6.0, unit=0.2, unrest=0.5),
}


def calibration(metric: str) -> Calibration:
    """Return the constants of a metric; variants that follow a colon have those of the metric where none are known."""
    return _CALIBRATIONS.get(metric) or _CALIBRATIONS[metric.partition(":")[0]]


def confidence(margin: float, score: float, metric: str, unrest: float = 0.0) -> float:
    """Return how likely it is that a match is right, 0 to 1.

    Args:
        margin: By how much the best different picture is worse, at least 0; infinity where all look the same.
        score: The score of the match, at least 0.
        metric: Name of the metric.
        unrest: By how many places neighbours differ from one frame to the next on average, at least 0.
    """
    known = calibration(metric)
    if not isfinite(score):
        return 0.0
    if margin == inf:
        # nothing tells the candidates apart, so that only the score says whether any of them is right
        margin = 0.0
    logit = (
        known.base
        + known.margin * log1p(margin)
        - known.level * log1p(score / known.unit)
        - known.unrest * log1p(unrest)
    )
    return 1 / (1 + exp(-max(-60.0, min(60.0, logit))))
