"""Viterbi smoothing: known offsets come back, and only the declared neighbors count."""

import itertools
from math import inf

import numpy as np
import pytest

from vs_align.decide.matching import viterbi_kernels as kernels
from vs_align.decide.matching.viterbi import MAX_COST, PARAMETERS, RADIUS, candidate_costs, viterbi
from vs_align.io.array_types import Float64Array
from vs_align.measure.metrics.metric import ScoreTolerance


def chosen(table: Float64Array, smooth: bool = True) -> list[int]:
    found: list[int] = viterbi(table, 0, len(table), smooth=smooth).indices.tolist()
    return found


def clear(order: list[int], k: int = 11) -> Float64Array:
    """Costs that leave no doubt about the places given."""
    table = np.full((len(order), k), MAX_COST)
    table[np.arange(len(order)), order] = 0
    return table


def brute_force(rows: Float64Array, frame: int) -> Float64Array:
    """Cost of the best path through each place of a frame, by trying them all."""
    m, k = rows.shape
    best = np.full(k, inf)
    for path in itertools.product(range(k), repeat=m):
        # where a neighbour has no candidate it has no say
        total = sum(rows[i, p] for i, p in enumerate(path) if i == frame or rows[i, p] < inf)
        for a, b in itertools.pairwise(path):
            total += {0: 0.0, 1: PARAMETERS.step_cost}.get(abs(a - b), PARAMETERS.jump_cost)
        best[path[frame]] = min(best[path[frame]], total)
    return best


