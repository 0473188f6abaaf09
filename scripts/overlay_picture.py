"""Draws docs/overlay.png: two versions of a film, where and when one lies in the other, and the result.

The foreground is a part of the picture at another scale, graded and grainy, begins later and has lost frames;
`vs_align.overlay` lays it back, and all that is drawn is what came out. Needs matplotlib and the extra `demo`:

    python scripts/overlay_picture.py [docs/overlay.png]
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import vapoursynth as vs
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

import vs_align
from vs_align.cli.demo_footage import DemoFootage, film
from vs_align.io.array_types import UInt8Array

WIDTH, HEIGHT = 1240, 560
BG_SIZE, FG_SIZE = (640, 360), (462, 330)
AT, SCALE = (178.4, 61.7), 0.8
"""Where the foreground lies in the background, and background pixels per foreground pixel."""
LOST, FG_FIRST = (52, 53, 54), 30
"""Moments that the foreground lacks, and the one at which it begins."""
FRAMES = 96
THUMB, LEFT, GAP, TOP, BELOW = (372, 209), 30, 32, 62, 352
FIRST, COLUMNS, STRIP = 17, 9, (124, 70)
"""The frames of the result that are drawn small."""
INK, PALE, FG_INK, CUT = "#1f2328", "#6e7781", "#0969da", "#bc4c00"


@dataclass(frozen=True)
class Overlay:
    """What is drawn."""

    bg: UInt8Array
    fg: UInt8Array
    results: Sequence[UInt8Array]
    props: Sequence[dict[str, Any]]


def overlay() -> Overlay:
    """Film both versions and lay one on the other."""
    footage = film(FRAMES)
    moments = [m for m in range(FG_FIRST, FRAMES - 12) if m not in LOST]
    bg = [footage.picture(m, BG_SIZE)[..., ::-1] for m in range(FRAMES)]
    fg = [_part(footage, m) for m in moments]
    result = vs_align.overlay(_node(bg), _node(fg), smooth=True, margin=6, cache=False)
    wanted = [0, *range(FIRST, FIRST + COLUMNS)]
    pictures, props = [], []
    for n, frame in enumerate(result.frames(close=True)):
        if n in wanted:
            pictures.append(np.stack([np.asarray(frame[plane]) for plane in range(3)], axis=-1))
            props.append(dict(frame.props))
    return Overlay(bg[int(props[0]["VSAlignMatch"])], fg[int(props[0]["VSAlignForeground"])], pictures, props)


def _part(footage: DemoFootage, moment: int) -> UInt8Array:
    """Return the part of the picture that the foreground shows: warmer, with more contrast, and grainy."""
    whole = footage.picture(moment, (BG_SIZE[0] * 2, BG_SIZE[1] * 2))[..., ::-1]
    x, y = AT
    step = 2 * SCALE
    matrix = np.array([[step, 0, 2 * x + step / 2 - 0.5], [0, step, 2 * y + step / 2 - 0.5]])
    seen = cv2.warpAffine(np.ascontiguousarray(whole), matrix, FG_SIZE, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    grain = np.random.default_rng(moment).normal(0, 0.015, (*seen.shape[:2], 1))
    values = 1.12 * (seen / 255) * np.array([1.05, 0.98, 0.84]) - 0.03 + grain
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _node(pictures: Sequence[UInt8Array]) -> vs.VideoNode:
    height, width = pictures[0].shape[:2]
    blank = vs.core.std.BlankClip(width=width, height=height, format=vs.RGB24, length=len(pictures), fpsnum=24)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane in range(3):
            np.asarray(frame[plane])[:] = pictures[n][..., plane]
        return frame

    return blank.std.ModifyFrame(blank, paint)


def draw(found: Overlay) -> UInt8Array:
    """Return the picture."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.axis("off")
    props = found.props[0]
    captions = (
        ("bg", f"frame {props['VSAlignMatch']}: the picture beneath", found.bg, INK),
        ("fg", f"frame {props['VSAlignForeground']}: a part of it, of another origin", found.fg, FG_INK),
        ("result", "both, in place and in time", found.results[0], INK),
    )
    for i, (name, meaning, picture, colour) in enumerate(captions):
        x = LEFT + i * (THUMB[0] + GAP)
        axes.text(x, TOP - 24, name, size=17, weight="bold", color=colour, va="center")
        axes.text(x + THUMB[0], TOP - 23, meaning, size=11, color=PALE, ha="right", va="center")
        _place(axes, picture, x, TOP, THUMB, colour)
        if i != 1:
            _outline(axes, props, x)
    axes.text(LEFT + THUMB[0] + GAP + THUMB[0] / 2, TOP + THUMB[1] + 18, _numbers(props), size=11, color=FG_INK,
              ha="center", va="center")  # fmt: skip
    _strip(axes, found)
    # Pictures move the limits as they are drawn.
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    canvas: Any = FigureCanvasAgg(figure)  # its methods carry no types
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), np.uint8)[..., :3]


