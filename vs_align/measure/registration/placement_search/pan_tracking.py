"""Pan-and-scan tracking: placements that move within a scene, sampled in time and smoothed.

Every sample is registered by ESM from its predecessor, from the best sample in both directions; the edges of ref in
clip are smoothed by a Savitzky-Golay filter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.signal import savgol_filter

from vs_align.io.array_types import Float64Array
from vs_align.measure.registration.esm import AFFINE, UNIFORM_SCALE
from vs_align.measure.registration.placement_search.anchor_frames import (
    AnchorFrames,
    frames_around,
    overlap_boxes,
    read_anchor_frames,
)
from vs_align.measure.registration.placement_search.subpixel import (
    edges_in_clip,
    matrix_from_edges,
    placement_confidence,
)
from vs_align.measure.registration.sequence.sequence_pair import SequencePair
from vs_align.placement.placement import Scene, Transform

if TYPE_CHECKING:
    from vs_align.measure.video import Video


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of pan-and-scan tracking."""

    interval: int = 12
    """Interval of the samples in frames."""
    min_samples: int = 3
    """Samples that a scene needs to be tracked."""
    longer_side: int = 480
    """Longer side of the compared images in pixels."""
    radius: int = 7
    """Radius of the contrast normalization in pixels."""
    esm_steps: int = 12
    """Gauss-Newton steps per sample."""
    margin: float = 0.4
    """Range of movement around the initial placement, as a share of the common area."""
    min_ncc: float = 0.2
    """NCC below which a sample is discarded."""
    min_movement: float = 0.75
    """Movement of an edge in clip pixels from which on a scene is moving."""
    smoothing_length: int = 5
    """Window of the smoothing filter in samples."""
    min_gain: float = 0.002
    """Gain in NCC that a candidate other than the given match needs."""
    min_relative_gain: float = 0.1
    """The same gain as a share of 1 - NCC."""


_SETTINGS = _Settings()


def track_pans(
    clip: "Video",
    ref: "Video",
    pairs: Sequence[tuple[int, int]],
    scenes: Sequence[Scene],
    progress: Callable[[str, int, int], Any],
) -> list[Scene]:
    """Track the placement within each scene.

    Args:
        clip: The video that contains the other one.
        ref: The other video.
        pairs: Ref frames and clip frames that show the same, in order.
        scenes: One static transform per scene of ref. Scenes with rotation, shear or perspective are returned
            unchanged.
        progress: Called with stage, finished and total number of scenes.

    Returns:
        The scenes; a moving scene is replaced by several that are interpolated from one to the next.
    """
    numbers = np.array([n for n, _ in pairs])
    out: list[Scene] = []
    for i, scene in enumerate(scenes):
        progress("following", i, len(scenes))
        stop = scenes[i + 1].ref_first if i + 1 < len(scenes) else int(numbers[-1]) + 1
        inside = pairs[int(np.searchsorted(numbers, scene.ref_first)) : int(np.searchsorted(numbers, stop))]
        out += _tracked_scene(clip, ref, inside, scene)
    progress("following", len(scenes), len(scenes))
    return out


