"""Features of one picture, matches of two, and what a detector of features is."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.images.views import Excluded


@dataclass(frozen=True, eq=False)
class Features:
    """What a detector found in one picture. Worth keeping where a picture is matched more than once.

    Args:
        points: (n, 2) float64, positions (x, y) in pixels of the picture.
        descriptors: (n, d) float32 of unit length; alike descriptors have a large product.
        size: Width and height of the picture in pixels.
    """

    points: Float64Array
    descriptors: Float32Array
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Matches:
    """Points that may be the same in clip and in ref; some are wrong.

    Args:
        clip: (n, 2) float64, positions (x, y) in clip, in pixels.
        ref: (n, 2) float64, positions in ref.
        clip_size: Width and height of clip in pixels.
        ref_size: Width and height of ref in pixels.
        method: Name of the detector.
    """

    clip: Float64Array
    ref: Float64Array
    clip_size: tuple[int, int]
    ref_size: tuple[int, int]
    method: str


class Detector(Protocol):
    """Finds features in a picture and says which of two pictures' features are the same."""

    @property
    def name(self) -> str:
        """Short name for reports."""

    def detect(self, luma: Float32Array, excluded: Excluded = None) -> Features:
        """Find features.

        Args:
            luma: (h, w) float32, 0..1 nominal.
            excluded: Areas without features, bool of any size, stretched over the picture; or None.
        """

    def match(self, clip: Features, ref: Features) -> Matches:
        """Pair features."""


def paired(
    clip: Features, ref: Features, name: str, *, least: float = -1.0, ratio: float = 1.0, distinct: float = 0.0
) -> Matches:
    """Pair features that choose each other.

    Args:
        clip: Features of clip.
        ref: Features of ref.
        name: Name of the detector.
        least: Smallest product of two descriptors of a pair, exclusive.
        ratio: Largest distance of a pair as a part of the distance to the second choice (D. Lowe, 2004). 1: any.
        distinct: A second choice within this many pixels of the first one is the same point twice.
    """
    if not len(clip.points) or not len(ref.points):
        nothing = np.empty((0, 2))
        return Matches(nothing, nothing, clip.size, ref.size, name)
    alike = ref.descriptors @ clip.descriptors.T
    rows = np.arange(len(alike))
    first = alike.argmax(axis=1)
    best = alike[rows, first]
    keep = (alike.argmax(axis=0)[first] == rows) & (best > least)
    rows, first, best = rows[keep], first[keep], best[keep]
    if ratio < 1 and len(rows):
        near, far = np.maximum(1 - best, 0), np.maximum(1 - _rivals(alike[rows], first, clip, distinct), 1e-6)
        good = near < ratio**2 * far  # squared distances of unit vectors are twice one minus their product
        rows, first = rows[good], first[good]
    return Matches(clip.points[first], ref.points[rows], clip.size, ref.size, name)


def _rivals(alike: Float32Array, first: IntpArray, clip: Features, distinct: float) -> Float32Array:
    """The product of each row's second choice, away from the first: one corner is often found two or three times."""
    rows = np.arange(len(alike))
    alike[rows, first] = -1
    second = alike.argmax(axis=1)
    for _ in range(2):
        same = np.flatnonzero(np.abs(clip.points[second] - clip.points[first]).max(axis=1) <= distinct)
        alike[same, second[same]] = -1
        second[same] = alike[same].argmax(axis=1)
    out: Float32Array = alike[rows, second]
    return out
