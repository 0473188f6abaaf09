"""Whether a frame holds two moments, one in its even and one in its odd lines."""

import numpy as np

from vs_align.io.array_types import AnyArray, Float32Array, Float64Array

# Columns that are looked at, and lines and columns of a block.
_COLUMNS, _BLOCK = 256, 16
# A pixel stands out from the lines beside it by so many levels of 255, to the same side from both.
_LEVELS = 6.0
# Share of such pixels from which on a block is combed; how many times as many there must be as within one field; and
# how many such blocks make a frame combed.
_SHARE, _TIMES, _LEAST_BLOCKS = 0.15, 4.0, 3


def is_combed(luma: AnyArray, depth: int = 8) -> bool:
    """Say whether somewhere lines stand out from those beside them much more often than within one field.

    Fine detail and noise stand out at either distance; two moments in one frame do so between the fields alone. Where
    nothing moves there is nothing to be seen of it.

    Args:
        luma: (height, width) of integers, of the whole frame, not scaled in height.
        depth: Bits of a pixel.
    """
    pixels = luma[:, :: max(1, luma.shape[1] // _COLUMNS)].astype(np.float32)
    if min(pixels.shape) < 2 * _BLOCK:
        return False
    least = (_LEVELS * 2.0 ** (depth - 8)) ** 2
    between, within = (_standing_out(pixels, step, least) for step in (1, 2))
    combed = (between > _SHARE) & (between > _TIMES * within)
    return int(np.count_nonzero(combed)) >= _LEAST_BLOCKS


def _standing_out(pixels: Float32Array, step: int, least: float) -> Float64Array:
    """Of each block the share of pixels that differ to the same side from those so many lines above and below."""
    middle = pixels[2:-2]
    above, below = middle - pixels[2 - step : -2 - step], middle - pixels[2 + step : len(pixels) - 2 + step]
    out = (above * below > least).astype(np.float64)
    rows, columns = (size // _BLOCK for size in out.shape)
    blocks = out[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    shares: Float64Array = blocks.mean(axis=(1, 3))
    return shares
