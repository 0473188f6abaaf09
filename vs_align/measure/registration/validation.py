"""Plausibility checks of a homography between two versions of the same footage."""

import cv2
import numpy as np

from vs_align.io.array_types import Float64Array
from vs_align.placement.homography import apply_homography, corners_of, jacobian, resize_matrix

_MIN_SCALE = 0.3
"""Smallest plausible scale, relative to the neutral transform."""
_MAX_SCALE = 3.3
"""Largest plausible scale, relative to the neutral transform."""
MAX_ANISOTROPY = 2.0
"""Largest plausible ratio of the scales in two directions."""
_MAX_PERSPECTIVE = 1.6
"""Largest plausible ratio of the depths of two corners of ref."""
_MIN_OVERLAP = 0.1
"""Smallest plausible common area, as a share of the smaller image."""


def rejection_reason(
    matrix: Float64Array,
    clip_size: tuple[int, int],
    ref_size: tuple[int, int],
    stretch: float = MAX_ANISOTROPY,
    reach: float = 1.0,
) -> str:
    """Return why a homography from ref to clip is implausible; empty if it is plausible.

    Args:
        matrix: (3, 3).
        clip_size: Width and height of clip.
        ref_size: Width and height of ref.
        stretch: Largest ratio of the scales in two directions.
        reach: Factor by which the range of scales is extended at both ends.
    """
    if not np.isfinite(matrix).all():
        return "the transform is not finite"
    width, height = ref_size
    corners = corners_of(ref_size)
    depth = corners @ matrix[2, :2] + matrix[2, 2]
    if depth.min() <= 0 or depth.max() / depth.min() > _MAX_PERSPECTIVE:
        return "the perspective is too strong"
    quad = apply_homography(matrix, corners)
    sides = np.roll(quad, -1, axis=0) - quad
    ahead = np.roll(sides, -1, axis=0)
    if (sides[:, 0] * ahead[:, 1] - sides[:, 1] * ahead[:, 0]).min() <= 0:
        return "the transform mirrors or folds the image"
    screen = corners_of(clip_size)
    common, _ = cv2.intersectConvexConvex(quad.astype(np.float32), screen.astype(np.float32))
    if common < _MIN_OVERLAP * min(cv2.contourArea(quad.astype(np.float32)), clip_size[0] * clip_size[1]):
        return "too little of the images overlaps"
    slope = jacobian(matrix, ((width - 1) / 2, (height - 1) / 2))
    relative = np.linalg.inv(resize_matrix(clip_size, ref_size)[:2, :2]) @ slope
    scale = float(np.sqrt(abs(np.linalg.det(relative))))
    if not _MIN_SCALE / reach <= scale <= _MAX_SCALE * reach:
        return "the scale is out of range"
    # Square pixels on both sides and one version stretched to the other's aspect ratio are both common.
    if min(np.linalg.cond(slope), np.linalg.cond(relative)) > stretch:
        return "the image is stretched too much"
    return ""
