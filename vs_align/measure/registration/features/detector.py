"""Keypoint features: the detector interface, and mutual nearest-neighbor matching with Lowe's ratio test."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, IntpArray


@dataclass(frozen=True, eq=False)
class Features:
    """Features of one image. Keep them if an image is matched more than once.

    Args:
        points: (n, 2) float64, positions (x, y) in pixels of the image.
        descriptors: (n, d) float32 of unit length; similarity is the inner product.
        size: Width and height of the image in pixels.
    """

    points: Float64Array
    descriptors: Float32Array
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Matches:
    """Putative correspondences, outliers included.

    Args:
        clip: (n, 2) float64, positions (x, y) in clip, in pixels.
        ref: (n, 2) float64, positions (x, y) in ref, in pixels.
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
    """Detects and matches features."""

    @property
    def name(self) -> str:
        """Short name for reports."""

    def detect(self, luma: Float32Array, excluded: BoolArray | None = None) -> Features:
        """Detect features.

        Args:
            luma: (h, w) float32, 0..1 nominal.
            excluded: Areas without features, bool of any size, stretched over the image; or None.
        """

    def match(self, clip: Features, ref: Features) -> Matches:
        """Match features."""


def match_mutual(
    clip: Features, ref: Features, name: str, *, min_similarity: float = -1.0, ratio: float = 1.0, distinct: float = 0.0
) -> Matches:
    """Match features that are mutual nearest neighbors.

    Args:
        clip: Features of clip.
        ref: Features of ref.
        name: Name of the detector.
        min_similarity: Smallest inner product of two matched descriptors, exclusive.
        ratio: Largest ratio of the distances to the nearest and second nearest descriptor (D. Lowe, 2004); 1: any.
        distinct: Distance in pixels within which the second nearest one counts as the same point.
    """
    if not len(clip.points) or not len(ref.points):
        nothing = np.empty((0, 2))
        return Matches(nothing, nothing, clip.size, ref.size, name)
    similarity = ref.descriptors @ clip.descriptors.T
    rows = np.arange(len(similarity))
    first = similarity.argmax(axis=1)
    best = similarity[rows, first]
    keep = (similarity.argmax(axis=0)[first] == rows) & (best > min_similarity)
    rows, first, best = rows[keep], first[keep], best[keep]
    if ratio < 1 and len(rows):
        near, far = np.maximum(1 - best, 0), np.maximum(1 - _rivals(similarity[rows], first, clip, distinct), 1e-6)
        good = near < ratio**2 * far  # squared distance of unit vectors: 2 - 2 * inner product
        rows, first = rows[good], first[good]
    return Matches(clip.points[first], ref.points[rows], clip.size, ref.size, name)


def _rivals(similarity: Float32Array, first: IntpArray, clip: Features, distinct: float) -> Float32Array:
    """Return the similarity of each row's second choice; duplicates of the first choice do not count."""
    rows = np.arange(len(similarity))
    similarity[rows, first] = -1
    second = similarity.argmax(axis=1)
    for _ in range(2):
        same = np.flatnonzero(np.abs(clip.points[second] - clip.points[first]).max(axis=1) <= distinct)
        similarity[same, second[same]] = -1
        second[same] = similarity[same].argmax(axis=1)
    out: Float32Array = similarity[rows, second]
    return out
