"""LRU cache of the features that metrics prepare of images, bounded in bytes."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass

_MAX_BYTES = 2 << 30
"""Largest default capacity in bytes; more saves repeated preparation and takes memory from VapourSynth's caches."""
_MEMORY_DIVISOR = 4
"""The default capacity is the memory of the machine divided by this."""


@dataclass(slots=True)
class _Entry[F]:
    """Features that are there or being prepared, and the bytes that they held at their last use."""

    features: "Future[F]"
    size: int = 0


class FeatureCache[F]:
    """Features of images by a key, bounded in bytes; the least recently used are evicted first.

    Safe to call from several threads. Features are prepared once, even if two threads request them at the same time.

    Args:
        size: Returns the bytes that features hold. Called at each use, since features may grow.
        capacity: Most bytes to keep; default: a quarter of the memory of the machine, at most 2 GiB. Features in use
            stay alive with their user, and the most recent ones are kept however large they are.
    """

    def __init__(self, size: Callable[[F], int], capacity: int | None = None) -> None:
        self._size = size
        self._capacity = default_capacity() if capacity is None else capacity
        self._entries: OrderedDict[Hashable, _Entry[F]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes held by all entries, as of their last use."""
        return self._held

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], F]) -> F:
        """Return the features of a key; `make` prepares them if they are not cached.

        An exception of `make` is raised in all threads that wait for the features, and nothing is cached.
        """
        with self._lock:
            entry = self._entries.get(key)
            mine = entry is None
            if entry is None:
                entry = self._entries[key] = _Entry(Future())
            self._entries.move_to_end(key)
        if mine:
            self._fill(key, entry, make)
        features = entry.features.result()
        self._evict(key, entry, features)
        return features

    def _fill(self, key: Hashable, entry: _Entry[F], make: Callable[[], F]) -> None:
        try:
            features = make()
        except BaseException as error:
            with self._lock:
                if self._entries.get(key) is entry:
                    del self._entries[key]
            entry.features.set_exception(error)
            raise
        entry.features.set_result(features)

    def _evict(self, key: Hashable, entry: _Entry[F], features: F) -> None:
        """Update the size of an entry, and drop the oldest entries until all fit the capacity."""
        size = self._size(features)
        dropped = []
        with self._lock:
            if self._entries.get(key) is not entry:
                return
            self._held += size - entry.size
            entry.size = size
            for old in list(self._entries):
                if self._held <= self._capacity:
                    break
                # entries that are still being prepared have no size yet and would only be prepared again
                if old != key and self._entries[old].features.done():
                    dropped.append(self._entries.pop(old))
                    self._held -= dropped[-1].size
        # large arrays are freed here, outside the lock
        dropped.clear()


def default_capacity() -> int:
    """Return a quarter of the memory of the machine in bytes, at most 2 GiB."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _MAX_BYTES  # sysconf does not exist on every system
    return min(_MAX_BYTES, memory // _MEMORY_DIVISOR)
