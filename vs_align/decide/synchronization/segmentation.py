"""From the clip frame of each ref frame to segments: straight lines where they fit, and what either side lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from typing import Any

import numpy as np
from numba import njit

from vs_align.enums import SegmentKind
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array
from vs_align.timeline.passages import LARGEST_STEP, LONGEST_GAP
from vs_align.timeline.segment import Segment

REACH = 2
"""How far beside a frame it is known how much worse others are."""

# A rate other than 1 must make so many lines one, and may cost so much for each that it saves, as a negative logarithm
# of probabilities: frames that are dropped now and then must not be taken for a speed.
_LINES_FOR_ONE, _FOR_LINE = 3, 5.0
# Two files of different rates hardly ever run at different speeds too; rates that differ by less are alike.
_FOR_SPEED, _ALIKE = 5.0, 2e-3
# A fitted rate must be so near to a known one, or stand on so many steps of the offset.
_NEAR_KNOWN, _STEPS = 5e-4, 4
# Share of the frames of a block through which a line must pass to be tried as the line of all.
_MOST = 0.9
# Frames from which on a rate can be fitted, and the most corners of a map that are looked at for it.
_LONG, _CORNERS = 240, 4000

# By so much, in frames, a line that rounding would carry over the edge of clip ends before it.
_INSIDE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class FrameMap:
    """The clip frame of each ref frame, and which others would do as well.

    Args:
        frames: (n,) clip frame of each ref frame, -1 where clip lacks it; never falling.
        lows: (n,) first clip frame that is hardly worse.
        highs: (n,) the last one.
        prices: (n, 2 * REACH + 1) by how much the frames beside are worse, as negative logarithms of probabilities,
            from REACH before to REACH behind. None: they were not compared.
    """

    frames: Int64Array
    lows: Int64Array
    highs: Int64Array
    prices: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A straight run of matches: ref frame n shows clip frame floor(begin + (n - first) * rate + 0.5)."""

    first: int
    last: int
    begin: float
    rate: float


def lines_of(found: FrameMap, known_rates: Sequence[float]) -> list[Line]:
    """Describe a map by as few straight lines as it takes.

    Args:
        found: The map.
        known_rates: Clip frames per ref frame that are likely, the likeliest first; with 1 among them.

    Returns:
        Lines in order, without overlaps. Ref frames without a counterpart may lie within.
    """
    numbers = np.flatnonzero(found.frames >= 0)
    if not numbers.size:
        return []
    offsets = found.frames[numbers] - numbers
    steps, gaps = np.abs(np.diff(offsets)), np.diff(numbers)
    # frames skipped because clip's rate is another one are no jump
    usual = np.abs(np.diff(found.frames[numbers]) - np.outer(gaps, known_rates).T).min(axis=0)
    ends = np.flatnonzero((np.minimum(steps, usual) > LARGEST_STEP) | (gaps > LONGEST_GAP)) + 1
    return [line for block in np.split(numbers, ends) for line in _block_lines(found, block, known_rates)]


def _block_lines(found: FrameMap, numbers: Int64Array, known_rates: Sequence[float]) -> list[Line]:
    """Lines of a block without large jumps: the rate that needs the fewest counts."""
    strict = found.frames[numbers].astype(np.float64)
    loose = found.lows[numbers].astype(np.float64), found.highs[numbers].astype(np.float64)
    places = numbers.astype(np.float64)
    plain = _greedy(places, strict, strict, 1.0)
    if len(plain) < _LINES_FOR_ONE:
        return plain
    others = [rate for rate in known_rates if rate != 1]
    choices = [_greedy(places, *loose, rate) for rate in others]
    if found.prices is not None:
        # what it costs to pass odd frames by is known
        choices += [_through_most(places, *loose, rate) for rate in others]
    if numbers.size >= _LONG:
        choices += _fitted(places, *loose, known_rates, len(plain) - 1)
    best, most = plain, 0.0
    for lines in choices:
        saved = len(plain) - len(lines)
        gain = _FOR_LINE * saved - _price(found, numbers, lines) - _rarity(lines[0].rate, known_rates)
        if _LINES_FOR_ONE * len(lines) <= len(plain) and gain > most:
            best, most = lines, gain
    return best


