"""`ResampledClock`: the time of bg sampled at the higher frame rate of fg, for `timing="bg"`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from vs_align.enums import SegmentKind
from vs_align.io.array_types import Int64Array
from vs_align.timeline.segment import Segment, segments_of
from vs_align.timeline.time_map import Stretch, TimeMap
from vs_align.timeline.timeline import Timeline

_FRAME_FOR_FRAME = 0.05
"""Deviation in frames over a whole stretch below which its speed counts as 1: fg is shown frame for frame."""
_FREE = -1
"""Mark of output frames that no stretch covers."""


@dataclass(frozen=True, slots=True)
class ResampledClock:
    """Sampling times at the frame rate of fg over the duration of bg.

    Sample r shows bg frame floor(r * step + phase). The phase is chosen so that in the longest stretch the pairs of
    frames are those of the timeline.

    Args:
        rate: Samples per second.
        step: Bg frames per sample, below 1.
        phase: In bg frames, 0..1, halfway between two values at which the frame numbers change: rounding is safe.
        begin: The phase that the longest stretch gives, before it is moved to such a value.
        length: Number of samples.
        stretches: Intervals of fg with a constant speed.
    """

    rate: Fraction
    step: Fraction
    phase: Fraction
    begin: float
    length: int
    stretches: tuple[Stretch, ...]

    @classmethod
    def of(cls, timeline: Timeline) -> "ResampledClock | None":
        """Return the clock for `sync(bg, fg)`; None if bg has at least the rate of fg, or a rate is variable."""
        bg, fg = timeline.clip_rate, timeline.ref_rate
        if timeline.clip_times or timeline.ref_times or not 0 < bg < fg:
            return None
        step, stretches = bg / fg, TimeMap(timeline, "overlay").stretches
        begin = 0.0
        if stretches:
            longest = max(stretches, key=lambda stretch: stretch.ref_last - stretch.ref_first)
            place = longest.clip_start * float(bg) - longest.ref_first * float(step)
            begin = (place + 0.5) % float(step)
        # bg frame positions are multiples of 1 / cells: halfway between two of them no rounding can change a frame
        cells = step.denominator
        phase = Fraction(2 * math.floor(begin * cells) + 1, 2 * cells)
        return cls(fg, step, phase, begin, math.ceil((timeline.clip_length - phase) / step), stretches)

    def bg_timeline(self, timeline: Timeline, first: int, stop: int) -> Timeline:
        """Return the timeline from bg to the samples `first..stop-1`; samples before and behind bg are inserts."""
        low, high = max(first, 0), min(stop, self.length)
        place = low * self.step + self.phase
        frame = math.floor(place)
        phase = float(place - frame - Fraction(1, 2))
        segments = [Segment(low - first, high - 1 - first, frame, float(self.step), phase=phase)]
        if low > first:
            segments.insert(0, Segment(0, low - first - 1, None, kind=SegmentKind.INSERT))
        if high < stop:
            segments.append(Segment(high - first, stop - first - 1, None, kind=SegmentKind.INSERT))
        return Timeline(
            segments=tuple(segments),
            clip_rate=timeline.clip_rate,
            ref_rate=self.rate,
            clip_length=timeline.clip_length,
            ref_length=stop - first,
        )

    def fg_timeline(self, timeline: Timeline) -> Timeline:
        """Return the timeline from fg to the samples, along the straight lines of the stretches, without drift.

        Outside of the stretches, as in a freeze, a sample shows the fg frame that matches its bg frame.
        """
        lines = [self._line(stretch, timeline) for stretch in self.stretches]
        taken = np.full(self.length, _FREE, np.int64)
        # if bg shows fg frames twice, the first stretch of fg wins, as in Timeline.inverse
        for i in reversed(range(len(lines))):
            low, high, _, _ = lines[i]
            taken[low:high] = i
        segments: list[Segment] = []
        plain = self._without_line(timeline) if (taken == _FREE).any() else []
        for i, low, high in _runs(taken):
            if i == _FREE:
                frames = [plain[math.floor(r * self.step + self.phase)] for r in range(low, high)]
                segments += segments_of(frames, (), low)
            else:
                start, _, begin, rate = lines[i]
                place = begin + (low - start) * rate
                frame = math.floor(place + 0.5)
                confidence = timeline.segment_at(frame).confidence
                segments.append(Segment(low, high - 1, frame, rate, phase=place - frame, confidence=confidence))
        made = Timeline(
            segments=tuple(segments),
            clip_rate=timeline.ref_rate,
            ref_rate=self.rate,
            clip_length=timeline.ref_length,
            ref_length=self.length,
            verdict=timeline.verdict,
            reasons=timeline.reasons,
            residual_ms=None if timeline.residual_ms is None else -timeline.residual_ms,
        )
        if not timeline.confidences:
            return made
        sure = tuple(0.0 if n is None else timeline.confidences[n] for n in made.frame_map)
        return replace(made, confidences=sure)

    def _without_line(self, timeline: Timeline) -> list[int | None]:
        """Return the fg frame of each bg frame, None for fg frames inside a stretch."""
        lined = bytearray(timeline.ref_length)
        for stretch in self.stretches:
            lined[stretch.ref_first : stretch.ref_last + 1] = b"\1" * (stretch.ref_last + 1 - stretch.ref_first)
        return [None if n is None or lined[n] else n for n in timeline.inverse().frame_map]

    def _line(self, stretch: Stretch, timeline: Timeline) -> tuple[int, int, float, float]:
        """Return the samples [low, high) of a stretch, its fg frame at low, and fg frames per sample."""
        rate = 1 / stretch.speed
        count = stretch.ref_last - stretch.ref_first + 1
        if abs(rate - 1) * count < _FRAME_FOR_FRAME:
            rate = 1.0
        place = stretch.clip_start * float(timeline.clip_rate)
        begin = stretch.ref_first + (self.begin - 0.5 - place) * rate / float(self.step)
        low = max(0, math.ceil((stretch.ref_first - 0.5 - begin) / rate))
        high = min(self.length, math.ceil((stretch.ref_last + 0.5 - begin) / rate))
        while low < high and math.floor(begin + low * rate + 0.5) < stretch.ref_first:
            low += 1
        while low < high and math.floor(begin + (high - 1) * rate + 0.5) > stretch.ref_last:
            high -= 1
        return low, max(low, high), begin + low * rate, rate


def _runs(values: Int64Array) -> Iterator[tuple[int, int, int]]:
    """Yield (value, start, stop) of each run of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    for low, high in pairwise(edges):
        yield int(values[low]), low, high
