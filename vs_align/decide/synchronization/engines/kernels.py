"""Numba kernels of the engines: mean absolute difference, sliding-window search, and structural similarity (SSIM)."""

from typing import Any

import numpy as np
from numba import njit

_SIDE = 8
"""Side of the windows of `ssim` in pixels."""
_STRIDE = 4
"""Distance of the windows of `ssim` in pixels."""
_C1 = (0.01 * 255) ** 2
"""Constant C1 of Wang et al. 2004 for 255 levels."""
_C2 = (0.03 * 255) ** 2
"""Constant C2 of Wang et al. 2004 for 255 levels."""


@njit(nogil=True, cache=True, inline="always")
def _difference(a: Any, b: Any) -> Any:
    """Mean absolute difference of two rows of uint8."""
    total = np.int32(0)
    for x in range(a.size):
        total += abs(np.int32(a[x]) - np.int32(b[x]))
    return total / a.size


@njit(nogil=True, cache=True)
def mean_differences(a: Any, b: Any, first: Any, second: Any, out: Any) -> None:
    """Fill the mean absolute difference of rows a[first[i]] and b[second[i]] of uint8."""
    for i in range(first.size):
        out[i] = _difference(a[first[i]], b[second[i]])


@njit(nogil=True, cache=True)
def sliding_window_search(
    ref: Any, clip: Any, begin: Any, count: Any, window: Any, step: Any, close: Any, state: Any, out: Any
) -> Any:
    """Match each ref frame in turn with the best clip frame of a window that begins at the last match.

    Args:
        ref: (k, pixels) uint8.
        clip: (l, pixels) uint8, from clip frame `begin` on.
        begin: First clip frame of `clip`.
        count: Frames of the whole clip.
        window: Frames searched from the last match on.
        step: Duration of a ref frame in clip frames.
        close: Two numbers: a score up to close[0] times the lowest plus close[1] may be equal to it but for noise; the
            frame that continues the motion is preferred then.
        state: [last match, where it is expected to continue, 1 if there was a match]; updated.
        out: Three arrays (k,), filled with clip frames, their differences, and the mean difference over the window.

    Returns:
        Number of ref frames matched before `clip` ran out of frames.
    """
    line = np.empty(window, np.float64)
    for i in range(len(ref)):
        low = int(state[0])
        high = min(low + window, count)
        if high > begin + len(clip):
            return i
        best, total = 0, 0.0
        for j in range(low, high):
            line[j - low] = _difference(ref[i], clip[j - begin])
            total += line[j - low]
            if line[j - low] < line[best]:
                best = j - low
        if state[2] > 0:
            expected = min(high - 1, max(low, int(np.floor(state[1] + step + 0.5)))) - low
            if line[expected] <= close[0] * line[best] + close[1]:
                best = expected
                state[1] += step
            else:
                state[1] = low + best
        else:
            state[1] = low + best
        state[0], state[2] = low + best, 1.0
        out[0][i], out[1][i], out[2][i] = low + best, line[best], total / (high - low)
    return len(ref)


@njit(nogil=True, cache=True)
def ssim(a: Any, b: Any) -> Any:
    """Mean structural similarity of two images (height, width) of uint8, -1 to 1, in windows of 8 by 8 pixels.

    Z. Wang et al., Image quality assessment: from error visibility to structural similarity, 2004.
    """
    height, width = a.shape
    tall, wide = min(_SIDE, height), min(_SIDE, width)
    total, windows, size = 0.0, 0, tall * wide
    nothing: Any = np.int32(0)
    for top in range(0, height - tall + 1, _STRIDE):
        for left in range(0, width - wide + 1, _STRIDE):
            sum_a, sum_b, sum_aa, sum_bb, sum_ab = nothing, nothing, nothing, nothing, nothing
            for y in range(top, top + tall):
                for x in range(left, left + wide):
                    p, q = np.int32(a[y, x]), np.int32(b[y, x])
                    sum_a += p
                    sum_b += q
                    sum_aa += p * p
                    sum_bb += q * q
                    sum_ab += p * q
            mean_a, mean_b = sum_a / size, sum_b / size
            var_a, var_b = sum_aa / size - mean_a * mean_a, sum_bb / size - mean_b * mean_b
            both = sum_ab / size - mean_a * mean_b
            light = (2 * mean_a * mean_b + _C1) / (mean_a * mean_a + mean_b * mean_b + _C1)
            total += light * (2 * both + _C2) / (var_a + var_b + _C2)
            windows += 1
    return total / windows
