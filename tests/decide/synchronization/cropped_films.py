"""Fingerprints of a crop of a small synthetic film, and the position of the crop."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np

from tests.memory_fingerprints import fingerprints_of
from tests.sync_films import RATE, ShotFilm
from vs_align.io.array_types import Float64Array, UInt8Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints

_WHOLE = 320, 180


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a picture: its left and upper edge, its width and its height, as shares of the whole."""

    left: float
    top: float
    width: float
    height: float

    @property
    def matrix(self) -> Float64Array:
        """(3, 3), from pixels of the part's small pictures to pixels of the whole one's."""
        corner = self.left * WIDTH + (self.width - 1) / 2, self.top * HEIGHT + (self.height - 1) / 2
        return np.array([[self.width, 0, corner[0]], [0, self.height, corner[1]], [0, 0, 1]])

    def off(self, matrix: Float64Array) -> float:
        """By how much a matrix misplaces a corner at most, in pixels of the whole one's small pictures."""
        corners = np.array([(x, y, 1) for x in (-0.5, WIDTH - 0.5) for y in (-0.5, HEIGHT - 0.5)])
        return float(np.abs(corners @ (matrix - self.matrix).T).max())


def part_of(film: ShotFilm, moments: Sequence[int], part: Part, rate: Fraction = RATE) -> Fingerprints:
    """Fingerprints of a version of a film that shows a part of its picture."""
    luma = np.stack([_part(film, moment, part) for moment in moments])
    size = round(part.width * 1920), round(part.height * 1080)
    return replace(fingerprints_of(luma, rate), size=size)


@lru_cache(maxsize=4000)
def _part(film: ShotFilm, moment: int, part: Part) -> UInt8Array:
    whole = film.picture(moment, *_WHOLE)
    step = part.width * _WHOLE[0] / WIDTH, part.height * _WHOLE[1] / HEIGHT
    sums = cv2.integral(whole).astype(np.float64)
    # exact means over pixels of any size, as differences of a table of sums
    xs = (part.left * _WHOLE[0] + step[0] * np.arange(WIDTH + 1)).astype(np.float32)
    ys = (part.top * _WHOLE[1] + step[1] * np.arange(HEIGHT + 1)).astype(np.float32)
    grid = np.meshgrid(xs, ys)
    at = cv2.remap(sums, grid[0], grid[1], cv2.INTER_LINEAR)
    total = at[1:, 1:] - at[1:, :-1] - at[:-1, 1:] + at[:-1, :-1]
    return np.clip(np.rint(total / (step[0] * step[1])), 0, 255).astype(np.uint8)
