"""Feature-based registration of several frame pairs by one transform."""

from collections.abc import Sequence

import numpy as np

from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.images.preprocessing import size_of
from vs_align.measure.registration.features.detector import Matches
from vs_align.measure.registration.features.feature_search import degrees_of_freedom
from vs_align.measure.registration.features.pair_alignment import PairAlignment
from vs_align.measure.registration.features.robust_estimation import (
    RobustEstimate,
    estimate_transform,
    fit_affine,
    fit_homography,
)
from vs_align.measure.registration.result import Registration, rejected_registration
from vs_align.measure.registration.validation import rejection_reason
from vs_align.placement.homography import apply_homography, resize_matrix

_GRID = 5
"""Points per side of the grid on which the refined transforms of the pairs are averaged."""
_MIN_GAIN = 0.002
"""Gain in mean correlation over the neutral transform below which the result is rejected."""


def register_pairs(
    matches: Sequence[Matches], images: Sequence[tuple[Float32Array, Float32Array]] = ()
) -> Registration:
    """Estimate one transform for a scene or a clip from the matches of several frame pairs.

    Args:
        matches: Results of `Detector.match` for pairs of the same two sizes; at least one.
        images: Luma of clip and ref, float32, of some of the pairs (a few are enough). The transform is refined on
            each pair; the median of the results, taken on a grid of points, must correlate better than the neutral
            transform. Without images, nothing is refined or verified.

    Raises:
        ArgumentError: There are no matches, or sizes differ.
    """
    sizes = _common_sizes(matches, images)
    clip = np.concatenate([each.clip for each in matches])
    ref = np.concatenate([each.ref for each in matches])
    estimate = estimate_transform(Matches(clip, ref, *sizes, matches[0].method))
    inliers = int(np.count_nonzero(estimate.inliers))
    share = inliers / max(1, len(estimate.inliers))
    method = f"{matches[0].method} {estimate.kind}".strip()
    if estimate.reason:
        return rejected_registration(*sizes, method, estimate.reason, inliers, share)
    if not images:
        return Registration(estimate.matrix, True, inliers, share, method, "")
    matrix, before, after = _refined_on(images, estimate, sizes)
    reason = rejection_reason(matrix, *sizes)
    if not reason and after < before + _MIN_GAIN:
        reason = "the transform is no better than the neutral one"
    if reason:
        return rejected_registration(*sizes, method, reason, inliers, share, before)
    return Registration(matrix, True, inliers, share, method, "", after)


def _refined_on(
    images: Sequence[tuple[Float32Array, Float32Array]],
    estimate: RobustEstimate,
    sizes: tuple[tuple[int, int], tuple[int, int]],
) -> tuple[Float64Array, float, float]:
    """Return the median of the refined transforms, and the mean correlations of the neutral transform and of it."""
    width, height = sizes[1]
    xs, ys = np.meshgrid(np.linspace(0, width - 1, _GRID), np.linspace(0, height - 1, _GRID))
    points = np.stack([xs.ravel(), ys.ravel()], axis=1)
    compared = [PairAlignment(clip, ref) for clip, ref in images]
    found = []
    for each in compared:
        matrix, _, _ = each.refine(estimate.matrix, degrees_of_freedom(estimate))
        found.append(apply_homography(matrix, points))
    middle = np.median(found, axis=0)
    fit = fit_homography if estimate.kind == "homography" else fit_affine
    total = fit(points, middle, np.ones(len(points)))
    if total is None:
        total = estimate.matrix
    before = np.mean([each.correlation(resize_matrix(*sizes)) for each in compared])
    after = np.mean([each.correlation(total) for each in compared])
    return total, float(before), float(after)


def _common_sizes(
    matches: Sequence[Matches], images: Sequence[tuple[Float32Array, Float32Array]]
) -> tuple[tuple[int, int], tuple[int, int]]:
    if not matches:
        raise ArgumentError("registration.register_pairs", "matches", "must have at least one entry", 0)
    sizes = matches[0].clip_size, matches[0].ref_size
    rule = f"must be for the sizes of the first matches, {sizes}"
    for i, each in enumerate(matches):
        if (each.clip_size, each.ref_size) != sizes:
            raise ArgumentError("registration.register_pairs", f"matches[{i}]", rule, (each.clip_size, each.ref_size))
    for i, (clip, ref) in enumerate(images):
        if (size_of(clip), size_of(ref)) != sizes:
            raise ArgumentError("registration.register_pairs", f"images[{i}]", rule, (size_of(clip), size_of(ref)))
    return sizes
