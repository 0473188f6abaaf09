"""`Segment`, and conversion between segments and frame maps without loss."""

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError

MAX_RATE = 1000.0
"""Largest absolute rate of a segment, in clip frames per ref frame: larger ones are typing errors and overflow."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A range of ref frames whose clip frames lie on one straight line, or that have none.

    Ref frame n shows clip frame `clip_first + floor((n - ref_first) * rate + phase + 0.5)`.

    Args:
        ref_first: First ref frame, at least 0. Missing segment: the ref frame before which its clip frames belong.
        ref_last: Last ref frame, inclusive, at least `ref_first`. Missing segment: `ref_first - 1`, it has none.
        clip_first: Clip frame shown at `ref_first`, at least 0. None exactly for inserts and black. Missing segment:
            the first clip frame that ref lacks.
        rate: Clip frames per ref frame, -1000..1000. 0 exactly for holds. Inserts, black and missing segments have no
            rate: it reads 1.
        kind: Kind of the segment; the plain value is accepted too.
        confidence: Probability that the segment is right, 0..1. None: not measured.
        phase: Offset of the line of a match from `clip_first`, in clip frames, -0.5 <= phase < 0.5. It reads 0 for
            other kinds.
        score: Mean score of the matches, at least 0, lower is more similar. None if not measured or not finite.
        clip_count: Number of clip frames that ref lacks, at least 1. Missing segments only.

    Raises:
        ArgumentError: A field breaks its rule.
    """

    ref_first: int
    ref_last: int
    clip_first: int | None
    rate: float = 1.0
    kind: SegmentKind = SegmentKind.MATCH
    confidence: float | None = None
    phase: float = 0.0
    score: float | None = None
    clip_count: int | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        if self.kind.__class__ is not SegmentKind:
            put(self, "kind", _kind(self.kind))
        put(self, "ref_first", whole(self.ref_first, "Segment", "ref_first"))
        put(self, "ref_last", self._checked_ref_last())
        if self.kind in _WITHOUT_CLIP:
            if self.clip_first is not None:
                raise ArgumentError("Segment", "clip_first", f"must be None for {_NAMED[self.kind]}", self.clip_first)
        else:
            if self.clip_first is None:
                raise ArgumentError("Segment", "clip_first", f"must be a frame number for {_NAMED[self.kind]}", "None")
            put(self, "clip_first", whole(self.clip_first, "Segment", "clip_first"))
        put(self, "rate", self._checked_rate())
        put(self, "phase", self._checked_phase())
        put(self, "clip_count", self._checked_count())
        if self.confidence is not None:
            put(self, "confidence", share(self.confidence, "Segment", "confidence"))
        if self.score is not None:
            put(self, "score", finite_score(self.score, "Segment", "score"))

    def _checked_ref_last(self) -> int:
        if self.kind is SegmentKind.MISSING:
            last = whole(self.ref_last, "Segment", "ref_last", least=-1)
            if last != self.ref_first - 1:
                rule = f"must be ref_first - 1 ({self.ref_first - 1}) for a missing one"
                raise ArgumentError("Segment", "ref_last", rule, last)
            return last
        last = whole(self.ref_last, "Segment", "ref_last")
        if last < self.ref_first:
            raise ArgumentError("Segment", "ref_last", f"must be at least ref_first ({self.ref_first})", last)
        return last

    def _checked_rate(self) -> float:
        rate = number(self.rate, "Segment", "rate")
        if not abs(rate) <= MAX_RATE:
            raise ArgumentError("Segment", "rate", f"must lie in -{MAX_RATE:g}..{MAX_RATE:g}", rate)
        if self.kind is SegmentKind.MISSING or self.kind in _WITHOUT_CLIP:
            return 1.0
        if self.kind is SegmentKind.HOLD and rate != 0:
            raise ArgumentError("Segment", "rate", "must be 0 for a hold", rate)
        if self.kind is SegmentKind.MATCH and rate == 0:
            raise ArgumentError("Segment", "rate", "must not be 0 for a match (a hold repeats one frame)", rate)
        return rate

    def _checked_phase(self) -> float:
        phase = number(self.phase, "Segment", "phase")
        if not -0.5 <= phase < 0.5:
            raise ArgumentError("Segment", "phase", "must lie in -0.5..0.5, without 0.5", phase)
        # Closer to 0.5 the line would miss its own first frame by rounding.
        return min(phase, 0.4999999999) if self.kind is SegmentKind.MATCH else 0.0

    def _checked_count(self) -> int | None:
        if self.kind is SegmentKind.MISSING:
            return whole(self.clip_count, "Segment", "clip_count", least=1)
        if self.clip_count is not None:
            rule = f"must be None for {_NAMED[self.kind]} (only a missing one has it)"
            raise ArgumentError("Segment", "clip_count", rule, self.clip_count)
        return None

    def __len__(self) -> int:
        """Number of ref frames: at least 1, but 0 for a missing segment."""
        return self.ref_last - self.ref_first + 1

    @property
    def clip_last(self) -> int | None:
        """Clip frame shown at `ref_last`; for missing segments the last that ref lacks; None for inserts and black."""
        if self.clip_first is None:
            return None
        if self.clip_count is not None:
            return self.clip_first + self.clip_count - 1
        return self.clip_first + self._steps(self.ref_last - self.ref_first)

    def clip_frame(self, n: int) -> int | None:
        """Clip frame shown at ref frame n (`ref_first..ref_last`), None for an insert and black."""
        if not self.ref_first <= n <= self.ref_last:
            raise ArgumentError("Segment.clip_frame", "n", f"must lie in {self.ref_first}..{self.ref_last}", n)
        if self.clip_first is None:
            return None
        return self.clip_first + self._steps(n - self.ref_first)

    def _steps(self, i: int) -> int:
        """Return the distance in clip frames from `clip_first` to the frame at `ref_first + i`."""
        # At rate 1 the phase changes no frame, but one close to 0.5 might by rounding.
        return i if self.rate == 1 else math.floor(i * self.rate + self.phase + 0.5)

    def clip_frames(self) -> Sequence[int | None]:
        """Clip frames of all ref frames of the segment, in order."""
        if self.clip_first is None or self.rate == 0:
            return [self.clip_first] * len(self)
        if self.rate == 1:
            return range(self.clip_first, self.clip_first + len(self))
        return [self.clip_first + self._steps(i) for i in range(len(self))]


