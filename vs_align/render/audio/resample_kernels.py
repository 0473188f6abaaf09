"""Kernel of `resample`: interpolation of samples at even distances with a table of filter weights."""

from typing import Any

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def interpolate(samples: Any, position: float, speed: float, count: int, table: Any) -> Any:
    """Interpolate samples at even distances.

    Args:
        samples: Shape (channels, length), float32, with half as many samples as the table is wide before the first
            result and behind the last.
        position: Position of the first result in `samples`, in samples.
        speed: Distance of the results, in samples.
        count: Number of results.
        table: From `resample.sinc_table` for this speed.

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
