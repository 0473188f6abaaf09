"""Pictures that can be looked at from anywhere: a photograph-like scene, sampled under a known transform."""

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.placement.homography import resize_matrix

Size = tuple[int, int]


def scene(seed: int, size: Size = (960, 640)) -> Float32Array:
    """Luma 0..1 with shapes and texture at every scale, none of it repeated."""
    rng = np.random.default_rng(seed)
    width, height = size
    picture = np.full((height, width), 0.45, np.float32)
    for step in (160, 40, 12, 4):
        coarse = rng.normal(0, 1, (height // step + 2, width // step + 2)).astype(np.float32)
        picture += 0.06 * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(90):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        axes = int(rng.integers(6, 60)), int(rng.integers(6, 60))
        value = float(rng.uniform(0.05, 0.95))
        cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, value, -1, cv2.LINE_AA)
        corner = int(rng.integers(0, width)), int(rng.integers(0, height))
        far = corner[0] + int(rng.integers(5, 70)), corner[1] + int(rng.integers(5, 70))
        cv2.rectangle(picture, corner, far, float(rng.uniform(0.05, 0.95)), int(rng.integers(1, 5)))
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8), 0, 1)


def turned(degrees: float, scale: float = 1.0, scale_y: float | None = None, shear: float = 0.0) -> Float64Array:
    """A linear transform about the origin."""
    angle = np.radians(degrees)
    out = np.eye(3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    out[:2, :2] = turn @ np.array([[scale, shear], [0, scale if scale_y is None else scale_y]])
    return out


def shifted(x: float, y: float) -> Float64Array:
    """A shift."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def pair(
    seed: int, placement: Float64Array, ref_size: Size = (320, 180), clip_size: Size = (320, 180)
) -> tuple[Float32Array, Float32Array, Float64Array]:
    """Two views of a scene.

    Args:
        seed: Which scene.
        placement: From ref pixels to clip pixels, both counted from the centre of the picture.
        ref_size: Width and height of ref.
        clip_size: Width and height of clip.

    Returns:
        Clip, ref, and the true transform from ref pixels to clip pixels.
    """
    big = scene(seed)
    look = centred((960, 640)) @ np.diag([1.6, 1.6, 1]) @ np.linalg.inv(centred(ref_size))
    truth = centred(clip_size) @ placement @ np.linalg.inv(centred(ref_size))
    ref = seen(big, look, ref_size)
    clip = seen(big, look @ np.linalg.inv(truth), clip_size)
    return clip, ref, truth / truth[2, 2]


def centred(size: Size) -> Float64Array:
    """From coordinates counted from the centre to pixels."""
    return shifted((size[0] - 1) / 2, (size[1] - 1) / 2)


def seen(picture: Float32Array, matrix: Float64Array, size: Size) -> Float32Array:
    """Sample a picture at the places where a matrix sends the pixels of the result, each averaged over its area."""
    double = size[0] * 2, size[1] * 2
    fine = cv2.warpPerspective(
        picture,
        matrix @ resize_matrix(size, double),
        double,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    out: Float32Array = np.ascontiguousarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), np.float32)
    return out


def errors(found: Float64Array, truth: Float64Array, ref_size: Size, clip_size: Size) -> Float64Array:
    """Distance in clip pixels at the ref pixels that clip shows."""
    xs, ys = np.meshgrid(np.arange(0, ref_size[0], 4), np.arange(0, ref_size[1], 4))
    points = np.stack([xs.ravel(), ys.ravel(), np.ones(xs.size)], axis=1)
    (a, b) = (moved[:, :2] / moved[:, 2:] for moved in (points @ found.T, points @ truth.T))
    inside = ((b >= 0) & (b <= np.array(clip_size) - 1)).all(axis=1)
    assert inside.sum() > 100, "the pictures hardly overlap"
    out: Float64Array = np.hypot(*(a - b)[inside].T)
    return out


def noisy(picture: Float32Array, strength: float, seed: int = 0) -> Float32Array:
    """Add grain."""
    rng = np.random.default_rng(seed)
    return (picture + rng.normal(0, strength, picture.shape)).astype(np.float32)


def with_logo(picture: Float32Array) -> Float32Array:
    """Burn the same words into the same places of the screen."""
    height, width = picture.shape
    words = np.zeros((height, width), np.uint8)
    font, scale = cv2.FONT_HERSHEY_DUPLEX, height / 260
    cv2.putText(words, "NEWS 24", (width // 20, height // 6), font, scale, 255, 2, cv2.LINE_AA)
    cv2.putText(words, "more at ten", (width // 4, height * 19 // 20), font, scale, 255, 1, cv2.LINE_AA)
    opacity = (words / 255).astype(np.float32)
    return (picture * (1 - opacity) + opacity).astype(np.float32)
