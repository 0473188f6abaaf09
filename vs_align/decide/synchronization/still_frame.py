"""`sync_still`: which frame of a film shows a still. A still has neither a rate nor a speed."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vs_align.decide.synchronization.video_matching import match_pictures
from vs_align.enums import SyncEngine
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH
from vs_align.measure.registration.esm import AFFINE
from vs_align.measure.registration.sequence.sequence_pair import Sequences
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from vs_align.decide.synchronization.options import Progress, SyncOptions
    from vs_align.decide.synchronization.video_matching import PictureMatch
    from vs_align.measure.fingerprints.fingerprint import Fingerprints

# Correlation from which on images may show the same, and from which on there is no doubt.
_ALIKE, _VERY_ALIKE = 0.6, 0.8
# Frames to either side that are laid on the still one by one, rounds of it, steps in each, and how far the surroundings
# reach by which contrast is measured, in pixels of the small images.
_AROUND, _ROUNDS, _STEPS, _RADIUS = 12, 2, 6, 5
# What another frame leaves unexplained, over what the best one leaves: below the first they look the same, from the
# second on the best is told apart. Measured on 40 crops of frames of six films: all with 1.3 and more were right to the
# frame where they also correlated by 0.8.
_SAME, _TOLD_APART = 1.1, 1.3
# Mean difference of two frames, in levels of 255, below which a film stands still.
_STANDS = 0.5
# Correlation that is never told apart: rounding.
_GRAIN = 1e-3
# That ratio less 1 at which two in three are sure.
_SURE = 0.25
_UNKNOWN = Fraction(0)


@dataclass(frozen=True, slots=True)
class _Shown:
    """Where a film shows a still: frames `low` to `high` look the same, `frame` is the most like it."""

    frame: int
    low: int
    high: int
    likeness: float
    confidence: float
    told_apart: bool


def has_still(clip: "Fingerprints", ref: "Fingerprints", options: "SyncOptions") -> bool:
    """Tell whether one of two films is a single frame that `sync_still` looks for."""
    return min(len(clip), len(ref)) == 1 and options.engine is SyncEngine.AUTO


def sync_still(
    clip: "Fingerprints", ref: "Fingerprints", options: "SyncOptions", progress: "Progress | None" = None
) -> Timeline:
    """Find which frame of one film shows the single frame of the other one.

    Args:
        clip: A film, or a still.
        ref: Likewise; one of both is a still.
        options: How to look. How far apart the times of both may be says nothing: a still has no time.
        progress: Told what is being done.

    Returns:
        A timeline in which a still has no rate. Where clip is the still, all frames of ref in a row that look like it
        show it.
    """
    turned = len(clip) == 1 and len(ref) > 1
    film, still = (ref, clip) if turned else (clip, ref)
    # a placement says where clip lies on ref, and not the other way round
    placement = None if turned else options.placement
    match = match_pictures(film, still, (), None, progress, placement)
    base = Timeline.from_frame_map(
        [None] * len(ref),
        clip_rate=_UNKNOWN if len(clip) == 1 else clip.rate,
        ref_rate=_UNKNOWN if len(ref) == 1 else ref.rate,
        clip_length=len(clip),
        clip_times=tuple(clip.times.tolist()) if clip.variable else (),
        ref_times=tuple(ref.times.tolist()) if ref.variable else (),
    )
    name = "ref" if turned else "clip"
    frame = int(match.found.frames[0])
    if frame >= 0 and match.differences[0] < 0:
        blank = _Shown(frame, frame, frame, 0.0, 0.0, told_apart=False)
        return _with(base, blank, turned, "doubtful", "there is nothing to be seen")
    shown = _closely(film, still, match) if frame >= 0 else None
    if shown is None or shown.likeness < _ALIKE:
        reason = (
            "they show different things" if len(film) == 1 else f"no frame of {name} was found that shows the still"
        )
        return replace(base, verdict="unrelated", reasons=(reason,))
    return _with(base, shown, turned, *_judged(shown, len(film), name))


def _closely(film: "Fingerprints", still: "Fingerprints", match: "PictureMatch") -> _Shown:
    """Lay each frame about the one that was found on the still by itself: in a pan the next one looks like a shift."""
    frame = int(match.found.frames[0])
    first, stop = max(0, frame - _AROUND), min(len(film), frame + _AROUND + 1)
    candidates, asked = film.lumas(first, stop), still.lumas(0, 1)
    alike = np.full(stop - first, -1.0)
    for place in match.geometries:
        pairs = Sequences(candidates, asked, place.clip_weight, place.ref_weight, (WIDTH, HEIGHT), _RADIUS)
        for k in range(stop - first):
            matrix = place.matrix
            for _ in range(_ROUNDS):
                matrix = pairs.refined(matrix, [(0, k)], AFFINE, _STEPS)
            alike[k] = max(alike[k], pairs.matched(matrix, [range(k, k + 1)]).agreement_of_found)
    best = int(alike.argmax())
    ratios = (1 - alike + _GRAIN) / (1 - alike[best] + _GRAIN)
    low = high = best
    while low > 0 and ratios[low - 1] < _SAME:
        low -= 1
    while high + 1 < len(ratios) and ratios[high + 1] < _SAME:
        high += 1
    others = float(np.delete(ratios, best).min()) if len(ratios) > 1 else np.inf
    worth = float(np.clip((alike[best] - _ALIKE) / (_VERY_ALIKE - _ALIKE), 0, 1))
    sure = worth * (1 - float(np.exp(-(others - 1) / _SURE)))
    told_apart = others >= _TOLD_APART
    begin, end = first + low, first + high
    # where the film stands still beyond the frames that were looked at, it goes on to show it
    while low == 0 and begin > 0 and film.change[begin] < _STANDS:
        begin -= 1
    while first + high + 1 == stop and end + 1 < len(film) and film.change[end + 1] < _STANDS:
        end += 1
    return _Shown(first + best, begin, end, float(alike[best]), sure, told_apart)


def _judged(shown: _Shown, length: int, name: str) -> tuple[str, str]:
    """Verdict and reason."""
    said = f"the images correlate by {shown.likeness:.3f}"
    if length == 1:
        return ("good" if shown.likeness >= _VERY_ALIKE else "doubtful"), f"both are stills; {said}"
    where = f"frame {shown.frame} of {name} shows the still; {said}"
    if shown.likeness < _VERY_ALIKE:
        return "doubtful", where
    if shown.told_apart:
        return "good", where
    run = f"frames {shown.low} to {shown.high} look the same" if shown.high > shown.low else "its neighbours look alike"
    return "doubtful", f"{where}, but {run}"


def _with(base: Timeline, shown: _Shown, turned: bool, verdict: str, reason: str) -> Timeline:
    """The timeline that shows the still, or the frame of the film that shows it."""
    low, high = (shown.low, shown.high) if turned else (0, 0)
    target = 0 if turned else shown.frame
    inside = [low <= n <= high for n in range(base.ref_length)]
    made = Timeline.from_frame_map(
        [target if there else None for there in inside],
        clip_rate=base.clip_rate,
        ref_rate=base.ref_rate,
        clip_length=base.clip_length,
        clip_times=base.clip_times,
        ref_times=base.ref_times,
        confidences=[shown.confidence * there for there in inside],
        # equal images correlate by 1, but for rounding
        scores=[max(0.0, 1 - shown.likeness) if there else None for there in inside],
    )
    # how sure it is that the still is not shown was not measured
    segments = tuple(s if s.clip_first is not None else replace(s, confidence=None) for s in made.segments)
    return replace(made, segments=segments, verdict=verdict, reasons=(reason,))
