"""`best_path`: the globally best monotone map from ref frames to clip frames.

Dynamic programming over the bands (R. Bellman, 1957), with what is true of two versions of a film built in: the clip
frame advances with the line, now and then one is dropped or repeated, seldom the film goes on elsewhere, and some ref
frames have no counterpart at all. All costs are negative logarithms of probabilities. Plain time warping, which must
find a partner for every frame and has no price for jumps, does worst where parts are missing (VCSL benchmark, He et al.,
CVPR 2022).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from vs_align.timing.bands import Bands
from vs_align.timing.likeness import FLAT_ALIKE

# How surely a frame drops out or repeats where the line does not ask for it.
_IRREGULAR, _STANDING = 0.02, 0.01
_STEPS = 8
# To go on elsewhere, and the same at a cut; to stop and to begin having counterparts.
_JUMP, _JUMP_AT_CUT, _LEAVE, _ENTER = 16.0, 11.0, 8.0, 8.0
# What a single frame can say at most, so that a damaged one does not turn the path; and what it costs to have none.
_MOST, _UNMATCHED = 12.0, 9.0
# How many pixels' worth of independent evidence a small picture holds.
_EVIDENCE = 100.0
# Bounds of the difference that good pairs have.
_LEAST_FLOOR, _MOST_FLOOR = 0.004, 0.4
_AROUND = 24
# So much more than usual the pictures of a pair differ that have nothing in common.
_UNLIKE = 0.5
# So much a frame that holds must say against itself, compared with the best of those that show the same clip frame.
_LACKING = 4.0
# A candidate that says no more against itself than this is hardly worse, and so far beside one looks for it.
_HARDLY, _BESIDE = 2.5, 2
# A clip of so few frames per ref frame is one of a lower frame rate.
_LOWER_RATE = 0.9

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The clip frame of each ref frame.

    Args:
        frames: (n,) clip frames, -1 where there is none.
        differences: (n,) how unlike the two are, see `vs_align.timing.likeness`; NaN where there is none.
        floors: (n,) the difference that good pairs have thereabouts.
    """

    frames: npt.NDArray[np.int64]
    differences: Rows
    floors: Rows


def best_path(
    bands: Bands,
    differences: Rows,
    rates: npt.NDArray[np.float64],
    ref_cuts: npt.NDArray[np.int64],
    clip_cuts: npt.NDArray[np.int64],
) -> Path:
    """Find the best path.

    Args:
        bands: The candidates.
        differences: Of all candidates in a row, see `vs_align.timing.likeness.differences`.
        rates: (n,) clip frames by which the path is expected to advance to each ref frame.
        ref_cuts: First frames of scenes of ref: there the film goes on elsewhere more easily.
        clip_cuts: Likewise of clip.
    """
    floors = _floors(bands, differences)
    at_cut = np.zeros(len(bands), np.bool_)
    at_cut[ref_cuts] = True
    clip_length = int(bands.highs.max()) + 2
    begins = np.zeros(max(clip_length, 1), np.bool_)
    begins[clip_cuts[clip_cuts < clip_length]] = True
    steps = _step_costs(rates)
    frames = np.full(len(bands), -1, np.int64)
    chosen = np.full(len(bands), np.nan, np.float32)
    _walk(bands.lows, bands.highs, bands.places, differences, floors, steps, at_cut, begins, frames, chosen)
    _drop_lacking(frames, chosen, floors, rates)
    return Path(frames, chosen, floors)


@njit(nogil=True, cache=True)
def _drop_lacking(frames: Any, chosen: Any, floors: Any, rates: Any) -> None:
    """Where several ref frames hold one clip frame, keep those that look like it: clip lacks the others."""
    first = 0
    for n in range(1, frames.size + 1):
        if n < frames.size and frames[n] == frames[first]:
            continue
        if n - first > 1 and frames[first] >= 0:
            best = np.float32(np.inf)
            for i in range(first, n):
                best = min(best, chosen[i])
            for i in range(first, n):
                usual = max(best, np.float32(_LEAST_FLOOR))
                excess = np.float32(_EVIDENCE) * (chosen[i] - usual) / (np.float32(2) * max(usual, floors[i]))
                # clips of a lower rate hold each frame for a while, and nothing is lacking
                expected = rates[i] < _LOWER_RATE and n - first <= np.ceil(1 / max(rates[i], 1e-3))
                if excess > _LACKING and best != FLAT_ALIKE and not expected:
                    frames[i], chosen[i] = -1, np.nan
        first = n


