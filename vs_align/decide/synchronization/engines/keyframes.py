"""The engine `keyframes`: structural similarity of sampled frames, and straight lines between them."""

import numpy as np

from vs_align.decide.synchronization.engines.duration import frames_at
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, Progress, Stage
from vs_align.decide.synchronization.engines.frame_views import Side, sides
from vs_align.decide.synchronization.engines.kernels import ssim
from vs_align.decide.synchronization.engines.monotone import in_order
from vs_align.decide.synchronization.engines.trust import confidences
from vs_align.io.array_types import Float64Array, Int64Array, UInt8Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

# Frames of ref that are looked for.
_SAMPLES = 200
# Clip is searched at every fourth frame, or so many at most, and then closely round the best few.
_STEP, _MOST_SEARCHED, _CLOSELY = 4, 20_000, 3
_STRETCH = 256
# A sample whose best place stands out less than this from the others says nothing.
_STANDS_OUT = 0.02


def keyframes(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: Progress | None = None
) -> EngineMatch:
    """Match 200 frames spread over ref by structural similarity, drop what is out of order, and interpolate.

    Each is looked for within `options.window` frames of the diagonal, or within the difference of the lengths where
    that is more (Z. Wang et al., Image quality assessment: from error visibility to structural similarity, 2004, in
    windows of 8 by 8 pixels). Of the matches those are kept that never fall and stand out most. Beyond the first and
    the last, both clips run on at their own rates. Frames that were dropped or repeated between two samples are not
    found. Scores are 1 minus the structural similarity.
    """
    stage = Stage(progress)
    first, second = sides(ref, clip, options)
    samples = np.unique(np.linspace(0, len(ref) - 1, min(len(ref), _SAMPLES)).round().astype(np.int64))
    places, worth = _search(first, second, samples, options.window, stage.part(0, 0.6))
    kept = np.flatnonzero(worth > _STANDS_OUT)
    if not kept.size:
        kept = np.array([int(np.argmax(worth))])
    kept = kept[in_order(places[kept], np.maximum(worth[kept], 1e-6))]
    frames = _between(ref, clip, samples[kept], places[kept])
    scores = _scores(first, second, frames, stage.part(0.6, 0.8))
    return EngineMatch(frames, confidences(first, second, frames, stage.part(0.8, 1)), scores)


def _search(ref: Side, clip: Side, samples: Int64Array, window: int, stage: Stage) -> tuple[Int64Array, Float64Array]:
    """The most alike clip frame of each sample, and by how much it is more alike than most others."""
    step = max(_STEP, -(-len(clip) // _MOST_SEARCHED)) if len(clip) > 2 * _STEP else 1
    searched = np.arange(0, len(clip), step)
    pictures = np.concatenate([
        np.ascontiguousarray(clip.pictures(at, min(len(clip), at + _STRETCH * step))[::step])
        for at in range(0, len(clip), _STRETCH * step)
    ])  # fmt: skip
    half = max(window, abs(len(clip) - len(ref)))
    places, worth = np.empty(len(samples), np.int64), np.empty(len(samples))
    for n, sample in enumerate(samples):
        centre = sample * (len(clip) - 1) / max(1, len(ref) - 1)
        near = np.flatnonzero(np.abs(searched - centre) <= half + step)
        # of equally alike frames the one nearest to the diagonal is taken
        near = near[np.argsort(np.abs(searched[near] - centre), kind="stable")]
        picture = ref.pictures(int(sample), int(sample) + 1)[0]
        found = np.array([ssim(picture, pictures[i]) for i in near])
        best = near[np.argsort(-found, kind="stable")[:_CLOSELY]]
        places[n], value = _closely(picture, clip, searched[best], step)
        worth[n] = value - float(np.median(found))
        stage.done((n + 1) / len(samples))
    return places, worth


def _closely(picture: UInt8Array, clip: Side, centres: Int64Array, step: int) -> tuple[int, float]:
    place, highest = int(centres[0]), -np.inf
    for centre in centres:
        begin = max(0, int(centre) - step + 1)
        for i, other in enumerate(clip.pictures(begin, min(len(clip), int(centre) + step))):
            value = ssim(picture, np.ascontiguousarray(other))
            if value > highest:
                place, highest = begin + i, value
    return place, highest


def _between(ref: Fingerprints, clip: Fingerprints, samples: Int64Array, places: Int64Array) -> Int64Array:
    """Frames on straight lines between matches, and at the clips' own rates beyond them."""
    inside = np.arange(samples[0], samples[-1] + 1)
    frames = np.full(len(ref), -1, np.int64)
    frames[inside] = np.floor(np.interp(inside, samples, places) + 0.5)
    before, after = np.arange(samples[0]), np.arange(samples[-1] + 1, len(ref))
    for part, at in ((before, 0), (after, -1)):
        frames[part] = frames_at(clip, clip.times[places[at]] + ref.times[part] - ref.times[samples[at]])
    return frames


def _scores(ref: Side, clip: Side, frames: Int64Array, stage: Stage) -> Float64Array:
    out = np.full(len(frames), np.inf)
    for begin in range(0, len(frames), _STRETCH):
        part = frames[begin : begin + _STRETCH]
        there = np.flatnonzero(part >= 0)
        if there.size:
            ours = ref.pictures(begin, begin + len(part))[there]
            theirs = clip.take(part[there]).reshape(ours.shape)
            out[begin + there] = [_unlike(a, b) for a, b in zip(ours, theirs, strict=True)]
        stage.done((begin + len(part)) / len(frames))
    return out


def _unlike(a: UInt8Array, b: UInt8Array) -> float:
    return 1 - float(ssim(np.ascontiguousarray(a), np.ascontiguousarray(b)))
