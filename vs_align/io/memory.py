"""Trimming of the C heap (`malloc_trim`) for processes that allocate many frames.

VapourSynth allocates frames as aligned blocks. The GNU C library before 2.39 cannot reuse the hole that such a block
leaves for another block of the same size, so that the resident memory of a process grows with every frame.
`malloc_trim` returns the holes to the system.
"""

import ctypes
import mmap
import sys
from collections.abc import Callable
from pathlib import Path

_STATM = Path("/proc/self/statm")
_STEP_BYTES = 48 << 20
"""Growth of resident memory in bytes before the heap is trimmed, which takes some milliseconds."""


class MemoryTrimmer:
    """Trims the heap if the process has grown. Does nothing without the GNU C library."""

    def __init__(self) -> None:
        self._trim = _malloc_trim()
        self._level = 0

    def check(self) -> None:
        """Trim if resident memory has grown since the last call; else this takes some microseconds."""
        if self._trim is None:
            return
        resident = _resident_bytes()
        if resident > self._level + _STEP_BYTES:
            self._trim(0)
            self._level = _resident_bytes()
        else:
            self._level = min(self._level, resident)


def _malloc_trim() -> Callable[[int], int] | None:
    if sys.platform != "linux" or not _STATM.exists():
        return None
    # other C libraries for Linux do not have this function, and do not need it
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def _resident_bytes() -> int:
    return int(_STATM.read_text().split()[1]) * mmap.PAGESIZE
