"""`BridgedTimeline`: a timeline whose short gaps are interpolated and whose ends are extrapolated linearly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError
from vs_align.timeline.passages import LARGEST_STEP, LONGEST_GAP
from vs_align.timeline.segment import Segment
from vs_align.timeline.timeline import Timeline

_SHOWN = (SegmentKind.MATCH, SegmentKind.HOLD)
_LONG = 240
"""Length of a passage, in ref frames, from which on its rate is used for extrapolation; shorter ones take the rate of
the longest passage. Rounding to frames makes the rate of a short passage uncertain."""
_STEP = 1.5
"""Difference in frames by which clip and ref may advance differently across a gap that is bridged: rounding."""
_STRETCH = 0.02
"""The same in addition, as a share of the gap's length: the rate may drift."""
_FADE = 1.0
"""Length in seconds up to which unmatched frames at either end belong to the matched part: a fade."""
_LEAST = 1e-6
"""Distance in frames from the rounding limit, so that a held frame does not become the next one."""
_MOST_PHASE = 0.4999999999
"""Largest phase of a segment, see `Segment.phase`."""


@dataclass(frozen=True)
class BridgedTimeline:
    """A timeline with bridged gaps, and the two lines by which it is extrapolated.

    Args:
        timeline: From clip to ref, with gaps bridged.
        first: First ref frame that has a clip frame.
        last: Last ref frame that has a clip frame.
        before: Number of ref frames before `first` for which the extrapolated line meets clip frames that no match
            shows. It may exceed `first`: then clip begins before ref.
        after: The same number behind `last`.
        begin: Clip frame, fractional, of the head line at `first`.
        end: Clip frame, fractional, of the tail line at `last`.
        rates: Clip frames per ref frame of the head line and of the tail line.
    """

    timeline: Timeline
    first: int
    last: int
    before: int
    after: int
    begin: float
    end: float
    rates: tuple[float, float]

    @classmethod
    def of(cls, timeline: Timeline, function: str, *, hold: bool) -> "BridgedTimeline":
        """Bridge the gaps of a timeline and fit the lines of its ends.

        Args:
            timeline: Any timeline.
            function: Name of the public function, for the message.
            hold: Repeat a clip frame across gaps of at most `LONGEST_GAP` ref frames, so that clip does not flash.

        Raises:
            ArgumentError: No ref frame has a clip frame.
        """
        shown = [segment for segment in timeline.segments if segment.kind in _SHOWN]
        if not shown:
            said = "; ".join(filter(None, (timeline.verdict, *timeline.reasons))) or "none"
            raise ArgumentError(function, "timeline", "must have at least one match", said)
        head, usual, tail = _rates(timeline)
        if usual is not None:
            timeline = replace(timeline, segments=tuple(_bridged(timeline.segments, usual, hold)))
        frames = np.array([frame for frame in timeline.frame_map if frame is not None], np.int64)
        begin, end = _place(shown[0], 0, head), _place(shown[-1], len(shown[-1]) - 1, tail)
        before = after = 0
        if head is not None:
            least = int(frames[frames < frames[0]].max(initial=-1)) + 1
            before = max(0, math.floor((begin + 0.5 - least) / head))
            # the division may have been rounded up
            before -= before > 0 and math.floor(begin - before * head + 0.5) < least
        if tail is not None:
            most = int(frames[frames > frames[-1]].min(initial=timeline.clip_length)) - 1
            after = max(0, math.ceil((most + 0.5 - end) / tail) - 1)
            after -= after > 0 and _last_frame(end, after, tail) > most
        return cls(
            timeline, shown[0].ref_first, shown[-1].ref_last, before, after, begin, end, (head or 1.0, tail or 1.0)
        )

    def matched_range(self) -> tuple[int, int]:
        """Return the matched range of ref frames, [first, stop), extended by fades of less than `_FADE` seconds."""
        before = min(self.before, self.first)
        after = min(self.after, self.timeline.ref_length - 1 - self.last)
        first = self.first - before if self._seconds(self.first - before, self.first) < _FADE else self.first
        last = self.last + after if self._seconds(self.last, self.last + after) < _FADE else self.last
        return first, last + 1

    def _seconds(self, first: int, last: int) -> float:
        times, rate = self.timeline.ref_times, self.timeline.ref_rate
        if times:
            return times[last] - times[first]
        return (last - first) / float(rate or Fraction(24))

    def full_range(self) -> tuple[int, int]:
        """Return the range of ref frames, [first, stop), for which clip or ref has frames; first may be negative."""
        return min(0, self.first - self.before), max(self.timeline.ref_length, self.last + 1 + self.after)

    def section(self, first: int, stop: int) -> Timeline:
        """Return the timeline of the ref frames `first..stop-1`, renumbered from 0, extrapolated at both ends.

        Args:
            first: First ref frame. It may be negative, before the first frame of ref.
            stop: Ref frame behind the last. It may lie behind the last frame of ref.
        """
        made = self.timeline
        sure = made.confidences
        if sure:
            inside = sure[max(first, 0) : max(stop, 0)]
            sure = (0.0,) * max(0, min(stop, 0) - first) + inside
            sure += (0.0,) * (stop - first - len(sure))
        return replace(
            made,
            segments=tuple(self._continued(first, stop)),
            ref_length=stop - first,
            scores=(),
            confidences=sure,
            ref_times=slice_times(made.ref_times, first, stop),
        )

    def _continued(self, start: int, stop: int) -> list[Segment]:
        """Return the segments of the ref frames `start..stop-1`, renumbered from 0."""
        before = min(self.before, max(0, self.first - start))
        after = min(self.after, max(0, stop - 1 - self.last))
        (head, tail), lead, behind = self.rates, self.first - before, self.last + 1 + after
        # numbers of segments are never negative
        base = min(start, lead)
        out = _insert(0, lead - base) + _line(lead - base, before, self.begin - before * head, head)
        for segment in self.timeline.segments:
            # missing segments before the first match or behind the last one are now shown or lie outside
            if segment.ref_last >= self.first and segment.ref_first <= self.last:
                out.append(_moved(segment, -base))
        out += _line(self.last + 1 - base, after, self.end + tail, tail) + _insert(behind - base, stop - base)
        low, high = start - base, stop - 1 - base
        return [_part(s, low, high) for s in out if s.ref_last >= low and s.ref_first <= high]


