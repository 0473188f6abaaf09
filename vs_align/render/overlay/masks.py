"""Masks of fg and bg: conversion to gray, mapping onto the canvas, multiplication with the coverage."""

import vapoursynth as vs

from vs_align.nodes.resize import fit_length
from vs_align.render.overlay.color_tags import ColorTags
from vs_align.render.overlay.layout import Layout
from vs_align.render.overlay.resize import pad_to_canvas, resize_into, subsampling_steps

_PLAIN = ColorTags(1, True, 0, None, None)


def gray_mask(mask: vs.VideoNode | None, form: vs.VideoFormat, length: int) -> vs.VideoNode | None:
    """Return a mask as gray of the depth of a format, white being its largest value, with `length` frames.

    Sample values are used as they are, regardless of the range tag, as in `std.MaskedMerge`: gray values, the luma
    plane of YUV, and the BT.709 luma of RGB.
    """
    if mask is None:
        return None
    gray = vs.core.query_video_format(vs.GRAY, form.sample_type, form.bits_per_sample)
    if mask.format.color_family == vs.RGB:
        mask = mask.std.SetFrameProps(_Matrix=0, _Range=1, _FieldBased=0)
        mask = mask.resize.Point(format=gray.id, matrix=1, range=1)
    else:
        if mask.format.color_family == vs.YUV:
            mask = mask.std.ShufflePlanes(0, vs.GRAY)
        mask = _PLAIN.marked(mask).resize.Point(format=gray.id)
    return fit_length(mask, length)


def apply_masks(
    share: vs.VideoNode,
    mask: vs.VideoNode | None,
    bg_mask: vs.VideoNode | None,
    layout: Layout,
) -> vs.VideoNode:
    """Return a coverage multiplied with masks.

    Args:
        share: The coverage, in the format and size of the canvas.
        mask: Gray mask of fg's size; None for none.
        bg_mask: Gray mask of bg's size; outside of bg it counts as white.
        layout: Upright layout of both images.
    """
    form, size = share.format, layout.size
    peak = float((1 << form.bits_per_sample) - 1) if form.sample_type == vs.INTEGER else 1.0
    clips = [share]
    for gray, where, outside in ((mask, layout.fg_rectangle, 0.0), (bg_mask, layout.bg_rectangle, peak)):
        box = None if where is None else where.tile(size, (1, 1))
        if gray is not None and where is not None and box is not None:
            on_canvas = pad_to_canvas(resize_into(gray, _PLAIN, where, box, _PLAIN, gray.format), box, size, [outside])
            clips.append(_spread(on_canvas, form))
    if len(clips) == 1:
        return share
    factors = "".join(f" {name} 0 max {peak:g} min {peak:g} / *" for name in "yz"[: len(clips) - 1])
    return vs.core.std.Expr(clips, "x" + factors)


def _spread(mask: vs.VideoNode, form: vs.VideoFormat) -> vs.VideoNode:
    """Return a gray clip in another format; a chroma sample is the mean of the luma pixels that share it."""
    if form.num_planes == 1:
        return mask
    step_x, step_y = subsampling_steps(form)
    plain = mask.std.RemoveFrameProps("_Matrix")
    size = mask.width // step_x, mask.height // step_y
    parts = [
        plain.resize.Point(*size, src_left=x - (step_x - 1) / 2, src_top=y - (step_y - 1) / 2)
        for x in range(step_x)
        for y in range(step_y)
    ]
    names = "xyzabcdefghijklm"[: len(parts)]
    chroma = (
        parts[0]
        if len(parts) == 1
        else vs.core.std.Expr(parts, f"{' '.join(names)}{' +' * (len(parts) - 1)} {len(parts)} /")
    )
    return vs.core.std.ShufflePlanes([plain, chroma, chroma], [0, 0, 0], form.color_family)
