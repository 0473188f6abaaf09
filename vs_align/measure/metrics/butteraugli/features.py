"""What Butteraugli knows of one picture: its bands at two sizes, computed once and shared by all comparisons."""

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array
from vs_align.measure.metrics.butteraugli import bounds, kernels
from vs_align.measure.metrics.butteraugli import constants as c
from vs_align.measure.metrics.butteraugli.checks import check_picture
from vs_align.measure.metrics.metric import Picture

Crop = tuple[int, int, int, int]

_GAUSSIANS = tuple(c.taps(sigma) for sigma in (c.SIGMA_LF, c.SIGMA_HF, c.SIGMA_UHF, c.SIGMA_MASK))
_ADAPTATION = c.taps(c.SIGMA_SENSITIVITY)
_ADAPTATION_NORM = np.float32(1 / (_ADAPTATION[0] + 2 * _ADAPTATION[1:].sum(dtype=np.float64)))


@dataclass(frozen=True, slots=True)
class Level:
    """One size of a picture."""

    bands: Float32Array
    """(11, height, width): lf X, Y, B; mf X, Y, B; hf X, Y; uhf X, Y; blurred activity."""
    mask: Float32Array
    """(height, width): how much the texture hides."""
    active: BoolArray
    """(6,): which of the planes that Malta terms look at are not zero all over."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.bands.nbytes + self.mask.nbytes


type Levels = tuple[Level, ...]
"""The full size, and half of it where the picture is large enough."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class Features:
    """What belongs to one picture: little that is always there, and bands that come and go."""

    picture: Picture
    intensity: float | None
    """Light of the brightest code value in nits; None where the picture is light itself."""
    crop: Crop
    """First row, first column, rows and columns of the picture, which was extended where it is very small."""
    samples: Float32Array
    """(levels, 3, samples): the lowest band on a sparse grid."""
    factors: Float32Array
    """(levels, samples): what the mask leaves visible of it."""
    levels: Levels | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        levels = self.levels or ()
        return self.picture.nbytes + self.samples.nbytes + self.factors.nbytes + sum(level.nbytes for level in levels)


class LevelStore:
    """Keeps the bands of the pictures that were used last.

    They are a hundred times as large as what the cheapest bound needs, and most pictures of a window need no more than
    that. Where there is no room for the bands of a whole window, they are made again when they are wanted. Safe to
    call from several threads.

    Args:
        capacity: Most bytes of bands to keep. Those of the last picture are kept however large they are.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._used: OrderedDict[int, tuple[weakref.ref[Features], int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Pictures of which bands were used and may be there."""
        return len(self._used)

    def prepare(self, picture: Picture, intensity: float | None) -> Features:
        """Prepare one picture.

        Args:
            picture: Shape (3, height, width), see `vs_align.measure.metrics.metric.Picture`. It is copied.
            intensity: Light of the brightest code value in nits; None where the picture is float32 light in nits.

        Raises:
            ArgumentError: The picture has another form.
        """
        check_picture(picture)
        mine: Picture = picture.copy(order="C")
        _, height, width = mine.shape
        crop = max(0, (c.SMALLEST - height) // 2), max(0, (c.SMALLEST - width) // 2), height, width
        levels = make_levels(mine, intensity, crop)
        features = Features(mine, intensity, crop, *_samples(levels), levels)
        self._keep(features, levels)
        return features

    def levels(self, features: Features) -> Levels:
        """Return the bands of a picture; they stay valid as long as the caller holds them."""
        with features.lock:
            levels = features.levels
            if levels is None:
                levels = features.levels = make_levels(features.picture, features.intensity, features.crop)
        self._keep(features, levels)
        return levels

    def _keep(self, features: Features, levels: Levels) -> None:
        """Note that bands were used, and let go of the oldest for which there is no room."""
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


def make_levels(picture: Picture, intensity: float | None, crop: Crop) -> Levels:
    """Split a picture into bands; arguments as in `Features`."""
    light = extended(light_of(picture, intensity), crop)
    levels = [_level(light)]
    half_size = (light.shape[1] + 1) // 2, (light.shape[2] + 1) // 2
    if min(half_size) >= c.SMALLEST:
        half = np.empty((3, *half_size), np.float32)
        kernels.half_size(light, half)
        levels.append(_level(half))
    return tuple(levels)


def light_of(picture: Picture, intensity: float | None) -> Float32Array:
    """Return the light of a picture in nits, shape (3, height, width); arguments as in `Features`."""
    if picture.dtype == np.float32:
        samples = np.asarray(picture, np.float32)
        return samples if intensity is None else c.linear_light(samples, intensity)
    light = np.empty(picture.shape, np.float32)
    table = _table(1 << 8 * picture.itemsize, 1.0 if intensity is None else intensity)
    kernels.light_of_codes(picture, table, light)
    return light


@lru_cache(maxsize=4)
def _table(levels: int, intensity: float) -> Float32Array:
    return c.linear_table(levels, intensity)


def extended(light: Float32Array, crop: Crop) -> Float32Array:
    """Repeat the edges of a very small picture until it has 8 pixels to a side."""
    top, left, height, width = crop
    missing = max(0, c.SMALLEST - height), max(0, c.SMALLEST - width)
    if missing == (0, 0):
        return light
    borders = ((0, 0), (top, missing[0] - top), (left, missing[1] - left))
    return np.ascontiguousarray(np.pad(light, borders, mode="edge"))


def _level(light: Float32Array) -> Level:
    _, height, width = light.shape
    colours, bands = np.empty_like(light), np.empty((c.PLANES, height, width), np.float32)
    kernels.opponent_colours(light, _ADAPTATION, _ADAPTATION_NORM, colours)
    across = tuple(c.share_inside(width, taps) for taps in _GAUSSIANS)
    down = tuple(c.share_inside(height, taps) for taps in _GAUSSIANS)
    kernels.split_bands(colours, _GAUSSIANS, across, down, bands)
    mask = np.empty((height, width), np.float32)
    kernels.erode(bands[c.BLURRED], mask)
    return Level(bands, mask, np.array([kernels.anything(bands[plane]) for plane in c.MALTA_PLANES]))


def _samples(levels: Levels) -> tuple[Float32Array, Float32Array]:
    """Return what the cheapest bound needs."""
    count = levels[0].mask[:: c.SAMPLE_STEP, :: c.SAMPLE_STEP].size
    samples, factors = np.empty((len(levels), 3, count), np.float32), np.empty((len(levels), count), np.float32)
    shares = (c.FULL_SHARE, c.HALF_SHARE) if len(levels) == 2 else (1.0,)
    for number, level in enumerate(levels):
        step = c.SAMPLE_STEP >> number
        bounds.take_samples(level.bands, step, samples[number])
        bounds.take_factors(level.mask, step, np.float32(shares[number]), factors[number])
    return samples, factors
