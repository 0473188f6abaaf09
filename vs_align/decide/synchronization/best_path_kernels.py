"""Numba kernels of the best path.

Candidates of all ref frames stand in one row; those of ref frame n are offsets[n]..offsets[n+1]-1 (`indptr` of CSR).
`numbers` holds their clip frames, `differences` their dissimilarities. Costs are negative log-likelihoods.
"""

from typing import Any

import numpy as np
from numba import njit

from vs_align.decide.synchronization.similarity_kernels import FLAT_ALIKE

STEPS = 8
"""Number of step sizes without a jump: a path may advance by 0 to STEPS - 1 clip frames."""

_JUMP = 16.0
"""Cost of continuing elsewhere in clip."""
_JUMP_AT_CUT = 11.0
"""Cost of a jump at a cut of either video."""
_LEAVE = 8.0
"""Cost of a run of ref frames without a counterpart: its beginning."""
_ENTER = 8.0
"""Cost of the end of such a run."""
_AT_END = 2.0
"""Cost of such a run at the beginning or at the end of ref."""
_MOST = 12.0
"""Cost of a frame at most, so that a single damaged frame does not divert the path."""
_UNMATCHED = 9.0
"""Cost of a ref frame without a counterpart."""
_EVIDENCE = 35.0
"""Independent pixels that a thumbnail is worth: scales dissimilarities to log-likelihoods."""
_UNRELATED = 0.5
"""Excess of the dissimilarity over the usual one at which a pair has nothing in common."""
_USUAL_COST = 0.5
"""Cost of a pair with the usual dissimilarity, compared with one of dissimilarity 0."""
LEAST_FLOOR = 0.004
"""Lower limit of the usual dissimilarity of correct pairs."""
_POOR_HOLD = 2.5
"""Minimum NLL penalty at which a ref frame that holds a clip frame is dropped, relative to the best that holds it."""
_PLATEAU = 2.5
"""NLL increase up to which a neighbor of the match belongs to its plateau."""
_PLATEAU_REACH = 2
"""Search radius of the plateau in frames."""
_GAP_DISSIMILARITY = 0.65
"""Mean dissimilarity up to which a gap between two runs of equal offset is filled."""
_EXTEND_EXCESS = 0.05
"""Excess of the dissimilarity over the usual one up to which a run is extended."""
_NEAR_ONE = 0.1
"""Distance of the rate from 1 within which runs are extended."""
LOWER_RATE = 0.9
"""Clip frames per ref frame below which clip has a lower frame rate, and holding its frames is normal."""


@njit(nogil=True, cache=True, inline="always")
def _negative_log_likelihood(difference: Any, best: Any, floor: Any) -> Any:
    """Negative log-likelihood of a pair.

    Candidates of a frame are compared with the best of them, sharply; the best one is compared with the usual
    dissimilarity, mildly, because a damaged frame, or a logo that comes and goes, still shows its moment.
    """
    if difference == FLAT_ALIKE:
        return np.float32(0)
    apart = np.float32(_EVIDENCE) * (difference - best) / (np.float32(2) * max(best, floor))
    strange = np.float32(_MOST) * max(best - floor, np.float32(0)) / np.float32(_UNRELATED)
    # among pairs that are all as good as usual, better ones are slightly likelier
    strange += np.float32(_USUAL_COST) * min(best / floor, np.float32(1))
    return min(np.float32(_MOST), strange + apart / (np.float32(1) + apart / np.float32(_MOST)))


@njit(nogil=True, cache=True, inline="always")
def _best_of(differences: Any, first: Any, stop: Any) -> Any:
    """The least dissimilarity of some candidates that are not flat, infinity for none."""
    least = np.float32(np.inf)
    for i in range(first, stop):
        if differences[i] != FLAT_ALIKE:
            least = min(least, differences[i])
    return least


@njit(nogil=True, cache=True)
def row_minima(differences: Any, offsets: Any, out: Any) -> None:
    """Fill the least dissimilarity of each ref frame, NaN for none."""
    for n in range(out.size):
        value = _best_of(differences, offsets[n], offsets[n + 1])
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
    """Update the prefix minima with a way to have stopped at clip frame c."""
    k = c + 1
    while k < tree.size:
        if value < tree[k]:
            tree[k], tree_places[k] = value, place
        k += k & -k


@njit(nogil=True, cache=True, inline="always")
def _best_step(numbers: Any, totals: Any, near: Any, stop: Any, c: Any, steps: Any) -> Any:
    """The best candidate of the previous ref frame from which c is reached by a step of 0 to STEPS - 1 frames."""
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
    """Advance over the candidates of the previous ref frame that lie before clip frame c, keeping the best of them."""
    while behind < stop and numbers[behind] < c:
        if totals[behind] < best:
            best, place = totals[behind], np.int64(behind)
        behind += 1
    return behind, best, place


