"""PlaneStats search: the candidate with the smallest mean absolute difference of a plane, by successive elimination.

The score is that of `std.PlaneStats(a, b)`. Sums over blocks are computed once per frame; by the triangle inequality
|sum a - sum b| <= sum |a - b| holds in every block, so that the differences of block sums add up to a lower bound of
the difference of two images (W. Li and E. Salari, "Successive elimination algorithm for motion estimation", IEEE
Transactions on Image Processing 4(1), 1995, with the multilevel blocks of X. Q. Gao, C. J. Duanmu and C. R. Zou, same
journal 9(3), 2000). A candidate whose bound exceeds the best difference so far is not compared. The result is always
that of the full search.
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
from vs_align.measure.metrics.metric import ScoreTolerance
from vs_align.measure.metrics.planestats import kernels

_MAX_BLOCKS = 2048
"""Most fine blocks of an image: the block sums of a window then stay in the cache of a core."""
_BLOCK_SIDES = (8, 16, 32)
"""Possible sides of a fine block in pixels."""
_FIRST_WAIT = 4
"""Searches before the slower strategy is tried for the first time; more find changes later, fewer waste time."""
_LONGEST_WAIT = 256
"""Most searches from one trial of the slower strategy to the next."""
_WIDEST_TRIED = 32
"""Most candidates of a window for which the slower strategy is tried; in wider ones a trial costs too much."""


@dataclass(frozen=True, slots=True)
class PlaneAddresses:
    """Addresses of the first planes of some frames. The caller keeps the frames alive."""

    addresses: UInt64Array
    """(n,) address of the first row."""
    pitches: Int64Array
    """(n,) pixels from one row to the next."""

    def __len__(self) -> int:
        return self.addresses.size


@dataclass(frozen=True, slots=True)
class BestMatches:
    """The winners of some searches."""

    candidates: Int64Array
    """(refs,) index of the best candidate, -1 if there was none."""
    scores: Float64Array
    """(refs,) its score, 0 to 1 for integer formats; infinity if there was no candidate."""
    windows: Float64Array
    """(refs, 2 * radius + 1) scores of the candidates around each center, infinity where there is none, lower bounds
    beyond the exact range. (refs, 0) if only the best was requested."""


@dataclass(frozen=True, slots=True)
class ExactRange:
    """Scores other than the best that must be exact too."""

    radius: int
    """Candidates to either side of the center of a window."""
    tolerance: ScoreTolerance
    """Range above the best score."""


class _BlockSumCache:
    """Block sums of the most recently used images, by a key, in arrays that are allocated once.

    Args:
        capacity: Images to keep.
        coarse: Coarse blocks of an image.
        fine: Fine blocks of an image.
        dtype: Type of the sums.
    """

    def __init__(self, capacity: int, coarse: int, fine: int, dtype: npt.DTypeLike) -> None:
        self.coarse = np.empty((capacity, coarse), dtype)
        self.fine = np.empty((capacity, fine), dtype)
        self.magnitudes = np.empty(capacity, np.float64)
        self._slots: OrderedDict[int, int] = OrderedDict()
        self._free = list(range(capacity))

    def claim(self, keys: list[int]) -> tuple[Int64Array, list[int]]:
        """Assign a slot to every key; return the slots, and the indices of the keys that are new."""
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

    def without_sums(self, images: PlaneAddresses) -> tuple[Any, ...]:
        """Return images in the form of the kernels, for a search that does not use block sums."""
        slots = np.zeros(len(images), np.int64)
        return images.addresses, images.pitches, slots, self.coarse, self.fine, self.magnitudes

    def clear(self) -> None:
        """Drop everything."""
        self._free.extend(self._slots.values())
        self._slots.clear()


class _AdaptiveStrategy:
    """Chooses between bounds and direct comparison by measured time: direct is faster in small windows and heavy grain.

    Both give the same result. The faster one is used, and the other is tried again after a wait, which doubles each
    time it loses. Wide windows always use bounds.

    Args:
        candidates: Typical number of candidates of a ref image.
    """

    def __init__(self, candidates: int) -> None:
        self._wide = candidates > _WIDEST_TRIED
        self._bounded = True
        self._seconds = 0.0
        self._wait = _FIRST_WAIT
        self._until_trial = _FIRST_WAIT
        self._trials = 0

    def use_bounds(self) -> bool:
        """Return whether the next search uses bounds."""
        if self._wide:
            return True
        if self._until_trial == 0 and self._trials == 0:
            # the first search with bounds sums a whole window, so that only the second one measures their speed
            self._trials = 1 if self._bounded else 2
        return self._bounded != (self._trials > 0)

    def report(self, seconds: float) -> None:
        """Record the duration of the search in seconds."""
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
    """Finds the candidate with the smallest mean absolute difference, exactly. Calls must not overlap.

    Args:
        width: Width of the plane in pixels.
        height: Height of the plane in pixels.
        dtype: uint8, uint16 or float32.
        peak: The value of full white, by which scores are divided: 2**bits - 1, or 1 for float32.
        window: Most candidates of one call.
        refs: Most ref images of one call.
        threads: Threads that share the work.
    """

    def __init__(self, width: int, height: int, dtype: npt.DTypeLike, peak: int, window: int, refs: int, threads: int):
        kind = np.empty(0, dtype)
        floating = kind.dtype == np.float32
        block = next((b for b in _BLOCK_SIDES if _block_count(width, height, b) <= _MAX_BLOCKS), _BLOCK_SIDES[-1])
        zero: np.generic = np.float64(0) if floating else np.int64(0)
        self._shape = (kind, floating, zero, height, width, block)
        sizes = _block_count(width, height, block * kernels.COARSE), _block_count(width, height, block)
        sum_type = np.float64 if floating else np.int32
        self._clip_sums = _BlockSumCache(window + refs, *sizes, sum_type)
        self._ref_sums = _BlockSumCache(refs, *sizes, sum_type)
        self._scale = float(width * height * peak)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "vs_align") if threads > 1 else None
        self._strategy = _AdaptiveStrategy(window - refs)
        self._hint = 0

    def best(
        self,
        refs: PlaneAddresses,
        candidates: PlaneAddresses,
        numbers: list[int],
        first: Int64Array,
        last: Int64Array,
        center: Int64Array,
        exact: ExactRange | None = None,
    ) -> BestMatches:
        """Search the window of each ref image.

        Args:
            refs: The ref images.
            candidates: The candidates of all windows together.
            numbers: The frame number of each candidate, the key under which its block sums are cached.
            first: (refs,) index of the first candidate of each window.
            last: (refs,) index of the last, inclusive; smaller than `first` if the window is empty.
            center: (refs,) index at the middle of the window, which may lie outside. Of equal scores the one nearest
                to it wins, and of two equally near ones the later.
            exact: Which other scores must be exact; None: only the best.
        """
        began = time.perf_counter()
        bounded = self._strategy.use_bounds()
        if bounded:
            self._ref_sums.clear()  # they belong to this call alone
            ref_sums = self._summed(self._ref_sums, refs, list(range(len(refs))))
            clip_sums = self._summed(self._clip_sums, candidates, numbers)
        else:
            ref_sums, clip_sums = self._ref_sums.without_sums(refs), self._clip_sums.without_sums(candidates)
        winners = np.empty(len(refs), np.int64)
        sums = np.empty(len(refs), np.float64)
        windows = first, last, center
        others = np.full((len(refs), 0 if exact is None else 2 * exact.radius + 1), np.inf)
        tolerance = ScoreTolerance() if exact is None else exact.tolerance
        exact_sums = tolerance.relative, tolerance.absolute * self._scale, others

        def search(begin: int, end: int) -> None:
            kernels.search(
                self._shape, ref_sums, clip_sums, windows, bounded, self._hint, begin, end, exact_sums, winners, sums
            )

        self._in_parallel(search, len(refs))
        if winners[-1] >= 0:
            self._hint = int(winners[-1] - center[-1])
        self._strategy.report(time.perf_counter() - began)
        return BestMatches(winners, sums / self._scale, others / self._scale)

    def _summed(self, store: _BlockSumCache, images: PlaneAddresses, keys: list[int]) -> tuple[Any, ...]:
        """Return images with their block sums; those of new keys are computed."""
        slots, new = store.claim(keys)
        summed = (images.addresses, images.pitches, slots, store.coarse, store.fine, store.magnitudes)
        chosen = np.asarray(new, np.int64)
        try:
            self._in_parallel(lambda begin, end: kernels.block_sums(self._shape, summed, chosen[begin:end]), len(new))
        except BaseException:
            store.clear()
            raise
        return summed

    def _in_parallel(self, work: Callable[[int, int], Any], count: int) -> None:
        """Call work(begin, end) on equal parts of range(count), in parallel."""
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
