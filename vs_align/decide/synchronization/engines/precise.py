"""The engines `precise`, `mask` and `border`: a temporal pyramid of dynamic time warping, refined to single frames.

`mask` compares only where ref has content, `border` only a band along the edges of ref's image.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vs_align.decide.synchronization.engines.dtw import (
    Band,
    Sequence,
    Weights,
    align,
    band_around,
    connected_band,
    pair_distances,
    sakoe_chiba,
)
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, ProgressPart
from vs_align.decide.synchronization.engines.frame_views import FrameView, border_mask, content_mask, frame_views
from vs_align.decide.synchronization.engines.keyframe_anchors import keyframe_anchors
from vs_align.decide.synchronization.engines.monotone import merge_passes
from vs_align.decide.synchronization.engines.normalized_vectors import normalized_vectors
from vs_align.decide.synchronization.engines.perceptual_hashes import HashPair, hash_pair
from vs_align.decide.synchronization.engines.pixel_scores import pixel_scores, with_tone_of_ref
from vs_align.decide.synchronization.engines.refinement import drift_corrected, slid, smoothed
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.io.progress import ShareProgress
from vs_align.measure.fingerprints.fingerprint import Fingerprints


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the pyramid."""

    coarse_steps: tuple[int, ...] = (16, 8, 4)
    """Steps in frames of the levels that compare hashes."""
    fine_steps: tuple[int, ...] = (2, 1)
    """Steps in frames of the levels that compare normalized tiny images."""
    stray: float = 0.25
    """Half width of the band of the first level, as a share of clip's length."""
    radius: int = 30
    """Half width of the band of each further level around the previous one, in its own samples."""
    least_samples: int = 8
    """Samples per level at least; coarser levels are skipped."""
    anchor_radius: int = 1
    """Half width of the band at an anchor, in frames."""
    averaged: int = 2
    """Largest distance in frames of a forward and a backward path that are averaged."""
    close_share: float = 1.005
    """A smoothed match is kept if its difference is at most this multiple of that of the unsmoothed match ..."""
    close_levels: float = 0.03
    """... plus this many levels of 255: the rest is noise."""


_TUNING = _Tuning()


def precise(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: ShareProgress | None = None
) -> EngineMatch:
    """Match in a temporal pyramid, from every 16th frame to all, and refine.

    Dynamic time warping at 1/16, 1/8 and 1/4 of the frames compares perceptual hashes, at 1/2 and at all frames
    normalized tiny images, each level within 30 samples of the previous one. At the last level, keyframes that both
    clips have are fixed, and the paths forward and backward in time are averaged. Then windows of 30 frames slide to
    where their pixels differ least, drift is measured and corrected every `options.drift_interval` frames, the map is
    smoothed (A. Savitzky and M. Golay, 1964) if that does not increase the differences, and made monotone. Scores are
    mean absolute differences of pixels in levels of 255, after clip's tone was matched to ref's.
    """
    return _precise_by_hashes(*frame_views(ref, clip, options), options, ProgressPart(progress))


def mask(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: ShareProgress | None = None
) -> EngineMatch:
    """Match like `precise`, comparing only pixels where ref has content (see `frame_views.content_mask`)."""
    first, second = frame_views(ref, clip, options)
    where = content_mask(first)
    return _precise_by_hashes(first.masked(where), second.masked(where), options, ProgressPart(progress))


def border(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: ShareProgress | None = None
) -> EngineMatch:
    """Match like `precise`, comparing only a band of `options.margin` pixels along the edges of ref's image.

    For images whose center differs, such as a new sign on an old background. Hashes of so few pixels are meaningless:
    pixels are compared at every level.
    """
    whole = ProgressPart(progress)
    first, second = frame_views(ref, clip, options)
    where = border_mask(first, options.margin)
    first, second = first.masked(where), second.masked(where)
    fine, weights = normalized_vectors(first)
    other, _ = normalized_vectors(second)
    base = _TUNING.coarse_steps[-1]
    pair = HashPair(fine.every(base), other.every(base), weights)
    return _precise(first, second, lambda _: pair, options, whole)


def _precise_by_hashes(ref: FrameView, clip: FrameView, options: EngineOptions, whole: ProgressPart) -> EngineMatch:
    base = _TUNING.coarse_steps[-1]
    return _precise(ref, clip, lambda part: hash_pair(ref, clip, base, part), options, whole)


