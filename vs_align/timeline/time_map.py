"""`TimeMap`: piecewise linear map between the times of clip and ref, for audio, subtitles and cut lists."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float64Array, Int64Array, IntpArray
from vs_align.timeline.consensus import consensus_of
from vs_align.timeline.speed import likely_speed

if TYPE_CHECKING:
    from vs_align.timeline.passages import Passage
    from vs_align.timeline.timeline import Timeline


_EXACT_SECONDS = 1e-4
"""Deviation in seconds over a stretch below which a known speed counts as 1: inaudible."""
_FITTED_FRAMES = 0.1
"""Deviation in ref frames over a stretch below which a fitted speed counts as 1: uncertainty of the fit."""
_ROUNDING_FRAMES = 0.99
"""Largest spread in clip frames of frames on one line: rounding, which is less than one frame."""
_MAJORITY = 0.5
"""Share of the frames of a stretch that must agree on one line; else the median is used."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Range of ref frames over which clip runs at one speed. Times in seconds, each on the clock of its own clip."""

    ref_first: int
    ref_last: int
    ref_start: float
    ref_end: float
    """Time of ref at the end of its last frame."""
    clip_start: float
    """Time of clip at `ref_start`."""
    speed: float
    """Seconds of clip per second of ref, above 0."""

    def ref_time(self, clip_time: float) -> float:
        """Map a time of clip to ref; extrapolated beyond both ends."""
        return self.ref_start + (clip_time - self.clip_start) / self.speed

    def clip_time(self, ref_time: float) -> float:
        """Map a time of ref to clip; extrapolated beyond both ends."""
        return self.clip_start + (ref_time - self.ref_start) * self.speed


class TimeMap:
    """Frame times of clip and ref, and the stretches of constant speed between them.

    Args:
        timeline: A timeline with frame rates or time stamps of both clips.
        function: Name of the public function, for messages.
        clip_start: Time of clip's first frame in seconds of the clock of its file. None: its time stamp, 0 if unknown.
        ref_start: Time of ref's first frame in the same way.

    Raises:
        ArgumentError: Neither rate nor time stamps of one of the clips are known.
    """

    def __init__(
        self, timeline: "Timeline", function: str, clip_start: float | None = None, ref_start: float | None = None
    ) -> None:
        self.timeline = timeline
        ref_times = shown_times(timeline.ref_times, timeline.ref_rate, timeline.ref_length, "ref", function)
        clip_times = shown_times(timeline.clip_times, timeline.clip_rate, timeline.clip_length, "clip", function)
        self.ref_times, self.clip_times = _begun(ref_times, ref_start), _begun(clip_times, clip_start)
        self.frames: Int64Array = np.array([-1 if n is None else n for n in timeline.frame_map], np.int64)
        """Clip frame of each ref frame, -1 for none."""
        self.stretches = tuple(self._stretches())
        self._firsts = [stretch.ref_first for stretch in self.stretches]

    def stretch_at(self, n: int) -> Stretch | None:
        """Return the stretch of ref frame n, None in freezes and gaps."""
        i = bisect_right(self._firsts, n) - 1
        return self.stretches[i] if i >= 0 and n <= self.stretches[i].ref_last else None

    def _stretches(self) -> list[Stretch]:
        found = [self._stretch(p) for p in self.timeline.passages() if p.kind is SegmentKind.MATCH]
        return [stretch for stretch in found if stretch is not None]

    def _stretch(self, passage: "Passage") -> Stretch | None:
        first, stop = passage.ref_first, passage.ref_last + 1
        shown = first + np.flatnonzero(self.frames[first:stop] >= 0)
        speed = self._speed(passage, shown)
        # Audio and text cannot run backwards, and frames that do are no place for either.
        if shown.size == 0 or speed <= 0:
            return None
        start, end = float(self.ref_times[first]), float(self.ref_times[stop])
        offset = self._line_offset(passage)
        if offset is None:
            rests = self.clip_times[self.frames[shown]] - speed * (self.ref_times[shown] - start)
            # robust offset: rounding spreads by less than a frame of clip, and a few outliers must not move it
            agreed = consensus_of(rests, _ROUNDING_FRAMES * _frame_seconds(self.clip_times))
            offset = agreed.middle if agreed.share >= _MAJORITY else float(np.median(rests))
        return Stretch(first, passage.ref_last, start, end, offset, speed)

    def _line_offset(self, passage: "Passage") -> float | None:
        """Return the time of clip at the first frame of a passage of a single segment, None for other passages."""
        segment = self.timeline.segment_at(passage.ref_first)
        alone = segment.ref_first == passage.ref_first and segment.ref_last == passage.ref_last
        if not alone or segment.clip_first is None or self.timeline.clip_times:
            return None
        return float(self.clip_times[0]) + float(
            (segment.clip_first + Fraction(segment.phase)) / self.timeline.clip_rate
        )

    def _speed(self, passage: "Passage", shown: IntpArray) -> float:
        timeline, first = self.timeline, passage.ref_first
        span = float(self.ref_times[passage.ref_last + 1] - self.ref_times[first])
        if timeline.clip_times or timeline.ref_times:
            known = timeline.clip_rate and timeline.ref_rate
            usual = float(Fraction(passage.rate) * timeline.ref_rate / timeline.clip_rate) if known else None
            frame = max(_frame_seconds(self.clip_times), _frame_seconds(self.ref_times))
            return likely_speed(self._fitted_speed(shown), span, frame, usual)
        speed = float(Fraction(passage.rate) * timeline.ref_rate / timeline.clip_rate)
        segment = timeline.segment_at(first)
        alone = (segment.ref_first, segment.ref_last) == (first, passage.ref_last)
        slack = _EXACT_SECONDS if alone else _FITTED_FRAMES * _frame_seconds(self.ref_times)
        return 1.0 if abs(speed - 1) * span <= slack else speed

    def _fitted_speed(self, shown: IntpArray) -> float:
        """Return the slope of clip time over ref time by least squares."""
        if shown.size < 2:
            return 1.0
        ref, clip = self.ref_times[shown], self.clip_times[self.frames[shown]]
        ref, clip = ref - ref.mean(), clip - clip.mean()
        spread = float(np.square(ref).sum())
        return float((ref * clip).sum() / spread) if spread > 0 else 1.0


