"""Straight (not premultiplied) alpha in the frame prop `_Alpha`, as source plugins of VapourSynth attach it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import vapoursynth as vs

ALPHA = "_Alpha"
_SAMPLES = 8
"""Number of frames by which the mostly transparent areas of fg are found: more take longer before the first frame."""
_LEAST = 0.01
"""Least share of opaque pixels for such areas to be masked: with fewer, nothing would be left to compare."""
_BLEED = 8
"""Radius in pixels of the box blur (two passes) by which opaque colors spread into transparent pixels."""


@dataclass(frozen=True, slots=True)
class AlphaKind:
    """How the alpha of a frame is stored.

    Args:
        format: Id of its format, a gray one.
        width: Width in pixels; it may differ from the frame's, because resizers keep the alpha unchanged.
        height: Height in pixels.
    """

    format: int
    width: int
    height: int

    @classmethod
    def of(cls, props: Any) -> "AlphaKind | None":
        """Read the props of a frame; None if it has no alpha."""
        alpha = props.get(ALPHA)
        if not isinstance(alpha, vs.VideoFrame) or alpha.format.color_family != vs.GRAY:
            return None
        return cls(alpha.format.id, alpha.width, alpha.height)


def alpha_clip(clip: vs.VideoNode, kind: AlphaKind) -> vs.VideoNode:
    """Return the alpha of a clip at the size of the clip; valid for frames whose alpha is of this kind only."""
    blank = vs.core.std.BlankClip(
        width=kind.width, height=kind.height, format=kind.format, length=clip.num_frames, keep=True
    )
    alpha = blank.std.ModifyFrame([clip], lambda n, f: f.props[ALPHA])
    if (kind.width, kind.height) == (clip.width, clip.height):
        return alpha
    return alpha.resize.Bilinear(clip.width, clip.height)


def bleed_colors(clip: vs.VideoNode, alpha: vs.VideoNode) -> vs.VideoNode:
    """Return an RGB clip whose transparent pixels have the colors of nearby opaque ones; other clips unchanged.

    Transparent pixels have arbitrary colors, mostly black, which would darken the edges when the image or its chroma is
    resampled.

    Args:
        clip: Any format of 8 to 16 bit integers or 32 bit float.
        alpha: Gray, of the same size and depth.
    """
    form = clip.format
    if form.color_family != vs.RGB or (form.sample_type == vs.FLOAT and form.bits_per_sample == 16):
        return clip
    peak = (1 << form.bits_per_sample) - 1 if form.sample_type == vs.INTEGER else 1
    alpha = alpha.std.RemoveFrameProps(["_Matrix", "_Range"])
    share = _blurred(alpha)
    planes = []
    for number in range(3):
        plane = clip.std.ShufflePlanes(number, vs.GRAY).std.RemoveFrameProps("_Matrix")
        around = _blurred(vs.core.std.Expr([plane, alpha], f"x y * {peak} /"))
        planes.append(vs.core.std.Expr([plane, alpha, around, share], f"y 0 > a 0 <= or x z {peak} * a / ?"))
    return vs.core.std.ShufflePlanes(planes, [0, 0, 0], vs.RGB).std.CopyFrameProps(clip)


def _blurred(clip: vs.VideoNode) -> vs.VideoNode:
    across, down = (max(1, min(_BLEED, (side - 1) // 4)) for side in (clip.width, clip.height))
    return clip.std.BoxBlur(hradius=across, hpasses=2, vradius=down, vpasses=2)


def transparent_areas(clip: vs.VideoNode) -> vs.VideoNode | None:
    """Return one gray frame, white where a clip is transparent in most frames; None if that is nowhere or everywhere.

    It requests `_SAMPLES` frames immediately.
    """
    length = clip.num_frames
    numbers = sorted({length * part // _SAMPLES for part in range(_SAMPLES)})
    total: Any = 0.0
    for n in numbers:
        with clip.get_frame(n) as frame:
            kind = AlphaKind.of(frame.props)
            if kind is None:
                return None
        with _scaled(clip, kind)[n : n + 1].get_frame(0) as gray:
            total = total + np.asarray(gray[0], np.float64) / 255
    hidden = total / len(numbers) < 0.5
    if not hidden.any() or (~hidden).mean() < _LEAST:
        return None
    values = np.where(hidden, 255, 0).astype(np.uint8)
    blank = vs.core.std.BlankClip(width=clip.width, height=clip.height, format=vs.GRAY8, length=1, keep=True)

    def drawn(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        np.copyto(np.asarray(out[0]), values)
        return out

    return blank.std.ModifyFrame(blank, drawn)


def _scaled(clip: vs.VideoNode, kind: AlphaKind) -> vs.VideoNode:
    from vs_align.render.overlay.masks import gray_mask

    gray = gray_mask(alpha_clip(clip, kind), vs.core.get_video_format(vs.GRAY8), clip.num_frames)
    if gray is None:
        raise ValueError("gray_mask of a clip returns a clip")
    return gray


def union_masks(mask: vs.VideoNode | None, other: vs.VideoNode | None) -> vs.VideoNode | None:
    """Return the union (maximum) of two masks as 8 bit gray; None if neither is given."""
    from vs_align.render.overlay.masks import gray_mask

    form = vs.core.get_video_format(vs.GRAY8)
    grays = [gray for each in (mask, other) if (gray := gray_mask(each, form, 1)) is not None]
    if len(grays) < 2:
        return grays[0] if grays else None
    return vs.core.std.Expr(grays, "x y max")
