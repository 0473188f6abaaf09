"""Butteraugli: how visible the difference of two pictures is. Fits slight differences, such as compression.

Source: Google's Butteraugli as it lives on in libjxl, with the intensity and the asymmetry of its VapourSynth wrappers.
The first picture is the candidate, the second the reference, and they are not interchangeable: the candidate masks.

Of many candidates most are rejected before they are fully compared (all terms are sums of squares, so that a part of
them, or of the pixels, is a lower bound): first by samples of the lowest band, then by what is left without the
expensive Malta terms, then after the first tiles that alone exceed the limit, of which the most promising come first.
A score that is given is always that of the full comparison, bit for bit.
"""

from collections.abc import Sequence
from math import inf
from typing import Literal

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Int64Array
from vs_align.measure.metrics.butteraugli import bounds, constants, tiles
from vs_align.measure.metrics.butteraugli.checks import check_options, check_sizes
from vs_align.measure.metrics.butteraugli.features import Features, LevelStore
from vs_align.measure.metrics.feature_cache import default_capacity
from vs_align.measure.metrics.metric import Picture

Norm = Literal["max", "3"]

type _Pair = tuple[Float32Array, Float32Array, Float32Array, BoolArray]

_NO_MAP = np.empty((0, 0), np.float32)
_NO_LEVEL: _Pair = (
    np.empty((constants.PLANES, 0, 0), np.float32),
    np.empty((constants.PLANES, 0, 0), np.float32),
    np.empty((0, 0), np.float32),
    np.zeros(6, np.bool_),
)


class Butteraugli:
    """Compares pictures on the CPU. May be called from several threads.

    Args:
        norm: "max", the most visible difference anywhere, or "3", libjxl's mean of the power means of the third, sixth
            and twelfth powers, which looks at the whole picture.
        intensity_target: Light of white in nits, more than 0.
        hf_asymmetry: More than 1 punishes fine detail that only ref has, less than 1 what only the candidate has; more
            than 0.

    Raises:
        ArgumentError: An argument is out of its range.
    """

    zero_for_equal = True

    def __init__(self, norm: Norm = "max", intensity_target: float = 80.0, hf_asymmetry: float = 0.8) -> None:
        check_options(norm, intensity_target, hf_asymmetry)
        self._cubes = norm == "3"
        self._intensity = intensity_target
        self._store = LevelStore(default_capacity() // 2)
        self._weights = constants.malta_weights(hf_asymmetry), constants.square_weights(hf_asymmetry)
        self._rough = self._weights[1], constants.rough_weights(hf_asymmetry)

    def prepare(self, picture: Picture) -> Features:
        """Split a picture of shape (3, height, width) into bands.

        Integers have the full range of their type, floats 0 to 1. All have the curve and the primaries of sRGB.

        Raises:
            ArgumentError: The picture has another shape or type.
        """
        return self._store.prepare(picture, self._intensity)

    def prepare_linear(self, picture: Float32Array) -> Features:
        """Prepare linear light, shape (3, height, width), 1 for white; it may be negative or above 1."""
        return self._store.prepare(np.asarray(picture * np.float32(self._intensity), np.float32), None)

    def size(self, features: Features) -> int:
        """Return the bytes that features hold."""
        return features.nbytes

    def bound(self, candidate: Features, ref: Features) -> float:
        """Return a lower bound of the score from samples of the lowest band, at a hundredth of its cost."""
        check_sizes(candidate.crop, ref.crop)
        if _is_extended(candidate):
            return 0.0
        pixels = candidate.crop[2] * candidate.crop[3]
        found = bounds.sampled_bound(candidate.samples, ref.samples, candidate.factors, pixels, self._cubes)
        return float(found * constants.SAFETY)

    def score(self, candidate: Features, ref: Features, limit: float = inf) -> float:
        """Return how visible the difference is, 0 for equal pictures, about 1 where it begins to be seen.

        A score above `limit` is replaced by a lower bound of it that is above `limit`.

        Raises:
            ArgumentError: The pictures differ in size.
        """
        check_sizes(candidate.crop, ref.crop)
        full, half = self._levels(candidate, ref)
        order = _tile_numbers(full[2].shape)
        if limit < inf and not _is_extended(candidate):
            promise = np.zeros(order.size, np.float32)
            plain = bounds.plain_bound(full, half, self._rough, self._cubes, promise) * constants.SAFETY
            if plain > limit:
                return float(plain)
            order = np.argsort(-promise, kind="stable")
        norm, _ = tiles.compare(full, half, self._weights, order, limit, candidate.crop, self._cubes, _NO_MAP)
        return float(norm)

    def scores(self, candidates: Sequence[Features], ref: Features, limit: float = inf) -> list[float]:
        """Return the scores of several candidates, each as `score` does."""
        return [self.score(candidate, ref, limit) for candidate in candidates]

    def distance_map(self, candidate: Features, ref: Features) -> Float32Array:
        """Return where differences are visible, shape (height, width).

        Raises:
            ArgumentError: The pictures differ in size.
        """
        check_sizes(candidate.crop, ref.crop)
        full, half = self._levels(candidate, ref)
        out = np.empty(full[2].shape, np.float32)
        tiles.compare(full, half, self._weights, _tile_numbers(out.shape), inf, candidate.crop, self._cubes, out)
        top, left, height, width = candidate.crop
        return out[top : top + height, left : left + width]

    def _levels(self, candidate: Features, ref: Features) -> tuple[_Pair, _Pair]:
        """Bring together what a comparison needs, at full and at half size."""
        levels = zip(self._store.levels(candidate), self._store.levels(ref), strict=True)
        pairs = [(a.bands, b.bands, a.mask, a.active | b.active) for a, b in levels]
        return pairs[0], pairs[1] if len(pairs) == 2 else _NO_LEVEL


def _is_extended(features: Features) -> bool:
    """Whether pixels outside the picture were added; the bounds know nothing of those."""
    return min(features.crop[2:]) < constants.SMALLEST


def _tile_numbers(shape: tuple[int, ...]) -> Int64Array:
    return np.arange(-(-shape[0] // tiles.ROWS) * -(-shape[1] // tiles.COLUMNS))
