"""How two versions differ apart from time: in framing and in grade, and whether that misleads a comparison by pixels.

A metric that compares pixels takes the frame with the smallest difference. Where clip is cropped or graded another
frame may have it: in a pan the one that makes up for a shift, in a fade the one of equal brightness. No score tells.
So small pictures of some matches are looked at: a least-squares fit says which part of their difference an affine
displacement explains (B. D. Lucas and T. Kanade, "An iterative image registration technique", IJCAI 1981, here for
displacements that vary linearly over the picture) and which part a curve of tone, robustly, so that logos and what
moves by itself do not count; and the correlation of the small pictures, which a change of gain leaves alone, is asked
for its own choice of the frame.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from statistics import fmean

import cv2
import numpy as np

from vs_align.decide.matching import version_difference_kernels as kernels
from vs_align.io.array_types import AnyArray, Float32Array, Float64Array

EVERY = 8
"""Of so many ref frames one is looked at."""
OPINIONS = 24
"""Candidates to either side of the match that the second opinion may choose from."""
_OPINION_EVERY = 2  # of them it sees one in so many
WIDTH, HEIGHT = 64, 36
# Samples of a plane that are averaged for a pixel of the small picture, in each direction: more would cost more.
_SAMPLES = 3
_BLUR = 1.0  # pixels
_TONES = 3
_REWEIGHTINGS = 2
# A pixel that differs by this many times the median residual counts half.
_OUTLIER = 2.0
_SMALLEST_RESIDUAL = 2e-3  # of the range
# What keeps flat pictures from moving: squared gradients per pixel below which nothing is said about a displacement.
_STIFFNESS = np.array([1e-9] * _TONES + [1e-5] * 2 + [3e-6] * 4)
# Correlations that differ by less say the same: rounding and grain.
_SAME_CORRELATION = 3e-4
_FLAT = 1e-6  # variance of pictures without content
# Half of the matches are wrong where one of the three is so large: measured by scripts/calibrate.py on six clips under
# crop, zoom, shift, grades and fades.
_HALF_FRAMING = 0.45 / WIDTH  # of the picture's width
_HALF_GRADE = 0.13  # of the range
_HALF_DISSENT = 0.4


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """How clip differs from ref around a frame."""

    framing: float
    """Displacement of the picture, root mean square over it, as a share of its width."""
    grade: float
    """Difference of tone, root mean square over the picture, as a share of the range."""
    dissent: float
    """Log of how much worse the match correlates with ref than the best candidate does; 0 where they agree."""

    @property
    def trust(self) -> float:
        """What part of the confidence in a comparison by pixels is left, 0 to 1."""
        shares = self.framing / _HALF_FRAMING, self.grade / _HALF_GRADE, self.dissent / _HALF_DISSENT
        left = 1.0
        for share in shares:
            left /= 1 + share * share
        return left


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is known of one match: normal equations of the fit, which add up over several, and the second opinion."""

    normal: Float64Array
    """(9, 9) products of the explanations, per pixel."""
    right: Float64Array
    """(9,) products of explanations and difference, per pixel."""
    left: float
    """What is left unexplained, of the range; above 0. A match of another moment leaves more, and counts less."""
    dissent: float

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        return np.concatenate([self.normal.ravel(), self.right, [self.left, self.dissent]]).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Look":
        """Read what `to_bytes` wrote."""
        values, side = np.frombuffer(data, np.float64), kernels.EXPLANATIONS
        return cls(values[: side * side].reshape(side, side), values[side * side : -2], *values[-2:].tolist())


def small_picture(plane: AnyArray, peak: float) -> Float32Array:
    """Return (HEIGHT, WIDTH) means of a plane, blurred a little, 0 to 1.

    Args:
        plane: (h, w) of any size; samples that are no finite numbers count as 0, or as far beyond the range.
        peak: The value of full white.
    """
    small = np.empty((HEIGHT, WIDTH), np.float32)
    kernels.means(plane, _SAMPLES, float(peak), small)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), _BLUR), np.float32)


def look_at(ref: Float32Array, match: int, candidates: range, clip: Callable[[int], Float32Array]) -> Look:
    """Look at a match.

    Args:
        ref: Small picture of the ref frame.
        match: Number of the candidate with the best score.
        candidates: Numbers of the candidates around it, the match among them.
        clip: Gives the small picture of a candidate.
    """
    normal, right = np.empty((kernels.EXPLANATIONS,) * 2), np.empty(kernels.EXPLANATIONS)
    shown = clip(match)
    left = kernels.equations(shown, ref, _STIFFNESS, _REWEIGHTINGS, _OUTLIER, _SMALLEST_RESIDUAL, normal, right)
    own = kernels.correlation(shown, ref, _FLAT)
    near = range(max(candidates.start, match - OPINIONS), min(candidates.stop, match + OPINIONS + 1))
    best = max([own, *(kernels.correlation(clip(i), ref, _FLAT) for i in near if i % _OPINION_EVERY == 0)])
    return Look(normal, right, left, log((1 - own + _SAME_CORRELATION) / (1 - best + _SAME_CORRELATION)))


def version_difference(looks: Sequence[Look]) -> VersionDifference | None:
    """Return what some matches in a row say together, None without any."""
    if not looks:
        return None
    shares = [1 / look.left**2 for look in looks]
    total = sum(shares)
    normal, right = np.zeros_like(looks[0].normal), np.zeros_like(looks[0].right)
    for look, share in zip(looks, shares, strict=True):
        normal += look.normal * (share / total)
        right += look.right * (share / total)
    found = kernels.solved(normal, right, _STIFFNESS)
    tone, move = found[:_TONES], found[_TONES:].tolist()
    # over the picture x runs from -1 to 1 and y from -HEIGHT / WIDTH to HEIGHT / WIDTH, with these mean squares
    xx, yy = 1 / 3, (HEIGHT / WIDTH) ** 2 / 3
    squares = move[0] ** 2 + move[1] ** 2 + (move[2] ** 2 + move[5] ** 2) * xx + (move[3] ** 2 + move[4] ** 2) * yy
    grade = max(0.0, float(tone @ normal[:_TONES, :_TONES] @ tone))
    return VersionDifference(sqrt(squares) / WIDTH, sqrt(grade), fmean(look.dissent for look in looks))
