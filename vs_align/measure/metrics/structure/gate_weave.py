"""Gate weave: small shifts of each frame of scanned film, which one transform of a scene does not cover.

The amount is measured on pairs of frames that show one moment. If there is weave, two images are compared after the
small shift that aligns them best.
"""

import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.registration.esm import gradients

_STEADY = 0.05
"""Median shift in pixels below which a scene has no weave; smaller ones are measurement noise."""
_MEDIANS = 4.0
"""The largest shift that is compensated, in medians; more covers rare jumps and hides more real differences."""
_MAX_SHIFT = 1.0
"""The same in pixels: linearized shifts hold for about a pixel."""


def gradients_at(image: Float32Array, inside: IntpArray) -> tuple[Float32Array, Float32Array]:
    """Return the gradients of an image in x and y at some pixels.

    Args:
        image: (h, w) luma, 0 to 1 nominal.
        inside: (p,) flat indices of the pixels.

    Returns:
        Two arrays (p,), in luma per pixel.
    """
    across, down = gradients(image)
    return across.take(inside), down.take(inside)


def weave_range(shifts: Float64Array) -> float:
    """Return the largest shift to compensate in pixels, 0 if there is no weave.

    Args:
        shifts: (n, 2) x and y shifts in pixels of clip frames against the ref frames of the same moment.
    """
    usual = float(np.median(np.hypot(shifts[:, 0], shifts[:, 1]))) if len(shifts) else 0.0
    return min(_MAX_SHIFT, _MEDIANS * usual) if usual > _STEADY else 0.0
