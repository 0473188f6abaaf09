"""Draws docs/spatial.png: two versions of a photograph, the result, and both checkered with the reference.

The other version is bent, turned, moved, graded and grainy; `vs_align.spatial` lays it back. Needs matplotlib and the
extra `demo`:

    python scripts/spatial_picture.py [docs/spatial.png]
"""

import sys
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
from vs_align.io.array_types import AnyArray, UInt8Array

WIDTH, HEIGHT = 1240, 640
REF_SIZE, CLIP_SIZE = (540, 360), (600, 400)
THUMB = (372, 248)
LEFT, GAP, TOP, BELOW = 30, 32, 62, 382
DETAIL = np.s_[60:170, 100:365]
"""Rows and columns of ref that are shown checkered."""
TILE, ZOOM = 22, 2.16
INK, PALE, BAD, GOOD = "#1f2328", "#6e7781", "#bc4c00", "#0969da"


@dataclass(frozen=True)
class Versions:
    """What is drawn."""

    ref: UInt8Array
    clip: UInt8Array
    result: UInt8Array
    props: dict[str, Any]


def align() -> Versions:
    """Make the two versions and lay one on the other."""
    from skimage import data

    load: Any = data.coffee  # carries no types
    photograph = load()
    ref, clip = _seen(photograph, REF_SIZE, bent=False), _graded(_seen(photograph, CLIP_SIZE, bent=True))
    aligned = vs_align.spatial(_node(clip), _node(ref))
    with aligned.get_frame(0) as frame:
        result = np.stack([np.asarray(frame[plane]) for plane in range(3)], axis=-1)
        return Versions(ref, clip, result, dict(frame.props))


def _seen(photograph: AnyArray, size: tuple[int, int], *, bent: bool) -> UInt8Array:
    """Look at the photograph, straight on or through another lens, held askew."""
    height, width = photograph.shape[:2]
    # in widths of the picture, from its centre, so that a turn is a turn
    xs, ys = np.meshgrid(*((np.arange(side) + 0.5 - side / 2) / size[0] for side in size))
    if bent:
        turn, lens = np.radians(1.2), 0.985 * (1 + 0.08 * (xs**2 + ys**2))
        xs, ys = xs * lens, ys * lens
        xs, ys = np.cos(turn) * xs - np.sin(turn) * ys + 0.012, np.sin(turn) * xs + np.cos(turn) * ys - 0.008
    across, down = (
        (along * 0.9 * width + side / 2 - 0.5).astype(np.float32) for along, side in ((xs, width), (ys, height))
    )
    return np.asarray(cv2.remap(photograph, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.uint8)


def _graded(picture: UInt8Array) -> UInt8Array:
    """Return another scan of the picture: cooler, flatter, grainy."""
    grain = np.random.default_rng(1).normal(0, 0.012, (*picture.shape[:2], 1))
    values = (picture / 255) ** np.array([1.05, 0.95, 0.8]) * np.array([0.82, 0.88, 0.9]) + 0.06 + grain
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _node(picture: UInt8Array) -> vs.VideoNode:
    height, width = picture.shape[:2]
    blank = vs.core.std.BlankClip(width=width, height=height, format=vs.RGB24, length=1)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane in range(3):
            np.asarray(frame[plane])[:] = picture[..., plane]
        return frame

    return blank.std.ModifyFrame(blank, paint)


def draw(versions: Versions) -> UInt8Array:
    """Return the picture."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.axis("off")
    stretched = np.asarray(cv2.resize(versions.clip, REF_SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    top = (
        (versions.ref, "ref", "where things should be"),
        (versions.clip, "clip", "the picture you want, out of place"),
        (versions.result, "result", "clip's picture in ref's place"),
    )
    for i, (picture, name, meaning) in enumerate(top):
        x = LEFT + i * (THUMB[0] + GAP)
        axes.text(x, TOP - 24, name, size=17, weight="bold", color=INK, va="center")
        axes.text(x + THUMB[0], TOP - 23, meaning, size=11, color=PALE, ha="right", va="center")
        _place(axes, cv2.resize(picture, THUMB, interpolation=cv2.INTER_AREA), x, TOP, INK)
    below = ((stretched, BAD, "ref and clip, checkered"), (versions.result, GOOD, "ref and result, checkered"))
    for i, (picture, colour, caption) in enumerate(below):
        detail = _checkered(versions.ref[DETAIL], np.asarray(picture[DETAIL], np.uint8))
        x = LEFT + i * (WIDTH - 2 * LEFT - detail.shape[1])
        axes.text(x, BELOW - 22, caption, size=13, weight="bold", color=colour, va="center")
        axes.text(x + detail.shape[1], BELOW - 22, _numbers(versions)[i], size=11, color=PALE, ha="right", va="center")
        _place(axes, detail, x, BELOW, colour)
    # Pictures move the limits as they are drawn.
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    canvas: Any = FigureCanvasAgg(figure)  # its methods carry no types
    canvas.draw()
    return np.asarray(canvas.buffer_rgba(), np.uint8)[..., :3]


def _numbers(versions: Versions) -> tuple[str, str]:
    props = versions.props
    x, y, turn = (abs(props[f"VSAlign{name}"]) for name in ("ShiftX", "ShiftY", "Rotation"))
    return (
        f"off by {x:.1f} and {y:.1f} px, turned by {turn:.1f}°",
        f"off by {props['VSAlignResidual']:.2f} px (median)",
    )


def _checkered(first: UInt8Array, second: UInt8Array) -> UInt8Array:
    """Return tiles of two pictures in turn, larger."""
    rows, columns = (np.arange(side) // TILE for side in first.shape[:2])
    tiles = np.where(((rows[:, None] + columns) % 2 == 0)[..., None], first, second)
    return np.asarray(cv2.resize(tiles, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_LINEAR), np.uint8)


def _place(axes: Any, picture: AnyArray, x: float, y: float, edge: str) -> None:
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(x, x + width, y + height, y), interpolation="nearest", aspect="auto")
    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=edge, linewidth=2))


def main() -> None:
    """Write the picture to the path that is given, else to docs/spatial.png."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "spatial.png"
    # A palette makes the file a third as large.
    small = Image.fromarray(draw(align())).quantize(256)
    encoded = BytesIO()
    small.save(encoded, "PNG", optimize=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded.getvalue())


if __name__ == "__main__":
    main()
