"""Frames of a node as arrays: cropped, resized luma of some frames."""

from collections.abc import Sequence

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import Float32Array
from vs_align.nodes.resize import analysed

_PEAK = 65535
"""Largest value of the 16 bit samples that are read."""


def read_crops(
    node: vs.VideoNode, numbers: Sequence[int], box: tuple[float, float, float, float], size: tuple[int, int]
) -> list[Float32Array]:
    """Read the luma of some frames, cropped and resized. Each frame is requested once, in rising order.

    Args:
        node: Any constant format.
        numbers: Frame numbers, in any order.
        box: The area to crop: left, top, width and height in pixels, from edge to edge.
        size: Width and height of the results in pixels.

    Returns:
        One (h, w) float32 array for each number, 0..1 nominal.
    """
    left, top, width, height = box
    crop = analysed(node, *size, src_left=left, src_top=top, src_width=width, src_height=height)
    order = sorted(set(numbers))
    chosen = vs.core.std.Splice([crop[n] for n in order])
    read: dict[int, Float32Array] = {
        n: np.asarray(frame[0], np.float32) * np.float32(1 / _PEAK)
        for n, frame in zip(order, chosen.frames(close=True), strict=True)
    }
    return [read[n] for n in numbers]
