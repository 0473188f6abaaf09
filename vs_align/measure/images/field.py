"""Dense fields: for each pixel of ref its position in clip, as for `cv2.remap`.

A field is a C-contiguous float32 array of shape (height, width, 2) of ref's size. `field[y, x]` is the position
(u, v) in clip, in clip pixels, that shows what ref shows at pixel (x, y). Positions are absolute, not displacements.
Coordinates are those of `vs_align.placement.homography`: whole numbers are the centers of pixels.
"""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array


def homography_field(matrix: Float64Array, ref_size: tuple[int, int]) -> Float32Array:
    """Return the field of a homography.

    Args:
        matrix: (3, 3) float64, from ref pixels to clip pixels.
        ref_size: Width and height of ref.

    Returns:
        (height, width, 2) float32; exact for integer positions.
    """
    width, height = ref_size
    xs = np.arange(width, dtype=np.float64)
    ys = np.arange(height, dtype=np.float64)[:, None]
    out = np.empty((height, width, 2), np.float32)
    u, v, w = (row[0] * xs + (row[1] * ys + row[2]) for row in matrix)
    np.divide(u, w, out=out[..., 0], casting="same_kind")
    np.divide(v, w, out=out[..., 1], casting="same_kind")
    return out


def compose(first: Float32Array, second: Float32Array) -> Float32Array:
    """Return the field p -> first(second(p)): `second` refers to an image that was itself warped by `first`.

    `first` is interpolated bilinearly; beyond its edges, the displacement at the edge is used.
    """
    height, width = first.shape[:2]
    xs, ys = np.ascontiguousarray(second[..., 0]), np.ascontiguousarray(second[..., 1])
    inside_x, inside_y = np.clip(xs, 0, width - 1), np.clip(ys, 0, height - 1)
    base = np.mgrid[0:height, 0:width].astype(np.float32)
    displacement = np.dstack([first[..., 0] - base[1], first[..., 1] - base[0]])
    moved = cv2.remap(displacement, inside_x, inside_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved + second, np.float32)


def sample_bilinear(image: Float32Array, field: Float32Array) -> Float32Array:
    """Sample an image (hc, wc[, c]) at the positions of a field, bilinearly, with a replicated border."""
    xs, ys = np.ascontiguousarray(field[..., 0]), np.ascontiguousarray(field[..., 1])
    return np.asarray(cv2.remap(image, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
