"""How two versions differ other than in time: framing (affine Lucas-Kanade) and grade (tone curve), from thumbnails.

A metric that compares pixels chooses the frame with the smallest difference. If clip is cropped or graded, that may be
another frame: in a pan the one that compensates a shift, in a fade the one of equal brightness. The score does not show
it. So thumbnails of some matches are compared: a robust least-squares fit measures the part of their difference that an
affine displacement explains (B. D. Lucas and T. Kanade, "An iterative image registration technique", IJCAI 1981, here
for displacements that are affine in the position) and the part that a quadratic tone curve explains, so that logos and
local motion do not count. The correlation of the thumbnails, which a gain does not change, gives a second opinion on
the choice of the frame.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from statistics import fmean

import cv2
import numpy as np

from vs_align.decide.matching import version_difference_kernels as kernels
from vs_align.io.array_types import AnyArray, Float32Array, Float64Array

SAMPLE_STEP = 8
"""Every this many ref frames one is sampled; fewer samples cost less and see shorter passages less well."""
CANDIDATE_RADIUS = 24
"""Candidates to either side of the match from which the second opinion chooses, in frames."""
WIDTH = 64
"""Width of a thumbnail in pixels."""
HEIGHT = 36
"""Height of a thumbnail in pixels."""
_TONES = 3
"""Regressors of tone: the first rows of the normal equations; the others are those of the displacement."""


@dataclass(frozen=True, slots=True)
class DifferenceParameters:
    """Tunables of the fit and of the trust that follows from it."""

    candidate_step: int = 2
    """The second opinion compares every this many candidates, to save time."""
    samples: int = 3
    """Samples of a plane averaged for a pixel of the thumbnail, in each direction; more would take longer."""
    blur: float = 1.0
    """Sigma of the Gaussian over a thumbnail, in its pixels."""
    reweightings: int = 2
    """Rounds of iteratively reweighted least squares after the first fit."""
    outlier: float = 2.0
    """A pixel with this many times the median residual has half the weight."""
    min_residual: float = 2e-3
    """Added to that residual, as a share of the range, so that equal images do not divide by 0."""
    stiffness: tuple[float, ...] = (*[1e-9] * _TONES, *[1e-5] * 2, *[3e-6] * 4)
    """Added to the diagonal of the normal equations (ridge): squared gradients per pixel below which a flat image
    leaves the displacement at 0."""
    equal_correlation: float = 3e-4
    """Correlations that differ by less are equal but for rounding and grain."""
    flat_variance: float = 1e-6
    """Variance of images without content, in squared shares of the range."""
    # A match is right half of the time at each of these; measured by scripts/calibrate.py on six clips under crop,
    # zoom, shift, grades and fades.
    half_framing: float = 0.45 / WIDTH
    """Framing difference that halves the trust, as a share of the width."""
    half_grade: float = 0.13
    """Grade difference that halves the trust, as a share of the range."""
    half_dissent: float = 0.4
    """Dissent that halves the trust."""


PARAMETERS = DifferenceParameters()
_STIFFNESS = np.array(PARAMETERS.stiffness)


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """How clip differs from ref around a frame."""

    framing: float
    """Displacement of the image, root mean square over it, as a share of its width."""
    grade: float
    """Difference of tone, root mean square over the image, as a share of the range."""
    dissent: float
    """Log of the ratio of 1 - correlation of the match to that of the best candidate; 0 if they agree."""

    @property
    def trust(self) -> float:
        """Factor for the confidence of a comparison by pixels, 0 to 1."""
        p = PARAMETERS
        shares = self.framing / p.half_framing, self.grade / p.half_grade, self.dissent / p.half_dissent
        left = 1.0
        for share in shares:
            left /= 1 + share * share
        return left


@dataclass(frozen=True, slots=True, eq=False)
class DifferenceSample:
    """Measurement of one match: normal equations of the fit, which can be summed over matches, and the dissent."""

    normal: Float64Array
    """(9, 9) products of the regressors, per pixel."""
    right: Float64Array
    """(9,) products of regressors and difference, per pixel."""
    residual: float
    """Robust scale of the unexplained difference as a share of the range, above 0. It is larger for a match of another
    moment, which then counts less."""
    dissent: float
    """See `VersionDifference`."""

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        return np.concatenate([self.normal.ravel(), self.right, [self.residual, self.dissent]]).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "DifferenceSample":
        """Read what `to_bytes` wrote."""
        values, side = np.frombuffer(data, np.float64), kernels.REGRESSORS
        return cls(values[: side * side].reshape(side, side), values[side * side : -2], *values[-2:].tolist())


def thumbnail(plane: AnyArray, peak: float) -> Float32Array:
    """Return (HEIGHT, WIDTH) float32 cell means of a plane, slightly blurred, 0 to 1.

    Args:
        plane: (h, w) of any size. NaN counts as 0; other samples are clipped to half a range beyond the range.
        peak: The value of full white.
    """
    small = np.empty((HEIGHT, WIDTH), np.float32)
    kernels.cell_means(plane, PARAMETERS.samples, float(peak), small)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), PARAMETERS.blur), np.float32)


def sample_difference(
    ref: Float32Array, match: int, candidates: range, clip: Callable[[int], Float32Array]
) -> DifferenceSample:
    """Measure the difference of one match.

    Args:
        ref: Thumbnail of the ref frame.
        match: Number of the candidate with the best score.
        candidates: Numbers of the candidates around it, the match among them.
        clip: Returns the thumbnail of a candidate.
    """
    p = PARAMETERS
    normal, right = np.empty((kernels.REGRESSORS,) * 2), np.empty(kernels.REGRESSORS)
    shown = clip(match)
    residual = kernels.equations(shown, ref, _STIFFNESS, p.reweightings, p.outlier, p.min_residual, normal, right)
    own = kernels.correlation(shown, ref, p.flat_variance)
    near = range(max(candidates.start, match - CANDIDATE_RADIUS), min(candidates.stop, match + CANDIDATE_RADIUS + 1))
    others = (kernels.correlation(clip(i), ref, p.flat_variance) for i in near if i % p.candidate_step == 0)
    best = max([own, *others])
    dissent = log((1 - own + p.equal_correlation) / (1 - best + p.equal_correlation))
    return DifferenceSample(normal, right, residual, dissent)


def version_difference(samples: Sequence[DifferenceSample]) -> VersionDifference | None:
    """Return the joint estimate of consecutive matches, weighted by inverse squared residuals; None without any."""
    if not samples:
        return None
    shares = [1 / sample.residual**2 for sample in samples]
    total = sum(shares)
    normal, right = np.zeros_like(samples[0].normal), np.zeros_like(samples[0].right)
    for sample, share in zip(samples, shares, strict=True):
        normal += sample.normal * (share / total)
        right += sample.right * (share / total)
    found = kernels.solve(normal, right, _STIFFNESS)
    tone, move = found[:_TONES], found[_TONES:].tolist()
    # over the image x runs from -1 to 1 and y from -HEIGHT / WIDTH to HEIGHT / WIDTH, with these mean squares
    xx, yy = 1 / 3, (HEIGHT / WIDTH) ** 2 / 3
    squares = move[0] ** 2 + move[1] ** 2 + (move[2] ** 2 + move[5] ** 2) * xx + (move[3] ** 2 + move[4] ** 2) * yy
    grade = max(0.0, float(tone @ normal[:_TONES, :_TONES] @ tone))
    return VersionDifference(sqrt(squares) / WIDTH, sqrt(grade), fmean(sample.dissent for sample in samples))
