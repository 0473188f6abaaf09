"""`PairAlignment`: one image pair under varying transforms: correlation, and refinement by ESM."""

import math
from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.images.preprocessing import (
    WeightedImage,
    analysis_size,
    normalize_contrast,
    pixel_weights,
    preprocess,
    scaled,
    size_of,
    warp_weighted,
    weighted_correlation,
)
from vs_align.measure.registration.esm import refine_esm
from vs_align.placement.homography import jacobian, resize_matrix


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the refinement of a pair."""

    longest: int = 480
    """Longer side of the compared images in pixels."""
    radius: int = 12
    """Radius of the contrast normalization in pixels."""
    max_loss: float = 0.02
    """Loss of correlation that a refinement may have: grain correlates best under most interpolation, so that a
    slightly lower correlation does not indicate a worse transform."""
    min_kept_overlap: float = 0.8
    """Share of the overlap that a refinement must keep."""
    scale_step: float = 1.12
    """Ratio of successive sizes to which clip is downscaled before it is warped."""


_SETTINGS = _Settings()


class PairAlignment:
    """One image pair; all matrices map pixels of the full image of ref to pixels of the full image of clip.

    Args:
        clip_luma: (hc, wc) float32, 0..1 nominal.
        ref_luma: (h, w) float32, 0..1 nominal.
        excluded_clip: Areas of clip to ignore, bool, stretched over clip; or None.
        excluded_ref: Areas of ref to ignore, bool, stretched over ref; or None.
    """

    def __init__(
        self,
        clip_luma: Float32Array,
        ref_luma: Float32Array,
        excluded_clip: BoolArray | None = None,
        excluded_ref: BoolArray | None = None,
    ) -> None:
        self._clip_luma, self._excluded = clip_luma, excluded_clip
        self._clip_size, self._ref_size = size_of(clip_luma), size_of(ref_luma)
        self._ref = preprocess(
            ref_luma, excluded_ref, analysis_size(self._ref_size, _SETTINGS.longest), _SETTINGS.radius
        )
        self._smaller: dict[tuple[int, int], WeightedImage] = {}

    def correlation(self, matrix: Float64Array) -> float:
        """Return the NCC of the images under a transform, -1..1."""
        return weighted_correlation(self._seen(matrix), self._ref)[0]

    def refine(self, matrix: Float64Array, parameters: int) -> tuple[Float64Array, float, float]:
        """Refine a transform by ESM; a round that lowers the correlation or the overlap is dropped.

        Args:
            matrix: From ref pixels to clip pixels, right to a few pixels.
            parameters: `AFFINE` or `HOMOGRAPHY`.

        Returns:
            The transform, the NCC of the images under it, -1..1, and the share of ref that clip covers, 0..1.
        """
        size = self._ref.size
        into, out = resize_matrix(size, self._ref_size), resize_matrix(self._ref_size, size)
        best = matrix
        seen = self._seen(best)
        score, overlap = weighted_correlation(seen, self._ref)
        for steps in (4, 2):
            # Clip is warped anew for each round, so that it is interpolated only once.
            step = refine_esm(seen, self._ref, np.eye(3), parameters, steps)
            new = best @ out @ step @ into
            new = new / new[2, 2]
            seen = self._seen(new)
            new_score, new_overlap = weighted_correlation(seen, self._ref)
            if new_score < score - _SETTINGS.max_loss or new_overlap < _SETTINGS.min_kept_overlap * overlap:
                break
            best, score, overlap = new, new_score, new_overlap
        return best, score, overlap

    def _seen(self, matrix: Float64Array) -> WeightedImage:
        """Return clip warped to ref and normalized there, so that both are normalized with the same surroundings."""
        size = self._ref.size
        whole = matrix @ resize_matrix(self._ref_size, size)
        center = ((size[0] - 1) / 2, (size[1] - 1) / 2)
        resized = self._downscaled(float(np.linalg.norm(jacobian(whole, center), 2)))
        moved = warp_weighted(resized, resize_matrix(resized.size, self._clip_size) @ whole, size)
        weight = np.where(moved.weight > 0.999, np.float32(1), np.float32(0))
        return WeightedImage(normalize_contrast(moved.image, weight, _SETTINGS.radius), weight)

    def _downscaled(self, step: float) -> WeightedImage:
        """Return clip downscaled for a sampling step in pixels, by area averaging; not normalized."""
        power = max(0, math.floor(math.log(max(step, 1.0)) / math.log(_SETTINGS.scale_step) + 0.5))
        scale = 1 / _SETTINGS.scale_step**power
        size = max(1, round(self._clip_size[0] * scale)), max(1, round(self._clip_size[1] * scale))
        if size not in self._smaller:
            small = scaled(self._clip_luma, size)
            self._smaller[size] = WeightedImage(small, pixel_weights(small, self._excluded))
        return self._smaller[size]
