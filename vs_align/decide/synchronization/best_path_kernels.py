"""Kernels of the best path. Candidates of all ref frames stand in a row; `places` says where those of each begin."""

from typing import Any

import numpy as np
from numba import njit

from vs_align.decide.synchronization.similarity_kernels import FLAT_ALIKE

STEPS = 8
"""Clip frames by which a path may advance at most without a jump, and one more."""

# To go on elsewhere, and the same at a cut; to stop and to begin having counterparts amid ref; and at its ends.
_JUMP, _JUMP_AT_CUT, _LEAVE, _ENTER, _AT_END = 16.0, 11.0, 8.0, 8.0, 2.0
# What a single frame can say at most, so that a damaged one does not turn the path; and what it costs to have none.
_MOST, _UNMATCHED = 12.0, 9.0
# How many pixels' worth of independent evidence a small picture holds.
_EVIDENCE = 35.0
# So much more than usual the pictures of a pair differ that have nothing in common.
_UNLIKE = 0.5
# What a pair that differs as much as usual says against itself, compared with one that does not differ.
_BETTER = 0.5
LEAST_FLOOR = 0.004
"""Least difference that good pairs are said to have."""
# So much a frame that holds must say against itself, compared with the best of those that show the same clip frame.
_LACKING = 2.5
# A candidate that says no more against itself than this is hardly worse, and so far beside one looks for it.
_HARDLY, _BESIDE = 2.5, 2
# Mean difference up to which pictures have something in common where the same offset holds on either side.
_IN_COMMON = 0.65
# Difference beyond the usual up to which a line goes on, and how near to 1 its rate must be.
_ALIKE, _NEAR_ONE = 0.05, 0.1
# A clip of so few frames per ref frame is one of a lower frame rate.
_LOWER_RATE = 0.9


@njit(nogil=True, cache=True, inline="always")
def _surprise(difference: Any, best: Any, floor: Any) -> Any:
    """What a pair says against itself.

    Candidates of a frame are compared with the best of them, sharply; the best one with what is usual thereabouts,
    mildly, because a damaged frame or a logo that comes and goes still shows its moment.
    """
    if difference == FLAT_ALIKE:
        return np.float32(0)
    apart = np.float32(_EVIDENCE) * (difference - best) / (np.float32(2) * max(best, floor))
    strange = np.float32(_MOST) * max(best - floor, np.float32(0)) / np.float32(_UNLIKE)
    # of pairs that are all as good as usual the better ones are still a little likelier
    strange += np.float32(_BETTER) * min(best / floor, np.float32(1))
    return min(np.float32(_MOST), strange + apart / (np.float32(1) + apart / np.float32(_MOST)))


@njit(nogil=True, cache=True, inline="always")
def _best_of(differences: Any, first: Any, stop: Any) -> Any:
    """The least difference of some candidates that can be seen, infinity where there is none."""
    least = np.float32(np.inf)
    for i in range(first, stop):
        if differences[i] != FLAT_ALIKE:
            least = min(least, differences[i])
    return least


@njit(nogil=True, cache=True)
def least(differences: Any, places: Any, out: Any) -> None:
    """Fill the least difference of each ref frame, not a number where there is none."""
    for n in range(out.size):
        value = _best_of(differences, places[n], places[n + 1])
        out[n] = value if value < np.inf else np.nan


@njit(nogil=True, cache=True, inline="always")
def _number(lows: Any, highs: Any, n: Any, numbers: Any, first: Any) -> None:
    """Fill the clip frames of the candidates of a ref frame."""
    for k in range(lows.shape[1]):
        if lows[n, k] < 0:
            break
        for c in range(lows[n, k], highs[n, k] + 1):
            numbers[first] = c
            first += 1


@njit(nogil=True, cache=True, inline="always")
def _best_stop(tree: Any, tree_places: Any, c: Any) -> Any:
    """The best way to have stopped before clip frame c: prefix minimum (P. Fenwick, Software 24, 1994)."""
    best, place = np.inf, np.int64(-1)
    while c > 0:
        if tree[c] < best:
            best, place = tree[c], np.int64(tree_places[c])
        c -= c & -c
    return best, place


@njit(nogil=True, cache=True, inline="always")
def _note_stop(tree: Any, tree_places: Any, c: Any, value: Any, place: Any) -> None:
    """Note a way to have stopped at clip frame c."""
    k = c + 1
    while k < tree.size:
        if value < tree[k]:
            tree[k], tree_places[k] = value, place
        k += k & -k


@njit(nogil=True, cache=True, inline="always")
def _best_step(numbers: Any, totals: Any, near: Any, stop: Any, c: Any, steps: Any) -> Any:
    """The best way to come from a candidate of the frame before, by some frames or none."""
    best, place = np.inf, np.int64(-1)
    j = near
    while j < stop and numbers[j] <= c:
        value = totals[j] + steps[c - numbers[j]]
        if value < best:
            best, place = value, np.int64(j)
        j += 1
    return best, place


