"""Displacements on a control grid of 8x8 pixel cells, and the Gauss-Newton step that updates them.

The equations of a cell are those of Lucas and Kanade with the mean gradient of both images. They are solved from coarse
to fine, with the coarser level as a prior in proportion to the uncertainty of a cell's own equations.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.flow.dis.kernels import (
    EQUATIONS,
    accumulate_equations,
    interpolate_grid,
    mask_outside,
    sample_cubic,
)
from vs_align.measure.images.inpaint import fill
from vs_align.measure.images.warp import cubic_table, lanczos_table
from vs_align.measure.images.warp_kernels import sample_sharp

CELL_SIZE = 8
"""Side of a cell of the control grid in pixels."""
_PRIOR = np.float32(0.001)
"""Weight of the prior: the mean squared gradient, in units of local contrast, that weighs as much."""
_HALF_TRUST_GRADIENT = np.float32(0.002)
"""Smaller eigenvalue of the structure tensor, in units of local contrast, at which a cell is trusted by half."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the control grid."""

    zero_trust_ncc: float = 0.3
    """NCC of a cell up to which it is not trusted."""
    full_trust_ncc: float = 0.7
    """NCC of a cell from which on it is fully trusted."""
    window_sigma: float = 1.0
    """Standard deviation in cells of the Gaussian window over the equations."""
    smoothing_sigma: float = 0.7
    """Standard deviation in cells of the smoothing of the displacements that serve as prior."""
    min_grid: int = 3
    """Side of the coarsest grid in cells."""


_SETTINGS = _Settings()
_MIN_VARIANCE = np.float32(1e-4)
"""Regularization of the variance in the NCC of a cell."""
_OUTLIER_SHARPNESS = np.float32(4.0)
"""Weight of a pixel: 1 / (1 + this * difference ** 2), in units of local contrast."""
_LEVEL_GAIN = np.float32(4.0)
"""Factor of the equations per coarser level: a cell there has four times the pixels."""


