"""`Comparison`: two pictures, one of which is looked at through one transform after the other."""

import math

import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.images.views import (
    Excluded,
    View,
    agreement,
    analysis_size,
    normalised,
    scaled,
    size_of,
    view_of,
    warped,
    weight_of,
)
from vs_align.measure.registration.esm import refined
from vs_align.measure.registration.validation import slope_at

_LONGEST = 480
_RADIUS = 12
# Grain agrees best where it is interpolated most, so a little less agreement is no sign of a worse transform.
_SLACK = 0.02
# Steps in which clip is made smaller before it is looked at.
_STEP = 1.12


class Comparison:
    """Lays clip on ref through transforms, and refines and judges them. All transforms are for the full pictures.

    Args:
        clip_luma: (hc, wc) float32, 0..1 nominal.
        ref_luma: (h, w) float32, likewise.
        excluded_clip: Areas of clip that must not count, bool, stretched over clip; or None.
        excluded_ref: Areas of ref that must not count, likewise.
    """

    def __init__(
        self,
        clip_luma: Float32Array,
        ref_luma: Float32Array,
        excluded_clip: Excluded = None,
        excluded_ref: Excluded = None,
    ) -> None:
        self._clip_luma, self._excluded = clip_luma, excluded_clip
        self._clip_size, self._ref_size = size_of(clip_luma), size_of(ref_luma)
        self._ref = view_of(ref_luma, excluded_ref, analysis_size(self._ref_size, _LONGEST), _RADIUS)
        self._smaller: dict[tuple[int, int], View] = {}

    def agreement(self, matrix: Float64Array) -> float:
        """Correlation of the pictures under a transform, -1..1."""
        return agreement(self._seen(matrix), self._ref)[0]

    def sharpened(self, matrix: Float64Array, parameters: int) -> tuple[Float64Array, float, float]:
        """Refine a transform on the pictures. What is worse than before is dropped.

        Args:
            matrix: From ref pixels to clip pixels, right to a few pixels.
            parameters: `AFFINE` or `HOMOGRAPHY`: what may change.

        Returns:
            The transform, the correlation of the pictures under it (-1..1) and the part of ref that clip covers (0..1).
        """
        size = self._ref.size
        into, out = neutral_matrix(size, self._ref_size), neutral_matrix(self._ref_size, size)
        best = matrix
        seen = self._seen(best)
        score, overlap = agreement(seen, self._ref)
        for steps in (4, 2):
            # The picture is fetched anew for each round, so that what is compared was interpolated once.
            step = refined(seen, self._ref, np.eye(3), parameters, steps)
            new = best @ out @ step @ into
            new = new / new[2, 2]
            seen = self._seen(new)
            new_score, new_overlap = agreement(seen, self._ref)
            if new_score < score - _SLACK or new_overlap < 0.8 * overlap:
                break
            best, score, overlap = new, new_score, new_overlap
        return best, score, overlap

    def _seen(self, matrix: Float64Array) -> View:
        """Clip as it lies on the view of ref, made ready there, so that both have the same surroundings."""
        size = self._ref.size
        whole = matrix @ neutral_matrix(self._ref_size, size)
        centre = ((size[0] - 1) / 2, (size[1] - 1) / 2)
        plain = self._shrunk(float(np.linalg.norm(slope_at(whole, centre), 2)))
        placed = warped(plain, neutral_matrix(plain.size, self._clip_size) @ whole, size)
        weight = np.where(placed.weight > 0.999, np.float32(1), np.float32(0))
        return View(normalised(placed.picture, weight, _RADIUS), weight)

    def _shrunk(self, step: float) -> View:
        """Clip made smaller for steps of so many pixels, because shrinking needs averaging; not made ready yet."""
        power = max(0, math.floor(math.log(max(step, 1.0)) / math.log(_STEP) + 0.5))
        scale = 1 / _STEP**power
        size = max(1, round(self._clip_size[0] * scale)), max(1, round(self._clip_size[1] * scale))
        if size not in self._smaller:
            small = scaled(self._clip_luma, size)
            self._smaller[size] = View(small, weight_of(small, self._excluded))
        return self._smaller[size]
