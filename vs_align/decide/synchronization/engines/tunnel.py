"""The tunnel engines: pixels compared directly, in a window that slides forward and one that slides backward."""

import numpy as np

from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, Progress, Stage
from vs_align.decide.synchronization.engines.frame_views import Side, content_mask, sides
from vs_align.decide.synchronization.engines.kernels import walk
from vs_align.decide.synchronization.engines.monotone import merged
from vs_align.decide.synchronization.engines.trust import confidences
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

_PIECE = 256
# In still pictures the lowest difference is where noise puts it: the frame that goes on steadily is as good.
_CLOSE = np.array([1.02, 0.1])


def tunnel_full(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: Progress | None = None
) -> EngineMatch:
    """Match by the mean absolute difference of pixels in sliding windows.

    A forward pass starts at the first frames and looks, for each ref frame, at `options.window` frames of clip from the
    last match on; a backward pass starts at the last frames and goes the other way. Neither ever turns back. Of the two
    that chain of matches is kept which never falls and is the most confident, that is, has the least difference in
    terms of what frames of the windows have on average. Scores are mean absolute differences in levels of 255.

    The method of vidkompy's engine "full", but for its faults: frames in which nothing moves go on steadily instead of
    standing still until motion comes, and passes are not averaged where they disagree.
    """
    return _tunnel(*sides(ref, clip, options), options, Stage(progress))


def tunnel_mask(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: Progress | None = None
) -> EngineMatch:
    """Match as `tunnel_full` does, by the pixels alone where ref has picture (see `sides.content_mask`)."""
    first, second = sides(ref, clip, options)
    mask = content_mask(first)
    return _tunnel(first.masked(mask), second.masked(mask), options, Stage(progress))


def _tunnel(ref: Side, clip: Side, options: EngineOptions, stage: Stage) -> EngineMatch:
    ahead, ahead_scores, ahead_typical = _pass(ref, clip, options.window, stage.part(0, 0.4))
    back, back_scores, back_typical = _pass(ref.reversed(), clip.reversed(), options.window, stage.part(0.4, 0.8))
    back, back_scores = len(clip) - 1 - back[::-1], back_scores[::-1]
    typical = np.maximum(np.maximum(ahead_typical, back_typical[::-1]), 1e-6)
    forward = merged(ahead, back, ahead_scores / typical, back_scores / typical)
    frames = np.where(forward, ahead, back)
    trust = confidences(ref, clip, frames, stage.part(0.8, 1))
    return EngineMatch(frames, trust, np.where(forward, ahead_scores, back_scores))


def _pass(ref: Side, clip: Side, window: int, stage: Stage) -> tuple[Int64Array, Float64Array, Float64Array]:
    """Matches of one pass, their differences, and the mean differences over the windows."""
    count = len(ref)
    found, scores, typical = np.empty(count, np.int64), np.empty(count), np.empty(count)
    step = float(clip.prints.rate / ref.prints.rate)
    state = np.zeros(3)
    done = 0
    while done < count:
        rows = ref.rows(done, min(count, done + _PIECE))
        here = 0
        while here < len(rows):
            begin = int(state[0])
            stretch = clip.rows(begin, min(len(clip), begin + window + _PIECE))
            at = slice(done + here, done + len(rows))
            out = found[at], scores[at], typical[at]
            here += walk(rows[here:], stretch, begin, len(clip), window, step, _CLOSE, state, out)
        done += len(rows)
        stage.done(done / count)
    return found, scores, typical
