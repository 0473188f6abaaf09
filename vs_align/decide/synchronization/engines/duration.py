"""The engine `duration`: aligns the middles of both clips by their durations, without comparing frames."""

import numpy as np

from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, ProgressPart
from vs_align.decide.synchronization.engines.frame_views import frame_views
from vs_align.decide.synchronization.engines.pixel_scores import pixel_scores
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.io.progress import ShareProgress
from vs_align.measure.fingerprints.fingerprint import Fingerprints

_EQUAL_SECONDS = 1e-6
"""Differences of time stamps below this are rounding errors."""


def duration(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: ShareProgress | None = None
) -> EngineMatch:
    """Align the middle of clip with the middle of ref, by time stamps in seconds.

    Scores are mean absolute differences of pixels in levels of 255; the frames do not influence the map.
    """
    wanted = ref.times + (clip.duration - ref.duration) / 2
    frames = nearest_frames(clip, wanted)
    scores = pixel_scores(*frame_views(ref, clip, options), frames)
    ProgressPart(progress).done(1)
    return EngineMatch(frames, scores)


def nearest_frames(clip: Fingerprints, seconds: Float64Array) -> Int64Array:
    """Return the frames with the nearest time stamps, (n,); -1 more than half a frame beyond the first or the last.

    Args:
        clip: The clip.
        seconds: (n,) seconds since its first frame.
    """
    late = np.clip(np.searchsorted(clip.times, seconds), 0, len(clip) - 1)
    early = np.maximum(0, late - 1)
    # of two equally near frames the earlier
    nearer = np.abs(clip.times[late] - seconds) < np.abs(clip.times[early] - seconds) - _EQUAL_SECONDS
    half = clip.frame_seconds / 2 + _EQUAL_SECONDS
    inside = (seconds >= -half) & (seconds <= clip.times[-1] + half)
    return np.where(inside, np.where(nearer, late, early), -1).astype(np.int64)
