"""Stills in `overlay`: a clip of one frame has no time of its own and lasts as long as the other one."""

from bisect import bisect_right
from fractions import Fraction

from vs_align.decide.schedule.extrapolation import own_frames
from vs_align.decide.schedule.schedule import Schedule
from vs_align.enums import Timing
from vs_align.timeline.timeline import Timeline

_UNKNOWN = Fraction(0)


def lasting_still(bg_length: int, fg_length: int, timing: Timing | None) -> bool:
    """Tell whether one of bg and fg is a still that lasts as long as the other one.

    Args:
        bg_length: Frames of bg.
        fg_length: Frames of fg.
        timing: Whose time counts, None where nobody said so. A still fg is shown for its one frame only where its own
            time is asked for.
    """
    if timing is Timing.REF:
        return False
    if fg_length == 1 < bg_length:
        return timing is not Timing.FG
    return bg_length == 1


def still_schedule(timeline: Timeline) -> Schedule:
    """Return the schedule in which a still, bg or fg, lasts as long as the other one.

    Args:
        timeline: From bg to fg. Only its lengths, rates and time stamps count.
    """
    if timeline.ref_length == 1 < timeline.clip_length:
        own = _own(timeline.clip_length, timeline.clip_rate, timeline.clip_times)
        return Schedule(own, _held(own), Timing.BG, 0)
    own = _own(timeline.ref_length, timeline.ref_rate, timeline.ref_times)
    return Schedule(_held(own), own, Timing.FG, 0)


def held_still(result: Timeline) -> Timeline:
    """The timeline of a still that is shown in all frames of a result.

    Args:
        result: Any timeline to the result.
    """
    return _held(result)


def beside_still(found: Timeline, result: Timeline) -> Timeline:
    """The timeline of a further film on a still bg: both begin together, and it goes by the clock.

    Args:
        found: From bg to the film; only the film's length, rate and time stamps count.
        result: Any timeline to the result.
    """
    rate, own = float(result.ref_rate or found.ref_rate or 24), float(found.ref_rate or result.ref_rate or 24)
    times = result.ref_times or tuple(n / rate for n in range(result.ref_length))
    stamps = found.ref_times or tuple(n / own for n in range(found.ref_length))
    # the frame that is on display, even where two clocks round differently
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
    """The timeline of bg and fg where one is a still, the place is known, and so nothing is to be compared.

    Args:
        bg: Frames, rate and, where the rate varies, time stamps of bg.
        fg: Likewise of fg.
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


def _own(length: int, rate: Fraction, times: tuple[float, ...]) -> Timeline:
    return own_frames(length, 0, length, rate, times, times)


def _held(own: Timeline) -> Timeline:
    return Timeline.from_frame_map(
        [0] * own.ref_length, clip_rate=_UNKNOWN, ref_rate=own.ref_rate, clip_length=1, ref_times=own.ref_times
    )
