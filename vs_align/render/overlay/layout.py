"""Layouts: positions of bg and fg on the canvas as homographies, rectangles and edge lines.

Pixel coordinates are those of `Transform`: integers are centers of pixels. Rectangles use edge coordinates instead,
measured from the outer edge of the top left pixel: an image of 720x576 pixels extends from 0 to 720.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.placement.transform import Size, Transform

_UPRIGHT = 1 / 64
"""Distance in pixels of the corners from an upright rectangle up to which an image counts as upright: not visible."""
_HAIR = 1e-3
"""Distance in pixels within which edges are snapped to integers: removes rounding errors of written numbers."""
_TOUCHES = 0.5
"""Distance in pixels within which an edge of fg lies on the border of bg and is not feathered."""
_LARGEST = 32768
"""Largest side of a canvas in pixels: larger ones come from wrong transforms."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Position of an upright image on the canvas, by its edges in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def covers(self, size: Size) -> bool:
        """Return whether it covers a canvas of a size."""
        return self.left <= 0 and self.top <= 0 and self.right >= size[0] and self.bottom >= size[1]

    def tile(self, canvas: Size, step: tuple[int, int]) -> tuple[int, int, int, int] | None:
        """Return the box of the canvas that it touches (left, top, right, bottom, multiples of `step`), or None."""
        left, right = _span(self.left, self.right, canvas[0], step[0])
        top, bottom = _span(self.top, self.bottom, canvas[1], step[1])
        return (left, top, right, bottom) if left < right and top < bottom else None


@dataclass(frozen=True, slots=True)
class Layout:
    """Layout of one frame; `bg` and `fg` map pixels of the image to pixels of the canvas, shape (3, 3)."""

    size: Size
    """Width and height of the canvas."""
    bg_size: Size
    fg_size: Size
    bg: Float64Array
    fg: Float64Array | None
    """None: fg is not shown."""

    @property
    def bg_rectangle(self) -> Rectangle | None:
        """Rectangle of bg, None if it is rotated."""
        return rectangle_of(self.bg, self.bg_size)

    @property
    def fg_rectangle(self) -> Rectangle | None:
        """Rectangle of fg, None if it is rotated or not shown."""
        return None if self.fg is None else rectangle_of(self.fg, self.fg_size)

    @property
    def is_upright(self) -> bool:
        """Whether both images are upright."""
        return self.bg_rectangle is not None and (self.fg is None or self.fg_rectangle is not None)

    def feathered(self) -> tuple[bool, bool, bool, bool]:
        """Return which edges of fg (left, top, right, bottom) lie inside bg by more than half a pixel somewhere."""
        if self.fg is None:
            return (False, False, False, False)
        to_bg = np.linalg.inv(self.bg) @ self.fg
        width, height = self.fg_size
        corners = map_points(
            to_bg, [(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5), (-0.5, height - 0.5)]
        )
        ends = [(corners[i], corners[j]) for i, j in ((0, 3), (0, 1), (1, 2), (3, 2))]
        left, top, right, bottom = (_enters(a + 0.5, b + 0.5, self.bg_size) for a, b in ends)
        return left, top, right, bottom


def layout_of(transform: Transform | None, kind: str, bg_size: Size, fg_size: Size, union: Rectangle) -> Layout:
    """Return the layout of a frame.

    Args:
        transform: From pixels of fg to pixels of bg.
        kind: Value of a `Canvas`.
        bg_size: Width and height of bg.
        fg_size: Width and height of fg.
        union: Rectangle of the canvas in bg coordinates, for the canvas "union".
    """
    matrix = None if transform is None else transform.array
    if kind == "fg":
        # without fg there is no transform: stretch bg over the canvas
        bg = np.array(Transform.neutral(fg_size, bg_size).array) if matrix is None else np.linalg.inv(matrix)
        return Layout(
            fg_size, bg_size, fg_size, _snapped(bg / bg[2, 2], bg_size), None if matrix is None else np.eye(3)
        )
    if matrix is not None:
        matrix = _snapped(matrix, fg_size)
    if kind == "bg":
        return Layout(bg_size, bg_size, fg_size, np.eye(3), matrix)
    shift = np.array([[1, 0, -union.left], [0, 1, -union.top], [0, 0, 1.0]])
    size = int(union.right - union.left), int(union.bottom - union.top)
    return Layout(size, bg_size, fg_size, shift, None if matrix is None else shift @ matrix)


