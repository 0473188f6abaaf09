"""Check of a placement on thumbnails: placement error of a scene, and cuts that cut detection missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vs_align.io.array_types import Float64Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH
from vs_align.measure.registration.esm import AFFINE, UNIFORM_SCALE
from vs_align.measure.registration.sequence.sequence_pair import SequencePair
from vs_align.placement.homography import corner_distance, resize_matrix

if TYPE_CHECKING:
    from vs_align.measure.video import Video


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the scene check."""

    samples: int = 3
    """Frame pairs per scene for its placement error."""
    radius: int = 5
    """Radius of the contrast normalization in pixels."""
    esm_steps: int = 6
    """Gauss-Newton steps for the placement error."""
    sampling_interval: int = 6
    """Interval in pairs at which thumbnails are compared to find missed cuts."""
    min_run: int = 2
    """Shortest run of samples that agree or disagree with the placement."""
    min_relative_ncc: float = 0.6
    """Share of the 90th percentile of the NCC above which a sample agrees."""
    batch: int = 64
    """Frame pairs in memory at a time."""
    min_step: float = 0.25
    """Change of NCC from one frame to the next at a missed cut; slow moves change it gradually."""
    min_ncc: float = 0.3
    """NCC after refinement below which the scene shows something else or lies somewhere else."""


_SETTINGS = _Settings()


def placement_error(clip: "Video", ref: "Video", pairs: Sequence[tuple[int, int]], matrix: Float64Array) -> float:
    """Return the error of a placement for one scene, in pixels of thumbnails, by ESM refinement on a few frame pairs.

    Args:
        clip: The video that contains the other one.
        ref: The other video.
        pairs: Ref frames and clip frames of the scene, at least one.
        matrix: The placement, between full frames.
    """
    chosen = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, _SETTINGS.samples + 2)[1:-1].astype(int))]
    clips = [clip.fingerprints().lumas(k, k + 1)[0] for _, k in chosen]
    refs = [ref.fingerprints().lumas(n, n + 1)[0] for n, _ in chosen]
    size = WIDTH, HEIGHT
    whole = np.ones((HEIGHT, WIDTH), np.float32)
    sequences = SequencePair(clips, refs, whole, whole, size, _SETTINGS.radius)
    inner = resize_matrix(size, clip.size) @ matrix @ resize_matrix(ref.size, size)
    same = [(i, i) for i in range(len(chosen))]
    closer = sequences.refine(inner, same, AFFINE, _SETTINGS.esm_steps, UNIFORM_SCALE)
    windows = [range(i, i + 1) for i in range(len(chosen))]
    if sequences.match(closer, windows).agreement < _SETTINGS.min_ncc:
        return float(WIDTH)
    return corner_distance(inner, closer, size, along_axes=True)


def missed_cuts(clip: "Video", ref: "Video", pairs: Sequence[tuple[int, int]], matrix: Float64Array) -> list[int]:
    """Return ref frames at which a placement abruptly begins or ceases to explain the frames: undetected cuts.

    Args:
        clip: The video that contains the other one.
        ref: The other video.
        pairs: Ref frames and clip frames that show the same, in order.
        matrix: The placement, between full frames.

    Returns:
        Numbers of ref frames, ascending.
    """
    sampled = list(range(0, len(pairs), _SETTINGS.sampling_interval))
    if len(sampled) < 2 * _SETTINGS.min_run:
        return []
    correlations = pair_correlations(clip, ref, [pairs[i] for i in sampled], matrix)
    limit = _SETTINGS.min_relative_ncc * float(np.percentile(correlations, 90))
    explained = correlations > limit
    changes = np.flatnonzero(np.diff(explained)) + 1
    edges = [0, *changes.tolist(), len(sampled)]
    lasting = [
        i
        for i, (before, change, after) in enumerate(zip(edges, edges[1:-1], edges[2:], strict=False))
        if min(change - before, after - change) >= _SETTINGS.min_run
    ]
    found = []
    for i in lasting:
        first, stop = sampled[changes[i] - 1], sampled[changes[i]]
        between = pair_correlations(clip, ref, pairs[first : stop + 1], matrix)
        steps = np.abs(np.diff(between))
        if steps.max() > _SETTINGS.min_step:
            found.append(pairs[first + int(steps.argmax()) + 1][0])
    return found


def pair_correlations(
    clip: "Video", ref: "Video", pairs: Sequence[tuple[int, int]], matrix: Float64Array
) -> Float64Array:
    """Return the NCC of the thumbnails of each pair under a placement, (n,), -1..1."""
    size = WIDTH, HEIGHT
    whole = np.ones((HEIGHT, WIDTH), np.float32)
    inner = resize_matrix(size, clip.size) @ matrix @ resize_matrix(ref.size, size)
    out = np.zeros(len(pairs))
    for first in range(0, len(pairs), _SETTINGS.batch):
        part = pairs[first : first + _SETTINGS.batch]
        clips = [clip.fingerprints().lumas(k, k + 1)[0] for _, k in part]
        refs = [ref.fingerprints().lumas(n, n + 1)[0] for n, _ in part]
        sequences = SequencePair(clips, refs, whole, whole, size, _SETTINGS.radius)
        windows = [range(i, i + 1) for i in range(len(part))]
        out[first : first + len(part)] = sequences.match(inner, windows).agreements
    return out