@njit(nogil=True, cache=True, inline="always")
def _least_behind(numbers: Any, totals: Any, behind: Any, stop: Any, c: Any, best: Any, place: Any) -> Any:
    """Go on to the candidates of the frame before that lie before clip frame c, and keep the best of them."""
    while behind < stop and numbers[behind] < c:
        if totals[behind] < best:
            best, place = totals[behind], np.int64(behind)
        behind += 1
    return behind, best, place


@njit(nogil=True, cache=True)
def walk(
    lows: Any, highs: Any, places: Any, differences: Any, floors: Any, steps: Any, at_cut: Any, begins: Any,
    frames: Any, chosen: Any,
) -> None:  # fmt: skip
    """Fill the best path. Between two states, which are candidates, ref frames may have none."""
    count = lows.shape[0]
    before = np.full(places[count], -1, np.int32)
    numbers = np.empty(places[count], np.int32)
    totals = np.empty(places[count], np.float64)
    # with the price of what was left out since taken off, so that it stays true
    stopped, stopped_at = np.full(begins.size + 1, np.inf), np.full(begins.size + 1, -1, np.int32)
    best_end, end = count * _UNMATCHED, np.int64(-1)
    for n in range(count):
        first, stop = places[n], places[n + 1]
        _number(lows, highs, n, numbers, first)
        best = _best_of(differences, first, stop)
        behind = near = places[n - 1] if n else first
        best_behind, behind_place = np.inf, np.int64(-1)
        skipped = n * _UNMATCHED
        for i in range(first, stop):
            c = numbers[i]
            total, place = skipped + (_AT_END if n else 0.0), np.int64(-1)
            behind, best_behind, behind_place = _least_behind(
                numbers, totals, behind, first, c, best_behind, behind_place
            )
            jumped = best_behind + (_JUMP_AT_CUT if at_cut[n] or begins[c] else _JUMP)
            if jumped < total:
                total, place = jumped, behind_place
            entered, entered_from = _best_stop(stopped, stopped_at, c)
            if entered + skipped + _ENTER < total:
                total, place = entered + skipped + _ENTER, entered_from
            while near < first and numbers[near] <= c - STEPS:
                near += 1
            stepped, stepped_from = _best_step(numbers, totals, near, first, c, steps[n])
            if stepped < total:
                total, place = stepped, stepped_from
            totals[i] = total + _surprise(differences[i], best, floors[n])
            before[i] = place
            ended = totals[i] + (_AT_END + (count - 1 - n) * _UNMATCHED if n + 1 < count else 0.0)
            if ended < best_end:
                best_end, end = ended, np.int64(i)
        for i in range(first, stop):
            # whoever leaves here has paid for the frames up to this one
            _note_stop(stopped, stopped_at, numbers[i], totals[i] + _LEAVE - skipped - _UNMATCHED, i)
    _trace(end, before, places, numbers, differences, frames, chosen)


@njit(nogil=True, cache=True)
def _trace(end: Any, before: Any, places: Any, numbers: Any, differences: Any, frames: Any, chosen: Any) -> None:
    """Go back along the best path."""
    n = frames.size - 1
    while end >= 0:
        while places[n] > end:
            n -= 1
        frames[n], chosen[n] = numbers[end], differences[end]
        end = np.int64(before[end])


@njit(nogil=True, cache=True)
def drop_lacking(frames: Any, chosen: Any, floors: Any, rates: Any) -> None:
    """Where several ref frames hold one clip frame, keep those that look like it: clip lacks the others."""
    first = 0
    for n in range(1, frames.size + 1):
        if n < frames.size and frames[n] == frames[first]:
            continue
        # clips of a lower rate hold each frame for a while, and nothing is lacking
        held = rates[first] < _LOWER_RATE and n - first <= np.ceil(1 / max(rates[first], 1e-3)) + 1
        if n - first > 1 and frames[first] >= 0 and not held:
            _drop_run(frames[first:n], chosen[first:n], floors[first:n])
        first = n


@njit(nogil=True, cache=True)
def _drop_run(frames: Any, chosen: Any, floors: Any) -> None:
    best = chosen.min()
    if best == FLAT_ALIKE:
        return
    usual = max(best, np.float32(LEAST_FLOOR))
    for i in range(frames.size):
        excess = np.float32(_EVIDENCE) * (chosen[i] - usual) / (np.float32(2) * max(usual, floors[i]))
        if excess > _LACKING:
            frames[i], chosen[i] = -1, np.nan


@njit(nogil=True, cache=True)
def fill_gaps(numbers: Any, places: Any, differences: Any, frames: Any, chosen: Any) -> None:
    """Go on where the same offset holds before and behind a gap, and the pictures between have something in common.

    In dark and flat scenes noise is most of what is seen.
    """
    last = -1
    for n in range(frames.size):
        if frames[n] < 0:
            continue
        if 0 <= last < n - 1 and frames[n] - frames[last] == n - last:
            _fill(numbers, places, differences, frames, chosen, last + 1, n)
        last = n


