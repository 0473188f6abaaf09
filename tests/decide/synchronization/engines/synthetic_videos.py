"""Synthetic videos with a known timeline: scenes seen by a moving camera, as thumbnails."""

from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from tests.memory_fingerprints import fingerprints_of
from vs_align.io.array_types import Int64Array, UInt8Array
from vs_align.measure.fingerprints.fingerprint import COLOR_HEIGHT, COLOR_WIDTH, HEIGHT, WIDTH, Fingerprints

RATE = Fraction(24)


def film(count: int, seed: int, scene_frames: int = 60) -> tuple[UInt8Array, UInt8Array]:
    """Luma and color of a film of several scenes in which the camera pans and something moves across.

    Args:
        count: Frames.
        seed: Which film.
        scene_frames: Frames of a scene.
    """
    rng = np.random.default_rng(seed)
    luma = np.empty((count, HEIGHT, WIDTH), np.uint8)
    color = np.empty((count, 2, COLOR_HEIGHT, COLOR_WIDTH), np.uint8)
    for first in range(0, count, scene_frames):
        world = _texture(rng, 120, 220)
        tint = [_texture(rng, 20, 40) for _ in range(2)]
        pan, blob = rng.uniform(0.4, 1.2, 2), rng.uniform(1.0, 2.0)
        start = rng.uniform(0, 20, 2)
        for n in range(first, min(count, first + scene_frames)):
            t = n - first
            x, y = start[0] + pan[0] * t, start[1] + 0.4 * pan[1] * t
            picture = _seen(world, x, y, WIDTH, HEIGHT)
            cv2.circle(picture, (int(10 + blob * t) % WIDTH, HEIGHT // 2), 6, int(255 - world.mean()), -1)
            luma[n] = picture
            for plane in (0, 1):
                color[n, plane] = _seen(tint[plane], x / 6, y / 6, COLOR_WIDTH, COLOR_HEIGHT)
    return luma, color


def prints(
    luma: UInt8Array, color: UInt8Array, rate: Fraction = RATE, times: npt.ArrayLike | None = None
) -> Fingerprints:
    """Fingerprints of pictures."""
    return fingerprints_of(luma, rate, times, color)


def chosen(film_: tuple[UInt8Array, UInt8Array], frames: npt.ArrayLike, noise: float = 0.0) -> Fingerprints:
    """Fingerprints of some frames of a film, with noise of so many levels."""
    index = np.asarray(frames, np.int64)
    return prints(noisy(film_[0][index], noise), film_[1][index])


def noisy(luma: UInt8Array, sigma: float, seed: int = 9) -> UInt8Array:
    """Add Gaussian noise of so many levels."""
    if not sigma:
        return luma
    added = luma + np.random.default_rng(seed).normal(0, sigma, luma.shape)
    return np.clip(np.rint(added), 0, 255).astype(np.uint8)


def exact(found: Int64Array, truth: npt.ArrayLike, within: int = 0) -> float:
    """Share of frames that are right, or at most so many frames off."""
    return float((np.abs(found - np.asarray(truth)) <= within).mean())


def _texture(rng: np.random.Generator, height: int, width: int) -> UInt8Array:
    out = np.zeros((height, width), np.float64)
    for cells, strength in ((4, 50.0), (10, 35.0), (28, 20.0)):
        field = rng.normal(0, strength, (max(2, cells * height // width), cells))
        out += cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(out + rng.uniform(90, 150), 17, 235).astype(np.uint8)


def _seen(world: UInt8Array, x: float, y: float, width: int, height: int) -> UInt8Array:
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(world, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT), np.uint8
    )
