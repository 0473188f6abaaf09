"""Tone curve that maps the brightness of one image to the other's, from their joint histogram.

Local contrast normalization removes a linear change of tone. A nonlinear one, such as gamma or crushed blacks, still
shifts edges by a few hundredths of a pixel. The curve is estimated once the images are roughly aligned, and applied
before they are compared again.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.flow.dis.kernels import joint_histogram


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the tone curve."""

    bins: int = 64
    """Bins per axis of the joint histogram."""
    outlier_distance: float = 3.0
    """Distance from the curve, in mean distances, from which on pairs are outliers, such as a logo."""
    rounds: int = 3
    """Rounds of outlier rejection."""
    max_straight_deviation: float = 1.5 / 255
    """RMS deviation from a straight line, of 1, below which no curve is applied."""
    min_share: float = 1e-4
    """Regularization of sparsely populated bins, as a share of all pixels."""
    min_slope: float = 1e-3
    """Smallest slope of the line that deviations are related to."""
    smoothing_taps: int = 9
    """Length of the Gaussian that smooths the curve, in bins."""
    smoothing_sigma: float = 1.5
    """Standard deviation of that Gaussian in bins."""


_SETTINGS = _Settings()
_GRADIENT_STEEPNESS = np.float32(2500.0)
"""Weight of a pixel: 1 / (1 + this * squared gradient); misaligned edges mix tones."""


@dataclass(frozen=True, slots=True)
class ToneCurve:
    """A tone curve for one of the two images."""

    of_ref: bool
    """Whether it applies to ref, else to clip."""
    curve: Float64Array
    """Output at the centers of equal steps of the input from 0 to 1."""

    def applied(self, luma: Float32Array) -> Float32Array:
        """Return luma after the curve, which is extended linearly below 0 and above 1."""
        bins = len(self.curve)
        knots = np.linspace(-1, 2, 3 * 4 * bins + 1)
        centers = (np.arange(bins) + 0.5) / bins
        fine = np.interp(knots, centers, self.curve)
        first, last = (self.curve[1] - self.curve[0]) * bins, (self.curve[-1] - self.curve[-2]) * bins
        fine += np.minimum(knots - centers[0], 0) * first + np.maximum(knots - centers[-1], 0) * last
        positions = (np.clip(luma, -1, 2) + np.float32(1)) * np.float32((len(knots) - 1) / 3)
        # `cv2.remap` interpolates a table of one row many times faster than `np.interp`.
        table = np.asarray(fine, np.float32)[None]
        return np.asarray(cv2.remap(table, positions, np.zeros_like(positions), cv2.INTER_LINEAR), np.float32)


def estimate_tone_curve(ref: Float32Array, warped: Float32Array) -> ToneCurve | None:
    """Estimate the tone curve between two aligned images; None if it is straight.

    Of the two directions the one is taken in which one image explains more of the other's variance, so that crushed
    blacks are crushed in the other image, too, and not expanded.

    Args:
        ref: Luma, (h, w) float32, 0..1.
        warped: Luma of the other image at the same positions, NaN for invalid pixels.

    Source:
        Correlation ratio: A. Roche et al., The correlation ratio as a new similarity measure for multimodal image
        registration, MICCAI 1998.
    """
    counts = np.empty((_SETTINGS.bins, _SETTINGS.bins), np.float32)
    joint_histogram(ref, warped, _GRADIENT_STEEPNESS, counts)
    if not counts.any():
        return None
    on_ref, on_clip = _curve(counts.astype(np.float64)), _curve(counts.T.astype(np.float64))
    explained, curve, bend = max(on_ref, on_clip, key=lambda found: found[0])
    if bend < _SETTINGS.max_straight_deviation or explained <= 0:
        return None
    return ToneCurve(explained == on_ref[0], curve)


def _curve(counts: Float64Array) -> tuple[float, Float64Array, float]:
    """Return the correlation ratio, the curve, and its RMS deviation from a straight line."""
    centers = (np.arange(_SETTINGS.bins) + 0.5) / _SETTINGS.bins
    kept = counts
    for _ in range(_SETTINGS.rounds):
        mass = kept.sum(axis=1)
        mean = kept @ centers / np.maximum(mass, 1e-12)
        distance = np.abs(centers[None] - mean[:, None])
        typical = (kept * distance).sum() / kept.sum()
        kept = counts * (distance <= max(_SETTINGS.outlier_distance * typical, 1.5 / _SETTINGS.bins))
        if not kept.any():
            return 0.0, centers, 0.0
    mass = kept.sum(axis=1)
    total = mass.sum()
    mean = kept @ centers / np.maximum(mass, 1e-12)
    middle = (mass * mean).sum() / total
    spread = (kept.sum(axis=0) * (centers - middle) ** 2).sum() / total
    explained = (mass * (mean - middle) ** 2).sum() / total / max(spread, 1e-12)
    mean_input = (mass * centers).sum() / total
    slope = (mass * (centers - mean_input) * (mean - middle)).sum() / max(
        (mass * (centers - mean_input) ** 2).sum(), 1e-12
    )
    line = middle + slope * (centers - mean_input)
    kernel = cv2.getGaussianKernel(_SETTINGS.smoothing_taps, _SETTINGS.smoothing_sigma).ravel()
    near = np.convolve(mass, kernel, "same") + _SETTINGS.min_share * total
    deviation = np.convolve(mass * (mean - line), kernel, "same") / near
    bend = float(np.sqrt((mass * deviation**2).sum() / total)) / max(abs(slope), _SETTINGS.min_slope)
    return float(explained), line + deviation, bend
