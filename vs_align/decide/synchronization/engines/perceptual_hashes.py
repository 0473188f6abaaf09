"""Fingerprints as vidkompy takes them: four perceptual hashes of OpenCV's img_hash and a histogram of colours."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from vs_align.decide.synchronization.engines.dtw import Sequence, Weights, pair_distances
from vs_align.decide.synchronization.engines.engine import Stage
from vs_align.decide.synchronization.engines.frame_views import Side
from vs_align.decide.synchronization.engines.marr_hildreth import marr_hildreth
from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, UInt8Array, UInt64Array

# What each counts: perceptual hash, average hash, Marr-Hildreth, colour moments, histogram.
_PHASH, _AVERAGE, _MARR_HILDRETH, _MOMENTS, _HISTOGRAM = 0.4, 0.2, 0.1, 0.2, 0.1
# Bits and 64-bit words of the three that are compared bit by bit.
_BITS = (64, 64, 576)
_WORDS = tuple(bits // 64 for bits in _BITS)
_MOMENT_COUNT, _BINS = 42, 32
_SQUARE = (64, 64)
_VECTOR = _MOMENT_COUNT + 3 * _BINS
# Frames that one thread works on at a time.
_CHUNK = 64
_PAIRS = 512


@dataclass(frozen=True, slots=True, eq=False)
class HashedPair:
    """Fingerprints of two clips that may be compared with each other."""

    ref: Sequence
    clip: Sequence
    weights: Weights


def hashed(ref: Side, clip: Side, step: int, stage: Stage) -> HashedPair:
    """Take the fingerprints of each step-th frame of both clips.

    Each is made of the perceptual hash (DCT, 64 bits), the average hash (64 bits), the hash of Marr and Hildreth
    (576 bits) and the 42 colour moments, all as in OpenCV's img_hash after C. Zauner, Implementation and Benchmarking
    of Perceptual Image Hash Functions (2010), and of histograms of Y, U and V. Their distance is a weighted mean, 0 to
    1: bits by their share that differs, moments by their squared Euclidean distance, with 1 what frames of the two
    clips have on average, histograms by 1 minus their correlation.

    A frame takes 0.7 ms of one core, most of it for the hash of Marr and Hildreth; threads share the work. (OpenCV's
    own Marr and Hildreth and moments would take 6.2 and 1.7 ms.)
    """
    total = len(range(0, len(ref), step)) + len(range(0, len(clip), step))
    done = 0

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        stage.done(done / total)

    first, second = _fingerprints(ref, step, advance), _fingerprints(clip, step, advance)
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(first), _PAIRS), rng.integers(0, len(second), _PAIRS)
    only_moments = Weights(np.zeros(sum(_WORDS), np.float32), np.array([_MOMENT_COUNT]), np.ones(1, np.float32))
    # moments are small numbers; made larger, their distance would be cut at 1
    typical = float(pair_distances(first, second, only_moments, *pairs).mean())
    for sequence in (first, second):
        sequence.vectors[:, :_MOMENT_COUNT] *= np.float32(1 / np.sqrt(typical) if typical > 0 else 1.0)
    shares = (_PHASH, _AVERAGE, _MARR_HILDRETH)
    words = [share / bits for share, bits, count in zip(shares, _BITS, _WORDS, strict=True) for _ in range(count)]
    parts = np.array([_MOMENTS, _HISTOGRAM], np.float32)
    weights = Weights(np.array(words, np.float32), np.array([_MOMENT_COUNT, _VECTOR]), parts)
    return HashedPair(first, second, weights)


def _fingerprints(side: Side, step: int, advance: Callable[[int], None]) -> Sequence:
    frames = np.arange(0, len(side), step, dtype=np.int64)
    bits = np.empty((len(frames), sum(_WORDS)), np.uint64)
    vectors = np.empty((len(frames), _VECTOR), np.float32)
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        # a few chunks at a time, so that only their pictures are in memory
        for begin in range(0, len(frames), workers * _CHUNK):
            jobs = []
            for first in range(begin, min(len(frames), begin + workers * _CHUNK), _CHUNK):
                part = slice(first, min(len(frames), first + _CHUNK))
                luma, colour = _read(side, frames[part])
                jobs.append(pool.submit(_hash_some, luma, colour, bits[part], vectors[part]))
            for job in jobs:
                job.result()
            advance(min(len(frames), begin + workers * _CHUNK) - begin)
    return Sequence(bits, vectors)


def _read(side: Side, frames: Int64Array) -> tuple[UInt8Array, UInt8Array]:
    """Luma within the bounds of the mask, black outside the mask itself, and colours."""
    first, stop = int(frames[0]), int(frames[-1]) + 1
    local = frames - first
    luma, colour = side.pictures(first, stop)[local], side.colours(first, stop)[local]
    if side.mask is not None and not side.mask.all():
        rows, columns = np.flatnonzero(side.mask.any(axis=1)), np.flatnonzero(side.mask.any(axis=0))
        luma = np.where(side.mask, luma, np.uint8(0))[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.ascontiguousarray(luma), np.ascontiguousarray(colour)


def _hash_some(luma: UInt8Array, colour: UInt8Array, bits: UInt64Array, vectors: Float32Array) -> None:
    # the hints of this module name its classes alone
    hashes: Any = cv2.img_hash
    hashers = hashes.PHash_create().compute, hashes.AverageHash_create().compute, marr_hildreth
    size = luma.shape[2], luma.shape[1]
    for i, picture in enumerate(luma):
        data = np.concatenate([hasher(picture).ravel() for hasher in hashers])
        bits[i] = data.view(np.uint64)
        chroma = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in colour[i]]
        coloured = cv2.cvtColor(cv2.merge([picture, *chroma]), cv2.COLOR_YUV2BGR)
        vectors[i, :_MOMENT_COUNT] = colour_moments(coloured)
        vectors[i, _MOMENT_COUNT:] = _histograms([picture, *colour[i]])


def colour_moments(picture: UInt8Array) -> Float64Array:
    """Return the seven moments of M.-K. Hu (1962) of each channel of HSV and of YCrCb, (42,).

    Those of OpenCV's ColorMomentHash, which enlarges to 512 by 512 pixels first; they do not depend on the size of a
    picture, though, and 64 by 64 take a fifteenth of the time.

    Args:
        picture: (height, width, 3) BGR.
    """
    square = cv2.GaussianBlur(cv2.resize(picture, _SQUARE, interpolation=cv2.INTER_CUBIC), (3, 3), 0)
    found = [
        cv2.HuMoments(cv2.moments(channel)).ravel()
        for code in (cv2.COLOR_BGR2HSV, cv2.COLOR_BGR2YCrCb)
        for channel in cv2.split(cv2.cvtColor(square, code))
    ]
    out: Float64Array = np.concatenate(found)
    return out


def _histograms(planes: list[UInt8Array]) -> Float32Array:
    """Histograms without their mean, of a length that makes squared distances 1 minus the correlation."""
    shares = [cv2.calcHist([plane], [0], None, [_BINS], [0, 256]).ravel() / plane.size for plane in planes]
    joined = np.concatenate(shares)
    joined -= joined.mean()
    length = float(np.sqrt(np.square(joined).sum()))
    out: Float32Array = (joined / (np.sqrt(2) * length)).astype(np.float32)
    return out
