"""Text on frames, for a look at what an alignment did."""

from itertools import batched
from math import inf
from typing import TYPE_CHECKING

import vapoursynth as vs

if TYPE_CHECKING:
    from vs_align.vapour.matches import FrameMatch

# std text draws glyphs of 8x16 pixels and leaves a margin at either side
_GLYPH_WIDTH, _GLYPH_HEIGHT, _MARGIN = 8, 16, 16


def draw_lines(clip: vs.VideoNode, lines: list[str]) -> vs.VideoNode:
    """Draw lines of text on a clip of any format."""
    half = clip.format.sample_type == vs.FLOAT and clip.format.bits_per_sample == 16
    if not half:
        return clip.text.Text("\n".join(lines))
    # text knows single floats only; they hold all half floats, so that the rest of the picture stays as it is
    single = clip.format.replace(bits_per_sample=32).id
    return clip.resize.Point(format=single).text.Text("\n".join(lines)).resize.Point(format=clip.format.id)


def match_lines(n: int, match: "FrameMatch", method: str, width: int, height: int) -> list[str]:
    """Describe a match: method, best match, and as many scores of its window as there is room for."""
    shift = f"{match.frame - n:+d} frames"
    if match.offset_ms is not None:
        shift += f", {match.offset_ms:+.1f} ms"
    score = "unknown" if match.score is None else f"{match.score:.6f}"
    lines = [
        f"vs_align.temporal: {method}",
        f"ref {n} -> clip {match.frame} ({shift})",
        f"score {score}" + (", no match" if match.missing else ""),
    ]
    cells = [
        f"{'>' if number == match.frame else ' '}{number}: {score:.6f}"
        for number, score in enumerate(match.window_scores, match.window_first)
        if score != inf
    ]
    cell = max(map(len, cells), default=1) + 1
    columns = max(1, (width - 2 * _MARGIN) // (_GLYPH_WIDTH * cell))
    rows = max(1, (height - 2 * _MARGIN) // _GLYPH_HEIGHT - len(lines))
    room, total = columns * rows, len(cells)
    if total > room:
        middle = next((i for i, text in enumerate(cells) if text[0] == ">"), total // 2)
        begin = min(max(0, middle - room // 2), total - room)
        cells = cells[begin : begin + room]
    return lines + ["".join(text.ljust(cell) for text in row).rstrip() for row in batched(cells, columns)]
