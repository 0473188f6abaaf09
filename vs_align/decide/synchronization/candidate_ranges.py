"""`CandidateRanges`: the clip frames that each ref frame is compared with, as bands around matched intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vs_align.decide.synchronization.candidate_ranges_kernels import insert_ranges
from vs_align.decide.synchronization.chaining import MatchedInterval
from vs_align.io.array_types import AnyArray, Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Width of the bands. Seconds unless said otherwise."""

    slack: float = 0.4
    """Half width of a band: possible error of a matched interval."""
    growth: float = 0.01
    """Additional half width per second of extrapolation beyond a matched interval."""
    most_growth: float = 1.5
    """Additional half width at most."""
    smoothed_matches: int = 7
    """Matches per median filter window of the offset; odd."""
    matches_at_end: int = 60
    """Matches at an end of an interval that determine the speed there."""
    straight: float = 0.3
    """Largest distance of a match from the line of its interval before the interval is split."""
    least_matches: int = 3
    """Matches per part of a split interval at least."""
    overlap: float = 4.0
    """Overlap of the bands of neighboring intervals on either side."""
    few_pairs: int = 1_000_000
    """Frame pairs up to which every frame is compared with every other."""


_TUNING = _Tuning()


@dataclass(frozen=True, eq=False)
class CandidateRanges:
    """Ranges of clip frames for each ref frame.

    Args:
        lows: (n, k) first clip frame of each range, rising and without overlaps within a row; -1 behind the last.
        highs: (n, k) last clip frame of each range, inclusive.
    """

    lows: Int64Array
    highs: Int64Array

    def __len__(self) -> int:
        """Number of ref frames."""
        return len(self.lows)

    @cached_property
    def offsets(self) -> Int64Array:
        """(n + 1,) row offsets: candidates of ref frame n are offsets[n]..offsets[n+1]-1 of all (`indptr` of CSR)."""
        sizes = np.where(self.lows >= 0, self.highs - self.lows + 1, 0).sum(axis=1)
        return np.concatenate([[0], np.cumsum(sizes)])

    def clip_frames(self, first: int, stop: int) -> Int64Array:
        """Clip frames that are candidates of any ref frame of first..stop-1, rising."""
        lows, highs = self.lows[first:stop], self.highs[first:stop]
        known = lows >= 0
        if not known.any():
            return np.empty(0, np.int64)
        start, end = int(lows[known].min()), int(highs[known].max())
        steps = np.zeros(end - start + 2, np.int64)
        np.add.at(steps, lows[known] - start, 1)
        np.add.at(steps, highs[known] + 1 - start, -1)
        return start + np.flatnonzero(np.cumsum(steps)[:-1] > 0)


def all_candidates(clip: int, ref: int) -> CandidateRanges:
    """Every clip frame for every ref frame; `clip` and `ref` are the numbers of frames."""
    return CandidateRanges(np.zeros((ref, 1), np.int64), np.full((ref, 1), clip - 1, np.int64))


def candidates_within(clip: Fingerprints, ref: Fingerprints, reach: float) -> CandidateRanges:
    """For each ref frame the clip frames whose times differ by at most `reach` seconds."""
    low = np.searchsorted(clip.times, ref.times - reach)
    high = np.searchsorted(clip.times, ref.times + reach, side="right") - 1
    there = low <= high
    return CandidateRanges(np.where(there, low, -1)[:, None], np.where(there, high, -1)[:, None])


def are_short(clip: Fingerprints, ref: Fingerprints) -> bool:
    """Whether two videos are short enough to compare all frames with each other."""
    return len(clip) * len(ref) <= _TUNING.few_pairs


def split_at_bends(interval: MatchedInterval) -> list[MatchedInterval]:
    """Split an interval where its offset jumps or its speed changes (recursive two-line least squares)."""
    count = len(interval.ref)
    if count < 2 * _TUNING.least_matches:
        return [interval]
    ref, offset = interval.ref - interval.ref[0], interval.clip - interval.ref
    residuals = _line_residuals(ref, offset)
    slope, begin = np.polyfit(ref, offset, 1)
    if np.abs(_smoothed(offset) - (begin + slope * ref)).max() <= _TUNING.straight:
        return [interval]
    cuts = range(_TUNING.least_matches, count - _TUNING.least_matches + 1)
    left = residuals[0][[i - 1 for i in cuts]]
    right = residuals[1][list(cuts)]
    cut = cuts[int(np.argmin(left + right))]
    parts = []
    for part in (slice(0, cut), slice(cut, count)):
        weight = interval.weight * len(range(count)[part]) / count
        parts += split_at_bends(MatchedInterval(interval.ref[part], interval.clip[part], weight))
    return parts


