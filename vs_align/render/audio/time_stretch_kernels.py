"""Kernels of `time_stretch`: search of the most similar waveform by normalized cross-correlation, and overlap-add."""

from typing import Any

import numba
import numpy as np

_COARSE_STEP = 4
"""Samples from one position to the next, and from one term of the sum to the next, in the first of two searches."""
_CENTER_BIAS = 0.05
"""Share by which the correlation counts less at either end of the search than in its middle."""


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def _correlation(mono: Any, first: int, second: int, length: int, step: int) -> float:
    """Normalized correlation of two spans of samples, 0 for silence."""
    product, power, other = 0.0, 0.0, 0.0
    for i in range(0, length, step):
        a, b = mono[first + i], mono[second + i]
        product += a * b
        power += b * b
        other += a * a
    return product / np.sqrt(power * other) if power > 0.0 and other > 0.0 else 0.0


@numba.njit(nogil=True, cache=True)
def _best_start(mono: Any, wanted: int, place: int, hop: int, reach: int) -> int:
    """Start within `reach` of `place` from which the samples are most similar to those from `wanted` on."""
    best, found = place, -2.0
    for k in range(2 * (reach // _COARSE_STEP) + 1):
        # From the middle outwards, so that of equal ones the nearest wins.
        shift = _COARSE_STEP * ((k + 1) // 2) * (1 if k % 2 else -1)
        score = _correlation(mono, wanted, place + shift, hop, _COARSE_STEP) - _CENTER_BIAS * (shift / reach) ** 2
        if score > found:
            best, found = place + shift, score
    middle, found = best, -2.0
    for shift in range(-_COARSE_STEP, _COARSE_STEP + 1):
        score = _correlation(mono, wanted, middle + shift, hop, 1)
        if score > found or (score == found and shift == 0):
            best, found = middle + shift, score
    return best


@numba.njit(nogil=True, cache=True)
def overlap_add(samples: Any, goes_on: int, places: Any, hop: int, reach: int) -> Any:
    """Search a frame of samples around each position and crossfade each into the next.

    Args:
        samples: Shape (length, channels), float32. Must hold `reach` and `_COARSE_STEP` samples before each position
            and `2 * hop` more than that behind it.
        goes_on: Position at which the frame before the first would go on.
        places: Position at which each frame should begin, rising.
        hop: Samples that each frame adds to the result; frames fade into each other over as many.
        reach: How far from its position a frame may be moved, in samples.

    Returns:
        Float32, shape (len(places) * hop, channels), and the position at which the last frame would go on.
    """
    length, channels = samples.shape
    mono = np.zeros(length, np.float32)
    for i in range(length):
        for channel in range(channels):
            mono[i] += samples[i, channel]
    out = np.empty((len(places) * hop, channels), np.float32)
    for n in range(len(places)):
        start = _best_start(mono, goes_on, places[n], hop, reach)
        for i in range(hop):
            weight = 0.5 - 0.5 * np.cos(np.pi * (i + 0.5) / hop)
            for channel in range(channels):
                here, before = samples[start + i, channel], samples[goes_on + i, channel]
                out[n * hop + i, channel] = before + weight * (here - before)
        goes_on = start + hop
    return out, goes_on
