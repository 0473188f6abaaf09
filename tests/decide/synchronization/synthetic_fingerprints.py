"""Fingerprints of synthetic videos, made in memory."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np

from tests.memory_fingerprints import fingerprints_of as of_arrays
from tests.sync_films import BLACK, RATE, ShotFilm
from vs_align.io.array_types import Int64Array, UInt8Array
from vs_align.measure.fingerprints.fingerprint import (
    COLOR_HEIGHT,
    COLOR_WIDTH,
    HEIGHT,
    WIDTH,
    Fingerprints,
    FrameThumbnails,
)


def prints(
    film: ShotFilm, moments: Sequence[int], rate: Fraction = RATE, times: Sequence[float] | None = None
) -> Fingerprints:
    """Fingerprints of a version of a film."""
    return of_arrays(np.stack([_picture(film, moment) for moment in moments]), rate, times)


@lru_cache(maxsize=40000)
def _picture(film: ShotFilm, moment: int) -> UInt8Array:
    return cv2.resize(film.picture(moment), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8)


def noise_pictures(count: int, seed: int = 0) -> UInt8Array:
    """(count, HEIGHT, WIDTH): coarse patterns, of which no two are alike."""
    rng = np.random.default_rng(seed)
    return np.stack([
        cv2.resize(rng.integers(0, 256, (9, 16), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        for _ in range(count)
    ])  # fmt: skip


def noise_frames(count: int, seed: int = 0, begin: int = 0) -> FrameThumbnails:
    """Frames begin..begin+count-1 of a film of patterns, 25 a second, with colors, some of fields."""
    rng = np.random.default_rng((seed, 1))
    color = rng.integers(0, 256, (begin + count, 2, COLOR_HEIGHT, COLOR_WIDTH), np.uint8)
    rng = np.random.default_rng((seed, 2))
    luma = noise_pictures(begin + count, seed)
    fields = rng.random(begin + count) < 0.5
    return FrameThumbnails(luma[begin:], color[begin:], np.arange(begin, begin + count) / 25, fields[begin:])


def truth(clip: Sequence[int], ref: Sequence[int]) -> list[set[int]]:
    """For each ref frame all clip frames that show the same moment; none where there is none, and in black."""
    where: dict[int, set[int]] = {}
    for frame, moment in enumerate(clip):
        where.setdefault(moment, set()).add(frame)
    return [set() if moment == BLACK else where.get(moment, set()) for moment in ref]


def share_right(found: Int64Array, wanted: Sequence[set[int]]) -> float:
    """Share of ref frames that have one of the wanted clip frames, or none where none is wanted."""
    right = [int(frame) in them if them else frame < 0 for frame, them in zip(found, wanted, strict=True)]
    return float(np.mean(right))
