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
    lone: float = 0.0
    """By what share more the score counts where one frame jumps alone."""


# Fitted by scripts/calibrate.py to real footage with lost, repeated and swapped frames under grain, other grades, zoom,
# compression and wear, and to unrelated footage; that of topiq is of the same kind, and not fitted. The base is held
# low: where nothing speaks against another moment, a good score alone does not make a match sure.
# Butteraugli was fitted with --wrong-counts 12 at 240x135, 60 frames, tr 8, to six clips (logo, fades, grain, plain,
# crushed, compressed, still, regraded): its margin ends at a tenth of the score, which grain and logos alone exceed, so
# that even a fit that counts each match once leaves too many wrong ones above 0.9.
# The level of planestats is the lowest, in steps of a half, that keeps each half of the six clips below 0.5 % sure and
# wrong under hard compression (384x216, 90 frames, tr 12): where a frame is lost, the wrong one of the two beside it
# may score better.
# A frame that jumps alone was wrong in 61 of 72 cases where two encodes of grain were compared by planestats, and right
# in 53 of 53 where frames were lost, repeated or swapped. Only the score tells: above 0.9 are left those that are equal
# or nearly so. Of topiq this was not measured, and structure does without.
_CALIBRATIONS = {
    "planestats": Calibration(base=0.3, margin=2.2, level=5.5, unit=0.05, unrest=1.8, lone=2.0),
    "butteraugli": Calibration(base=0.3, margin=1.57, level=1.37, unit=2.0, unrest=1.6, lone=3.0),
    "butteraugli:3norm": Calibration(base=0.3, margin=1.69, level=1.7, unit=2.0, unrest=1.47, lone=3.0),
    "topiq": Calibration(base=0.3, margin=2.15, level=3.6, unit=0.3, unrest=2.0, lone=3.0),
    "structure": Calibration(base=0.3, margin=2.6, level=6.0, unit=0.2, unrest=0.5),
}


def calibration(metric: str) -> Calibration:
    """Return the constants of a metric; variants that follow a colon have those of the metric where none are known."""
    return _CALIBRATIONS.get(metric) or _CALIBRATIONS[metric.partition(":")[0]]


def confidence(margin: float, score: float, metric: str, unrest: float = 0.0, *, lone: bool = False) -> float:
    """Return how likely it is that a match is right, 0 to 1.

    Args:
        margin: By how much the best different picture is worse, at least 0; infinity where all look the same.
        score: The score of the match, at least 0.
        metric: Name of the metric.
        unrest: By how many places neighbours differ from one frame to the next on average, at least 0.
        lone: Whether the match leaves the place of both neighbours and they agree with each other.
    """
    known = calibration(metric)
    if not isfinite(score):
        return 0.0
    if margin == inf:
        # nothing tells the candidates apart, so that only the score says whether any of them is right
        margin = 0.0
    level = known.level * (1 + known.lone if lone else 1)
    logit = known.base + known.margin * log1p(margin) - level * log1p(score / known.unit) - known.unrest * log1p(unrest)
    return 1 / (1 + exp(-max(-60.0, min(60.0, logit))))
