"""Masks that move: grey clips of the size of fg or bg, carried onto the canvas."""

import vapoursynth as vs

from vs_align.nodes.resize import fitted_length
from vs_align.render.overlay.color_tags import Colours
from vs_align.render.overlay.layout import Layout
from vs_align.render.overlay.resize import bordered, placed, steps_of

_PLAIN = Colours(1, True, 0, None, None)


def grey_of(mask: vs.VideoNode | None, form: vs.VideoFormat, length: int) -> vs.VideoNode | None:
    """Return a mask as grey of the depth of a format, whose largest value is white; of so many frames.

    The numbers of a grey mask count as they are, whatever its range is said to be, as in `std.MaskedMerge`; so do those
    of RGB, of which the luma is taken, and of the luma of YUV.
    """
    if mask is None:
        return None
    grey = vs.core.query_video_format(vs.GRAY, form.sample_type, form.bits_per_sample)
    if mask.format.color_family == vs.RGB:
        mask = mask.std.SetFrameProps(_Matrix=0, _Range=1, _FieldBased=0)
        mask = mask.resize.Point(format=grey.id, matrix=1, range=1)
    else:
        if mask.format.color_family == vs.YUV:
            mask = mask.std.ShufflePlanes(0, vs.GRAY)
        mask = _PLAIN.marked(mask).resize.Point(format=grey.id)
    return fitted_length(mask, length)


def combined(
    share: vs.VideoNode,
    mask: vs.VideoNode | None,
    bg_mask: vs.VideoNode | None,
    layout: Layout,
) -> vs.VideoNode:
    """Return a coverage without what masks do not let through.

    Args:
        share: The coverage, in the format and size of the canvas.
        mask: Grey, of fg's size; None for none.
        bg_mask: Grey, of bg's size; beside bg there is nothing to protect.
        layout: Where both pictures lie, upright.
    """
    form, size = share.format, layout.size
    peak = float((1 << form.bits_per_sample) - 1) if form.sample_type == vs.INTEGER else 1.0
    clips = [share]
    for grey, where, beside in ((mask, layout.fg_rectangle, 0.0), (bg_mask, layout.bg_rectangle, peak)):
        box = None if where is None else where.tile(size, (1, 1))
        if grey is not None and where is not None and box is not None:
            on_canvas = bordered(placed(grey, _PLAIN, where, box, _PLAIN, grey.format), box, size, [beside])
            clips.append(_spread(on_canvas, form))
    if len(clips) == 1:
        return share
    factors = "".join(f" {name} 0 max {peak:g} min {peak:g} / *" for name in "yz"[: len(clips) - 1])
    return vs.core.std.Expr(clips, "x" + factors)


def _spread(mask: vs.VideoNode, form: vs.VideoFormat) -> vs.VideoNode:
    """Return a grey clip in another format; a sample of chroma is the mean of the pixels that share it."""
    if form.num_planes == 1:
        return mask
    step_x, step_y = steps_of(form)
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
