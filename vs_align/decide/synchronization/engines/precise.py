"""The engine `precise` and what follows from it: the same on ref's content alone, and on a band along its border."""

from collections.abc import Callable

import numpy as np

from vs_align.decide.synchronization.engines.dtw import (
    Band,
    Sequence,
    Weights,
    align,
    around,
    band,
    pair_distances,
    sakoe_chiba,
)
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, Progress, Stage
from vs_align.decide.synchronization.engines.frame_views import Side, border_mask, content_mask, sides
from vs_align.decide.synchronization.engines.monotone import merged
from vs_align.decide.synchronization.engines.perceptual_hashes import HashedPair, hashed
from vs_align.decide.synchronization.engines.precise_anchors import anchors
from vs_align.decide.synchronization.engines.refinement import drift_corrected, slid, smoothed
from vs_align.decide.synchronization.engines.scores import like_ref, pixel_scores
from vs_align.decide.synchronization.engines.thumbnails import thumbnails
from vs_align.decide.synchronization.engines.trust import confidences
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

# Steps of the pyramid that compare hashes, and those below that compare small pictures.
_COARSE, _FINE = (16, 8, 4), (2, 1)
# How far the first level may stray, as a share of clip, and each further one from the one before, in its own samples.
_STRAY, _RADIUS = 0.25, 30
# A level of the pyramid has at least so many samples.
_SHORTEST = 8
# Frames beside an anchor that the path may take there.
_ANCHORED = 1
# Forward and backward paths that are further apart are not averaged.
_ALIKE = 2
# A frame of the smooth map may differ from ref so much more than that of the rough one: it is noise.
_CLOSE, _CLOSE_LEVELS = 1.005, 0.03


def precise(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: Progress | None = None
) -> EngineMatch:
    """Match in a temporal pyramid, from every 16th frame to all, and refine.

    Dynamic time warping at 1/16, 1/8 and 1/4 of the frames compares fingerprints, at 1/2 and at all frames very small
    pictures, each within 30 samples of what the level before found. At the last level keyframes that both clips have
    are held fast, and the paths forward and backward in time are averaged. Then windows of 30 frames slide to where
    their pixels differ least, drift is measured and taken out every `options.drift_interval` frames, the map is
    smoothed (A. Savitzky and M. Golay, 1964) where that costs nothing, and made monotone. Scores are mean absolute
    differences of pixels in levels of 255, after clip's levels were made like ref's.
    """
    return _hashed_precise(*sides(ref, clip, options), options, Stage(progress))


def mask(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: Progress | None = None
) -> EngineMatch:
    """Match as `precise` does, by the pixels alone where ref has picture (see `sides.content_mask`)."""
    first, second = sides(ref, clip, options)
    where = content_mask(first)
    return _hashed_precise(first.masked(where), second.masked(where), options, Stage(progress))


def border(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: Progress | None = None
) -> EngineMatch:
    """Match as `precise` does, by a band alone of `options.margin` pixels along the edges of ref's picture.

    For pictures whose middle differs, such as a new sign on an old background. Hashes of so few pixels mean nothing:
    the pixels themselves are compared at every level.
    """
    stage = Stage(progress)
    first, second = sides(ref, clip, options)
    where = border_mask(first, options.margin)
    first, second = first.masked(where), second.masked(where)
    fine, weights = thumbnails(first)
    other, _ = thumbnails(second)
    pair = HashedPair(fine.every(_COARSE[-1]), other.every(_COARSE[-1]), weights)
    return _precise(first, second, lambda _: pair, options, stage)


def _hashed_precise(ref: Side, clip: Side, options: EngineOptions, stage: Stage) -> EngineMatch:
    return _precise(ref, clip, lambda part: hashed(ref, clip, _COARSE[-1], part), options, stage)


