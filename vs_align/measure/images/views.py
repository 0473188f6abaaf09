"""Views: pictures made ready for comparison, small, of even contrast, and with weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, GenericArray

Excluded = BoolArray | None

# Contrast that counts as noise: a tenth of a normal edge, more than grain leaves after scaling down.
_NOISE = np.float32(0.012)
# A border is a run of lines that are one colour but for noise, and for a logo on a tenth of their length.
_BORDER_RANGE = 0.03
_BORDER_SHARE = 0.9
_WIDEST_BORDER = 0.45
# A border changes by less than this in the course of time; excluded is what an excluded area touches by this share.
_CHANGES, _TOUCHED = 0.15, 0.01


@dataclass(frozen=True, eq=False)
class View:
    """A picture made ready for comparison.

    Args:
        picture: (h, w) luma with the mean of its surroundings taken away and divided by their contrast.
        weight: (h, w), 1 where the picture counts, 0 in excluded areas and borders.
    """

    picture: Float32Array
    weight: Float32Array

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.picture.shape[1], self.picture.shape[0]


def size_of(picture: GenericArray) -> tuple[int, int]:
    """Width and height of an array (h, w, ...)."""
    return picture.shape[1], picture.shape[0]


def analysis_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """A size of the same shape whose longer side is at most `longest`."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def scaled(picture: Float32Array, size: tuple[int, int]) -> Float32Array:
    """The picture at another size, edge on edge, averaged where it shrinks; a finite one whatever comes in."""
    width, height = size_of(picture)
    if (width, height) != size:
        # Averaging and enlarging are different filters: a picture that shrinks one way only takes both.
        small = min(width, size[0]), min(height, size[1])
        picture = as_luma(cv2.resize(picture, small, interpolation=cv2.INTER_AREA))
        if small != size:
            picture = as_luma(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR))
    low, high = cv2.minMaxLoc(picture)[:2]
    if not (low >= -1 and high <= 2):  # also true for what is not a number
        picture = np.clip(np.nan_to_num(picture, nan=0.0), np.float32(-1), np.float32(2))
    return picture


def view_of(luma: Float32Array, excluded: Excluded, size: tuple[int, int], radius: int) -> View:
    """Make a view of a picture.

    Args:
        luma: (h, w) float32, 0..1 nominal.
        excluded: Areas that must not count, of any size, stretched over the picture; or None.
        size: Width and height of the view.
        radius: How far the surroundings reach, in pixels of the view.
    """
    small = scaled(luma, size)
    weight = weight_of(small, excluded)
    return View(normalised(small, weight, radius), weight)


def weight_of(small: Float32Array, excluded: Excluded) -> Float32Array:
    """The weight of each pixel: 0 in excluded areas and constant borders, else 1."""
    weight = np.ones(small.shape, np.float32)
    top, bottom = _border(small), _border(small[::-1])
    left, right = _border(small.T), _border(small.T[::-1])
    height, width = small.shape
    weight[:top] = 0
    weight[height - bottom :] = 0
    weight[:, :left] = 0
    weight[:, width - right :] = 0
    if excluded is not None:
        weight[scaled(excluded.astype(np.float32), size_of(small)) > _TOUCHED] = 0
    return weight


def still_weight(pictures: Sequence[Float32Array], excluded: Excluded = None) -> Float32Array:
    """The weight of each pixel of a sequence: what is border in its brightest moments, and never changes, is border.

    Args:
        pictures: (h, w) each, at least one.
        excluded: Areas that must not count, of any size, stretched over the picture; or None.
    """
    brightest, darkest = pictures[0], pictures[0]
    for picture in pictures[1:]:
        brightest, darkest = np.maximum(brightest, picture), np.minimum(darkest, picture)
    weight = weight_of(brightest, excluded)
    # of many frames together even a picture is bright all over
    changing = brightest - darkest > _CHANGES
    if excluded is not None:
        changing &= scaled(excluded.astype(np.float32), size_of(weight)) <= _TOUCHED
    weight[changing] = 1
    return weight


def _border(lines: Float32Array) -> int:
    """How many lines from the first on are one colour; one more is mixed with the picture."""
    limit = int(len(lines) * _WIDEST_BORDER)
    if limit == 0:
        return 0
    colour = float(np.median(lines[0]))
    count = 0
    while count < limit:
        near = np.abs(lines[count] - colour) < _BORDER_RANGE
        if np.count_nonzero(near) < _BORDER_SHARE * near.size:
            break
        count += 1
    return count + 1 if count else 0


def normalised(small: Float32Array, weight: Float32Array, radius: int) -> Float32Array:
    """Take away the mean of each pixel's surroundings and divide by their contrast; 0 where nothing counts."""
    window = (2 * radius + 1, 2 * radius + 1)
    whole = bool(weight.min() > 0) if weight.size else True
    if whole:
        mean = cv2.boxFilter(small, -1, window)
        square = cv2.sqrBoxFilter(small, cv2.CV_32F, window)
    else:
        mass = np.maximum(cv2.boxFilter(weight, -1, window), np.float32(1e-6))
        mean = cv2.boxFilter(small * weight, -1, window) / mass
        square = cv2.boxFilter(small * small * weight, -1, window) / mass
    variance = np.maximum(square - mean * mean, 0)
    out = as_luma((small - mean) / np.sqrt(variance + _NOISE * _NOISE))
    if not whole:
        out *= weight
    # A lone bright point must not outweigh its surroundings.
    return np.clip(out, -3, 3, out=out)


def warped(view: View, matrix: Float64Array, size: tuple[int, int]) -> View:
    """Look at a view through a transform from pixels of the result to pixels of the view."""
    return View(warped_plane(view.picture, matrix, size), warped_plane(view.weight, matrix, size))


def warped_plane(
    picture: Float32Array, matrix: Float64Array, size: tuple[int, int], border: int = cv2.BORDER_CONSTANT
) -> Float32Array:
    """Look at a picture through a transform from pixels of the result to pixels of the picture.

    Args:
        picture: (h, w) float32.
        matrix: (3, 3).
        size: Width and height of the result.
        border: What OpenCV puts where there is no picture: zeros by default.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if matrix[2, 0] == 0 and matrix[2, 1] == 0:
        part = matrix[:2] / matrix[2, 2]
        return as_luma(cv2.warpAffine(picture, part, size, flags=flags, borderMode=border))
    return as_luma(cv2.warpPerspective(picture, matrix, size, flags=flags, borderMode=border))


def as_luma(array: Any) -> Float32Array:
    """What OpenCV made of a float32 array, for the type checker."""
    out: Float32Array = array
    return out


def agreement(first: View, second: View) -> tuple[float, float]:
    """Correlation of two views of one size where both count, and the part of the second's weight that is compared.

    Returns:
        -1..1 and 0..1; zeros where nothing can be compared.
    """
    weight = first.weight * second.weight
    mass = float(weight.sum())
    whole = float(second.weight.sum())
    if mass < 16:
        return 0.0, 0.0
    a, b = first.picture, second.picture
    wa, wb = weight * a, weight * b
    mean_a, mean_b = float(wa.sum()) / mass, float(wb.sum()) / mass
    power_a = float(np.vdot(wa, a)) / mass - mean_a**2
    power_b = float(np.vdot(wb, b)) / mass - mean_b**2
    if min(power_a, power_b) < 1e-4:
        return 0.0, mass / whole
    cross = float(np.vdot(wa, b)) / mass - mean_a * mean_b
    return cross / (power_a * power_b) ** 0.5, mass / whole
