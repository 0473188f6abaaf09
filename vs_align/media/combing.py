"""Detection of combing: a frame whose fields show two different moments (interlaced content in a progressive frame)."""

from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import AnyArray, Float32Array, Float64Array


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the detection."""

    columns: int = 256
    """Number of columns that are examined, evenly spread."""
    block: int = 16
    """Side of a block in examined pixels."""
    levels: float = 6.0
    """Least difference of a pixel to both lines above and below, with the same sign, in levels of 255."""
    share: float = 0.15
    """Share of such pixels from which on a block is combed."""
    ratio: float = 4.0
    """How many times more of them there must be between the fields than within one field."""
    min_blocks: int = 3
    """Combed blocks from which on a frame is combed."""


_SETTINGS = _Settings()


def is_combed(luma: AnyArray, depth: int = 8) -> bool:
    """Return whether somewhere lines alternate much more between the fields than within one field.

    Fine detail and noise differ from adjacent lines at either distance; combing does so between the fields alone. A
    frame without motion shows no combing.

    Args:
        luma: (height, width) of integers, the whole frame, not scaled vertically.
        depth: Bits per sample.
    """
    pixels = luma[:, :: max(1, luma.shape[1] // _SETTINGS.columns)].astype(np.float32)
    if min(pixels.shape) < 2 * _SETTINGS.block:
        return False
    least = (_SETTINGS.levels * 2.0 ** (depth - 8)) ** 2
    between, within = (_alternating(pixels, step, least) for step in (1, 2))
    combed = (between > _SETTINGS.share) & (between > _SETTINGS.ratio * within)
    return int(np.count_nonzero(combed)) >= _SETTINGS.min_blocks


def _alternating(pixels: Float32Array, step: int, least: float) -> Float64Array:
    """Return the share of pixels of each block that differ with one sign from those `step` lines above and below."""
    middle = pixels[2:-2]
    above, below = middle - pixels[2 - step : -2 - step], middle - pixels[2 + step : len(pixels) - 2 + step]
    out = (above * below > least).astype(np.float64)
    rows, columns = (size // _SETTINGS.block for size in out.shape)
    blocks = out[: rows * _SETTINGS.block, : columns * _SETTINGS.block].reshape(
        rows, _SETTINGS.block, columns, _SETTINGS.block
    )
    shares: Float64Array = blocks.mean(axis=(1, 3))
    return shares
