"""Tone: the curve that brings the brightness of one picture to that of the other.

Local contrast takes away a grade that is straight over a window. A curve, such as gamma or crushed blacks, still moves
edges by a few hundredths of a pixel; it is measured once the pictures lie on each other, and applied before they are
compared again.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.flow.dis.cells_kernels import joint_histogram

_BINS = 64
_STEEPNESS = np.float32(2500.0)
# Pairs farther from the curve than so many mean distances belong to something else, such as a logo.
_OUTLIER = 3.0
_ROUNDS = 3
# A curve that is straight to within this, as the root of the mean square, is left alone.
_STRAIGHT = 1.5 / 255
_LEAST_SHARE = 1e-4
_LEAST_GRADIENT = 1e-3


@dataclass(frozen=True, slots=True)
class Tone:
    """A curve, and the picture that it belongs to."""

    of_ref: bool
    """Apply it to ref, else to clip."""
    curve: Float64Array
    """Brightness at the middle of each of the equal steps from 0 to 1."""

    def applied(self, luma: Float32Array) -> Float32Array:
        """Return luma after the curve, which goes on straight below 0 and above 1."""
        bins = len(self.curve)
        knots = np.linspace(-1, 2, 3 * 4 * bins + 1)
        centres = (np.arange(bins) + 0.5) / bins
        fine = np.interp(knots, centres, self.curve)
        first, last = (self.curve[1] - self.curve[0]) * bins, (self.curve[-1] - self.curve[-2]) * bins
        fine += np.minimum(knots - centres[0], 0) * first + np.maximum(knots - centres[-1], 0) * last
        places = (np.clip(luma, -1, 2) + np.float32(1)) * np.float32((len(knots) - 1) / 3)
        # remap interpolates a table of one row, many times faster than numpy does
        table = np.asarray(fine, np.float32)[None]
        return np.asarray(cv2.remap(table, places, np.zeros_like(places), cv2.INTER_LINEAR), np.float32)


def tone_between(ref: Float32Array, warped: Float32Array) -> Tone | None:
    """Measure the curve between two pictures that lie on each other, None where it is straight.

    Of the two directions the one is taken in which one picture explains more of the other, so that crushed blacks are
    crushed in the other picture too, and not pulled apart.

    Args:
        ref: Luma, 0 to 1, shape (h, w).
        warped: The other picture's luma at the same places, NaN where unknown.

    Source:
        Correlation ratio: A. Roche et al., The correlation ratio as a new similarity measure for multimodal image
        registration, MICCAI 1998.
    """
    counts = np.empty((_BINS, _BINS), np.float32)
    joint_histogram(ref, warped, _STEEPNESS, counts)
    if not counts.any():
        return None
    on_ref, on_clip = _curve(counts.astype(np.float64)), _curve(counts.T.astype(np.float64))
    explained, curve, bend = max(on_ref, on_clip, key=lambda found: found[0])
    if bend < _STRAIGHT or explained <= 0:
        return None
    return Tone(explained == on_ref[0], curve)


def _curve(counts: Float64Array) -> tuple[float, Float64Array, float]:
    """Return how much of the second brightness the first explains, the curve, and how far it is from straight."""
    centres = (np.arange(_BINS) + 0.5) / _BINS
    kept = counts
    for _ in range(_ROUNDS):
        mass = kept.sum(axis=1)
        mean = kept @ centres / np.maximum(mass, 1e-12)
        distance = np.abs(centres[None] - mean[:, None])
        typical = (kept * distance).sum() / kept.sum()
        kept = counts * (distance <= max(_OUTLIER * typical, 1.5 / _BINS))
        if not kept.any():
            return 0.0, centres, 0.0
    mass = kept.sum(axis=1)
    total = mass.sum()
    mean = kept @ centres / np.maximum(mass, 1e-12)
    middle = (mass * mean).sum() / total
    spread = (kept.sum(axis=0) * (centres - middle) ** 2).sum() / total
    explained = (mass * (mean - middle) ** 2).sum() / total / max(spread, 1e-12)
    spot = (mass * centres).sum() / total
    slope = (mass * (centres - spot) * (mean - middle)).sum() / max((mass * (centres - spot) ** 2).sum(), 1e-12)
    line = middle + slope * (centres - spot)
    kernel = cv2.getGaussianKernel(9, 1.5).ravel()
    near = np.convolve(mass, kernel, "same") + _LEAST_SHARE * total
    deviation = np.convolve(mass * (mean - line), kernel, "same") / near
    bend = float(np.sqrt((mass * deviation**2).sum() / total)) / max(abs(slope), _LEAST_GRADIENT)
    return float(explained), line + deviation, bend
