"""`near`: the cheap search for a whole picture that is shifted, zoomed or turned by a little."""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.images.views import Excluded, View, agreement, analysis_size, as_luma, size_of, view_of, warped
from vs_align.measure.registration.esm import AFFINE, refined
from vs_align.measure.registration.phase_correlation import candidates
from vs_align.measure.registration.result import Registration, not_found

_LONGEST = 160
_SMALLEST = 16
_RADIUS = 9
_SCALES = (0.93, 1.0, 1.07)
_REACH = 0.12
_TRIED = 2
# From this agreement on no other candidate is looked at.
_CLEAR = 0.8
# What a found transform must reach, and by how much it must beat the neutral one.
_LEAST_AGREEMENT = 0.35
_LEAST_GAIN = 0.02
_LEAST_OVERLAP = 0.5


def near(
    clip_luma: Float32Array, ref_luma: Float32Array, excluded_ref: Excluded = None, excluded_clip: Excluded = None
) -> Registration:
    """Find a small shift, zoom and turn of the whole picture, within about three pixels at 640x360.

    Covers shifts up to a tenth of the longer side, scales of about 0.9 to 1.1 and turns of about two degrees, against
    the neutral transform. Constant borders do not count, and neither do areas that differ, such as a logo.

    Args:
        clip_luma: (hc, wc) float32, 0..1 nominal.
        ref_luma: (h, w) float32, likewise.
        excluded_ref: Areas of ref that must not count, bool (h, w), or None.
        excluded_clip: Areas of clip that must not count, bool (hc, wc), or None.

    Returns:
        Exactly the neutral transform, with `found` False, unless another one is clearly better.
    """
    sizes = size_of(clip_luma), size_of(ref_luma)
    size = analysis_size(sizes[1], _LONGEST)
    if min(size) < _SMALLEST or min(sizes[0]) < _SMALLEST:
        return not_found(*sizes, "near", "the pictures are too small")
    clip = view_of(clip_luma, excluded_clip, size, _RADIUS)
    ref = view_of(ref_luma, excluded_ref, size, _RADIUS)
    before, _ = agreement(clip, ref)
    if before > 1 - _LEAST_GAIN:
        return not_found(*sizes, "near", "the pictures lie on each other already", agreement=before)
    matrix = _best(clip, ref)
    after, overlap = agreement(warped(clip, matrix, size), ref)
    compared = round(overlap * float(ref.weight.sum()))
    reason = _objection(matrix, size, after, before, overlap)
    if reason:
        return not_found(*sizes, "near", reason, compared, max(before, 0.0), before)
    total = neutral_matrix(sizes[0], size) @ matrix @ neutral_matrix(size, sizes[1])
    return Registration(total / total[2, 2], True, compared, after, "near", "", after)


def _best(clip: View, ref: View) -> Float64Array:
    """The best of a few candidates, refined from coarse to fine."""
    small = analysis_size(ref.size, max(ref.size) // 2)
    coarse_clip, coarse_ref = _halved(clip, small), _halved(ref, small)
    starts = [matrix for _, matrix in candidates(coarse_clip, coarse_ref, _SCALES, _REACH)[:_TRIED]]
    tried: list[tuple[float, Float64Array]] = []
    for start in starts:
        matrix = refined(coarse_clip, coarse_ref, start, AFFINE, 4)
        tried.append((agreement(warped(coarse_clip, matrix, small), coarse_ref)[0], matrix))
        if tried[-1][0] > _CLEAR:
            break
    _, best = max(tried, key=lambda pair: pair[0])
    up = neutral_matrix(ref.size, small) @ best @ neutral_matrix(small, ref.size)
    return refined(clip, ref, up, AFFINE, 2)


def _halved(view: View, size: tuple[int, int]) -> View:
    picture, weight = (as_luma(cv2.resize(x, size, interpolation=cv2.INTER_AREA)) for x in (view.picture, view.weight))
    return View(picture, np.where(weight > 0.999, np.float32(1), np.float32(0)))


def _objection(matrix: Float64Array, size: tuple[int, int], after: float, before: float, overlap: float) -> str:
    """Why a transform is not to be believed; empty where it is."""
    scales = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    centre = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2, 1])
    shift = (matrix @ centre - centre)[:2]
    turn = np.degrees(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))
    if after < _LEAST_AGREEMENT:
        return "the pictures are not alike"
    if after < before + _LEAST_GAIN:
        return "no transform is clearly better than the neutral one"
    if scales.min() < 0.8 or scales.max() > 1.25 or abs(turn) > 6 or np.hypot(*shift) > 0.2 * max(size):
        return "the transform is too large for a near search"
    if overlap < _LEAST_OVERLAP:
        return "too little of the pictures overlaps"
    return ""
