"""The engines `tunnel_full` and `tunnel_mask`: direct pixel comparison in sliding windows, forwards and backwards."""

import numpy as np

from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, ProgressPart
from vs_align.decide.synchronization.engines.frame_views import FrameView, content_mask, frame_views
from vs_align.decide.synchronization.engines.kernels import sliding_window_search
from vs_align.decide.synchronization.engines.monotone import merge_passes
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.io.progress import ShareProgress
from vs_align.measure.fingerprints.fingerprint import Fingerprints

_BATCH = 256
"""Ref frames processed at a time; bounds memory."""
_CLOSE = np.array([1.02, 0.1])
"""A difference up to 1.02 times the lowest plus 0.1 levels may be equal to it but for noise: in still scenes the frame
that continues steadily is preferred."""
_LEAST_TYPICAL = 1e-6
"""Lower limit of the mean difference of a window, by which costs are divided."""


def tunnel_full(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: ShareProgress | None = None
) -> EngineMatch:
    """Match by the mean absolute difference of pixels in sliding windows.

    A forward pass starts at the first frames and compares each ref frame with `options.window` frames of clip from the
    last match on; a backward pass starts at the last frames and runs in the other direction. Neither ever turns back.
    The two are merged to the monotone map with the least total difference, each difference divided by the mean over its
    window. Scores are mean absolute differences in levels of 255.

    The method of vidkompy's engine "full" with two changes: still scenes continue steadily instead of waiting for
    motion, and passes are not averaged if they disagree.
    """
    return _tunnel(*frame_views(ref, clip, options), options, ProgressPart(progress))


def tunnel_mask(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: ShareProgress | None = None
) -> EngineMatch:
    """Match like `tunnel_full`, comparing only pixels where ref has content (see `frame_views.content_mask`)."""
    first, second = frame_views(ref, clip, options)
    mask = content_mask(first)
    return _tunnel(first.masked(mask), second.masked(mask), options, ProgressPart(progress))


def _tunnel(ref: FrameView, clip: FrameView, options: EngineOptions, whole: ProgressPart) -> EngineMatch:
    ahead, ahead_scores, ahead_typical = _pass(ref, clip, options.window, whole.part(0, 0.5))
    back, back_scores, back_typical = _pass(ref.reversed(), clip.reversed(), options.window, whole.part(0.5, 1))
    back, back_scores = len(clip) - 1 - back[::-1], back_scores[::-1]
    typical = np.maximum(np.maximum(ahead_typical, back_typical[::-1]), _LEAST_TYPICAL)
    forward = merge_passes(ahead, back, ahead_scores / typical, back_scores / typical)
    return EngineMatch(np.where(forward, ahead, back), np.where(forward, ahead_scores, back_scores))


def _pass(
    ref: FrameView, clip: FrameView, window: int, part: ProgressPart
) -> tuple[Int64Array, Float64Array, Float64Array]:
    """Matches of one pass, their differences, and the mean differences over the windows."""
    count = len(ref)
    found, scores, typical = np.empty(count, np.int64), np.empty(count), np.empty(count)
    step = float(clip.prints.rate / ref.prints.rate)
    state = np.zeros(3)
    done = 0
    while done < count:
        rows = ref.rows(done, min(count, done + _BATCH))
        here = 0
        while here < len(rows):
            begin = int(state[0])
            others = clip.rows(begin, min(len(clip), begin + window + _BATCH))
            at = slice(done + here, done + len(rows))
            out = found[at], scores[at], typical[at]
            here += sliding_window_search(rows[here:], others, begin, len(clip), window, step, _CLOSE, state, out)
        done += len(rows)
        part.done(done / count)
    return found, scores, typical
