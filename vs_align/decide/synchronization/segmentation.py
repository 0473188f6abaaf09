"""Piecewise-linear segmentation of a frame map (clip frame per ref frame), and its timeline segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from typing import Any

import numpy as np

from vs_align.decide.synchronization.segmentation_kernels import greedy_runs
from vs_align.enums import SegmentKind
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array
from vs_align.timeline.passages import LARGEST_STEP, LONGEST_GAP
from vs_align.timeline.segment import Segment

NEIGHBOR_REACH = 2
"""Frames to either side of a matched clip frame for which the cost of showing them instead is known."""


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Model selection between lines of rate 1 and lines of another rate. Costs are negative log-likelihoods."""

    least_runs_merged: int = 3
    """A rate other than 1 must replace at least this many runs of rate 1 by one."""
    run_cost: float = 5.0
    """Cost per run: what a fit of another rate may cost for each run that it saves. Guards against describing single
    dropped frames by a rate."""
    speed_cost: float = 5.0
    """Cost of a rate that changes the playback speed if there is one that does not: files of different frame rates
    hardly ever also run at different speeds."""
    same_rate: float = 2e-3
    """Relative difference below which two frame rates are equal."""
    near_known: float = 5e-4
    """Relative distance at which a fitted rate counts as a known one."""
    least_steps: int = 4
    """Steps of the offset that support a fitted rate that is near no known one."""
    majority: float = 0.9
    """Share of the frames of a block that one line must pass through to be tried as the line of the whole block."""
    least_frames: int = 240
    """Frames from which on a rate is fitted."""
    most_corners: int = 4000
    """Constraints of the linear program of a fit at most; more steps than this are no line."""
    inside: float = 1e-6
    """Distance in frames that a line keeps from the edge of clip, so that rounding does not carry it over."""


_TUNING = _Tuning()


@dataclass(frozen=True, slots=True, eq=False)
class FrameMap:
    """The clip frame of each ref frame, and which others would do as well.

    Args:
        frames: (n,) clip frame of each ref frame, -1 if clip lacks it; never falling.
        lows: (n,) first clip frame of the plateau around it: those that fit almost as well.
        highs: (n,) last clip frame of the plateau.
        neighbor_costs: (n, 2 * NEIGHBOR_REACH + 1) increase of the negative log-likelihood if a frame beside the match
            were shown, from NEIGHBOR_REACH before to NEIGHBOR_REACH after. None: they were not compared.
    """

    frames: Int64Array
    lows: Int64Array
    highs: Int64Array
    neighbor_costs: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class LinearRun:
    """A linear run of matches: ref frame n shows clip frame floor(begin + (n - first) * rate + 0.5).

    Args:
        first: First ref frame.
        last: Last ref frame.
        begin: Position in clip at `first`, in frames, with a fraction.
        rate: Clip frames per ref frame.
    """

    first: int
    last: int
    begin: float
    rate: float


def linear_runs(found: FrameMap, known_rates: Sequence[float]) -> list[LinearRun]:
    """Describe a map by as few linear runs as possible.

    Args:
        found: The map.
        known_rates: Likely clip frames per ref frame, the likeliest first; with 1 among them.

    Returns:
        Runs in order, without overlaps. They may contain ref frames without a counterpart.
    """
    numbers = np.flatnonzero(found.frames >= 0)
    if not numbers.size:
        return []
    offsets = found.frames[numbers] - numbers
    steps, gaps = np.abs(np.diff(offsets)), np.diff(numbers)
    # frames skipped because clip has another frame rate are no jump
    usual = np.abs(np.diff(found.frames[numbers]) - np.outer(gaps, known_rates).T).min(axis=0)
    ends = np.flatnonzero((np.minimum(steps, usual) > LARGEST_STEP) | (gaps > LONGEST_GAP)) + 1
    return [run for block in np.split(numbers, ends) for run in _block_runs(found, block, known_rates)]


