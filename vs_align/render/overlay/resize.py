"""Upright pictures on a canvas, by VapourSynth's own filters."""

import vapoursynth as vs

from vs_align.enums import Background
from vs_align.placement.transform import Size
from vs_align.render.overlay.color_tags import Colours
from vs_align.render.overlay.coverage import Coverage, coverage_clip
from vs_align.render.overlay.layout import Layout, Rectangle

Box = tuple[int, int, int, int]

# The blurred backdrop is made at a fraction of the canvas's size, which nobody can tell.
_BLUR_SHRINKS = 8
_BLUR_RADIUS, _BLUR_PASSES = 3, 3


def steps_of(form: vs.VideoFormat) -> tuple[int, int]:
    """Return of how many pixels the sizes of a format are multiples."""
    return 1 << form.subsampling_w, 1 << form.subsampling_h


def placed(
    clip: vs.VideoNode, source: Colours, rectangle: Rectangle, box: Box, wanted: Colours, form: vs.VideoFormat
) -> vs.VideoNode:
    """Return a part of a canvas on which a picture lies.

    One step of zimg does everything: it takes the window of the picture that the part of the canvas shows, in the
    colours, the depth and the chroma grid of the canvas. Planes for which the window is made of whole samples are
    copied. It widens its kernel where the picture shrinks. What lies beyond the picture is mirrored.

    Args:
        clip: The picture.
        source: Its colours.
        rectangle: Where it lies on the canvas.
        box: The part of the canvas.
        wanted: Colours of the canvas.
        form: Its format.
    """
    left, top, right, bottom = box
    across = clip.width / (rectangle.right - rectangle.left)
    down = clip.height / (rectangle.bottom - rectangle.top)
    source = source.meant(clip.format, wanted)
    return source.marked(clip).resize.Spline36(
        right - left,
        bottom - top,
        src_left=(left - rectangle.left) * across,
        src_top=(top - rectangle.top) * down,
        src_width=(right - left) * across,
        src_height=(bottom - top) * down,
        **source.toward(clip.format, wanted, form),
    )


def bordered(tile: vs.VideoNode, box: Box, size: Size, colour: list[float] | None = None) -> vs.VideoNode:
    """Return a part of a canvas with the rest of the canvas around it."""
    left, top, right, bottom = box
    if (left, top, right, bottom) == (0, 0, *size):
        return tile
    options = {} if colour is None else {"color": colour}
    return tile.std.AddBorders(left, size[0] - right, top, size[1] - bottom, **options)


def backdrop(
    bg: vs.VideoNode, colours: Colours, layout: Layout, background: Background, form: vs.VideoFormat
) -> vs.VideoNode:
    """Return bg on the canvas, and what is seen where it does not reach.

    Args:
        bg: 8 to 16 bit integers or single floats.
        colours: Its colours, which are those of the result.
        layout: Where it lies, upright.
        background: What is seen beside it.
        form: Format of bg and of the result.
    """
    rectangle, size = layout.bg_rectangle, layout.size
    if rectangle is None:
        raise ValueError("a turned picture is no matter of resizers")
    if rectangle == Rectangle(0, 0, *size) and size == (bg.width, bg.height):
        return bg
    box = rectangle.tile(size, steps_of(form))
    if box is None:
        return beside(bg, colours, size, background, form)
    tile = placed(bg, colours, rectangle, box, colours, form)
    if rectangle.covers(size):
        return tile
    if background is Background.KEEP:
        return _continued(tile, box, size)
    whole = bordered(tile, box, size, black(form, colours))
    if background is Background.BLACK and rectangle == Rectangle(*box):
        return whole
    mask = coverage_clip(Coverage.of_bg(layout), size, form, colours.location, bg.num_frames)
    return merged(beside(bg, colours, size, background, form), whole, mask)


