"""Summary of a field as shift, rotation and scale, by an affine least-squares fit."""

from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.placement.homography import resize_matrix
from vs_align.placement.placement import Transform

_GRID = 32
"""Points per side of the grid on which the field is sampled."""
_MIN_POINTS = 12
"""Smallest number of reliable points for the fit."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A field in four numbers, of the map from pixels of ref to pixels of clip."""

    shift: tuple[float, float]
    """Median difference to the neutral transform in x and y, in clip pixels."""
    rotation: float
    """Degrees; see `Transform.rotation`."""
    scale_x: float
    """See `Transform.scale_x`."""
    scale_y: float


def summarize_field(
    field: Float32Array, start: Float64Array, clip_size: tuple[int, int], reliable: BoolArray
) -> Summary:
    """Summarize a field.

    Args:
        field: (h, w, 2) float32.
        start: The coarse transform, (3, 3), used if hardly any point is reliable.
        clip_size: Width and height of clip in pixels.
        reliable: Reliable pixels, bool (h, w).
    """
    height, width = field.shape[:2]
    neutral = resize_matrix(clip_size, (width, height))
    ys, xs = (np.linspace(0, side - 1, min(side, _GRID)).round().astype(int) for side in (height, width))
    grid = np.ix_(ys, xs)
    counted = reliable[grid].ravel()
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(np.float64)
    positions = field[grid].reshape(-1, 2).astype(np.float64)
    at_rest = points * np.diag(neutral)[:2] + neutral[:2, 2]
    matrix = start
    if counted.sum() >= _MIN_POINTS and min(len(xs), len(ys)) > 1:
        points, positions, at_rest = points[counted], positions[counted], at_rest[counted]
        solution, _, rank, _ = np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), positions, rcond=None)
        if rank == 3:
            matrix = np.vstack([solution.T, [0, 0, 1]])
    shift = np.median(positions - at_rest, axis=0)
    transform = Transform(matrix, clip_size, (width, height))  # type: ignore[arg-type]
    return Summary((float(shift[0]), float(shift[1])), transform.rotation, transform.scale_x, transform.scale_y)
