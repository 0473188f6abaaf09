"""The engine `duration`: no look at the pictures, only at how long both clips are."""

import numpy as np

from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, Progress, Stage
from vs_align.decide.synchronization.engines.frame_views import sides
from vs_align.decide.synchronization.engines.scores import pixel_scores
from vs_align.decide.synchronization.engines.trust import confidences
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints


def duration(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: Progress | None = None
) -> EngineMatch:
    """Lay the middle of clip, in seconds, on the middle of ref.

    Time stamps count, not numbers of frames. Scores are mean absolute differences of pixels and confidences are
    measured too, although nothing was chosen by them.
    """
    stage = Stage(progress)
    wanted = ref.times + (clip.duration - ref.duration) / 2
    frames = frames_at(clip, wanted)
    first, second = sides(ref, clip, options)
    scores = pixel_scores(first, second, frames)
    return EngineMatch(frames, confidences(first, second, frames, stage.part(0.1, 1)), scores)


def frames_at(clip: Fingerprints, seconds: Float64Array) -> Int64Array:
    """Return the frames whose time stamps are nearest, (n,), -1 half a frame beyond the first and the last.

    Args:
        clip: The clip.
        seconds: (n,) seconds since its first frame.
    """
    late = np.clip(np.searchsorted(clip.times, seconds), 0, len(clip) - 1)
    early = np.maximum(0, late - 1)
    # of two that are equally near, the earlier
    nearer = np.abs(clip.times[late] - seconds) < np.abs(clip.times[early] - seconds) - 1e-6
    half = clip.frame_seconds / 2 + 1e-6
    inside = (seconds >= -half) & (seconds <= clip.times[-1] + half)
    return np.where(inside, np.where(nearer, late, early), -1).astype(np.int64)
