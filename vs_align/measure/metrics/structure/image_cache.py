"""LRU cache of images prepared for comparison (pixels and normalized local contrast), in memory allocated once.

Long-lived arrays of the size of an image among short-lived ones would fragment the heap of the C library, so that the
memory of a long clip would grow without end.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import Float32Array, Int64Array, IntpArray
from vs_align.measure.images.preprocessing import normalize_contrast

_RADIUS = 7
"""Radius of the local contrast normalization in pixels: wider keeps coarser structure and more shading."""
_FLAT = 1e-3
"""Root mean square contrast below which an image counts as flat."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImages:
    """The pixels of n images that both versions cover, as rows of shared arrays.

    Args:
        pixels: (m, p) luma.
        contrast: (m, p) local contrast minus its mean, of unit length.
        rows: (n,) rows of both arrays, in order.
    """

    pixels: Float32Array
    contrast: Float32Array
    rows: Int64Array

    def __len__(self) -> int:
        return self.rows.size

    def __getitem__(self, index: int) -> Float32Array:
        """Return the pixels of an image."""
        out: Float32Array = self.pixels[self.rows[index]]
        return out

    def fill(self, index: int, image: Float32Array, inside: IntpArray) -> None:
        """Prepare an image.

        Args:
            index: Its index in `rows`.
            image: (h, w) float32 luma, warped to ref.
            inside: (p,) flat indices of the pixels that both versions cover.
        """
        row = self.rows[index]
        np.take(image, inside, out=self.pixels[row])
        contrast = self.contrast[row]
        np.take(normalize_contrast(image, np.ones_like(image), _RADIUS), inside, out=contrast)
        contrast -= contrast.mean()
        contrast /= np.float32(max(float(np.sqrt(np.square(contrast).sum())), _FLAT * float(np.sqrt(contrast.size))))


class ImageCache:
    """Prepared images by key; the least recently used are evicted first.

    Args:
        capacity: Images to keep.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._slots: OrderedDict[Hashable, int] = OrderedDict()
        self._free = list(range(capacity))
        self._pixels = self._contrast = np.empty((capacity, 0), np.float32)

    def claim(self, keys: Sequence[Hashable], area: int, count: int) -> tuple[PreparedImages, list[int]]:
        """Assign a row to every key. Rows stay valid until the next call.

        Args:
            keys: One for each image. More keys than the capacity raise the capacity.
            area: Pixels of a whole image; a change drops everything.
            count: Pixels of each row, at most `area`.

        Returns:
            The rows, and the indices of the keys whose rows have to be filled.
        """
        if self._pixels.shape[1] != area or len(keys) > self._capacity:
            self._capacity = max(self._capacity, len(keys))
            self._pixels, self._contrast = (np.empty((self._capacity, area), np.float32) for _ in range(2))
            self._free, self._slots = list(range(self._capacity)), OrderedDict()
        for key in keys:
            if key in self._slots:
                self._slots.move_to_end(key)
        missing = [i for i, key in enumerate(keys) if key not in self._slots]
        for i in missing:
            self._slots[keys[i]] = self._free.pop() if self._free else self._slots.popitem(last=False)[1]
        rows = np.fromiter((self._slots[key] for key in keys), np.int64, len(keys))
        return PreparedImages(self._pixels[:, :count], self._contrast[:, :count], rows), missing

    def clear(self) -> None:
        """Drop everything."""
        self._free.extend(self._slots.values())
        self._slots.clear()
