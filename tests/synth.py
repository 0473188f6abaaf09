"""Clips with known content."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import vapoursynth as vs

Picture = npt.NDArray[np.float64]


def moving_pictures(count: int, width: int, height: int, seed: int = 0) -> list[Picture]:
    """Smooth random pictures, 0 to 1, that pan by a pixel a frame over a random landscape."""
    rng = np.random.default_rng(seed)
    landscape = rng.random((height + 4, width + count + 4))
    for axis in (0, 1):
        for _ in range(2):
            landscape = (landscape + np.roll(landscape, 1, axis) + np.roll(landscape, -1, axis)) / 3
    return [landscape[:height, i : i + width].copy() for i in range(count)]


def noise_pictures(count: int, width: int, height: int, seed: int = 0, strength: float = 0.03) -> list[Picture]:
    """A still picture under noise that differs from frame to frame."""
    rng = np.random.default_rng(seed)
    still = rng.random((height, width))
    return [np.clip(still + rng.normal(0, strength, still.shape), 0, 1) for _ in range(count)]


def clip_of(pictures: Sequence[Picture], format_id: int = vs.GRAY8, fps: tuple[int, int] = (24, 1)) -> vs.VideoNode:
    """Return a clip whose plane 0 shows the pictures, scaled to the range of the format; other planes are 0."""
    height, width = pictures[0].shape
    blank = vs.core.std.BlankClip(
        width=width, height=height, format=format_id, length=len(pictures), fpsnum=fps[0], fpsden=fps[1], keep=True
    )
    peak = 1 if blank.format.sample_type == vs.FLOAT else 2**blank.format.bits_per_sample - 1

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        plane = np.asarray(frame[0])
        plane[:] = pictures[n] * peak if peak == 1 else np.rint(pictures[n] * peak)
        return frame

    return blank.std.ModifyFrame(blank, paint)


def numbered_clip(length: int, format_id: int = vs.GRAY16, width: int = 16, height: int = 16) -> vs.VideoNode:
    """Return a clip whose pixels of plane 0 hold the frame number."""
    blank = vs.core.std.BlankClip(width=width, height=height, format=format_id, length=length, keep=True)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        np.asarray(frame[0])[:] = n
        return frame

    return blank.std.ModifyFrame(blank, paint)


def first_pixels(clip: vs.VideoNode) -> list[float]:
    """Return the first pixel of every frame."""
    return [float(np.asarray(frame[0])[0, 0]) for frame in clip.frames(close=True)]


def props_of(clip: vs.VideoNode, name: str) -> list[object]:
    """Return a prop of every frame."""
    return [frame.props[name] for frame in clip.frames(close=True)]
