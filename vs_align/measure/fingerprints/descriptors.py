"""Shapes: frames as short vectors that stand a grade, grain, blur and a mild crop, for looking all over a film."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Int64Array, UInt8Array
from vs_align.measure.fingerprints.fingerprint import Box, Fingerprints

_COLUMNS, _ROWS = 16, 9
_RADIUS = 2
# Levels of 255 that count as noise in means of many pixels.
_NOISE = 1.5
# A lone bright point must not outweigh its surroundings.
_MOST = 2.5

LENGTH = _COLUMNS * _ROWS
"""Numbers of a shape."""


def shapes_of(film: Fingerprints, frames: Sequence[int] | Int64Array, box: Box | None = None) -> Float32Array:
    """Describe frames by the brightness of their parts against what lies around.

    Args:
        film: The clip.
        frames: Numbers of its frames.
        box: The part of the picture to look at: first and stop column, first and stop row of 32, 18. None: what is not
            border.

    Returns:
        (n, LENGTH), each of unit length, so that inner products are correlations; zeros where nothing is to be seen.
    """
    left, right, top, bottom = film.box if box is None else box
    grid: UInt8Array = film.stats.grid
    out = np.empty((len(frames), LENGTH), np.float32)
    for row, n in zip(out, frames, strict=True):
        row[:] = _shape(grid[n, top:bottom, left:right]).ravel()
    return out


def _shape(cells: UInt8Array) -> Any:
    small = cv2.resize(cells.astype(np.float32), (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    window = (2 * _RADIUS + 1, 2 * _RADIUS + 1)
    mean = cv2.boxFilter(small, -1, window, borderType=cv2.BORDER_REFLECT)
    square = cv2.sqrBoxFilter(small, cv2.CV_32F, window, borderType=cv2.BORDER_REFLECT)
    out = (small - mean) / np.sqrt(np.maximum(square - mean * mean, 0) + _NOISE * _NOISE)
    np.clip(out, -_MOST, _MOST, out=out)
    out -= out.mean()
    length = float(np.sqrt(np.square(out).sum()))
    # a picture of noise must not become as long as one of edges
    return out / max(length, 0.15 * LENGTH**0.5)
