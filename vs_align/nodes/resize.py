"""Clips for looking at: luma, masks, small versions. Nothing here asks for a frame."""

import vapoursynth as vs

# zimg's own name of the matrix; which one is of no matter for alignment, as long as both clips get the same.
_LUMA_MATRIX = "709"


def luma_of(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the luma of an RGB clip as single floats, 0 to 1 nominal."""
    return _plain(clip).resize.Point(format=vs.GRAYS, matrix_s=_LUMA_MATRIX)


def floats_of(clip: vs.VideoNode) -> vs.VideoNode:
    """Return an RGB clip as single floats."""
    return _plain(clip).resize.Point(format=vs.RGBS)


def halves_of(clip: vs.VideoNode, half: int) -> vs.VideoNode:
    """Return an RGB clip in the format of half floats whose id is given."""
    return _plain(clip).resize.Point(format=half)


def shrunk(clip: vs.VideoNode, longest: int) -> vs.VideoNode:
    """Return a clip whose longer side is at most `longest` pixels, without aliases."""
    factor = longest / max(clip.width, clip.height)
    if factor >= 1:
        return clip
    size = max(1, round(clip.width * factor)), max(1, round(clip.height * factor))
    return _plain(clip).resize.Bicubic(*size)


def analysed(clip: vs.VideoNode, width: int, height: int, **part: float) -> vs.VideoNode:
    """Return the luma of a clip of any format as 16 bit grey, stretched to a size without aliases.

    Args:
        clip: The clip.
        width: Width of the result.
        height: Height of the result.
        part: The part of the picture to look at, as src_left, src_top, src_width and src_height in pixels; else all.
    """
    matrix = {"matrix_s": _LUMA_MATRIX} if clip.format.color_family == vs.RGB else {}
    return _plain(clip).resize.Bicubic(width, height, format=vs.GRAY16, **matrix, **part)


def mask_of(mask: vs.VideoNode, width: int, height: int) -> vs.VideoNode:
    """Return a mask of any format as full range grey of 8 bits, stretched to a size; white is above 0.

    What is white before it is stretched stays white in every pixel that it touches by a quarter, so that thin lines
    do not vanish.
    """
    mask = _plain(mask)
    if mask.format.color_family == vs.RGB:
        mask = mask.resize.Point(format=vs.GRAYS, matrix_s=_LUMA_MATRIX)
    elif mask.format.color_family == vs.YUV:
        mask = mask.std.ShufflePlanes(0, vs.GRAY)
    grey = mask.resize.Point(format=vs.GRAY8, range=vs.RANGE_FULL).std.Binarize(128)
    if (grey.width, grey.height) == (width, height):
        return grey
    return grey.resize.Bilinear(width, height).std.Binarize(64)


def fitted_length(clip: vs.VideoNode, length: int) -> vs.VideoNode:
    """Return a clip of so many frames; a shorter one repeats its last frame."""
    if clip.num_frames < length:
        return clip + clip[-1] * (length - clip.num_frames)
    return clip[:length]


def _plain(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the clip without props that the scaler trips over: fields, and an RGB clip that says it is YUV."""
    plain = clip.std.SetFieldBased(0)
    return plain.std.SetFrameProps(_Matrix=int(vs.MATRIX_RGB)) if clip.format.color_family == vs.RGB else plain
