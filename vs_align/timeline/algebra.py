"""Inverse and composition of timelines."""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from vs_align.enums import SegmentKind, Verdict
from vs_align.errors import ArgumentError
from vs_align.timeline.segment import Segment
from vs_align.timeline.segment_fitting import segments_on_line

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

_WITHOUT_CLIP = (SegmentKind.INSERT, SegmentKind.BLACK)


def invert_timeline(timeline: "Timeline") -> "Timeline":
    """Return the timeline with clip and ref exchanged, see `Timeline.inverse`."""
    pieces, lacking = _assign_pieces(timeline.segments, timeline.clip_length)
    turned = _inverse_segments(timeline, sorted(pieces, key=lambda piece: piece.first), lacking)
    swapped = replace(
        timeline,
        segments=tuple(_merge_segments(turned, timeline.ref_length)),
        clip_rate=timeline.ref_rate,
        ref_rate=timeline.clip_rate,
        clip_length=timeline.ref_length,
        ref_length=timeline.clip_length,
        clip_times=timeline.ref_times,
        ref_times=timeline.clip_times,
        scores=(),
        confidences=(),
        residual_ms=None if timeline.residual_ms is None else -timeline.residual_ms,
    )
    shown = swapped.frame_map
    scores = [None if n is None else timeline.scores[n] for n in shown] if timeline.scores else ()
    sure = [0.0 if n is None else timeline.confidences[n] for n in shown] if timeline.confidences else ()
    return replace(swapped, scores=tuple(scores), confidences=tuple(sure))


@dataclass(frozen=True, slots=True)
class _Piece:
    """Clip frames `first..last`, assigned to the first segment that shows them."""

    first: int
    last: int
    segment: Segment


def _assign_pieces(
    segments: Sequence[Segment], clip_length: int
) -> tuple[list[_Piece], dict[int, list[tuple[int, int]]]]:
    """Assign each clip frame to the first segment that shows it.

    Returns:
        The pieces in the order of ref; and the runs of ref frames that no piece covers, keyed by the clip frame before
        which they belong.
    """
    taken = bytearray(clip_length)
    pieces: list[_Piece] = []
    lacking: dict[int, list[tuple[int, int]]] = defaultdict(list)
    run: tuple[int, int] | None = None  # ref frames without a piece since the last piece
    for segment in segments:
        for first, last, piece in _covered(segment, _free(taken, segment)):
            if piece is None:
                run = (first if run is None else run[0], last)
                continue
            if run is not None:
                lacking[pieces[-1].last + 1 if pieces else piece.first].append(run)
                run = None
            pieces.append(piece)
            taken[piece.first : piece.last + 1] = b"\1" * (piece.last + 1 - piece.first)
    if run is not None:
        lacking[pieces[-1].last + 1 if pieces else 0].append(run)
    return pieces, lacking


def _free(taken: bytearray, segment: Segment) -> list[_Piece]:
    """Return the runs of clip frames of a segment that no earlier segment has, in rising order."""
    if segment.kind is SegmentKind.MISSING or segment.clip_first is None or segment.clip_last is None:
        return []
    low, high = sorted((segment.clip_first, segment.clip_last))
    return [_Piece(first, last, segment) for first, last in _runs(taken, low, high)]


