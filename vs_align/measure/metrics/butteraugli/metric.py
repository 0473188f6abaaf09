"""Butteraugli on the CPU: visibility of the difference of two images, for slight differences such as compression.

Source: Google's Butteraugli in its libjxl version, with the intensity and the asymmetry of its VapourSynth wrappers.
The first image is the candidate, the second the reference, and they are not interchangeable: the candidate masks.

Most candidates of a window are rejected before they are fully compared. All terms are sums of squares, so that a part
of the terms, or of the pixels, gives a lower bound: first samples of the lowest band, then every fourth row without the
expensive Malta terms, then the full comparison tile by tile, in the order of decreasing expected difference, until the
limit is exceeded. A score up to the limit is always that of the full comparison, bit for bit.
"""

from math import inf
from typing import Literal

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Int64Array, RgbImage
from vs_align.measure.metrics.butteraugli import bounds_kernels, comparison_kernels, constants
from vs_align.measure.metrics.butteraugli.checks import check_options, check_sizes
from vs_align.measure.metrics.butteraugli.psycho_image import PsychoImage, PyramidCache
from vs_align.measure.metrics.feature_cache import default_capacity
from vs_align.measure.metrics.metric import Metric

Norm = Literal["max", "3"]

type _Pair = tuple[Float32Array, Float32Array, Float32Array, BoolArray]

_NO_MAP = np.empty((0, 0), np.float32)
_NO_LEVEL: _Pair = (
    np.empty((constants.PLANES, 0, 0), np.float32),
    np.empty((constants.PLANES, 0, 0), np.float32),
    np.empty((0, 0), np.float32),
    np.zeros(6, np.bool_),
)


class Butteraugli(Metric[PsychoImage]):
    """Compares images on the CPU. May be called from several threads.

    Args:
        norm: "max", the most visible difference anywhere, or "3", libjxl's mean of the power means of the third, sixth
            and twelfth powers, which depends on the whole image.
        intensity_target: Luminance of white in nits, more than 0.
        hf_asymmetry: More than 1 weighs fine detail that only ref has higher, less than 1 that of the candidate; more
            than 0.

    Raises:
        ArgumentError: An argument is out of its range.
    """

    zero_for_equal = True

    def __init__(self, norm: Norm = "max", intensity_target: float = 80.0, hf_asymmetry: float = 0.8) -> None:
        check_options(norm, intensity_target, hf_asymmetry)
        self._cubes = norm == "3"
        self._intensity = intensity_target
        self._pyramids = PyramidCache(default_capacity() // 2)
        self._weights = constants.malta_weights(hf_asymmetry), constants.square_weights(hf_asymmetry)
        self._rough = self._weights[1], constants.rough_weights(hf_asymmetry)

    def prepare(self, image: RgbImage) -> PsychoImage:
        """Split an image of shape (3, height, width) into bands.

        Integers have the full range of their type, floats 0 to 1. All have the curve and the primaries of sRGB.

        Raises:
            ArgumentError: The image has another shape or type.
        """
        return self._pyramids.prepare(image, self._intensity)

    def size(self, features: PsychoImage) -> int:
        """Return the bytes that features hold."""
        return features.nbytes

    def bound(self, candidate: PsychoImage, ref: PsychoImage) -> float:
        """Return a lower bound of the score from samples of the lowest band, at a hundredth of the cost of a score."""
        check_sizes(candidate.crop, ref.crop)
        if _is_extended(candidate):
            return 0.0
        pixels = candidate.crop[2] * candidate.crop[3]
        found = bounds_kernels.sampled_bound(candidate.samples, ref.samples, candidate.factors, pixels, self._cubes)
        return float(found * constants.SAFETY)

    def score(self, candidate: PsychoImage, ref: PsychoImage, limit: float = inf) -> float:
        """Return the visibility of the difference: 0 for equal images, about 1 at the threshold of visibility.

        A score above `limit` is replaced by a lower bound of it that is above `limit`.

        Raises:
            ArgumentError: The images differ in size.
        """
        check_sizes(candidate.crop, ref.crop)
        full, half = self._levels(candidate, ref)
        order = _tile_numbers(full[2].shape)
        if limit < inf and not _is_extended(candidate):
            expected = np.zeros(order.size, np.float32)
            plain = bounds_kernels.plain_bound(full, half, self._rough, self._cubes, expected) * constants.SAFETY
            if plain > limit:
                return float(plain)
            order = np.argsort(-expected, kind="stable")
        norm, _ = comparison_kernels.compare(
            full, half, self._weights, order, limit, candidate.crop, self._cubes, _NO_MAP
        )
        return float(norm)

    def _levels(self, candidate: PsychoImage, ref: PsychoImage) -> tuple[_Pair, _Pair]:
        """Return the arguments of the comparison kernels for the full and the half size."""
        levels = zip(self._pyramids.levels(candidate), self._pyramids.levels(ref), strict=True)
        pairs = [(a.bands, b.bands, a.mask, a.active | b.active) for a, b in levels]
        return pairs[0], pairs[1] if len(pairs) == 2 else _NO_LEVEL


def _is_extended(features: PsychoImage) -> bool:
    """Return whether the image was extended; the bounds ignore the added pixels."""
    return min(features.crop[2:]) < constants.SMALLEST


def _tile_numbers(shape: tuple[int, ...]) -> Int64Array:
    return np.arange(-(-shape[0] // comparison_kernels.ROWS) * -(-shape[1] // comparison_kernels.COLUMNS))