def _block_runs(found: FrameMap, numbers: Int64Array, known_rates: Sequence[float]) -> list[LinearRun]:
    """Runs of a block without large jumps, at the rate with the lowest total cost."""
    strict = found.frames[numbers].astype(np.float64)
    loose = found.lows[numbers].astype(np.float64), found.highs[numbers].astype(np.float64)
    positions = numbers.astype(np.float64)
    plain = _greedy(positions, strict, strict, 1.0)
    if len(plain) < _TUNING.least_runs_merged:
        return plain
    others = [rate for rate in known_rates if rate != 1]
    choices = [_greedy(positions, *loose, rate) for rate in others]
    if found.neighbor_costs is not None:
        # the cost of passing outliers by is known
        choices += [_through_majority(positions, *loose, rate) for rate in others]
    if numbers.size >= _TUNING.least_frames:
        choices += _fitted(positions, *loose, known_rates, len(plain) - 1)
    best, most = plain, 0.0
    for runs in choices:
        saved = len(plain) - len(runs)
        gain = _TUNING.run_cost * saved - _map_cost(found, numbers, runs) - _rate_cost(runs[0].rate, known_rates)
        if _TUNING.least_runs_merged * len(runs) <= len(plain) and gain > most:
            best, most = runs, gain
    return best


def _rate_cost(rate: float, known_rates: Sequence[float]) -> float:
    """Cost of a rate that changes the playback speed, if there is one that does not."""
    same_time = known_rates[1] if len(known_rates) > 1 else 1.0
    changes_speed = abs(same_time - 1) > _TUNING.same_rate and abs(rate / same_time - 1) > _TUNING.near_known
    return _TUNING.speed_cost if changes_speed else 0.0


def _map_cost(found: FrameMap, numbers: Int64Array, runs: Sequence[LinearRun]) -> float:
    """Increase of the negative log-likelihood if the frames of runs are shown instead of those of the map."""
    if found.neighbor_costs is None:
        return 0.0
    total = 0.0
    for run in runs:
        mine = numbers[np.searchsorted(numbers, run.first) : np.searchsorted(numbers, run.last, side="right")]
        shown = np.floor(run.begin + (mine - run.first) * run.rate + 0.5).astype(np.int64)
        beside = np.clip(shown - found.frames[mine] + NEIGHBOR_REACH, 0, 2 * NEIGHBOR_REACH)
        total += float(np.maximum(found.neighbor_costs[mine, beside], 0).sum())
    return total


def _greedy(positions: Any, lows: Any, highs: Any, rate: float) -> list[LinearRun]:
    """Cut a block into runs of one rate, each as long as possible."""
    out = np.empty((len(positions), 4))
    count = greedy_runs(positions, lows, highs, rate, out)
    return [LinearRun(int(a), int(b), float(begin), rate) for a, b, begin, _ in out[:count]]


def _through_majority(positions: Any, lows: Any, highs: Any, rate: float) -> list[LinearRun]:
    """One run of a rate through as many frames as possible, and greedy runs before and after it.

    Outliers within do not split it, as they do in `_greedy`. The offset with the most frames is found by a sweep over
    the ends of their tolerance intervals.
    """
    least, most = lows - 0.5 - positions * rate, highs + 0.5 - positions * rate
    edges = np.concatenate([least, most])
    order = np.lexsort((np.repeat([1, -1], len(positions)), edges))
    held = np.cumsum(np.repeat([1, -1], len(positions))[order])
    best = int(np.argmax(held))
    line = float(edges[order[best]] + edges[order[best + 1]]) / 2
    fits = np.flatnonzero((least < line) & (line < most))
    if len(fits) < _TUNING.majority * len(positions):
        return _greedy(positions, lows, highs, rate)
    first, stop = int(fits[0]), int(fits[-1]) + 1
    middle = LinearRun(int(positions[first]), int(positions[stop - 1]), line + float(positions[first]) * rate, rate)
    before, behind = (
        _greedy(positions[part], lows[part], highs[part], rate) for part in (slice(first), slice(stop, None))
    )
    return [*before, middle, *behind]


def _fitted(positions: Any, lows: Any, highs: Any, known_rates: Sequence[float], steps: int) -> list[list[LinearRun]]:
    """The single run with the largest margin to all tolerance intervals, if one exists: a linear program."""
    # slow to load, and seldom needed
    from scipy.optimize import linprog

    corners = np.flatnonzero((np.diff(lows - positions) != 0) | (np.diff(highs - positions) != 0))
    chosen = np.unique(np.concatenate([[0], corners, corners + 1, [len(positions) - 1]]))
    if len(chosen) > _TUNING.most_corners:
        return []
    x = positions[chosen] - positions[0]
    base = lows[0]
    ones = np.ones(len(chosen))
    # begin + rate * x + margin <= high + 0.5 and begin + rate * x - margin >= low - 0.5
    above = np.column_stack([ones, x, ones])
    below = np.column_stack([-ones, -x, ones])
    limits = np.concatenate([highs[chosen] + 0.5 - base, base + 0.5 - lows[chosen]])
    answer = linprog([0, 0, -1], np.concatenate([above, below]), limits, bounds=[(None, None)] * 3, method="highs")
    if not answer.success or answer.x[2] <= 1e-6:
        return []
    rate = float(answer.x[1])
    distance = min(abs(rate / known - 1) for known in known_rates)
    if steps < _TUNING.least_steps and distance > _TUNING.near_known:
        return []
    return [[LinearRun(int(positions[0]), int(positions[-1]), float(answer.x[0]) + float(base), rate)]]


