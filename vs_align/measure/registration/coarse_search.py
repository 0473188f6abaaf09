"""Coarse intensity-based registration: masked cross-correlation over shifts and scales, then ESM at two levels."""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.images.preprocessing import (
    WeightedImage,
    analysis_size,
    as_float32,
    preprocess,
    size_of,
    warp_weighted,
    weighted_correlation,
)
from vs_align.measure.registration.esm import AFFINE, refine_esm
from vs_align.measure.registration.masked_correlation import best_shifts
from vs_align.measure.registration.result import Registration, rejected_registration
from vs_align.placement.homography import resize_matrix


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of coarse registration."""

    longest: int = 160
    """Longer side of the images that are compared, in pixels."""
    min_size: int = 16
    """Shortest side of an image, in pixels, that can be registered."""
    radius: int = 9
    """Radius of the contrast normalization, in pixels of the compared images."""
    scales: tuple[float, float, float] = (0.93, 1.0, 1.07)
    """Scales at which all shifts are tried; ESM converges from the nearest one."""
    reach: float = 0.12
    """Largest shift that is tried, as a share of the longer side."""
    candidates: int = 2
    """Number of correlation peaks that are refined."""
    convincing: float = 0.8
    """Correlation from which on no further candidate is tried."""
    min_correlation: float = 0.35
    """Correlation below which the result is rejected."""
    min_gain: float = 0.02
    """Gain in correlation over the neutral transform below which the result is rejected."""
    min_overlap: float = 0.5
    """Share of ref that must be covered by clip."""
    scale_range: tuple[float, float] = (0.8, 1.25)
    """Accepted scales; larger changes are left to feature-based registration."""
    max_rotation: int = 6
    """Largest accepted rotation in degrees."""
    max_shift: float = 0.2
    """Largest accepted shift as a share of the longer side."""


_SETTINGS = _Settings()


def register_coarse(
    clip_luma: Float32Array,
    ref_luma: Float32Array,
    excluded_ref: BoolArray | None = None,
    excluded_clip: BoolArray | None = None,
) -> Registration:
    """Register two images that differ by a small shift, scale and rotation, to about three pixels at 640x360.

    Covers shifts of up to 12 % of the longer side, scales of about 0.9 to 1.1 and rotations of about two degrees,
    relative to the neutral transform. Uniform borders are ignored; areas that differ, such as a logo, get low weights.

    Args:
        clip_luma: (hc, wc) float32, 0..1 nominal.
        ref_luma: (h, w) float32, 0..1 nominal.
        excluded_ref: Areas of ref to ignore, bool (h, w), or None.
        excluded_clip: Areas of clip to ignore, bool (hc, wc), or None.

    Returns:
        Exactly the neutral transform, with `found` False, unless another one is clearly better.
    """
    sizes = size_of(clip_luma), size_of(ref_luma)
    size = analysis_size(sizes[1], _SETTINGS.longest)
    if min(size) < _SETTINGS.min_size or min(sizes[0]) < _SETTINGS.min_size:
        return rejected_registration(*sizes, "near", "the images are too small")
    clip = preprocess(clip_luma, excluded_clip, size, _SETTINGS.radius)
    ref = preprocess(ref_luma, excluded_ref, size, _SETTINGS.radius)
    before, _ = weighted_correlation(clip, ref)
    if before > 1 - _SETTINGS.min_gain:
        return rejected_registration(*sizes, "near", "the images lie on each other already", agreement=before)
    matrix = _best(clip, ref)
    after, overlap = weighted_correlation(warp_weighted(clip, matrix, size), ref)
    compared = round(overlap * float(ref.weight.sum()))
    reason = _rejection_reason(matrix, size, after, before, overlap)
    if reason:
        return rejected_registration(*sizes, "near", reason, compared, max(before, 0.0), before)
    total = resize_matrix(sizes[0], size) @ matrix @ resize_matrix(size, sizes[1])
    return Registration(total / total[2, 2], True, compared, after, "near", "", after)


def _best(clip: WeightedImage, ref: WeightedImage) -> Float64Array:
    """Return the best of a few candidates after refinement at half and at full size."""
    small = analysis_size(ref.size, max(ref.size) // 2)
    coarse_clip, coarse_ref = _halved(clip, small), _halved(ref, small)
    starts = [
        matrix
        for _, matrix in best_shifts(coarse_clip, coarse_ref, _SETTINGS.scales, _SETTINGS.reach)[: _SETTINGS.candidates]
    ]
    tried: list[tuple[float, Float64Array]] = []
    for start in starts:
        matrix = refine_esm(coarse_clip, coarse_ref, start, AFFINE, 4)
        tried.append((weighted_correlation(warp_weighted(coarse_clip, matrix, small), coarse_ref)[0], matrix))
        if tried[-1][0] > _SETTINGS.convincing:
            break
    _, best = max(tried, key=lambda pair: pair[0])
    up = resize_matrix(ref.size, small) @ best @ resize_matrix(small, ref.size)
    return refine_esm(clip, ref, up, AFFINE, 2)


def _halved(view: WeightedImage, size: tuple[int, int]) -> WeightedImage:
    image, weight = (as_float32(cv2.resize(x, size, interpolation=cv2.INTER_AREA)) for x in (view.image, view.weight))
    return WeightedImage(image, np.where(weight > 0.999, np.float32(1), np.float32(0)))


def _rejection_reason(matrix: Float64Array, size: tuple[int, int], after: float, before: float, overlap: float) -> str:
    """Return why a transform is implausible; empty if it is plausible."""
    scales = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    center = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2, 1])
    shift = (matrix @ center - center)[:2]
    turn = np.degrees(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))
    if after < _SETTINGS.min_correlation:
        return "the images are not alike"
    if after < before + _SETTINGS.min_gain:
        return "no transform is clearly better than the neutral one"
    within = (
        scales.min() >= _SETTINGS.scale_range[0]
        and scales.max() <= _SETTINGS.scale_range[1]
        and abs(turn) <= _SETTINGS.max_rotation
    )
    if not within or np.hypot(*shift) > _SETTINGS.max_shift * max(size):
        return "the transform is too large for a near search"
    if overlap < _SETTINGS.min_overlap:
        return "too little of the images overlaps"
    return ""