def _floors(bands: Bands, differences: Rows) -> Rows:
    """The difference that good pairs have near each ref frame."""
    best = np.full(len(bands), np.nan, np.float32)
    _least(differences, bands.places, best)
    known = np.isfinite(best)
    if not known.any():
        return np.full(len(bands), _MOST_FLOOR, np.float32)
    filled = np.interp(np.arange(len(best)), np.flatnonzero(known), best[known])
    reach = min(_AROUND, (len(best) - 1) // 2)
    padded = np.pad(filled, reach, mode="edge")
    out = np.empty(len(best), np.float32)
    for first in range(0, len(best), 4096):
        part = padded[first : first + 4096 + 2 * reach]
        out[first : first + 4096] = np.median(np.lib.stride_tricks.sliding_window_view(part, 2 * reach + 1), axis=1)
    # where nothing fits the best candidate is no measure of what fits
    usual = float(np.percentile(out, 25))
    return np.clip(out, _LEAST_FLOOR, min(_MOST_FLOOR, 3 * max(usual, _LEAST_FLOOR) + 0.1))


@njit(nogil=True, cache=True)
def _least(differences: Any, places: Any, best: Any) -> None:
    for n in range(best.size):
        for i in range(places[n], places[n + 1]):
            value = differences[i]
            if value != FLAT_ALIKE and not value >= best[n]:
                best[n] = value


def _step_costs(rates: npt.NDArray[np.float64]) -> Rows:
    """(n, steps) what it costs to advance by so many clip frames."""
    sizes = np.arange(_STEPS)
    near = np.clip(1 - np.abs(sizes[None, :] - rates[:, None]), 0, 1)
    far = 0.5 ** np.maximum(np.abs(sizes[None, :] - rates[:, None]), 1) / 2
    # to stand still must not be cheaper than to say that there is no counterpart
    far[:, 0] = _STANDING
    out: Rows = -np.log((1 - _IRREGULAR) * near + _IRREGULAR * far).astype(np.float32)
    return out


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
    return min(np.float32(_MOST), strange + apart / (np.float32(1) + apart / np.float32(_MOST)))


@njit(nogil=True, cache=True)
def _walk(
    lows: Any, highs: Any, places: Any, differences: Any, floors: Any, steps: Any, at_cut: Any, begins: Any,
    frames: Any, chosen: Any,
) -> None:  # fmt: skip
    """Fill the best path. A state is a candidate, numbered as in `places`; between two states frames may have none."""
    count = lows.shape[0]
    before = np.full(places[count], -1, np.int32)
    numbers = np.empty(places[count], np.int32)  # the clip frame of each candidate
    last, now = np.empty(0), np.empty(0)
    # the best way to have stopped at a clip frame or an earlier one, with the price of what was left out since taken
    # off: prefix minima (P. Fenwick, Software: Practice and Experience 24, 1994)
    stopped = np.full(begins.size + 1, np.inf)
    stopped_at = np.full(begins.size + 1, -1, np.int32)
    best_end, end = count * _UNMATCHED, np.int64(-1)
    for n in range(count):
        first, size = places[n], 0
        for k in range(lows.shape[1]):
            if lows[n, k] < 0:
                break
            for c in range(lows[n, k], highs[n, k] + 1):
                numbers[first + size] = c
                size += 1
        least = np.float32(np.inf)
        for i in range(first, first + size):
            if differences[i] != FLAT_ALIKE:
                least = min(least, differences[i])
        now = np.empty(size)
        earlier = places[n - 1] if n else first
        behind, near = earlier, earlier
        best_behind, behind_place = np.inf, np.int64(-1)
        for i in range(size):
            c = numbers[first + i]
            # from nothing, where the films begin or ref begins earlier
            best, place = (n * _UNMATCHED + _ENTER) if n else 0.0, np.int64(-1)
            # elsewhere, at once
            while behind < first and numbers[behind] < c:
                if last[behind - earlier] < best_behind:
                    best_behind, behind_place = last[behind - earlier], behind
                behind += 1
            jump = _JUMP_AT_CUT if at_cut[n] or begins[c] else _JUMP
            if best_behind + jump < best:
                best, place = best_behind + jump, behind_place
            # elsewhere, after some ref frames without a counterpart
            k = c
            while k > 0:
                if stopped[k] + n * _UNMATCHED + _ENTER < best:
                    best, place = stopped[k] + n * _UNMATCHED + _ENTER, np.int64(stopped_at[k])
                k -= k & -k
            # on, by some frames or none
            while near < first and numbers[near] <= c - steps.shape[1]:
                near += 1
            j = near
            while j < first and numbers[j] <= c:
                value = last[j - earlier] + steps[n, c - numbers[j]]
                if value < best:
                    best, place = value, j
                j += 1
            now[i] = best + _surprise(differences[first + i], least, floors[n])
            before[first + i] = place
            if now[i] + (_LEAVE + (count - 1 - n) * _UNMATCHED if n + 1 < count else 0.0) < best_end:
                best_end = now[i] + (_LEAVE + (count - 1 - n) * _UNMATCHED if n + 1 < count else 0.0)
                end = first + i
        for i in range(size):
            # whoever leaves here has paid for the frames up to this one
            value = now[i] + _LEAVE - (n + 1) * _UNMATCHED
            k = numbers[first + i] + 1
            while k <= begins.size:
                if value < stopped[k]:
                    stopped[k], stopped_at[k] = value, first + i
                k += k & -k
        last = now
    n = count - 1
    while end >= 0:
        while places[n] > end:
            n -= 1
        frames[n], chosen[n] = numbers[end], differences[end]
        end = np.int64(before[end])


def equals(bands: Bands, differences: Rows, path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each ref frame the first and last clip frame beside the chosen one that are hardly worse, in a row with it."""
    lows, highs = path.frames.copy(), path.frames.copy()
    _widen(bands.lows, bands.highs, bands.places, differences, path.floors, lows, highs)
    return lows, highs


@njit(nogil=True, cache=True)
def _widen(lows: Any, highs: Any, places: Any, differences: Any, floors: Any, first: Any, last: Any) -> None:
    for n in range(first.size):
        if first[n] < 0:
            continue
        place = places[n]
        for k in range(lows.shape[1]):
            if lows[n, k] < 0:
                break
            width = highs[n, k] - lows[n, k] + 1
            at = first[n] - lows[n, k]
            if 0 <= at < width:
                least = np.float32(np.inf)
                for i in range(places[n], places[n + 1]):
                    if differences[i] != FLAT_ALIKE:
                        least = min(least, differences[i])
                limit = _surprise(differences[place + at], least, floors[n]) + np.float32(_HARDLY)
                for step in (-1, 1):
                    i = at
                    while abs(i + step - at) <= _BESIDE and 0 <= i + step < width:
                        if _surprise(differences[place + i + step], least, floors[n]) > limit:
                            break
                        i += step
                    if step < 0:
                        first[n] = lows[n, k] + i
                    else:
                        last[n] = lows[n, k] + i
                break
            place += width


def evidence(bands: Bands, differences: Rows, path: Path, beside: int) -> Rows:
    """For each ref frame, by how much the candidate so many frames beside the chosen one is the worse.

    Returns:
        (n,) negative logarithms of probabilities, less than 0 where the other one is the better; 0 where there is none.
    """
    out = np.zeros(len(bands), np.float32)
    _beside(bands.lows, bands.highs, bands.places, differences, path.floors, path.frames, beside, out)
    return out


@njit(nogil=True, cache=True)
def _beside(
    lows: Any, highs: Any, places: Any, differences: Any, floors: Any, frames: Any, beside: Any, out: Any
) -> None:
    for n in range(frames.size):
        place = places[n]
        if frames[n] < 0:
            continue
        mine, other, least = np.float32(-1), np.float32(-1), np.float32(np.inf)
        for k in range(lows.shape[1]):
            if lows[n, k] < 0:
                break
            for c in range(lows[n, k], highs[n, k] + 1):
                value = differences[place]
                if value != FLAT_ALIKE:
                    least = min(least, value)
                    if c == frames[n]:
                        mine = value
                    if c == frames[n] + beside:
                        other = value
                place += 1
        if mine >= 0 and other >= 0:
            out[n] = _surprise(other, least, floors[n]) - _surprise(mine, least, floors[n])
