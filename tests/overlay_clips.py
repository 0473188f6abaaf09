"""Clips that show numbers of frames, for tests of `overlay()`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import vapoursynth as vs

from tests.synth import numbered_clip
from vs_align.placement.placement import Placement, Scene, Transform
from vs_align.timeline.timeline import Timeline

core = vs.core
BG, FG = (32, 24), (16, 12)
LEFT, TOP = 9, 5
ABOVE = 1000
"""What is added to frame numbers of fg in its pixels."""


def placed(x: float = LEFT, y: float = TOP, scale: float = 1.0, first: int = 0, **more: Any) -> Scene:
    """Fg's top left corner at (x, y)."""
    matrix = ((scale, 0.0, x + (scale - 1) / 2), (0.0, scale, y + (scale - 1) / 2), (0.0, 0.0, 1.0))
    return Scene(first, Transform(matrix, BG, FG), **more)


PLACED = Placement(BG, FG, (placed(),))


def background(length: int, **more: Any) -> vs.VideoNode:
    return numbered_clip(length, width=BG[0], height=BG[1], **more)


def foreground(length: int) -> vs.VideoNode:
    return numbered_clip(length, width=FG[0], height=FG[1]).std.Expr(f"x {ABOVE} +")


def timeline(
    frames: Sequence[int | None], bg_length: int, bg_rate: Any = 24, fg_rate: Any = 24, **more: Any
) -> Timeline:
    return Timeline.from_frame_map(frames, clip_rate=bg_rate, ref_rate=fg_rate, clip_length=bg_length, **more)


def seen(clip: vs.VideoNode) -> list[tuple[int, int | None]]:
    """Numbers of the bg and fg frames in the pixels, which the props must tell too."""
    out = []
    for frame in clip.frames(close=True):
        pixels = np.asarray(frame[0])
        inside, outside = pixels[TOP : TOP + FG[1], LEFT : LEFT + FG[0]], pixels.copy()
        outside[TOP : TOP + FG[1], LEFT : LEFT + FG[0]] = outside[0, 0]
        assert inside.min() == inside.max()
        assert outside.min() == outside.max()
        below, above = int(outside[0, 0]), int(inside[0, 0]) - ABOVE
        assert frame.props["VSAlignMatch"] == below
        assert frame.props["VSAlignForeground"] == max(above, -1)
        out.append((below, above if above >= 0 else None))
    return out


def at_rate(clip: vs.VideoNode, rate: int) -> vs.VideoNode:
    return clip.std.AssumeFPS(fpsnum=rate)
