"""Refining a transform on the pictures themselves.

Gauss-Newton on the difference of two locally normalised pictures, with the mean of both pictures' gradients (ESM:
S. Benhimane and E. Malis, Real-time image-based tracking of planes using efficient second-order minimization, IROS
2004) and robust weights (Geman-McClure) so that a logo or a changed part of the scene does not pull.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vs_align.flow.field import Matrix
from vs_align.registration.views import View, as_luma, warped

Vector = npt.NDArray[np.float32]

# Parameters of an update, in coordinates -1..1 about the centre: shift (2), linear part (4), perspective (2).
AFFINE, HOMOGRAPHY = 6, 8

# How much a pixel of a known mean gradient holds back each parameter that is no shift: texture in one corner must not
# decide on the far one.
_RIDGE = 1e-3
_FLAT = 0.3


def refined(clip: View, ref: View, matrix: Matrix, parameters: int, steps: int) -> Matrix:
    """Return a transform that lies closer.

    Args:
        clip: The view that is looked at through the transform.
        ref: The view that it is laid on.
        matrix: Where to start, from pixels of the view of ref to pixels of the view of clip.
        parameters: `AFFINE` or `HOMOGRAPHY`: what may change.
        steps: How many steps at most; fewer where the last one moved nothing by more than a fiftieth of a pixel.
    """
    width, height = ref.size
    half = max(width, height) / 2
    frame = np.array([[half, 0, (width - 1) / 2], [0, half, (height - 1) / 2], [0, 0, 1]], np.float64)
    back = np.linalg.inv(frame)
    targets = _targets(ref, half)
    if len(targets.chosen) < 8 * parameters:
        return matrix
    for _ in range(steps):
        update = _update(warped(clip, matrix, ref.size), targets, parameters)
        if update is None:
            break
        matrix = matrix @ frame @ update @ back
        matrix = matrix / matrix[2, 2]
        if np.abs(update - np.eye(3)).max() * half < 0.02:
            break
    return matrix


@dataclass(frozen=True, eq=False)
class _Targets:
    """The pixels of ref that say something: `chosen` counts along the rows, all else belongs to these pixels."""

    chosen: npt.NDArray[np.intp]
    values: Vector
    slope_x: Vector
    slope_y: Vector
    x: Vector
    y: Vector
    half: float


def _targets(ref: View, half: float) -> _Targets:
    inner = cv2.erode(ref.weight, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    gx, gy = _gradients(ref.picture)
    strength = (gx * gx + gy * gy) * inner
    # Flat pixels cost as much as edges and tell next to nothing.
    chosen = np.flatnonzero(strength > _FLAT * strength.mean())
    width, height = ref.size
    rows, columns = np.divmod(chosen, width)
    middle = (width - 1) / 2, (height - 1) / 2
    return _Targets(
        chosen,
        ref.picture.ravel()[chosen],
        gx.ravel()[chosen],
        gy.ravel()[chosen],
        ((columns - middle[0]) / half).astype(np.float32),
        ((rows - middle[1]) / half).astype(np.float32),
        half,
    )


def _gradients(picture: Vector) -> tuple[Vector, Vector]:
    kernel, one = np.array([-0.5, 0, 0.5], np.float32), np.ones(1, np.float32)
    return as_luma(cv2.sepFilter2D(picture, -1, kernel, one)), as_luma(cv2.sepFilter2D(picture, -1, one, kernel))


def _update(seen: View, targets: _Targets, parameters: int) -> Matrix | None:
    """One step of Gauss-Newton: the update in coordinates -1..1. None where the pictures do not tell."""
    chosen, x, y = targets.chosen, targets.x, targets.y
    error = targets.values - seen.picture.take(chosen)
    # A pixel that is half outside is mixed with nothing.
    weight = (seen.weight.take(chosen) > 0.999).astype(np.float32)
    counted = float(weight.sum())
    if counted < 8 * parameters:
        return None
    gx, gy = _gradients(seen.picture)
    slant = np.empty((parameters, len(chosen)), np.float32)
    np.add(gx.take(chosen), targets.slope_x, out=slant[0])
    np.add(gy.take(chosen), targets.slope_y, out=slant[1])
    slant[:2] *= np.float32(targets.half / 2)
    np.multiply(slant[0], x, out=slant[2])
    np.multiply(slant[0], y, out=slant[3])
    np.multiply(slant[1], x, out=slant[4])
    np.multiply(slant[1], y, out=slant[5])
    if parameters == HOMOGRAPHY:
        along = slant[2] + slant[5]
        np.multiply(along, -x, out=slant[6])
        np.multiply(along, -y, out=slant[7])
    spread = np.float32(max(1.5 * float(np.dot(np.abs(error), weight)) / counted, 0.05)) ** 2
    trust = spread / (spread + error * error)
    weighted = slant * (trust * trust * weight)
    normal = (weighted @ slant.T).astype(np.float64)
    wanted = (weighted @ error).astype(np.float64)
    shift_power = (normal[0, 0] + normal[1, 1]) / 2
    if not shift_power > 0:
        return None
    normal[np.arange(2, parameters), np.arange(2, parameters)] += _RIDGE * shift_power
    normal[np.arange(2), np.arange(2)] += 1e-6 * shift_power
    p = np.zeros(8)
    p[:parameters] = np.linalg.solve(normal, wanted)
    if not np.isfinite(p).all() or np.abs(p).max() > 0.5:
        return None
    return np.array([[1 + p[2], p[3], p[0]], [p[4], 1 + p[5], p[1]], [p[6], p[7], 1]], np.float64)
