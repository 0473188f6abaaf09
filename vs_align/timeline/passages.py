"""`Passage`: a run of segments at one steady offset or speed, in which single frames may be dropped or repeated."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vs_align.enums import SegmentKind
from vs_align.timeline.segment import Segment
from vs_align.timeline.validation import seconds_of, usual_seconds_a_frame

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

TOLERANCE = 2
"""Largest distance of clip frames from the straight line of their passage, in frames: dropped and repeated frames."""
LONGEST_GAP = 12
"""Longest gap within a passage, in frames of either clip; a longer hold is a freeze and a passage of its own."""
LARGEST_STEP = 3
"""Largest step of the offset within a passage, in clip frames: larger ones are cuts."""
_STEADY = 240
"""Length in ref frames of two segments from which on a step of more than one frame between them is a cut: single
dropped or repeated frames cannot cause it."""
_ONE_LINE = 0.99
"""Largest spread in frames of clip frames on one line: rounding, which is less than one frame."""
_MAJORITY = 0.5
"""Share of the frames of a passage that must agree on one line."""
_ROUNDING = 1.3
"""Largest spread in frames of clip frames around a line that was fitted to them."""

_SHOWN = (SegmentKind.MATCH, SegmentKind.HOLD)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a timeline at one steady offset or speed.

    All clip frames of a match lie within 2 frames of one straight line. Gaps of up to 12 frames of either clip belong
    to the passage if it continues behind them.

    Args:
        ref_first: First ref frame. For a missing passage: the ref frame before which its clip frames belong.
        ref_last: Last ref frame, inclusive. For a missing passage: `ref_first - 1`.
        clip_first: Clip frame at `ref_first`; None for inserts and black.
        clip_last: Last clip frame shown, or the last that ref lacks; None for inserts and black.
        kind: Match for several segments, else the kind of the only one.
        rate: Clip frames per ref frame: that of the segments if few frames are irregular, else fitted to them.
        dropped: Number of clip frames left out between `clip_first` and `clip_last`.
        repeated: Number of ref frames that show the same clip frame as the ref frame before.
        confidence: Mean confidence of the segments weighted by their lengths, 0..1; None if unknown.
        offset_ms: Clip time minus ref time at `ref_first`, in milliseconds, on the line of most frames of the passage;
            None if unknown.
    """

    ref_first: int
    ref_last: int
    clip_first: int | None
    clip_last: int | None
    kind: SegmentKind
    rate: float
    dropped: int
    repeated: int
    confidence: float | None
    offset_ms: float | None

    def __len__(self) -> int:
        """Number of ref frames: at least 1, but 0 for a missing passage."""
        return self.ref_last - self.ref_first + 1


def passages_of(timeline: "Timeline") -> tuple[Passage, ...]:
    """Group the segments of a timeline into passages, see `Timeline.passages`. They cover all ref frames in order."""
    return tuple(_passage(timeline, group) for group in _groups(timeline.segments))


