"""Fingerprints of thumbnails that lie in memory."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from vs_align.io.array_types import UInt8Array
from vs_align.measure.fingerprints.fingerprint import (
    COLOR_HEIGHT,
    COLOR_WIDTH,
    Fingerprints,
    FrameThumbnails,
    frame_stats,
)


@dataclass(frozen=True)
class MemoryStore:
    """A `ThumbnailStore` in memory."""

    frames: FrameThumbnails

    def read(self, first: int, stop: int) -> FrameThumbnails:
        """Return frames first..stop-1."""
        part, held = slice(first, stop), self.frames
        return FrameThumbnails(held.luma[part], held.color[part], held.times[part], held.fields[part])


def fingerprints_of(
    luma: UInt8Array, rate: Fraction, times: npt.ArrayLike | None = None, color: UInt8Array | None = None
) -> Fingerprints:
    """Return fingerprints of thumbnails.

    Args:
        luma: (n, HEIGHT, WIDTH), at least one.
        rate: Frames per second.
        times: (n,) seconds since the first frame; None: evenly spaced.
        color: (n, 2, COLOR_HEIGHT, COLOR_WIDTH); None: gray.
    """
    even = np.arange(len(luma)) * float(1 / rate)
    stamps = np.asarray(even if times is None else times, np.float64)
    gray = np.full((len(luma), 2, COLOR_HEIGHT, COLOR_WIDTH), 128, np.uint8)
    frames = FrameThumbnails(luma, gray if color is None else color, stamps, np.zeros(len(luma), np.bool_))
    return Fingerprints(MemoryStore(frames), frame_stats(luma, None), stamps, rate)
