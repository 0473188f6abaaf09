"""Warp path of `overlay`: rotated, perspective or moving images, resampled by Lanczos kernels frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import Float32Array, Float64Array, Int64Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.nodes.clips import tiny_clip
from vs_align.nodes.parallel import run_parallel, worker_count
from vs_align.placement.transform import Size
from vs_align.render.overlay.coverage import Box, Coverage, SampleGrid
from vs_align.render.overlay.layout import Layout, edge_lines

_SHRINKS_FROM = 1.05
"""Downscaling factor up to which the kernel is not widened: aliasing is not visible yet, and the image stays sharp."""
_FLOOR = np.float32(-np.inf), np.float32(np.inf), np.float32(0)
"""Arguments `lowest`, `highest` and `rounding` of the kernel `sample_wide`: neither clamped nor rounded."""


@dataclass(frozen=True, slots=True)
class WarpSettings:
    """Layouts and blend parameters of all frames."""

    layouts: Sequence[Layout]
    which: Sequence[int]
    """For each frame the number of its layout."""
    grids: Sequence[SampleGrid]
    """Sample grid of each plane; canvas, bg and fg have one format."""
    peak: int | None
    """Largest value of an integer format, None for float."""
    margin: float
    opacity: float
    continued: bool
    """Whether the border samples of a warped bg are repeated over the whole canvas."""


def warp_onto_canvas(
    canvas: vs.VideoNode,
    fg: vs.VideoNode,
    plan: WarpSettings,
    bg: vs.VideoNode | None,
    mask: vs.VideoNode | None,
    bg_mask: vs.VideoNode | None,
) -> vs.VideoNode:
    """Return the canvas with fg, and with bg if given, composited on it.

    Args:
        canvas: The canvas: 8 to 16 bit integers or 32 bit float.
        fg: In the same format, at its own size, perhaps padded at its right and lower edge.
        plan: Layouts and blend parameters.
        bg: In the same format, composited before fg; None if the canvas shows it already.
        mask: Gray mask of fg's size and of the depth of the canvas, or None.
        bg_mask: Gray mask of bg's size and of the depth of the canvas, or None.
    """
    nothing = tiny_clip(canvas.num_frames)
    present = bg is not None, mask is not None, bg_mask is not None
    return run_parallel(
        [canvas, fg, bg or nothing, mask or nothing, bg_mask or nothing], _Warp(plan, *present).one, worker_count()
    )


@dataclass(frozen=True, slots=True)
class _Warp:
    """Callback of one frame. It holds no node."""

    plan: WarpSettings
    has_bg: bool
    has_mask: bool
    has_bg_mask: bool
    memory: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def one(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Render frame n; `f` holds a frame of canvas, fg, bg, mask and bg_mask."""
        self.memory.check()
        canvas, fg, bg, mask, bg_mask = f
        layout = self.plan.layouts[self.plan.which[n]]
        out = canvas.copy()
        if self.has_bg:
            for plane, grid in enumerate(self.plan.grids):
                self._lay_bg(np.asarray(out[plane]), np.asarray(bg[plane]), layout, grid)
        if layout.fg is None:
            return out
        coverage = Coverage.of_fg(layout, self.plan.margin, self.plan.opacity)
        masks = (
            self._share_of(mask) if self.has_mask else None,
            self._share_of(bg_mask) if self.has_bg_mask else None,
        )
        for plane, grid in enumerate(self.plan.grids):
            target = np.asarray(out[plane])
            box = _box_of(layout.fg, layout.fg_size, grid, target.shape)
            if box is None:
                continue
            share = coverage.share(box, grid)
            self._mask(share, masks, layout, box, grid)
            self._lay(target, np.asarray(fg[plane]), layout.fg, box, grid, share)
        return out

    def _lay_bg(self, target: Any, source: Any, layout: Layout, grid: SampleGrid) -> None:
        if self.plan.continued:
            box = 0, 0, target.shape[1], target.shape[0]
            share = np.ones(target.shape, np.float32)
        else:
            found = _box_of(layout.bg, layout.bg_size, grid, target.shape)
            if found is None:
                return
            box = found
            share = Coverage.of_bg(layout).share(box, grid)
        self._lay(target, source, layout.bg, box, grid, share)

    def _lay(
        self, target: Any, source: Any, matrix: Float64Array, box: Box, grid: SampleGrid, share: Float32Array
    ) -> None:
        """Resample a plane of an image into a box of a plane of the canvas, and blend it there."""
        from vs_align.render.overlay.kernels import lay

        to_source = np.linalg.inv(grid.matrix) @ np.linalg.inv(matrix) @ grid.matrix
        plane = np.ascontiguousarray(source, np.float32)
        upright = not (to_source[[0, 1, 2, 2], [1, 0, 0, 1]].any() or (to_source[[0, 1], [0, 1]] <= 0).any())
        sampled = _sampled_upright(plane, to_source, box) if upright else _sampled(plane, to_source, box)
        left, top, right, bottom = box
        lay(target[top:bottom, left:right], sampled, share, self.plan.peak or 0)

    def _mask(
        self, share: Float32Array, masks: tuple[Float32Array | None, ...], layout: Layout, box: Box, grid: SampleGrid
    ) -> None:
        """Multiply a coverage with the masks of fg and bg, in place."""
        from vs_align.measure.images.field import sample_bilinear

        for image, matrix, size, is_bg in (
            (masks[0], layout.fg, layout.fg_size, False),
            (masks[1], layout.bg, layout.bg_size, True),
        ):
            if image is None or matrix is None:
                continue
            to_mask = np.linalg.inv(matrix)
            white = np.zeros_like(share)
            for pixel in grid.pixels():
                places = _sample_points(to_mask @ pixel.matrix, box)
                found = sample_bilinear(image, places)
                if is_bg:
                    # outside of bg the mask counts as white
                    found[((places < -0.5) | (places > np.subtract(size, 0.5))).any(axis=2)] = 1
                white += found
            white /= grid.step_x * grid.step_y
            share *= white

    def _share_of(self, mask: vs.VideoFrame) -> Float32Array:
        image = np.asarray(mask[0]).astype(np.float32)
        return np.asarray(np.clip(image / np.float32(self.plan.peak or 1), 0, 1), np.float32)


