"""Pixel formats that an encoder takes, for those that it does not."""

import re
from dataclasses import replace

from vs_align.media.color import ColourTags
from vs_align.media.ffmpeg import Encoder

_RGB_PREFIXES = ("gbr", "rgb", "bgr", "0rgb", "0bgr")
_BT709 = 1


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
    """Return VapourSynth's name of a format of ffmpeg: YUV420P10 for yuv420p10le; None where it has none."""
    yuv = re.fullmatch(r"(yuv(?:420|422|444|440|411|410)p)(?:(9|10|12|14|16)le)?", name)
    if yuv is not None:
        return f"{yuv[1].upper()}{yuv[2] or 8}"
    other = re.fullmatch(r"(gray|gbrp)(?:(9|10|12|14|16)le)?", name)
    if other is None:
        return None
    bits = int(other[2] or 8)
    return f"GRAY{bits}" if other[1] == "gray" else f"RGB{3 * bits}"


def conversion(name: str, bits: int, encoder: Encoder, tags: ColourTags) -> tuple[str | None, ColourTags]:
    """Choose a format where an encoder does not take that of the pictures and ffmpeg would choose badly.

    RGB goes to YUV 4:4:4, of which ffmpeg would keep the tags of RGB; GRAY goes to YUV 4:2:0, for which ffmpeg would
    take a format that hardly a player knows. Among YUV formats ffmpeg chooses well.

    Args:
        name: VapourSynth's name of the format.
        bits: Bits of a sample.
        encoder: What takes the pictures.
        tags: How they are meant.

    Returns:
        A chain of ffmpeg filters, None where nothing is to be done, and the tags of what comes out of it.
    """
    taken = encoder.pixel_formats
    if not taken or ffmpeg_format(name) in taken:
        # ffmpeg takes any gray for full range, and before version 7 does not say so in the file.
        unsaid = name.startswith("GRAY") and tags.full_range is None
        return None, replace(tags, full_range=True) if unsaid else tags
    deep = "10le" if bits > 8 else ""
    if name.startswith("RGB") and not any(form.startswith(_RGB_PREFIXES) for form in taken):
        form = _first(taken, f"yuv444p{deep}", "yuv444p", f"yuv420p{deep}")
        chain = f"scale=out_color_matrix=bt709:out_range=limited,format={form}"
        return chain, replace(tags, matrix=_BT709, full_range=False)
    if name.startswith("GRAY"):
        # ffmpeg takes any gray for full range, and asked for full range it leaves the numbers alone, which is right for
        # limited ones. The result is limited either way, because not every codec can say that it is full.
        wanted = "full" if tags.full_range is False else "limited"
        form = _first(taken, f"yuv420p{deep}", "yuv420p")
        return f"scale=out_range={wanted},format={form}", replace(tags, full_range=False)
    return None, tags


def _first(taken: frozenset[str], *wanted: str) -> str:
    return next((form for form in wanted if form in taken), "yuv420p")
