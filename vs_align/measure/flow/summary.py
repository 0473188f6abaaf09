"""A field in a few numbers."""

from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.placement.placement import Transform

_GRID = 32
_LEAST_POINTS = 12


@dataclass(frozen=True, slots=True)
class Summary:
    """The map from pixels of ref to pixels of clip, as a whole."""

    shift: tuple[float, float]
    """Median of position in clip minus neutral position, in clip pixels, x and y."""
    rotation: float
    """Degrees; see `Transform.rotation`."""
    scale_x: float
    """See `Transform.scale_x`."""
    scale_y: float


def summarised(field: Float32Array, start: Float64Array, clip_size: tuple[int, int], reliable: BoolArray) -> Summary:
    """Summarise a field.

    Args:
        field: Shape (h, w, 2).
        start: The coarse transform, which stands for the field where hardly any of it is reliable.
        clip_size: Width and height of clip in pixels.
        reliable: Which pixels count, shape (h, w).
    """
    height, width = field.shape[:2]
    neutral = neutral_matrix(clip_size, (width, height))
    ys, xs = (np.linspace(0, side - 1, min(side, _GRID)).round().astype(int) for side in (height, width))
    grid = np.ix_(ys, xs)
    counted = reliable[grid].ravel()
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(np.float64)
    places = field[grid].reshape(-1, 2).astype(np.float64)
    at_rest = points * np.diag(neutral)[:2] + neutral[:2, 2]
    matrix = start
    if counted.sum() >= _LEAST_POINTS and min(len(xs), len(ys)) > 1:
        points, places, at_rest = points[counted], places[counted], at_rest[counted]
        solution, _, rank, _ = np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), places, rcond=None)
        if rank == 3:
            matrix = np.vstack([solution.T, [0, 0, 1]])
    shift = np.median(places - at_rest, axis=0)
    whole = Transform(matrix, clip_size, (width, height))  # type: ignore[arg-type]
    return Summary((float(shift[0]), float(shift[1])), whole.rotation, whole.scale_x, whole.scale_y)
