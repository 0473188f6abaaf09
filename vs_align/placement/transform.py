"""`Transform`: a homography that maps pixels of ref to pixels of clip."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float64Array
from vs_align.placement.homography import apply_homography, jacobian, resize_matrix
from vs_align.timeline.segment import number, whole

Size = tuple[int, int]
Rows = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

LEAST_DETERMINANT = 1e-9
"""Least absolute determinant in relative coordinates (image = unit square); below it the image collapses to a line."""


@dataclass(frozen=True)
class Transform:
    """A homography that maps pixels of ref to pixels of clip.

    Pixel coordinates: integers are centers of pixels, (0, 0) is the center of the top left one, x runs to the right, y
    down. The *neutral* transform is a resize of clip to the size of ref, edge on edge. `shift`, `rotation`, `scale_x`,
    `scale_y` and `shear` give the difference of clip from it, at the center of ref.

    Example:
        ```python
        zoomed = Transform.from_parts((1920, 1080), (1280, 720), shift=(4, -2), scale_x=1.03, scale_y=1.03)
        zoomed.apply([[0, 0]])  # the pixel of clip that belongs in ref's top left corner
        ```

    Args:
        matrix: Shape (3, 3), rows first; it maps (x, y, 1) of ref to clip. Stored as tuples, scaled so that the last
            number is 1.
        clip_size: Width and height of clip in pixels, at least 1.
        ref_size: Width and height of ref in pixels, at least 1.

    Raises:
        ArgumentError: A field breaks its rule, the matrix has no inverse, or it sends a part of ref to infinity.
    """

    matrix: Rows
    clip_size: Size
    ref_size: Size

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("clip_size", "ref_size"):
            put(self, name, checked_size(getattr(self, name), "Transform", name))
        put(self, "matrix", _rows(self.matrix))
        width, height = self.ref_size
        corners = [(-0.5, -0.5), (width - 0.5, -0.5), (-0.5, height - 0.5), (width - 0.5, height - 0.5)]
        a, b, c = self.matrix[2]
        if min(a * x + b * y + c for x, y in corners) <= 0:
            raise ArgumentError("Transform", "matrix", "must not send a part of ref to infinity", self.matrix)
        # relative coordinates, so that the limit does not depend on the size
        relative = _scaling(self.clip_size, inverse=True) @ self.array @ _scaling(self.ref_size)
        if not abs(np.linalg.det(relative)) > LEAST_DETERMINANT:
            raise ArgumentError("Transform", "matrix", "must have an inverse", self.matrix)

    @classmethod
    def identity(cls, size: Size) -> "Transform":
        """Return the identity between two images of one size."""
        return cls.neutral(size, size)

    @classmethod
    def neutral(cls, clip_size: Size, ref_size: Size) -> "Transform":
        """Return the neutral transform: a resize of clip to the size of ref, edge on edge."""
        return cls(_tuples(_neutral(clip_size, ref_size)), clip_size, ref_size)

    @classmethod
    def from_parts(
        cls,
        clip_size: Size,
        ref_size: Size,
        *,
        shift: tuple[float, float] = (0.0, 0.0),
        rotation: float = 0.0,
        scale_x: float = 1.0,
        scale_y: float = 1.0,
        shear: float = 0.0,
    ) -> "Transform":
        """Build an affine transform from measurable parts. The properties of the same names return them.

        Args:
            clip_size: Width and height of clip in pixels.
            ref_size: Width and height of ref in pixels.
            shift: Displacement of clip's content to the right and down, at the center of ref, in ref pixels.
            rotation: Clockwise rotation of clip's content in degrees.
            scale_x: Horizontal scale of clip's content relative to the neutral transform; 1: equally wide.
            scale_y: Vertical scale of clip's content relative to the neutral transform. Negative: flipped.
            shear: Lean of clip's vertical lines to the right at the top, per unit of height; negative to the left.

        Raises:
            ArgumentError: An argument is not a finite number, or a scale is 0.
        """
        values = (*shift, rotation, scale_x, scale_y, shear)
        names = ("shift", "shift", "rotation", "scale_x", "scale_y", "shear")
        dx, dy, degrees, wide, tall, lean = (
            _finite(value, "Transform.from_parts", name) for value, name in zip(values, names, strict=True)
        )
        for name, value in (("scale_x", wide), ("scale_y", tall)):
            if value == 0:
                raise ArgumentError("Transform.from_parts", name, "must not be 0", value)
        if degrees % 90 == 0:  # quarter turns come out exact
            cos, sin = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(degrees // 90) % 4]
        else:
            cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        # the lean is to the right at the top, and y runs down
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[wide, -lean * tall], [0, tall]])
        center = _center(checked_size(ref_size, "Transform.from_parts", "ref_size"))
        about = np.eye(3)
        about[:2, :2] = linear
        about[:2, 2] = np.add(center, (dx, dy)) - linear @ center
        return cls(_tuples(_neutral(clip_size, ref_size) @ about), clip_size, ref_size)

    @classmethod
    def from_crop(
        cls, clip_size: Size, ref_size: Size, *, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0
    ) -> "Transform":
        """Build the transform for a ref that is a crop of clip.

        Args:
            clip_size: Width and height of clip in pixels.
            ref_size: Width and height of ref in pixels.
            left: Clip pixels that ref lacks at the left. Negative: ref shows more than clip there.
            top: Clip pixels that ref lacks at the top; negative if ref shows more.
            right: Clip pixels that ref lacks at the right; negative if ref shows more.
            bottom: Clip pixels that ref lacks at the bottom; negative if ref shows more.

        Raises:
            ArgumentError: An argument is not a finite number, or nothing of clip is left.
        """
        names = ("left", "top", "right", "bottom")
        x0, y0, x1, y1 = (
            _finite(value, "Transform.from_crop", name)
            for value, name in zip((left, top, right, bottom), names, strict=True)
        )
        width, height = checked_size(clip_size, "Transform.from_crop", "clip_size")
        for name, rest in (("right", width - x0 - x1), ("bottom", height - y0 - y1)):
            if rest <= 0:
                raise ArgumentError("Transform.from_crop", name, "must leave something of clip", f"{rest:g} pixels")
        across, down = checked_size(ref_size, "Transform.from_crop", "ref_size")
        kx, ky = (width - x0 - x1) / across, (height - y0 - y1) / down
        return cls(((kx, 0.0, x0 + (kx - 1) / 2), (0.0, ky, y0 + (ky - 1) / 2), (0.0, 0.0, 1.0)), clip_size, ref_size)

    @property
    def array(self) -> Float64Array:
        """The matrix as a new (3, 3) array of float64."""
        return np.array(self.matrix, np.float64)

    @property
    def shift(self) -> tuple[float, float]:
        """Displacement of clip's content to the right and down, at the center of ref, in ref pixels."""
        return self._parts[0]

    @property
    def rotation(self) -> float:
        """Clockwise rotation of clip's content in degrees, -180..180, at the center of ref."""
        return self._parts[1]

    @property
    def scale_x(self) -> float:
        """Horizontal scale of clip's content relative to the neutral transform, at the center of ref."""
        return self._parts[2]

    @property
    def scale_y(self) -> float:
        """Vertical scale of clip's content relative to the neutral transform, at its center; negative if mirrored."""
        return self._parts[3]

    @property
    def shear(self) -> float:
        """Lean of clip's vertical lines to the right at the top, per unit of height."""
        return self._parts[4]

    @property
    def _parts(self) -> tuple[tuple[float, float], float, float, float, float]:
        neutral = _neutral(self.clip_size, self.ref_size)
        x, y = center = _center(self.ref_size)
        moved = np.linalg.inv(neutral) @ self.array
        u, v, w = moved @ (x, y, 1)
        found = np.array([u, v]) / w
        slope = jacobian(moved, (x, y))
        scale_x = math.hypot(slope[0, 0], slope[1, 0])
        cos, sin = slope[:, 0] / scale_x
        scale_y = float(cos * slope[1, 1] - sin * slope[0, 1])
        shear = -float(cos * slope[0, 1] + sin * slope[1, 1]) / scale_y
        dx, dy = found - center
        return (float(dx), float(dy)), math.degrees(math.atan2(sin, cos)), scale_x, scale_y, shear

    def apply(self, points: npt.ArrayLike) -> Float64Array:
        """Map points of ref, shape (..., 2) in ref pixels, to clip, shape (..., 2) in clip pixels."""
        given = np.asarray(points, np.float64)
        if given.ndim == 0 or given.shape[-1] != 2:
            raise ArgumentError("Transform.apply", "points", "must have shape (..., 2)", given.shape)
        return apply_homography(self.array, given)

    def inverse(self) -> "Transform":
        """Return the inverse, from clip pixels to ref pixels: clip and ref change places.

        Raises:
            ArgumentError: A part of clip lies at infinity in ref, which happens with strong perspective.
        """
        return Transform(_tuples(np.linalg.inv(self.array)), self.ref_size, self.clip_size)

    def then(self, further: "Transform") -> "Transform":
        """Compose with a transform from clip to a third image: `further` maps pixels of clip to pixels of its own clip.

        Raises:
            ArgumentError: The ref of `further` has another size than clip.
        """
        if further.ref_size != self.clip_size:
            rule = f"must start from images of {self.clip_size[0]}x{self.clip_size[1]}"
            raise ArgumentError("Transform.then", "further", rule, f"{further.ref_size[0]}x{further.ref_size[1]}")
        return Transform(_tuples(further.array @ self.array), further.clip_size, self.ref_size)

    def towards(self, other: "Transform", share: float) -> "Transform":
        """Interpolate the matrix linearly between this transform (0) and another one of the same sizes (1).

        Without perspective every point moves on a straight line.
        """
        matrix = (1 - share) * self.array + share * other.array
        return Transform(_tuples(matrix), self.clip_size, self.ref_size)

    def resized(self, clip_size: Size, ref_size: Size) -> "Transform":
        """Return the same transform for the same images at other sizes in pixels; edges stay on edges."""
        if (clip_size, ref_size) == (self.clip_size, self.ref_size):
            return self
        for name, size in (("clip_size", clip_size), ("ref_size", ref_size)):
            checked_size(size, "Transform.resized", name)
        into, out = _neutral(self.ref_size, ref_size), _neutral(clip_size, self.clip_size)
        return Transform(_tuples(out @ self.array @ into), clip_size, ref_size)