@njit(nogil=True, cache=True)
def _fill(
    numbers: Any, places: Any, differences: Any, frames: Any, chosen: Any, begin: Any, end: Any
) -> None:  # fmt: skip
    total, seen = 0.0, 0
    for n in range(begin, end):
        c = frames[begin - 1] + n - begin + 1
        at = places[n] + np.searchsorted(numbers[places[n] : places[n + 1]], c)
        if at >= places[n + 1] or numbers[at] != c:
            return
        if differences[at] != FLAT_ALIKE:
            total += differences[at]
            seen += 1
    if total > _IN_COMMON * seen:
        return
    for n in range(begin, end):
        frames[n] = frames[begin - 1] + n - begin + 1
        at = places[n] + np.searchsorted(numbers[places[n] : places[n + 1]], frames[n])
        chosen[n] = differences[at]


@njit(nogil=True, cache=True)
def go_on(numbers: Any, places: Any, differences: Any, floors: Any, rates: Any, frames: Any, chosen: Any) -> None:
    """Carry lines on, frame for frame, through what neither side has a counterpart for, while the pictures are alike.

    In fades compression makes the frames beside fit better now and then, so that a path prefers to stop there.
    """
    for n in range(1, frames.size):
        if frames[n] < 0 <= frames[n - 1] and abs(rates[n] - 1) < _NEAR_ONE:
            later = n
            while later < frames.size and frames[later] < 0:
                later += 1
            limit = frames[later] if later < frames.size else np.int64(1 << 62)
            if frames[n - 1] + 1 < limit:
                _carry(numbers, places, differences, floors, frames, chosen, n, frames[n - 1] + 1)
    for n in range(frames.size - 2, -1, -1):
        if frames[n] < 0 <= frames[n + 1] and abs(rates[n] - 1) < _NEAR_ONE:
            earlier = n
            while earlier >= 0 and frames[earlier] < 0:
                earlier -= 1
            limit = frames[earlier] if earlier >= 0 else np.int64(-1)
            if frames[n + 1] - 1 > limit:
                _carry(numbers, places, differences, floors, frames, chosen, n, frames[n + 1] - 1)


@njit(nogil=True, cache=True)
def _carry(
    numbers: Any, places: Any, differences: Any, floors: Any, frames: Any, chosen: Any, n: Any, c: Any
) -> None:  # fmt: skip
    """Show clip frame c at ref frame n if both are alike."""
    at = places[n] + np.searchsorted(numbers[places[n] : places[n + 1]], c)
    if at < places[n + 1] and numbers[at] == c and 0 <= differences[at] <= _ALIKE + floors[n]:
        frames[n], chosen[n] = c, differences[at]


@njit(nogil=True, cache=True)
def widen(numbers: Any, places: Any, differences: Any, floors: Any, frames: Any, lows: Any, highs: Any) -> None:
    """Fill the first and last clip frame in a row with the chosen one that are hardly worse."""
    for n in range(frames.size):
        if frames[n] < 0:
            continue
        first, stop = places[n], places[n + 1]
        best = _best_of(differences, first, stop)
        at = first + np.searchsorted(numbers[first:stop], frames[n])
        limit = _surprise(differences[at], best, floors[n]) + np.float32(_HARDLY)
        for step in (-1, 1):
            i = at
            while abs(i + step - at) <= _BESIDE and first <= i + step < stop:
                worse = _surprise(differences[i + step], best, floors[n]) > limit
                if worse or numbers[i + step] != numbers[i] + step:
                    break
                i += step
            if step < 0:
                lows[n] = numbers[i]
            else:
                highs[n] = numbers[i]


@njit(nogil=True, cache=True)
def number_all(lows: Any, highs: Any, places: Any, numbers: Any) -> None:
    """Fill the clip frames of all candidates."""
    for n in range(lows.shape[0]):
        _number(lows, highs, n, numbers, places[n])


@njit(nogil=True, cache=True)
def beside(
    numbers: Any, places: Any, differences: Any, floors: Any, frames: Any, offset: Any, out: Any
) -> None:  # fmt: skip
    """Fill by how much the candidate so many frames beside the chosen one says more against itself."""
    for n in range(frames.size):
        first, stop = places[n], places[n + 1]
        at = first + np.searchsorted(numbers[first:stop], frames[n])
        other = first + np.searchsorted(numbers[first:stop], frames[n] + offset)
        if frames[n] < 0 or other >= stop or numbers[other] != frames[n] + offset:
            continue
        if differences[at] != FLAT_ALIKE and differences[other] != FLAT_ALIKE:
            best = _best_of(differences, first, stop)
            out[n] = _surprise(differences[other], best, floors[n]) - _surprise(differences[at], best, floors[n])
