"""Homographies as 3x3 matrices: mapping of points, corners of images, distances, local Jacobian.

A matrix maps (x, y, 1) in pixels of ref to pixels of clip. Pixel coordinates: whole numbers are centers of pixels,
(0, 0) is the center of the top left pixel, x runs to the right and y down. Sizes are (width, height) in pixels.
"""

import numpy as np

from vs_align.io.array_types import Float64Array


def apply_homography(matrix: Float64Array, points: Float64Array) -> Float64Array:
    """Map points by a homography.

    Args:
        matrix: (3, 3).
        points: (..., 2), x and y in pixels.

    Returns:
        (..., 2). Points at infinity are not treated: the division is by the third homogeneous coordinate as it is.
    """
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    out: Float64Array = mapped[..., :2] / mapped[..., 2:]
    return out


def resize_matrix(clip_size: tuple[int, int], ref_size: tuple[int, int]) -> Float64Array:
    """Return the matrix of a resize of clip to the size of ref, edge on edge: the neutral transform of two sizes."""
    kx, ky = clip_size[0] / ref_size[0], clip_size[1] / ref_size[1]
    return np.array([[kx, 0, (kx - 1) / 2], [0, ky, (ky - 1) / 2], [0, 0, 1]], np.float64)


def corners_of(size: tuple[int, int], margin: float = 0.5) -> Float64Array:
    """Return the corners of an image, (4, 2), clockwise from the top left.

    Args:
        size: Width and height of the image.
        margin: Distance of the corners from the centers of the outermost pixels: 0.5 for the edges of the image, 0 for
            the centers.
    """
    left, top, right, bottom = -margin, -margin, size[0] - 1 + margin, size[1] - 1 + margin
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def corner_distance(
    first: Float64Array, second: Float64Array, size: tuple[int, int], *, along_axes: bool = False
) -> float:
    """Return the largest distance in clip pixels between the images of ref's corners under two homographies.

    Args:
        first: (3, 3).
        second: (3, 3).
        size: Width and height of ref.
        along_axes: Take the larger one of the distances in x and in y, between the centers of the corner pixels,
            instead of the Euclidean distance between the corners of the image.
    """
    corners = corners_of(size, 0.0 if along_axes else 0.5)
    difference = apply_homography(first, corners) - apply_homography(second, corners)
    return float((np.abs(difference) if along_axes else np.hypot(*difference.T)).max())


def jacobian(matrix: Float64Array, point: tuple[float, float] | Float64Array) -> Float64Array:
    """Return the Jacobian (2, 2) of a homography at a point (x, y): its linear part there."""
    u, v, w = matrix @ (*point, 1)
    out: Float64Array = (matrix[:2, :2] - np.outer([u / w, v / w], matrix[2, :2])) / w
    return out
