"""From what a rendered script said about its frames to a timeline, and from that to a cut list for sound."""

import math
from collections.abc import Sequence

from vs_align.decide.cut_list.audio_piece import AudioPiece
from vs_align.decide.cut_list.frame_cuts import audio_cuts, audio_speed
from vs_align.errors import MediaError
from vs_align.media.frame_props import FrameMatch
from vs_align.media.source import Source
from vs_align.timeline.timeline import Timeline


def matched_timeline(matches: Sequence[FrameMatch], clip: Source, ref: Source) -> Timeline:
    """Build a timeline from the matches of all ref frames; frames without a counterpart become inserts.

    Raises:
        MediaError: There are fewer matches than ref has frames, so that the rendering must have been cut short.
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


def sound_pieces(timeline: Timeline, clip: Source, ref: Source) -> tuple[float, list[AudioPiece]]:
    """Cut clip's sound along a timeline.

    Returns:
        Seconds of clip per second of ref, and the pieces, whose clip times have that speed taken out.
    """
    ref_times = frame_times(ref)
    clip_frames = frame_times(clip)
    clip_times = [math.nan if frame is None else clip_frames[frame] for frame in timeline.frame_map]
    # Either both show the same time, or one is the other played frame for frame at its own rate.
    speed = audio_speed(ref_times, clip_times, [1.0, float(ref.rate / clip.rate)])
    slowed = [time / speed for time in clip_times]
    tolerance = max(clip.frame_seconds / speed, ref.frame_seconds) / 2
    return speed, audio_cuts(ref_times, slowed, ref_times[-1] + ref.frame_seconds, tolerance)


def frame_times(source: Source) -> Sequence[float]:
    """Return when each frame is shown, in seconds since the first: exact where the rate is constant."""
    if source.variable:
        return source.times
    return [n / source.rate.numerator * source.rate.denominator for n in range(source.length)]
