"""Whether a transform can be what lies between two versions of the same footage."""

import cv2
import numpy as np

from vs_align.io.array_types import Float64Array
from vs_align.measure.images.field import neutral_matrix

_SMALLEST_SCALE, _LARGEST_SCALE = 0.3, 3.3
LARGEST_STRETCH = 2.0
"""By how much more one direction may be scaled than the other."""

_LARGEST_PERSPECTIVE = 1.6
_LEAST_OVERLAP = 0.1


def objection(
    matrix: Float64Array,
    clip_size: tuple[int, int],
    ref_size: tuple[int, int],
    stretch: float = LARGEST_STRETCH,
    reach: float = 1.0,
) -> str:
    """Say what is wrong with a transform from ref to clip; empty where nothing is.

    Args:
        matrix: (3, 3).
        clip_size: Width and height of clip.
        ref_size: Width and height of ref.
        stretch: By how much more one direction may be scaled than the other.
        reach: How many times smaller and larger scales than usual may be.
    """
    if not np.isfinite(matrix).all():
        return "the transform is not finite"
    width, height = ref_size
    x0, y0, x1, y1 = -0.5, -0.5, width - 0.5, height - 0.5
    corners = np.array([(x0, y0, 1), (x1, y0, 1), (x1, y1, 1), (x0, y1, 1)])
    moved = corners @ matrix.T
    depth = moved[:, 2]
    if depth.min() <= 0 or depth.max() / depth.min() > _LARGEST_PERSPECTIVE:
        return "the perspective is too strong"
    quad = moved[:, :2] / depth[:, None]
    sides = np.roll(quad, -1, axis=0) - quad
    ahead = np.roll(sides, -1, axis=0)
    if (sides[:, 0] * ahead[:, 1] - sides[:, 1] * ahead[:, 0]).min() <= 0:
        return "the transform mirrors or folds the picture"
    screen = np.array([(-0.5, -0.5), (clip_size[0] - 0.5, -0.5), np.array(clip_size) - 0.5, (-0.5, clip_size[1] - 0.5)])
    common, _ = cv2.intersectConvexConvex(quad.astype(np.float32), screen.astype(np.float32))
    if common < _LEAST_OVERLAP * min(cv2.contourArea(quad.astype(np.float32)), clip_size[0] * clip_size[1]):
        return "too little of the pictures overlaps"
    slope = slope_at(matrix, ((width - 1) / 2, (height - 1) / 2))
    relative = np.linalg.inv(neutral_matrix(clip_size, ref_size)[:2, :2]) @ slope
    scale = float(np.sqrt(abs(np.linalg.det(relative))))
    if not _SMALLEST_SCALE / reach <= scale <= _LARGEST_SCALE * reach:
        return "the scale is out of range"
    # Square pixels on both sides, or one version stretched over the other: either is ordinary.
    if min(np.linalg.cond(slope), np.linalg.cond(relative)) > stretch:
        return "the picture is stretched too much"
    return ""


def slope_at(matrix: Float64Array, point: tuple[float, float]) -> Float64Array:
    """The linear part of a homography at a point."""
    u, v, w = matrix @ (*point, 1)
    out: Float64Array = (matrix[:2, :2] - np.outer([u / w, v / w], matrix[2, :2])) / w
    return out
