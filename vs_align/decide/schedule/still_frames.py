"""Timelines of stills in `overlay`: a clip of one frame has no time base and is shown for as long as the other one."""

from bisect import bisect_right
from fractions import Fraction

from vs_align.enums import Timing
from vs_align.timeline.timeline import Timeline

_UNKNOWN = Fraction(0)
"""Frame rate of a still."""


def lasting_still(bg_length: int, fg_length: int, timing: Timing | None) -> bool:
    """Return whether bg or fg is a still that is shown for as long as the other one.

    Args:
        bg_length: Number of frames of bg.
        fg_length: Number of frames of fg.
        timing: Clock of the result, None for the default. A still fg is shown for one frame only with `Timing.FG`.
    """
    if timing is Timing.REF:
        return False
    if fg_length == 1 < bg_length:
        return timing is not Timing.FG
    return bg_length == 1


def held_still(result: Timeline) -> Timeline:
    """Return the timeline of a still that is shown in all frames of a result.

    Args:
        result: Any timeline to the result.
    """
    return Timeline.from_frame_map(
        [0] * result.ref_length,
        clip_rate=_UNKNOWN,
        ref_rate=result.ref_rate,
        clip_length=1,
        ref_times=result.ref_times,
    )


def beside_still(found: Timeline, result: Timeline) -> Timeline:
    """Return the timeline of a further layer over a still bg: it starts with the result and runs at its own speed.

    Args:
        found: From bg to the layer; only the length, rate and time stamps of the layer are used.
        result: Any timeline to the result.
    """
    rate, own = float(result.ref_rate or found.ref_rate or 24), float(found.ref_rate or result.ref_rate or 24)
    times = result.ref_times or tuple(n / rate for n in range(result.ref_length))
    stamps = found.ref_times or tuple(n / own for n in range(found.ref_length))
    # a quarter of a frame of tolerance, because the two clocks may round differently
    frames = [bisect_right(stamps, time + 0.25 / own) - 1 for time in times]
    end = stamps[-1] + 1 / own
    return Timeline.from_frame_map(
        [max(0, frame) if time < end - 0.25 / own else None for frame, time in zip(frames, times, strict=True)],
        clip_rate=found.ref_rate,
        ref_rate=result.ref_rate,
        clip_length=found.ref_length,
        clip_times=found.ref_times,
        ref_times=result.ref_times,
    )


def timeless(bg: tuple[int, Fraction, tuple[float, ...]], fg: tuple[int, Fraction, tuple[float, ...]]) -> Timeline:
    """Return the timeline of bg and fg if one of them is a still and the placement is known: nothing is compared.

    Args:
        bg: Number of frames of bg, frame rate in Hz, and time stamps in seconds (empty at a constant rate).
        fg: The same of fg.
    """
    (bg_length, bg_rate, bg_times), (fg_length, fg_rate, fg_times) = bg, fg
    return Timeline.from_frame_map(
        [0] + [None] * (fg_length - 1),
        clip_rate=_UNKNOWN if bg_length == 1 else bg_rate,
        ref_rate=_UNKNOWN if fg_length == 1 else fg_rate,
        clip_length=bg_length,
        clip_times=bg_times,
        ref_times=fg_times,
    )
