"""Films of a known landscape, seen from a known place: where things lie can be told to a fraction of a pixel."""

from collections.abc import Callable

import numpy as np

from tests.synth import grid, texture
from vs_align.io.array_types import Float64Array, UInt8Array

PAN = 1.5
"""Pixels by which each frame lies further to the right in the landscape than the one before."""
Paint = Callable[[int, int, int], UInt8Array]


def landscape(dx: float = 0.0, dy: float = 0.0, zoom: float = 1.0, seed: int = 7) -> Paint:
    """Return what paints the luma of frames in which things lie dx to the right and dy below of where they are at 0, 0.

    Args:
        dx: Pixels.
        dy: Pixels.
        zoom: How much larger things are than at 1, about the top left corner of the frame.
        seed: Which landscape.
    """

    def paint(number: int, width: int, height: int) -> UInt8Array:
        u, v = grid(width, height)
        across, down = (u + 0.5) / zoom - 0.5, (v + 0.5) / zoom - 0.5
        luma = texture(across - dx + PAN * number, down - dy, seed)
        return np.rint(16 + 219 * luma).astype(np.uint8)

    return paint


def mean_error(a: Float64Array, b: Float64Array, margin: int = 8) -> float:
    """Mean absolute difference of two frames without their edges, where one may have nothing to show."""
    return float(np.abs(a - b)[margin:-margin, margin:-margin].mean())