def _neutral(clip_size: Size, ref_size: Size) -> Float64Array:
    """Return `resize_matrix` for two sizes that are checked first."""
    return resize_matrix(
        checked_size(clip_size, "Transform", "clip_size"), checked_size(ref_size, "Transform", "ref_size")
    )


def checked_size(size: Any, function: str, name: str) -> Size:
    """Return a size as plain numbers, or raise `ArgumentError` if it is not two integers of at least 1."""
    try:
        width, height = size
    except (TypeError, ValueError):
        raise ArgumentError(function, name, "must be a width and a height", repr(size)) from None
    result = whole(width, function, name), whole(height, function, name)
    if 0 in result:
        raise ArgumentError(function, name, "must be at least 1x1", f"{result[0]}x{result[1]}")
    return result


def _finite(value: Any, function: str, name: str) -> float:
    result = number(value, function, name)
    if not math.isfinite(result):
        raise ArgumentError(function, name, "must be finite", result)
    return result


def _center(size: Sequence[int]) -> Float64Array:
    return (np.array(size, np.float64) - 1) / 2


def _scaling(size: Size, inverse: bool = False) -> Float64Array:
    width, height = size
    return np.diag([1 / width, 1 / height, 1.0] if inverse else [float(width), float(height), 1.0])


def _rows(matrix: Any) -> Rows:
    try:
        array = np.array(matrix, np.float64)
    except (TypeError, ValueError):
        raise ArgumentError("Transform", "matrix", "must be 3x3 numbers", repr(matrix)) from None
    if array.shape != (3, 3):
        raise ArgumentError("Transform", "matrix", "must be 3x3 numbers", f"shape {array.shape}")
    if not np.isfinite(array).all():
        raise ArgumentError("Transform", "matrix", "must be finite", array.tolist())
    if array[2, 2] == 0:
        raise ArgumentError("Transform", "matrix", "must not send a part of ref to infinity", array.tolist())
    return _tuples(array / array[2, 2])


def _tuples(array: Float64Array) -> Rows:
    (a, b, c), (d, e, f), (g, h, i) = array.tolist()
    return ((a, b, c), (d, e, f), (g, h, i))