def test_constants_keep_unknown_scores_from_winning() -> None:
    assert 2 * max(PARAMETERS.step_cost, PARAMETERS.jump_cost) < MAX_COST


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("frame", [0, 2, 4])
def test_the_path_is_the_cheapest_of_all(seed: int, frame: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.round(rng.uniform(0, MAX_COST, (5, 5)), 3)
    rows[rng.random(rows.shape) < 0.15] = inf
    rows[:, 2] = np.minimum(rows[:, 2], 9)  # no row is empty
    totals, before, after = np.empty(5), np.empty(5), np.empty(5)
    kernels.path_costs(rows, frame, RADIUS, PARAMETERS.step_cost, PARAMETERS.jump_cost, totals, before, after)
    assert totals == pytest.approx(brute_force(rows, frame))
    found = viterbi(rows, frame, frame + 1)
    assert totals[found.indices[0]] == pytest.approx(totals.min())


def test_clear_evidence_is_followed_wherever_it_goes() -> None:
    order = [5, 5, 6, 6, 2, 2, 2, 9, 0, 10, 5, 5]
    assert chosen(clear(order)) == order


def test_no_evidence_holds_the_offset_of_the_neighbours() -> None:
    table = clear([8] * 20)
    table[6:14] = 0
    assert chosen(table) == [8] * 20
    assert chosen(table, smooth=False) == [8] * 6 + [5] * 8 + [8] * 6


def test_small_differences_do_not_make_the_offset_jump() -> None:
    rng = np.random.default_rng(0)
    table = clear([7] * 40)
    table[5:35] = rng.uniform(0, 1.5, (30, 11))
    table[5:35, 7] = rng.uniform(0, 0.6, 30)
    assert chosen(table) == [7] * 40
    assert chosen(table, smooth=False) != [7] * 40


def test_without_any_evidence_the_centre_wins() -> None:
    assert chosen(np.zeros((30, 9))) == [4] * 30


@pytest.mark.parametrize("period", [2, 3, 5])
def test_a_loop_stays_in_the_centre(period: int) -> None:
    table = np.full((40, 21), MAX_COST)
    table[:, 10 % period :: period] = 0
    assert chosen(table) == [10] * 40


def test_of_two_equally_near_places_the_later_wins() -> None:
    table = np.full((20, 5), MAX_COST)
    table[:, [1, 3]] = 0
    assert chosen(table) == [3] * 20
    assert chosen(table, smooth=False) == [3] * 20


def test_places_that_do_not_exist_are_never_chosen() -> None:
    rng = np.random.default_rng(1)
    table = rng.uniform(0, MAX_COST, (60, 7))
    table[rng.random(table.shape) < 0.5] = inf
    table[20:25] = inf
    for n, place in enumerate(chosen(table)):
        assert (place == -1) == (20 <= n < 25)
        assert place == -1 or table[n, place] < inf


def test_the_end_of_the_clip_draws_no_frames_along() -> None:
    table = np.zeros((30, 9))
    for n, places_left in ((27, 4), (28, 3), (29, 1)):
        table[n, places_left:] = inf
    assert chosen(table) == [4] * 27 + [3, 2, 0]


def test_frames_without_candidates_have_no_say() -> None:
    table = clear([6] * 12)
    table[4:7] = inf
    assert chosen(table) == [6] * 4 + [-1] * 3 + [6] * 5


@pytest.mark.parametrize("k", [1, 3, 41])
def test_only_the_declared_neighbours_have_a_say(k: int) -> None:
    table = np.random.default_rng(k).uniform(0, MAX_COST, (80, k))
    everything = viterbi(table, 0, 80)
    for n in range(80):
        first = max(0, n - RADIUS)
        alone = viterbi(table[first : n + RADIUS + 1], n - first, n - first + 1)
        assert alone.indices[0] == everything.indices[n]
        assert alone.margins[0] == everything.margins[n]
        assert alone.runners_up[0] == everything.runners_up[n]


def test_the_margin_is_that_of_the_best_different_picture() -> None:
    found = viterbi(clear([5]), 0, 1)
    assert (found.margins[0], found.runners_up[0]) == (MAX_COST, 0)
    table = np.array([[3.0, 0.2, 0.0, 0.4, 5.0]])
    found = viterbi(table, 0, 1)
    assert found.indices.tolist() == [2]
    assert found.margins.tolist() == [3.0]
    assert found.runners_up.tolist() == [0]
    alike = viterbi(np.array([[0.1, 0.0, 0.4]]), 0, 1)
    assert (alike.margins[0], alike.runners_up[0]) == (inf, -1)


def test_neighbours_raise_the_margin() -> None:
    alone = np.array([[1.0, 0.0, 1.0]])
    together = np.repeat(alone, 9, axis=0)
    assert viterbi(alone, 0, 1).margins[0] == 1.0
    assert viterbi(together, 4, 5).margins[0] == pytest.approx(1.0 + 2 * PARAMETERS.step_cost)


def test_costs_are_counted_in_units_of_noise() -> None:
    far = [9.0] * 8
    table = np.array(
        [[0.1, 0.11, 0.2, inf, np.nan, *far], [0.0, 0.001, 5.0, inf, inf, *far], [np.nan] * 2 + [inf] * 11]
    )
    found = candidate_costs(table, ScoreTolerance(0.05, 0.005))
    assert found[0] == pytest.approx([0, 1, MAX_COST, inf, MAX_COST] + [MAX_COST] * 8)
    assert found[1] == pytest.approx([0, 0.2, MAX_COST, inf, inf] + [MAX_COST] * 8)
    assert found[2].tolist() == [0, 0] + [inf] * 11
    assert candidate_costs(np.full((2, 3), inf), ScoreTolerance(0.05, 0.005)).tolist() == [[inf] * 3] * 2


def test_still_scenes_say_little_and_what_is_far_is_still_far() -> None:
    noise = ScoreTolerance(0.01, 1e-9)
    still = candidate_costs(1 + 0.01 * np.array([[0, 1, 2, 1, 3, 2, 1]]), noise)
    assert still.tolist() == [[0] * 7]
    half = candidate_costs(1 + 0.01 * np.array([[0, 4.0, 4, 4, 4, 4, 11]]), noise)
    assert half[0] == pytest.approx([0, 2, 2, 2, 2, 2, MAX_COST])
    moving = candidate_costs(1 + 0.01 * np.array([[0, 3.0, 9, 9, 9, 9, 9]]), noise)
    assert moving[0] == pytest.approx([0, 3, 9, 9, 9, 9, 9])


def test_scores_beyond_the_reach_all_cost_the_same() -> None:
    noise = ScoreTolerance(0.05, 0.005)
    limit = noise.scaled(MAX_COST).limit(0.1)
    assert candidate_costs(np.array([[0.1, limit, limit * 3]]), noise)[0] == pytest.approx([0, MAX_COST, MAX_COST])
    assert candidate_costs(np.array([[0.1, limit * 0.99]]), noise)[0, 1] < 0.99 * MAX_COST


@pytest.mark.parametrize(
    ("order", "isolated"),
    [
        ([5, 5, 5, 6, 5, 5, 5], [3]),
        ([5, 5, 5, 1, 5, 5, 5], [3]),
        ([5, 5, 6, 4, 5, 5, 5], []),  # swapped
        ([5, 5, 5, 6, 6, 6, 6], []),
        ([5, 5, 6, 7, 8, 8, 8], []),
        ([6, 5, 5, 5, 5, 5, 4], []),  # at the ends there is one neighbour
        ([5, 4, 5, 5, 8, 5, 5], [1, 4]),
    ],
)
def test_a_frame_that_leaves_and_comes_back_is_isolated(order: list[int], isolated: list[int]) -> None:
    found = viterbi(clear(order), 0, len(order))
    assert found.indices.tolist() == order
    assert np.flatnonzero(found.isolated).tolist() == isolated


def test_the_same_picture_at_another_place_is_not_isolated() -> None:
    table = clear([5, 5, 5, 6, 5, 5, 5])
    table[3, 5] = 0.0
    assert not viterbi(table, 0, 7).isolated.any()
    table[3, 5] = inf  # nor one whose neighbours' place has no candidate
    found = viterbi(table, 0, 7)
    assert found.indices[3] == 6
    assert not found.isolated.any()


def test_whether_a_frame_is_isolated_depends_on_its_neighbours_alone() -> None:
    rng = np.random.default_rng(3)
    table = rng.uniform(0, MAX_COST, (40, 7))
    whole = viterbi(table, 0, 40).isolated
    assert whole.any()
    for n in range(40):
        low, high = max(0, n - RADIUS), min(40, n + RADIUS + 1)
        assert viterbi(table[low:high], n - low, n - low + 1).isolated[0] == whole[n]
