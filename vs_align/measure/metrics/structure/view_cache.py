"""`LookStore`: pictures made ready for comparison, in memory that is claimed once.

Arrays of the size of a picture that live long beside others that do not would tear the heap of the C library to
pieces, so that a long clip took ever more memory.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import Float32Array, Int64Array, IntpArray
from vs_align.measure.images.views import normalised

_RADIUS = 7


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Pictures as far as both versions cover them, as rows of pixels.

    Args:
        pixels: (m, p) brightness.
        shapes: (m, p) local contrast without its mean, of unit length.
        rows: (n,) which rows of both are meant, in order.
    """

    pixels: Float32Array
    shapes: Float32Array
    rows: Int64Array

    def __len__(self) -> int:
        return self.rows.size

    def __getitem__(self, index: int) -> Float32Array:
        """Return the pixels of a picture."""
        out: Float32Array = self.pixels[self.rows[index]]
        return out

    def fill(self, index: int, picture: Float32Array, inside: IntpArray) -> None:
        """Make a picture ready.

        Args:
            index: Its place in `rows`.
            picture: (h, w) float32, as it lies on ref.
            inside: The p pixels that both cover.
        """
        row = self.rows[index]
        np.take(picture, inside, out=self.pixels[row])
        even = self.shapes[row]
        np.take(normalised(picture, np.ones_like(picture), _RADIUS), inside, out=even)
        even -= even.mean()
        even /= np.float32(max(float(np.sqrt(np.square(even).sum())), 1e-3 * float(np.sqrt(even.size))))


class LookStore:
    """Remembers the pictures that were used last, by key.

    Args:
        capacity: How many.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._slots: OrderedDict[Hashable, int] = OrderedDict()
        self._free = list(range(capacity))
        self._pixels = self._shapes = np.empty((capacity, 0), np.float32)

    def claim(self, keys: Sequence[Hashable], area: int, count: int) -> tuple[Looks, list[int]]:
        """Give every key a row; what was used longest ago goes. Rows hold until others are claimed.

        Args:
            keys: If there are more than the capacity, that grows.
            area: Pixels of a whole picture; another one than before drops everything.
            count: Pixels of each row.

        Returns:
            The rows, and the places in `keys` of those that have to be filled.
        """
        if self._pixels.shape[1] != area or len(keys) > self._capacity:
            self._capacity = max(self._capacity, len(keys))
            self._pixels, self._shapes = (np.empty((self._capacity, area), np.float32) for _ in range(2))
            self._free, self._slots = list(range(self._capacity)), OrderedDict()
        for key in keys:
            if key in self._slots:
                self._slots.move_to_end(key)
        missing = [i for i, key in enumerate(keys) if key not in self._slots]
        for i in missing:
            self._slots[keys[i]] = self._free.pop() if self._free else self._slots.popitem(last=False)[1]
        rows = np.fromiter((self._slots[key] for key in keys), np.int64, len(keys))
        return Looks(self._pixels[:, :count], self._shapes[:, :count], rows), missing

    def forget(self) -> None:
        """Drop everything."""
        self._free.extend(self._slots.values())
        self._slots.clear()
