"""Numba kernel of the Marr-Hildreth hash: sums of the edge filter over blocks."""

from typing import Any

import numpy as np
from numba import njit

BLOCK = 16
"""Side of the blocks over which edges are summed, in pixels."""
GROUP = 3
"""Blocks of a group in either direction; groups are GROUP + 1 blocks apart."""


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def block_sums(padded: Any, bell: Any, curved: Any, out: Any) -> None:
    """Fill the sums of a separable edge filter over the blocks of all groups.

    Args:
        padded: (height, width) uint8, the image with a border of half the filter size.
        bell: (taps,) float32, the filter's bell, summed over a block.
        curved: (taps,) float32, the filter's second derivative, summed over a block.
        out: (blocks, blocks) float64, filled.
    """
    width, taps = padded.shape[1], bell.size
    smooth, bent = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(out.shape[0]):
        top = BLOCK * (row // GROUP * (GROUP + 1) + row % GROUP)
        smooth[:], bent[:] = 0, 0
        for k in range(taps):
            a, b = bell[k], curved[k]
            for x in range(width):
                value = np.float32(padded[top + k, x])
                smooth[x] += a * value
                bent[x] += b * value
        for column in range(out.shape[1]):
            left = BLOCK * (column // GROUP * (GROUP + 1) + column % GROUP)
            total = np.float64(0.0)
            for k in range(taps):
                total += np.float64(bent[left + k] * bell[k]) + np.float64(smooth[left + k] * curved[k])
            out[row, column] = total
