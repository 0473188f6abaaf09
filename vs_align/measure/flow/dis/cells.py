"""Displacement by cells: a grid of small squares, each with one displacement, and the equations that improve it.

The equations of a cell are those of Lucas and Kanade with the gradient averaged over the two pictures. They are solved
from coarse to fine, where each level leans on the coarser one as far as its own pixels say nothing.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.flow.dis.cells_kernels import (
    EQUATIONS,
    forget_outside,
    gather_equations,
    sample_cubic,
    spread_cells,
)
from vs_align.measure.images.inpaint import fill
from vs_align.measure.images.sampling import cubic_table, lanczos_table
from vs_align.measure.images.warp_kernels import sample_sharp

# Pixels along a side of a cell.
CELL = 8
# Pictures come in units of their local contrast, and so do gradients: squared gradients of this size weigh as much as
# the prior, and are trusted by half.
_PRIOR = np.float32(0.001)
_HALF_TRUSTED = np.float32(0.002)
# Normalised correlation of a cell below which it counts for nothing, and from which on it counts in full.
_WORST_MATCH, _GOOD_MATCH = 0.3, 0.7
_LEAST_SQUARE = np.float32(1e-4)
_SHARPNESS = np.float32(4.0)
# Widths of Gaussians in cells: over the equations, and over the displacements that they lean on.
_WINDOW, _SMOOTHING = 1.0, 0.7
_SMALLEST_GRID = 3
# A level has four times the pixels for each cell, which makes it four times as sure of itself.
_GAIN = np.float32(4.0)


@dataclass(frozen=True, slots=True)
class Improved:
    """Displacements after a pass."""

    cells: Float32Array
    """Displacements in pixels, shape (rows, columns, 2)."""
    trust: Float32Array
    """How much the pictures say about each, 0 to 1, shape (rows, columns)."""


def grid_of(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of cells of a picture."""
    return -(-height // CELL), -(-width // CELL)


def regridded(cells: Float32Array, source: tuple[int, ...], target: tuple[int, ...]) -> Float32Array:
    """Return displacements for the cells of a picture of another size, in its pixels.

    Args:
        cells: Displacements in pixels of the source picture, shape (rows, columns, 2).
        source: Height and width of the picture that the cells lie on.
        target: Height and width of the other picture, which shows the same.
    """
    if source == target:
        return cells
    down = _spline(cells.shape[0], grid_of(*target)[0], source[0] / target[0])
    across = _spline(cells.shape[1], grid_of(*target)[1], source[1] / target[1])
    unit = np.array([target[1] / source[1], target[0] / source[0]], np.float32)
    tall = (down @ cells.reshape(cells.shape[0], -1)).reshape(-1, cells.shape[1], 2)
    return np.asarray(np.matmul(across, tall) * unit, np.float32)


def averaged(flow: Float32Array) -> Float32Array:
    """Return the mean displacement of each cell of a picture, from one for each pixel; shape (rows, columns, 2)."""
    height, width = flow.shape[:2]
    rows, columns = grid_of(height, width)
    padded = np.pad(flow, ((0, rows * CELL - height), (0, columns * CELL - width), (0, 0)), mode="edge")
    return np.asarray(cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA), np.float32).reshape(
        rows, columns, 2
    )


def field_of_cells(cells: Float32Array, matrix: Float64Array, height: int, width: int) -> Float32Array:
    """Return the field of a transform that is applied to pixels moved by the displacements of their cells.

    Args:
        cells: Displacements in pixels of the field, shape (rows, columns, 2).
        matrix: The transform.
        height: Of the field, in pixels.
        width: Of the field, in pixels.
    """
    # between cells a Catmull-Rom spline, beyond the outermost ones a straight line
    padded = np.empty((2, cells.shape[0] + 4, cells.shape[1] + 4), np.float32)
    padded[:, 2:-2, 2:-2] = cells.transpose(2, 0, 1)
    _continue_straight(padded[:, 2:-2])
    _continue_straight(padded.transpose(0, 2, 1))
    out = np.empty((height, width, 2), np.float32)
    spread_cells(padded, CELL, np.ascontiguousarray(matrix, np.float64), out)
    return out


def sampled(picture: Float32Array, field: Float32Array, *, sharp: bool) -> Float32Array:
    """Return what lies at the positions of a field, NaN outside.

    Args:
        picture: Shape (height, width).
        field: Positions in it.
        sharp: Sample with 8x8 taps instead of 4x4. The error of the shorter kernel depends on the fraction of the
            position, and where that hardly changes it moves the match by up to two hundredths of a pixel.
    """
    out = np.empty(field.shape[:2], np.float32)
    if not sharp:
        sample_cubic(picture, field, cubic_table(), out)
        return out
    sample_sharp(picture, field, lanczos_table(1.0), out)
    forget_outside(field, picture.shape[1], picture.shape[0], out)
    return out


