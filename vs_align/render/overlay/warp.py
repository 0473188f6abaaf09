"""Pictures that are turned, in perspective, or move: laid on a canvas frame by frame, by kernels of our own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import Float32Array, Float64Array, Int64Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.nodes.clips import tiny_clip
from vs_align.nodes.parallel import in_lanes, lane_count
from vs_align.placement.transform import Size
from vs_align.render.overlay.coverage import Box, Coverage, Grid
from vs_align.render.overlay.layout import Layout, edges_of

# A picture that shrinks by less is as sharp without the wider kernel, and hardly aliased.
_SHRINKS_FROM = 1.05
_FLOOR = np.float32(-np.inf), np.float32(np.inf), np.float32(0)


@dataclass(frozen=True, slots=True)
class WarpPlan:
    """How frames are laid out, apart from their pixels."""

    layouts: Sequence[Layout]
    which: Sequence[int]
    """For each frame the number of its layout."""
    grids: Sequence[Grid]
    """Of the planes of the result, of bg and of fg, all in one format."""
    peak: int | None
    """The largest value of an integer format."""
    margin: float
    opacity: float
    continued: bool
    """Whether the edges of bg go on over the whole canvas where bg is warped."""


def warped(
    canvas: vs.VideoNode,
    fg: vs.VideoNode,
    plan: WarpPlan,
    bg: vs.VideoNode | None,
    mask: vs.VideoNode | None,
    bg_mask: vs.VideoNode | None,
) -> vs.VideoNode:
    """Return the canvas with fg laid on it.

    Args:
        canvas: What fg is laid on: 8 to 16 bit integers or single floats.
        fg: In the same format, at its own size or with something beyond its right and lower edge.
        plan: Where it lies.
        bg: In the same format, to be laid on the canvas before fg; None where the canvas shows it.
        mask: Grey, of fg's size and of the depth of the canvas.
        bg_mask: Likewise of bg's size.
    """
    nothing = tiny_clip(canvas.num_frames)
    present = bg is not None, mask is not None, bg_mask is not None
    return in_lanes(
        [canvas, fg, bg or nothing, mask or nothing, bg_mask or nothing], _Warp(plan, *present).one, lane_count()
    )


@dataclass(frozen=True, slots=True)
class _Warp:
    """The callback. It holds no node."""

    plan: WarpPlan
    has_bg: bool
    has_mask: bool
    has_bg_mask: bool
    memory: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def one(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Lay out frame n; `f` holds what `warped` lists."""
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

    def _lay_bg(self, target: Any, source: Any, layout: Layout, grid: Grid) -> None:
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

    def _lay(self, target: Any, source: Any, matrix: Float64Array, box: Box, grid: Grid, share: Float32Array) -> None:
        """Sample a plane of a picture where a part of a plane of the canvas is, and lay it there."""
        from vs_align.render.overlay.kernels import lay

        to_source = np.linalg.inv(grid.matrix) @ np.linalg.inv(matrix) @ grid.matrix
        plane = np.ascontiguousarray(source, np.float32)
        upright = not (to_source[[0, 1, 2, 2], [1, 0, 0, 1]].any() or (to_source[[0, 1], [0, 1]] <= 0).any())
        sampled = _sampled_upright(plane, to_source, box) if upright else _sampled(plane, to_source, box)
        left, top, right, bottom = box
        lay(target[top:bottom, left:right], sampled, share, self.plan.peak or 0)

    def _mask(
        self, share: Float32Array, masks: tuple[Float32Array | None, ...], layout: Layout, box: Box, grid: Grid
    ) -> None:
        """Take away from a share what masks of fg and of bg do not let through."""
        from vs_align.measure.images.field import looked_up

        for picture, matrix, size, is_bg in (
            (masks[0], layout.fg, layout.fg_size, False),
            (masks[1], layout.bg, layout.bg_size, True),
        ):
            if picture is None or matrix is None:
                continue
            to_mask = np.linalg.inv(matrix)
            white = np.zeros_like(share)
            for pixel in grid.pixels():
                places = _places(to_mask @ pixel.matrix, box)
                found = looked_up(picture, places)
                if is_bg:
                    # beside bg there is nothing to protect
                    found[((places < -0.5) | (places > np.subtract(size, 0.5))).any(axis=2)] = 1
                white += found
            white /= grid.step_x * grid.step_y
            share *= white

    def _share_of(self, mask: vs.VideoFrame) -> Float32Array:
        picture = np.asarray(mask[0]).astype(np.float32)
        return np.asarray(np.clip(picture / np.float32(self.plan.peak or 1), 0, 1), np.float32)