def _line_residuals(x: Float64Array, y: Float64Array) -> tuple[AnyArray, AnyArray]:
    """Sums of squared residuals of line fits to the first 1, 2, ... points, and to the points from each on."""

    def left(x: Float64Array, y: Float64Array) -> AnyArray:
        n = np.arange(1, len(x) + 1)
        sx, sy, sxx, sxy, syy = (np.cumsum(v) for v in (x, y, x * x, x * y, y * y))
        vx, vy, cxy = sxx - sx * sx / n, syy - sy * sy / n, sxy - sx * sy / n
        out: AnyArray = np.maximum(vy - cxy * cxy / np.maximum(vx, 1e-9), 0)
        return out

    return left(x, y), left(x[-1] - x[::-1], y[::-1])[::-1]


def candidates_around(intervals: Sequence[MatchedInterval], clip: Fingerprints, ref: Fingerprints) -> CandidateRanges:
    """Bands around matched intervals, extrapolated up to the next interval on either side.

    Args:
        intervals: In rising order, at least one.
        clip: The video with the candidates.
        ref: The other video.
    """
    columns: list[tuple[int, Int64Array, Int64Array]] = []
    lines = [line for interval in intervals for line in split_at_bends(interval)]
    for i, line in enumerate(lines):
        begin = 0.0 if i == 0 else min(float(lines[i - 1].ref[-1]), float(line.ref[0])) - _TUNING.overlap
        after = ref.duration if i + 1 == len(lines) else float(lines[i + 1].ref[0])
        end = max(after, float(line.ref[-1])) + _TUNING.overlap
        first, stop = np.searchsorted(ref.times, [begin, end])
        low, high = _band(line, ref.times[first:stop], clip)
        columns.append((int(first), low, high))
    return CandidateRanges(*_merged(len(ref), columns))


def _band(line: MatchedInterval, times: Float64Array, clip: Fingerprints) -> tuple[Int64Array, Int64Array]:
    """First and last candidate at some times of ref; -1 if clip has none."""
    offsets = _smoothed(line.clip - line.ref)
    center = np.interp(times, line.ref, offsets)
    slack = np.full(len(times), _TUNING.slack)
    for side, outside in ((0, times < line.ref[0]), (-1, times > line.ref[-1])):
        away = times[outside] - line.ref[side]
        center[outside] += away * _offset_slope(line, side)
        slack[outside] += np.minimum(np.abs(away) * _TUNING.growth, _TUNING.most_growth)
    low = np.searchsorted(clip.times, times + center - slack)
    high = np.searchsorted(clip.times, times + center + slack, side="right") - 1
    there = (low <= high) & (low < len(clip)) & (high >= 0)
    return np.where(there, low, -1), np.where(there, high, -1)


def _smoothed(offsets: Float64Array) -> Float64Array:
    """Running median."""
    reach = _TUNING.smoothed_matches // 2
    padded = np.pad(offsets, reach, mode="reflect" if len(offsets) > reach else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _TUNING.smoothed_matches)
    out: Float64Array = np.median(windows, axis=1)
    return out


def _offset_slope(line: MatchedInterval, side: int) -> float:
    """Change of the offset at an end, seconds per second: median of slopes (P. Sen, JASA 63, 1968)."""
    part = slice(0, _TUNING.matches_at_end) if side == 0 else slice(-_TUNING.matches_at_end, None)
    ref, offsets = line.ref[part], (line.clip - line.ref)[part]
    half = len(ref) // 2
    if half < 3 or ref[half] - ref[0] < 1.0:
        return 0.0
    slopes = (offsets[half : 2 * half] - offsets[:half]) / (ref[half : 2 * half] - ref[:half])
    return float(np.median(slopes))


def _merged(length: int, columns: Sequence[tuple[int, Int64Array, Int64Array]]) -> tuple[Int64Array, Int64Array]:
    """Union of bands, each given by its first ref frame and its ranges."""
    most = _most_overlapping(length, columns)
    lows, highs = (np.full((length, most), -1, np.int64) for _ in range(2))
    counts = np.zeros(length, np.int64)
    for first, low, high in columns:
        insert_ranges(lows, highs, counts, first, low, high)
    return lows, highs


def _most_overlapping(length: int, columns: Sequence[tuple[int, Int64Array, Int64Array]]) -> int:
    steps = np.zeros(length + 1, np.int64)
    for first, low, _ in columns:
        steps[first] += 1
        steps[first + len(low)] -= 1
    return max(1, int(np.cumsum(steps).max()))