def _sampled(plane: Float32Array, matrix: Float64Array, box: Box) -> Float32Array:
    """Resample a plane into a box; the matrix maps samples of the box to samples of the plane."""
    from vs_align.measure.images.warp import lanczos_table, shrinkage
    from vs_align.measure.images.warp_kernels import sample_sharp, sample_wide

    places = _sample_points(matrix, box)
    shrink = shrinkage(places)
    out = np.empty(places.shape[:2], np.float32)
    if max(shrink) < _SHRINKS_FROM:
        sample_sharp(plane, places, lanczos_table(1.0), out)
    else:
        sample_wide(plane, places, (lanczos_table(shrink[0]), lanczos_table(shrink[1])), *_FLOOR, out)
    return out


def _sampled_upright(plane: Float32Array, matrix: Float64Array, box: Box) -> Float32Array:
    """Resample by a matrix without rotation and perspective: separably, along rows and then along columns."""
    from vs_align.render.overlay.kernels import sample_upright

    left, top, right, bottom = box
    out = np.empty((bottom - top, right - left), np.float32)
    across = _weights(matrix[0, 0] * np.arange(left, right) + matrix[0, 2], matrix[0, 0], plane.shape[1])
    down = _weights(matrix[1, 1] * np.arange(top, bottom) + matrix[1, 2], matrix[1, 1], plane.shape[0])
    sample_upright(plane, *across, *down, out)
    return out


def _weights(places: Float64Array, step: float, side: int) -> tuple[Int64Array, Float32Array]:
    """Return for each position the index of its first tap, and the weights of all taps (Lanczos table)."""
    from vs_align.measure.images.warp import lanczos_table

    table = lanczos_table(max(1.0, round(16 * step) / 16) if step > _SHRINKS_FROM else 1.0)
    inside = np.clip(places, 0, side - 1)
    first = np.floor(inside).astype(np.int64)
    phases = np.rint((inside - first) * (len(table) - 1)).astype(np.int64)
    return first - (table.shape[1] // 2 - 1), np.ascontiguousarray(table[phases])


def _sample_points(matrix: Float64Array, box: Box) -> Float32Array:
    from vs_align.render.overlay.kernels import fill_sample_points

    left, top, right, bottom = box
    out = np.empty((bottom - top, right - left, 2), np.float32)
    fill_sample_points(out, np.array((left, top), np.int64), np.ascontiguousarray(matrix, np.float64))
    return out


def _box_of(matrix: Float64Array, size: Size, grid: SampleGrid, shape: tuple[int, ...]) -> Box | None:
    """Return the box of a plane of the canvas that an image touches, None if it touches nothing."""
    lines = edge_lines(matrix, size).astype(np.float64)
    corners = np.array([_crossing(lines[i], lines[j]) for i, j in ((0, 1), (1, 2), (2, 3), (3, 0))])
    low = np.floor((corners.min(axis=0) - (grid.x, grid.y)) / (grid.step_x, grid.step_y)).astype(int) - 1
    high = np.ceil((corners.max(axis=0) - (grid.x, grid.y)) / (grid.step_x, grid.step_y)).astype(int) + 2
    left, top = (max(0, int(edge)) for edge in low)
    right, bottom = min(shape[1], int(high[0])), min(shape[0], int(high[1]))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _crossing(first: Float64Array, second: Float64Array) -> tuple[float, float]:
    x, y, w = np.cross(first, second)
    return float(x / w), float(y / w)
