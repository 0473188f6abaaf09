"""`pooled`: one transform for several pairs of frames."""

from collections.abc import Sequence

import numpy as np

from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.images.views import size_of
from vs_align.measure.registration.features.detector import Matches
from vs_align.measure.registration.features.feature_search import freedom_of
from vs_align.measure.registration.features.pair_alignment import Comparison
from vs_align.measure.registration.features.robust_estimation import Estimate, best_estimate, fit_affine, fit_homography
from vs_align.measure.registration.result import Registration, not_found
from vs_align.measure.registration.validation import objection

_GRID = 5
_LEAST_GAIN = 0.002


def pooled(matches: Sequence[Matches], pictures: Sequence[tuple[Float32Array, Float32Array]] = ()) -> Registration:
    """Find one transform for a scene or a clip from the matches of several pairs of frames.

    Args:
        matches: What `Detector.match` returned, for pairs of the same two sizes; at least one.
        pictures: Luma of clip and ref, float32, of some of the pairs (a few are enough). The transform is refined on
            each, the middle of what they say counts, and it must lay them on each other better than the neutral one.
            Without pictures nothing is refined or verified.

    Raises:
        ArgumentError: There are no matches, or sizes differ.
    """
    sizes = _common_sizes(matches, pictures)
    clip = np.concatenate([each.clip for each in matches])
    ref = np.concatenate([each.ref for each in matches])
    estimate = best_estimate(Matches(clip, ref, *sizes, matches[0].method))
    inliers = int(np.count_nonzero(estimate.inliers))
    share = inliers / max(1, len(estimate.inliers))
    method = f"{matches[0].method} {estimate.kind}".strip()
    if estimate.reason:
        return not_found(*sizes, method, estimate.reason, inliers, share)
    if not pictures:
        return Registration(estimate.matrix, True, inliers, share, method, "")
    matrix, before, after = _refined_on(pictures, estimate, sizes)
    reason = objection(matrix, *sizes)
    if not reason and after < before + _LEAST_GAIN:
        reason = "the transform is no better than the neutral one"
    if reason:
        return not_found(*sizes, method, reason, inliers, share, before)
    return Registration(matrix, True, inliers, share, method, "", after)


def _refined_on(
    pictures: Sequence[tuple[Float32Array, Float32Array]],
    estimate: Estimate,
    sizes: tuple[tuple[int, int], tuple[int, int]],
) -> tuple[Float64Array, float, float]:
    """The middle of the refined transforms, and the mean agreement of the neutral one and of this one."""
    width, height = sizes[1]
    xs, ys = np.meshgrid(np.linspace(0, width - 1, _GRID), np.linspace(0, height - 1, _GRID))
    points = np.stack([xs.ravel(), ys.ravel()], axis=1)
    compared = [Comparison(clip, ref) for clip, ref in pictures]
    found = []
    for each in compared:
        matrix, _, _ = each.sharpened(estimate.matrix, freedom_of(estimate))
        moved = points @ matrix[:, :2].T + matrix[:, 2]
        found.append(moved[:, :2] / moved[:, 2:])
    middle = np.median(found, axis=0)
    fit = fit_homography if estimate.kind == "homography" else fit_affine
    total = fit(points, middle, np.ones(len(points)))
    if total is None:
        total = estimate.matrix
    before = np.mean([each.agreement(neutral_matrix(*sizes)) for each in compared])
    after = np.mean([each.agreement(total) for each in compared])
    return total, float(before), float(after)


def _common_sizes(
    matches: Sequence[Matches], pictures: Sequence[tuple[Float32Array, Float32Array]]
) -> tuple[tuple[int, int], tuple[int, int]]:
    if not matches:
        raise ArgumentError("registration.pooled", "matches", "must have at least one entry", 0)
    sizes = matches[0].clip_size, matches[0].ref_size
    rule = f"must be for the sizes of the first matches, {sizes}"
    for i, each in enumerate(matches):
        if (each.clip_size, each.ref_size) != sizes:
            raise ArgumentError("registration.pooled", f"matches[{i}]", rule, (each.clip_size, each.ref_size))
    for i, (clip, ref) in enumerate(pictures):
        if (size_of(clip), size_of(ref)) != sizes:
            raise ArgumentError("registration.pooled", f"pictures[{i}]", rule, (size_of(clip), size_of(ref)))
    return sizes