def _numbers(props: dict[str, Any]) -> str:
    x, y, scale = (props[f"VSAlign{name}"] for name in ("X", "Y", "ScaleX"))
    return f"found at {x:.2f}, {y:.2f} and {scale:.2%} (it was cut out at {AT[0]}, {AT[1]} and {SCALE:.0%})"


def _outline(axes: Any, props: dict[str, Any], x: float) -> None:
    """Show where in the background the foreground lies."""
    shrunk = THUMB[0] / BG_SIZE[0]
    corner = x + props["VSAlignX"] * shrunk, TOP + props["VSAlignY"] * shrunk
    size = [FG_SIZE[k] * props[f"VSAlignScale{axis}"] * shrunk for k, axis in enumerate("XY")]
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=FG_INK, linewidth=1.2, linestyle=(0, (4, 2.5))))


def _strip(axes: Any, found: Overlay) -> None:
    """Draw neighbouring frames of the result, with the numbers of what they show."""
    y = BELOW + 34
    axes.text(LEFT, BELOW, "every fg frame once, on the bg frame of its moment", size=13, weight="bold", color=INK,
              va="center")  # fmt: skip
    step = (WIDTH - 2 * LEFT - STRIP[0]) / (COLUMNS - 1)
    for i, (picture, props) in enumerate(zip(found.results[1:], found.props[1:], strict=True)):
        x = LEFT + i * step
        _place(axes, picture, x, y, STRIP, INK)
        for k, (side, key, colour) in enumerate((("fg", "Foreground", FG_INK), ("bg", "Match", INK))):
            text = f"{side} {props[f'VSAlign{key}']}"
            axes.text(x + STRIP[0] / 2, y + STRIP[1] + 18 + 20 * k, text, size=11.5, color=colour, ha="center",
                      va="center")  # fmt: skip
        skipped = i and props["VSAlignMatch"] - found.props[i]["VSAlignMatch"] - 1
        if skipped:
            text = f"fg lacks {skipped} frames here: bg skips them"
            axes.text(
                x - (step - STRIP[0]) / 2, y + STRIP[1] + 66, text, size=11.5, color=CUT, ha="center", va="center"
            )
            axes.plot([x - (step - STRIP[0]) / 2] * 2, [y - 8, y + STRIP[1] + 52], color=CUT, linewidth=1.6)


def _place(axes: Any, picture: UInt8Array, x: float, y: float, box: tuple[int, int], edge: str) -> None:
    """Draw a picture in a box, whole and in its shape."""
    # Twice as fine as on paper, so that dense screens show it sharp.
    height, width = picture.shape[:2]
    shrunk = min(box[0] / width, box[1] / height)
    size = round(width * shrunk), round(height * shrunk)
    small = cv2.resize(picture, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_AREA)
    left, top = x + (box[0] - size[0]) / 2, y + (box[1] - size[1]) / 2
    axes.imshow(small, extent=(left, left + size[0], top + size[1], top), aspect="auto")
    axes.add_patch(Rectangle((left, top), *size, fill=False, edgecolor=edge, linewidth=2))


def main() -> None:
    """Write the picture to the path that is given, else to docs/overlay.png."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "overlay.png"
    # A palette makes the file a third as large.
    small = Image.fromarray(draw(overlay())).quantize(256)
    encoded = BytesIO()
    small.save(encoded, "PNG", optimize=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded.getvalue())


if __name__ == "__main__":
    main()
