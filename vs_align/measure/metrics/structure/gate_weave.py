"""Weave: frames of scanned film that each stand a little elsewhere.

One transform for a scene does not hold them. How far they stray is measured on pairs that show one moment; where they
do, two pictures are compared after the small shift that suits them best.
"""

import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.registration.esm import gradients

Shift = tuple[float, float]

# Shifts in pixels below which a scene stands still, and how many times the usual one the largest may be.
_STEADY, _LARGEST = 0.05, 4.0
_FARTHEST = 1.0


def slopes(picture: Float32Array, inside: IntpArray) -> tuple[Float32Array, Float32Array]:
    """Return the slopes of a picture in x and y at some pixels, in brightness per pixel."""
    across, down = gradients(picture)
    return across.take(inside), down.take(inside)


def weave(shifts: Float64Array) -> float:
    """Return how far frames stray at most, in pixels; 0 where they do not.

    Args:
        shifts: (n, 2) how far pictures of clip are off those of ref that show the same moment.
    """
    usual = float(np.median(np.hypot(shifts[:, 0], shifts[:, 1]))) if len(shifts) else 0.0
    return min(_FARTHEST, _LARGEST * usual) if usual > _STEADY else 0.0
