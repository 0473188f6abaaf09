"""`Bands`: for each ref frame the ranges of clip frames among which its counterpart is looked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit

from vs_align.decide.synchronization.chaining import Stretch
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

# How far the chain may be off, seconds; and by which share of the distance more where nothing answered.
_SLACK, _GROWTH, _MOST_GROWTH = 0.4, 0.01, 1.5
# Answers over which the offset is smoothed, and those that tell the speed at an end.
_SMOOTHED, _AT_END = 7, 60
# Seconds by which answers may lie beside the line of a stretch before it counts as two; and how few answers are one.
_STRAIGHT, _LEAST_ANSWERS = 0.3, 3
# Seconds that a stretch reaches into its neighbours.
_OVERLAP = 4.0
# Films that have fewer pairs of frames are compared with all of each other.
_FEW_PAIRS = 1_000_000


@dataclass(frozen=True, eq=False)
class Bands:
    """Ranges of clip frames for each ref frame.

    Args:
        lows: (n, k) first clip frame of each range, rising and without overlaps within a row; -1 where there are fewer.
        highs: (n, k) last clip frame, inclusive.
    """

    lows: Int64Array
    highs: Int64Array

    def __len__(self) -> int:
        """Number of ref frames."""
        return len(self.lows)

    @cached_property
    def places(self) -> Int64Array:
        """(n + 1,) where the candidates of each ref frame begin when those of all are put in a row."""
        sizes = np.where(self.lows >= 0, self.highs - self.lows + 1, 0).sum(axis=1)
        return np.concatenate([[0], np.cumsum(sizes)])

    def wanted(self, first: int, stop: int) -> Int64Array:
        """Numbers of the clip frames that ref frames first..stop-1 are compared with, rising."""
        lows, highs = self.lows[first:stop], self.highs[first:stop]
        known = lows >= 0
        if not known.any():
            return np.empty(0, np.int64)
        start, end = int(lows[known].min()), int(highs[known].max())
        steps = np.zeros(end - start + 2, np.int64)
        np.add.at(steps, lows[known] - start, 1)
        np.add.at(steps, highs[known] + 1 - start, -1)
        return start + np.flatnonzero(np.cumsum(steps)[:-1] > 0)


def whole_bands(clip: int, ref: int) -> Bands:
    """Every one of so many clip frames for every ref frame."""
    return Bands(np.zeros((ref, 1), np.int64), np.full((ref, 1), clip - 1, np.int64))


def near_bands(clip: Fingerprints, ref: Fingerprints, reach: float) -> Bands:
    """For every ref frame the clip frames whose times differ by so many seconds at most."""
    low = np.searchsorted(clip.times, ref.times - reach)
    high = np.searchsorted(clip.times, ref.times + reach, side="right") - 1
    there = low <= high
    return Bands(np.where(there, low, -1)[:, None], np.where(there, high, -1)[:, None])


def are_short(clip: Fingerprints, ref: Fingerprints) -> bool:
    """Whether two films are so short that all frames can be compared with each other."""
    return len(clip) * len(ref) <= _FEW_PAIRS


def straight(stretch: Stretch) -> list[Stretch]:
    """Split a stretch where its offset jumps, or its speed changes."""
    count = len(stretch.ref)
    if count < 2 * _LEAST_ANSWERS:
        return [stretch]
    ref, offset = stretch.ref - stretch.ref[0], stretch.clip - stretch.ref
    whole = _squares(ref, offset)
    slope, begin = np.polyfit(ref, offset, 1)
    if np.abs(_smoothed(offset) - (begin + slope * ref)).max() <= _STRAIGHT:
        return [stretch]
    cuts = range(_LEAST_ANSWERS, count - _LEAST_ANSWERS + 1)
    left = whole[0][[i - 1 for i in cuts]]
    right = whole[1][list(cuts)]
    cut = cuts[int(np.argmin(left + right))]
    parts = []
    for part in (slice(0, cut), slice(cut, count)):
        weight = stretch.weight * len(range(count)[part]) / count
        parts += straight(Stretch(stretch.ref[part], stretch.clip[part], weight))
    return parts


def _squares(x: Float64Array, y: Float64Array) -> tuple[Any, Any]:
    """What straight lines leave of the first 1, 2, ... points, and of those from each on: sums of squares."""

    def left(x: Any, y: Any) -> Any:
        n = np.arange(1, len(x) + 1)
        sx, sy, sxx, sxy, syy = (np.cumsum(v) for v in (x, y, x * x, x * y, y * y))
        vx, vy, cxy = sxx - sx * sx / n, syy - sy * sy / n, sxy - sx * sy / n
        return np.maximum(vy - cxy * cxy / np.maximum(vx, 1e-9), 0)

    return left(x, y), left(x[-1] - x[::-1], y[::-1])[::-1]


def bands_of(stretches: Sequence[Stretch], clip: Fingerprints, ref: Fingerprints) -> Bands:
    """Ranges about the stretches that two films seem to have in common, and beyond them as far as they may reach.

    Args:
        stretches: In rising order, at least one.
        clip: The film with the candidates.
        ref: The other one.
    """
    columns: list[tuple[int, Int64Array, Int64Array]] = []
    lines = [line for stretch in stretches for line in straight(stretch)]
    for i, stretch in enumerate(lines):
        begin = 0.0 if i == 0 else min(float(lines[i - 1].ref[-1]), float(stretch.ref[0])) - _OVERLAP
        after = ref.duration if i + 1 == len(lines) else float(lines[i + 1].ref[0])
        end = max(after, float(stretch.ref[-1])) + _OVERLAP
        first, stop = np.searchsorted(ref.times, [begin, end])
        low, high = _range(stretch, ref.times[first:stop], clip)
        columns.append((int(first), low, high))
    return Bands(*_merged(len(ref), columns))


def _range(stretch: Stretch, times: Float64Array, clip: Fingerprints) -> tuple[Int64Array, Int64Array]:
    """First and last candidate at some times of ref; -1 where clip has none."""
    offsets = _smoothed(stretch.clip - stretch.ref)
    centre = np.interp(times, stretch.ref, offsets)
    slack = np.full(len(times), _SLACK)
    for side, outside in ((0, times < stretch.ref[0]), (-1, times > stretch.ref[-1])):
        away = times[outside] - stretch.ref[side]
        centre[outside] += away * _slope(stretch, side)
        slack[outside] += np.minimum(np.abs(away) * _GROWTH, _MOST_GROWTH)
    low = np.searchsorted(clip.times, times + centre - slack)
    high = np.searchsorted(clip.times, times + centre + slack, side="right") - 1
    there = (low <= high) & (low < len(clip)) & (high >= 0)
    return np.where(there, low, -1), np.where(there, high, -1)


def _smoothed(offsets: Float64Array) -> Float64Array:
    reach = _SMOOTHED // 2
    padded = np.pad(offsets, reach, mode="reflect" if len(offsets) > reach else "edge")
    out: Float64Array = np.median(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHED), axis=1)
    return out


def _slope(stretch: Stretch, side: int) -> float:
    """How fast the offset changes at an end, seconds per second: the median of slopes (P. Sen, JASA 63, 1968)."""
    part = slice(0, _AT_END) if side == 0 else slice(-_AT_END, None)
    ref, offsets = stretch.ref[part], (stretch.clip - stretch.ref)[part]
    half = len(ref) // 2
    if half < 3 or ref[half] - ref[0] < 1.0:
        return 0.0
    slopes = (offsets[half : 2 * half] - offsets[:half]) / (ref[half : 2 * half] - ref[:half])
    return float(np.median(slopes))


def _merged(length: int, columns: Sequence[tuple[int, Int64Array, Int64Array]]) -> tuple[Int64Array, Int64Array]:
    most = _most_at_once(length, columns)
    lows, highs = (np.full((length, most), -1, np.int64) for _ in range(2))
    counts = np.zeros(length, np.int64)
    for first, low, high in columns:
        _add(lows, highs, counts, first, low, high)
    return lows, highs


def _most_at_once(length: int, columns: Sequence[tuple[int, Int64Array, Int64Array]]) -> int:
    steps = np.zeros(length + 1, np.int64)
    for first, low, _ in columns:
        steps[first] += 1
        steps[first + len(low)] -= 1
    return max(1, int(np.cumsum(steps).max()))


@njit(nogil=True, cache=True)
def _add(lows: Any, highs: Any, counts: Any, first: Any, low: Any, high: Any) -> None:
    """Add a range to each of some rows, keeping them in order and without overlaps."""
    for i in range(low.size):
        if low[i] < 0:
            continue
        n, begin, end = first + i, low[i], high[i]
        kept = 0
        # ranges that touch the new one are swallowed
        for k in range(counts[n]):
            a, b = lows[n, k], highs[n, k]
            if a <= end + 1 and b + 1 >= begin:
                begin, end = min(a, begin), max(b, end)
            else:
                lows[n, kept], highs[n, kept] = a, b
                kept += 1
        place = kept
        while place > 0 and lows[n, place - 1] > begin:
            lows[n, place], highs[n, place] = lows[n, place - 1], highs[n, place - 1]
            place -= 1
        lows[n, place], highs[n, place] = begin, end
        counts[n] = kept + 1
        for k in range(counts[n], lows.shape[1]):
            lows[n, k], highs[n, k] = -1, -1
