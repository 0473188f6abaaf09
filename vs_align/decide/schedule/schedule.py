"""`Schedule`: which frames of both clips each frame of `overlay`'s result shows."""

from dataclasses import dataclass

from vs_align.decide.schedule.extrapolation import Course, cut_times, own_frames
from vs_align.enums import Timing
from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import Timeline

_NAME = "overlay"


@dataclass(frozen=True)
class Schedule:
    """Which frames of bg and fg each frame of the result shows.

    Time stamps of the result, which only a clock of variable rate has, count from its first frame.

    Args:
        bg: From bg to the result. An insert: bg has no frame there.
        fg: From fg to the result. An insert: fg is not shown there.
        clock: Whose frame durations the result has.
        first: Number of the clock's frame that is frame 0 of the result; negative where the result begins earlier.
            Where the result has more frames per second than its clock, frames are counted at the result's rate.
    """

    bg: Timeline
    fg: Timeline
    clock: Timing
    first: int

    def __len__(self) -> int:
        """Number of frames of the result."""
        return self.bg.ref_length


def schedule_of(
    timeline: Timeline | tuple[Timeline, Timeline], timing: Timing | None, trim: bool, function: str = _NAME
) -> Schedule:
    """Say which frames `overlay` shows.

    Gaps are bridged where both sides go on across them as before; and both go on before the first match and behind the
    last one as far as they have frames.

    Args:
        timeline: `sync(bg, fg)`. For the time of a third clip the pair `sync(bg, ref)`, `sync(fg, ref)`.
        timing: Whose time counts. FG: every frame of fg once. BG: bg's time at the higher of both frame rates, from
            what begins first to what ends last. REF: the frames of ref. None: FG; but where fg is a single frame, a
            still, BG, and it is shown all the time. A still bg is shown all the time in any case.
        trim: Only from the first to the last matched frame of the clock. Frames beyond them that both sides have count
            as matched where they last less than a second, so that nothing is lost at fades.
        function: The public function that was called, for messages.

    Raises:
        ArgumentError: The timeline has no match, or is no pair where it must be one, or its pair has no frame of ref
            in common.
    """
    if timing is Timing.REF:
        return _by_ref(*_pair(timeline, function), trim, function)
    if not isinstance(timeline, Timeline):
        said = (timing or Timing.FG).value
        raise ArgumentError(function, "timeline", f"must be one timeline for timing {said!r}", "a pair")
    from vs_align.decide.schedule.still_frames import lasting_still, still_schedule

    if lasting_still(timeline.clip_length, timeline.ref_length, timing):
        return still_schedule(timeline)
    return _by_bg(timeline, trim, function) if timing is Timing.BG else _by_fg(timeline, trim, function)


def _by_fg(timeline: Timeline, trim: bool, function: str) -> Schedule:
    course = Course.of(timeline, function, hold=False)
    first, stop = course.matched() if trim else (0, timeline.ref_length)
    return Schedule(course.cut(first, stop), _own(course, first, stop), Timing.FG, first)


def _by_bg(timeline: Timeline, trim: bool, function: str) -> Schedule:
    from vs_align.decide.schedule.resampling import Grid

    grid = Grid.of(timeline)
    course = Course.of(timeline.inverse() if grid is None else grid.fg_timeline(timeline), function, hold=True)
    first, stop = course.matched() if trim else course.whole()
    own = _own(course, first, stop) if grid is None else grid.bg_timeline(timeline, first, stop)
    return Schedule(own, course.cut(first, stop), Timing.BG, first)


def _by_ref(bg: Timeline, fg: Timeline, trim: bool, function: str) -> Schedule:
    below, above = Course.of(bg, function, hold=False), Course.of(fg, function, hold=True)
    first, stop = 0, bg.ref_length
    if trim:
        spans = below.matched(), above.matched()
        first, stop = max(start for start, _ in spans), min(end for _, end in spans)
        if first >= stop:
            said = f"bg is matched in {spans[0][0]}..{spans[0][1] - 1}, fg in {spans[1][0]}..{spans[1][1] - 1}"
            raise ArgumentError(function, "timeline", "must match bg and fg to frames of ref in common", said)
    return Schedule(below.cut(first, stop), above.cut(first, stop), Timing.REF, first)


def _own(course: Course, first: int, stop: int) -> Timeline:
    """The timeline from the clock to the result."""
    clock = course.timeline
    times = cut_times(clock.ref_times, first, stop)
    return own_frames(clock.ref_length, first, stop, clock.ref_rate, clock.ref_times, times)


def _pair(timeline: Timeline | tuple[Timeline, Timeline], function: str) -> tuple[Timeline, Timeline]:
    rule = "must be a pair, sync(bg, ref) and sync(fg, ref), for timing 'ref'"
    if isinstance(timeline, Timeline):
        raise ArgumentError(function, "timeline", rule, "one timeline")
    if len(timeline) != 2 or not all(isinstance(part, Timeline) for part in timeline):
        raise ArgumentError(function, "timeline", rule, repr(timeline))
    bg, fg = timeline
    if bg.ref_length != fg.ref_length:
        rule = f"must be a pair with one ref, of {bg.ref_length} frames by its first"
        raise ArgumentError(function, "timeline", rule, f"{fg.ref_length} by its second")
    return bg, fg
