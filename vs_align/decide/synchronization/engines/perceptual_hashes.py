"""Frame hashes of vidkompy: four perceptual hashes as in OpenCV's img_hash, and a color histogram, with distances."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from vs_align.decide.synchronization.engines.dtw import Sequence, Weights, pair_distances
from vs_align.decide.synchronization.engines.engine import ProgressPart
from vs_align.decide.synchronization.engines.frame_views import FrameView
from vs_align.decide.synchronization.engines.marr_hildreth import BITS, marr_hildreth
from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, UInt8Array, UInt64Array


@dataclass(frozen=True, slots=True)
class _HashWeights:
    """Share of each part in the distance, as in vidkompy; they sum to 1."""

    perceptual: float = 0.4
    """DCT hash, 64 bits."""
    average: float = 0.2
    """Average hash, 64 bits."""
    marr_hildreth: float = 0.1
    """Marr-Hildreth hash, 576 bits."""
    color_moments: float = 0.2
    """42 color moments."""
    histogram: float = 0.1
    """Histograms of Y, U and V."""


_WEIGHTS = _HashWeights()
_BITS = (64, 64, BITS)
"""Bits of the perceptual, the average and the Marr-Hildreth hash."""
_WORDS = tuple(bits // 64 for bits in _BITS)
"""64-bit words of the three hashes."""
_MOMENT_COUNT = 42
_BINS = 32
"""Bins of each histogram."""
_MOMENT_SIZE = (64, 64)
"""Image size for the color moments."""
_VECTOR = _MOMENT_COUNT + 3 * _BINS
_CHUNK = 64
"""Frames that one thread hashes at a time."""
_PAIRS = 512
"""Random pairs by which the distance of moments is normalized."""


@dataclass(frozen=True, slots=True, eq=False)
class HashPair:
    """Hashes of two clips, and the weights of their distance."""

    ref: Sequence
    clip: Sequence
    weights: Weights


def hash_pair(ref: FrameView, clip: FrameView, step: int, part: ProgressPart) -> HashPair:
    """Hash each step-th frame of both clips.

    A hash consists of the perceptual hash (DCT, 64 bits), the average hash (64 bits), the Marr-Hildreth hash (576 bits)
    and the 42 color moments, all as in OpenCV's img_hash after C. Zauner, Implementation and Benchmarking of Perceptual
    Image Hash Functions (2010), and of histograms of Y, U and V. The distance is a weighted mean, 0 to 1: bits by the
    share that differs, moments by their squared Euclidean distance divided by its mean over random pairs, histograms by
    1 minus their correlation.

    A frame takes 0.7 ms of one core, most of it for the Marr-Hildreth hash; threads share the work. (OpenCV's own
    Marr-Hildreth hash and moments would take 6.2 and 1.7 ms.)
    """
    total = len(range(0, len(ref), step)) + len(range(0, len(clip), step))
    done = 0

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        part.done(done / total)

    first, second = _hashed(ref, step, advance), _hashed(clip, step, advance)
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(first), _PAIRS), rng.integers(0, len(second), _PAIRS)
    only_moments = Weights(np.zeros(sum(_WORDS), np.float32), np.array([_MOMENT_COUNT]), np.ones(1, np.float32))
    # moments are small: this mean is below 1, at which distances are clipped
    typical = float(pair_distances(first, second, only_moments, *pairs).mean())
    for sequence in (first, second):
        sequence.vectors[:, :_MOMENT_COUNT] *= np.float32(1 / np.sqrt(typical) if typical > 0 else 1.0)
    shares = (_WEIGHTS.perceptual, _WEIGHTS.average, _WEIGHTS.marr_hildreth)
    words = [share / bits for share, bits, count in zip(shares, _BITS, _WORDS, strict=True) for _ in range(count)]
    parts = np.array([_WEIGHTS.color_moments, _WEIGHTS.histogram], np.float32)
    weights = Weights(np.array(words, np.float32), np.array([_MOMENT_COUNT, _VECTOR]), parts)
    return HashPair(first, second, weights)


def _hashed(view: FrameView, step: int, advance: Callable[[int], None]) -> Sequence:
    """Hash each step-th frame of a clip in threads; `advance` is called with the number of frames hashed."""
    frames = np.arange(0, len(view), step, dtype=np.int64)
    bits = np.empty((len(frames), sum(_WORDS)), np.uint64)
    vectors = np.empty((len(frames), _VECTOR), np.float32)
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        # one chunk per worker at a time, so that only their images are in memory
        for begin in range(0, len(frames), workers * _CHUNK):
            jobs = []
            for first in range(begin, min(len(frames), begin + workers * _CHUNK), _CHUNK):
                part = slice(first, min(len(frames), first + _CHUNK))
                luma, color = _read(view, frames[part])
                jobs.append(pool.submit(_hash_chunk, luma, color, bits[part], vectors[part]))
            for job in jobs:
                job.result()
            advance(min(len(frames), begin + workers * _CHUNK) - begin)
    return Sequence(bits, vectors)


def _read(view: FrameView, frames: Int64Array) -> tuple[UInt8Array, UInt8Array]:
    """Luma inside the bounding box of the mask, black outside the mask, and chroma."""
    first, stop = int(frames[0]), int(frames[-1]) + 1
    local = frames - first
    luma, color = view.images(first, stop)[local], view.colors(first, stop)[local]
    if view.mask is not None and not view.mask.all():
        rows, columns = np.flatnonzero(view.mask.any(axis=1)), np.flatnonzero(view.mask.any(axis=0))
        luma = np.where(view.mask, luma, np.uint8(0))[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.ascontiguousarray(luma), np.ascontiguousarray(color)


def _hash_chunk(luma: UInt8Array, color: UInt8Array, bits: UInt64Array, vectors: Float32Array) -> None:
    """Fill the bits and vectors of some frames."""
    # OpenCV's type hints lack the functions of this module
    hashes: Any = cv2.img_hash
    hashers = hashes.PHash_create().compute, hashes.AverageHash_create().compute, marr_hildreth
    size = luma.shape[2], luma.shape[1]
    for i, image in enumerate(luma):
        data = np.concatenate([hasher(image).ravel() for hasher in hashers])
        bits[i] = data.view(np.uint64)
        chroma = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in color[i]]
        bgr = cv2.cvtColor(cv2.merge([image, *chroma]), cv2.COLOR_YUV2BGR)
        vectors[i, :_MOMENT_COUNT] = color_moments(bgr)
        vectors[i, _MOMENT_COUNT:] = _histograms([image, *color[i]])


def color_moments(image: UInt8Array) -> Float64Array:
    """Return the seven moments of M.-K. Hu (1962) of each channel of HSV and of YCrCb, (42,).

    Those of OpenCV's ColorMomentHash, which enlarges to 512 by 512 pixels first; they do not depend on the size of an
    image, though, and 64 by 64 take a fifteenth of the time.

    Args:
        image: (height, width, 3) BGR.
    """
    square = cv2.GaussianBlur(cv2.resize(image, _MOMENT_SIZE, interpolation=cv2.INTER_CUBIC), (3, 3), 0)
    found = [
        cv2.HuMoments(cv2.moments(channel)).ravel()
        for code in (cv2.COLOR_BGR2HSV, cv2.COLOR_BGR2YCrCb)
        for channel in cv2.split(cv2.cvtColor(square, code))
    ]
    out: Float64Array = np.concatenate(found)
    return out


def _histograms(planes: list[UInt8Array]) -> Float32Array:
    """Histograms minus their mean, scaled so that squared distances are 1 minus the correlation."""
    shares = [cv2.calcHist([plane], [0], None, [_BINS], [0, 256]).ravel() / plane.size for plane in planes]
    joined = np.concatenate(shares)
    joined -= joined.mean()
    length = float(np.sqrt(np.square(joined).sum()))
    out: Float32Array = (joined / (np.sqrt(2) * length)).astype(np.float32)
    return out
