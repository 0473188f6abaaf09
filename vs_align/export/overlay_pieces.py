"""The sounds of both sides as the schedule of an overlay needs them."""

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vs_align.enums import Timing
from vs_align.export.sound_pieces import SoundPiece, pieces_of
from vs_align.export.time_map import TimeMap

if TYPE_CHECKING:
    from vs_align.overlay_schedule import Schedule
    from vs_align.timeline import Timeline

_FUNCTION = "overlay_audio"
# Frames between the two ways to change a rate, halved; and how near to 1 frames per frame are all frames.
_BETWEEN, _FRAME_FOR_FRAME = 0.25, 1e-4


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
    return _centred(pieces_of(TimeMap(line, _FUNCTION), rate, line.residual_ms), line)


def fg_pieces(schedule: "Schedule", rate: int) -> list[SoundPiece]:
    """Pieces of fg's sound, likewise."""
    return _centred(pieces_of(TimeMap(schedule.fg, _FUNCTION), rate, schedule.fg.residual_ms), schedule.fg)


def _centred(pieces: list[SoundPiece], line: "Timeline") -> list[SoundPiece]:
    """Move pieces whose frames were left out or repeated by a quarter of a frame.

    Whoever changed the rate took either the nearest frame or the one on display, which is half a frame later on
    average, and frames do not tell which. The middle of both is wrong by a quarter of a frame at most.
    """
    if line.residual_ms is not None or not line.clip_rate or not line.ref_rate:
        return pieces
    steady = float(line.clip_rate / line.ref_rate)
    quarter = _BETWEEN / float(line.clip_rate)
    return [
        piece
        if piece.clip_start is None or abs(piece.speed * steady - 1) < _FRAME_FOR_FRAME
        else replace(piece, clip_start=piece.clip_start + quarter)
        for piece in pieces
    ]


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
