"""Coverage: the share of each sample of the canvas that fg covers, with antialiased edges, chroma siting, feather."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.nodes.clips import tiny_clip
from vs_align.placement.transform import Size
from vs_align.render.overlay.layout import Layout, edge_lines

Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a plane, in samples."""

_CENTERED_ACROSS = (False, True, False, True, False, True)
"""For each chroma location code, whether samples lie halfway between two columns."""
_DOWN = (0.5, 0.5, 0.0, 0.0, 1.0, 1.0)
"""For each chroma location code, where samples lie between the first (0) and the last (1) of their luma rows."""


@dataclass(frozen=True, slots=True)
class SampleGrid:
    """Positions of the samples of a plane in pixels: step_x * column + x, and step_y * row + y."""

    step_x: int = 1
    x: float = 0.0
    step_y: int = 1
    y: float = 0.0

    @property
    def numbers(self) -> Float64Array:
        """The four numbers as array (4,), for kernels."""
        return np.array((self.step_x, self.x, self.step_y, self.y), np.float64)

    @property
    def matrix(self) -> Float64Array:
        """Matrix (3, 3) from sample indices to pixels."""
        return np.array([[self.step_x, 0, self.x], [0, self.step_y, self.y], [0, 0, 1.0]])

    def pixels(self) -> list["SampleGrid"]:
        """Return the grids of the luma pixels that share a chroma sample."""
        return [SampleGrid(self.step_x, x, self.step_y, y) for x in range(self.step_x) for y in range(self.step_y)]


def sample_grids(form: vs.VideoFormat, location: int) -> list[SampleGrid]:
    """Return the sample grid of each plane of a format.

    Args:
        form: The format.
        location: Location of chroma samples, see `ColorTags.location`.
    """
    step_x, step_y = 1 << form.subsampling_w, 1 << form.subsampling_h
    x = (step_x - 1) / 2 if _CENTERED_ACROSS[location] else 0.0
    chroma = SampleGrid(step_x, x, step_y, _DOWN[location] * (step_y - 1))
    return [SampleGrid(), chroma, chroma][: form.num_planes]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Geometry of the coverage of an image on the canvas.

    Args:
        edges: Edge lines of the image, see `edge_lines`.
        bg_edges: Edge lines of bg.
        feathered: Which edges are feathered (left, top, right, bottom), shape (4,).
        margin: Width of the feather in canvas pixels.
        opacity: Factor of the coverage, 0..1.
    """

    edges: Float32Array
    bg_edges: Float32Array
    feathered: BoolArray
    margin: float
    opacity: float

    @classmethod
    def of_fg(cls, layout: Layout, margin: float, opacity: float) -> "Coverage":
        """Return the coverage of fg, with a feather of `margin` bg pixels, 0 for none."""
        if layout.fg is None:
            raise ValueError("a frame without fg has no coverage of it")
        # canvas pixels per bg pixel: the feather is as wide on any canvas
        scale = float(np.sqrt(abs(np.linalg.det(layout.bg[:2, :2])))) if margin else 1.0
        return cls(
            edge_lines(layout.fg, layout.fg_size),
            edge_lines(layout.bg, layout.bg_size),
            np.array(layout.feathered()),
            margin * scale,
            opacity,
        )

    @classmethod
    def of_bg(cls, layout: Layout) -> "Coverage":
        """Return the coverage of bg."""
        edges = edge_lines(layout.bg, layout.bg_size)
        return cls(edges, edges, np.zeros(4, np.bool_), 0.0, 1.0)

    def share(self, box: Box, grid: SampleGrid) -> Float32Array:
        """Return the coverage of the samples of a part of a plane, 0..1, shape (bottom - top, right - left)."""
        from vs_align.render.overlay.kernels import fill_coverage

        left, top, right, bottom = box
        out = np.empty((bottom - top, right - left), np.float32)
        first = np.array((left, top), np.int64)
        fill_coverage(
            out, first, grid.numbers, self.edges, self.bg_edges, self.feathered, self.margin, np.float32(self.opacity)
        )
        return out


def coverage_clip(coverage: Coverage, size: Size, form: vs.VideoFormat, location: int, length: int) -> vs.VideoNode:
    """Return a coverage as a still mask clip for `std.MaskedMerge`.

    Args:
        coverage: The coverage.
        size: Width and height of the canvas.
        form: Format of the clips to merge: 8 to 16 bit integers, or 32 bit float.
        location: Location of chroma samples, see `ColorTags.location`.
        length: Number of frames of the result.
    """
    grids = sample_grids(form, location)
    peak = (1 << form.bits_per_sample) - 1 if form.sample_type == vs.INTEGER else None

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for i, grid in enumerate(grids):
            plane: Any = np.asarray(out[i])
            share = coverage.share((0, 0, plane.shape[1], plane.shape[0]), grid)
            plane[:] = share if peak is None else np.rint(share * peak)
        return out

    blank = vs.core.std.BlankClip(tiny_clip(1), width=size[0], height=size[1], format=form.id, keep=True)
    return blank.std.ModifyFrame(blank, paint).std.Loop(length)