def segments_from_runs(
    runs: Sequence[LinearRun],
    found: FrameMap,
    black: BoolArray,
    clip_length: int,
    confidences: Float64Array,
    scores: Float64Array,
) -> list[Segment]:
    """Convert linear runs to the segments of a timeline, with the frames that clip or ref lacks between them.

    Args:
        runs: In order, without overlaps.
        found: The map that they describe.
        black: (n,) whether a ref frame is black.
        clip_length: Frames of clip.
        confidences: (n,) 0 to 1 for each ref frame.
        scores: (n,) dissimilarity of each pair, lower is better; NaN if unknown.
    """
    matches = [segment for run in runs for segment in _matches(run, found, clip_length, confidences, scores)]
    out: list[Segment] = []
    ref_next, clip_next = 0, 0
    for segment in matches:
        first, last = segment.clip_first or 0, segment.clip_last or 0
        out += _lacking(ref_next, segment.ref_first, black)
        if first > clip_next:
            out.append(_missing(segment.ref_first, clip_next, first - clip_next))
        out.append(segment)
        # frames skipped because of clip's rate are not missing
        ref_next, clip_next = segment.ref_last + 1, max(clip_next, last + 1 + max(0, floor(abs(segment.rate) - 0.5)))
    if matches and clip_next < clip_length:
        out.append(_missing(ref_next, clip_next, clip_length - clip_next))
    return out + _lacking(ref_next, len(found.frames), black)


def _matches(run: LinearRun, found: FrameMap, clip_length: int, confidences: Any, scores: Any) -> list[Segment]:
    """Match segments of a run, one for each part without holes."""
    numbers = run.first + np.flatnonzero(found.frames[run.first : run.last + 1] >= 0)
    # a single frame left out because of the rate is no hole
    hole = 1 if run.rate == 1 else 2
    out: list[Segment] = []
    for part_numbers in np.split(numbers, np.flatnonzero(np.diff(numbers) > hole) + 1):
        first, last = int(part_numbers[0]), int(part_numbers[-1])
        way = (last - first) * run.rate
        place = run.begin + (first - run.first) * run.rate
        # rounding may carry an end of a run over the edge of clip
        place = max(min(place, clip_length - 0.5 - way - _TUNING.inside), -0.5)
        shown = floor(place + 0.5)
        phase = min(max(place - shown, -0.5), float(np.nextafter(0.5, 0)))
        end = shown + floor(way + phase + 0.5)
        if shown < 0 or end >= clip_length:
            shown, phase = int(found.frames[first]), 0.0
        part = slice(first, last + 1)
        known = scores[part][np.isfinite(scores[part])]
        out.append(
            Segment(
                first, last, shown, run.rate, SegmentKind.MATCH, float(np.clip(confidences[part].mean(), 0, 1)),
                phase if run.rate != 1 else 0.0, float(max(known.mean(), 0)) if known.size else None,
            )
        )  # fmt: skip
    return out


def _missing(place: int, clip_first: int, count: int) -> Segment:
    return Segment(place, place - 1, clip_first, kind=SegmentKind.MISSING, clip_count=count)


def _lacking(first: int, stop: int, black: BoolArray) -> list[Segment]:
    """Insert segments of ref frames first..stop-1, and black segments for those of them that are black."""
    if first >= stop:
        return []
    edges = [first, *(first + 1 + np.flatnonzero(np.diff(black[first:stop]))).tolist(), stop]
    kinds = {True: SegmentKind.BLACK, False: SegmentKind.INSERT}
    return [Segment(a, b - 1, None, kind=kinds[bool(black[a])]) for a, b in pairwise(edges)]
