"""Which share of each sample of a canvas a picture takes: edges between pixels, chroma, feather."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.nodes.clips import tiny_clip
from vs_align.placement.transform import Size
from vs_align.render.overlay.layout import Layout, edges_of

Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a plane, in samples."""

# Of the six places of chroma samples: whether it is half way between two columns, and between which rows.
_CENTRED_ACROSS = (False, True, False, True, False, True)
_DOWN = (0.5, 0.5, 0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the samples of a plane lie, in pixels: x = step_x * column + x, likewise y."""

    step_x: int = 1
    x: float = 0.0
    step_y: int = 1
    y: float = 0.0

    @property
    def numbers(self) -> Float64Array:
        """The four numbers as kernels want them."""
        return np.array((self.step_x, self.x, self.step_y, self.y), np.float64)

    @property
    def matrix(self) -> Float64Array:
        """From samples to pixels."""
        return np.array([[self.step_x, 0, self.x], [0, self.step_y, self.y], [0, 0, 1.0]])

    def pixels(self) -> list["Grid"]:
        """Return the grids of the pixels that share a sample."""
        return [Grid(self.step_x, x, self.step_y, y) for x in range(self.step_x) for y in range(self.step_y)]


def grids_of(form: vs.VideoFormat, location: int) -> list[Grid]:
    """Return where the samples of each plane of a format lie.

    Args:
        form: The format.
        location: Where chroma samples lie, see `Colours.location`.
    """
    step_x, step_y = 1 << form.subsampling_w, 1 << form.subsampling_h
    x = (step_x - 1) / 2 if _CENTRED_ACROSS[location] else 0.0
    chroma = Grid(step_x, x, step_y, _DOWN[location] * (step_y - 1))
    return [Grid(), chroma, chroma][: form.num_planes]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a canvas a picture takes."""

    edges: Float32Array
    bg_edges: Float32Array
    feathered: BoolArray
    margin: float
    opacity: float

    @classmethod
    def of_fg(cls, layout: Layout, margin: float, opacity: float) -> "Coverage":
        """Return what fg takes; its feather is so many pixels of bg wide, 0 for none."""
        if layout.fg is None:
            raise ValueError("a frame without fg has no coverage of it")
        # canvas pixels per bg pixel: the feather is as wide on any canvas
        scale = float(np.sqrt(abs(np.linalg.det(layout.bg[:2, :2])))) if margin else 1.0
        return cls(
            edges_of(layout.fg, layout.fg_size),
            edges_of(layout.bg, layout.bg_size),
            np.array(layout.feathered()),
            margin * scale,
            opacity,
        )

    @classmethod
    def of_bg(cls, layout: Layout) -> "Coverage":
        """Return what bg takes."""
        edges = edges_of(layout.bg, layout.bg_size)
        return cls(edges, edges, np.zeros(4, np.bool_), 0.0, 1.0)

    def share(self, box: Box, grid: Grid) -> Float32Array:
        """Return the share of each sample in a part of a plane, 0..1, shape (bottom - top, right - left)."""
        from vs_align.render.overlay.kernels import fill_coverage

        left, top, right, bottom = box
        out = np.empty((bottom - top, right - left), np.float32)
        first = np.array((left, top), np.int64)
        fill_coverage(
            out, first, grid.numbers, self.edges, self.bg_edges, self.feathered, self.margin, np.float32(self.opacity)
        )
        return out


def coverage_clip(coverage: Coverage, size: Size, form: vs.VideoFormat, location: int, length: int) -> vs.VideoNode:
    """Return a coverage as a clip for `std.MaskedMerge`, all of whose frames are one.

    Args:
        coverage: What it shows.
        size: Of the canvas.
        form: Format of what is merged: 8 to 16 bit integers, or single floats.
        location: Where its chroma samples lie.
        length: Of the result, in frames.
    """
    grids = grids_of(form, location)
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
