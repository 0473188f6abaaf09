"""`sync_still`: synchronization with a single image: which frame of a video it shows, by registering it to each."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vs_align.decide.synchronization.video_matching import match_video
from vs_align.enums import SyncEngine
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH
from vs_align.measure.registration.esm import AFFINE
from vs_align.measure.registration.sequence.sequence_pair import SequencePair
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from vs_align.decide.synchronization.options import SyncOptions
    from vs_align.decide.synchronization.video_matching import VideoMatch
    from vs_align.io.progress import Progress
    from vs_align.measure.fingerprints.fingerprint import Fingerprints


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the registration and of the decision.

    The error ratio of a frame is its unexplained part, 1 minus the correlation, divided by that of the best frame.
    Measured on 40 crops of frames of six videos: all with a ratio of 1.3 and more to the next frame, and a correlation
    of 0.8, were right to the frame.
    """

    similar: float = 0.6
    """Correlation from which on the still and a frame may show the same."""
    very_similar: float = 0.8
    """Correlation from which on they certainly do."""
    reach: int = 12
    """Frames to either side of the first match that are registered to the still."""
    rounds: int = 2
    """Rounds of registration per frame."""
    steps: int = 6
    """Gauss-Newton steps per round."""
    contrast_radius: int = 5
    """Half width, in thumbnail pixels, of the window of local contrast normalization."""
    same_ratio: float = 1.1
    """Error ratio below which a frame looks like the best one."""
    distinct_ratio: float = 1.3
    """Error ratio of the next best frame from which on the best one is unique."""
    still_change: float = 0.5
    """Mean absolute difference of two frames, in levels of 255, below which the video shows a still scene."""
    rounding: float = 1e-3
    """Differences of the correlation that are rounding errors."""
    confidence_scale: float = 0.25
    """Error ratio minus 1 at which the confidence reaches 1 - 1/e."""


_TUNING = _Tuning()
_UNKNOWN = Fraction(0)
"""Frame rate of a still."""


@dataclass(frozen=True, slots=True)
class _StillMatch:
    """Where a video shows a still: frames `low` to `high` look the same, `frame` matches best."""

    frame: int
    low: int
    high: int
    correlation: float
    confidence: float
    distinct: bool


def has_still(clip: "Fingerprints", ref: "Fingerprints", options: "SyncOptions") -> bool:
    """Whether one of two videos is a single frame and `sync_still` applies."""
    return min(len(clip), len(ref)) == 1 and options.engine is SyncEngine.AUTO


def sync_still(
    clip: "Fingerprints", ref: "Fingerprints", options: "SyncOptions", progress: "Progress | None" = None
) -> Timeline:
    """Find which frame of one video shows the single frame of the other one.

    Args:
        clip: A video, or a still.
        ref: A video, or a still; one of both is a still.
        options: Options of the synchronization. The largest time difference is ignored: a still has no time.
        progress: Called with the stage, the work done and its total.

    Returns:
        A timeline in which a still has no frame rate. If clip is the still, all consecutive ref frames that look like
        it show it.
    """
    swapped = len(clip) == 1 and len(ref) > 1
    video, still = (ref, clip) if swapped else (clip, ref)
    # a placement maps ref to clip, and cannot be used in the swapped direction
    placement = None if swapped else options.placement
    match = match_video(video, still, (), None, progress, placement)
    base = Timeline.from_frame_map(
        [None] * len(ref),
        clip_rate=_UNKNOWN if len(clip) == 1 else clip.rate,
        ref_rate=_UNKNOWN if len(ref) == 1 else ref.rate,
        clip_length=len(clip),
        clip_times=tuple(clip.times.tolist()) if clip.variable else (),
        ref_times=tuple(ref.times.tolist()) if ref.variable else (),
    )
    name = "ref" if swapped else "clip"
    frame = int(match.found.frames[0])
    if frame >= 0 and match.differences[0] < 0:
        blank = _StillMatch(frame, frame, frame, 0.0, 0.0, distinct=False)
        return _with_match(base, blank, swapped, "doubtful", "there is no content to compare")
    shown = _register_neighbors(video, still, match) if frame >= 0 else None
    if shown is None or shown.correlation < _TUNING.similar:
        reason = (
            "they show different things" if len(video) == 1 else f"no frame of {name} was found that shows the still"
        )
        return replace(base, verdict="unrelated", reasons=(reason,))
    return _with_match(base, shown, swapped, *_judged(shown, len(video), name))


