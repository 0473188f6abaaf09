"""The sounds of both sides as the schedule of an overlay needs them."""

from fractions import Fraction
from typing import TYPE_CHECKING

from vs_align.decide.cut_list.cut_list import SoundPiece, pieces_of
from vs_align.enums import Timing
from vs_align.timeline.time_map import TimeMap

if TYPE_CHECKING:
    from vs_align.decide.schedule.schedule import Schedule

_FUNCTION = "overlay_audio"


def bg_pieces(schedule: "Schedule", rate: int) -> list[SoundPiece]:
    """Pieces of bg's sound, without gaps from the first to the last sample of the result.

    Args:
        schedule: Which frames the result shows.
        rate: Samples per second.

    Raises:
        ArgumentError: Neither the rate nor the time stamps of bg or of the result are known.
    """
    line = schedule.bg
    variable = line.clip_times or line.ref_times
    if schedule.clock is Timing.BG and not variable and 0 < line.clip_rate != line.ref_rate:
        return _own_pieces(schedule, rate)
    return pieces_of(TimeMap(line, _FUNCTION), rate, line.residual_ms)


def fg_pieces(schedule: "Schedule", rate: int) -> list[SoundPiece]:
    """Pieces of fg's sound, likewise."""
    return pieces_of(TimeMap(schedule.fg, _FUNCTION), rate, schedule.fg.residual_ms)


def _own_pieces(schedule: "Schedule", rate: int) -> list[SoundPiece]:
    """Pieces of bg's sound where the result has bg's time but more frames: frames say less than the clock does."""
    line = schedule.bg
    start = schedule.first / line.ref_rate
    total = round(line.ref_length / line.ref_rate * rate)
    ends = -start * rate, (Fraction(line.clip_length) / line.clip_rate - start) * rate
    begin, end = (min(max(round(place), 0), total) for place in ends)
    pieces = [
        SoundPiece(0, begin, None),
        SoundPiece(begin, end, float(start + Fraction(begin, rate))),
        SoundPiece(end, total, None),
    ]
    return [piece for piece in pieces if piece.end > piece.begin]