def _groups(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Yield the segments of each passage."""
    shown = [segment for segment in segments if segment.kind in _SHOWN]
    freezes = {id(segment) for i, segment in enumerate(shown) if _is_freeze(shown, i)}
    group: list[Segment] = []
    # Segments without a match since the last match: they belong to the passage if it continues behind them.
    waiting: list[Segment] = []
    last: Segment | None = None
    corridor = _Corridor()
    for segment in segments:
        if segment.kind not in _SHOWN:
            waiting.append(segment)
            continue
        frozen = not freezes.isdisjoint((id(last), id(segment)))
        goes_on = bool(group) and not frozen and _continues(last, waiting, segment)
        if goes_on:
            group += waiting
        if not goes_on or not corridor.takes(segment):
            if group:
                yield group
            if not goes_on:
                yield from ([alone] for alone in waiting)
            group, corridor = [], _Corridor()
            corridor.takes(segment)
        group.append(segment)
        last, waiting = segment, []
    if group:
        yield group
    yield from ([alone] for alone in waiting)


def _is_freeze(shown: Sequence[Segment], i: int) -> bool:
    """Return whether a hold is a freeze, in contrast to consecutive holds of a low frame rate."""
    if shown[i].kind is not SegmentKind.HOLD or len(shown[i]) <= LONGEST_GAP:
        return False
    beside = (*shown[max(i - 1, 0) : i], *shown[i + 1 : i + 2])
    return not any(other.kind is SegmentKind.HOLD and 2 * len(other) >= len(shown[i]) for other in beside)


def _continues(before: Segment | None, between: Sequence[Segment], segment: Segment) -> bool:
    """Return whether a segment can continue the passage of the previous one, judged by these two alone."""
    if before is None or before.clip_last is None or segment.clip_first is None:
        return False
    if max(sum(len(gap) for gap in between), sum(gap.clip_count or 0 for gap in between)) > LONGEST_GAP:
        return False
    rate = before.rate or segment.rate or 1.0
    advance = segment.clip_first - before.clip_last
    if advance * rate < 0:
        return False
    step = abs(advance - rate * (segment.ref_first - before.ref_last))
    # half a frame more for rounding
    return step <= (1.5 if min(len(before), len(segment)) >= _STEADY else LARGEST_STEP + 0.5)


class _Corridor:
    """Online test whether one straight line passes all points (ref frame, clip frame) within `TOLERANCE`.

    Method: O'Rourke, "An on-line algorithm for fitting straight lines between data ranges", Communications of the ACM
    24 (1981). The state is the least and the most steep feasible line and the convex hulls that they can still touch.
    Frame numbers are integers, so the test is exact.
    """

    def __init__(self) -> None:
        self._count = 0
        self._tops: list[tuple[int, int]] = []
        self._bottoms: list[tuple[int, int]] = []
        # The least and the most steep feasible line, each given by two points.
        self._low = self._high = ((0, 0), (0, 0))

    def takes(self, segment: Segment) -> bool:
        """Add the ends of the next segment. False: no line passes any more, and the object must not be used again."""
        first, last = segment.clip_first, segment.clip_last
        if first is None or last is None:
            return False
        if not self._takes(segment.ref_first, first):
            return False
        return len(segment) == 1 or self._takes(segment.ref_last, last)

    def _takes(self, x: int, y: int) -> bool:
        top, bottom = (x, y + TOLERANCE), (x, y - TOLERANCE)
        tops, bottoms = self._tops, self._bottoms
        self._count += 1
        if self._count <= 2:
            tops.append(top)
            bottoms.append(bottom)
            self._low, self._high = (tops[0], bottom), (bottoms[0], top)
            return True
        if _turn(*self._low, top) < 0 or _turn(*self._high, bottom) > 0:
            return False
        cuts_high, cuts_low = _turn(*self._high, top) < 0, _turn(*self._low, bottom) > 0
        if cuts_high:
            self._high = (_touched(bottoms, top, -1), top)
        if cuts_low:
            self._low = (_touched(tops, bottom, 1), bottom)
        if cuts_high:
            _push(tops, top, 1)
        if cuts_low:
            _push(bottoms, bottom, -1)
        return True


def _touched(hull: list[tuple[int, int]], point: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the point of a hull that the tangent from a new point touches, and drop the points before it."""
    while len(hull) > 1 and side * _turn(hull[0], hull[1], point) >= 0:
        del hull[0]
    return hull[0]


def _push(hull: list[tuple[int, int]], point: tuple[int, int], side: int) -> None:
    """Add a point to the lower hull of the tops (side 1) or the upper hull of the bottoms (side -1)."""
    while len(hull) > 1 and side * _turn(hull[-2], hull[-1], point) <= 0:
        hull.pop()
    hull.append(point)


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    """Return the cross product: positive if c lies above the line from a to b (b right of a), negative if below."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _passage(timeline: "Timeline", group: Sequence[Segment]) -> Passage:
    first, last = group[0], group[-1]
    shown = [segment for segment in group if segment.kind in _SHOWN]
    dropped, repeated = _irregular(shown)
    # A few frames without a match may end a passage.
    clip_last = shown[-1].clip_last if shown else last.clip_last
    rate = _rate(shown) if shown else 1.0
    return Passage(
        ref_first=first.ref_first,
        ref_last=last.ref_last,
        clip_first=first.clip_first,
        clip_last=clip_last,
        kind=first.kind if len(group) == 1 else SegmentKind.MATCH,
        rate=rate,
        dropped=dropped,
        repeated=repeated,
        confidence=_confidence(group),
        offset_ms=_offset_ms(timeline, first.ref_first, steady_ends(shown, rate)[0], rate) if shown else None,
    )


def steady_ends(shown: Sequence[Segment], rate: float) -> tuple[int, int]:
    """Return the first and the last ref frame of a passage that lie on the line of most of its frames.

    If frames are dropped or repeated throughout, there is no such line: then those of the first and the last segment
    longer than `LARGEST_STEP` frames.

    Args:
        shown: Matches and holds of the passage, at least one.
        rate: Clip frames per ref frame of the passage.
    """
    if len(shown) == 1:
        return shown[0].ref_first, shown[0].ref_last
    ends = [_line_ends(segment, rate) for segment in shown]
    from vs_align.timeline.consensus import consensus_of  # loads numpy

    weights = [len(segment) for segment in shown for _ in range(2)]
    agreed = consensus_of([end for pair in ends for end in pair], _ONE_LINE, weights)
    if agreed.share >= _MAJORITY:
        on_line = [[agreed.low <= end <= agreed.high for end in pair] for pair in ends]
    else:
        on_line = [[len(segment) > LARGEST_STEP] * 2 for segment in shown]
    numbers = [(segment.ref_first, segment.ref_last) for segment in shown]
    steady = [
        n for pair, sides in zip(numbers, on_line, strict=True) for n, side in zip(pair, sides, strict=True) if side
    ]
    return (steady[0], steady[-1]) if steady else (shown[0].ref_first, shown[-1].ref_last)


def shown_in(timeline: "Timeline", passage: Passage) -> list[Segment]:
    """Return the matches and holds of a passage."""
    first, stop = (
        bisect_left(timeline.segments, n, key=lambda segment: segment.ref_first)
        for n in (passage.ref_first, passage.ref_last + 1)
    )
    return [segment for segment in timeline.segments[first:stop] if segment.kind in _SHOWN]


def _line_ends(segment: Segment, rate: float) -> tuple[float, float]:
    """Return the intercepts at ref frame 0 of lines of a rate through both ends of a match or hold."""
    begin = (segment.clip_first or 0) + (segment.phase if segment.rate != 1 else 0.0)
    end = begin + (len(segment) - 1) * segment.rate
    return begin - rate * segment.ref_first, end - rate * segment.ref_last


def _offset_ms(timeline: "Timeline", first: int, steady: int, rate: float) -> float | None:
    """Return clip time minus ref time in ms at ref frame `first`, on the line of a rate through ref frame `steady`."""
    if first == steady:
        return timeline.to_ms(first)
    frame = timeline.frame_map[steady]
    if frame is None:
        return None
    ref_time = seconds_of(first, timeline.ref_times, timeline.ref_rate)
    clip_time = seconds_of(frame, timeline.clip_times, timeline.clip_rate)
    clip_frame = usual_seconds_a_frame(0, timeline.clip_length - 1, timeline.clip_times, timeline.clip_rate)
    if ref_time is None or clip_time is None or clip_frame is None:
        return None
    return 1000 * (clip_time - float(rate * (steady - first) * clip_frame) - ref_time)


def _irregular(shown: Sequence[Segment]) -> tuple[int, int]:
    """Return the numbers of dropped clip frames and of ref frames that repeat the previous one."""
    dropped = repeated = 0
    before: Segment | None = None
    for segment in shown:
        if segment.clip_first is None or segment.clip_last is None:
            continue
        surplus = abs(segment.clip_last - segment.clip_first) - (len(segment) - 1)
        dropped, repeated = dropped + max(surplus, 0), repeated + max(-surplus, 0)
        if before is not None and before.clip_last is not None:
            advance = abs(segment.clip_first - before.clip_last)
            # ref frames without a match in between stand for as many clip frames
            dropped += max(advance - (segment.ref_first - before.ref_last), 0)
            repeated += advance == 0
        before = segment
    return dropped, repeated


def _rate(shown: Sequence[Segment]) -> float:
    """Return clip frames per ref frame: of the longest segment if it dominates, else by least squares."""
    longest = max(shown, key=len)
    if len(shown) <= 3 and 2 * len(longest) >= sum(len(segment) for segment in shown):
        return longest.rate
    ends = [(s.ref_first, s.ref_last, s.clip_first, s.clip_last) for s in shown]
    # least squares over all frames: the sums over a segment, which is a line, have closed forms
    count = middle_x = middle_y = 0.0
    for a, b, c, d in ends:
        n = b - a + 1
        count, middle_x, middle_y = count + n, middle_x + n * (a + b) / 2, middle_y + n * ((c or 0) + (d or 0)) / 2
    middle_x, middle_y = middle_x / count, middle_y / count
    products, squares = [], []
    for a, b, c, d in ends:
        n, x, y = b - a + 1, (a + b) / 2 - middle_x, ((c or 0) + (d or 0)) / 2 - middle_y
        spread = n * (n * n - 1) / 12
        slope = ((d or 0) - (c or 0)) / (n - 1) if n > 1 else 0.0
        products.append(n * x * y + slope * spread)
        squares.append(n * x * x + spread)
    return math.fsum(products) / math.fsum(squares)


def reported_passages(timeline: "Timeline") -> tuple[tuple[Passage, float], ...]:
    """Return the passages for a report, each with the rate that its frames follow locally.

    If frames are dropped or repeated exactly as a rate demands, this is the rate of the passage. If they are dropped or
    repeated irregularly, it is the rate of the longest segment. Such passages follow each other as the lost frames add
    up; they are merged into one, whose clip frames need not lie on a line.
    """
    reported: list[tuple[list[Segment], float]] = []
    loose_before = False
    for group in _groups(timeline.segments):
        steady = _steady_rate(group)
        loose = steady != _passage(timeline, group).rate
        before, rate = reported[-1] if reported else ([], 0.0)
        if before and rate == steady and (loose or loose_before) and _goes_on(before, group):
            before += group
        else:
            reported.append((group, steady))
        loose_before = loose
    return tuple((_passage(timeline, group), steady) for group, steady in reported)


def _goes_on(before: Sequence[Segment], group: Sequence[Segment]) -> bool:
    """Return whether two passages are separate only because no line passes both."""
    last = max((i for i, segment in enumerate(before) if segment.kind in _SHOWN), default=None)
    if last is None or group[0].kind not in _SHOWN or {len(before), len(group)} == {1}:
        return False
    return _continues(before[last], before[last + 1 :], group[0])


def _steady_rate(group: Sequence[Segment]) -> float:
    shown = [segment for segment in group if segment.kind in _SHOWN]
    if not shown:
        return 1.0
    rate = _rate(shown)
    strays = [frame - rate * n for segment in shown for n, frame in _ends(segment)]
    if len(shown) == 1 or max(strays) - min(strays) <= _ROUNDING:
        return rate
    return max(shown, key=len).rate or rate


def _ends(segment: Segment) -> Iterator[tuple[int, int]]:
    for n, frame in ((segment.ref_first, segment.clip_first), (segment.ref_last, segment.clip_last)):
        if frame is not None:
            yield n, frame


def _confidence(group: Sequence[Segment]) -> float | None:
    known = [(max(len(segment), 1), segment.confidence) for segment in group if segment.confidence is not None]
    if not known:
        return None
    return math.fsum(weight * value for weight, value in known) / sum(weight for weight, _ in known)
