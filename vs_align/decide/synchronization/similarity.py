"""`Likeness`: how alike ref frames and their candidates are, at the size of fingerprints and under known transforms."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from vs_align.decide.synchronization import similarity_kernels as kernels
from vs_align.decide.synchronization.search_bands import Bands
from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, IntpArray, UInt8Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.images.views import warped_plane
from vs_align.measure.registration.sequence.geometry import Geometry

# Ref frames that are compared at a time.
_STRETCH = 192
_THREADS = 2


def differences(
    clip: Fingerprints,
    ref: Fingerprints,
    bands: Bands,
    geometries: Sequence[Geometry],
    told: Callable[[int], object] | None = None,
) -> Float32Array:
    """Compare each ref frame with its candidates: 1 minus the correlation of local contrast.

    Args:
        clip: The film with the candidates.
        ref: The other one.
        bands: The candidates of each ref frame.
        geometries: How small pictures of clip lie on those of ref; of several the one counts that agrees best with
            the ref frame. At least one.
        told: Told up to which ref frame it is done.

    Returns:
        (bands.places[-1],) of all ref frames' candidates in a row: 0 for equal pictures, about 1 for unlike ones,
        `FLAT_ALIKE` where there is nothing to be seen in either.
    """
    out = np.full(int(bands.places[-1]), 1.0, np.float32)

    def work(first: int) -> None:
        stop = min(first + _STRETCH, len(ref))
        wanted = bands.wanted(first, stop)
        if not len(wanted):
            return
        pictures = frames_of(clip, wanted)
        refs = ref.pictures(first, stop)
        part = slice(int(bands.places[first]), int(bands.places[stop]))
        places = bands.places[first : stop + 1] - bands.places[first]
        for i, geometry in enumerate(geometries):
            mine = out[part] if i == 0 else np.full(part.stop - part.start, 1.0, np.float32)
            inside = geometry.common
            rows = (
                unit_rows(refs, np.eye(3), geometry.ref_weight, inside),
                unit_rows(pictures, geometry.matrix, covered(geometry), inside),
            )
            kernels.compare(*rows, wanted, bands.lows[first:stop], bands.highs[first:stop], places, mine)
            if i:
                kernels.keep_best(out[part], mine, places)
        flats = ref.flat[first:stop], ref.light[first:stop], clip.flat[wanted], clip.light[wanted]
        kernels.mark_flat(*flats, wanted, bands.lows[first:stop], bands.highs[first:stop], places, out[part])
        if told is not None:
            told(stop)

    with ThreadPoolExecutor(_THREADS, "vs_align") as pool:
        for done in [pool.submit(work, first) for first in range(0, len(ref), _STRETCH)]:
            done.result()
    return out


def covered(geometry: Geometry) -> Float32Array:
    """Where clip counts when it lies on ref, (HEIGHT, WIDTH), 1 or 0."""
    seen = warped_plane(geometry.clip_weight, geometry.matrix, (WIDTH, HEIGHT), cv2.BORDER_REPLICATE)
    out: Float32Array = np.where(seen > 0.999, np.float32(1), np.float32(0))
    return out


def frames_of(film: Fingerprints, numbers: Int64Array) -> UInt8Array:
    """Small pictures of some frames, in rising order of their numbers; (n, HEIGHT, WIDTH)."""
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    runs = np.split(numbers, breaks)
    parts = [film.pictures(int(run[0]), int(run[-1]) + 1) for run in runs]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def unit_rows(pictures: UInt8Array, matrix: Float64Array, weight: Float32Array, inside: IntpArray) -> Float32Array:
    """Local contrast of pictures as rows of unit length.

    Each pixel has the mean of its surroundings taken away and is divided by their contrast, as in
    `vs_align.measure.images.views.normalised`.

    Args:
        pictures: (n, HEIGHT, WIDTH).
        matrix: (3, 3) the transform through which they are looked at, from pixels of the result to theirs.
        weight: (HEIGHT, WIDTH), 0 where the result does not count, else 1.
        inside: The pixels to take, counted along the rows.
    """
    out = np.empty((len(pictures), inside.size), np.float32)
    kernels.contrasts(pictures, np.ascontiguousarray(matrix, np.float64), np.ascontiguousarray(weight), inside, out)
    kernels.make_unit(out)
    return out
