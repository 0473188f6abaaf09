"""Neighbours' vote: of places in the window that are equally good, the one that goes on where the neighbours are.

The answer for frame n is the cheapest path through the windows of the frames from n - RADIUS to n + RADIUS, where
each frame pays the cost of its place and each change of place has a price (dynamic programming over a chain, known as
the Viterbi algorithm; here in its min-sum form forward and backward, so that every place of frame n gets the cost of
the best path through it). It depends on these frames alone, and not on which frames were asked for.

A place is the number of a candidate minus the centre of its window, plus the radius of the window, so that a steady
offset stays in one place even where the frame rates differ.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from vs_align.io.array_types import BoolArray, Float64Array, Int64Array
from vs_align.measure.metrics.score_tolerance import MOST_COST, Noise

RADIUS = 8
"""Frames to either side that have a say."""
# A change of place by one, as when a frame is lost or repeated, and by more, as at a cut. Leaving a place for one frame
# and coming back costs two changes: together they must stay below MOST_COST, so that a place that the search knows
# only by a lower bound is never chosen.
_STEP_PRICE, _JUMP_PRICE = 1.5, 2.5
# Places whose own costs differ by less than this look the same.
_DIFFERENT = 0.5
# Windows whose other candidates cost no more than the first on average show a still scene under noise, in which the
# lowest score is lowest by chance; those from the second on show motion.
_STILL, _MOVING = 2.0, 8.0
# Frames to either side whose unrest counts, and the largest change that tells.
_NEAR, _WILD = 4, 8
# Sums of the same costs in another order may differ by this.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """What was chosen for some frames."""

    places: Int64Array
    """(n,) -1 where there is no candidate."""
    margins: Float64Array
    """(n,) by how much the best path through a different picture is worse; infinity where all look the same."""
    runners_up: Int64Array
    """(n,) the place of the best different picture by its own cost, -1 without one."""
    unrest: Float64Array
    """(n,) by how many places, on average, the cheapest ones of neighbours differ from one frame to the next."""
    lone: BoolArray
    """(n,) whether the best path leaves a place for this frame alone and comes back, to a picture that differs."""


def costs(scores: Float64Array, noise: Noise) -> Float64Array:
    """Return what choosing each place costs: how far its score lies above the best, in units of noise.

    In still scenes it costs less or nothing.

    Args:
        scores: (m, k) scores of m windows, at least 0; infinity where there is no candidate. Those beyond `reach` may
            be lower bounds. NaN counts as worst.
        noise: Noise of the scores; scores beyond its `reach` are all equally bad.

    Returns:
        (m, k) 0 to MOST_COST, infinity where there is no candidate. A frame never objects more than that, so that one
        that fits nowhere does not outvote its neighbours.
    """
    missing = np.isposinf(scores)
    known = np.where(np.isnan(scores), np.inf, scores)
    best = known.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):
        out = np.minimum((known - best) / (noise.relative * best + noise.absolute), MOST_COST)
    out[~(out < MOST_COST)] = MOST_COST
    # a window with nothing but NaN says nothing
    out[~np.isfinite(best[:, 0])] = 0.0
    there = ~missing
    others = np.maximum(1, there.sum(axis=1, keepdims=True) - 1)
    mean = np.where(missing, 0.0, out).sum(axis=1, keepdims=True) / others
    weight = np.clip((mean - _STILL) / (_MOVING - _STILL), 0, 1)
    # what is clearly worse stays so: beyond the reach there may be lower bounds, which must never win
    out = np.where(out < MOST_COST, out * weight, out)
    out[missing] = np.inf
    return out


def vote(window_costs: Float64Array, begin: int, end: int, *, smooth: bool = True) -> Choices:
    """Choose the places of some frames.

    Of equally cheap paths the one whose place is cheapest by itself wins, then the one nearest to the centre, then
    the later.

    Args:
        window_costs: (m, k) costs of consecutive ref frames, k odd. All frames within RADIUS of those that are to be
            decided must be there, but for those beyond the ends of ref.
        begin: First row to decide.
        end: One past the last.
        smooth: Whether neighbours have a say; without, the cheapest place wins.
    """
    count = end - begin
    found = Choices(
        places=np.empty(count, np.int64),
        margins=np.empty(count),
        runners_up=np.empty(count, np.int64),
        unrest=np.empty(count),
        lone=np.empty(count, np.bool_),
    )
    rows = np.ascontiguousarray(window_costs)
    radius, rounding = (RADIUS, _ROUNDING) if smooth else (0, 0.0)
    constants = _STEP_PRICE, _JUMP_PRICE, _DIFFERENT, rounding
    _choose(rows, begin, end, radius, constants, found.places, found.margins, found.runners_up, found.lone)
    _unrest(rows, begin, end, found.unrest)
    return found


@njit(nogil=True, cache=True)
def _move(totals: Any, step: Any, jump: Any, out: Any) -> Any:
    """Let each place be reached from the cheapest place of the neighbour, at the price of the change."""
    k = totals.size
    lowest = totals[0]
    for p in range(1, k):
        lowest = min(lowest, totals[p])
    for p in range(k):
        best = min(totals[p], lowest + jump)
        if p > 0:
            best = min(best, totals[p - 1] + step)
        if p + 1 < k:
            best = min(best, totals[p + 1] + step)
        out[p] = best


@njit(nogil=True, cache=True)
def _add_row(row: Any, totals: Any) -> Any:
    """Add the costs of a neighbour. Of places where it has no candidate it can say nothing, good or bad.

    Otherwise the end of clip, where places vanish one after the other, would draw the frames before it along.
    """
    for p in range(row.size):
        if row[p] < np.inf:
            totals[p] += row[p]


@njit(nogil=True, cache=True)
def _paths(rows: Any, n: Any, radius: Any, step: Any, jump: Any, totals: Any, before: Any, after: Any) -> Any:
    """Fill the cost of the best path through each place of frame n; `rows` is (m, k).

    And that of the best path up to each place of the frame before, and from each place of the frame after it on.
    """
    m, k = rows.shape
    ahead, back, moved = np.zeros(k), np.zeros(k), np.zeros(k)
    before[:], after[:] = 0.0, 0.0
    for i in range(max(0, n - radius), n):
        _add_row(rows[i], ahead)
        before[:] = ahead
        _move(ahead, step, jump, moved)
        ahead[:] = moved
    for i in range(min(m - 1, n + radius), n, -1):
        _add_row(rows[i], back)
        after[:] = back
        _move(back, step, jump, moved)
        back[:] = moved
    for p in range(k):
        totals[p] = ahead[p] + back[p] + rows[n, p]


@njit(nogil=True, cache=True)
def _nearest_best(totals: Any, own: Any, rounding: Any) -> Any:
    lowest = np.inf
    for p in range(totals.size):
        lowest = min(lowest, totals[p])
    best, centre = -1, (totals.size - 1) // 2
    for distance in range(centre + 1):
        for p in (centre + distance, centre - distance):
            # the order of the places settles equal costs
            near = totals[p] <= lowest + rounding and totals[p] < np.inf
            if near and (best < 0 or own[p] < own[best] - rounding):
                best = p
    return best


@njit(nogil=True, cache=True)
def _beside(totals: Any, place: Any, step: Any, jump: Any, rounding: Any) -> Any:
    """Return where the best path through `place` is one frame away; of equally cheap ways it stays."""
    best, lowest = place, totals[place]
    for p in range(totals.size):
        price = step if abs(p - place) == 1 else jump
        if p != place and totals[p] + price < lowest - rounding:
            best, lowest = p, totals[p] + price
    return best


@njit(nogil=True, cache=True)
def _choose(
    rows: Any, begin: Any, end: Any, radius: Any, constants: Any, places: Any, margins: Any, runners_up: Any, lone: Any
) -> Any:
    """Decide the rows from begin to end; see `vote`."""
    step, jump, different, rounding = constants
    totals, before, after = np.empty(rows.shape[1]), np.empty(rows.shape[1]), np.empty(rows.shape[1])
    for n in range(begin, end):
        own = rows[n]
        _paths(rows, n, radius, step, jump, totals, before, after)
        best = _nearest_best(totals, own, rounding)
        margin, runner_up = np.inf, -1
        if best < 0:
            margin = 0.0
        for p in range(own.size):
            if best >= 0 and own[p] < np.inf and own[p] > own[best] + different:
                margin = min(margin, max(0.0, totals[p] - totals[best]))
                if runner_up < 0 or own[p] < own[runner_up]:
                    runner_up = p
        places[n - begin], margins[n - begin], runners_up[n - begin] = best, margin, runner_up
        lone[n - begin] = False
        if best >= 0:
            beside = _beside(before, best, step, jump, rounding)
            returns = beside == _beside(after, best, step, jump, rounding)
            lone[n - begin] = returns and own[best] + different < own[beside] < np.inf


@njit(nogil=True, cache=True)
def _cheapest(row: Any) -> Any:
    """The cheapest place nearest to the centre, -1 where most places are equally good or there are none."""
    best, centre, there, worse = -1, (row.size - 1) // 2, 0, 0
    for distance in range(centre + 1):
        for p in (centre + distance, centre - distance):
            if row[p] < np.inf and (best < 0 or row[p] < row[best]):
                best = p
    for p in range(row.size):
        if row[p] < np.inf:
            there += 1
            if row[p] > row[best] + 1:
                worse += 1
    return best if 2 * worse >= there > 0 else -1


@njit(nogil=True, cache=True)
def _unrest(rows: Any, begin: Any, end: Any, out: Any) -> Any:
    """Fill the unrest of the rows from begin to end; see `Choices`."""
    m = rows.shape[0]
    low, high = max(0, begin - _NEAR), min(m, end + _NEAR)
    places = np.empty(high - low, np.int64)
    for i in range(low, high):
        places[i - low] = _cheapest(rows[i])
    for n in range(begin, end):
        total, count, before = 0.0, 0, -1
        for i in range(max(0, n - _NEAR), min(m, n + _NEAR + 1)):
            place = places[i - low]
            if place >= 0:
                if before >= 0:
                    total += min(_WILD, abs(place - before))
                    count += 1
                before = place
        out[n - begin] = total / count if count > 0 else 0.0