def merged(below: vs.VideoNode, above: vs.VideoNode, share: vs.VideoNode) -> vs.VideoNode:
    """Return a picture laid on another by the share of each sample that it takes; shares of 0 and of all are exact."""
    if below.format.sample_type == vs.INTEGER:
        return below.std.MaskedMerge(above, share)
    # that one rounds floats where it need not
    return vs.core.std.Expr([below, above, share], "z 1 >= y z 0 <= x y x - z * x + ? ?")


def beside(
    bg: vs.VideoNode, colours: Colours, size: Size, background: Background, form: vs.VideoFormat
) -> vs.VideoNode:
    """Return what is seen on a canvas where no picture is: black, or bg enlarged to cover it and blurred.

    "keep" without any bg on the canvas is black too: there is no edge to go on.
    """
    if background is not Background.BLUR:
        return vs.core.std.BlankClip(
            bg, width=size[0], height=size[1], color=black(form, colours), format=form.id, keep=True
        )
    factor = max(size[0] / bg.width, size[1] / bg.height)
    seen = size[0] / factor, size[1] / factor
    step_x, step_y = steps_of(form)
    small = [
        max(4 * step, round(side / _BLUR_SHRINKS / step) * step)
        for side, step in zip(size, (step_x, step_y), strict=True)
    ]
    clip = colours.marked(bg).resize.Bilinear(
        *small,
        src_left=(bg.width - seen[0]) / 2,
        src_top=(bg.height - seen[1]) / 2,
        src_width=seen[0],
        src_height=seen[1],
        format=form.id,
    )
    clip = clip.std.BoxBlur(hradius=_BLUR_RADIUS, hpasses=_BLUR_PASSES, vradius=_BLUR_RADIUS, vpasses=_BLUR_PASSES)
    return clip.resize.Bicubic(*size)


def black(form: vs.VideoFormat, colours: Colours) -> list[float]:
    """Return black of a format."""
    if form.sample_type == vs.FLOAT:
        return [0.0] * form.num_planes
    scale = 1 << (form.bits_per_sample - 8)
    if form.color_family == vs.RGB:
        return [0.0 if colours.full else 16.0 * scale] * 3
    luma = 0.0 if colours.full else 16.0 * scale
    return [luma, 128.0 * scale, 128.0 * scale][: form.num_planes]


def _continued(tile: vs.VideoNode, box: Box, size: Size) -> vs.VideoNode:
    """Return a part of a canvas, its outermost samples repeated over the rest of the canvas."""
    left, top, right, bottom = box
    row = [_stripe(tile, 0, left, True), tile, _stripe(tile, tile.width, size[0] - right, True)]
    wide = vs.core.std.StackHorizontal([part for part in row if part is not None])
    column = [_stripe(wide, 0, top, False), wide, _stripe(wide, wide.height, size[1] - bottom, False)]
    return vs.core.std.StackVertical([part for part in column if part is not None])


def _stripe(clip: vs.VideoNode, edge: int, width: int, is_column: bool) -> vs.VideoNode | None:
    """Return an edge of a clip, repeated so many pixels wide; None for no width."""
    if not width:
        return None
    planes = [clip.std.ShufflePlanes(i, vs.GRAY) for i in range(clip.format.num_planes)]
    parts = []
    for plane in planes:
        # props that say how YUV or RGB is meant are of no matter to one plane alone
        plain = plane.std.RemoveFrameProps(["_Matrix", "_FieldBased", "_ChromaLocation"])
        if is_column:
            step = clip.width // plane.width
            at = plane.width - 1 if edge else 0
            line = plain.std.CropAbs(1, plane.height, at, 0)
            parts.append(line.resize.Point(width // step, plane.height))
        else:
            step = clip.height // plane.height
            at = plane.height - 1 if edge else 0
            line = plain.std.CropAbs(plane.width, 1, 0, at)
            parts.append(line.resize.Point(plane.width, width // step))
    if len(parts) == 1:
        return parts[0]
    return vs.core.std.ShufflePlanes(parts, [0, 0, 0], clip.format.color_family)
