"""What metrics know of pictures, kept as long as there is room."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass

_MOST_BYTES = 2 << 30
_SHARE_OF_MEMORY = 4


@dataclass(slots=True)
class _Entry[F]:
    """Features that are there or on their way, and the bytes that they were last seen to hold."""

    features: "Future[F]"
    size: int = 0


class FeatureCache[F]:
    """Features of pictures by a key, bounded in bytes; the least recently used go first.

    Safe to call from several threads. Features are made once, even where two threads ask for them at the same time.

    Args:
        size: Returns the bytes that features hold. It is asked again at each use, since features may grow.
        capacity: Most bytes to keep; default: a quarter of the memory of the machine, at most 2 GiB. What is in use
            is never taken away from its user, and the most recent features stay however large they are.
    """

    def __init__(self, size: Callable[[F], int], capacity: int | None = None) -> None:
        self._size = size
        self._capacity = default_capacity() if capacity is None else capacity
        self._entries: OrderedDict[Hashable, _Entry[F]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes held, as far as they are known."""
        return self._held

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], F]) -> F:
        """Return the features of a key; `make` makes them where they are not there.

        An exception of `make` goes to all who wait for the features, and nothing is kept.
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
        self._weigh(key, entry, features)
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

    def _weigh(self, key: Hashable, entry: _Entry[F], features: F) -> None:
        """Count what an entry holds now, and drop the oldest entries for which there is no room."""
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
                # what is still being made has no size yet and would only be made again
                if old != key and self._entries[old].features.done():
                    dropped.append(self._entries.pop(old))
                    self._held -= dropped[-1].size
        # large arrays are freed here, while nobody waits for the lock
        dropped.clear()


def default_capacity() -> int:
    """Return a quarter of the memory of the machine in bytes, at most 2 GiB."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _MOST_BYTES  # not every system tells
    return min(_MOST_BYTES, memory // _SHARE_OF_MEMORY)
