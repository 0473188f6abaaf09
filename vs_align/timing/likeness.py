"""`Likeness`: how alike ref frames and their candidates are, at the size of fingerprints and under known transforms."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from vs_align.registration.geometry import Geometry
from vs_align.registration.views import Luma, normalised
from vs_align.timing.bands import Bands
from vs_align.timing.fingerprint import HEIGHT, WIDTH, Fingerprints, Pictures

_RADIUS = 5
# Ref frames that are compared at a time.
_STRETCH = 192
_THREADS = 2
# Flat frames show the same where their brightness differs by no more levels of 255.
_SAME_LIGHT = 16.0
FLAT_ALIKE = -1.0
"""Stands for the difference of two frames in which there is nothing to be seen."""

Rows = npt.NDArray[np.float32]


def differences(
    clip: Fingerprints,
    ref: Fingerprints,
    bands: Bands,
    geometries: Sequence[Geometry],
    told: Callable[[int], object] | None = None,
) -> Rows:
    """Compare each ref frame with its candidates: 1 minus the correlation of local contrast.

    Args:
        clip: The film with the candidates.
        ref: The other one.
        bands: The candidates of each ref frame.
        geometries: How small pictures of clip lie on those of ref; of several the one counts that agrees best with
            the ref frame. At least one.
        told: Told up to which ref frame it is done.

    Returns:
        (bands.places[-1],) 0 for equal pictures, about 1 for unlike ones: all ref frames' candidates in a row. `FLAT_ALIKE` where both frames are flat.
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
            rows = unit_rows(refs, None, geometry.ref_weight, inside), unit_rows(pictures, geometry, None, inside)
            _compare(*rows, wanted, bands.lows[first:stop], bands.highs[first:stop], places, mine)
            if i:
                _keep_best(out[part], mine, places)
        flats = ref.flat[first:stop], ref.light[first:stop], clip.flat[wanted], clip.light[wanted]
        _mark_flat(*flats, wanted, bands.lows[first:stop], bands.highs[first:stop], places, out[part])
        if told is not None:
            told(stop)

    with ThreadPoolExecutor(_THREADS, "vs_align") as pool:
        for done in [pool.submit(work, first) for first in range(0, len(ref), _STRETCH)]:
            done.result()
    return out


def frames_of(film: Fingerprints, numbers: npt.NDArray[np.int64]) -> Pictures:
    """Small pictures of some frames, in rising order of their numbers; (n, HEIGHT, WIDTH)."""
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    runs = np.split(numbers, breaks)
    parts = [film.pictures(int(run[0]), int(run[-1]) + 1) for run in runs]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def unit_rows(
    pictures: Pictures, geometry: Geometry | None, weight: Luma | None, inside: npt.NDArray[np.intp]
) -> Rows:
    """Local contrast of pictures as rows of unit length.

    Args:
        pictures: (n, HEIGHT, WIDTH).
        geometry: The transform through which they are looked at; None: as they are.
        weight: (HEIGHT, WIDTH), 0 where pictures do not count; None: that of clip in the geometry.
        inside: The pixels to take, counted along the rows.
    """
    whole = np.ones((HEIGHT, WIDTH), np.float32) if weight is None else weight
    out = np.empty((len(pictures), inside.size), np.float32)
    for row, picture in zip(out, pictures, strict=True):
        luma = picture.astype(np.float32) * np.float32(1 / 255)
        if geometry is not None:
            luma = geometry.seen(luma)
        np.take(normalised(luma, whole, _RADIUS), inside, out=row)
    _make_unit(out)
    return out


_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, cache=True, fastmath=_FAST)
def _make_unit(rows: Any) -> None:
    for i in range(len(rows)):
        total = np.float32(0)
        for k in range(rows.shape[1]):
            total += rows[i, k]
        mean = total / np.float32(rows.shape[1])
        power = np.float32(0)
        for k in range(rows.shape[1]):
            rows[i, k] -= mean
            power += rows[i, k] * rows[i, k]
        # a picture of noise must not become as long as one of edges
        scale = np.float32(1) / max(np.sqrt(power), np.float32(0.1) * np.sqrt(np.float32(rows.shape[1])))
        for k in range(rows.shape[1]):
            rows[i, k] *= scale


@njit(nogil=True, cache=True, fastmath=_FAST)
def _compare(refs: Any, clips: Any, numbers: Any, lows: Any, highs: Any, places: Any, out: Any) -> None:
    for i in range(len(refs)):
        place = places[i]
        for k in range(lows.shape[1]):
            if lows[i, k] < 0:
                break
            j = np.searchsorted(numbers, lows[i, k])
            for _ in range(highs[i, k] - lows[i, k] + 1):
                total = np.float32(0)
                for p in range(refs.shape[1]):
                    total += refs[i, p] * clips[j, p]
                out[place] = np.float32(1) - total
                place += 1
                j += 1


@njit(nogil=True, cache=True)
def _keep_best(best: Any, other: Any, places: Any) -> None:
    """Take over the values of ref frames whose best candidate is better under another transform."""
    for i in range(places.size - 1):
        a, b = places[i], places[i + 1]
        if a < b and other[a:b].min() < best[a:b].min():
            best[a:b] = other[a:b]


@njit(nogil=True, cache=True)
def _mark_flat(
    ref_flat: Any, ref_light: Any, clip_flat: Any, clip_light: Any, numbers: Any, lows: Any, highs: Any, places: Any,
    out: Any,
) -> None:  # fmt: skip
    for i in range(ref_flat.size):
        if not ref_flat[i]:
            continue
        place = places[i]
        for k in range(lows.shape[1]):
            if lows[i, k] < 0:
                break
            j = np.searchsorted(numbers, lows[i, k])
            for _ in range(highs[i, k] - lows[i, k] + 1):
                alike = clip_flat[j] and abs(clip_light[j] - ref_light[i]) <= _SAME_LIGHT
                out[place] = FLAT_ALIKE if alike else np.float32(1)
                place += 1
                j += 1
