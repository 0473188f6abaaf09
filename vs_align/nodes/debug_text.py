"""Debug overlay of `temporal`: match, scores and window drawn on the frame by `text.Text`."""

from itertools import batched
from math import inf

import vapoursynth as vs

from vs_align.io.prop_names import CONFIDENCE, FALLBACK, MATCH, OFFSET_MS, RUNNER_UP, SCORE, WINDOW_FIRST, WINDOW_SCORES

_GLYPH_WIDTH = 8
"""Width in pixels of a glyph of `text.Text`."""
_GLYPH_HEIGHT = 16
"""Height in pixels of a glyph."""
_MARGIN = 16
"""Margin in pixels that `text.Text` leaves at each side."""


def draw_lines(clip: vs.VideoNode, lines: list[str]) -> vs.VideoNode:
    """Draw lines of text on a clip of any format."""
    half = clip.format.sample_type == vs.FLOAT and clip.format.bits_per_sample == 16
    if not half:
        return clip.text.Text("\n".join(lines))
    # text.Text supports 32 bit float only, which holds all 16 bit floats: other pixels stay unchanged
    single = clip.format.replace(bits_per_sample=32).id
    return clip.resize.Point(format=single).text.Text("\n".join(lines)).resize.Point(format=clip.format.id)


def match_lines(n: int, props: vs.FrameProps, method: str, width: int, height: int) -> list[str]:
    """Return lines that describe a match: method, best match, and the scores of its window that fit on the frame."""
    match, milliseconds, score = props[MATCH], props.get(OFFSET_MS), props.get(SCORE)
    lines = [
        f"vs_align.temporal: {method}",
        f"ref {n} -> clip {match} ({match - n:+d} frames"
        + (")" if milliseconds is None else f", {milliseconds:+.1f} ms)"),
        _score_line(score, props),
    ]
    scores = props.get(WINDOW_SCORES, [])
    cells = [
        f"{'>' if number == match else ' '}{number}: {score:.6f}"
        for number, score in enumerate([scores] if isinstance(scores, float) else scores, props.get(WINDOW_FIRST, 0))
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
    if (confidence := props.get(CONFIDENCE)) is not None:
        said.append(f"confidence {confidence:.2f}")
    if (runner_up := props.get(RUNNER_UP)) is not None:
        said.append(f"runner-up {runner_up:.6f}")
    if props[FALLBACK]:
        said.append("no match")
    return ", ".join(said)
