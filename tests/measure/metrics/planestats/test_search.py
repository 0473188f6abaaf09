"""The PlaneStats search on plain arrays."""

import numpy as np
import numpy.typing as npt
import pytest

from vs_align.io.array_types import GenericArray
from vs_align.measure.metrics.planestats import search as planestats
from vs_align.measure.metrics.planestats.search import PlaneAddresses, PlaneStatsSearch

Arrays = list[GenericArray]


def pictures(arrays: Arrays) -> PlaneAddresses:
    addresses = np.array([array.ctypes.data for array in arrays], np.uint64)
    return PlaneAddresses(addresses, np.array([array.strides[0] // array.itemsize for array in arrays], np.int64))


def make_search(arrays: Arrays, threads: int = 1) -> PlaneStatsSearch:
    height, width = arrays[0].shape
    return PlaneStatsSearch(width, height, arrays[0].dtype, 1, window=len(arrays), refs=len(arrays), threads=threads)


def brute_force(refs: Arrays, candidates: Arrays, tr: int) -> tuple[list[int], list[float]]:
    winners, scores = [], []
    for n, ref in enumerate(refs):
        order = [n, *(c for k in range(1, tr + 1) for c in (n + k, n - k))]
        window = [c for c in order if 0 <= c < len(candidates)]
        means = [float(np.abs(ref.astype(float) - candidates[c].astype(float)).mean()) for c in window]
        winners.append(window[int(np.argmin(means))])
        scores.append(min(means))
    return winners, scores


def call(search: PlaneStatsSearch, refs: Arrays, candidates: Arrays, tr: int) -> planestats.BestMatches:
    n = np.arange(len(refs))
    return search.best(
        pictures(refs),
        pictures(candidates),
        list(range(len(candidates))),
        np.maximum(n - tr, 0),
        np.minimum(n + tr, len(candidates) - 1),
        n,
    )


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("contrast", [1, 60])
def test_both_ways_give_the_answer_of_the_full_search(
    bounded: bool, threads: int, dtype: npt.DTypeLike, contrast: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planestats._AdaptiveStrategy, "use_bounds", lambda self: bounded)
    rng = np.random.default_rng(contrast)
    steps = np.cumsum(rng.integers(-3, 4, (24, 50, 67)), axis=0)
    refs: Arrays = [np.ascontiguousarray(128 + contrast * step // 12).astype(dtype) for step in steps]
    candidates: Arrays = [refs[max(0, min(23, i + int(rng.integers(-3, 4))))] for i in range(24)]
    found = call(make_search(refs, threads), refs, candidates, 5)
    winners, scores = brute_force(refs, candidates, 5)
    assert found.candidates.tolist() == winners
    assert found.scores.tolist() == pytest.approx(scores, rel=1e-12)


def test_an_empty_window_has_no_winner() -> None:
    array: Arrays = [np.zeros((9, 9), np.uint8)] * 3
    search = make_search(array)
    first, last = np.array([0, 2, 5]), np.array([2, 1, 4])
    found = search.best(pictures(array), pictures(array), [0, 1, 2], first, last, np.array([1, 1, 1]))
    assert found.candidates.tolist() == [1, -1, -1]
    assert found.scores.tolist() == [0.0, np.inf, np.inf]


def test_sums_are_remembered_by_number_and_forgotten_in_turn() -> None:
    store = planestats._BlockSumCache(3, 1, 1, np.int32)
    slots, new = store.claim([7, 8, 7])
    assert new == [0, 1]
    assert slots[0] == slots[2] != slots[1]
    assert store.claim([7, 9])[1] == [1]
    # 8 has not been asked for the longest
    assert store.claim([10, 7, 9])[1] == [0]
    assert store.claim([8])[1] == [0]


def test_the_faster_way_is_found_and_kept() -> None:
    for fast in (True, False):
        strategy = planestats._AdaptiveStrategy(11)
        chosen = []
        for _ in range(400):
            chosen.append(strategy.use_bounds())
            strategy.report(0.1 if chosen[-1] is fast else 0.2)
        assert chosen[:4] == [True] * 4
        assert sum(way is fast for way in chosen) > 380


def test_a_change_of_the_material_is_noticed() -> None:
    strategy = planestats._AdaptiveStrategy(11)
    for _ in range(200):
        strategy.report(0.1 if strategy.use_bounds() else 0.2)
    late = []
    for _ in range(400):
        late.append(strategy.use_bounds())
        strategy.report(0.2 if late[-1] else 0.1)
    assert late.count(False) > 100


def test_wide_windows_always_use_bounds() -> None:
    strategy = planestats._AdaptiveStrategy(121)
    for _ in range(100):
        assert strategy.use_bounds()
        strategy.report(1.0)