def _sampled(plane: Float32Array, matrix: Float64Array, box: Box) -> Float32Array:
    """Sample a plane at the places of a part of another one, to which a matrix takes it."""
    from vs_align.measure.images.sampling import lanczos_table
    from vs_align.measure.images.warp import shrinkage
    from vs_align.measure.images.warp_kernels import sample_sharp, sample_wide

    places = _places(matrix, box)
    shrink = shrinkage(places)
    out = np.empty(places.shape[:2], np.float32)
    if max(shrink) < _SHRINKS_FROM:
        sample_sharp(plane, places, lanczos_table(1.0), out)
    else:
        sample_wide(plane, places, (lanczos_table(shrink[0]), lanczos_table(shrink[1])), *_FLOOR, out)
    return out


def _sampled_upright(plane: Float32Array, matrix: Float64Array, box: Box) -> Float32Array:
    """Sample likewise where columns stay columns and rows stay rows: along one and then the other."""
    from vs_align.render.overlay.kernels import sample_upright

    left, top, right, bottom = box
    out = np.empty((bottom - top, right - left), np.float32)
    across = _weights(matrix[0, 0] * np.arange(left, right) + matrix[0, 2], matrix[0, 0], plane.shape[1])
    down = _weights(matrix[1, 1] * np.arange(top, bottom) + matrix[1, 2], matrix[1, 1], plane.shape[0])
    sample_upright(plane, *across, *down, out)
    return out


def _weights(places: Float64Array, step: float, side: int) -> tuple[Int64Array, Float32Array]:
    """Return the first sample that counts for each place, and the weights from there on."""
    from vs_align.measure.images.sampling import lanczos_table

    table = lanczos_table(max(1.0, round(16 * step) / 16) if step > _SHRINKS_FROM else 1.0)
    inside = np.clip(places, 0, side - 1)
    first = np.floor(inside).astype(np.int64)
    phases = np.rint((inside - first) * (len(table) - 1)).astype(np.int64)
    return first - (table.shape[1] // 2 - 1), np.ascontiguousarray(table[phases])


def _places(matrix: Float64Array, box: Box) -> Float32Array:
    from vs_align.render.overlay.kernels import fill_places

    left, top, right, bottom = box
    out = np.empty((bottom - top, right - left, 2), np.float32)
    fill_places(out, np.array((left, top), np.int64), np.ascontiguousarray(matrix, np.float64))
    return out


def _box_of(matrix: Float64Array, size: Size, grid: Grid, shape: tuple[int, ...]) -> Box | None:
    """Return the part of a plane of the canvas that a picture touches, None for no part."""
    lines = edges_of(matrix, size).astype(np.float64)
    corners = np.array([_crossing(lines[i], lines[j]) for i, j in ((0, 1), (1, 2), (2, 3), (3, 0))])
    low = np.floor((corners.min(axis=0) - (grid.x, grid.y)) / (grid.step_x, grid.step_y)).astype(int) - 1
    high = np.ceil((corners.max(axis=0) - (grid.x, grid.y)) / (grid.step_x, grid.step_y)).astype(int) + 2
    left, top = (max(0, int(edge)) for edge in low)
    right, bottom = min(shape[1], int(high[0])), min(shape[0], int(high[1]))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _crossing(first: Float64Array, second: Float64Array) -> tuple[float, float]:
    x, y, w = np.cross(first, second)
    return float(x / w), float(y / w)
