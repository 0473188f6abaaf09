"""`Fingerprints`: thumbnails (96 x 54 luma, 16 x 9 chroma), statistics and time stamps of every frame of a video."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array, UInt8Array
from vs_align.measure.images.scene_cuts import detect_cuts

if TYPE_CHECKING:
    from vs_align.media.frame_clock import FrameClock

WIDTH, HEIGHT = 96, 54
"""Size of luma thumbnails in pixels, whatever the aspect ratio of the video is."""

COLOR_WIDTH, COLOR_HEIGHT = 16, 9
"""Size of chroma thumbnails in pixels."""

_BATCH = 1024
"""Frames processed at a time; bounds memory."""
_BLACK_LUMA = 32.0
"""A flat frame whose mean luma, of 255, is below this is black. Black in limited range is 16."""
_FLAT_DEVIATION = 2.5
"""A frame whose luma has a smaller standard deviation, in levels of 255, is flat: noise, but no content."""
_BORDER_LEVELS = 10
"""A cell that never gets brighter than the darkest cell plus this, in levels of 255, belongs to a black border."""
_WIDEST_BORDER = 0.4
"""Largest share of the width or height that a border may take on one side; beyond it no border is assumed."""

CellBox = tuple[int, int, int, int]
"""Part of an image in cells of 3 x 3 thumbnail pixels: first and stop column of 32, first and stop row of 18."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameThumbnails:
    """Thumbnails of consecutive frames.

    Args:
        luma: (n, HEIGHT, WIDTH), the whole frame resized, 0 to 255 in the range of the video.
        color: (n, 2, COLOR_HEIGHT, COLOR_WIDTH), U and V, 128 is gray.
        times: (n,) seconds since the first frame of the video.
        fields: (n,) whether a frame is flagged as interlaced.
        combed: (n,) whether combing was detected in a frame; None if it was not checked.
    """

    luma: UInt8Array
    color: UInt8Array
    times: Float64Array
    fields: BoolArray
    combed: BoolArray | None = None

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.luma)


class ThumbnailStore(Protocol):
    """Storage of thumbnails."""

    def read(self, first: int, stop: int) -> FrameThumbnails:
        """Return frames first..stop-1."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FrameStats:
    """Statistics of each frame.

    Args:
        brightness: (n,) mean luma, 0 to 255.
        contrast: (n,) standard deviation of luma.
        change: (n,) mean absolute difference to the previous frame; 0 for the first.
        grid: (n, 18, 32) means of cells of 3 x 3 thumbnail pixels.
    """

    brightness: Float32Array
    contrast: Float32Array
    change: Float32Array
    grid: UInt8Array


def frame_stats(luma: UInt8Array, before: UInt8Array | None) -> FrameStats:
    """Measure consecutive frames.

    Args:
        luma: (n, HEIGHT, WIDTH).
        before: (HEIGHT, WIDTH), the frame before the first of them; None at the beginning of the video.
    """
    count = len(luma)
    brightness, contrast, change = (np.zeros(count, np.float32) for _ in range(3))
    grid = np.empty((count, HEIGHT // 3, WIDTH // 3), np.uint8)
    for i, image in enumerate(luma):
        mean, deviation = cv2.meanStdDev(image)
        brightness[i], contrast[i] = mean[0, 0], deviation[0, 0]
        grid[i] = cv2.resize(image, (WIDTH // 3, HEIGHT // 3), interpolation=cv2.INTER_AREA)
        if before is not None:
            change[i] = cv2.norm(image, before, cv2.NORM_L1) / image.size
        before = image
    return FrameStats(brightness, contrast, change, grid)


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Thumbnails, statistics and time stamps of every frame of a video.

    Args:
        store: Storage of the thumbnails.
        stats: Statistics of each frame.
        times: (n,) seconds since the first frame, never falling.
        rate: Frames per second: of the usual step between time stamps, or the average if there is no usual one.
        variable: Whether frames have different durations.
        interlaced: Whether most frames are flagged as interlaced.
        size: Width and height of the full frames in pixels.
        clock: How the times were derived from time stamps; None if they were given.
        combed: Whether combing was detected.
    """

    store: ThumbnailStore
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
    def brightness(self) -> Float32Array:
        """(n,) mean luma, 0 to 255."""
        return self.stats.brightness

    @property
    def contrast(self) -> Float32Array:
        """(n,) standard deviation of luma, in levels of 255."""
        return self.stats.contrast

    @property
    def change(self) -> Float32Array:
        """(n,) mean absolute difference to the previous frame, in levels of 255; 0 for the first."""
        return self.stats.change

    @property
    def frame_seconds(self) -> float:
        """Average duration of a frame in seconds."""
        return float(1 / self.rate)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return float(self.times[-1]) + self.frame_seconds

    def thumbnails(self, first: int, stop: int) -> UInt8Array:
        """Luma thumbnails of frames first..stop-1, (n, HEIGHT, WIDTH); cheapest in long runs."""
        return self.store.read(first, stop).luma

    def lumas(self, first: int, stop: int) -> list[Float32Array]:
        """Luma thumbnails of frames first..stop-1 as floats, (HEIGHT, WIDTH) each, 0..1 nominal."""
        return [image.astype(np.float32) * np.float32(1 / 255) for image in self.thumbnails(first, stop)]

    def colors(self, first: int, stop: int) -> UInt8Array:
        """Chroma thumbnails of frames first..stop-1, (n, 2, COLOR_HEIGHT, COLOR_WIDTH): U and V, 128 is gray."""
        return self.store.read(first, stop).color

    @cached_property
    def cuts(self) -> Int64Array:
        """First frames of scenes, without frame 0."""
        found = []
        for first in range(0, len(self), _BATCH):
            begin = max(0, first - 8)
            part = self.stats.grid[begin : first + _BATCH + 8]
            found += [begin + n for n in detect_cuts(part) if first <= begin + n < first + _BATCH]
        return np.array(found, np.int64)

    @cached_property
    def flat(self) -> BoolArray:
        """(n,) whether a frame has no content: its luma is constant but for noise."""
        out: BoolArray = self.contrast < _FLAT_DEVIATION
        return out

    @cached_property
    def black(self) -> BoolArray:
        """(n,) whether a frame is black."""
        out: BoolArray = self.flat & (self.brightness < _BLACK_LUMA)
        return out

    @cached_property
    def box(self) -> CellBox:
        """The part inside a border that stays black over the whole video."""
        brightest = np.zeros(self.stats.grid.shape[1:], np.uint8)
        darkest = 255
        for first in range(0, len(self), _BATCH):
            part = self.stats.grid[first : first + _BATCH]
            brightest = np.maximum(brightest, part.max(axis=0))
            darkest = min(darkest, int(part.min()))
        empty = brightest < min(darkest + _BORDER_LEVELS, int(_BLACK_LUMA))
        left, right = _inside(empty.all(axis=0))
        top, bottom = _inside(empty.all(axis=1))
        return left, right, top, bottom


def _inside(empty: BoolArray) -> tuple[int, int]:
    """First and stop of the part between empty margins; everything if a margin is implausibly wide."""
    limit = int(len(empty) * _WIDEST_BORDER)
    first = int(np.argmin(empty)) if not empty.all() else 0
    last = int(np.argmin(empty[::-1])) if not empty.all() else 0
    return (first, len(empty) - last) if first <= limit and last <= limit else (0, len(empty))
