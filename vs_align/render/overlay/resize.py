"""Upright images on the canvas by VapourSynth's filters: resize, padding, background, masked merge."""

import vapoursynth as vs

from vs_align.enums import Background
from vs_align.placement.transform import Size
from vs_align.render.overlay.color_tags import ColorTags
from vs_align.render.overlay.coverage import Coverage, coverage_clip
from vs_align.render.overlay.layout import Layout, Rectangle

Box = tuple[int, int, int, int]

_BLUR_SHRINKS = 8
"""Factor by which the blurred background is downscaled before the blur: faster, and not visible."""
_BLUR_RADIUS = 3
"""Radius of the box blur in downscaled pixels."""
_BLUR_PASSES = 3
"""Passes of the box blur: three approximate a Gaussian."""


def subsampling_steps(form: vs.VideoFormat) -> tuple[int, int]:
    """Return the horizontal and vertical subsampling factors of a format, of which sizes are multiples."""
    return 1 << form.subsampling_w, 1 << form.subsampling_h


def resize_into(
    clip: vs.VideoNode, source: ColorTags, rectangle: Rectangle, box: Box, wanted: ColorTags, form: vs.VideoFormat
) -> vs.VideoNode:
    """Resample an image into a box of the canvas.

    One call of zimg (Spline36) crops, resamples and converts color space, depth and chroma siting. Planes whose window
    consists of whole samples are copied. The kernel is widened on downscaling. Beyond the image it is mirrored.

    Args:
        clip: The image.
        source: Color tags of the image.
        rectangle: Position of the image on the canvas.
        box: The box of the canvas: left, top, right, bottom in pixels.
        wanted: Color tags of the canvas.
        form: Format of the canvas.
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


def pad_to_canvas(tile: vs.VideoNode, box: Box, size: Size, color: list[float] | None = None) -> vs.VideoNode:
    """Pad a box of the canvas to the whole canvas."""
    left, top, right, bottom = box
    if (left, top, right, bottom) == (0, 0, *size):
        return tile
    options = {} if color is None else {"color": color}
    return tile.std.AddBorders(left, size[0] - right, top, size[1] - bottom, **options)


def canvas_background(
    bg: vs.VideoNode, colors: ColorTags, layout: Layout, background: Background, form: vs.VideoFormat
) -> vs.VideoNode:
    """Return the canvas with bg, and the background outside of bg.

    Args:
        bg: 8 to 16 bit integers or 32 bit float.
        colors: Color tags of bg and of the result.
        layout: Layout with an upright bg.
        background: Content outside of bg.
        form: Format of bg and of the result.

    Raises:
        ValueError: Bg is rotated: that needs the warp path.
    """
    rectangle, size = layout.bg_rectangle, layout.size
    if rectangle is None:
        raise ValueError("rotated images need the warp path")
    if rectangle == Rectangle(0, 0, *size) and size == (bg.width, bg.height):
        return bg
    box = rectangle.tile(size, subsampling_steps(form))
    if box is None:
        return fill_canvas(bg, colors, size, background, form)
    tile = resize_into(bg, colors, rectangle, box, colors, form)
    if rectangle.covers(size):
        return tile
    if background is Background.KEEP:
        return _replicate_border(tile, box, size)
    whole = pad_to_canvas(tile, box, size, black_levels(form, colors))
    if background is Background.BLACK and rectangle == Rectangle(*box):
        return whole
    mask = coverage_clip(Coverage.of_bg(layout), size, form, colors.location, bg.num_frames)
    return blend_by_mask(fill_canvas(bg, colors, size, background, form), whole, mask)


def blend_by_mask(below: vs.VideoNode, above: vs.VideoNode, share: vs.VideoNode) -> vs.VideoNode:
    """Blend two clips by a mask; where it is 0 or white the samples are copied exactly."""
    if below.format.sample_type == vs.INTEGER:
        return below.std.MaskedMerge(above, share)
    # std.MaskedMerge rounds floats where the mask is 0 or 1
    return vs.core.std.Expr([below, above, share], "z 1 >= y z 0 <= x y x - z * x + ? ?")


def fill_canvas(
    bg: vs.VideoNode, colors: ColorTags, size: Size, background: Background, form: vs.VideoFormat
) -> vs.VideoNode:
    """Return a canvas without images: black, or bg scaled to cover the canvas and blurred.

    "keep" gives black too, because without bg on the canvas there is no border to repeat.
    """
    if background is not Background.BLUR:
        return vs.core.std.BlankClip(
            bg, width=size[0], height=size[1], color=black_levels(form, colors), format=form.id, keep=True
        )
    factor = max(size[0] / bg.width, size[1] / bg.height)
    seen = size[0] / factor, size[1] / factor
    step_x, step_y = subsampling_steps(form)
    small = [
        max(4 * step, round(side / _BLUR_SHRINKS / step) * step)
        for side, step in zip(size, (step_x, step_y), strict=True)
    ]
    clip = colors.marked(bg).resize.Bilinear(
        *small,
        src_left=(bg.width - seen[0]) / 2,
        src_top=(bg.height - seen[1]) / 2,
        src_width=seen[0],
        src_height=seen[1],
        format=form.id,
    )
    clip = clip.std.BoxBlur(hradius=_BLUR_RADIUS, hpasses=_BLUR_PASSES, vradius=_BLUR_RADIUS, vpasses=_BLUR_PASSES)
    return clip.resize.Bicubic(*size)


def black_levels(form: vs.VideoFormat, colors: ColorTags) -> list[float]:
    """Return the sample values of black in a format, one per plane."""
    if form.sample_type == vs.FLOAT:
        return [0.0] * form.num_planes
    scale = 1 << (form.bits_per_sample - 8)
    if form.color_family == vs.RGB:
        return [0.0 if colors.full else 16.0 * scale] * 3
    luma = 0.0 if colors.full else 16.0 * scale
    return [luma, 128.0 * scale, 128.0 * scale][: form.num_planes]


def _replicate_border(tile: vs.VideoNode, box: Box, size: Size) -> vs.VideoNode:
    """Extend a box of the canvas to the whole canvas by repeating its border samples."""
    left, top, right, bottom = box
    row = [_replicated_edge(tile, 0, left, True), tile, _replicated_edge(tile, tile.width, size[0] - right, True)]
    wide = vs.core.std.StackHorizontal([part for part in row if part is not None])
    column = [_replicated_edge(wide, 0, top, False), wide, _replicated_edge(wide, wide.height, size[1] - bottom, False)]
    return vs.core.std.StackVertical([part for part in column if part is not None])


def _replicated_edge(clip: vs.VideoNode, edge: int, width: int, is_column: bool) -> vs.VideoNode | None:
    """Return the border column or row of a clip, repeated `width` pixels wide; None for width 0."""
    if not width:
        return None
    planes = [clip.std.ShufflePlanes(i, vs.GRAY) for i in range(clip.format.num_planes)]
    parts = []
    for plane in planes:
        # zimg rejects gray with color tags of RGB or subsampled YUV
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
