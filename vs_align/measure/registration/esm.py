"""Intensity-based refinement of a homography by ESM (efficient second-order minimization) on normalized images.

Gauss-Newton on the difference of two images with the mean of both gradients (S. Benhimane and E. Malis, Real-time
image-based tracking of planes using efficient second-order minimization, IROS 2004), and Geman-McClure weights so that
a logo or a changed part of the scene has little influence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.images.preprocessing import WeightedImage, as_float32, warp_weighted
from vs_align.measure.registration.kernels import normal_equations

AFFINE = 6
"""Degrees of freedom of an update: translation (2) and linear part (4), in coordinates -1..1 about the center."""
HOMOGRAPHY = 8
"""Degrees of freedom of an update: those of `AFFINE` and perspective (2)."""
UNIFORM_SCALE = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 1]], np.float64)
"""Basis of updates by translation and one scale, as combinations of the six affine parameters."""
ANISOTROPIC_SCALE = np.array(
    [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]], np.float64
)
"""Basis of updates by translation and scales in x and y."""
SIMILARITY = np.vstack([UNIFORM_SCALE, [[0, 0, 0, -1, 1, 0]]]).astype(np.float64)
"""Basis of updates by translation, one scale and rotation."""
TRANSLATION = UNIFORM_SCALE[:2]
"""Basis of updates by translation."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of ESM."""

    ridge: float = 1e-3
    """Tikhonov regularization of all parameters but translation, relative to the mean squared gradient: texture in
    one corner must not determine the far one."""
    converged: float = 0.02
    """Largest movement in pixels of a step after which the iteration ends."""
    min_strength: float = 0.3
    """Squared gradient, relative to its mean, below which a pixel is left out: flat pixels cost time and add
    little."""
    max_update: float = 0.5
    """Largest component of an update; a larger one is a divergence."""
    pixels_per_parameter: int = 8
    """Valid pixels that each parameter needs."""


_SETTINGS = _Settings()


def refine_esm(
    clip: WeightedImage, ref: WeightedImage, matrix: Float64Array, parameters: int, steps: int
) -> Float64Array:
    """Refine a transform between two images.

    Args:
        clip: Image that is warped.
        ref: Image that it is compared with.
        matrix: (3, 3), initial transform from pixels of `ref` to pixels of `clip`.
        parameters: `AFFINE` or `HOMOGRAPHY`.
        steps: Largest number of Gauss-Newton steps; iteration ends early if a step moves less than 0.02 pixels.

    Returns:
        (3, 3), the refined matrix.
    """
    return refine_esm_jointly(
        lambda _, m: warp_weighted(clip, m, ref.size), [esm_reference(ref)], matrix, parameters, steps
    )


def refine_esm_jointly(
    seen: Callable[[int, Float64Array], WeightedImage],
    targets: Sequence["EsmReference"],
    matrix: Float64Array,
    parameters: int,
    steps: int,
    basis: Float64Array | None = None,
) -> Float64Array:
    """Refine one transform on several pairs of images at once.

    Args:
        seen: Returns the image of clip of pair i, warped by a matrix to the size of ref.
        targets: Result of `esm_reference` for the image of ref of each pair; all of one size.
        matrix: (3, 3), initial transform.
        parameters: `AFFINE` or `HOMOGRAPHY`.
        steps: Largest number of Gauss-Newton steps.
        basis: (k, 6), allowed combinations of affine updates, such as `UNIFORM_SCALE`; None: all.

    Returns:
        (3, 3), the refined matrix.
    """
    for _ in range(steps):
        equations = [_equations(seen(i, matrix), target, parameters) for i, target in enumerate(targets)]
        update = _solve(equations, parameters, basis)
        if update is None:
            break
        matrix, moved = _updated(matrix, update, targets[0].size)
        if moved < _SETTINGS.converged:
            break
    return matrix