def _rarity(rate: float, known_rates: Sequence[float]) -> float:
    """What a rate costs by which clip runs faster or slower than ref, where there is one by which it does not."""
    same_time = known_rates[1] if len(known_rates) > 1 else 1.0
    return _FOR_SPEED if abs(same_time - 1) > _ALIKE and abs(rate / same_time - 1) > _NEAR_KNOWN else 0.0


def _price(found: FrameMap, numbers: Int64Array, lines: Sequence[Line]) -> float:
    """How much worse the frames are that lines show than those of the map."""
    if found.prices is None:
        return 0.0
    total = 0.0
    for line in lines:
        mine = numbers[np.searchsorted(numbers, line.first) : np.searchsorted(numbers, line.last, side="right")]
        shown = np.floor(line.begin + (mine - line.first) * line.rate + 0.5).astype(np.int64)
        beside = np.clip(shown - found.frames[mine] + REACH, 0, 2 * REACH)
        total += float(np.maximum(found.prices[mine, beside], 0).sum())
    return total


def _greedy(places: Any, lows: Any, highs: Any, rate: float) -> list[Line]:
    """Cut a block into lines of one rate, each as long as it can be."""
    out = np.empty((len(places), 4))
    count = _greedy_lines(places, lows, highs, rate, out)
    return [Line(int(a), int(b), float(begin), rate) for a, b, begin, _ in out[:count]]


def _through_most(places: Any, lows: Any, highs: Any, rate: float) -> list[Line]:
    """One line of a rate through as many frames as it can pass, and what lies before the first and behind the last.

    Odd frames between do not bend it, as they would by ending the lines of `_greedy`.
    """
    least, most = lows - 0.5 - places * rate, highs + 0.5 - places * rate
    edges = np.concatenate([least, most])
    order = np.lexsort((np.repeat([1, -1], len(places)), edges))
    held = np.cumsum(np.repeat([1, -1], len(places))[order])
    best = int(np.argmax(held))
    line = float(edges[order[best]] + edges[order[best + 1]]) / 2
    fits = np.flatnonzero((least < line) & (line < most))
    if len(fits) < _MOST * len(places):
        return _greedy(places, lows, highs, rate)
    first, stop = int(fits[0]), int(fits[-1]) + 1
    middle = Line(int(places[first]), int(places[stop - 1]), line + float(places[first]) * rate, rate)
    before, behind = (
        _greedy(places[part], lows[part], highs[part], rate) for part in (slice(first), slice(stop, None))
    )
    return [*before, middle, *behind]


@njit(nogil=True, cache=True)
def _greedy_lines(places: Any, lows: Any, highs: Any, rate: float, out: Any) -> int:
    count, i = 0, 0
    while i < places.size:
        low, high, j = lows[i] - 0.5, highs[i] + 0.5, i + 1
        while j < places.size:
            moved = (places[j] - places[i]) * rate
            new_low, new_high = max(low, lows[j] - 0.5 - moved), min(high, highs[j] + 0.5 - moved)
            if new_low >= new_high - 1e-9:
                break
            low, high = new_low, new_high
            j += 1
        out[count, 0], out[count, 1], out[count, 2] = places[i], places[j - 1], (low + high) / 2
        count += 1
        i = j
    return count


