"""What both versions of Butteraugli ask of their arguments."""

from math import inf

import numpy as np

from vs_align.errors import ArgumentError
from vs_align.measure.metrics.metric import Picture


def check_options(norm: str, intensity_target: float, hf_asymmetry: float) -> None:
    """Raise ArgumentError where an option of the metric is out of its range."""
    if norm not in ("max", "3"):
        raise ArgumentError("Butteraugli", "norm", 'must be "max" or "3"', repr(norm))
    for name, value in (("intensity_target", intensity_target), ("hf_asymmetry", hf_asymmetry)):
        if not 0 < value < inf:
            raise ArgumentError("Butteraugli", name, "must be more than 0 and finite", value)


def check_picture(picture: Picture) -> None:
    """Raise ArgumentError where an array is no picture."""
    if picture.ndim != 3 or picture.shape[0] != 3 or 0 in picture.shape:
        raise ArgumentError("Butteraugli", "picture", "must have the shape (3, height, width)", picture.shape)
    if picture.dtype not in (np.uint8, np.uint16, np.float32):
        raise ArgumentError("Butteraugli", "picture", "must hold uint8, uint16 or float32", picture.dtype)


def check_sizes(candidate: tuple[int, int, int, int], ref: tuple[int, int, int, int]) -> None:
    """Raise ArgumentError where two pictures differ in size; the last two numbers are rows and columns."""
    if candidate != ref:
        given = f"{candidate[3]}x{candidate[2]}"
        raise ArgumentError("Butteraugli", "candidate", f"must be as large as ref ({ref[3]}x{ref[2]})", given)
