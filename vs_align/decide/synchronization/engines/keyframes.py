"""The engine `keyframes`: structural similarity (SSIM) of 200 sampled frames, with linear interpolation in between."""

from dataclasses import dataclass

import numpy as np

from vs_align.decide.synchronization.engines.duration import nearest_frames
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, ProgressPart
from vs_align.decide.synchronization.engines.frame_views import FrameView, frame_views
from vs_align.decide.synchronization.engines.kernels import ssim
from vs_align.decide.synchronization.engines.monotone import heaviest_monotone_subset
from vs_align.io.array_types import Float64Array, Int64Array, UInt8Array
from vs_align.io.progress import ShareProgress
from vs_align.measure.fingerprints.fingerprint import Fingerprints


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Extent of the search. Frames."""

    samples: int = 200
    """Ref frames that are matched."""
    step: int = 4
    """Distance of the clip frames of the first search."""
    most_searched: int = 20_000
    """Clip frames of the first search at most; in longer clips the step grows."""
    refined: int = 3
    """Best frames of the first search whose neighborhood is searched frame by frame."""
    batch: int = 256
    """Frames compared at a time; bounds memory."""
    least_contrast: float = 0.02
    """Excess of the best similarity over the median below which a sample is ambiguous."""


_TUNING = _Tuning()


def keyframes(
    ref: Fingerprints, clip: Fingerprints, options: EngineOptions, progress: ShareProgress | None = None
) -> EngineMatch:
    """Match 200 frames spread over ref by structural similarity, drop matches that are out of order, and interpolate.

    Each sample is searched within `options.window` frames of the diagonal, or within the difference of the lengths if
    that is more (Z. Wang et al., Image quality assessment: from error visibility to structural similarity, 2004, in
    windows of 8 by 8 pixels). The heaviest monotone subset of the matches is kept. Before the first and after the last
    match both clips run on at their own frame rates. Frames dropped or repeated between two samples are not found.
    Scores are 1 minus the structural similarity.
    """
    whole = ProgressPart(progress)
    first, second = frame_views(ref, clip, options)
    samples = np.unique(np.linspace(0, len(ref) - 1, min(len(ref), _TUNING.samples)).round().astype(np.int64))
    matches, weights = _search(first, second, samples, options.window, whole.part(0, 0.7))
    kept = np.flatnonzero(weights > _TUNING.least_contrast)
    if not kept.size:
        kept = np.array([int(np.argmax(weights))])
    kept = kept[heaviest_monotone_subset(matches[kept], np.maximum(weights[kept], 1e-6))]
    frames = _interpolated(ref, clip, samples[kept], matches[kept])
    return EngineMatch(frames, _scores(first, second, frames, whole.part(0.7, 1)))


def _search(
    ref: FrameView, clip: FrameView, samples: Int64Array, window: int, part: ProgressPart
) -> tuple[Int64Array, Float64Array]:
    """The most similar clip frame of each sample, and the excess of its similarity over the median."""
    batch = _TUNING.batch
    step = max(_TUNING.step, -(-len(clip) // _TUNING.most_searched)) if len(clip) > 2 * _TUNING.step else 1
    searched = np.arange(0, len(clip), step)
    images = np.concatenate([
        np.ascontiguousarray(clip.images(at, min(len(clip), at + batch * step))[::step])
        for at in range(0, len(clip), batch * step)
    ])  # fmt: skip
    half = max(window, abs(len(clip) - len(ref)))
    matches, weights = np.empty(len(samples), np.int64), np.empty(len(samples))
    for n, sample in enumerate(samples):
        center = sample * (len(clip) - 1) / max(1, len(ref) - 1)
        near = np.flatnonzero(np.abs(searched - center) <= half + step)
        # of equally similar frames the one nearest to the diagonal wins
        near = near[np.argsort(np.abs(searched[near] - center), kind="stable")]
        image = ref.images(int(sample), int(sample) + 1)[0]
        found = np.array([ssim(image, images[i]) for i in near])
        best = near[np.argsort(-found, kind="stable")[: _TUNING.refined]]
        matches[n], value = _refined(image, clip, searched[best], step)
        weights[n] = value - float(np.median(found))
        part.done((n + 1) / len(samples))
    return matches, weights


def _refined(image: UInt8Array, clip: FrameView, centers: Int64Array, step: int) -> tuple[int, float]:
    """The most similar clip frame less than `step` frames from one of some centers, and its similarity."""
    match, highest = int(centers[0]), -np.inf
    for center in centers:
        begin = max(0, int(center) - step + 1)
        for i, other in enumerate(clip.images(begin, min(len(clip), int(center) + step))):
            value = ssim(image, np.ascontiguousarray(other))
            if value > highest:
                match, highest = begin + i, value
    return match, highest


def _interpolated(ref: Fingerprints, clip: Fingerprints, samples: Int64Array, matches: Int64Array) -> Int64Array:
    """Frames on straight lines between matches, and at the clips' own frame rates outside them."""
    inside = np.arange(samples[0], samples[-1] + 1)
    frames = np.full(len(ref), -1, np.int64)
    frames[inside] = np.floor(np.interp(inside, samples, matches) + 0.5)
    before, after = np.arange(samples[0]), np.arange(samples[-1] + 1, len(ref))
    for part, at in ((before, 0), (after, -1)):
        frames[part] = nearest_frames(clip, clip.times[matches[at]] + ref.times[part] - ref.times[samples[at]])
    return frames


def _scores(ref: FrameView, clip: FrameView, frames: Int64Array, part: ProgressPart) -> Float64Array:
    """1 minus the structural similarity of each pair, infinity for none."""
    batch = _TUNING.batch
    out = np.full(len(frames), np.inf)
    for begin in range(0, len(frames), batch):
        some = frames[begin : begin + batch]
        there = np.flatnonzero(some >= 0)
        if there.size:
            ours = ref.images(begin, begin + len(some))[there]
            theirs = clip.take(some[there]).reshape(ours.shape)
            out[begin + there] = [_dissimilarity(a, b) for a, b in zip(ours, theirs, strict=True)]
        part.done((begin + len(some)) / len(frames))
    return out


def _dissimilarity(a: UInt8Array, b: UInt8Array) -> float:
    return 1 - float(ssim(np.ascontiguousarray(a), np.ascontiguousarray(b)))