def shown_times(times: tuple[float, ...], rate: Fraction, length: int, side: str, function: str) -> Float64Array:
    """Return the start time of each frame and, as last entry, the end time of the last frame, shape (length + 1,).

    In seconds of the clock of the time stamps, else since the first frame.

    Args:
        times: Time stamps in seconds, or empty.
        rate: Frames per second, 0 if unknown.
        length: Number of frames.
        side: "clip" or "ref", for the message.
        function: Name of the public function, for the message.

    Raises:
        ArgumentError: There are neither time stamps nor a rate.
    """
    if times:
        # the duration of the last frame is not stored: take the mean of the others
        span = times[-1] - times[0]
        last = span / (length - 1) if span > 0 else float(1 / rate) if rate else 0.0
        return np.append(np.asarray(times, float), times[-1] + last)
    if not rate:
        rule = f"must have a frame rate or time stamps of {side}"
        raise ArgumentError(function, f"timeline.{side}_rate", rule, 0)
    return np.arange(length + 1, dtype=np.float64) * rate.denominator / rate.numerator


def _begun(times: Float64Array, start: float | None) -> Float64Array:
    return times if start is None else times - times[0] + start


def _frame_seconds(times: Float64Array) -> float:
    return float(times[-1] - times[0]) / (len(times) - 1)


def milliseconds(times: Float64Array) -> Int64Array:
    """Round times in seconds to integer milliseconds."""
    return np.rint(times * 1000).astype(np.int64)


def clock_text(milliseconds: float, comma: str = ".") -> str:
    """Format a time in milliseconds as hh:mm:ss.mmm, with a sign if negative."""
    total = math.floor(abs(milliseconds) + 0.5)
    sign = "-" if milliseconds < 0 and total else ""
    hours, rest = divmod(total, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, thousandths = divmod(rest, 1000)
    return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}{comma}{thousandths:03d}"
