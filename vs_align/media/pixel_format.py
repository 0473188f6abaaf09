"""Pixel formats: names in ffmpeg and VapourSynth, chroma subsampling, and the conversion for an encoder."""

import re
from dataclasses import replace

from vs_align.media.color import ColorTags
from vs_align.media.ffmpeg import Encoder

type Size = tuple[int, int]
"""Width and height in pixels."""

_RGB_PREFIXES = ("gbr", "rgb", "bgr", "0rgb", "0bgr")
"""Beginnings of ffmpeg's names of RGB formats."""
_BT709 = 1
"""Matrix coefficients of BT.709 in ITU-T H.273."""
_SUBSAMPLING = {"420": (2, 2), "422": (2, 1), "411": (4, 1), "410": (4, 4), "440": (1, 2)}
"""Columns and rows of pixels that share a chroma sample."""


def chroma_subsampling(name: str) -> tuple[int, int]:
    """Return how many columns and rows of pixels share a chroma sample; (1, 1) without subsampling.

    Args:
        name: VapourSynth's name of the format in capitals.
    """
    return _SUBSAMPLING.get(name[3:6], (1, 1)) if name.startswith("YUV") else (1, 1)


def format_for_size(name: str, size: Size) -> str:
    """Return a format that frames of a size can have: YUV 4:4:4 if the subsampling does not divide the size.

    Args:
        name: VapourSynth's name of the format in capitals.
        size: Width and height in pixels.
    """
    columns, rows = chroma_subsampling(name)
    return f"YUV444{name[6:]}" if size[0] % columns or size[1] % rows else name


def ffmpeg_format(name: str) -> str:
    """Return ffmpeg's name of a VapourSynth format: yuv420p10le for YUV420P10, gray for GRAY8, gbrp for RGB24."""
    if name.startswith("YUV"):
        shape, _, bits = name.lower().rpartition("p")
        return f"{shape}p" if bits == "8" else f"{shape}p{bits}le"
    if name.startswith("GRAY"):
        return "gray" if name == "GRAY8" else f"gray{name[4:]}le"
    bits_each = int(name[3:]) // 3 if name[3:].isdigit() else 0
    return "gbrp" if bits_each in (0, 8) else f"gbrp{bits_each}le"


def vapoursynth_format(name: str) -> str | None:
    """Return VapourSynth's name of a format of ffmpeg: YUV420P10 for yuv420p10le; None if it has none."""
    yuv = re.fullmatch(r"(yuv(?:420|422|444|440|411|410)p)(?:(9|10|12|14|16)le)?", name)
    if yuv is not None:
        return f"{yuv[1].upper()}{yuv[2] or 8}"
    other = re.fullmatch(r"(gray|gbrp)(?:(9|10|12|14|16)le)?", name)
    if other is None:
        return None
    bits = int(other[2] or 8)
    return f"GRAY{bits}" if other[1] == "gray" else f"RGB{3 * bits}"


def conversion(name: str, bits: int, encoder: Encoder, tags: ColorTags) -> tuple[str | None, ColorTags]:
    """Choose the conversion of RGB and GRAY frames for an encoder that does not accept them.

    RGB becomes YUV 4:4:4 in BT.709, because ffmpeg would keep the color tags of RGB. GRAY becomes YUV 4:2:0, because
    ffmpeg would choose a format that few players decode. YUV formats are left to ffmpeg, which chooses the nearest.

    Args:
        name: VapourSynth's name of the format.
        bits: Bits of a sample.
        encoder: The encoder that gets the frames.
        tags: Color tags of the frames.

    Returns:
        A chain of ffmpeg filters, None for no conversion, and the color tags of its output.
    """
    taken = encoder.pixel_formats
    if not taken or ffmpeg_format(name) in taken:
        # ffmpeg treats GRAY as full range; before version 7 it does not tag the file as such
        unsaid = name.startswith("GRAY") and tags.full_range is None
        return None, replace(tags, full_range=True) if unsaid else tags
    deep = "10le" if bits > 8 else ""
    if name.startswith("RGB") and not any(form.startswith(_RGB_PREFIXES) for form in taken):
        form = _first(taken, f"yuv444p{deep}", "yuv444p", f"yuv420p{deep}")
        chain = f"scale=out_color_matrix=bt709:out_range=limited,format={form}"
        return chain, replace(tags, matrix=_BT709, full_range=False)
    if name.startswith("GRAY"):
        # ffmpeg treats GRAY as full range. A conversion to full range leaves the values alone, which is right for
        # limited values. The result is limited range in both cases: not every codec can signal full range.
        wanted = "full" if tags.full_range is False else "limited"
        form = _first(taken, f"yuv420p{deep}", "yuv420p")
        return f"scale=out_range={wanted},format={form}", replace(tags, full_range=False)
    return None, tags


def _first(taken: frozenset[str], *wanted: str) -> str:
    return next((form for form in wanted if form in taken), "yuv420p")
