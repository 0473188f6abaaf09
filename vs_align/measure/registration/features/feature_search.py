"""`wide`: the search for any transform between two pictures, by features."""

import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.images.views import Excluded, size_of
from vs_align.measure.registration.esm import AFFINE, HOMOGRAPHY
from vs_align.measure.registration.features.detector import Detector, Features, Matches
from vs_align.measure.registration.features.pair_alignment import Comparison
from vs_align.measure.registration.features.robust_estimation import Estimate, best_estimate, residuals
from vs_align.measure.registration.result import Registration, not_found
from vs_align.measure.registration.validation import objection

_LEAST_OVERLAP = 0.05
_LEAST_AGREEMENT = 0.25
_LEAST_GAIN = 0.002
# Scatter of matches, as a part of clip's diagonal, above which perspective is tried, and what must be left of the
# disagreement for it to be believed.
_SCATTER = 0.0008
_CLEARLY_LESS = 0.8


def wide(
    clip_luma: Float32Array,
    ref_luma: Float32Array,
    excluded_clip: Excluded = None,
    excluded_ref: Excluded = None,
    *,
    detector: Detector,
    clip_features: Features | None = None,
    ref_features: Features | None = None,
) -> Registration:
    """Find where ref lies in clip, however it was cropped, scaled, turned, sheared or filmed from a screen.

    Covers scales of 0.3 to 3.3, turns to 45 degrees and more, and mild perspective. The transform is found from
    features, refined on the pictures to a fraction of a pixel, and believed only where it lays them on each other
    better than the neutral transform does.

    Args:
        clip_luma: (hc, wc) float32, 0..1 nominal.
        ref_luma: (h, w) float32, likewise.
        excluded_clip: Areas of clip that must not count, bool, stretched over clip; or None.
        excluded_ref: Areas of ref that must not count, likewise.
        detector: What finds and pairs features.
        clip_features: What `detector.detect(clip_luma, excluded_clip)` returns, where it is known already.
        ref_features: What `detector.detect(ref_luma, excluded_ref)` returns, likewise.
    """
    if clip_features is None:
        clip_features = detector.detect(clip_luma, excluded_clip)
    if ref_features is None:
        ref_features = detector.detect(ref_luma, excluded_ref)
    matches = detector.match(clip_features, ref_features)
    return from_matches(matches, clip_luma, ref_luma, excluded_clip, excluded_ref)


def from_matches(
    matches: Matches,
    clip_luma: Float32Array,
    ref_luma: Float32Array,
    excluded_clip: Excluded = None,
    excluded_ref: Excluded = None,
) -> Registration:
    """Do what `wide` does after matching."""
    sizes = size_of(clip_luma), size_of(ref_luma)
    pictures = Comparison(clip_luma, ref_luma, excluded_clip, excluded_ref)
    estimate = best_estimate(matches, pictures.agreement)
    inliers = int(np.count_nonzero(estimate.inliers))
    share = inliers / max(1, len(estimate.inliers))
    method = f"{matches.method} {estimate.kind}".strip()
    if estimate.reason:
        return not_found(*sizes, method, estimate.reason, inliers, share)
    kind = freedom_of(estimate)
    matrix, after, overlap = pictures.sharpened(estimate.matrix, kind)
    if kind == AFFINE and _is_doubtful(estimate, matches):
        # Points that scatter hide a little perspective, which the pictures still show.
        tilted = pictures.sharpened(matrix, HOMOGRAPHY)
        if 1 - tilted[1] < _CLEARLY_LESS * (1 - after) and not objection(tilted[0], *sizes):
            matrix, after, overlap = tilted
            method = f"{matches.method} homography"
    before = pictures.agreement(neutral_matrix(*sizes))
    reason = objection(matrix, *sizes)
    if overlap < _LEAST_OVERLAP:
        reason = "too little of the pictures overlaps"
    elif after < _LEAST_AGREEMENT:
        reason = "the pictures are not alike under the transform"
    elif after < before + _LEAST_GAIN:
        reason = "the transform is no better than the neutral one"
    if reason:
        return not_found(*sizes, method, reason, inliers, share, before)
    return Registration(matrix, True, inliers, share, method, "", after)


def _is_doubtful(estimate: Estimate, matches: Matches) -> bool:
    """Whether the matches scatter so much about the transform that a more flexible one may be right."""
    right = estimate.inliers
    middle = np.median(residuals(estimate.matrix, matches.ref[right], matches.clip[right]))
    return bool(middle > _SCATTER * np.hypot(*matches.clip_size))


def freedom_of(estimate: Estimate) -> int:
    """What may change when a transform is refined on pictures."""
    return HOMOGRAPHY if estimate.kind == "homography" else AFFINE