_WITHOUT_CLIP = (SegmentKind.INSERT, SegmentKind.BLACK)
_NAMED = {
    SegmentKind.MATCH: "a match",
    SegmentKind.HOLD: "a hold",
    SegmentKind.INSERT: "an insert",
    SegmentKind.MISSING: "a missing one",
    SegmentKind.BLACK: "black",
}


def _kind(value: Any) -> SegmentKind:
    try:
        return SegmentKind(value)
    except ValueError:
        choices = ", ".join(kind.value for kind in SegmentKind)
        raise ArgumentError("Segment", "kind", f"must be one of {choices}", repr(value)) from None


def whole(value: Any, function: str, name: str, least: int = 0) -> int:
    """Return value as a plain int, or raise `ArgumentError` if it is not an integer of at least `least`."""
    if value.__class__ is int and value >= least:
        return int(value)
    try:
        result = operator.index(value)
    except TypeError:
        raise ArgumentError(function, name, "must be a whole number", repr(value)) from None
    if result < least:
        raise ArgumentError(function, name, f"must be at least {least}", result)
    return result


def number(value: Any, function: str, name: str) -> float:
    """Return value as a plain float (it may be infinite), or raise `ArgumentError` if it is not a number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(function, name, "must be a number", repr(value)) from None


def share(value: Any, function: str, name: str) -> float:
    """Return value as a plain float, or raise `ArgumentError` if it is not a number in 0..1."""
    result = number(value, function, name)
    if not 0 <= result <= 1:
        raise ArgumentError(function, name, "must lie in 0..1", result)
    return result


def finite_score(value: Any, function: str, name: str) -> float | None:
    """Return value as a plain float, None if not finite, or raise `ArgumentError` if it is negative or no number."""
    result = number(value, function, name)
    if not math.isfinite(result):
        return None
    if result < 0:
        raise ArgumentError(function, name, "must be at least 0", result)
    return result


def segments_of(
    frame_map: Sequence[int | None], confidences: Sequence[float | None] = (), ref_first: int = 0
) -> list[Segment]:
    """Write a frame map as segments, without loss.

    Frames that rise by one are a match, equal frames a hold, None an insert. One repeated frame inside a rising run
    is two matches whose offsets differ by one, not a hold of two frames between two matches.

    Args:
        frame_map: Clip frame of each ref frame, None if there is none.
        confidences: 0..1 or None per entry of `frame_map`, or empty. A segment gets the mean of its frames.
        ref_first: Ref frame of the first entry.

    Returns:
        Contiguous segments in order.
    """
    segments = []
    for first, last, kind in _pieces(frame_map):
        rate = 0.0 if kind is SegmentKind.HOLD else 1.0
        confidence = _mean([c for c in confidences[first : last + 1] if c is not None])
        segments.append(Segment(ref_first + first, ref_first + last, frame_map[first], rate, kind, confidence))
    return segments


def _pieces(frame_map: Sequence[int | None]) -> Iterator[tuple[int, int, SegmentKind]]:
    """Yield first index, last index and kind of each segment."""
    runs: list[tuple[int, int, int | None]] = []
    first = 0
    for frame, group in groupby(frame_map):
        length = len(list(group))
        runs.append((first, length, frame))
        first += length
    rising: int | None = None
    for i, (first, length, frame) in enumerate(runs):
        if rising is not None and length == 2 and _is_repeat(runs, i):
            yield rising, first, SegmentKind.MATCH
            rising = first + 1
            continue
        if rising is not None and not (length == 1 and _rises(runs[i - 1][2], frame)):
            yield rising, first - 1, SegmentKind.MATCH
            rising = None
        if frame is None:
            yield first, first + length - 1, SegmentKind.INSERT
        elif length > 1:
            yield first, first + length - 1, SegmentKind.HOLD
        elif rising is None:
            rising = first
    if rising is not None:
        yield rising, len(frame_map) - 1, SegmentKind.MATCH


def _rises(before: int | None, frame: int | None) -> bool:
    return before is not None and frame == before + 1


def _is_repeat(runs: Sequence[tuple[int, int, int | None]], i: int) -> bool:
    """Return whether run i (length 2) is one repeated frame between single frames that rise by one."""
    frame = runs[i][2]
    if frame is None or i == 0 or i + 1 == len(runs):
        return False
    return runs[i - 1][1:] == (1, frame - 1) and runs[i + 1][1:] == (1, frame + 1)


def _mean(values: Sequence[float]) -> float | None:
    if not values:
        return None
    # A mean of equal numbers must be that number to the last bit, or confidences would creep with every rebuild.
    low, high = min(values), max(values)
    return min(max(math.fsum(values) / len(values), low), high)


def frame_map_of(segments: Sequence[Segment]) -> tuple[int | None, ...]:
    """Return the clip frame of each ref frame, None in inserts. The segments must be contiguous from ref frame 0."""
    frames: list[int | None] = []
    for segment in segments:
        frames.extend(segment.clip_frames())
    return tuple(frames)


def mend_segments(
    segments: Sequence[Segment], frame_map: Sequence[int | None], confidences: Sequence[float] = ()
) -> list[Segment]:
    """Change segments so that they give `frame_map`, and keep those that already do.

    Unchanged segments are kept: an edit of one frame must not split a drift of rate 1.001 elsewhere into many matches.

    Args:
        segments: Contiguous segments over all of `frame_map`.
        frame_map: The wanted clip frame of each ref frame.
        confidences: 0..1 per ref frame, or empty: then new segments inherit from those that they replace.

    Returns:
        Contiguous segments in order.
    """
    mended: list[Segment] = []
    for keep, pairs in groupby(zip(_kept(segments, frame_map), segments, strict=True), key=operator.itemgetter(0)):
        group = [segment for _, segment in pairs]
        if keep:
            mended += group
            continue
        first, stop = group[0].ref_first, group[-1].ref_last + 1
        inherited = [s.confidence for s in group for _ in range(len(s))]
        sure = list(confidences[first:stop]) if len(confidences) else inherited
        mended += segments_of(frame_map[first:stop], sure, first)
    return mended


def _kept(segments: Sequence[Segment], frame_map: Sequence[int | None]) -> list[bool]:
    """Return whether each segment gives its part of the map; missing segments follow their neighbors."""
    kept = [list(s.clip_frames()) == list(frame_map[s.ref_first : s.ref_last + 1]) for s in segments]
    for order in (range(len(kept)), reversed(range(len(kept)))):
        beside = True
        for i in order:
            if len(segments[i]):
                beside = kept[i]
            else:
                kept[i] = kept[i] and beside
    return kept


def check_segments(segments: Sequence[Segment], clip_length: int, ref_length: int) -> None:
    """Raise `ArgumentError` unless segments cover ref frames 0..ref_length-1 once, in order, with frames of clip.

    Missing segments cover no ref frame and may stand anywhere between the others.
    """
    expected = 0
    for i, segment in enumerate(segments):
        if segment.__class__ is not Segment:
            raise ArgumentError("Timeline", f"segments[{i}]", "must be a Segment", repr(segment))
        if segment.ref_first != expected:
            rule = f"must be {expected}, " + ("the first ref frame" if i == 0 else "one past the segment before")
            raise ArgumentError("Timeline", f"segments[{i}].ref_first", rule, segment.ref_first)
        expected = segment.ref_last + 1
        last = segment.clip_last
        if segment.clip_first is None or last is None:
            continue
        # Clip frames rise or fall all along a segment: its two ends are its extremes.
        if min(segment.clip_first, last) < 0 or max(segment.clip_first, last) >= clip_length:
            verb = "name" if segment.kind is SegmentKind.MISSING else "show"
            rule = f"must {verb} frames of clip, 0..{clip_length - 1}"
            raise ArgumentError("Timeline", f"segments[{i}]", rule, f"{segment.clip_first}..{last}")
    if expected != ref_length:
        argument = f"segments[{len(segments) - 1}].ref_last" if segments else "segments"
        raise ArgumentError("Timeline", argument, f"must end at the last ref frame ({ref_length - 1})", expected - 1)