def union_rectangle(
    transforms: Sequence[Transform | None], bg_size: Size, fg_size: Size, step: tuple[int, int]
) -> Rectangle:
    """Return the bounding rectangle of bg and all positions of fg in bg coordinates, in multiples of `step`.

    Raises:
        ArgumentError: A side exceeds `_LARGEST` pixels.
    """
    low, high = np.zeros(2), np.array(bg_size, np.float64)
    for transform in {id(t): t for t in transforms if t is not None}.values():
        corners = _corners(_snapped(transform.array, fg_size), fg_size)
        low, high = np.minimum(low, corners.min(axis=0)), np.maximum(high, corners.max(axis=0))
    steps = np.array(step)
    low, high = np.floor((low + _HAIR) / steps) * steps, np.ceil((high - _HAIR) / steps) * steps
    width, height = (int(side) for side in high - low)
    if max(width, height) > _LARGEST:
        raise ArgumentError("overlay", "canvas", f"'union' must stay within {_LARGEST} pixels", f"{width}x{height}")
    return Rectangle(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def rectangle_of(matrix: Float64Array, size: Size) -> Rectangle | None:
    """Return the rectangle of an upright image; None if it is rotated, mirrored or in perspective."""
    corners = _corners(matrix, size)
    left, top = (corners[0] + corners[3]) / 2, (corners[0] + corners[1]) / 2
    right, bottom = (corners[1] + corners[2]) / 2, (corners[3] + corners[2]) / 2
    found = Rectangle(float(left[0]), float(top[1]), float(right[0]), float(bottom[1]))
    if found.left >= found.right or found.top >= found.bottom:
        return None
    straight = np.array(
        [(found.left, found.top), (found.right, found.top), (found.right, found.bottom), (found.left, found.bottom)]
    )
    if np.abs(corners - straight).max() > _UPRIGHT:
        return None
    return Rectangle(*(_whole_if_near(edge) for edge in (found.left, found.top, found.right, found.bottom)))


def edge_lines(matrix: Float64Array, size: Size) -> Float32Array:
    """Return the edges of an image on the canvas as oriented lines.

    Returns:
        Shape (4, 3), left, top, right, bottom: (a, b, c) with a² + b² = 1; ax + by + c is the signed distance in pixels
        of the canvas pixel (x, y) from the edge, positive inside.
    """
    upright = rectangle_of(matrix, size)
    corners = _corners(matrix, size) - 0.5
    if upright is not None:
        left, top, right, bottom = (edge - 0.5 for edge in (upright.left, upright.top, upright.right, upright.bottom))
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    inside = corners.mean(axis=0)
    lines = np.empty((4, 3))
    for k, (i, j) in enumerate(((0, 3), (0, 1), (1, 2), (3, 2))):
        along = corners[j] - corners[i]
        normal = np.array([-along[1], along[0]]) / math.hypot(*along)
        offset = -float((normal * corners[i]).sum())
        if (normal * inside).sum() + offset < 0:
            normal, offset = -normal, -offset
        lines[k] = *normal, offset
    return np.asarray(lines, np.float32)


def map_points(matrix: Float64Array, points: Sequence[tuple[float, float]]) -> Float64Array:
    """Map points by a homography, shape (n, 2)."""
    out = np.array([[row[0] * x + row[1] * y + row[2] for row in matrix] for x, y in points])
    return np.asarray(out[:, :2] / out[:, 2:], np.float64)


def _corners(matrix: Float64Array, size: Size) -> Float64Array:
    """Return the outer corners of an image on the canvas in edge coordinates, clockwise from the top left, (4, 2)."""
    right, bottom = size[0] - 0.5, size[1] - 0.5
    return map_points(matrix, [(-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom)]) + 0.5


def _snapped(matrix: Float64Array, size: Size) -> Float64Array:
    """Return the matrix of an upright image with snapped edges; other matrices unchanged."""
    found = rectangle_of(matrix, size)
    if found is None:
        return matrix
    across, down = (found.right - found.left) / size[0], (found.bottom - found.top) / size[1]
    x, y = found.left + (across - 1) / 2, found.top + (down - 1) / 2
    return np.array([[across, 0, x], [0, down, y], [0, 0, 1.0]])


def _whole_if_near(edge: float) -> float:
    return float(round(edge)) if abs(edge - round(edge)) < _HAIR else edge


def _span(low: float, high: float, side: int, step: int) -> tuple[int, int]:
    first = math.floor(max(0.0, low) / step) * step
    return first, min(side, math.ceil(min(float(side), high) / step) * step)


def _enters(start: Float64Array, stop: Float64Array, size: Size) -> bool:
    """Return whether a line segment, in edge coordinates, runs inside an image of a size (Liang-Barsky clipping)."""
    first, last = 0.0, 1.0
    for a, b, side in zip(start.tolist(), stop.tolist(), size, strict=True):
        low, high = _TOUCHES, side - _TOUCHES
        if a == b:
            if not low < a < high:
                return False
            continue
        enters, leaves = sorted(((low - a) / (b - a), (high - a) / (b - a)))
        first, last = max(first, enters), min(last, leaves)
    return first < last
