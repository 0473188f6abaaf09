"""What `vs_align.measure.flow.rife.engine` does with pictures and fields between two runs of the network."""

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array

_LUMA = np.array([[0.2126, 0.7152, 0.0722]], np.float32)
_ONE_MAP = np.empty(0, np.float32)
_FINER = 1.2
"""How many clip pixels a ref pixel spans before clip is reduced."""
_MIDDLE_ROUNDS = 4


def sampled(picture: Float32Array, field: Float32Array, sharp: bool) -> Float32Array:
    """Fetch a picture along a field: bicubic where it must be sharp, bilinear otherwise; edges are repeated."""
    interpolation = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(picture, field, _ONE_MAP, interpolation, borderMode=cv2.BORDER_REPLICATE), np.float32)


def blurred(picture: Float32Array, sigma: float) -> Float32Array:
    """Blur by a Gaussian; sigma in pixels, 0 for not at all."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32) if sigma > 0 else picture


def luma_of(picture: Float32Array) -> Float32Array:
    """Return the luma (h, w) of RGB (h, w, 3)."""
    return np.asarray(cv2.transform(picture, _LUMA), np.float32).reshape(picture.shape[:2])


def still(shape: tuple[int, ...]) -> Float32Array:
    """Return the field of a (height, width, ...) that moves nothing."""
    return np.dstack(np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)))


def from_middle(flows: Float32Array) -> Float32Array:
    """Return the displacement from ref to clip, (h, w, 2), of flows (h, w, 4) from the middle to clip and to ref.

    The middle pixel p that lies at q in ref solves p + into_ref(p) = q. What equal flows give is exactly zero.
    """
    into_ref = np.ascontiguousarray(flows[..., 2:])
    difference = flows[..., :2] - into_ref
    base = still(flows.shape)
    middle = base - into_ref
    for _ in range(_MIDDLE_ROUNDS - 1):
        middle = base - sampled(into_ref, middle, sharp=False)
    return sampled(difference, middle, sharp=False)


def turn(picture: Float32Array) -> Float32Array:
    """Mirror a picture (h, w, c) at its rising diagonal, so that rows become columns."""
    return np.ascontiguousarray(picture[::-1, ::-1].transpose(1, 0, 2))


def turned_back(displacement: Float32Array) -> Float32Array:
    """Return for pictures the displacement that was found between the same pictures after `turn`."""
    return -turn(displacement)[..., ::-1]


def weight_outside(excluded: BoolArray, margin: int) -> Float32Array:
    """Return 0 where a mask is set or at most `margin` pixels away, and 1 elsewhere; (h, w)."""
    side = 2 * margin + 1
    grown = cv2.dilate(excluded.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(grown == 0, np.float32)


def reduced(
    clip: Float32Array, start: Float64Array, ref_size: tuple[int, int]
) -> tuple[Float32Array, tuple[float, float]]:
    """Return a clip of many more pixels than ref has with about as many, and by how much it was reduced, x and y.

    Args:
        clip: (Hc, Wc, 3).
        start: Ref pixels to clip pixels, 3x3.
        ref_size: Width and height of ref.
    """
    x, y = (ref_size[0] - 1) / 2, (ref_size[1] - 1) / 2
    u, v, w = start @ np.array([[x - 0.5, x + 0.5, x, x], [y, y, y - 0.5, y + 0.5], [1, 1, 1, 1]])
    u, v = u / w, v / w
    steps = float(np.hypot(u[1] - u[0], u[3] - u[2])), float(np.hypot(v[1] - v[0], v[3] - v[2]))
    height, width = clip.shape[:2]
    columns, rows = (
        max(1, round(side / step)) if step > _FINER else side for side, step in zip((width, height), steps, strict=True)
    )
    if (columns, rows) == (width, height):
        return clip, (1, 1)
    small = cv2.resize(clip, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), (columns / width, rows / height)
