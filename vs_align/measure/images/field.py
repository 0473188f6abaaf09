"""Fields: for each pixel of ref, where in clip it lies.

A field is a float32 array of shape (height, width, 2), C-contiguous, of ref's size. `field[y, x]` is the position
(u, v) in clip, in clip pixels, that shows what ref shows at pixel (x, y). Coordinates of whole numbers are the centres
of pixels, (0, 0) is the centre of the top left pixel, x runs to the right and y down. Positions are absolute, not
displacements. A transform is a 3x3 homography of float64 that takes ref pixels to clip pixels.
"""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array


def neutral_matrix(clip_size: tuple[int, int], ref_size: tuple[int, int]) -> Float64Array:
    """Return the transform that stretches clip over ref, edge on edge; sizes are (width, height) in pixels."""
    kx, ky = clip_size[0] / ref_size[0], clip_size[1] / ref_size[1]
    return np.array([[kx, 0, (kx - 1) / 2], [0, ky, (ky - 1) / 2], [0, 0, 1]], np.float64)


def field_of(matrix: Float64Array, ref_size: tuple[int, int]) -> Float32Array:
    """Return the field of a transform for a ref of (width, height) pixels. Exact for whole numbers."""
    width, height = ref_size
    xs = np.arange(width, dtype=np.float64)
    ys = np.arange(height, dtype=np.float64)[:, None]
    out = np.empty((height, width, 2), np.float32)
    u, v, w = (row[0] * xs + (row[1] * ys + row[2]) for row in matrix)
    np.divide(u, w, out=out[..., 0], casting="same_kind")
    np.divide(v, w, out=out[..., 1], casting="same_kind")
    return out


def compose(first: Float32Array, second: Float32Array) -> Float32Array:
    """Return the field p -> first(second(p)): `second` looks into a picture that was itself fetched by `first`.

    Between pixels `first` is interpolated linearly; outside, the displacement at its edge goes on.
    """
    height, width = first.shape[:2]
    xs, ys = np.ascontiguousarray(second[..., 0]), np.ascontiguousarray(second[..., 1])
    inside_x, inside_y = np.clip(xs, 0, width - 1), np.clip(ys, 0, height - 1)
    base = np.mgrid[0:height, 0:width].astype(np.float32)
    displacement = np.dstack([first[..., 0] - base[1], first[..., 1] - base[0]])
    moved = cv2.remap(displacement, inside_x, inside_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved + second, np.float32)


def looked_up(picture: Float32Array, field: Float32Array) -> Float32Array:
    """Return what lies at the positions of a field, between pixels by straight lines; its edge is repeated outside."""
    xs, ys = np.ascontiguousarray(field[..., 0]), np.ascontiguousarray(field[..., 1])
    return np.asarray(cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
