"""Clips whose every sample is known, in any format."""

from collections.abc import Callable

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import AnyArray
from vs_align.placement.transform import Size, Transform
from vs_align.render.overlay.coverage import sample_grids

Function = Callable[[AnyArray, AnyArray], AnyArray]


def painted(
    form: int, size: Size, planes: list[AnyArray] | Callable[[int], list[AnyArray]], length: int = 1, **props: int
) -> vs.VideoNode:
    """Return a clip that shows planes, as they are; of each frame if a function is given."""
    blank = vs.core.std.BlankClip(width=size[0], height=size[1], format=form, length=length, keep=True)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for i, plane in enumerate(planes(n) if callable(planes) else planes):
            np.asarray(frame[i])[:] = plane
        return frame

    made = blank.std.ModifyFrame(blank, paint).std.RemoveFrameProps(["_Range", "_Matrix", "_ChromaLocation"])
    return made.std.SetFrameProps(**props) if props else made


def shapes_of(form: int, size: Size) -> list[tuple[int, int]]:
    """Return the shapes of the planes of a format."""
    found = vs.core.get_video_format(form)
    chroma = size[1] >> found.subsampling_h, size[0] >> found.subsampling_w
    return [(size[1], size[0]), chroma, chroma][: found.num_planes]


def noise_of(form: int, size: Size, seed: int = 0) -> list[AnyArray]:
    """Return planes of random samples over the whole range of a format."""
    found, rng = vs.core.get_video_format(form), np.random.default_rng(seed)
    if found.sample_type == vs.FLOAT:
        kind = np.float16 if found.bits_per_sample == 16 else np.float32
        return [rng.random(shape).astype(kind) for shape in shapes_of(form, size)]
    return [rng.integers(0, 1 << found.bits_per_sample, shape) for shape in shapes_of(form, size)]


def noisy(form: int, size: Size, seed: int = 0, length: int = 1, **props: int) -> vs.VideoNode:
    """Return a clip of random samples, all frames the same."""
    return painted(form, size, noise_of(form, size, seed), length, **props)


def sampled(form: int, size: Size, function: Function, location: int = 0, scale: float = 1) -> list[AnyArray]:
    """Return planes that show a function of positions in pixels, chroma where its samples lie, times a scale."""
    out = []
    for shape, grid in zip(shapes_of(form, size), sample_grids(vs.core.get_video_format(form), location), strict=True):
        xs = grid.step_x * np.arange(shape[1])[None, :] + grid.x
        ys = grid.step_y * np.arange(shape[0])[:, None] + grid.y
        out.append(function(xs + 0 * ys, ys + 0 * xs) * scale)
    return out


def planes_of(clip: vs.VideoNode, n: int = 0) -> list[AnyArray]:
    """Return the planes of a frame."""
    frame = next(iter(clip[n].frames(close=False)))
    planes = [np.array(frame[i]) for i in range(frame.format.num_planes)]
    frame.close()
    return planes


def upright(bg: Size, fg: Size, x: float, y: float, scale: float = 1, scale_y: float | None = None) -> Transform:
    """Return the transform of an fg whose top left corner lies at (x, y) in bg, edge to edge."""
    down = scale if scale_y is None else scale_y
    rows = ((scale, 0, x + (scale - 1) / 2), (0, down, y + (down - 1) / 2), (0, 0, 1))
    return Transform(rows, bg, fg)


def turned(bg: Size, fg: Size, x: float, y: float, degrees: float, scale: float = 1) -> Transform:
    """Return the transform of an fg whose middle lies at (x, y) in bg, edge to edge, turned clockwise."""
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    middle = (fg[0] - 1) / 2, (fg[1] - 1) / 2
    shift = x - 0.5 - cos * middle[0] + sin * middle[1], y - 0.5 - sin * middle[0] - cos * middle[1]
    return Transform(((cos, -sin, shift[0]), (sin, cos, shift[1]), (0, 0, 1)), bg, fg)


def wave(x: AnyArray, y: AnyArray) -> AnyArray:
    """A smooth image, 0.1 to 0.9."""
    return 0.5 + 0.2 * np.sin(x / 5.3 + y / 17) + 0.2 * np.cos(y / 6.1 - x / 23)
