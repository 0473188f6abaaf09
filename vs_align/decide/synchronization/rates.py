"""Frame-rate ratios between clip and ref: known conversions, and rates measured on matched intervals."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from vs_align.decide.synchronization.candidate_ranges import split_at_bends
from vs_align.decide.synchronization.chaining import MatchedInterval
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

SPEEDS = tuple(
    speed for base in (Fraction(1001, 1000), Fraction(25025, 24000), Fraction(25, 24)) for speed in (base, 1 / base)
)
"""Seconds of clip per second of ref after conversions between 23.976, 24, 25, 29.97 and 30 frames per second."""

_MEASURING_ERROR = 0.25
"""Error of a measured speed times the length of the interval, seconds."""
_LEAST_SECONDS = 8.0
"""Shorter intervals say too little about the speed."""


def known_rates(clip: Fraction, ref: Fraction) -> list[float]:
    """Likely clip frames per ref frame: frame for frame first, then the same time, then known speed changes.

    Args:
        clip: Frames per second of clip.
        ref: Frames per second of ref.
    """
    ratio = clip / ref
    found = [Fraction(1), ratio, *(ratio * speed for speed in SPEEDS)]
    return [float(rate) for rate in dict.fromkeys(found)]


def frame_rate_ratios(intervals: Sequence[MatchedInterval], clip: Fingerprints, ref: Fingerprints) -> Float64Array:
    """Clip frames by which a path is expected to advance at each ref frame.

    Args:
        intervals: Matched intervals of the two videos.
        clip: The video with the candidates.
        ref: The other video.

    Returns:
        (n,) for each ref frame; outside all intervals that of the nearest one.
    """
    ratio = float(clip.rate / ref.rate)
    likely = np.array(known_rates(clip.rate, ref.rate))
    lines = [line for interval in intervals for line in split_at_bends(interval)]
    middles, found = [], []
    for line in lines:
        length = float(line.ref[-1] - line.ref[0])
        if length < _LEAST_SECONDS:
            continue
        measured = ratio * float(np.polyfit(line.ref - line.ref[0], line.clip, 1)[0])
        slack = ratio * _MEASURING_ERROR / length
        near = likely[np.abs(likely - measured) <= slack]
        middles.append(float(line.ref[0]) + length / 2)
        # known rates are sorted by likelihood: the first that fits wins
        found.append(float(near[0]) if near.size else measured)
    if not found:
        return np.full(len(ref), 1.0 if abs(ratio - 1) < 0.05 else ratio)
    out: Float64Array = np.asarray(found)[_nearest(np.array(middles), ref.times)]
    return out


def _nearest(positions: Float64Array, wanted: Float64Array) -> Int64Array:
    """Index of the nearest of rising positions."""
    edges = (positions[1:] + positions[:-1]) / 2
    return np.searchsorted(edges, wanted)
