"""Sound at any speed: band-limited interpolation.

Method: J. O. Smith and P. Gossett, "A flexible sampling-rate conversion method" (ICASSP 1984): a windowed sinc, kept in
a table, is laid over the samples round each wanted moment. Positions are not rounded, so that nothing adds up over
hours.
"""

import math
from typing import Any

import numba
import numpy as np

from vs_align.io.array_types import Float32Array

_REACH = 32  # zero crossings to either side
_PHASES = 512  # places between two samples that the table has; between these, straight lines
_ROLL_OFF = 0.95  # of the band that is kept: the rest is where the filter falls
_BETA = 9.0  # of Kaiser's window: what is folded back lies 90 dB below


def sinc_table(speed: float) -> Float32Array:
    """Return the weights of the samples round a moment, float32 of shape (phases + 1, 2 * samples to either side).

    Args:
        speed: Distance of the moments, in samples; above 1 the band is narrowed, so that nothing is folded back.
    """
    scale = min(1.0, 1.0 / speed)
    half = math.ceil(_REACH / scale)
    samples = np.arange(2 * half) - (half - 1)
    places = scale * np.abs(samples[None, :] - np.arange(_PHASES + 1)[:, None] / _PHASES)
    window = np.i0(_BETA * np.sqrt(np.clip(1 - np.square(places / _REACH), 0, 1))) / np.i0(_BETA)
    weights = _ROLL_OFF * scale * np.sinc(_ROLL_OFF * places) * np.where(places > _REACH, 0, window)
    return np.ascontiguousarray(weights, np.float32)


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def resampled(samples: Any, position: float, speed: float, count: int, table: Any) -> Any:
    """Interpolate samples at even distances.

    Args:
        samples: Shape (channels, length), float32, with half as many samples as the table is wide before the first
            result and behind the last.
        position: Where in `samples` the first result lies, in samples.
        speed: Distance of the results, in samples.
        count: How many results.
        table: From `sinc_table` for this speed.

    Returns:
        Float32, shape (count, channels).
    """
    channels = samples.shape[0]
    phases, width = table.shape[0] - 1, table.shape[1]
    out = np.empty((count, channels), np.float32)
    weights = np.empty(width, np.float32)
    for i in range(count):
        place = position + i * speed
        base = int(np.floor(place))
        phase = (place - base) * phases
        k = min(int(phase), phases - 1)
        part = np.float32(phase - k)
        for t in range(width):
            weights[t] = table[k, t] + part * (table[k + 1, t] - table[k, t])
        first = base - width // 2 + 1
        for channel in range(channels):
            total = np.float32(0)
            for t in range(width):
                total += weights[t] * samples[channel, first + t]
            out[i, channel] = total
    return out
