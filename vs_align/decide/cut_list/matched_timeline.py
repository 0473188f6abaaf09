"""Timeline and cut list of the frame matches that a rendered script reported."""

import math
from collections.abc import Sequence

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.decide.cut_list.frame_cuts import frame_segments, steady_speed
from vs_align.errors import MediaError
from vs_align.media.frame_props import FrameMatch
from vs_align.media.source import Source
from vs_align.timeline.timeline import Timeline


def matched_timeline(matches: Sequence[FrameMatch], clip: Source, ref: Source) -> Timeline:
    """Build a timeline from the matches of all ref frames. Frames that show the fallback become inserts.

    Args:
        matches: One for each ref frame, in order.
        clip: The file whose frames are shown.
        ref: The file whose frames they were matched to.

    Raises:
        MediaError: There are fewer matches than ref has frames: the rendering was cut short.
    """
    if len(matches) != ref.length:
        raise MediaError(f"{len(matches)} of {ref.length} frames were rendered.")
    confidences = [found.confidence for found in matches if found.confidence is not None]
    return Timeline.from_frame_map(
        [None if found.fallback else found.match for found in matches],
        clip_rate=clip.rate,
        ref_rate=ref.rate,
        clip_length=clip.length,
        scores=[found.score for found in matches],
        confidences=confidences if len(confidences) == len(matches) else (),
        clip_times=clip.times if clip.variable else (),
        ref_times=ref.times if ref.variable else (),
    )


def matched_segments(timeline: Timeline, clip: Source, ref: Source, rate: int) -> list[AudioSegment]:
    """Cut clip's audio along the frame matches of a timeline.

    Either both files show the same time, or one is the other played frame for frame at its own rate: one of these two
    speeds is chosen for all segments.

    Args:
        timeline: Its frame map is followed frame by frame; no line is fitted.
        clip: The file whose audio is cut.
        ref: The file whose time it gets.
        rate: Samples per second of the result.
    """
    ref_times = frame_times(ref)
    clip_frames = frame_times(clip)
    clip_times = [math.nan if frame is None else clip_frames[frame] for frame in timeline.frame_map]
    speed = steady_speed(ref_times, clip_times, [1.0, float(ref.rate / clip.rate)])
    tolerance = max(clip.frame_seconds / speed, ref.frame_seconds) / 2
    return frame_segments(ref_times, clip_times, ref_times[-1] + ref.frame_seconds, tolerance, rate, speed)


def frame_times(source: Source) -> Sequence[float]:
    """Return when each frame is shown, in seconds since the first: exact if the rate is constant."""
    if source.variable:
        return source.times
    return [n / source.rate.numerator * source.rate.denominator for n in range(source.length)]