def _register_neighbors(video: "Fingerprints", still: "Fingerprints", match: "VideoMatch") -> _StillMatch:
    """Register each frame around the match to the still by itself: in a pan the next frame looks like a shift."""
    frame = int(match.found.frames[0])
    first, stop = max(0, frame - _TUNING.reach), min(len(video), frame + _TUNING.reach + 1)
    candidates, wanted = video.lumas(first, stop), still.lumas(0, 1)
    correlations = np.full(stop - first, -1.0)
    for place in match.geometries:
        weights, size = (place.clip_weight, place.ref_weight), (WIDTH, HEIGHT)
        pairs = SequencePair(candidates, wanted, *weights, size, _TUNING.contrast_radius)
        for k in range(stop - first):
            matrix = place.matrix
            for _ in range(_TUNING.rounds):
                matrix = pairs.refine(matrix, [(0, k)], AFFINE, _TUNING.steps)
            correlations[k] = max(correlations[k], pairs.match(matrix, [range(k, k + 1)]).agreement_of_matched)
    best = int(correlations.argmax())
    ratios = (1 - correlations + _TUNING.rounding) / (1 - correlations[best] + _TUNING.rounding)
    low = high = best
    while low > 0 and ratios[low - 1] < _TUNING.same_ratio:
        low -= 1
    while high + 1 < len(ratios) and ratios[high + 1] < _TUNING.same_ratio:
        high += 1
    others = float(np.delete(ratios, best).min()) if len(ratios) > 1 else np.inf
    similar, very_similar = _TUNING.similar, _TUNING.very_similar
    weight = float(np.clip((correlations[best] - similar) / (very_similar - similar), 0, 1))
    sure = weight * (1 - float(np.exp(-(others - 1) / _TUNING.confidence_scale)))
    distinct = others >= _TUNING.distinct_ratio
    begin, end = first + low, first + high
    # a still scene that goes on beyond the registered frames is included
    while low == 0 and begin > 0 and video.change[begin] < _TUNING.still_change:
        begin -= 1
    while first + high + 1 == stop and end + 1 < len(video) and video.change[end + 1] < _TUNING.still_change:
        end += 1
    return _StillMatch(first + best, begin, end, float(correlations[best]), sure, distinct)


def _judged(shown: _StillMatch, length: int, name: str) -> tuple[str, str]:
    """Verdict and reason."""
    fact = f"the images correlate by {shown.correlation:.3f}"
    if length == 1:
        return ("good" if shown.correlation >= _TUNING.very_similar else "doubtful"), f"both are stills; {fact}"
    where = f"frame {shown.frame} of {name} shows the still; {fact}"
    if shown.correlation < _TUNING.very_similar:
        return "doubtful", where
    if shown.distinct:
        return "good", where
    run = f"frames {shown.low} to {shown.high} look the same" if shown.high > shown.low else "its neighbours look alike"
    return "doubtful", f"{where}, but {run}"


def _with_match(base: Timeline, shown: _StillMatch, swapped: bool, verdict: str, reason: str) -> Timeline:
    """The timeline in which matching ref frames show the still, or the still shows the matched frame."""
    low, high = (shown.low, shown.high) if swapped else (0, 0)
    target = 0 if swapped else shown.frame
    inside = [low <= n <= high for n in range(base.ref_length)]
    made = Timeline.from_frame_map(
        [target if there else None for there in inside],
        clip_rate=base.clip_rate,
        ref_rate=base.ref_rate,
        clip_length=base.clip_length,
        clip_times=base.clip_times,
        ref_times=base.ref_times,
        confidences=[shown.confidence * there for there in inside],
        # rounding may make equal images correlate by more than 1
        scores=[max(0.0, 1 - shown.correlation) if there else None for there in inside],
    )
    # the confidence that other frames do not show the still was not measured
    segments = tuple(s if s.clip_first is not None else replace(s, confidence=None) for s in made.segments)
    return replace(made, segments=segments, verdict=verdict, reasons=(reason,))
