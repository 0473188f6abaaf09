"""Lazy conversions for analysis: luma, float RGB, downscaled clips, binary masks. No frame is requested."""

import vapoursynth as vs

_LUMA_MATRIX = "709"
"""Matrix of the luma of RGB clips, by its name in zimg. Any matrix serves alignment if both clips use the same."""


def luma_of(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the luma of an RGB clip as 32 bit float, nominally 0..1."""
    return _plain(clip).resize.Point(format=vs.GRAYS, matrix_s=_LUMA_MATRIX)


def floats_of(clip: vs.VideoNode) -> vs.VideoNode:
    """Return an RGB clip as 32 bit float."""
    return _plain(clip).resize.Point(format=vs.RGBS)


def halves_of(clip: vs.VideoNode, half: int) -> vs.VideoNode:
    """Return an RGB clip as 16 bit float, in the format of the given id."""
    return _plain(clip).resize.Point(format=half)


def downscale(clip: vs.VideoNode, longest: int) -> vs.VideoNode:
    """Return a clip whose longer side is at most `longest` pixels, downscaled without aliasing."""
    factor = longest / max(clip.width, clip.height)
    if factor >= 1:
        return clip
    size = max(1, round(clip.width * factor)), max(1, round(clip.height * factor))
    return _plain(clip).resize.Bicubic(*size)


def analysed(clip: vs.VideoNode, width: int, height: int, **part: float) -> vs.VideoNode:
    """Return the luma of a clip of any format as 16 bit gray, resized without aliasing.

    Args:
        clip: The clip.
        width: Width of the result.
        height: Height of the result.
        part: Window of the image in pixels, as src_left, src_top, src_width and src_height. Default: all of it.
    """
    matrix = {"matrix_s": _LUMA_MATRIX} if clip.format.color_family == vs.RGB else {}
    return _plain(clip).resize.Bicubic(width, height, format=vs.GRAY16, **matrix, **part)


def mask_of(mask: vs.VideoNode, width: int, height: int) -> vs.VideoNode:
    """Return a mask of any format as binary 8 bit gray (0 or 255), resized.

    The mask is binarized at half its range. After the resize a pixel is white if at least a quarter of it is covered,
    so that thin lines survive.
    """
    mask = _plain(mask)
    if mask.format.color_family == vs.RGB:
        mask = mask.resize.Point(format=vs.GRAYS, matrix_s=_LUMA_MATRIX)
    elif mask.format.color_family == vs.YUV:
        mask = mask.std.ShufflePlanes(0, vs.GRAY)
    gray = mask.resize.Point(format=vs.GRAY8, range=vs.RANGE_FULL).std.Binarize(128)
    if (gray.width, gray.height) == (width, height):
        return gray
    return gray.resize.Bilinear(width, height).std.Binarize(64)


def fit_length(clip: vs.VideoNode, length: int) -> vs.VideoNode:
    """Return a clip of `length` frames; the last frame of a shorter clip is repeated."""
    if clip.num_frames < length:
        return clip + clip[-1] * (length - clip.num_frames)
    return clip[:length]


def _plain(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the clip without props that zimg rejects: field order, and a YUV matrix on RGB."""
    plain = clip.std.SetFieldBased(0)
    return plain.std.SetFrameProps(_Matrix=int(vs.MATRIX_RGB)) if clip.format.color_family == vs.RGB else plain
