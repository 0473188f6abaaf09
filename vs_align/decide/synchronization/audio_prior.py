"""Audio evidence for video synchronization: prior intervals, a map by audio alone, A/V mismatch, sub-frame residual."""

from typing import TYPE_CHECKING

import numpy as np

from vs_align.decide.synchronization.chaining import MatchedInterval
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

if TYPE_CHECKING:
    from vs_align.measure.audio.matching import AudioMatch

_PRIOR_CONFIDENCE = 0.4
"""Confidence from which on an audio interval is used as a candidate for the video."""
_WITNESS_CONFIDENCE = 0.7
"""Confidence from which on audio times are compared with those of the frames."""
_STEP = 1 / 3
"""Seconds between the samples of an interval, as in `chaining`."""
_LEAST_SECONDS = 2.0
"""Shorter audio intervals are not used as candidates."""


def audio_prior(audio: "AudioMatch") -> list[MatchedInterval]:
    """Audio intervals as matched intervals of both videos, candidates for the video search."""
    found = []
    for each in audio.intervals:
        if each.confidence >= _PRIOR_CONFIDENCE and each.ref_end - each.ref_start >= _LEAST_SECONDS:
            ref = np.arange(each.ref_start, each.ref_end, _STEP)
            clip = each.clip_start + (ref - each.ref_start) * each.speed
            inside = (ref >= 0) & (clip >= 0)
            if np.count_nonzero(inside) > 2:
                weight = float(np.count_nonzero(inside)) * each.confidence
                found.append(MatchedInterval(ref[inside], clip[inside], weight))
    return found


def audio_times(audio: "AudioMatch", times: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Seconds of clip at which the audio of some times of ref is heard, and their confidence.

    Args:
        audio: The audio match.
        times: (n,) seconds of ref.

    Returns:
        (n,) seconds of clip, NaN outside all intervals; and (n,) confidence, 0 to 1.
    """
    clip, sure = np.full(len(times), np.nan), np.zeros(len(times))
    for each in audio.intervals:
        inside = (times >= each.ref_start) & (times < each.ref_end)
        clip[inside] = each.clip_start + (times[inside] - each.ref_start) * each.speed
        sure[inside] = min(each.confidence, audio.confidence)
    return clip, sure


def audio_frames(audio: "AudioMatch", clip: Fingerprints, ref: Fingerprints) -> tuple[Int64Array, Float64Array]:
    """The clip frame of each ref frame by audio alone, -1 for none, and its confidence; (n,) each."""
    due, sure = audio_times(audio, ref.times)
    known = np.isfinite(due)
    middles = (clip.times[1:] + clip.times[:-1]) / 2
    frames = np.full(len(ref), -1, np.int64)
    frames[known] = np.searchsorted(middles, due[known], side="right")
    half = clip.frame_seconds / 2
    frames[known & ((due < -half) | (due >= clip.duration - half))] = -1
    # audio may go back at a reordered scene; the frame map is monotone
    frames[frames < np.maximum.accumulate(frames)] = -1
    return frames, sure


def subframe_residual_ms(audio: "AudioMatch", shown: Float64Array, ref: Fingerprints, frame: float) -> float | None:
    """Median clip time by audio minus that of the matched frames, in milliseconds; None if it exceeds a frame.

    Args:
        audio: The audio match.
        shown: (n,) time of the clip frame matched to each ref frame, seconds; NaN for none.
        ref: The video.
        frame: Duration of a clip frame in seconds.
    """
    off = _mismatch(audio, shown, ref)
    if not off.size:
        return None
    middle = float(np.median(off))
    return 1000 * middle if abs(middle) <= frame else None


def audio_video_mismatch(
    audio: "AudioMatch", shown: Float64Array, ref: Fingerprints, frame: float, *, video_reliable: bool = True
) -> str | None:
    """Remark if audio and video disagree by more than two frames; None if they agree or cannot be compared.

    Args:
        audio: The audio match.
        shown: (n,) time of the clip frame matched to each ref frame, seconds; NaN for none.
        ref: The video.
        frame: Duration of a clip frame in seconds.
        video_reliable: Whether the frames determine the time at all; those of a long still do not.
    """
    off = _mismatch(audio, shown, ref)
    if not off.size or abs(float(np.median(off))) <= 2 * frame:
        return None
    if not video_reliable:
        return (
            f"by audio the matched frames are {-1000 * float(np.median(off)):+.0f} ms off: engine audio aligns by audio"
        )
    return f"the audio is {1000 * float(np.median(off)):+.0f} ms off the video: clip's own audio may be out of sync"


def _mismatch(audio: "AudioMatch", shown: Float64Array, ref: Fingerprints) -> Float64Array:
    """Seconds of clip by audio minus those of the matched frames, for the ref frames that have both."""
    due, sure = audio_times(audio, ref.times)
    known = np.isfinite(due) & np.isfinite(shown) & (sure >= _WITNESS_CONFIDENCE)
    out: Float64Array = (due - shown)[known]
    return out
