"""Sound at another speed with its pitch kept.

Method: W. Verhelst and M. Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for high quality
time-scale modification of speech" (ICASSP 1993). Every piece is sought round the place that the speed gives it, not
round the one before it, so that no error adds up.
"""

from typing import Any

import numba
import numpy as np

_COARSE = 4  # samples from one place to the next, and from one term to the next, in the first search
_PULL = 0.05  # share by which the likeness counts less at either end of the search than in its middle


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def _likeness(mono: Any, first: int, second: int, length: int, step: int) -> float:
    """Normalised correlation of two stretches of sound, 0 for silence."""
    product, power, other = 0.0, 0.0, 0.0
    for i in range(0, length, step):
        a, b = mono[first + i], mono[second + i]
        product += a * b
        power += b * b
        other += a * a
    return product / np.sqrt(power * other) if power > 0.0 and other > 0.0 else 0.0


@numba.njit(nogil=True, cache=True)
def _best(mono: Any, wanted: int, place: int, hop: int, reach: int) -> int:
    """Start within reach of `place` from which sound goes on most like it does from `wanted`."""
    best, found = place, -2.0
    for k in range(2 * (reach // _COARSE) + 1):
        # From the middle outwards, so that of equal ones the nearest wins.
        shift = _COARSE * ((k + 1) // 2) * (1 if k % 2 else -1)
        score = _likeness(mono, wanted, place + shift, hop, _COARSE) - _PULL * (shift / reach) ** 2
        if score > found:
            best, found = place + shift, score
    middle, found = best, -2.0
    for shift in range(-_COARSE, _COARSE + 1):
        score = _likeness(mono, wanted, middle + shift, hop, 1)
        if score > found or (score == found and shift == 0):
            best, found = middle + shift, score
    return best


@numba.njit(nogil=True, cache=True)
def stretched(samples: Any, goes_on: int, places: Any, hop: int, reach: int) -> Any:
    """Overlap and add pieces of sound.

    Args:
        samples: Shape (length, channels), float32. It must hold all that is asked for: `reach` and `_COARSE` samples
            before each place and `2 * hop` more than that behind it.
        goes_on: Where sound would go on behind the piece before the first.
        places: Where each piece should begin, rising.
        hop: Samples that each piece adds to the result; pieces fade into each other over as many.
        reach: How far from its place a piece may be moved.

    Returns:
        Float32, shape (len(places) * hop, channels), and where sound goes on behind it.
    """
    length, channels = samples.shape
    mono = np.zeros(length, np.float32)
    for i in range(length):
        for channel in range(channels):
            mono[i] += samples[i, channel]
    out = np.empty((len(places) * hop, channels), np.float32)
    for n in range(len(places)):
        start = _best(mono, goes_on, places[n], hop, reach)
        for i in range(hop):
            weight = 0.5 - 0.5 * np.cos(np.pi * (i + 0.5) / hop)
            for channel in range(channels):
                here, before = samples[start + i, channel], samples[goes_on + i, channel]
                out[n * hop + i, channel] = before + weight * (here - before)
        goes_on = start + hop
    return out, goes_on
