"""The speed at which clip runs against ref: known ratios of frame rates, and what was measured."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from vs_align.decide.synchronization.chaining import Stretch
from vs_align.decide.synchronization.search_bands import straight
from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

SPEEDS = tuple(
    speed for base in (Fraction(1001, 1000), Fraction(25025, 24000), Fraction(25, 24)) for speed in (base, 1 / base)
)
"""Seconds of clip per second of ref that conversions between 23.976, 24, 25, 29.97 and 30 frames per second leave."""

# A speed measured on so many seconds is off by no more than so many seconds over them.
_MEASURED_WITHIN = 0.25
_LONG = 8.0


def known_rates(clip: Fraction, ref: Fraction) -> list[float]:
    """Clip frames per ref frame that are likely: frame for frame first, then the same time, then known speeds.

    Args:
        clip: Frames per second of clip.
        ref: Frames per second of ref.
    """
    ratio = clip / ref
    found = [Fraction(1), ratio, *(ratio * speed for speed in SPEEDS)]
    return [float(rate) for rate in dict.fromkeys(found)]


def paces(stretches: Sequence[Stretch], clip: Fingerprints, ref: Fingerprints) -> Float64Array:
    """Clip frames by which a path is expected to advance to each ref frame.

    Args:
        stretches: What the two films seem to have in common.
        clip: The film with the candidates.
        ref: The other one.

    Returns:
        (n,) for each ref frame; that of the nearest stretch where there is none.
    """
    ratio = float(clip.rate / ref.rate)
    likely = np.array(known_rates(clip.rate, ref.rate))
    lines = [line for stretch in stretches for line in straight(stretch)]
    middles, found = [], []
    for line in lines:
        length = float(line.ref[-1] - line.ref[0])
        if length < _LONG:
            continue
        measured = ratio * float(np.polyfit(line.ref - line.ref[0], line.clip, 1)[0])
        slack = ratio * _MEASURED_WITHIN / length
        near = likely[np.abs(likely - measured) <= slack]
        middles.append(float(line.ref[0]) + length / 2)
        # the first of those that fit is the likeliest
        found.append(float(near[0]) if near.size else measured)
    if not found:
        return np.full(len(ref), 1.0 if abs(ratio - 1) < 0.05 else ratio)
    out: Float64Array = np.asarray(found)[_nearest(np.array(middles), ref.times)]
    return out


def _nearest(places: Float64Array, wanted: Float64Array) -> Int64Array:
    """Index of the nearest of rising places."""
    edges = (places[1:] + places[:-1]) / 2
    return np.searchsorted(edges, wanted)