@njit(nogil=True, cache=True)
def shortest_path(
    lows: Any, highs: Any, offsets: Any, differences: Any, floors: Any, steps: Any, at_cut: Any, begins: Any,
    frames: Any, chosen: Any,
) -> None:  # fmt: skip
    """Forward pass and traceback of the best path. Between two states, which are candidates, ref frames may have none.

    Args:
        lows: (n, k) first clip frame of each candidate range, see `CandidateRanges`.
        highs: (n, k) last clip frame.
        offsets: (n + 1,) row offsets.
        differences: (candidates,) float32.
        floors: (n,) float32 usual dissimilarity of correct pairs.
        steps: (n, STEPS) float32 cost of advancing by each step size.
        at_cut: (n,) whether a scene of ref begins.
        begins: (clip frames,) whether a scene of clip begins.
        frames: (n,) int64, -1 on entry; filled with clip frames.
        chosen: (n,) float32, NaN on entry; filled with dissimilarities.
    """
    count = lows.shape[0]
    before = np.full(offsets[count], -1, np.int32)
    numbers = np.empty(offsets[count], np.int32)
    totals = np.empty(offsets[count], np.float64)
    # totals at a stop have the cost of unmatched frames up to it subtracted, so that they stay comparable later
    stopped, stopped_at = np.full(begins.size + 1, np.inf), np.full(begins.size + 1, -1, np.int32)
    best_end, end = count * _UNMATCHED, np.int64(-1)
    for n in range(count):
        first, stop = offsets[n], offsets[n + 1]
        _number(lows, highs, n, numbers, first)
        best = _best_of(differences, first, stop)
        behind = near = offsets[n - 1] if n else first
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
            totals[i] = total + _negative_log_likelihood(differences[i], best, floors[n])
            before[i] = place
            ended = totals[i] + (_AT_END + (count - 1 - n) * _UNMATCHED if n + 1 < count else 0.0)
            if ended < best_end:
                best_end, end = ended, np.int64(i)
        for i in range(first, stop):
            # a stop here has paid for the ref frames up to this one
            _note_stop(stopped, stopped_at, numbers[i], totals[i] + _LEAVE - skipped - _UNMATCHED, i)
    _trace(end, before, offsets, numbers, differences, frames, chosen)


@njit(nogil=True, cache=True)
def _trace(end: Any, before: Any, offsets: Any, numbers: Any, differences: Any, frames: Any, chosen: Any) -> None:
    """Trace the best path back from its end."""
    n = frames.size - 1
    while end >= 0:
        while offsets[n] > end:
            n -= 1
        frames[n], chosen[n] = numbers[end], differences[end]
        end = np.int64(before[end])


@njit(nogil=True, cache=True)
def drop_poor_holds(frames: Any, chosen: Any, floors: Any, rates: Any) -> None:
    """Of several ref frames that hold one clip frame keep those that look like it: clip lacks the others."""
    first = 0
    for n in range(1, frames.size + 1):
        if n < frames.size and frames[n] == frames[first]:
            continue
        # a clip of a lower rate holds each frame for a while, and lacks nothing
        held = rates[first] < LOWER_RATE and n - first <= np.ceil(1 / max(rates[first], 1e-3)) + 1
        if n - first > 1 and frames[first] >= 0 and not held:
            _drop_from_hold(frames[first:n], chosen[first:n], floors[first:n])
        first = n


@njit(nogil=True, cache=True)
def _drop_from_hold(frames: Any, chosen: Any, floors: Any) -> None:
    best = chosen.min()
    if best == FLAT_ALIKE:
        return
    usual = max(best, np.float32(LEAST_FLOOR))
    for i in range(frames.size):
        excess = np.float32(_EVIDENCE) * (chosen[i] - usual) / (np.float32(2) * max(usual, floors[i]))
        if excess > _POOR_HOLD:
            frames[i], chosen[i] = -1, np.nan


@njit(nogil=True, cache=True)
def fill_gaps(numbers: Any, offsets: Any, differences: Any, frames: Any, chosen: Any) -> None:
    """Fill gaps with the same offset on either side if the images in between are similar on average.

    In dark and flat scenes noise dominates, and single pairs look unrelated.
    """
    last = -1
    for n in range(frames.size):
        if frames[n] < 0:
            continue
        if 0 <= last < n - 1 and frames[n] - frames[last] == n - last:
            _fill(numbers, offsets, differences, frames, chosen, last + 1, n)
        last = n


