"""Cut lists of both audio tracks of an overlay, from its schedule."""

from fractions import Fraction
from typing import TYPE_CHECKING

from vs_align.decide.cut_list.cut_list import AudioSegment, line_segments
from vs_align.enums import Timing
from vs_align.timeline.time_map import TimeMap

if TYPE_CHECKING:
    from vs_align.decide.schedule.schedule import Schedule

_FUNCTION = "overlay_audio"


def bg_segments(schedule: "Schedule", rate: int) -> list[AudioSegment]:
    """Cut bg's audio, without gaps from the first to the last sample of the result.

    Args:
        schedule: Which frames the result shows.
        rate: Samples per second.

    Raises:
        ArgumentError: Neither the rate nor the time stamps of bg or of the result are known.
    """
    line = schedule.bg
    variable = line.clip_times or line.ref_times
    if schedule.clock is Timing.BG and not variable and 0 < line.clip_rate != line.ref_rate:
        return _unchanged_bg(schedule, rate)
    return line_segments(TimeMap(line, _FUNCTION), rate, line.residual_ms)


def fg_segments(schedule: "Schedule", rate: int) -> list[AudioSegment]:
    """Cut fg's audio, without gaps from the first to the last sample of the result.

    Args:
        schedule: Which frames the result shows.
        rate: Samples per second.

    Raises:
        ArgumentError: Neither the rate nor the time stamps of fg or of the result are known.
    """
    return line_segments(TimeMap(schedule.fg, _FUNCTION), rate, schedule.fg.residual_ms)


def _unchanged_bg(schedule: "Schedule", rate: int) -> list[AudioSegment]:
    """Bg's audio at speed 1 if the result has bg's time at another frame rate.

    Repeated frames would make lines of it that are exact to a frame only, and the clock is exact to the sample.
    """
    line = schedule.bg
    start = schedule.first / line.ref_rate
    total = round(line.ref_length / line.ref_rate * rate)
    ends = -start * rate, (Fraction(line.clip_length) / line.clip_rate - start) * rate
    begin, end = (min(max(round(position), 0), total) for position in ends)
    segments = [
        AudioSegment(0, begin, None),
        AudioSegment(begin, end, float(start + Fraction(begin, rate))),
        AudioSegment(end, total, None),
    ]
    return [segment for segment in segments if segment.end > segment.begin]