def _tracked_scene(clip: "Video", ref: "Video", pairs: Sequence[tuple[int, int]], scene: Scene) -> list[Scene]:
    count = len(pairs) // _SETTINGS.interval + 1
    matrix = scene.transform.array
    turned = abs(matrix[0, 1]) + abs(matrix[1, 0]) + np.abs(matrix[2, :2]).sum() > 1e-9
    if len(pairs) < 2 or count < _SETTINGS.min_samples or turned:
        return [scene]
    samples = [pairs[j] for j in np.unique(np.linspace(0, len(pairs) - 1, count).astype(int))]
    boxes = overlap_boxes(matrix, clip.size, ref.size, _SETTINGS.margin)
    excluded = clip.excluded, ref.excluded
    anchors = [(n, frames_around(k, 1, clip.length)) for n, k in samples]
    images = read_anchor_frames(clip, ref, anchors, boxes, _SETTINGS.longer_side, excluded)
    given_candidates = [
        window[0] + k - anchor[0] for window, (_, anchor), (_, k) in zip(images.windows, anchors, samples, strict=True)
    ]
    edges, correlations = _track(images, given_candidates, matrix, ref.size)
    known = np.flatnonzero(correlations > _SETTINGS.min_ncc)
    if len(known) < _SETTINGS.min_samples or np.ptp(edges[known], axis=0).max() < _SETTINGS.min_movement:
        return [scene]
    smoothed = _smoothed(edges[known])
    if np.ptp(smoothed, axis=0).max() < _SETTINGS.min_movement:
        return [scene]
    scene = replace(scene, confidence=placement_confidence(float(correlations[known].mean())), method="scan")
    transforms = [_like(matrix_from_edges(each, ref.size), scene.transform) for each in smoothed]
    frames = [samples[j][0] for j in known]
    moving = [
        replace(scene, ref_first=n, transform=transform, moving=j + 1 < len(frames))
        for j, (n, transform) in enumerate(zip(frames, transforms, strict=True))
    ]
    if frames[0] > scene.ref_first:
        moving.insert(0, replace(scene, transform=transforms[0]))
    return moving


def _track(
    images: AnchorFrames, given_candidates: Sequence[int], matrix: Float64Array, ref_size: tuple[int, int]
) -> tuple[Float64Array, Float64Array]:
    """Return the edges of ref in clip for each sample, (n, 4), and their NCC, (n,), tracked from the best sample on."""
    sequences = SequencePair(images.clip, images.ref, *images.weights, images.size, _SETTINGS.radius)
    start = images.to_cropped(matrix)
    first = int(sequences.match(start, images.windows).agreements.argmax())
    count = len(images.ref)
    edges, correlations = np.zeros((count, 4)), np.zeros(count)
    for order in (range(first, count), range(first, -1, -1)):
        here = start
        for i in order:
            here, correlations[i] = _placement_of_sample(sequences, images, i, given_candidates[i], here)
            edges[i] = edges_in_clip(images.to_full(here), ref_size)
            if correlations[i] < _SETTINGS.min_ncc:
                here = start
            elif i == first:
                start = here
    return edges, correlations


def _placement_of_sample(
    sequences: SequencePair, images: AnchorFrames, i: int, given_candidates: int, start: Float64Array
) -> tuple[Float64Array, float]:
    """Return the transform of one sample and its NCC.

    If everything moves alike, a time offset is as good as a shift: the given match counts unless another candidate is
    clearly better.
    """
    ends = []
    for candidate in images.windows[i]:
        here = sequences.refine(start, [(i, candidate)], AFFINE, _SETTINGS.esm_steps, UNIFORM_SCALE)
        window = [range(candidate, candidate + 1) if j == i else range(0) for j in range(len(images.ref))]
        agreement = float(sequences.match(here, window).agreements[i])
        left = (
            0.0
            if candidate == given_candidates
            else max(_SETTINGS.min_gain, _SETTINGS.min_relative_gain * (1 - agreement))
        )
        ends.append((agreement - left, agreement, here))
    _, agreement, matrix = max(ends, key=lambda end: end[0])
    return matrix, agreement


def _smoothed(edges: Float64Array) -> Float64Array:
    """Smooth by local parabolas (A. Savitzky and M. Golay, Analytical Chemistry 36, 1964)."""
    length = min(_SETTINGS.smoothing_length, len(edges) - 1 + len(edges) % 2)
    if length < 3:
        return edges
    out: Float64Array = savgol_filter(edges, length, min(2, length - 1), axis=0)
    return out


def _like(matrix: Float64Array, example: Transform) -> Transform:
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    return Transform(((a, b, c), (d, e, f), (g, h, i)), example.clip_size, example.ref_size)