def _fitted(places: Any, lows: Any, highs: Any, known_rates: Sequence[float], steps: int) -> list[list[Line]]:
    """The line that stays away from all edges the most, where one line fits at all: a linear program."""
    # it takes a second to load, and is seldom needed
    from scipy.optimize import linprog

    corners = np.flatnonzero((np.diff(lows - places) != 0) | (np.diff(highs - places) != 0))
    chosen = np.unique(np.concatenate([[0], corners, corners + 1, [len(places) - 1]]))
    if len(chosen) > _CORNERS:
        return []
    x = places[chosen] - places[0]
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
    if steps < _STEPS and min(abs(rate / known - 1) for known in known_rates) > _NEAR_KNOWN:
        return []
    return [[Line(int(places[0]), int(places[-1]), float(answer.x[0]) + float(base), rate)]]


def segments_of_lines(
    lines: Sequence[Line],
    found: FrameMap,
    black: BoolArray,
    clip_length: int,
    confidences: Float64Array,
    scores: Float64Array,
) -> list[Segment]:
    """Write lines as the segments of a timeline, with what clip lacks and what ref lacks between them.

    Args:
        lines: In order, without overlaps.
        found: The map that they describe.
        black: (n,) whether ref is black.
        clip_length: Frames of clip.
        confidences: (n,) 0 to 1 for each ref frame.
        scores: (n,) for each ref frame, lower is better; NaN where unknown.
    """
    matches = [segment for line in lines for segment in _matches(line, found, clip_length, confidences, scores)]
    out: list[Segment] = []
    ref_next, clip_next = 0, 0
    for segment in matches:
        first, last = segment.clip_first or 0, segment.clip_last or 0
        out += _lacking(ref_next, segment.ref_first, black)
        if first > clip_next:
            out.append(_missing(segment.ref_first, clip_next, first - clip_next))
        out.append(segment)
        # frames that are skipped because of clip's rate are not missing
        ref_next, clip_next = segment.ref_last + 1, max(clip_next, last + 1 + max(0, floor(abs(segment.rate) - 0.5)))
    if matches and clip_next < clip_length:
        out.append(_missing(ref_next, clip_next, clip_length - clip_next))
    return out + _lacking(ref_next, len(found.frames), black)


def _matches(line: Line, found: FrameMap, clip_length: int, confidences: Any, scores: Any) -> list[Segment]:
    numbers = line.first + np.flatnonzero(found.frames[line.first : line.last + 1] >= 0)
    # a frame that a rate leaves out is no hole in its line
    hole = 1 if line.rate == 1 else 2
    out: list[Segment] = []
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > hole) + 1):
        first, last = int(run[0]), int(run[-1])
        way = (last - first) * line.rate
        place = line.begin + (first - line.first) * line.rate
        # rounding may carry an end of a line over the edge of clip
        place = max(min(place, clip_length - 0.5 - way - _INSIDE), -0.5)
        shown = floor(place + 0.5)
        phase = min(max(place - shown, -0.5), float(np.nextafter(0.5, 0)))
        end = shown + floor(way + phase + 0.5)
        if shown < 0 or end >= clip_length:
            shown, phase = int(found.frames[first]), 0.0
        part = slice(first, last + 1)
        known = scores[part][np.isfinite(scores[part])]
        out.append(
            Segment(
                first, last, shown, line.rate, SegmentKind.MATCH, float(np.clip(confidences[part].mean(), 0, 1)),
                phase if line.rate != 1 else 0.0, float(max(known.mean(), 0)) if known.size else None,
            )
        )  # fmt: skip
    return out


def _missing(place: int, clip_first: int, count: int) -> Segment:
    return Segment(place, place - 1, clip_first, kind=SegmentKind.MISSING, clip_count=count)


def _lacking(first: int, stop: int, black: BoolArray) -> list[Segment]:
    """Inserts of a range of ref frames, those where ref is black by themselves."""
    if first >= stop:
        return []
    edges = [first, *(first + 1 + np.flatnonzero(np.diff(black[first:stop]))).tolist(), stop]
    kinds = {True: SegmentKind.BLACK, False: SegmentKind.INSERT}
    return [Segment(a, b - 1, None, kind=kinds[bool(black[a])]) for a, b in pairwise(edges)]
