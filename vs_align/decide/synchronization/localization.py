"""Localization of one video's image in the other's by template matching, before any frame correspondence is known."""

from dataclasses import dataclass, replace

import numpy as np

from vs_align.decide.synchronization.chaining import sample_frames
from vs_align.io.array_types import Float32Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.images.preprocessing import scaled, sequence_weights
from vs_align.measure.registration.sequence.alternation import rescale_matrix
from vs_align.measure.registration.template_matching import TemplateMatch, match_template


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Sizes and thresholds of the search."""

    ref_frames: int = 8
    """Ref frames searched for, in short videos."""
    clip_frames: int = 40
    """Clip frames searched, in short videos."""
    long_ref_frames: int = 10
    """Ref frames searched for, in long videos."""
    long_clip_frames: int = 400
    """Clip frames searched at half the size, in long videos: a few would miss most scenes."""
    long_clip_step: float = 1 / 3
    """Seconds between the clip frames searched in long videos; frames in between look like them."""
    least_agreement: float = 0.35
    """Agreement from which on a position is believed."""
    same_edge: float = 0.06
    """Distance of two edges, as a share of the image, within which they are equal."""


_TUNING = _Tuning()


def localize(clip: Fingerprints, ref: Fingerprints, among: Int64Array | None = None) -> list[TemplateMatch]:
    """Find the positions at which frames of ref match frames of clip.

    Args:
        clip: The video that is searched.
        ref: The video whose frames are the templates.
        among: Ref frames that may be used, rising; None: any.

    Returns:
        Transforms from pixels of ref's thumbnails to pixels of clip's, the best first; empty if there is no content.
    """
    ref_frames = sample_frames(ref, 0.0) if among is None else among
    clip_frames = sample_frames(clip, 0.0)
    if not len(ref_frames) or not len(clip_frames):
        return []
    if len(clip_frames) <= _TUNING.long_clip_frames // 2:
        few_clip, few_ref = _spread(clip_frames, _TUNING.clip_frames), _spread(ref_frames, _TUNING.ref_frames)
        return _positions(clip, ref, few_clip, few_ref, (WIDTH, HEIGHT))
    few_ref = _spread(ref_frames, _TUNING.long_ref_frames)
    few_clip = _spread(sample_frames(clip, _TUNING.long_clip_step), _TUNING.long_clip_frames)
    half = WIDTH // 2, HEIGHT // 2
    found = _positions(clip, ref, few_clip, few_ref, half)
    return [replace(place, matrix=rescale_matrix(place.matrix, half, (WIDTH, HEIGHT))) for place in found]


def subimage_box(clip: Fingerprints, ref: Fingerprints) -> tuple[float, float, float, float] | None:
    """Position of ref's image inside clip's: left, top, width and height as shares of clip's.

    None if it covers all of clip's image, is not contained in it, or cannot be found.
    """
    found = localize(clip, ref)
    if not found or found[0].agreement < _TUNING.least_agreement:
        return None
    matrix = found[0].matrix
    size = np.array([WIDTH, HEIGHT])
    low = (matrix @ [-0.5, -0.5, 1])[:2] + 0.5
    high = (matrix @ [WIDTH - 0.5, HEIGHT - 0.5, 1])[:2] + 0.5
    low, high = low / size, high / size
    if np.abs([*low, *(1 - high)]).max() < _TUNING.same_edge or min(*low, *(1 - high)) < -_TUNING.same_edge:
        return None
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _spread(frames: Int64Array, count: int) -> Int64Array:
    """At most `count` of some frames, evenly spread."""
    out: Int64Array = frames[np.unique(np.linspace(0, len(frames) - 1, count).astype(int))]
    return out


def _positions(
    clip: Fingerprints,
    ref: Fingerprints,
    clip_frames: Int64Array,
    ref_frames: Int64Array,
    size: tuple[int, int],
) -> list[TemplateMatch]:
    clips, refs = _lumas(clip, clip_frames, size), _lumas(ref, ref_frames, size)
    weights = sequence_weights(clips), sequence_weights(refs)
    return match_template(clips, refs, [range(len(clips))] * len(refs), weights, (clip.size, ref.size))


def _lumas(video: Fingerprints, frames: Int64Array, size: tuple[int, int]) -> list[Float32Array]:
    return [scaled(video.lumas(n, n + 1)[0], size) for n in frames.tolist()]
