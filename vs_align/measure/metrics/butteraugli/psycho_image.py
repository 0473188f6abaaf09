"""Features of one image (PsychoImage in libjxl): frequency bands and mask at two sizes, and an LRU cache of them."""

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, RgbImage
from vs_align.measure.metrics.butteraugli import bands_kernels, bounds_kernels
from vs_align.measure.metrics.butteraugli import constants as c
from vs_align.measure.metrics.butteraugli.checks import check_image

type Crop = tuple[int, int, int, int]

_GAUSSIANS = tuple(c.taps(sigma) for sigma in (c.SIGMA_LF, c.SIGMA_HF, c.SIGMA_UHF, c.SIGMA_MASK))
_ADAPTATION = c.taps(c.SIGMA_SENSITIVITY)
_ADAPTATION_NORM = np.float32(1 / (_ADAPTATION[0] + 2 * _ADAPTATION[1:].sum(dtype=np.float64)))


@dataclass(frozen=True, slots=True)
class PyramidLevel:
    """Bands and mask of an image at one size."""

    bands: Float32Array
    """(11, height, width): lf X, Y, B; mf X, Y, B; hf X, Y; uhf X, Y; blurred activity."""
    mask: Float32Array
    """(height, width): masking by texture; higher hides more."""
    active: BoolArray
    """(6,): which planes of the Malta terms are not zero everywhere."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.bands.nbytes + self.mask.nbytes


type Pyramid = tuple[PyramidLevel, ...]
"""The full size, and the half size if the image is large enough."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class PsychoImage:
    """An image with the samples of its bound, which are always there, and its pyramid, which may be evicted."""

    image: RgbImage
    intensity: float
    """Luminance of the brightest code value in nits."""
    crop: Crop
    """First row, first column, rows and columns of the image in its levels, which are larger if it is very small."""
    samples: Float32Array
    """(levels, 3, samples): the lowest band on a sparse grid."""
    factors: Float32Array
    """(levels, samples): visibility of the samples under the mask."""
    levels: Pyramid | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        levels = self.levels or ()
        return self.image.nbytes + self.samples.nbytes + self.factors.nbytes + sum(level.nbytes for level in levels)


class PyramidCache:
    """LRU cache of the pyramids of images. Safe to call from several threads.

    A pyramid is a hundred times as large as the samples of the cheapest bound, which are enough for most candidates of
    a window. Evicted pyramids are computed again when they are needed.

    Args:
        capacity: Most bytes of pyramids to keep. That of the last image is kept however large it is.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._used: OrderedDict[int, tuple[weakref.ref[PsychoImage], int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Images whose pyramids may be cached."""
        return len(self._used)

    def prepare(self, image: RgbImage, intensity: float) -> PsychoImage:
        """Prepare one image.

        Args:
            image: (3, height, width), see `RgbImage`. It is copied.
            intensity: Luminance of the brightest code value in nits.

        Raises:
            ArgumentError: The image has another shape or type.
        """
        check_image(image)
        mine: RgbImage = image.copy(order="C")
        _, height, width = mine.shape
        crop = max(0, (c.SMALLEST - height) // 2), max(0, (c.SMALLEST - width) // 2), height, width
        levels = _pyramid(mine, intensity, crop)
        features = PsychoImage(mine, intensity, crop, *_samples(levels), levels)
        self._keep(features, levels)
        return features

    def levels(self, features: PsychoImage) -> Pyramid:
        """Return the pyramid of an image; it stays valid as long as the caller holds it."""
        with features.lock:
            levels = features.levels
            if levels is None:
                levels = features.levels = _pyramid(features.image, features.intensity, features.crop)
        self._keep(features, levels)
        return levels

    def _keep(self, features: PsychoImage, levels: Pyramid) -> None:
        """Mark a pyramid as used, and evict the oldest ones beyond the capacity."""
        with self._lock:
            self._used[id(features)] = weakref.ref(features), sum(level.nbytes for level in levels)
            self._used.move_to_end(id(features))
            for key in [key for key, (held, _) in self._used.items() if held() is None]:
                del self._used[key]
            total = sum(size for _, size in self._used.values())
            while total > self._capacity and len(self._used) > 1:
                _, (held, size) = self._used.popitem(last=False)
                total -= size
                oldest = held()
                if oldest is not None:
                    oldest.levels = None


def _pyramid(image: RgbImage, intensity: float, crop: Crop) -> Pyramid:
    """Return the pyramid of an image; arguments as in `PsychoImage`."""
    light = _extended(_luminance(image, intensity), crop)
    levels = [_level(light)]
    half_size = (light.shape[1] + 1) // 2, (light.shape[2] + 1) // 2
    if min(half_size) >= c.SMALLEST:
        half = np.empty((3, *half_size), np.float32)
        bands_kernels.half_size(light, half)
        levels.append(_level(half))
    return tuple(levels)


def _luminance(image: RgbImage, intensity: float) -> Float32Array:
    """Return the luminance of R, G and B in nits, shape (3, height, width); arguments as in `PsychoImage`."""
    if image.dtype == np.float32:
        return c.linear_light(np.asarray(image, np.float32), intensity)
    light = np.empty(image.shape, np.float32)
    bands_kernels.apply_table(image, _table(1 << 8 * image.itemsize, intensity), light)
    return light


@lru_cache(maxsize=4)
def _table(levels: int, intensity: float) -> Float32Array:
    return c.linear_table(levels, intensity)


def _extended(light: Float32Array, crop: Crop) -> Float32Array:
    """Replicate the border of a very small image until each side has 8 pixels."""
    top, left, height, width = crop
    missing = max(0, c.SMALLEST - height), max(0, c.SMALLEST - width)
    if missing == (0, 0):
        return light
    borders = ((0, 0), (top, missing[0] - top), (left, missing[1] - left))
    return np.ascontiguousarray(np.pad(light, borders, mode="edge"))


def _level(light: Float32Array) -> PyramidLevel:
    """Return the bands and the mask of linear light in nits, (3, height, width)."""
    _, height, width = light.shape
    colors, bands = np.empty_like(light), np.empty((c.PLANES, height, width), np.float32)
    bands_kernels.opponent_colors(light, _ADAPTATION, _ADAPTATION_NORM, colors)
    across = tuple(c.share_inside(width, taps) for taps in _GAUSSIANS)
    down = tuple(c.share_inside(height, taps) for taps in _GAUSSIANS)
    bands_kernels.split_bands(colors, _GAUSSIANS, across, down, bands)
    mask = np.empty((height, width), np.float32)
    bands_kernels.erode(bands[c.BLURRED], mask)
    return PyramidLevel(bands, mask, np.array([bands_kernels.any_nonzero(bands[plane]) for plane in c.MALTA_PLANES]))


def _samples(levels: Pyramid) -> tuple[Float32Array, Float32Array]:
    """Return the samples and factors of the cheapest bound; shapes as in `PsychoImage`."""
    count = levels[0].mask[:: c.SAMPLE_STEP, :: c.SAMPLE_STEP].size
    samples, factors = np.empty((len(levels), 3, count), np.float32), np.empty((len(levels), count), np.float32)
    shares = (c.FULL_SHARE, c.HALF_SHARE) if len(levels) == 2 else (1.0,)
    for number, level in enumerate(levels):
        step = c.SAMPLE_STEP >> number
        bounds_kernels.take_samples(level.bands, step, samples[number])
        bounds_kernels.take_factors(level.mask, step, np.float32(shares[number]), factors[number])
    return samples, factors
