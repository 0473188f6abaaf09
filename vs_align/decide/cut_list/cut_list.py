"""Cut list of an audio track: which samples of clip are heard between which samples of the result.

`line_segments` cuts along the straight lines of a timeline. `frame_cuts` builds the same list from single frame matches
that no line was fitted to, and `overlay_segments` from the schedule of an overlay. `render.audio` plays the list.
"""

from dataclasses import dataclass, replace

from vs_align.timeline.time_map import Stretch, TimeMap

_SAME_LINE_SECONDS = 1e-4
"""Stretches of equal speed that miss each other by less are one segment: about five samples at 48 kHz, which is above
the rounding of frame times and below any cut."""


@dataclass(frozen=True, slots=True)
class AudioSegment:
    """What is heard between two samples of the result."""

    begin: int
    """First sample of the result."""
    end: int
    """One past the last sample of the result."""
    clip_start: float | None
    """Time of clip's audio at `begin`, in seconds since clip's first frame; None for silence."""
    speed: float = 1.0
    """Seconds of clip per second of the result, above 0."""

    def __len__(self) -> int:
        """Number of samples."""
        return self.end - self.begin


def line_segments(times: TimeMap, rate: int, residual_ms: float | None) -> list[AudioSegment]:
    """Cut clip's audio along the lines of a timeline, from ref's first frame to the end of its last.

    Args:
        times: Times of the timeline. Each of its stretches is heard at its own offset and speed.
        rate: Samples per second of the result.
        residual_ms: How far clip's audio is ahead of what the frames say, in milliseconds; None if not measured.

    Returns:
        Segments in order, without gaps or overlaps. What no stretch covers is silence.
    """
    ref_zero, clip_zero = float(times.ref_times[0]), float(times.clip_times[0]) - (residual_ms or 0) / 1000
    segments: list[AudioSegment] = []
    reached = 0
    for stretch in _joined(times.stretches):
        begin, end = (round((time - ref_zero) * rate) for time in (stretch.ref_start, stretch.ref_end))
        if begin > reached:
            segments.append(AudioSegment(reached, begin, None))
        clip_start = stretch.clip_time(ref_zero + begin / rate) - clip_zero
        segments.append(AudioSegment(begin, end, clip_start, stretch.speed))
        reached = end
    stop = round((float(times.ref_times[-1]) - ref_zero) * rate)
    if stop > reached:
        segments.append(AudioSegment(reached, stop, None))
    return [segment for segment in segments if segment.end > segment.begin]


def silent_samples(segments: list[AudioSegment]) -> int:
    """Return the number of samples that are silence because clip has nothing there."""
    return sum(len(segment) for segment in segments if segment.clip_start is None)


def _joined(stretches: tuple[Stretch, ...]) -> list[Stretch]:
    """Merge neighboring stretches that continue each other along one line."""
    joined: list[Stretch] = []
    for stretch in stretches:
        before = joined[-1] if joined else None
        if (
            before is not None
            and before.ref_last + 1 == stretch.ref_first
            and before.speed == stretch.speed
            and abs(before.clip_time(stretch.ref_start) - stretch.clip_start) < _SAME_LINE_SECONDS
        ):
            joined[-1] = replace(before, ref_last=stretch.ref_last, ref_end=stretch.ref_end)
        else:
            joined.append(stretch)
    return joined