@dataclass(frozen=True, slots=True)
class GridUpdate:
    """Displacements after a Gauss-Newton step."""

    grid: Float32Array
    """Displacements in pixels, (rows, columns, 2)."""
    trust: Float32Array
    """How well the images determine each of them, 0..1, (rows, columns)."""


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of the control grid of an image."""
    return -(-height // CELL_SIZE), -(-width // CELL_SIZE)


def resample_grid(grid: Float32Array, source: tuple[int, ...], target: tuple[int, ...]) -> Float32Array:
    """Resample displacements for an image of another size by Catmull-Rom interpolation, in its pixels.

    Args:
        grid: Displacements in pixels of the source image, (rows, columns, 2).
        source: Height and width of the image that the grid belongs to.
        target: Height and width of the other image, which shows the same.
    """
    if source == target:
        return grid
    down = _spline_matrix(grid.shape[0], grid_shape(*target)[0], source[0] / target[0])
    across = _spline_matrix(grid.shape[1], grid_shape(*target)[1], source[1] / target[1])
    unit = np.array([target[1] / source[1], target[0] / source[0]], np.float32)
    tall = (down @ grid.reshape(grid.shape[0], -1)).reshape(-1, grid.shape[1], 2)
    return np.asarray(np.matmul(across, tall) * unit, np.float32)


def grid_means(flow: Float32Array) -> Float32Array:
    """Return the mean displacement of each cell, (rows, columns, 2), of a dense flow (h, w, 2)."""
    height, width = flow.shape[:2]
    rows, columns = grid_shape(height, width)
    padded = np.pad(flow, ((0, rows * CELL_SIZE - height), (0, columns * CELL_SIZE - width), (0, 0)), mode="edge")
    return np.asarray(cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA), np.float32).reshape(
        rows, columns, 2
    )


def grid_to_field(grid: Float32Array, matrix: Float64Array, height: int, width: int) -> Float32Array:
    """Return the field of a homography that is applied to displaced pixels.

    Args:
        grid: Displacements in pixels of the field, (rows, columns, 2), interpolated by a Catmull-Rom spline.
        matrix: The homography, (3, 3).
        height: Height of the field in pixels.
        width: Width of the field in pixels.
    """
    # Catmull-Rom interpolation between cells, linear extrapolation beyond the outermost ones.
    padded = np.empty((2, grid.shape[0] + 4, grid.shape[1] + 4), np.float32)
    padded[:, 2:-2, 2:-2] = grid.transpose(2, 0, 1)
    _extrapolate_linearly(padded[:, 2:-2])
    _extrapolate_linearly(padded.transpose(0, 2, 1))
    out = np.empty((height, width, 2), np.float32)
    interpolate_grid(padded, CELL_SIZE, np.ascontiguousarray(matrix, np.float64), out)
    return out


def sample(image: Float32Array, field: Float32Array, *, sharp: bool) -> Float32Array:
    """Sample an image at the positions of a field; NaN outside.

    Args:
        image: (height, width) float32.
        field: (h, w, 2) float32, positions in it.
        sharp: Lanczos with 8x8 taps instead of Catmull-Rom with 4x4. The error of the shorter kernel depends on the
            fractional position; if that hardly varies, it biases the match by up to 0.02 pixels.
    """
    out = np.empty(field.shape[:2], np.float32)
    if not sharp:
        sample_cubic(image, field, cubic_table(), out)
        return out
    sample_sharp(image, field, lanczos_table(1.0), out)
    mask_outside(field, image.shape[1], image.shape[0], out)
    return out


def gauss_newton_step(
    ref: Float32Array, clip: Float32Array, matrix: Float64Array, grid: Float32Array, *, sharp: bool
) -> GridUpdate:
    """Update displacements by one Gauss-Newton step on two images.

    Args:
        ref: (h, w) float32 in units of local contrast, NaN for invalid pixels.
        clip: (hc, wc) float32 in units of local contrast, NaN for invalid pixels.
        matrix: Homography from ref pixels to clip pixels that is applied to displaced pixels.
        grid: Current displacements in ref pixels, (rows, columns, 2).
        sharp: Sample with the longer kernel.
    """
    height, width = ref.shape
    warped = sample(clip, grid_to_field(grid, matrix, height, width), sharp=sharp)
    gathered = np.empty((*grid.shape[:2], EQUATIONS), np.float32)
    lines = np.empty((EQUATIONS, width), np.float32)
    accumulate_equations(ref, warped, CELL_SIZE, _OUTLIER_SHARPNESS, lines, gathered)
    window = _blurred(gathered, _SETTINGS.window_sigma)
    match: Float32Array = 1 - window[..., 5] / (2 * window[..., 6] + 2 * _MIN_VARIANCE)
    quality = np.asarray(
        np.clip((match - _SETTINGS.zero_trust_ncc) / (_SETTINGS.full_trust_ncc - _SETTINGS.zero_trust_ncc), 0, 1),
        np.float32,
    )
    trust = quality * _certainty(window)
    # Undetermined cells move like their surroundings.
    rest = _blurred(fill(grid, trust), _SETTINGS.smoothing_sigma) - grid
    return GridUpdate(grid + _solve_multigrid(gathered[..., :5] * quality[..., None], rest), trust)


def fill_untrusted(update: GridUpdate) -> Float32Array:
    """Return displacements whose untrusted cells are filled in from their surroundings."""
    return fill(update.grid, update.trust)


@lru_cache(maxsize=64)
def _spline_matrix(count: int, wanted: int, ratio: float) -> Float32Array:
    """Return the weights, (wanted, count), of a Catmull-Rom spline through `count` cells, linear beyond the ends.

    Args:
        count: Number of cells.
        wanted: Number of cells of the result.
        ratio: Size of a cell of the result in cells.
    """
    positions = np.clip((np.arange(wanted) + 0.5) * ratio - 0.5, 0, count - 1)
    first = positions.astype(int)
    t = (positions - first)[:, None]
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
    beyond = (np.arange(wanted) + 0.5) * ratio - 0.5 - positions
    if count > 1:
        # Linear extrapolation beyond the centers of the outermost cells.
        out[:, 0] -= np.minimum(beyond, 0)
        out[:, 1] += np.minimum(beyond, 0)
        out[:, -1] += np.maximum(beyond, 0)
        out[:, -2] -= np.maximum(beyond, 0)
    return out


def _extrapolate_linearly(rows: Float32Array) -> None:
    """Fill two columns at either end of each row by linear extrapolation."""
    single = rows.shape[-1] < 6
    for edge, step in ((2, 1), (rows.shape[-1] - 3, -1)):
        slope = 0 if single else rows[..., edge] - rows[..., edge + step]
        rows[..., edge - step] = rows[..., edge] + slope
        rows[..., edge - 2 * step] = rows[..., edge] + 2 * slope


def _blurred(values: Float32Array, sigma: float) -> Float32Array:
    """Blur by a Gaussian with a replicated border."""
    blurred = cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(values.shape)


def _certainty(equations: Float32Array) -> Float32Array:
    """Return how well the less certain direction is determined, 0..1: smaller eigenvalue of the structure tensor."""
    xx, xy, yy = equations[..., 0], equations[..., 1], equations[..., 2]
    least = np.maximum((xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy), 0)
    return np.asarray(least / (least + _HALF_TRUST_GRADIENT), np.float32)


def _solve_multigrid(equations: Float32Array, rest: Float32Array) -> Float32Array:
    """Solve the equations from the coarsest grid, with prior 0, to the given one, with prior `rest` added."""
    levels = [equations]
    while min(levels[-1].shape[:2]) > _SETTINGS.min_grid:
        levels.append(_LEVEL_GAIN * _halved(_blurred(levels[-1], _SETTINGS.window_sigma)))
    step = np.zeros((*levels[-1].shape[:2], 2), np.float32)
    for level in reversed(levels):
        rows, columns = level.shape[:2]
        if step.shape[:2] != (rows, columns):
            step = cv2.resize(step, (columns, rows), interpolation=cv2.INTER_LINEAR).reshape(rows, columns, 2)
        if level is equations:
            step = step + rest
        step = _solve_2x2(_blurred(level, _SETTINGS.window_sigma), step)
    return step


def _halved(equations: Float32Array) -> Float32Array:
    size = ((equations.shape[1] + 1) // 2, (equations.shape[0] + 1) // 2)
    # OpenCV averages at most four channels at a time.
    parts = [cv2.resize(np.ascontiguousarray(equations[..., k]), size, interpolation=cv2.INTER_AREA) for k in range(5)]
    return np.stack(parts, axis=-1)


def _solve_2x2(equations: Float32Array, prior: Float32Array) -> Float32Array:
    """Solve the 2x2 equations of each cell with a prior."""
    xx, xy, yy = equations[..., 0] + _PRIOR, equations[..., 1], equations[..., 2] + _PRIOR
    xd = equations[..., 3] + _PRIOR * prior[..., 0]
    yd = equations[..., 4] + _PRIOR * prior[..., 1]
    determinant = xx * yy - xy * xy
    return np.stack([(yy * xd - xy * yd) / determinant, (xx * yd - xy * xd) / determinant], axis=-1)