def _precise(
    ref: Side, clip: Side, coarse: Callable[[Stage], HashedPair], options: EngineOptions, stage: Stage
) -> EngineMatch:
    """Match two sides; `coarse` takes the fingerprints of every fourth frame."""
    places = _coarse_places(ref, clip, coarse(stage.part(0, 0.5)), options)
    first, weights = thumbnails(ref)
    second, _ = thumbnails(clip)
    stage.done(0.6)
    for step in _FINE[:-1]:
        if len(ref) >= step * _SHORTEST and len(clip) >= step * _SHORTEST:
            places = _level(first.every(step), second.every(step), weights, places, step)
    held = anchors(first, second, weights, places, _RADIUS)
    rough = _both_ways(first, second, weights, _anchored(places, held, len(clip)))
    stage.done(0.7)
    graded = like_ref(ref, clip, rough)
    rough = slid(ref, graded, rough)
    stage.done(0.8)
    smooth = smoothed(drift_corrected(ref, graded, rough, options.drift_interval))
    fine = np.clip(np.floor(smooth + 0.5), 0, len(clip) - 1).astype(np.int64)
    frames, scores = _monotone(ref, graded, rough, fine)
    stage.done(0.9)
    return EngineMatch(frames, confidences(ref, clip, frames, stage.part(0.9, 1)), scores)


def _coarse_places(ref: Side, clip: Side, pair: HashedPair, options: EngineOptions) -> Float64Array:
    """Where ref's frames lie on clip by the coarse levels, (n,)."""
    base = _COARSE[-1]
    steps = [step for step in _COARSE if step == base or min(len(ref), len(clip)) >= step * _SHORTEST]
    first, second = pair.ref.every(steps[0] // base), pair.clip.every(steps[0] // base)
    window = max(-(-options.window // steps[0]), int(_STRAY * len(second)))
    found, _ = align(first, second, pair.weights, sakoe_chiba(len(first), len(second), window))
    places = _spread(found, steps[0], len(ref))
    for step in steps[1:]:
        places = _level(pair.ref.every(step // base), pair.clip.every(step // base), pair.weights, places, step)
    return places


def _level(ref: Sequence, clip: Sequence, weights: Weights, places: Float64Array, step: int) -> Float64Array:
    """Refine places by dynamic time warping of every step-th frame."""
    found, _ = align(ref, clip, weights, around(places[::step] / step, len(clip), _RADIUS))
    return _spread(found, step, len(places))


def _spread(found: Int64Array, step: int, count: int) -> Float64Array:
    """Places of all frames from those of every step-th."""
    places: Float64Array = np.interp(np.arange(count), np.arange(len(found)) * step, found * float(step))
    return places


def _anchored(places: Float64Array, held: tuple[Int64Array, Int64Array], length: int) -> Band:
    low, high = np.floor(places - _RADIUS), np.ceil(places + _RADIUS) + 1
    low[held[0]], high[held[0]] = held[1] - _ANCHORED, held[1] + _ANCHORED + 1
    # what comes before an anchor does not lie behind it, and the other way round
    low = np.maximum.accumulate(low)
    high = np.minimum.accumulate(high[::-1])[::-1]
    return band(low, np.maximum(high, low + 1), length)


def _both_ways(ref: Sequence, clip: Sequence, weights: Weights, within: Band) -> Int64Array:
    """The mean of the paths forward and backward in time; where they disagree, the one whose frames are more alike."""
    ahead, ahead_scores = align(ref, clip, weights, within)
    back, back_scores = align(ref.reversed(), clip.reversed(), weights, within.reversed(len(clip)))
    back, back_scores = len(clip) - 1 - back[::-1], back_scores[::-1]
    middle = (ahead + back) // 2
    middle_scores = pair_distances(ref, clip, weights, np.arange(len(ref)), middle)
    forward = merged(ahead, back, ahead_scores, back_scores)
    chosen, chosen_scores = np.where(forward, ahead, back), np.where(forward, ahead_scores, back_scores)
    averaged = (np.abs(ahead - back) <= _ALIKE) & (middle_scores <= chosen_scores * _CLOSE)
    return np.maximum.accumulate(np.where(averaged, middle, chosen))


def _monotone(ref: Side, clip: Side, rough: Int64Array, fine: Int64Array) -> tuple[Int64Array, Float64Array]:
    """The smooth map where its pictures fit as well as those of the rough one, in order; and the differences."""
    rough_scores, fine_scores = pixel_scores(ref, clip, rough), pixel_scores(ref, clip, fine)
    frames = np.where(fine_scores <= _CLOSE * rough_scores + _CLOSE_LEVELS, fine, rough)
    # what goes back either waits for the past to catch up, or the past makes room
    late, early = np.maximum.accumulate(frames), np.minimum.accumulate(frames[::-1])[::-1]
    late_scores, early_scores = pixel_scores(ref, clip, late), pixel_scores(ref, clip, early)
    forward = merged(late, early, late_scores, early_scores)
    return np.where(forward, late, early), np.where(forward, late_scores, early_scores)
