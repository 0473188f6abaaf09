"""Dynamic time warping within a band, on frame fingerprints of bits (Hamming) and vectors (Euclidean)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vs_align.decide.synchronization.engines.dtw_kernels import distances, trace, warp
from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, UInt64Array

_MOST_CELLS = 100_000_000
"""Cells of a band at most, five bytes each."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights of the parts of a distance.

    Args:
        words: (words,) float32, weight of each differing bit of a word.
        ends: (parts,) int64, where each part of the vectors ends.
        parts: (parts,) float32, weight of the squared Euclidean distance of each part, which is clipped at 1.
    """

    words: Float32Array
    ends: Int64Array
    parts: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """Fingerprints of consecutive frames.

    Args:
        bits: (n, words) uint64, compared by Hamming distance (R. Hamming, 1950).
        vectors: (n, floats) float32.
    """

    bits: UInt64Array
    vectors: Float32Array

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.bits)

    def every(self, step: int) -> "Sequence":
        """Return each step-th frame."""
        return Sequence(np.ascontiguousarray(self.bits[::step]), np.ascontiguousarray(self.vectors[::step]))

    def reversed(self) -> "Sequence":
        """Return the frames in reverse order."""
        return Sequence(np.ascontiguousarray(self.bits[::-1]), np.ascontiguousarray(self.vectors[::-1]))


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """The clip frames that a warping path may visit at each ref frame.

    Args:
        low: (n,) first clip frame of each ref frame.
        high: (n,) one past the last.
    """

    low: Int64Array
    high: Int64Array

    def reversed(self, length: int) -> "Band":
        """Return the band of both sequences in reverse order; `length` is the number of clip frames."""
        return Band(np.ascontiguousarray(length - self.high[::-1]), np.ascontiguousarray(length - self.low[::-1]))


def connected_band(low: npt.ArrayLike, high: npt.ArrayLike, length: int) -> Band:
    """Return a band that contains a path from corner to corner, widened if necessary.

    Args:
        low: (n,) first clip frame of each ref frame.
        high: (n,) one past the last.
        length: Frames of clip.
    """
    first = np.clip(np.asarray(low, np.int64), 0, length - 1)
    stop = np.clip(np.asarray(high, np.int64), 1, length)
    first[0], stop[-1] = 0, length
    first = np.minimum.accumulate(first[::-1])[::-1].copy()
    stop = np.maximum.accumulate(np.maximum(stop, first + 1))
    # a row must be reachable from the previous one by a diagonal step
    stop[:-1] = np.maximum(stop[:-1], first[1:])
    return Band(first, stop)


def sakoe_chiba(count: int, length: int, window: int) -> Band:
    """Return the band of H. Sakoe and S. Chiba (1978) around the diagonal from corner to corner.

    If the lengths differ by more than `window`, it is widened to their difference, so that any constant offset lies
    inside, within a limit of some hundred megabytes.

    Args:
        count: Frames of ref.
        length: Frames of clip.
        window: Frames of clip to either side of the diagonal.
    """
    half = max(window, min(abs(length - count), _MOST_CELLS // (2 * count)), 1)
    diagonal = np.arange(count) * ((length - 1) / max(1, count - 1))
    return connected_band(np.floor(diagonal - half), np.ceil(diagonal + half) + 1, length)


def band_around(positions: Float64Array, length: int, radius: int) -> Band:
    """Return the band of `radius` frames to either side of approximate positions, (n,)."""
    return connected_band(np.floor(positions - radius), np.ceil(positions + radius) + 1, length)


def align(ref: Sequence, clip: Sequence, weights: Weights, within: Band) -> tuple[Int64Array, Float64Array]:
    """Return the clip frame of each ref frame and their distance, by dynamic time warping.

    The path may begin and end at any clip frame of the band: clip frames before and after it cost nothing (open ends;
    P. Tormene et al., Matching incomplete time series with dynamic time warping, 2009). Of the clip frames that the
    path visits at one ref frame the nearest is returned.

    Args:
        ref: (n,).
        clip: (m,).
        weights: Weights of the distance.
        within: (n,) the band.
    """
    widths = within.high - within.low
    offsets = np.concatenate([[0], np.cumsum(widths)[:-1]])
    moves, costs = np.empty(int(widths.sum()), np.uint8), np.empty(int(widths.sum()), np.float32)
    last = warp(_arrays(ref), _arrays(clip), _numbers(weights), within.low, within.high, offsets, moves, costs)
    found, scores = np.empty(len(ref), np.int64), np.empty(len(ref), np.float64)
    trace(last, within.low, offsets, moves, costs, found, scores)
    return found, scores


def pair_distances(
    ref: Sequence, clip: Sequence, weights: Weights, first: Int64Array, second: Int64Array
) -> Float64Array:
    """Return (k,) distances of frames first[i] of ref and second[i] of clip."""
    out = np.empty(len(first), np.float64)
    distances(_arrays(ref), _arrays(clip), first, second, _numbers(weights), out)
    return out


def _arrays(sequence: Sequence) -> tuple[UInt64Array, Float32Array]:
    return sequence.bits, sequence.vectors


def _numbers(weights: Weights) -> tuple[Float32Array, Int64Array, Float32Array]:
    return weights.words, weights.ends, weights.parts