def _moved(segment: Segment, by: int) -> Segment:
    return replace(segment, ref_first=segment.ref_first + by, ref_last=segment.ref_last + by) if by else segment


def _part(segment: Segment, first: int, last: int) -> Segment:
    """Return the part of a segment in the ref frames `first..last`, renumbered from 0."""
    if first <= segment.ref_first and segment.ref_last <= last:
        return _moved(segment, -first)
    low, high = max(segment.ref_first, first), min(segment.ref_last, last)
    if segment.clip_first is None:
        return replace(segment, ref_first=low - first, ref_last=high - first)
    frame = segment.clip_frame(low)
    line = segment.clip_first + (low - segment.ref_first) * segment.rate + segment.phase
    phase = 0.0 if frame is None else min(max(line - frame, -0.5), _MOST_PHASE)
    return replace(segment, ref_first=low - first, ref_last=high - first, clip_first=frame, phase=phase)


def identity_timeline(
    length: int, first: int, stop: int, rate: Fraction, times: tuple[float, ...], cut: tuple[float, ...]
) -> Timeline:
    """Return the timeline from a clip to its own frames `first..stop-1`; frames that it lacks are inserts.

    Args:
        length: Number of frames of the clip.
        first: First frame; it may be negative.
        stop: Frame behind the last; it may lie behind the end of the clip.
        rate: Frames per second of both, 0 if variable.
        times: Time stamps of the clip in seconds, or empty.
        cut: Time stamps of the result in seconds, or empty.
    """
    low, high = min(max(first, 0), length), min(max(stop, 0), length)
    segments = _insert(0, low - first)
    if low < high:
        segments.append(Segment(low - first, high - 1 - first, low))
    segments += _insert(high - first, stop - first)
    return Timeline(
        segments=tuple(segments),
        clip_rate=rate,
        ref_rate=rate,
        clip_length=length,
        ref_length=stop - first,
        clip_times=times,
        ref_times=cut,
    )


