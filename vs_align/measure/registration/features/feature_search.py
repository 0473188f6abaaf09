"""Feature-based registration of an image pair: matches, robust estimation, ESM refinement, verification."""

from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array
from vs_align.measure.images.preprocessing import size_of
from vs_align.measure.registration.esm import AFFINE, HOMOGRAPHY
from vs_align.measure.registration.features.detector import Detector, Features, Matches
from vs_align.measure.registration.features.pair_alignment import PairAlignment
from vs_align.measure.registration.features.robust_estimation import RobustEstimate, estimate_transform, residuals
from vs_align.measure.registration.result import Registration, rejected_registration
from vs_align.measure.registration.validation import rejection_reason
from vs_align.placement.homography import resize_matrix


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of feature-based registration."""

    min_overlap: float = 0.05
    """Share of ref that must be covered by clip."""
    min_correlation: float = 0.25
    """Correlation of the registered images below which the result is rejected."""
    min_gain: float = 0.002
    """Gain in correlation over the neutral transform below which the result is rejected."""
    max_scatter: float = 0.0008
    """Median residual of the inliers, as a share of clip's diagonal, above which a homography is tried."""
    max_remainder: float = 0.8
    """A homography replaces an affine transform if it leaves at most this share of 1 - correlation."""


_SETTINGS = _Settings()


def register_by_features(
    clip_luma: Float32Array,
    ref_luma: Float32Array,
    excluded_clip: BoolArray | None = None,
    excluded_ref: BoolArray | None = None,
    *,
    detector: Detector,
    clip_features: Features | None = None,
    ref_features: Features | None = None,
) -> Registration:
    """Register two images by features; covers cropping, scaling, rotation, shear and mild perspective.

    Covers scales of 0.3 to 3.3 and rotations of at least 45 degrees. The transform is estimated from features, refined
    by ESM to a fraction of a pixel, and accepted only if it correlates better than the neutral transform.

    Args:
        clip_luma: (hc, wc) float32, 0..1 nominal.
        ref_luma: (h, w) float32, 0..1 nominal.
        excluded_clip: Areas of clip to ignore, bool, stretched over clip; or None.
        excluded_ref: Areas of ref to ignore, bool, stretched over ref; or None.
        detector: Detects and matches features.
        clip_features: `detector.detect(clip_luma, excluded_clip)` if known.
        ref_features: `detector.detect(ref_luma, excluded_ref)` if known.
    """
    if clip_features is None:
        clip_features = detector.detect(clip_luma, excluded_clip)
    if ref_features is None:
        ref_features = detector.detect(ref_luma, excluded_ref)
    matches = detector.match(clip_features, ref_features)
    return register_matches(matches, clip_luma, ref_luma, excluded_clip, excluded_ref)


def register_matches(
    matches: Matches,
    clip_luma: Float32Array,
    ref_luma: Float32Array,
    excluded_clip: BoolArray | None = None,
    excluded_ref: BoolArray | None = None,
) -> Registration:
    """Register two images by given matches: `register_by_features` without detection and matching."""
    sizes = size_of(clip_luma), size_of(ref_luma)
    images = PairAlignment(clip_luma, ref_luma, excluded_clip, excluded_ref)
    estimate = estimate_transform(matches, images.correlation)
    inliers = int(np.count_nonzero(estimate.inliers))
    share = inliers / max(1, len(estimate.inliers))
    method = f"{matches.method} {estimate.kind}".strip()
    if estimate.reason:
        return rejected_registration(*sizes, method, estimate.reason, inliers, share)
    kind = degrees_of_freedom(estimate)
    matrix, after, overlap = images.refine(estimate.matrix, kind)
    if kind == AFFINE and _scatters(estimate, matches):
        # The scatter of matches hides slight perspective, but the images show it.
        tilted = images.refine(matrix, HOMOGRAPHY)
        if 1 - tilted[1] < _SETTINGS.max_remainder * (1 - after) and not rejection_reason(tilted[0], *sizes):
            matrix, after, overlap = tilted
            method = f"{matches.method} homography"
    before = images.correlation(resize_matrix(*sizes))
    reason = rejection_reason(matrix, *sizes)
    if overlap < _SETTINGS.min_overlap:
        reason = "too little of the images overlaps"
    elif after < _SETTINGS.min_correlation:
        reason = "the images are not alike under the transform"
    elif after < before + _SETTINGS.min_gain:
        reason = "the transform is no better than the neutral one"
    if reason:
        return rejected_registration(*sizes, method, reason, inliers, share, before)
    return Registration(matrix, True, inliers, share, method, "", after)


def _scatters(estimate: RobustEstimate, matches: Matches) -> bool:
    """Return whether the inliers scatter so much about the transform that a more flexible model may be right."""
    right = estimate.inliers
    middle = np.median(residuals(estimate.matrix, matches.ref[right], matches.clip[right]))
    return bool(middle > _SETTINGS.max_scatter * np.hypot(*matches.clip_size))


def degrees_of_freedom(estimate: RobustEstimate) -> int:
    """Return the degrees of freedom for the refinement of an estimate: `AFFINE` or `HOMOGRAPHY`."""
    return HOMOGRAPHY if estimate.kind == "homography" else AFFINE
