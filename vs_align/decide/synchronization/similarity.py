"""Dissimilarity of ref frames and their candidates: 1 - NCC of local contrast of thumbnails, under known transforms."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from vs_align.decide.synchronization import similarity_kernels as kernels
from vs_align.decide.synchronization.candidate_ranges import CandidateRanges
from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, IntpArray, UInt8Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.images.preprocessing import warp_plane
from vs_align.measure.registration.sequence.geometry import Geometry

_BATCH = 192
"""Ref frames compared at a time; bounds memory."""
_THREADS = 2
"""Batches compared in parallel."""


def dissimilarities(
    clip: Fingerprints,
    ref: Fingerprints,
    candidates: CandidateRanges,
    geometries: Sequence[Geometry],
    on_progress: Callable[[int], object] | None = None,
) -> Float32Array:
    """Compare each ref frame with its candidates: 1 minus the normalized cross-correlation of local contrast.

    Args:
        clip: The video with the candidates.
        ref: The other video.
        candidates: The candidates of each ref frame.
        geometries: Placements of clip's thumbnails on those of ref, at least one; for each ref frame the best counts.
        on_progress: Called with the ref frame at which a finished batch ends; batches may finish out of order.

    Returns:
        (candidates.offsets[-1],) of the candidates of all ref frames in a row: 0 for equal images, about 1 for
        unrelated ones, `FLAT_ALIKE` for two flat frames of equal brightness.
    """
    out = np.full(int(candidates.offsets[-1]), 1.0, np.float32)

    def work(first: int) -> None:
        stop = min(first + _BATCH, len(ref))
        numbers = candidates.clip_frames(first, stop)
        if not len(numbers):
            return
        images = thumbnails_at(clip, numbers)
        refs = ref.thumbnails(first, stop)
        part = slice(int(candidates.offsets[first]), int(candidates.offsets[stop]))
        offsets = candidates.offsets[first : stop + 1] - candidates.offsets[first]
        lows, highs = candidates.lows[first:stop], candidates.highs[first:stop]
        for i, geometry in enumerate(geometries):
            mine = out[part] if i == 0 else np.full(part.stop - part.start, 1.0, np.float32)
            inside = geometry.common
            rows = (
                normalized_rows(refs, np.eye(3), geometry.ref_weight, inside),
                normalized_rows(images, geometry.matrix, coverage(geometry), inside),
            )
            kernels.row_dissimilarities(*rows, numbers, lows, highs, offsets, mine)
            if i:
                kernels.keep_best(out[part], mine, offsets)
        flats = ref.flat[first:stop], ref.brightness[first:stop], clip.flat[numbers], clip.brightness[numbers]
        kernels.mark_flat(*flats, numbers, lows, highs, offsets, out[part])
        if on_progress is not None:
            on_progress(stop)

    with ThreadPoolExecutor(_THREADS, "vs_align") as pool:
        for done in [pool.submit(work, first) for first in range(0, len(ref), _BATCH)]:
            done.result()
    return out


def coverage(geometry: Geometry) -> Float32Array:
    """Pixels of ref's thumbnail that clip covers, (HEIGHT, WIDTH), 1 or 0."""
    seen = warp_plane(geometry.clip_weight, geometry.matrix, (WIDTH, HEIGHT), cv2.BORDER_REPLICATE)
    out: Float32Array = np.where(seen > 0.999, np.float32(1), np.float32(0))
    return out


def thumbnails_at(video: Fingerprints, numbers: Int64Array) -> UInt8Array:
    """Thumbnails of some frames, in rising order of their numbers; (n, HEIGHT, WIDTH)."""
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    runs = np.split(numbers, breaks)
    parts = [video.thumbnails(int(run[0]), int(run[-1]) + 1) for run in runs]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def normalized_rows(images: UInt8Array, matrix: Float64Array, weight: Float32Array, inside: IntpArray) -> Float32Array:
    """Local-contrast normalized images as rows of unit length, whose inner products are correlations.

    Each pixel minus its local mean, divided by its local deviation, as in `vs_align.measure.images.preprocessing`.

    Args:
        images: (n, HEIGHT, WIDTH) uint8.
        matrix: (3, 3) homography from pixels of the result to pixels of the images.
        weight: (HEIGHT, WIDTH), 0 for pixels of the result to ignore, else 1.
        inside: The pixels to take, as flat indices.

    Returns:
        (n, pixels).
    """
    out = np.empty((len(images), inside.size), np.float32)
    kernels.local_contrast(images, np.ascontiguousarray(matrix, np.float64), np.ascontiguousarray(weight), inside, out)
    kernels.normalize_rows(out)
    return out
