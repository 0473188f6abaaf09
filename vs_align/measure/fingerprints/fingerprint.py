"""`Fingerprints`: what is known of every frame of a clip after it was looked at once, at a very low resolution."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array, UInt8Array
from vs_align.measure.images.scene_cuts import cuts_in

if TYPE_CHECKING:
    from vs_align.media.frame_clock import FrameClock

WIDTH, HEIGHT = 96, 54
"""Size of the pictures that are kept of each frame, whatever its shape is."""

COLOUR_WIDTH, COLOUR_HEIGHT = 16, 9

# Pictures read at a time where all of them are gone through.
_STRETCH = 1024
# A frame is black, or flat, below these levels of 255.
_BLACK_LIGHT, _FLAT_CONTRAST = 32.0, 2.5
# A border is a line that stays within so many levels of its darkest moment all the time.
_BORDER_LEVELS = 10
_WIDEST_BORDER = 0.4

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class SmallFrames:
    """Some frames in a row, as small pictures.

    Args:
        luma: (n, HEIGHT, WIDTH), the whole frame stretched, 0 to 255 as the clip has it.
        colour: (n, 2, COLOUR_HEIGHT, COLOUR_WIDTH), U and V, 128 is grey.
        times: (n,) seconds since the first frame of the clip.
        fields: (n,) whether a frame is said to hold two fields.
        combed: (n,) whether a frame was seen to hold two moments; None: nobody looked.
    """

    luma: UInt8Array
    colour: UInt8Array
    times: Float64Array
    fields: BoolArray
    combed: BoolArray | None = None

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.luma)


class PictureStore(Protocol):
    """Where small pictures are kept."""

    def read(self, first: int, stop: int) -> SmallFrames:
        """Return frames first..stop-1."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FrameStats:
    """Numbers that belong to each frame.

    Args:
        light: (n,) mean luma, 0 to 255.
        contrast: (n,) standard deviation of luma.
        change: (n,) mean absolute difference to the frame before; 0 for the first.
        grid: (n, 18, 32) means of 3 by 3 pixels of the small pictures.
    """

    light: Float32Array
    contrast: Float32Array
    change: Float32Array
    grid: UInt8Array


