"""Global frame descriptors for search over a whole video: 16 x 9 local contrast, robust to grading, grain and blur."""

from collections.abc import Sequence

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Int64Array, UInt8Array
from vs_align.measure.fingerprints.fingerprint import CellBox, Fingerprints

_COLUMNS = 16
_ROWS = 9
_RADIUS = 2
"""Half width of the window, in descriptor cells, over which local mean and deviation are measured."""
_NOISE = 1.5
"""Standard deviation in levels of 255 that counts as noise in means of many pixels."""
_LARGEST = 2.5
"""Largest magnitude of a cell in local standard deviations: a single bright spot must not dominate."""
_LEAST_NORM = 0.15
"""RMS of the cells below which a descriptor keeps less than unit length: pure noise must not weigh like content."""

DESCRIPTOR_LENGTH = _COLUMNS * _ROWS
"""Numbers in a descriptor."""


def frame_descriptors(
    video: Fingerprints, frames: Sequence[int] | Int64Array, box: CellBox | None = None
) -> Float32Array:
    """Describe frames by the brightness of their parts relative to the surroundings (local contrast normalization).

    Args:
        video: The video.
        frames: (n,) frame numbers.
        box: The part of the image to describe; None: the part inside a black border.

    Returns:
        (n, DESCRIPTOR_LENGTH), each of unit length, so that inner products are correlations; zeros for flat frames.
    """
    left, right, top, bottom = video.box if box is None else box
    grid: UInt8Array = video.stats.grid
    out = np.empty((len(frames), DESCRIPTOR_LENGTH), np.float32)
    for row, n in zip(out, frames, strict=True):
        row[:] = _descriptor(grid[n, top:bottom, left:right]).ravel()
    return out


def _descriptor(cells: UInt8Array) -> Float32Array:
    """(_ROWS, _COLUMNS) local-contrast normalized cells, of unit length as a whole."""
    small = cv2.resize(cells.astype(np.float32), (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    window = (2 * _RADIUS + 1, 2 * _RADIUS + 1)
    mean = cv2.boxFilter(small, -1, window, borderType=cv2.BORDER_REFLECT)
    square = cv2.sqrBoxFilter(small, cv2.CV_32F, window, borderType=cv2.BORDER_REFLECT)
    out = (small - mean) / np.sqrt(np.maximum(square - mean * mean, 0) + _NOISE * _NOISE)
    np.clip(out, -_LARGEST, _LARGEST, out=out)
    out -= out.mean()
    length = float(np.sqrt(np.square(out).sum()))
    unit: Float32Array = out / max(length, _LEAST_NORM * DESCRIPTOR_LENGTH**0.5)
    return unit
