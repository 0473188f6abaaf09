"""Draws docs/temporal.png: two strips of film, the frames that belong together, and the result.

A second of the demo's footage is encoded, matched by the same code as `vs-align temporal`, and drawn as it came out.
Needs matplotlib and the extra `demo`:

    python scripts/readme_picture.py [docs/temporal.png]
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Curve

from vs_align.cli.demo_footage import DemoFootage, film, write_clip, write_ref
from vs_align.cli.temporal import temporal
from vs_align.io.array_types import UInt8Array
from vs_align.timeline.timeline import Timeline

WIDTH, HEIGHT = 1600, 728
FIRST, COLUMNS = 7, 10
"""The frames that are drawn."""
LEFT, STEP, THUMB, TALL = 178, 140, 130, 73
REF_Y, CLIP_Y, RESULT_Y = 72, 312, 552
"""Top of each strip in pixels."""
# The other version runs two frames late, repeats moment 9, and has lost 11, 13 and 14: it is early from then on.
ORDER = (*range(-2, 10), 9, 10, 12, *range(15, 48))
INK, PALE, RULE = "#1f2328", "#6e7781", "#d0d7de"
MATCH, NEAREST, UNUSED = "#0969da", "#bc4c00", "#8c959f"


@dataclass(frozen=True)
class Strips:
    """What is drawn."""

    footage: DemoFootage
    frame_map: Sequence[int | None]
    clip: Sequence[UInt8Array]
    ref: Sequence[UInt8Array]
    result: Sequence[UInt8Array]

    def is_nearest(self, n: int) -> bool:
        """Whether clip has lost the moment, so that the nearest one stands in."""
        return n not in self.footage.order


def match() -> Strips:
    """Film, encode and match."""
    footage = DemoFootage(48, ORDER, film(48).seed)
    with TemporaryDirectory() as name:
        folder = Path(name)
        ref, clip, result, found = (folder / f for f in ("ref.mkv", "clip.mkv", "result.mkv", "timeline.json"))
        write_ref(footage, ref)
        write_clip(footage, clip)
        temporal(clip=clip, ref=ref, out=result, timeline=found)
        frame_map = Timeline.load(found).frame_map
        return Strips(footage, frame_map, *(_decode(path) for path in (clip, ref, result)))


def _decode(path: Path) -> list[UInt8Array]:
    import av

    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]


def draw(strips: Strips) -> UInt8Array:
    """Return the picture, (height, width, 3) red, green, blue."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.axis("off")
    numbers = range(FIRST, FIRST + COLUMNS)
    shown = [strips.frame_map[n] for n in numbers]
    _label(axes, REF_Y, "ref", "the moments\nyou want")
    _label(axes, CLIP_Y, "clip", "the pictures\nyou want")
    _label(axes, RESULT_Y, "result", "clip's pictures\nat ref's moments")
    for n in numbers:
        x = _left(n)
        axes.text(x + THUMB / 2, REF_Y - 30, str(n), size=13, color=PALE, ha="center", va="center")
        _thumbnail(axes, strips.ref[n], x, REF_Y, INK)
        _thumbnail(axes, strips.clip[n], x, CLIP_Y, MATCH if n in shown else RULE, faded=n not in shown)
        edge = NEAREST if strips.is_nearest(n) else MATCH
        _thumbnail(axes, strips.result[n], x, RESULT_Y, edge)
    axes.text(LEFT - 24, REF_Y - 30, "frame", size=13, color=PALE, ha="right", va="center")
    for n, frame in zip(numbers, shown, strict=True):
        if frame is not None:
            colour = NEAREST if strips.is_nearest(n) else MATCH
            _join(axes, (n, REF_Y + TALL), (frame, CLIP_Y), colour)
            _join(axes, (frame, CLIP_Y + TALL), (n, RESULT_Y), colour)
    _captions(axes, strips)
    _legend(axes)
    # Pictures move the limits as they are drawn.
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    canvas: Any = FigureCanvasAgg(figure)  # its methods carry no types
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), np.uint8)[..., :3]


def _left(n: int) -> float:
    return LEFT + (n - FIRST) * STEP


def _captions(axes: Any, strips: Strips) -> None:
    """Say under clip where it repeats a moment and where it has lost some."""
    order, y = strips.footage.order, CLIP_Y + TALL + 17
    for i in range(FIRST, FIRST + COLUMNS - 1):
        between = _left(i + 1) - (STEP - THUMB) / 2
        lost = order[i + 1] - order[i] - 1
        if lost > 0:
            axes.text(between, y, f"{lost} lost", size=12, color=NEAREST, ha="center", va="center")
        if lost < 0:
            repeat = i if i not in strips.frame_map else i + 1
            axes.text(_left(repeat) + THUMB / 2, y, "repeated", size=12, color=PALE, ha="center", va="center")


def _label(axes: Any, y: float, name: str, meaning: str) -> None:
    axes.text(24, y + 12, name, size=19, weight="bold", color=INK, va="center")
    axes.text(24, y + 34, meaning, size=11.5, color=PALE, va="top", linespacing=1.3)


def _thumbnail(axes: Any, picture: UInt8Array, x: float, y: float, edge: str, *, faded: bool = False) -> None:
    # Twice the size on paper, so that dense screens show it sharp.
    small = cv2.resize(picture, (THUMB * 2, TALL * 2), interpolation=cv2.INTER_AREA)[..., ::-1]
    axes.imshow(small, extent=(x, x + THUMB, y + TALL, y), alpha=0.35 if faded else 1, zorder=3, aspect="auto")
    axes.add_patch(Rectangle((x, y), THUMB, TALL, fill=False, edgecolor=edge, linewidth=2.2, zorder=4))


def _join(axes: Any, start: tuple[int, float], end: tuple[int, float], colour: str) -> None:
    """Draw a curve from the middle of one frame to the middle of another."""
    x0, x1 = _left(start[0]) + THUMB / 2, _left(end[0]) + THUMB / 2
    y0, y1 = start[1] + 5, end[1] - 5
    bend = (y1 - y0) * 0.5
    curve = Curve(
        [(x0, y0), (x0, y0 + bend), (x1, y1 - bend), (x1, y1)], [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    )
    dashes = (0, (4, 2.5)) if colour == NEAREST else "solid"
    axes.add_patch(PathPatch(curve, fill=False, edgecolor=colour, linewidth=2.2, linestyle=dashes, zorder=2))
    axes.plot([x0, x1], [y0, y1], "o", color=colour, markersize=4.5, zorder=5)


def _legend(axes: Any) -> None:
    y, x = HEIGHT - 44, float(LEFT)
    entries = (
        (MATCH, "solid", "the same moment was found", 360),
        (NEAREST, (0, (4, 2.5)), "clip has lost the moment: its nearest frame", 490),
    )
    for colour, dashes, text, width in entries:
        axes.plot([x, x + 40], [y, y], color=colour, linewidth=2.4, linestyle=dashes)
        axes.text(x + 52, y, text, size=13, color=INK, va="center")
        x += width
    axes.add_patch(Rectangle((x, y - 11), 40, 22, fill=False, edgecolor=UNUSED, linewidth=1.6, alpha=0.7))
    axes.text(x + 52, y, "not used in these frames", size=13, color=INK, va="center")


def main() -> None:
    """Write the picture to the path that is given, else to docs/temporal.png."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "temporal.png"
    picture = draw(match())
    encoded = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded.tobytes())


if __name__ == "__main__":
    main()
