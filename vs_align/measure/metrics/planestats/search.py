"""The metric of precision 1: mean absolute difference of two planes, as `std.PlaneStats(a, b)` gives it.

The best of many candidates is found without comparing all of them. Sums over blocks are computed once per frame;
by the triangle inequality |sum a - sum b| <= sum |a - b| holds in every block, so that the differences of block sums
add up to a lower bound of the difference of two pictures (successive elimination: W. Li and E. Salari, "Successive
elimination algorithm for motion estimation", IEEE Transactions on Image Processing 4(1), 1995, with the multilevel
blocks of X. Q. Gao, C. J. Duanmu and C. R. Zou, same journal 9(3), 2000). A candidate whose bound exceeds the best
difference so far is never looked at. The answer is that of the full search, always.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vs_align.io.array_types import Float64Array, Int64Array, UInt64Array
from vs_align.measure.metrics.planestats import kernels

_MOST_BLOCKS = 2048  # the finest bounds of a window then stay in the cache of a core
_BLOCKS = (8, 16, 32)
# Searches from one trial of the slower way to the next.
_FIRST_WAIT, _LONGEST_WAIT = 4, 256
_WIDEST_TRIED = 32


@dataclass(frozen=True, slots=True)
class Pictures:
    """Where the first planes of some frames lie in memory. Whoever makes it keeps the frames alive."""

    addresses: UInt64Array
    pitches: Int64Array
    """Pixels from one row to the next."""

    def __len__(self) -> int:
        return self.addresses.size

    def __getitem__(self, index: int) -> tuple[int, int]:
        return int(self.addresses[index]), int(self.pitches[index])


@dataclass(frozen=True, slots=True)
class Best:
    """The winners of some searches."""

    candidates: Int64Array
    """(refs,) index of the best candidate, -1 where there was none."""
    scores: Float64Array
    """(refs,) its score, 0 to 1 for integer formats; infinity where there was no candidate."""
    windows: Float64Array
    """(refs, 2 * radius + 1) scores of the candidates around each centre, infinity where there is none; lower bounds
    where they lie beyond what was wanted. (refs, 0) where nothing but the best was wanted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which scores other than the best are wanted exactly: up to best * (1 + relative) + absolute."""

    radius: int
    """Candidates to either side of the centre of a window."""
    relative: float
    absolute: float


class _SumStore:
    """Block sums of the most recently used pictures, by a key."""

    def __init__(self, capacity: int, coarse: int, fine: int, dtype: npt.DTypeLike) -> None:
        self.coarse = np.empty((capacity, coarse), dtype)
        self.fine = np.empty((capacity, fine), dtype)
        self.magnitudes = np.empty(capacity, np.float64)
        self._slots: OrderedDict[int, int] = OrderedDict()
        self._free = list(range(capacity))

    def claim(self, keys: list[int]) -> tuple[Int64Array, list[int]]:
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

    def beside(self, pictures: Pictures) -> tuple[Any, ...]:
        """Return pictures as the kernels take them, for when block sums are not used."""
        slots = np.zeros(len(pictures), np.int64)
        return pictures.addresses, pictures.pitches, slots, self.coarse, self.fine, self.magnitudes

    def forget(self) -> None:
        """Drop everything."""
        self._free.extend(self._slots.values())
        self._slots.clear()


class _Pace:
    """Finds out whether bounds pay: in little windows and under heavy grain comparing right away is faster.

    Both ways give the same answer. The faster one is used, and the other is tried again now and then, the more rarely
    the more often it has lost. Wide windows always use bounds: there a trial costs more than it can gain.

    Args:
        candidates: About how many candidates a ref picture has.
    """

    def __init__(self, candidates: int) -> None:
        self._wide = candidates > _WIDEST_TRIED
        self._bounded = True
        self._seconds = 0.0
        self._wait = _FIRST_WAIT
        self._until_trial = _FIRST_WAIT
        self._trials = 0

    def choose(self) -> bool:
        """Return whether the next search uses bounds."""
        if self._wide:
            return True
        if self._until_trial == 0 and self._trials == 0:
            # bounds begin with the sums of a whole window, so that only the second search tells how fast they are
            self._trials = 1 if self._bounded else 2
        return self._bounded != (self._trials > 0)

    def report(self, seconds: float) -> None:
        """Learn how long the search took."""
        if self._wide:
            return
        if self._trials == 0:
            self._seconds = seconds
            self._until_trial -= 1
            return
        self._trials -= 1
        if self._trials > 0:
            return
        if seconds < self._seconds:
            self._bounded, self._seconds, self._wait = not self._bounded, seconds, _FIRST_WAIT
        else:
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
        self._until_trial = self._wait


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
        kind = np.empty(0, dtype)
        floating = kind.dtype == np.float32
        block = next((b for b in _BLOCKS if _block_count(width, height, b) <= _MOST_BLOCKS), _BLOCKS[-1])
        zero: np.generic = np.float64(0) if floating else np.int64(0)
        self._shape = (kind, floating, zero, height, width, block)
        sizes = _block_count(width, height, block * kernels.COARSE), _block_count(width, height, block)
        sum_type = np.float64 if floating else np.int32
        self._clip_sums = _SumStore(window + refs, *sizes, sum_type)
        self._ref_sums = _SumStore(refs, *sizes, sum_type)
        self._scale = float(width * height * peak)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "vs_align") if threads > 1 else None
        self._pace = _Pace(window - refs)
        self._hint = 0

    def best(
        self,
        refs: Pictures,
        candidates: Pictures,
        numbers: list[int],
        first: Int64Array,
        last: Int64Array,
        centre: Int64Array,
        wanted: Wanted | None = None,
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
            wanted: Which other scores are wanted; None: only the best.
        """
        began = time.perf_counter()
        bounded = self._pace.choose()
        if bounded:
            self._ref_sums.forget()  # they belong to this call alone
            ref_sums = self._summed(self._ref_sums, refs, list(range(len(refs))))
            clip_sums = self._summed(self._clip_sums, candidates, numbers)
        else:
            ref_sums, clip_sums = self._ref_sums.beside(refs), self._clip_sums.beside(candidates)
        winners = np.empty(len(refs), np.int64)
        sums = np.empty(len(refs), np.float64)
        windows = first, last, centre
        others = np.full((len(refs), 0 if wanted is None else 2 * wanted.radius + 1), np.inf)
        wish = (wanted.relative, wanted.absolute * self._scale, others) if wanted else (0.0, 0.0, others)

        def search(begin: int, end: int) -> None:
            kernels.search(
                self._shape, ref_sums, clip_sums, windows, bounded, self._hint, begin, end, wish, winners, sums
            )

        self._share(search, len(refs))
        if winners[-1] >= 0:
            self._hint = int(winners[-1] - centre[-1])
        self._pace.report(time.perf_counter() - began)
        return Best(winners, sums / self._scale, others / self._scale)

    def _summed(self, store: "_SumStore", pictures: Pictures, keys: list[int]) -> tuple[Any, ...]:
        """Return the pictures with their block sums, which are computed where they are new."""
        slots, new = store.claim(keys)
        summed = (pictures.addresses, pictures.pitches, slots, store.coarse, store.fine, store.magnitudes)
        chosen = np.asarray(new, np.int64)
        try:
            self._share(lambda begin, end: kernels.block_sums(self._shape, summed, chosen[begin:end]), len(new))
        except BaseException:
            store.forget()
            raise
        return summed

    def _share(self, work: Callable[[int, int], Any], count: int) -> None:
        """Call work(begin, end) on equal parts of range(count), side by side."""
        parts = min(self._threads, count)
        if parts == 0:
            return
        edges = [count * i // parts for i in range(parts + 1)]
        if self._pool is None or parts == 1:
            work(0, count)
            return
        pending = [self._pool.submit(work, *edge) for edge in pairwise(edges[1:])]
        work(edges[0], edges[1])
        for future in pending:
            future.result()


def _block_count(width: int, height: int, block: int) -> int:
    return -(-width // block) * -(-height // block)
