"""Speed of clip relative to ref from time stamps: least-squares fit, snapped to the speed that frame rates suggest."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from vs_align.timeline.validation import seconds_of

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline


def stamped_speed(timeline: "Timeline", ref_first: int, ref_last: int, rate: float) -> float | None:
    """Return seconds of clip per second of ref over a range of matches of a timeline with time stamps.

    A straight line is fitted to the times of all frames by least squares. If the result differs by less than a frame
    over the whole range from 1 or from the speed that the frame rates suggest, that speed is returned: single wrong
    stamps, gaps and rounding cause such differences.

    Args:
        timeline: A timeline with time stamps of clip, of ref, or of both.
        ref_first: First ref frame of the range.
        ref_last: Last ref frame of the range.
        rate: Clip frames per ref frame in the range.

    Returns:
        The speed; None if times are unknown, or fewer than two frames are matched.
    """
    places, times = [], []
    for n in range(ref_first, ref_last + 1):
        frame = timeline.frame_map[n]
        if frame is None:
            continue
        ref_time = seconds_of(n, timeline.ref_times, timeline.ref_rate)
        clip_time = seconds_of(frame, timeline.clip_times, timeline.clip_rate)
        if ref_time is None or clip_time is None:
            return None
        places.append(ref_time)
        times.append(clip_time)
    if len(places) < 2 or places[0] == places[-1]:
        return None
    frame_seconds = _frame_seconds(timeline, places)
    return likely_speed(slope(places, times), places[-1] - places[0], frame_seconds, _usual(timeline, rate))


def likely_speed(measured: float, span: float, frame: float, usual: float | None) -> float:
    """Snap a fitted speed to 1 or `usual` if that differs by less than a frame over the whole span.

    Args:
        measured: Fitted speed, in seconds of clip per second of ref.
        span: Duration of the fit in seconds of ref.
        frame: Duration of a frame in seconds.
        usual: Speed that the frame rates of both suggest, None if unknown.
    """
    likely = [1.0] if usual is None else [1.0, usual]
    near = [speed for speed in likely if abs(speed - measured) * span <= frame]
    return min(near, key=lambda speed: abs(speed - measured), default=measured)


def slope(places: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the least-squares line through values at rising places."""
    middle, level = math.fsum(places) / len(places), math.fsum(values) / len(values)
    spread = math.fsum((x - middle) ** 2 for x in places)
    return math.fsum((x - middle) * (y - level) for x, y in zip(places, values, strict=True)) / spread


def _frame_seconds(timeline: "Timeline", places: Sequence[float]) -> float:
    mean = (places[-1] - places[0]) / (len(places) - 1)
    return max([mean, *(float(1 / rate) for rate in (timeline.clip_rate, timeline.ref_rate) if rate)])


def _usual(timeline: "Timeline", rate: float) -> float | None:
    if not timeline.clip_rate or not timeline.ref_rate:
        return None
    return float(Fraction(rate) * timeline.ref_rate / timeline.clip_rate)