def _runs(taken: bytearray, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the runs (first, last) of zeros within `first..last`."""
    while (start := taken.find(0, first, last + 1)) >= 0:
        end = taken.find(1, start, last + 1)
        first = last + 1 if end < 0 else end
        yield start, first - 1


def _covered(segment: Segment, pieces: Sequence[_Piece]) -> Iterator[tuple[int, int, _Piece | None]]:
    """Yield the ref frames of a segment as runs (first, last, piece), the piece None for frames without one."""
    if not len(segment):
        return
    if len(pieces) == 1 and segment.kind is SegmentKind.HOLD:
        middle = (segment.ref_first + segment.ref_last) // 2
        if segment.ref_first < middle:
            yield segment.ref_first, middle - 1, None
        yield middle, middle, pieces[0]
        if middle < segment.ref_last:
            yield middle + 1, segment.ref_last, None
    elif len(pieces) == 1 and {pieces[0].first, pieces[0].last} == {segment.clip_first, segment.clip_last}:
        yield segment.ref_first, segment.ref_last, pieces[0]
    elif not pieces:
        yield segment.ref_first, segment.ref_last, None
    else:
        ends = [piece.last for piece in pieces]
        n = segment.ref_first
        for index, frames in groupby(segment.clip_frames(), key=lambda frame: _index(pieces, ends, frame)):
            length = len(list(frames))
            yield n, n + length - 1, None if index is None else pieces[index]
            n += length


def _index(pieces: Sequence[_Piece], ends: Sequence[int], frame: int | None) -> int | None:
    """Return the index of the piece that contains a clip frame, None if there is none."""
    if frame is None:
        return None
    i = bisect_left(ends, frame)
    return i if i < len(pieces) and pieces[i].first <= frame else None


def _inverse_segments(
    timeline: "Timeline", pieces: Sequence[_Piece], lacking: dict[int, list[tuple[int, int]]]
) -> Iterator[Segment]:
    """Yield the segments of the inverse, from pieces sorted by clip frame."""
    sure = {(s.clip_first, s.clip_last): s.confidence for s in timeline.segments if s.kind is SegmentKind.MISSING}
    sure_insert = {(s.ref_first, s.ref_last): s.confidence for s in timeline.segments if s.kind in _WITHOUT_CLIP}

    def missing(n: int) -> Iterator[Segment]:
        for first, last in lacking.get(n, ()):
            confidence = sure_insert.get((first, last))
            yield Segment(n, n - 1, first, 1.0, SegmentKind.MISSING, confidence, clip_count=last - first + 1)

    n = 0
    for piece in pieces:
        if n < piece.first:
            yield from missing(n)
            yield Segment(n, piece.first - 1, None, 1.0, SegmentKind.INSERT, sure.get((n, piece.first - 1)))
        yield from missing(piece.first)
        yield from _inverse_piece(piece)
        n = piece.last + 1
    yield from missing(n)
    if n < timeline.clip_length:
        last = timeline.clip_length - 1
        yield Segment(n, last, None, 1.0, SegmentKind.INSERT, sure.get((n, last)))


def _inverse_piece(piece: _Piece) -> list[Segment]:
    """Return the segments of the inverse for one piece: for each clip frame the nearest ref frame on the line."""
    segment = piece.segment
    first, rate, origin = segment.ref_first, segment.rate, (segment.clip_first or 0)
    if segment.kind is SegmentKind.HOLD:
        middle = (first + segment.ref_last) // 2
        return [Segment(piece.first, piece.last, middle, 1.0, confidence=segment.confidence, score=segment.score)]
    if rate == 1:
        start = first + piece.first - origin
        turned = Segment(
            piece.first,
            piece.last,
            start,
            1.0,
            confidence=segment.confidence,
            phase=_valid_phase(-segment.phase),
            score=segment.score,
        )
        return [turned]
    line = [first + (frame - origin - segment.phase) / rate for frame in range(piece.first, piece.last + 1)]
    # At its ends the line may round to a frame just outside of the segment.
    frames = [min(max(math.floor(n + 0.5), first), segment.ref_last) for n in line]
    return segments_on_line(piece.first, frames, 1 / rate, line[0] - frames[0], segment.confidence, segment.score)


def _valid_phase(phase: float) -> float:
    """Clamp a phase to the valid range. At rate 1 the phase does not change any frame."""
    return min(max(phase, -0.499), 0.499)


def compose_timelines(first: "Timeline", other: "Timeline") -> "Timeline":
    """Return the composition of a timeline from A to B and one from B to C, see `Timeline.then`."""
    if first.ref_length != other.clip_length:
        rule = f"must have a clip as long as this timeline's ref ({first.ref_length} frames)"
        raise ArgumentError("Timeline.then", "other", rule, other.clip_length)
    verdict = None
    if first.verdict is not None and other.verdict is not None:
        verdict = Verdict.worst((first.verdict, other.verdict))
    residual = None
    if first.residual_ms is not None and other.residual_ms is not None:
        residual = first.residual_ms + other.residual_ms
    return replace(
        first,
        segments=tuple(_merge_segments(_Composer(first).segments(other), first.clip_length)),
        ref_rate=other.ref_rate,
        ref_length=other.ref_length,
        scores=(),
        confidences=_composed_confidences(first, other),
        ref_times=other.ref_times,
        notes={},
        verdict=verdict,
        reasons=tuple(dict.fromkeys(first.reasons + other.reasons)),
        residual_ms=residual,
    )


def _composed_confidences(first: "Timeline", other: "Timeline") -> tuple[float, ...]:
    if not first.confidences and not other.confidences:
        return ()
    there = other.confidences or (1.0,) * other.ref_length
    here = first.confidences or (1.0,) * first.ref_length
    return tuple(0.0 if b is None else sure * here[b] for sure, b in zip(there, other.frame_map, strict=True))


class _Composer:
    """Composes the segments of a timeline from A to B with those of one from B to C."""

    def __init__(self, first: "Timeline") -> None:
        self._first = first
        self._starts = [segment.ref_first for segment in first.segments]
        # Frames of B up to this one are done, with the missing segments of A between them.
        self._passed = -1

    def segments(self, other: "Timeline") -> Iterator[Segment]:
        """Yield the segments from A to C."""
        for segment in other.segments:
            if segment.kind in _WITHOUT_CLIP:
                yield replace(segment, score=None)
            elif segment.kind is SegmentKind.MISSING:
                yield from self._missing(segment)
            else:
                yield from self._shown(segment)
        yield from self._pass(other.ref_length, self._first.ref_length)

    def _pass(self, n: int, b: int) -> Iterator[Segment]:
        """Yield the missing segments of the first timeline up to frame b of B, placed before frame n of C."""
        low = bisect_right(self._starts, self._passed)
        for segment in self._first.segments[low : bisect_right(self._starts, b)]:
            if segment.kind is SegmentKind.MISSING:
                yield replace(segment, ref_first=n, ref_last=n - 1)
        self._passed = max(self._passed, b)

    def _missing(self, segment: Segment) -> Iterator[Segment]:
        """Yield missing segments with the frames of A for frames of B that C lacks."""
        b, last = segment.clip_first or 0, segment.clip_last or 0
        while b <= last:
            part = self._first.segment_at(b)
            stop = min(part.ref_last, last)
            yield from self._pass(segment.ref_first, b)
            ends = [frame for frame in (part.clip_frame(b), part.clip_frame(stop)) if frame is not None]
            if ends:
                count = max(ends) - min(ends) + 1
                yield replace(
                    segment,
                    clip_first=min(ends),
                    clip_count=count,
                    confidence=_joint_confidence(part, segment),
                    score=None,
                )
            self._passed, b = max(self._passed, stop), stop + 1

    def _shown(self, segment: Segment) -> Iterator[Segment]:
        """Yield the segments of a match or hold, split at the segments of the first timeline."""
        frames = [frame for frame in segment.clip_frames() if frame is not None]
        i = 0
        while i < len(frames):
            part = self._first.segment_at(frames[i])
            if segment.rate >= 0:
                j = bisect_right(frames, part.ref_last, i)
            else:
                j = bisect_right(frames, -part.ref_first, i, key=lambda frame: -frame)
            yield from self._pass(segment.ref_first + i, frames[i])
            yield from _compose_segments(part, segment, i, frames[i:j])
            self._passed = max(self._passed, frames[i], frames[j - 1])
            i = j


def _compose_segments(part: Segment, segment: Segment, i: int, middle: Sequence[int]) -> list[Segment]:
    """Compose one segment of each timeline.

    Args:
        part: Segment from A to B.
        segment: Segment from B to C.
        i: First entry of `segment` that lies in `part`.
        middle: Frames of B of the entries i and later.

    Returns:
        Segments from A to C.
    """
    start, sure = segment.ref_first + i, _joint_confidence(part, segment)
    last = start + len(middle) - 1
    if part.clip_first is None:
        return [Segment(start, last, None, 1.0, part.kind, sure)]
    if part.kind is SegmentKind.HOLD or segment.kind is SegmentKind.HOLD:
        frame = part.clip_frame(middle[0])
        if len(middle) == 1:
            return [Segment(start, last, frame, 1.0, confidence=sure)]
        return [Segment(start, last, frame, 0.0, SegmentKind.HOLD, sure)]
    if part.rate == 1 and segment.rate == 1:
        phase = _valid_phase(part.phase + segment.phase)
        return [Segment(start, last, part.clip_frame(middle[0]), 1.0, confidence=sure, phase=phase)]
    frames = [frame for b in middle if (frame := part.clip_frame(b)) is not None]
    line = (segment.clip_first or 0) + i * segment.rate + segment.phase
    line = part.clip_first + (line - part.ref_first) * part.rate + part.phase
    rate = part.rate * segment.rate
    # Two roundings do not give a line in general; if one of the rates is 1, the other one is exact.
    return segments_on_line(start, frames, rate, line - frames[0], sure, further_rates=(part.rate, segment.rate))


def _joint_confidence(one: Segment, two: Segment) -> float | None:
    """Return the confidence of a composition: the product of the known ones, None if none is known."""
    known = [sure for sure in (one.confidence, two.confidence) if sure is not None]
    return math.prod(known) if known else None


def _merge_segments(segments: Iterator[Segment], clip_length: int) -> Iterator[Segment]:
    """Yield segments, with equal neighbors merged and without missing frames that another segment shows."""
    found = list(segments)
    shown = bytearray(clip_length)
    for segment in found:
        if segment.kind is not SegmentKind.MISSING and segment.clip_first is not None and segment.clip_last is not None:
            low, high = sorted((segment.clip_first, segment.clip_last))
            shown[low : high + 1] = b"\1" * (high + 1 - low)
    before: Segment | None = None
    for segment in found:
        for part in _without_shown(segment, shown) if segment.kind is SegmentKind.MISSING else [segment]:
            if before is not None and _is_continuation(before, part):
                count = None if before.clip_count is None else before.clip_count + (part.clip_count or 0)
                before = replace(before, ref_last=part.ref_last, clip_count=count)
                continue
            if before is not None:
                yield before
            before = part
    if before is not None:
        yield before


def _without_shown(segment: Segment, shown: bytearray) -> Iterator[Segment]:
    for first, last in _runs(shown, segment.clip_first or 0, segment.clip_last or 0):
        yield replace(segment, clip_first=first, clip_count=last - first + 1)


def _is_continuation(before: Segment, segment: Segment) -> bool:
    """Return whether two consecutive segments can be merged into one."""
    if (before.kind, before.confidence, before.score) != (segment.kind, segment.confidence, segment.score):
        return False
    if segment.kind is SegmentKind.HOLD:
        return before.clip_first == segment.clip_first
    if before.clip_last is None:
        return True
    steady = before.rate == segment.rate == 1 and before.phase == segment.phase
    return steady and segment.clip_first == before.clip_last + 1