def slice_times(times: tuple[float, ...], first: int, stop: int) -> tuple[float, ...]:
    """Return the time stamps of the frames `first..stop-1`, from 0; beyond both ends at the mean frame duration."""
    if not times:
        return ()
    step = (times[-1] - times[0]) / max(1, len(times) - 1)
    earlier = [times[0] + n * step for n in range(first, min(0, stop))]
    later = [times[-1] + (n + 1) * step for n in range(max(0, first - len(times)), stop - len(times))]
    found = [*earlier, *times[max(first, 0) : max(stop, 0)], *later]
    return tuple(time - found[0] for time in found)


def _rates(timeline: Timeline) -> tuple[float | None, float | None, float | None]:
    """Return the rates of the first, the longest and the last passage; None if clip never runs forwards."""
    runs = [p for p in timeline.passages() if p.kind is SegmentKind.MATCH and p.rate > 0]
    if not runs:
        return None, None, None
    usual = max(runs, key=len).rate
    head, tail = (run.rate if len(run) >= _LONG else usual for run in (runs[0], runs[-1]))
    return head, usual, tail


def _place(segment: Segment, i: int, rate: float | None) -> float:
    """Return the clip frame, fractional, of a line of the given rate through entry i of a segment."""
    first = segment.clip_first or 0
    if segment.rate == rate and rate != 1:
        return first + i * segment.rate + segment.phase
    return float(segment.clip_frames()[i] or 0)


def _last_frame(end: float, after: int, rate: float) -> int:
    """Return the last clip frame of the segment that `_line` makes, with the same rounding."""
    first = math.floor(end + rate + 0.5)
    return first + math.floor((after - 1) * rate + (end + rate - first) + 0.5)


def _line(ref_first: int, count: int, place: float, rate: float) -> list[Segment]:
    """Return a match of `count` ref frames along a line, or nothing for no frames."""
    if count <= 0:
        return []
    frame = math.floor(place + 0.5)
    return [Segment(ref_first, ref_first + count - 1, frame, rate, phase=max(-0.5, place - frame))]


def _insert(first: int, stop: int) -> list[Segment]:
    return [Segment(first, stop - 1, None, kind=SegmentKind.INSERT)] if first < stop else []


def _bridged(segments: Sequence[Segment], rate: float, hold: bool) -> list[Segment]:
    """Return the segments with bridged gaps."""
    out: list[Segment] = []
    waiting: list[Segment] = []
    before: Segment | None = None
    for segment in segments:
        if segment.kind not in _SHOWN:
            waiting.append(segment)
            continue
        out += waiting if before is None else _bridge(before, waiting, segment, rate, hold)
        out.append(segment)
        before, waiting = segment, []
    return out + waiting


def _bridge(before: Segment, waiting: Sequence[Segment], behind: Segment, rate: float, hold: bool) -> Sequence[Segment]:
    """Return what lies between two segments that show frames: the gap itself, or a match or hold across it."""
    count = sum(len(segment) for segment in waiting)
    start, goal = before.clip_last, behind.clip_first
    if count == 0 or start is None or goal is None or goal < start:
        return waiting
    advance, wanted = goal - start, (count + 1) * rate
    goes_on = abs(advance - wanted) <= _STEP * max(1.0, rate) + _STRETCH * wanted
    held = hold and count <= LONGEST_GAP and advance <= wanted + LARGEST_STEP + 0.5
    if not goes_on and not held:
        return waiting
    first = waiting[0].ref_first
    if advance == 0:
        return [Segment(first, first + count - 1, start, 0.0, SegmentKind.HOLD)]
    step = advance / (count + 1)
    # if one side lacks frames the previous frame is held, as players do; else the nearest frame is shown
    early = 0.5 - _LEAST if held or abs(advance - wanted) >= 0.5 else 0.0
    return _line(first, count, start + step - early, step)
