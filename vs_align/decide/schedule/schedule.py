"""`Schedule`: for each output frame of `overlay`, the frames of bg and fg that it shows."""

from dataclasses import dataclass
from fractions import Fraction

from vs_align.decide.schedule.extrapolation import BridgedTimeline, identity_timeline, slice_times
from vs_align.decide.schedule.still_frames import held_still, lasting_still
from vs_align.enums import Timing
from vs_align.errors import ArgumentError
from vs_align.timeline.timeline import Timeline

_NAME = "overlay"


@dataclass(frozen=True)
class Schedule:
    """For each output frame, the frames of bg and fg that it shows.

    The result has time stamps only if its clock has a variable frame rate; they count from its first frame.

    Args:
        bg: Timeline from bg to the result. Inserts are output frames for which bg has no frame.
        fg: Timeline from fg to the result. Inserts are output frames that do not show fg.
        clock: Clip whose frame durations the result has.
        first: Number of the clock's frame that is frame 0 of the result; negative if the result begins earlier. If the
            result has a higher frame rate than its clock, in frames at the rate of the result.
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
    """Build the schedule of `overlay` from timelines.

    A gap of a timeline is bridged if both sides advance equally across it, and the first and the last match are
    extrapolated as far as both sides have frames; see `BridgedTimeline`.

    Args:
        timeline: `sync(bg, fg)`. For the clock of a third clip the pair `sync(bg, ref)`, `sync(fg, ref)`.
        timing: Clock of the result. FG: every frame of fg once. BG: the time of bg at the higher of both frame rates,
            from the earlier start to the later end of the two. REF: the frames of ref. None: FG; but BG if fg is a
            still, which is then shown in all frames. A still bg is shown in all frames in any case.
        trim: Keep only the frames from the first to the last match of the clock. Up to a second of frames beyond them
            that both sides have is kept too, so that fades are complete.
        function: Name of the public function, for messages.

    Raises:
        ArgumentError: The timeline has no match, or is not a pair as it must be, or the pair has no frame of ref in
            common.
    """
    if timing is Timing.REF:
        return _by_ref(*_pair(timeline, function), trim, function)
    if not isinstance(timeline, Timeline):
        said = (timing or Timing.FG).value
        raise ArgumentError(function, "timeline", f"must be one timeline for timing {said!r}", "a pair")
    if lasting_still(timeline.clip_length, timeline.ref_length, timing):
        return _by_still(timeline)
    return _by_bg(timeline, trim, function) if timing is Timing.BG else _by_fg(timeline, trim, function)


def _by_still(timeline: Timeline) -> Schedule:
    """A still, bg or fg, is shown in all frames of the other one; only lengths, rates and time stamps are used."""
    if timeline.ref_length == 1 < timeline.clip_length:
        own = _all_frames(timeline.clip_length, timeline.clip_rate, timeline.clip_times)
        return Schedule(own, held_still(own), Timing.BG, 0)
    own = _all_frames(timeline.ref_length, timeline.ref_rate, timeline.ref_times)
    return Schedule(held_still(own), own, Timing.FG, 0)


def _all_frames(length: int, rate: Fraction, times: tuple[float, ...]) -> Timeline:
    return identity_timeline(length, 0, length, rate, times, times)


def _by_fg(timeline: Timeline, trim: bool, function: str) -> Schedule:
    bridged = BridgedTimeline.of(timeline, function, hold=False)
    first, stop = bridged.matched_range() if trim else (0, timeline.ref_length)
    return Schedule(bridged.section(first, stop), _own(bridged, first, stop), Timing.FG, first)


def _by_bg(timeline: Timeline, trim: bool, function: str) -> Schedule:
    from vs_align.decide.schedule.resampling import ResampledClock

    grid = ResampledClock.of(timeline)
    bridged = BridgedTimeline.of(
        timeline.inverse() if grid is None else grid.fg_timeline(timeline), function, hold=True
    )
    first, stop = bridged.matched_range() if trim else bridged.full_range()
    own = _own(bridged, first, stop) if grid is None else grid.bg_timeline(timeline, first, stop)
    return Schedule(own, bridged.section(first, stop), Timing.BG, first)


def _by_ref(bg: Timeline, fg: Timeline, trim: bool, function: str) -> Schedule:
    below, above = BridgedTimeline.of(bg, function, hold=False), BridgedTimeline.of(fg, function, hold=True)
    first, stop = 0, bg.ref_length
    if trim:
        spans = below.matched_range(), above.matched_range()
        first, stop = max(start for start, _ in spans), min(end for _, end in spans)
        if first >= stop:
            said = f"bg is matched in {spans[0][0]}..{spans[0][1] - 1}, fg in {spans[1][0]}..{spans[1][1] - 1}"
            raise ArgumentError(function, "timeline", "must match bg and fg to frames of ref in common", said)
    return Schedule(below.section(first, stop), above.section(first, stop), Timing.REF, first)


def _own(bridged: BridgedTimeline, first: int, stop: int) -> Timeline:
    """Return the timeline from the clock to the result."""
    clock = bridged.timeline
    times = slice_times(clock.ref_times, first, stop)
    return identity_timeline(clock.ref_length, first, stop, clock.ref_rate, clock.ref_times, times)


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
