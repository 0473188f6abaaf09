"""Refining a transform on the pictures themselves.

Gauss-Newton on the difference of two locally normalised pictures, with the mean of both pictures' gradients (ESM:
S. Benhimane and E. Malis, Real-time image-based tracking of planes using efficient second-order minimization, IROS
2004) and robust weights (Geman-McClure) so that a logo or a changed part of the scene does not pull.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.images.views import View, as_luma, warped
from vs_align.measure.registration.esm_kernels import normal_equations

# Parameters of an update, in coordinates -1..1 about the centre: shift (2), linear part (4), perspective (2).
AFFINE, HOMOGRAPHY = 6, 8
# Simpler updates as combinations of those of an affine one: shift and one scale; shift and two; shift, scale and turn.
UNIFORM = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 1]], np.float64)
STRETCH = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]], np.float64)
SIMILARITY = np.vstack([UNIFORM, [[0, 0, 0, -1, 1, 0]]]).astype(np.float64)
SHIFT = UNIFORM[:2]

# How much a pixel of a known mean gradient holds back each parameter that is no shift: texture in one corner must not
# decide on the far one.
_RIDGE = 1e-3
# A step that moves nothing by more than this, in pixels, is the last one.
_STILL = 0.02
_FLAT = 0.3


def refined(clip: View, ref: View, matrix: Float64Array, parameters: int, steps: int) -> Float64Array:
    """Return a transform that lies closer.

    Args:
        clip: The view that is looked at through the transform.
        ref: The view that it is laid on.
        matrix: Where to start, from pixels of the view of ref to pixels of the view of clip.
        parameters: `AFFINE` or `HOMOGRAPHY`: what may change.
        steps: How many steps at most; fewer where the last one moved nothing by more than a fiftieth of a pixel.
    """
    targets = targets_of(ref)
    for _ in range(steps):
        update = _solved([_equations(warped(clip, matrix, ref.size), targets, parameters)], parameters)
        if update is None:
            break
        matrix, moved = _moved(matrix, update, ref.size)
        if moved < _STILL:
            break
    return matrix


def refined_together(
    seen: Callable[[int, Float64Array], View],
    targets: Sequence["Targets"],
    matrix: Float64Array,
    parameters: int,
    steps: int,
    basis: Float64Array | None = None,
) -> Float64Array:
    """Return a transform that lies closer on several pairs of pictures at once.

    Args:
        seen: Gives the picture of clip of pair i as it is seen through a transform, of the size of ref's.
        targets: What `targets_of` returned for the picture of ref of each pair; all are of one size.
        matrix: Where to start.
        parameters: `AFFINE` or `HOMOGRAPHY`: what may change.
        steps: How many steps at most.
        basis: (k, 6), the only combinations of affine updates that may be made, such as `UNIFORM`; None: all.
    """
    for _ in range(steps):
        equations = [_equations(seen(i, matrix), target, parameters) for i, target in enumerate(targets)]
        update = _solved(equations, parameters, basis)
        if update is None:
            break
        matrix, moved = _moved(matrix, update, targets[0].size)
        if moved < _STILL:
            break
    return matrix


@dataclass(frozen=True, eq=False)
class Targets:
    """The pixels of ref that say something: `chosen` counts along the rows, all else belongs to these pixels.

    `slopes` and `places` have a row for x and a row for y; places are in coordinates -1..1 about the centre.
    """

    chosen: IntpArray
    values: Float32Array
    slopes: Float32Array
    places: Float32Array
    size: tuple[int, int]

    @property
    def half(self) -> float:
        """Half of the longer side: the unit of `places`."""
        return max(self.size) / 2


def targets_of(ref: View) -> Targets:
    """Prepare a picture of ref; worth keeping where several pictures are laid on it."""
    half = max(ref.size) / 2
    inner = cv2.erode(ref.weight, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    gx, gy = gradients(ref.picture)
    strength = (gx * gx + gy * gy) * inner
    # Flat pixels cost as much as edges and tell next to nothing.
    chosen = np.flatnonzero(strength > _FLAT * strength.mean())
    width, height = ref.size
    rows, columns = np.divmod(chosen, width)
    middle = (width - 1) / 2, (height - 1) / 2
    return Targets(
        chosen,
        ref.picture.ravel()[chosen],
        np.stack([gx.ravel()[chosen], gy.ravel()[chosen]]),
        np.stack([(columns - middle[0]) / half, (rows - middle[1]) / half]).astype(np.float32),
        ref.size,
    )


def gradients(picture: Float32Array) -> tuple[Float32Array, Float32Array]:
    """The slopes of a picture in x and in y, in brightness per pixel."""
    kernel, one = np.array([-0.5, 0, 0.5], np.float32), np.ones(1, np.float32)
    return as_luma(cv2.sepFilter2D(picture, -1, kernel, one)), as_luma(cv2.sepFilter2D(picture, -1, one, kernel))


Equations = tuple[Float64Array, Float64Array]


def _equations(seen: View, targets: Targets, parameters: int) -> Equations | None:
    """The normal equations of one step of Gauss-Newton. None where the pictures do not tell."""
    normal, wanted = np.empty((parameters, parameters)), np.empty(parameters)
    counted = normal_equations(
        seen.picture,
        seen.weight,
        targets.chosen,
        targets.values,
        targets.slopes,
        targets.places,
        np.float32(targets.half),
        normal,
        wanted,
    )
    return (normal, wanted) if counted >= 8 * parameters else None


def _solved(
    equations: Sequence[Equations | None], parameters: int, basis: Float64Array | None = None
) -> Float64Array | None:
    """The update that suits all pairs, in coordinates -1..1. None where there is none."""
    told = [pair for pair in equations if pair is not None]
    if not told:
        return None
    normal, wanted = (np.sum(side, axis=0) for side in zip(*told, strict=True))
    shift_power = (normal[0, 0] + normal[1, 1]) / 2
    if not shift_power > 0:
        return None
    normal[np.arange(2, parameters), np.arange(2, parameters)] += _RIDGE * shift_power
    normal[np.arange(2), np.arange(2)] += 1e-6 * shift_power
    p = np.zeros(8)
    if basis is None:
        p[:parameters] = np.linalg.solve(normal, wanted)
    else:
        p[:parameters] = basis.T @ np.linalg.solve(basis @ normal @ basis.T, basis @ wanted)
    if not np.isfinite(p).all() or np.abs(p).max() > 0.5:
        return None
    return np.array([[1 + p[2], p[3], p[0]], [p[4], 1 + p[5], p[1]], [p[6], p[7], 1]], np.float64)


def _moved(matrix: Float64Array, update: Float64Array, size: tuple[int, int]) -> tuple[Float64Array, float]:
    """A transform after an update, and by how many pixels of a picture of this size it moved."""
    width, height = size
    half = max(width, height) / 2
    frame = np.array([[half, 0, (width - 1) / 2], [0, half, (height - 1) / 2], [0, 0, 1]], np.float64)
    out = matrix @ frame @ update @ np.linalg.inv(frame)
    return out / out[2, 2], float(np.abs(update - np.eye(3)).max() * half)
