"""Lossless fit of segments, that is of straight lines with rounding, to runs of clip frames."""

import math
from collections.abc import Sequence

from vs_align.timeline.segment import MAX_RATE, Segment, segments_of


def segments_on_line(
    ref_first: int,
    frames: Sequence[int],
    rate: float,
    phase: float = 0.0,
    confidence: float | None = None,
    score: float | None = None,
    further_rates: Sequence[float] = (),
) -> list[Segment]:
    """Write clip frames as one match of a given rate, without loss.

    A single frame at either end that does not fit becomes a match of its own. If that is not enough, several matches
    are used, each as long as one of the rates allows, or the segments of `segments_of` if those are fewer.

    Args:
        ref_first: Ref frame of the first entry.
        frames: Clip frame of each ref frame, at least one.
        rate: Clip frames per ref frame, not 0.
        phase: Wanted phase; the nearest phase that gives the frames is taken.
        confidence: Confidence of the segments.
        score: Score of the segments.
        further_rates: Further rates for the case of several matches.

    Returns:
        Contiguous segments in order.
    """
    for left, right in ((0, 0), (1, 0), (0, 1), (1, 1)):
        if len(frames) <= left + right:
            break
        stop = len(frames) - right
        # the same line; its phase differs because it starts later
        shifted = phase + frames[0] + left * rate - frames[left]
        line = _line(ref_first + left, frames[left:stop], rate, shifted, confidence, score)
        if line is not None:
            single = [Segment(ref_first, ref_first, frames[0], 1.0, confidence=confidence, score=score)] * left
            end = ref_first + stop
            return [*single, line, *[Segment(end, end, frames[-1], 1.0, confidence=confidence, score=score)] * right]
    rates = [choice for choice in dict.fromkeys((rate, *further_rates)) if 0 < abs(choice) <= MAX_RATE]
    lines = _lines(ref_first, frames, rates, confidence, score)
    plain = segments_of(frames, [confidence] * len(frames), ref_first)
    return lines if len(lines) < len(plain) else plain


def _lines(
    ref_first: int, frames: Sequence[int], rates: Sequence[float], confidence: float | None, score: float | None
) -> list[Segment]:
    """Return matches from left to right, each with the rate that gives the most frames (greedy)."""
    segments: list[Segment] = []
    i = 0
    while i < len(frames):
        stop, rate, phase = max((_reach(frames, i, choice) for choice in rates), default=(i + 1, 1.0, 0.0))
        if stop == i + 1:
            rate, phase = 1.0, 0.0
        segment = Segment(
            ref_first + i, ref_first + stop - 1, frames[i], rate, confidence=confidence, phase=phase, score=score
        )
        segments.append(segment)
        i = stop
    return segments


def _reach(frames: Sequence[int], i: int, rate: float) -> tuple[int, float, float]:
    """Return the entry behind the longest run from entry i that a line of a rate gives; the rate; and a phase."""
    low, high = -0.5, 0.5
    stop = i
    while stop < len(frames):
        least = frames[stop] - frames[i] - 0.5 - (stop - i) * rate
        # a margin against rounding
        if min(high, least + 1) - max(low, least) < 1e-6:
            break
        low, high = max(low, least), min(high, least + 1)
        stop += 1
    return stop, rate, (low + high) / 2


def _line(
    ref_first: int, frames: Sequence[int], rate: float, phase: float, confidence: float | None, score: float | None
) -> Segment | None:
    """Return one match of a rate that gives the frames, None if there is none."""
    if not 0 < abs(rate) <= MAX_RATE:
        return None
    # Each frame allows the phases low <= phase < low + 1; the first one the valid phases of a segment.
    lows = [frame - frames[0] - 0.5 - i * rate for i, frame in enumerate(frames)]
    low, high = max(lows), min(lows) + 1
    if not low < high:
        return None
    inside = min(max(phase, low), math.nextafter(high, low))
    for choice in (inside, (low + high) / 2):
        if -0.5 <= choice < 0.5:
            segment = Segment(
                ref_first,
                ref_first + len(frames) - 1,
                frames[0],
                rate,
                confidence=confidence,
                phase=choice,
                score=score,
            )
            # The bounds are rounded, so a phase on one of them may miss.
            if list(segment.clip_frames()) == list(frames):
                return segment
    return None