@njit(nogil=True, cache=True)
def _fill(
    numbers: Any, offsets: Any, differences: Any, frames: Any, chosen: Any, begin: Any, end: Any
) -> None:  # fmt: skip
    total, seen = 0.0, 0
    for n in range(begin, end):
        c = frames[begin - 1] + n - begin + 1
        at = offsets[n] + np.searchsorted(numbers[offsets[n] : offsets[n + 1]], c)
        if at >= offsets[n + 1] or numbers[at] != c:
            return
        if differences[at] != FLAT_ALIKE:
            total += differences[at]
            seen += 1
    if total > _GAP_DISSIMILARITY * seen:
        return
    for n in range(begin, end):
        frames[n] = frames[begin - 1] + n - begin + 1
        at = offsets[n] + np.searchsorted(numbers[offsets[n] : offsets[n + 1]], frames[n])
        chosen[n] = differences[at]


@njit(nogil=True, cache=True)
def extend_runs(
    numbers: Any, offsets: Any, differences: Any, floors: Any, rates: Any, frames: Any, chosen: Any
) -> None:
    """Extend runs into gaps, frame by frame, forwards and then backwards, while the images match.

    In fades, compression noise makes a neighboring frame fit better now and then, so that a path prefers to stop there.
    """
    for n in range(1, frames.size):
        if frames[n] < 0 <= frames[n - 1] and abs(rates[n] - 1) < _NEAR_ONE:
            later = n
            while later < frames.size and frames[later] < 0:
                later += 1
            limit = frames[later] if later < frames.size else np.int64(1 << 62)
            if frames[n - 1] + 1 < limit:
                _extend(numbers, offsets, differences, floors, frames, chosen, n, frames[n - 1] + 1)
    for n in range(frames.size - 2, -1, -1):
        if frames[n] < 0 <= frames[n + 1] and abs(rates[n] - 1) < _NEAR_ONE:
            earlier = n
            while earlier >= 0 and frames[earlier] < 0:
                earlier -= 1
            limit = frames[earlier] if earlier >= 0 else np.int64(-1)
            if frames[n + 1] - 1 > limit:
                _extend(numbers, offsets, differences, floors, frames, chosen, n, frames[n + 1] - 1)


@njit(nogil=True, cache=True)
def _extend(
    numbers: Any, offsets: Any, differences: Any, floors: Any, frames: Any, chosen: Any, n: Any, c: Any
) -> None:  # fmt: skip
    """Match ref frame n with clip frame c if the two are similar."""
    at = offsets[n] + np.searchsorted(numbers[offsets[n] : offsets[n + 1]], c)
    if at < offsets[n + 1] and numbers[at] == c and 0 <= differences[at] <= _EXTEND_EXCESS + floors[n]:
        frames[n], chosen[n] = c, differences[at]


@njit(nogil=True, cache=True)
def plateaus(numbers: Any, offsets: Any, differences: Any, floors: Any, frames: Any, lows: Any, highs: Any) -> None:
    """Fill the first and last clip frame, contiguous with the match, whose cost is hardly higher."""
    for n in range(frames.size):
        if frames[n] < 0:
            continue
        first, stop = offsets[n], offsets[n + 1]
        best = _best_of(differences, first, stop)
        at = first + np.searchsorted(numbers[first:stop], frames[n])
        limit = _negative_log_likelihood(differences[at], best, floors[n]) + np.float32(_PLATEAU)
        for step in (-1, 1):
            i = at
            while abs(i + step - at) <= _PLATEAU_REACH and first <= i + step < stop:
                worse = _negative_log_likelihood(differences[i + step], best, floors[n]) > limit
                if worse or numbers[i + step] != numbers[i] + step:
                    break
                i += step
            if step < 0:
                lows[n] = numbers[i]
            else:
                highs[n] = numbers[i]


@njit(nogil=True, cache=True)
def candidate_frames(lows: Any, highs: Any, offsets: Any, numbers: Any) -> None:
    """Fill the clip frames of all candidates."""
    for n in range(lows.shape[0]):
        _number(lows, highs, n, numbers, offsets[n])


@njit(nogil=True, cache=True)
def neighbor_costs(
    numbers: Any, offsets: Any, differences: Any, floors: Any, frames: Any, offset: Any, out: Any
) -> None:  # fmt: skip
    """Fill the NLL of the candidate `offset` frames beside the match, minus that of the match."""
    for n in range(frames.size):
        first, stop = offsets[n], offsets[n + 1]
        at = first + np.searchsorted(numbers[first:stop], frames[n])
        other = first + np.searchsorted(numbers[first:stop], frames[n] + offset)
        if frames[n] < 0 or other >= stop or numbers[other] != frames[n] + offset:
            continue
        if differences[at] != FLAT_ALIKE and differences[other] != FLAT_ALIKE:
            best = _best_of(differences, first, stop)
            own = _negative_log_likelihood(differences[at], best, floors[n])
            out[n] = _negative_log_likelihood(differences[other], best, floors[n]) - own
