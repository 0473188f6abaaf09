"""Argument checks of Butteraugli, shared by the versions for CPU and PyTorch."""

from math import inf

import numpy as np

from vs_align.errors import ArgumentError
from vs_align.io.array_types import RgbImage


def check_options(norm: str, intensity_target: float, hf_asymmetry: float) -> None:
    """Raise ArgumentError if an option of the metric is out of its range; options as of `Butteraugli`."""
    if norm not in ("max", "3"):
        raise ArgumentError("Butteraugli", "norm", 'must be "max" or "3"', repr(norm))
    for name, value in (("intensity_target", intensity_target), ("hf_asymmetry", hf_asymmetry)):
        if not 0 < value < inf:
            raise ArgumentError("Butteraugli", name, "must be more than 0 and finite", value)


def check_image(image: RgbImage) -> None:
    """Raise ArgumentError if an array has not the shape and type of an `RgbImage`."""
    if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape:
        raise ArgumentError("Butteraugli", "image", "must have the shape (3, height, width)", image.shape)
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        raise ArgumentError("Butteraugli", "image", "must hold uint8, uint16 or float32", image.dtype)


def check_sizes(candidate: tuple[int, int, int, int], ref: tuple[int, int, int, int]) -> None:
    """Raise ArgumentError if two images differ in size; the last two numbers are rows and columns."""
    if candidate != ref:
        given = f"{candidate[3]}x{candidate[2]}"
        raise ArgumentError("Butteraugli", "candidate", f"must be as large as ref ({ref[3]}x{ref[2]})", given)