def frame_stats(luma: UInt8Array, before: UInt8Array | None) -> FrameStats:
    """Measure some frames in a row.

    Args:
        luma: (n, HEIGHT, WIDTH).
        before: (HEIGHT, WIDTH), the frame before the first of them; None where there is none.
    """
    count = len(luma)
    light, contrast, change = (np.zeros(count, np.float32) for _ in range(3))
    grid = np.empty((count, HEIGHT // 3, WIDTH // 3), np.uint8)
    for i, picture in enumerate(luma):
        mean, deviation = cv2.meanStdDev(picture)
        light[i], contrast[i] = mean[0, 0], deviation[0, 0]
        grid[i] = cv2.resize(picture, (WIDTH // 3, HEIGHT // 3), interpolation=cv2.INTER_AREA)
        if before is not None:
            change[i] = cv2.norm(picture, before, cv2.NORM_L1) / picture.size
        before = picture
    return FrameStats(light, contrast, change, grid)


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """What is known of every frame of a clip.

    Args:
        store: Where the small pictures are.
        stats: Numbers that belong to each frame.
        times: (n,) seconds since the first frame, never falling.
        rate: Frames per second: that of the usual step, or the average where there is no usual one.
        variable: Whether frames are shown for different times.
        interlaced: Whether frames are said to hold two fields.
        size: Width and height of the frames themselves, in pixels.
        clock: How the times were made out from time stamps; None where they were given.
        combed: Whether frames were seen to hold two moments.
    """

    store: PictureStore
    stats: FrameStats
    times: Float64Array
    rate: Fraction
    variable: bool = False
    interlaced: bool = False
    size: tuple[int, int] = (WIDTH, HEIGHT)
    clock: "FrameClock | None" = None
    combed: bool = False

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.times)

    @property
    def light(self) -> Float32Array:
        """(n,) mean luma, 0 to 255."""
        return self.stats.light

    @property
    def contrast(self) -> Float32Array:
        """(n,) standard deviation of luma."""
        return self.stats.contrast

    @property
    def change(self) -> Float32Array:
        """(n,) mean absolute difference to the frame before, 0 for the first."""
        return self.stats.change

    @property
    def frame_seconds(self) -> float:
        """Seconds that a frame is shown for, on average."""
        return float(1 / self.rate)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return float(self.times[-1]) + self.frame_seconds

    def pictures(self, first: int, stop: int) -> UInt8Array:
        """Small pictures of frames first..stop-1, (n, HEIGHT, WIDTH) luma; best asked for in long stretches."""
        return self.store.read(first, stop).luma

    def lumas(self, first: int, stop: int) -> list[Float32Array]:
        """Small pictures of frames first..stop-1 as floats, (HEIGHT, WIDTH) each, 0..1 nominal."""
        return [picture.astype(np.float32) * np.float32(1 / 255) for picture in self.pictures(first, stop)]

    def colours(self, first: int, stop: int) -> UInt8Array:
        """Colours of frames first..stop-1, (n, 2, COLOUR_HEIGHT, COLOUR_WIDTH): U and V, 128 is grey."""
        return self.store.read(first, stop).colour

    def stretches(self, length: int = _STRETCH) -> Iterator[tuple[int, UInt8Array]]:
        """Go through all pictures, with the number of the first of each stretch."""
        for first in range(0, len(self), length):
            yield first, self.pictures(first, min(first + length, len(self)))

    @cached_property
    def cuts(self) -> Int64Array:
        """First frames of scenes, without frame 0."""
        found = []
        for first in range(0, len(self), _STRETCH):
            begin = max(0, first - 8)
            part = self.stats.grid[begin : first + _STRETCH + 8]
            found += [begin + n for n in cuts_in(part) if first <= begin + n < first + _STRETCH]
        return np.array(found, np.int64)

    @cached_property
    def flat(self) -> BoolArray:
        """(n,) whether there is nothing to be seen."""
        out: BoolArray = self.contrast < _FLAT_CONTRAST
        return out

    @cached_property
    def black(self) -> BoolArray:
        """(n,) whether a frame is black."""
        out: BoolArray = self.flat & (self.light < _BLACK_LIGHT)
        return out

    @cached_property
    def box(self) -> Box:
        """Where the picture is within a border that stays black: columns of 32 and rows of 18, first and stop."""
        brightest = np.zeros(self.stats.grid.shape[1:], np.uint8)
        darkest = 255
        for first in range(0, len(self), _STRETCH):
            part = self.stats.grid[first : first + _STRETCH]
            brightest = np.maximum(brightest, part.max(axis=0))
            darkest = min(darkest, int(part.min()))
        empty = brightest < min(darkest + _BORDER_LEVELS, int(_BLACK_LIGHT))
        left, right = _inside(empty.all(axis=0))
        top, bottom = _inside(empty.all(axis=1))
        return left, right, top, bottom


def _inside(empty: BoolArray) -> tuple[int, int]:
    """First and stop of what is not an empty margin; all of it where hardly anything would be left."""
    limit = int(len(empty) * _WIDEST_BORDER)
    first = int(np.argmin(empty)) if not empty.all() else 0
    last = int(np.argmin(empty[::-1])) if not empty.all() else 0
    return (first, len(empty) - last) if first <= limit and last <= limit else (0, len(empty))


class MemoryStore:
    """Small pictures that are kept in memory, for short clips and for tests."""

    def __init__(self, frames: SmallFrames) -> None:
        self._frames = frames

    def read(self, first: int, stop: int) -> SmallFrames:
        """Return frames first..stop-1."""
        part, held = slice(first, stop), self._frames
        return SmallFrames(held.luma[part], held.colour[part], held.times[part], held.fields[part])


def fingerprints_of(
    luma: UInt8Array, rate: Fraction, times: npt.ArrayLike | None = None, colour: UInt8Array | None = None
) -> Fingerprints:
    """Take fingerprints of small pictures that lie in memory.

    Args:
        luma: (n, HEIGHT, WIDTH), at least one.
        rate: Frames per second.
        times: (n,) seconds since the first frame; None: even ones.
        colour: (n, 2, COLOUR_HEIGHT, COLOUR_WIDTH); None: grey.
    """
    even = np.arange(len(luma)) * float(1 / rate)
    stamps = np.asarray(even if times is None else times, np.float64)
    grey = np.full((len(luma), 2, COLOUR_HEIGHT, COLOUR_WIDTH), 128, np.uint8)
    frames = SmallFrames(luma, grey if colour is None else colour, stamps, np.zeros(len(luma), np.bool_))
    return Fingerprints(MemoryStore(frames), frame_stats(luma, None), stamps, rate)
