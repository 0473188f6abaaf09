"""Text on frames, for a look at what an alignment did."""

from itertools import batched
from math import inf

import vapoursynth as vs

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


def match_lines(n: int, props: vs.FrameProps, method: str, width: int, height: int) -> list[str]:
    """Describe a match: method, best match, and as many scores of its window as there is room for."""
    match, milliseconds, score = props["VSAlignMatch"], props.get("VSAlignOffsetMs"), props.get("VSAlignScore")
    lines = [
        f"vs_align.temporal: {method}",
        f"ref {n} -> clip {match} ({match - n:+d} frames"
        + (")" if milliseconds is None else f", {milliseconds:+.1f} ms)"),
        _score_line(score, props),
    ]
    scores = props.get("VSAlignWindowScores", [])
    cells = [
        f"{'>' if number == match else ' '}{number}: {score:.6f}"
        for number, score in enumerate(
            [scores] if isinstance(scores, float) else scores, props.get("VSAlignWindowFirst", 0)
        )
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


def _score_line(score: float | None, props: vs.FrameProps) -> str:
    said = ["score unknown" if score is None else f"score {score:.6f}"]
    if (confidence := props.get("VSAlignConfidence")) is not None:
        said.append(f"confidence {confidence:.2f}")
    if (runner_up := props.get("VSAlignRunnerUp")) is not None:
        said.append(f"runner-up {runner_up:.6f}")
    if props["VSAlignFallback"]:
        said.append("no match")
    return ", ".join(said)