def improve(
    ref: Float32Array, clip: Float32Array, matrix: Float64Array, cells: Float32Array, *, sharp: bool
) -> Improved:
    """Improve displacements by one pass over two pictures.

    Args:
        ref: In units of local contrast, NaN where a pixel does not count; shape (h, w).
        clip: Likewise, any size.
        matrix: The transform from ref pixels to clip pixels that displaced pixels are put through.
        cells: Displacements so far in ref pixels, shape (rows, columns, 2).
        sharp: Sample with the longer kernel.
    """
    height, width = ref.shape
    warped = sampled(clip, field_of_cells(cells, matrix, height, width), sharp=sharp)
    gathered = np.empty((*cells.shape[:2], EQUATIONS), np.float32)
    lines = np.empty((EQUATIONS, width), np.float32)
    gather_equations(ref, warped, CELL, _SHARPNESS, lines, gathered)
    window = _blurred(gathered, _WINDOW)
    match: Float32Array = 1 - window[..., 5] / (2 * window[..., 6] + 2 * _LEAST_SQUARE)
    quality = np.asarray(np.clip((match - _WORST_MATCH) / (_GOOD_MATCH - _WORST_MATCH), 0, 1), np.float32)
    trust = quality * _certainty(window)
    # what the pictures say nothing about moves like its surroundings
    rest = _blurred(fill(cells, trust), _SMOOTHING) - cells
    return Improved(cells + _solved(gathered[..., :5] * quality[..., None], rest), trust)


def settled(improved: Improved) -> Float32Array:
    """Return displacements of which those that the pictures say nothing about are filled in from their surroundings."""
    return fill(improved.cells, improved.trust)


@lru_cache(maxsize=64)
def _spline(count: int, wanted: int, ratio: float) -> Float32Array:
    """Return the weights, shape (wanted, count), of a Catmull-Rom spline through `count` cells.

    Args:
        count: How many cells there are.
        wanted: How many cells are asked for.
        ratio: Size of a wanted cell in cells.
    """
    places = np.clip((np.arange(wanted) + 0.5) * ratio - 0.5, 0, count - 1)
    first = places.astype(int)
    t = (places - first)[:, None]
    weights = np.hstack(
        [
            ((-0.5 * t + 1) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1,
            ((-1.5 * t + 2) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        ]
    )
    out = np.zeros((wanted, count), np.float32)
    for k in range(4):
        np.add.at(out, (np.arange(wanted), np.clip(first - 1 + k, 0, count - 1)), weights[:, k])
    beyond = (np.arange(wanted) + 0.5) * ratio - 0.5 - places
    if count > 1:
        # beyond the middle of the outermost cells it goes on straight
        out[:, 0] -= np.minimum(beyond, 0)
        out[:, 1] += np.minimum(beyond, 0)
        out[:, -1] += np.maximum(beyond, 0)
        out[:, -2] -= np.maximum(beyond, 0)
    return out


def _continue_straight(rows: Float32Array) -> None:
    """Fill two columns at either end of each row with a straight continuation."""
    single = rows.shape[-1] < 6
    for edge, step in ((2, 1), (rows.shape[-1] - 3, -1)):
        slope = 0 if single else rows[..., edge] - rows[..., edge + step]
        rows[..., edge - step] = rows[..., edge] + slope
        rows[..., edge - 2 * step] = rows[..., edge] + 2 * slope


def _blurred(values: Float32Array, sigma: float) -> Float32Array:
    """Blur by a Gaussian; beyond the edge there is nothing known, which is zero for equations."""
    blurred = cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(values.shape)


def _certainty(equations: Float32Array) -> Float32Array:
    """Return how sure the worse known direction is, 0 to 1, from the smaller eigenvalue."""
    xx, xy, yy = equations[..., 0], equations[..., 1], equations[..., 2]
    least = np.maximum((xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy), 0)
    return np.asarray(least / (least + _HALF_TRUSTED), np.float32)


def _solved(equations: Float32Array, rest: Float32Array) -> Float32Array:
    """Solve the equations from the coarsest grid, which leans on zero, to the given one, which leans on `rest` too."""
    levels = [equations]
    while min(levels[-1].shape[:2]) > _SMALLEST_GRID:
        levels.append(_GAIN * _halved(_blurred(levels[-1], _WINDOW)))
    step = np.zeros((*levels[-1].shape[:2], 2), np.float32)
    for level in reversed(levels):
        rows, columns = level.shape[:2]
        if step.shape[:2] != (rows, columns):
            step = cv2.resize(step, (columns, rows), interpolation=cv2.INTER_LINEAR).reshape(rows, columns, 2)
        if level is equations:
            step = step + rest
        step = _solved_pairs(_blurred(level, _WINDOW), step)
    return step


def _halved(equations: Float32Array) -> Float32Array:
    size = ((equations.shape[1] + 1) // 2, (equations.shape[0] + 1) // 2)
    # no more than four channels can be averaged at a time
    parts = [cv2.resize(np.ascontiguousarray(equations[..., k]), size, interpolation=cv2.INTER_AREA) for k in range(5)]
    return np.stack(parts, axis=-1)


def _solved_pairs(equations: Float32Array, prior: Float32Array) -> Float32Array:
    """Solve two equations for each cell, drawn towards the prior."""
    xx, xy, yy = equations[..., 0] + _PRIOR, equations[..., 1], equations[..., 2] + _PRIOR
    xd = equations[..., 3] + _PRIOR * prior[..., 0]
    yd = equations[..., 4] + _PRIOR * prior[..., 1]
    determinant = xx * yy - xy * xy
    return np.stack([(yy * xd - xy * yd) / determinant, (xx * yd - xy * xd) / determinant], axis=-1)