@dataclass(frozen=True, eq=False)
class EsmReference:
    """The textured pixels of an image of ref, precomputed for ESM.

    Args:
        indices: (n,), flat indices of the pixels.
        values: (n,), normalized luma.
        gradients_xy: (2, n), gradients in x and y per pixel.
        coordinates: (2, n), positions in x and y in units of half of the longer side about the center, -1..1.
        size: Width and height of the image.
    """

    indices: IntpArray
    values: Float32Array
    gradients_xy: Float32Array
    coordinates: Float32Array
    size: tuple[int, int]

    @property
    def half(self) -> float:
        """Half of the longer side in pixels: the unit of `coordinates`."""
        return max(self.size) / 2


def esm_reference(ref: WeightedImage) -> EsmReference:
    """Precompute an image of ref; keep the result if several images are registered to it."""
    half = max(ref.size) / 2
    inner = cv2.erode(ref.weight, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    gx, gy = gradients(ref.image)
    strength = (gx * gx + gy * gy) * inner
    indices = np.flatnonzero(strength > _SETTINGS.min_strength * strength.mean())
    width, height = ref.size
    rows, columns = np.divmod(indices, width)
    middle = (width - 1) / 2, (height - 1) / 2
    return EsmReference(
        indices,
        ref.image.ravel()[indices],
        np.stack([gx.ravel()[indices], gy.ravel()[indices]]),
        np.stack([(columns - middle[0]) / half, (rows - middle[1]) / half]).astype(np.float32),
        ref.size,
    )


def gradients(image: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Return the central differences of an image in x and in y, per pixel."""
    kernel, one = np.array([-0.5, 0, 0.5], np.float32), np.ones(1, np.float32)
    return as_float32(cv2.sepFilter2D(image, -1, kernel, one)), as_float32(cv2.sepFilter2D(image, -1, one, kernel))


Equations = tuple[Float64Array, Float64Array]


def _equations(seen: WeightedImage, targets: EsmReference, parameters: int) -> Equations | None:
    """Return the normal equations of one Gauss-Newton step; None if too few pixels are valid."""
    normal, wanted = np.empty((parameters, parameters)), np.empty(parameters)
    counted = normal_equations(
        seen.image,
        seen.weight,
        targets.indices,
        targets.values,
        targets.gradients_xy,
        targets.coordinates,
        np.float32(targets.half),
        normal,
        wanted,
    )
    return (normal, wanted) if counted >= _SETTINGS.pixels_per_parameter * parameters else None


def _solve(
    equations: Sequence[Equations | None], parameters: int, basis: Float64Array | None = None
) -> Float64Array | None:
    """Return the update (3, 3) of the summed equations in coordinates -1..1; None if it is undetermined or diverges."""
    valid = [pair for pair in equations if pair is not None]
    if not valid:
        return None
    normal, wanted = (np.sum(side, axis=0) for side in zip(*valid, strict=True))
    shift_power = (normal[0, 0] + normal[1, 1]) / 2
    if not shift_power > 0:
        return None
    normal[np.arange(2, parameters), np.arange(2, parameters)] += _SETTINGS.ridge * shift_power
    normal[np.arange(2), np.arange(2)] += 1e-6 * shift_power
    p = np.zeros(8)
    if basis is None:
        p[:parameters] = np.linalg.solve(normal, wanted)
    else:
        p[:parameters] = basis.T @ np.linalg.solve(basis @ normal @ basis.T, basis @ wanted)
    if not np.isfinite(p).all() or np.abs(p).max() > _SETTINGS.max_update:
        return None
    return np.array([[1 + p[2], p[3], p[0]], [p[4], 1 + p[5], p[1]], [p[6], p[7], 1]], np.float64)


def _updated(matrix: Float64Array, update: Float64Array, size: tuple[int, int]) -> tuple[Float64Array, float]:
    """Return the updated matrix, and by how many pixels of an image of `size` the update moves."""
    width, height = size
    half = max(width, height) / 2
    frame = np.array([[half, 0, (width - 1) / 2], [0, half, (height - 1) / 2], [0, 0, 1]], np.float64)
    out = matrix @ frame @ update @ np.linalg.inv(frame)
    return out / out[2, 2], float(np.abs(update - np.eye(3)).max() * half)
