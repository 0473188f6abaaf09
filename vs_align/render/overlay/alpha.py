"""The alpha of frames: straight, in the frame prop `_Alpha`, as VapourSynth's readers attach it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import vapoursynth as vs

ALPHA = "_Alpha"
# Frames by which it is decided what of fg is mostly transparent, and the least share that must be left to be looked at.
_SAMPLES, _LEAST = 8, 0.01
# Colours of opaque pixels reach so many pixels into transparent ones: twice this radius.
_BLEED = 8


@dataclass(frozen=True, slots=True)
class AlphaKind:
    """How the alpha of a frame is stored.

    Args:
        format: Id of its format, which is grey.
        width: In pixels; a resized frame may keep the alpha of before.
        height: Likewise.
    """

    format: int
    width: int
    height: int

    @classmethod
    def of(cls, props: Any) -> "AlphaKind | None":
        """Look at the props of a frame; None where it has no alpha."""
        alpha = props.get(ALPHA)
        if not isinstance(alpha, vs.VideoFrame) or alpha.format.color_family != vs.GRAY:
            return None
        return cls(alpha.format.id, alpha.width, alpha.height)


def alpha_clip(clip: vs.VideoNode, kind: AlphaKind) -> vs.VideoNode:
    """Return the alpha of a clip in the size of the clip; only frames of that kind may be asked for."""
    blank = vs.core.std.BlankClip(
        width=kind.width, height=kind.height, format=kind.format, length=clip.num_frames, keep=True
    )
    alpha = blank.std.ModifyFrame([clip], lambda n, f: f.props[ALPHA])
    if (kind.width, kind.height) == (clip.width, clip.height):
        return alpha
    return alpha.resize.Bilinear(clip.width, clip.height)


def bled(clip: vs.VideoNode, alpha: vs.VideoNode) -> vs.VideoNode:
    """Return RGB whose transparent pixels have the colours of the opaque ones beside them; other clips as they are.

    What transparent pixels hold is arbitrary, black mostly. Where an image is scaled, or its chroma is, they would
    darken its edges.

    Args:
        clip: Any format; 8 to 16 bit integers or single floats.
        alpha: Grey, of the same size and depth.
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
    """Return one grey frame, white where a clip is transparent most of the time; None where nothing is, or all is.

    It asks for some frames at once.
    """
    length = clip.num_frames
    numbers = sorted({length * part // _SAMPLES for part in range(_SAMPLES)})
    total: Any = 0.0
    for n in numbers:
        with clip.get_frame(n) as frame:
            kind = AlphaKind.of(frame.props)
            if kind is None:
                return None
        with _scaled(clip, kind)[n : n + 1].get_frame(0) as grey:
            total = total + np.asarray(grey[0], np.float64) / 255
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
    from vs_align.render.overlay.masks import grey_of

    grey = grey_of(alpha_clip(clip, kind), vs.core.get_video_format(vs.GRAY8), clip.num_frames)
    if grey is None:
        raise ValueError("a mask that is given becomes grey")
    return grey


def united(mask: vs.VideoNode | None, other: vs.VideoNode | None) -> vs.VideoNode | None:
    """Return a mask that is white where either one is, as grey of 8 bits; None where neither is given."""
    from vs_align.render.overlay.masks import grey_of

    form = vs.core.get_video_format(vs.GRAY8)
    greys = [grey for each in (mask, other) if (grey := grey_of(each, form, 1)) is not None]
    if len(greys) < 2:
        return greys[0] if greys else None
    return vs.core.std.Expr(greys, "x y max")
