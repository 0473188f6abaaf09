"""The metric of precision 1: mean absolute difference of two planes, as `std.PlaneStats(a, b)` gives it.

The best of many candidates is found without comparing all of them. Sums over blocks are computed once per frame;
by the triangle inequality |sum a - sum b| <= sum |a - b| holds in every block, so that the differences of block sums
add up to a lower bound of the difference of two pictures (successive elimination: W. Li and E. Salari, "Successive
elimination algorithm for motion estimation", IEEE Transactions on Image Processing 4(1), 1995, with the multilevel
blocks of X. Q. Gao, C. J. Duanmu and C. R. Zou, same journal 9(3), 2000). A candidate whose bound exceeds the best
difference so far is never looked at. The answer is that of the full search, always.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vs_align.metrics import planestats_kernels as kernels

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST_BLOCKS = 2048  # the finest bounds of a window then stay in the cache of a core
_BLOCKS = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the first planes of some frames lie in memory. Whoever makes it keeps the frames alive."""

    addresses: npt.NDArray[np.uint64]
    pitches: Ints
    """Pixels from one row to the next."""

    def __len__(self) -> int:
        return self.addresses.size

    def __getitem__(self, index: int) -> tuple[int, int]:
        return int(self.addresses[index]), int(self.pitches[index])


@dataclass(frozen=True, slots=True)
class Best:
    """The winners of some searches."""

    candidates: Ints
    """(refs,) index of the best candidate, -1 where there was none."""
    scores: Floats
    """(refs,) its score, 0 to 1 for integer formats; infinity where there was no candidate."""


class _SumStore:
    """Block sums of the most recently used pictures, by a key."""

    def __init__(self, capacity: int, coarse: int, fine: int, dtype: npt.DTypeLike) -> None:
        self.coarse = np.empty((capacity, coarse), dtype)
        self.fine = np.empty((capacity, fine), dtype)
        self.magnitudes = np.empty(capacity, np.float64)
        self._slots: OrderedDict[int, int] = OrderedDict()
        self._free = list(range(capacity))

    def claim(self, keys: list[int]) -> tuple[Ints, list[int]]:
        """Give every key a slot; return the slots and which of the keys are new, by index."""
        for key in keys:
            if key in self._slots:
                self._slots.move_to_end(key)
        new = []
        slots = np.empty(len(keys), np.int64)
        for i, key in enumerate(keys):
            slot = self._slots.get(key)
            if slot is None:
                slot = self._free.pop() if self._free else self._slots.popitem(last=False)[1]
                self._slots[key] = slot
                new.append(i)
            slots[i] = slot
        return slots, new

    def forget(self) -> None:
        """Drop everything, for when filling the new slots failed half way."""
        self._free.extend(self._slots.values())
        self._slots.clear()


class PlaneStatsSearch:
    """Finds the candidate with the smallest mean absolute difference, exactly.

    Args:
        width: Width of the plane in pixels.
        height: Height of the plane in pixels.
        dtype: uint8, uint16 or float32.
        peak: The value of full white, by which scores are divided: 2**bits - 1, or 1 for float32.
        window: The most candidates that one call hands over.
        refs: The most reference pictures that one call hands over.
        threads: How many threads share the work.
    """

    def __init__(self, width: int, height: int, dtype: npt.DTypeLike, peak: int, window: int, refs: int, threads: int):
        self._width, self._height, self._peak = width, height, peak
        self._kind = np.empty(0, dtype)
        self._floating = self._kind.dtype == np.float32
        self._zero: np.generic = np.float64(0) if self._floating else np.int64(0)
        self._block = next((b for b in _BLOCKS if _block_count(width, height, b) <= _MOST_BLOCKS), _BLOCKS[-1])
        sizes = _block_count(width, height, self._block * kernels.COARSE), _block_count(width, height, self._block)
        sum_type = np.float64 if self._floating else np.int32
        self._clip_sums = _SumStore(window + refs, *sizes, sum_type)
        self._ref_sums = _SumStore(refs, *sizes, sum_type)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "vs_align") if threads > 1 else None

    def best(
        self, refs: Pictures, candidates: Pictures, numbers: list[int], first: Ints, last: Ints, centre: Ints
    ) -> Best:
        """Search each ref picture's window.

        Args:
            refs: The reference pictures.
            candidates: The candidates of all windows together.
            numbers: The frame number of each candidate, under which its block sums are remembered.
            first: (refs,) index of the first candidate of each window.
            last: (refs,) index of the last, inclusive; smaller than `first` where the window is empty.
            centre: (refs,) index at the middle of the window, which may lie outside. Of equal scores the one nearest
                to it wins, and of two equally near ones the later.
        """
        ref_slots, _ = self._ref_sums.claim(list(range(len(refs))))
        clip_slots, new = self._clip_sums.claim(numbers)
        try:
            self._fill(self._ref_sums, refs, ref_slots)
            chosen = np.asarray(new, np.int64)
            fresh = Pictures(candidates.addresses[chosen], candidates.pitches[chosen])
            self._fill(self._clip_sums, fresh, clip_slots[chosen])
        except BaseException:
            self._clip_sums.forget()
            raise
        winners = np.empty(len(refs), np.int64)
        sums = np.empty(len(refs), np.float64)
        ref_sums, clip_sums = self._ref_sums, self._clip_sums

        def search(begin: int, end: int) -> None:
            kernels.search(
                self._kind, self._floating, self._zero, self._height, self._width, self._block,
                refs.addresses, refs.pitches, ref_slots, ref_sums.coarse, ref_sums.fine, ref_sums.magnitudes,
                candidates.addresses, candidates.pitches,
                clip_slots, clip_sums.coarse, clip_sums.fine, clip_sums.magnitudes,
                first, last, centre, begin, end, winners, sums,
            )  # fmt: skip

        self._share(search, len(refs))
        return Best(winners, sums / self._scale)

    def score(self, ref: tuple[int, int], candidate: tuple[int, int]) -> float:
        """Score one pair, each given as address and pitch in pixels."""
        total = kernels.difference(self._kind, self._floating, self._height, self._width, *ref, *candidate)
        return float(total) / self._scale

    @property
    def _scale(self) -> float:
        return float(self._width * self._height * self._peak)

    def _fill(self, store: _SumStore, pictures: Pictures, slots: Ints) -> None:
        def fill(begin: int, end: int) -> None:
            part = slice(begin, end)
            kernels.block_sums(
                self._kind, self._floating, self._height, self._width, self._block,
                pictures.addresses[part], pictures.pitches[part], slots[part],
                store.coarse, store.fine, store.magnitudes,
            )  # fmt: skip

        self._share(fill, len(pictures))

    def _share(self, work: Callable[[int, int], Any], count: int) -> None:
        """Call work(begin, end) on equal parts of range(count), side by side."""
        parts = min(self._threads, count)
        if parts == 0:
            return
        edges = [count * i // parts for i in range(parts + 1)]
        if self._pool is None or parts == 1:
            work(0, count)
            return
        pending = [self._pool.submit(work, *edge) for edge in zip(edges[1:-1], edges[2:], strict=True)]
        work(edges[0], edges[1])
        for future in pending:
            future.result()


def _block_count(width: int, height: int, block: int) -> int:
    return -(-width // block) * -(-height // block)
