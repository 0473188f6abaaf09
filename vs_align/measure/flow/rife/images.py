"""Image and field helpers of the RIFE engine: sampling, blurring, masks, downscaling, flow from the midpoint."""

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array

_LUMA_WEIGHTS = np.array([[0.2126, 0.7152, 0.0722]], np.float32)
"""Weights of red, green and blue in luma (ITU-R BT.709)."""
_ONE_MAP = np.empty(0, np.float32)
_MAX_SCALE = 1.2
"""Clip pixels per ref pixel above which clip is downscaled."""
_INVERSION_ROUNDS = 4
"""Rounds of the fixed-point iteration that inverts a flow."""


def sample(image: Float32Array, field: Float32Array, sharp: bool) -> Float32Array:
    """Sample an image at the positions of a field with a replicated border: bicubic if `sharp`, else bilinear."""
    interpolation = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(image, field, _ONE_MAP, interpolation, borderMode=cv2.BORDER_REPLICATE), np.float32)


def blurred(image: Float32Array, sigma: float) -> Float32Array:
    """Blur by a Gaussian with a standard deviation in pixels; 0: not at all."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32) if sigma > 0 else image


def luma_of(image: Float32Array) -> Float32Array:
    """Return the luma (h, w) of RGB (h, w, 3)."""
    return np.asarray(cv2.transform(image, _LUMA_WEIGHTS), np.float32).reshape(image.shape[:2])


def identity_field(shape: tuple[int, ...]) -> Float32Array:
    """Return the identity field of an image of shape (height, width, ...)."""
    return np.dstack(np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)))


def flow_from_midpoint(flows: Float32Array) -> Float32Array:
    """Return the displacement from ref to clip, (h, w, 2), from flows (h, w, 4) of the midpoint to clip and to ref.

    The midpoint pixel p that lies at q in ref solves p + into_ref(p) = q. Equal flows give exactly zero.
    """
    into_ref = np.ascontiguousarray(flows[..., 2:])
    difference = flows[..., :2] - into_ref
    base = identity_field(flows.shape)
    middle = base - into_ref
    for _ in range(_INVERSION_ROUNDS - 1):
        middle = base - sample(into_ref, middle, sharp=False)
    return sample(difference, middle, sharp=False)


def transpose_antidiagonal(image: Float32Array) -> Float32Array:
    """Mirror an image (h, w, c) at its antidiagonal, which swaps rows and columns."""
    return np.ascontiguousarray(image[::-1, ::-1].transpose(1, 0, 2))


def flow_turned_back(displacement: Float32Array) -> Float32Array:
    """Convert a displacement between images after `transpose_antidiagonal` to one between the original images."""
    return -transpose_antidiagonal(displacement)[..., ::-1]


def weight_outside(excluded: BoolArray, margin: int) -> Float32Array:
    """Return 0 for masked pixels and those at most `margin` pixels away, and 1 elsewhere; (h, w)."""
    side = 2 * margin + 1
    grown = cv2.dilate(excluded.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(grown == 0, np.float32)


def joined_masks(
    excluded: BoolArray | None, clip_excluded: BoolArray | None, start: Float64Array, ref_size: tuple[int, int]
) -> BoolArray | None:
    """Return the union of a mask of ref, (h, w), and a mask of clip, (Hc, Wc), warped to ref's pixels by `start`."""
    if clip_excluded is None:
        return excluded
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(clip_excluded.astype(np.uint8) * 255, start, ref_size, flags=flags) > 0
    return moved if excluded is None else moved | excluded


def reduced(
    clip: Float32Array, start: Float64Array, ref_size: tuple[int, int]
) -> tuple[Float32Array, tuple[float, float]]:
    """Downscale clip to about the resolution of ref.

    Args:
        clip: (hc, wc, 3) float32.
        start: (3, 3), from ref pixels to clip pixels.
        ref_size: Width and height of ref.

    Returns:
        Clip, and its scale in x and y.
    """
    x, y = (ref_size[0] - 1) / 2, (ref_size[1] - 1) / 2
    u, v, w = start @ np.array([[x - 0.5, x + 0.5, x, x], [y, y, y - 0.5, y + 0.5], [1, 1, 1, 1]])
    u, v = u / w, v / w
    steps = float(np.hypot(u[1] - u[0], u[3] - u[2])), float(np.hypot(v[1] - v[0], v[3] - v[2]))
    height, width = clip.shape[:2]
    columns, rows = (
        max(1, round(side / step)) if step > _MAX_SCALE else side
        for side, step in zip((width, height), steps, strict=True)
    )
    if (columns, rows) == (width, height):
        return clip, (1, 1)
    small = cv2.resize(clip, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), (columns / width, rows / height)