def _precise(
    ref: FrameView,
    clip: FrameView,
    coarse: Callable[[ProgressPart], HashPair],
    options: EngineOptions,
    whole: ProgressPart,
) -> EngineMatch:
    """Match two views; `coarse` returns the hashes of every fourth frame."""
    positions = _coarse_positions(ref, clip, coarse(whole.part(0, 0.5)), options)
    first, weights = normalized_vectors(ref)
    second, _ = normalized_vectors(clip)
    whole.done(0.6)
    for step in _TUNING.fine_steps[:-1]:
        if len(ref) >= step * _TUNING.least_samples and len(clip) >= step * _TUNING.least_samples:
            positions = _level(first.every(step), second.every(step), weights, positions, step)
    anchors = keyframe_anchors(first, second, weights, positions, _TUNING.radius)
    rough = _both_directions(first, second, weights, _anchored_band(positions, anchors, len(clip)))
    whole.done(0.7)
    graded = with_tone_of_ref(ref, clip, rough)
    rough = slid(ref, graded, rough)
    whole.done(0.8)
    smooth = smoothed(drift_corrected(ref, graded, rough, options.drift_interval))
    fine = np.clip(np.floor(smooth + 0.5), 0, len(clip) - 1).astype(np.int64)
    frames, scores = _monotone(ref, graded, rough, fine)
    whole.done(1)
    return EngineMatch(frames, scores)


def _coarse_positions(ref: FrameView, clip: FrameView, pair: HashPair, options: EngineOptions) -> Float64Array:
    """Clip positions of all ref frames by the coarse levels, (n,)."""
    base = _TUNING.coarse_steps[-1]
    shorter = min(len(ref), len(clip))
    steps = [step for step in _TUNING.coarse_steps if step == base or shorter >= step * _TUNING.least_samples]
    first, second = pair.ref.every(steps[0] // base), pair.clip.every(steps[0] // base)
    window = max(-(-options.window // steps[0]), int(_TUNING.stray * len(second)))
    found, _ = align(first, second, pair.weights, sakoe_chiba(len(first), len(second), window))
    positions = _upsampled(found, steps[0], len(ref))
    for step in steps[1:]:
        ref_level, clip_level = pair.ref.every(step // base), pair.clip.every(step // base)
        positions = _level(ref_level, clip_level, pair.weights, positions, step)
    return positions


def _level(ref: Sequence, clip: Sequence, weights: Weights, positions: Float64Array, step: int) -> Float64Array:
    """Refine positions by dynamic time warping of every step-th frame."""
    found, _ = align(ref, clip, weights, band_around(positions[::step] / step, len(clip), _TUNING.radius))
    return _upsampled(found, step, len(positions))


def _upsampled(found: Int64Array, step: int, count: int) -> Float64Array:
    """Positions of all frames from those of every step-th, by linear interpolation."""
    positions: Float64Array = np.interp(np.arange(count), np.arange(len(found)) * step, found * float(step))
    return positions


def _anchored_band(positions: Float64Array, anchors: tuple[Int64Array, Int64Array], length: int) -> Band:
    """Band around positions that passes through the anchors."""
    low, high = np.floor(positions - _TUNING.radius), np.ceil(positions + _TUNING.radius) + 1
    low[anchors[0]], high[anchors[0]] = anchors[1] - _TUNING.anchor_radius, anchors[1] + _TUNING.anchor_radius + 1
    # frames before an anchor match frames before it, and frames after it frames after it
    low = np.maximum.accumulate(low)
    high = np.minimum.accumulate(high[::-1])[::-1]
    return connected_band(low, np.maximum(high, low + 1), length)


def _both_directions(ref: Sequence, clip: Sequence, weights: Weights, within: Band) -> Int64Array:
    """The mean of the paths forward and backward in time; if they disagree, the one with the smaller distances."""
    ahead, ahead_scores = align(ref, clip, weights, within)
    back, back_scores = align(ref.reversed(), clip.reversed(), weights, within.reversed(len(clip)))
    back, back_scores = len(clip) - 1 - back[::-1], back_scores[::-1]
    middle = (ahead + back) // 2
    middle_scores = pair_distances(ref, clip, weights, np.arange(len(ref)), middle)
    forward = merge_passes(ahead, back, ahead_scores, back_scores)
    chosen, chosen_scores = np.where(forward, ahead, back), np.where(forward, ahead_scores, back_scores)
    near = np.abs(ahead - back) <= _TUNING.averaged
    averaged = near & (middle_scores <= chosen_scores * _TUNING.close_share)
    return np.maximum.accumulate(np.where(averaged, middle, chosen))


def _monotone(ref: FrameView, clip: FrameView, rough: Int64Array, fine: Int64Array) -> tuple[Int64Array, Float64Array]:
    """The smoothed map if its images fit as well as those of the rough one, made monotone; and the differences."""
    rough_scores, fine_scores = pixel_scores(ref, clip, rough), pixel_scores(ref, clip, fine)
    limit = _TUNING.close_share * rough_scores + _TUNING.close_levels
    frames = np.where(fine_scores <= limit, fine, rough)
    # a step back is resolved by the running maximum, or by the running minimum from the end
    late, early = np.maximum.accumulate(frames), np.minimum.accumulate(frames[::-1])[::-1]
    late_scores, early_scores = pixel_scores(ref, clip, late), pixel_scores(ref, clip, early)
    forward = merge_passes(late, early, late_scores, early_scores)
    return np.where(forward, late, early), np.where(forward, late_scores, early_scores)
