"""Dynamic time warping: the cheapest path within the band, against exhaustive search."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from vs_align.decide.synchronization.engines.dtw import (
    Sequence,
    Weights,
    align,
    band_around,
    connected_band,
    pair_distances,
    sakoe_chiba,
)
from vs_align.decide.synchronization.engines.monotone import heaviest_monotone_subset, merge_passes
from vs_align.io.array_types import Float64Array


def numbers(values: npt.ArrayLike) -> Sequence:
    vector = np.asarray(values, np.float32)[:, None]
    return Sequence(np.empty((len(vector), 0), np.uint64), np.ascontiguousarray(vector))


PLAIN = Weights(np.zeros(0, np.float32), np.array([1]), np.ones(1, np.float32))


def cheapest(costs: Float64Array) -> list[int]:
    """The cheapest cell of each row on the cheapest way with open ends on clip, cell by cell."""
    ways: dict[tuple[int, int], tuple[float, list[tuple[int, int]]]] = {}
    for i, j in itertools.product(*map(range, costs.shape)):
        before = [ways[at] for at in ((i - 1, j), (i - 1, j - 1), (i, j - 1)) if at in ways and i > 0]
        total, way = min(before, key=lambda found: found[0], default=(0.0, []))
        ways[i, j] = total + costs[i, j], [*way, (i, j)]
    last = len(costs) - 1
    _, way = min((ways[last, j] for j in range(costs.shape[1])), key=lambda found: found[0])
    return [min((costs[at], at[1]) for at in way if at[0] == i)[1] for i in range(len(costs))]


@pytest.mark.parametrize(("count", "length", "window"), [(1, 1, 1), (5, 5, 1), (40, 7, 3), (7, 40, 3), (300, 311, 10)])
def test_a_band_holds_a_way_from_corner_to_corner(count: int, length: int, window: int) -> None:
    found = sakoe_chiba(count, length, window)
    assert found.low[0] == 0
    assert found.high[-1] == length
    assert np.all(np.diff(found.low) >= 0)
    assert np.all(np.diff(found.high) >= 0)
    assert np.all(found.low < found.high)
    assert np.all(found.low[1:] <= found.high[:-1])
    back = found.reversed(length).reversed(length)
    assert np.array_equal(back.low, found.low)
    assert np.array_equal(back.high, found.high)


def test_the_band_is_as_wide_as_asked_and_wider_where_lengths_differ() -> None:
    narrow = sakoe_chiba(500, 500, 10)
    assert (narrow.high - narrow.low)[100:400].tolist() == [21] * 300
    wide = sakoe_chiba(500, 600, 10)
    for offset in (0, 50, 100):
        places = np.arange(500) + offset
        assert np.all((wide.low <= places) & (places < wide.high))


def test_a_band_round_places_that_jump_is_joined() -> None:
    places = np.array([0.0, 1, 2, 60, 61, 5, 90])
    found = band_around(places, 100, 2)
    assert np.all(found.low[1:] <= found.high[:-1])
    assert np.all((found.low <= places) & (places < found.high))


@pytest.mark.parametrize("seed", range(5))
def test_the_way_is_the_cheapest_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ref, clip = rng.uniform(0, 1, 9), rng.uniform(0, 1, 11)
    whole = connected_band(np.zeros(9), np.full(9, 11), 11)
    found, scores = align(numbers(ref), numbers(clip), PLAIN, whole)
    costs = np.square(ref[:, None] - clip[None])
    assert np.all(np.diff(found) >= 0)
    assert scores == pytest.approx(costs[np.arange(9), found], abs=1e-6)
    assert found.tolist() == cheapest(costs)


def test_known_steps_come_back() -> None:
    rng = np.random.default_rng(1)
    clip = rng.uniform(0, 1, 400)
    shown = np.sort(np.concatenate([np.arange(20, 380), rng.choice(np.arange(20, 380), 15)]))
    found, scores = align(numbers(clip[shown]), numbers(clip), PLAIN, sakoe_chiba(len(shown), 400, 50))
    assert np.array_equal(found, shown)
    assert scores.max() == 0


def test_backwards_is_the_same_way() -> None:
    rng = np.random.default_rng(2)
    ref, clip = numbers(rng.uniform(0, 1, 60)), numbers(rng.uniform(0, 1, 71))
    within = sakoe_chiba(60, 71, 8)
    ahead, _ = align(ref, clip, PLAIN, within)
    back, _ = align(ref.reversed(), clip.reversed(), PLAIN, within.reversed(71))
    assert np.array_equal(ahead, 70 - back[::-1])


def test_bits_and_vectors_count_what_they_should() -> None:
    weights = Weights(np.array([0.5, 0.25], np.float32), np.array([2, 3]), np.array([3.0, 10.0], np.float32))
    a = Sequence(np.array([[0b1011, 2**63]], np.uint64), np.array([[0.0, 0.5, 7.0]], np.float32))
    b = Sequence(np.array([[0b0001, 2**63 + 5]], np.uint64), np.array([[0.5, 0.5, 1.0]], np.float32))
    one = np.zeros(1, np.int64)
    # two bits of the first word, two of the second, a quarter of the first part, and the second cut at 1
    assert pair_distances(a, b, weights, one, one)[0] == pytest.approx(2 * 0.5 + 2 * 0.25 + 0.25 * 3 + 10)


def test_long_films_take_little_time_and_memory() -> None:
    rng = np.random.default_rng(3)
    clip = np.cumsum(rng.normal(0, 0.05, 20_000))
    found, _ = align(numbers(clip[:19_950]), numbers(clip), PLAIN, sakoe_chiba(19_950, 20_000, 100))
    assert np.array_equal(found, np.arange(19_950))


def test_the_heaviest_matches_in_order_are_kept() -> None:
    places = np.array([0, 10, 3, 20, 4, 30, 30])
    assert heaviest_monotone_subset(places, np.ones(7)).tolist() == [0, 1, 3, 5, 6]
    assert heaviest_monotone_subset(places, np.array([1, 1, 5, 1, 5, 1, 1.0])).tolist() == [0, 2, 4, 5, 6]
    assert heaviest_monotone_subset(np.array([5, 4, 3]), np.array([1.0, 3.0, 2.0])).tolist() == [1]
    assert heaviest_monotone_subset(np.empty(0, np.int64), np.empty(0)).tolist() == []


def test_merging_follows_the_cheaper_pass_without_going_back() -> None:
    ahead, back = np.array([0, 1, 2, 30, 31, 32]), np.array([0, 0, 0, 3, 4, 5])
    costs_ahead, costs_back = np.array([0.1, 0.1, 0.1, 0.9, 0.9, 0.9]), np.array([0.1, 0.5, 0.5, 0.1, 0.1, 0.1])
    forward = merge_passes(ahead, back, costs_ahead, costs_back)
    assert np.where(forward, ahead, back).tolist() == [0, 1, 2, 3, 4, 5]
    # the cheapest of each frame would go back from 9 to 3
    forward = merge_passes(np.array([0, 9, 9]), np.array([0, 1, 3]), np.array([0, 0.0, 1]), np.array([0, 0.4, 0.0]))
    assert np.where(forward, [0, 9, 9], [0, 1, 3]).tolist() == [0, 1, 3]
