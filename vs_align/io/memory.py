"""Memory that the C library holds back.

VapourSynth allocates frames as aligned blocks. The GNU C library before 2.39 cannot use the hole that such a block
leaves for another one of the same size, so that the memory of a process grows with every frame that it ever made,
whatever the filters do. `malloc_trim` gives the holes back to the system.
"""

import ctypes
import mmap
import sys
from collections.abc import Callable
from pathlib import Path

_STATM = Path("/proc/self/statm")
# Resident memory may grow by this much before it is worth looking for holes, which takes some milliseconds.
_STEP_BYTES = 48 << 20


class MemoryTrimmer:
    """Gives holes back to the system whenever the process has grown. Does nothing where there is no need to."""

    def __init__(self) -> None:
        self._trim = _malloc_trim()
        self._level = 0

    def check(self) -> None:
        """Trim if resident memory has grown since the last time. Costs some microseconds otherwise."""
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
    # other C libraries for Linux do not have it, and do not need it
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def _resident_bytes() -> int:
    return int(_STATM.read_text().split()[1]) * mmap.PAGESIZE
