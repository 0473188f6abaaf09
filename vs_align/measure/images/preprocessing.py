"""Preprocessing of luma for registration: resizing, border masks, local contrast normalization, warping, masked NCC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, GenericArray

_NOISE = np.float32(0.012)
"""Standard deviation of luma that counts as noise, of 1: about a tenth of a normal edge, more than grain leaves after
downscaling. It keeps flat areas from being amplified."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of preprocessing."""

    border_range: float = 0.03
    """Largest deviation of luma, of 1, within a black or otherwise uniform border; allows for noise."""
    border_share: float = 0.9
    """Share of a line that must be uniform for a border; the rest may hold a logo."""
    widest_border: float = 0.45
    """Widest border on one side, as a share of the image."""
    changes: float = 0.15
    """Range of luma over time, of 1, from which on a pixel of a sequence belongs to no border."""
    touched: float = 0.01
    """Share of a pixel that must be excluded at the original size to exclude it after resizing."""
    clipped_at: float = 3.0
    """Limit of normalized values in standard deviations: one bright pixel must not outweigh its surroundings."""
    min_mass: int = 16
    """Smallest number of common pixels for a correlation."""
    min_variance: float = 1e-4
    """Smallest variance of normalized values for a correlation; less has no structure."""


_SETTINGS = _Settings()


@dataclass(frozen=True, eq=False)
class WeightedImage:
    """Luma with a weight per pixel.

    Args:
        image: (h, w) float32, usually after `normalize_contrast`.
        weight: (h, w) float32, 1 for valid pixels, 0 in excluded areas and borders.
    """

    image: Float32Array
    weight: Float32Array

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]


def size_of(image: GenericArray) -> tuple[int, int]:
    """Return width and height of an array (h, w, ...)."""
    return image.shape[1], image.shape[0]


def analysis_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return the size (width, height) of the same aspect ratio whose longer side is at most `longest` pixels."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def scaled(image: Float32Array, size: tuple[int, int]) -> Float32Array:
    """Resize an image edge on edge: area averaging along shrinking axes, bilinear along growing ones.

    Args:
        image: (h, w) float32, 0..1 nominal.
        size: Width and height of the result.

    Returns:
        (h, w) float32, finite; values beyond -1..2 are clipped.
    """
    width, height = size_of(image)
    if (width, height) != size:
        # Area averaging and bilinear enlarging are different filters: an image that shrinks along one axis needs both.
        small = min(width, size[0]), min(height, size[1])
        image = as_float32(cv2.resize(image, small, interpolation=cv2.INTER_AREA))
        if small != size:
            image = as_float32(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
    low, high = cv2.minMaxLoc(image)[:2]
    if not (low >= -1 and high <= 2):  # also true for what is not a number
        image = np.clip(np.nan_to_num(image, nan=0.0), np.float32(-1), np.float32(2))
    return image


def preprocess(luma: Float32Array, excluded: BoolArray | None, size: tuple[int, int], radius: int) -> WeightedImage:
    """Resize luma, mask borders and normalize local contrast.

    Args:
        luma: (h, w) float32, 0..1 nominal.
        excluded: Areas to ignore, bool of any size, stretched over the image; or None.
        size: Width and height of the result.
        radius: Radius of the normalization window, in pixels of the result.
    """
    small = scaled(luma, size)
    weight = pixel_weights(small, excluded)
    return WeightedImage(normalize_contrast(small, weight, radius), weight)


def pixel_weights(small: Float32Array, excluded: BoolArray | None) -> Float32Array:
    """Return the weight of each pixel, (h, w): 0 in excluded areas and uniform borders, else 1.

    Args:
        small: (h, w) float32 luma.
        excluded: Areas to ignore, bool of any size, stretched over the image; or None.
    """
    weight = np.ones(small.shape, np.float32)
    top, bottom = _border(small), _border(small[::-1])
    left, right = _border(small.T), _border(small.T[::-1])
    height, width = small.shape
    weight[:top] = 0
    weight[height - bottom :] = 0
    weight[:, :left] = 0
    weight[:, width - right :] = 0
    if excluded is not None:
        weight[scaled(excluded.astype(np.float32), size_of(small)) > _SETTINGS.touched] = 0
    return weight


def sequence_weights(images: Sequence[Float32Array], excluded: BoolArray | None = None) -> Float32Array:
    """Return the weight of each pixel of a sequence: 0 for borders of its temporal maximum that never change, else 1.

    Args:
        images: (h, w) float32 each, at least one.
        excluded: Areas to ignore, bool of any size, stretched over the image; or None.
    """
    brightest, darkest = images[0], images[0]
    for image in images[1:]:
        brightest, darkest = np.maximum(brightest, image), np.minimum(darkest, image)
    weight = pixel_weights(brightest, excluded)
    # The temporal maximum of many frames can be uniform inside of the image, too.
    changing = brightest - darkest > _SETTINGS.changes
    if excluded is not None:
        changing &= scaled(excluded.astype(np.float32), size_of(weight)) <= _SETTINGS.touched
    weight[changing] = 1
    return weight


def _border(lines: Float32Array) -> int:
    """Return the number of lines of a uniform border from the first line on, plus one line of transition."""
    limit = int(len(lines) * _SETTINGS.widest_border)
    if limit == 0:
        return 0
    color = float(np.median(lines[0]))
    count = 0
    while count < limit:
        near = np.abs(lines[count] - color) < _SETTINGS.border_range
        if np.count_nonzero(near) < _SETTINGS.border_share * near.size:
            break
        count += 1
    return count + 1 if count else 0


def normalize_contrast(small: Float32Array, weight: Float32Array, radius: int) -> Float32Array:
    """Normalize local contrast: subtract the local mean and divide by the local standard deviation (box windows).

    Args:
        small: (h, w) float32 luma.
        weight: (h, w), 1 for valid pixels, else 0; only valid pixels enter the statistics.
        radius: Radius of the window in pixels.

    Returns:
        (h, w) float32 in standard deviations, within -3..3; 0 for pixels without weight.
    """
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
    out = as_float32((small - mean) / np.sqrt(variance + _NOISE * _NOISE))
    if not whole:
        out *= weight
    return np.clip(out, -_SETTINGS.clipped_at, _SETTINGS.clipped_at, out=out)


def warp_weighted(view: WeightedImage, matrix: Float64Array, size: tuple[int, int]) -> WeightedImage:
    """Warp an image and its weight; the matrix maps pixels of the result to pixels of the input."""
    return WeightedImage(warp_plane(view.image, matrix, size), warp_plane(view.weight, matrix, size))


def warp_plane(
    image: Float32Array, matrix: Float64Array, size: tuple[int, int], border: int = cv2.BORDER_CONSTANT
) -> Float32Array:
    """Warp a plane by a homography, bilinearly (`cv2.warpAffine` or `cv2.warpPerspective`).

    Args:
        image: (h, w) float32.
        matrix: (3, 3), maps pixels of the result to pixels of the input.
        size: Width and height of the result.
        border: OpenCV's border mode; the default fills with zeros.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if matrix[2, 0] == 0 and matrix[2, 1] == 0:
        part = matrix[:2] / matrix[2, 2]
        return as_float32(cv2.warpAffine(image, part, size, flags=flags, borderMode=border))
    return as_float32(cv2.warpPerspective(image, matrix, size, flags=flags, borderMode=border))


def as_float32(array: Any) -> Float32Array:
    """Type an OpenCV result as float32 for the type checker; nothing is converted."""
    out: Float32Array = array
    return out


def weighted_correlation(first: WeightedImage, second: WeightedImage) -> tuple[float, float]:
    """Return the weighted normalized cross-correlation (NCC) of two images of one size, and their overlap.

    Returns:
        Correlation, -1..1, and the share of the weight of `second` that both have in common, 0..1. The correlation is 0
        if too few pixels are common or if they have no structure.
    """
    weight = first.weight * second.weight
    mass = float(weight.sum())
    whole = float(second.weight.sum())
    if mass < _SETTINGS.min_mass:
        return 0.0, 0.0
    a, b = first.image, second.image
    wa, wb = weight * a, weight * b
    mean_a, mean_b = float(wa.sum()) / mass, float(wb.sum()) / mass
    power_a = float(np.vdot(wa, a)) / mass - mean_a**2
    power_b = float(np.vdot(wb, b)) / mass - mean_b**2
    if min(power_a, power_b) < _SETTINGS.min_variance:
        return 0.0, mass / whole
    cross = float(np.vdot(wa, b)) / mass - mean_a * mean_b
    return cross / (power_a * power_b) ** 0.5, mass / whole
