"""Clips with known content."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import vapoursynth as vs

from vs_align.io.array_types import Float64Array


def moving_pictures(count: int, width: int, height: int, seed: int = 0) -> list[Float64Array]:
    """Smooth random pictures, 0 to 1, that pan by a pixel a frame over a random landscape."""
    rng = np.random.default_rng(seed)
    landscape = rng.random((height + 4, width + count + 4))
    for axis in (0, 1):
        for _ in range(2):
            landscape = (landscape + np.roll(landscape, 1, axis) + np.roll(landscape, -1, axis)) / 3
    return [landscape[:height, i : i + width].copy() for i in range(count)]


def noise_pictures(count: int, width: int, height: int, seed: int = 0, strength: float = 0.03) -> list[Float64Array]:
    """A still picture under noise that differs from frame to frame."""
    rng = np.random.default_rng(seed)
    still = rng.random((height, width))
    return [np.clip(still + rng.normal(0, strength, still.shape), 0, 1) for _ in range(count)]


def clip_of(
    pictures: Sequence[Float64Array], format_id: int = vs.GRAY8, fps: tuple[int, int] = (24, 1)
) -> vs.VideoNode:
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


def texture(u: npt.ArrayLike, v: npt.ArrayLike, seed: int = 0, finest: float = 5.0) -> Float64Array:
    """A picture that is known at every position, 0.1 to 0.9: waves of random directions and lengths, none repeated.

    Args:
        u: Positions in pixels.
        v: Likewise.
        seed: Which picture.
        finest: Length of the shortest wave in pixels.
    """
    rng = np.random.default_rng(seed)
    count = 48
    lengths = finest * np.geomspace(1, 12, count) * rng.uniform(1, 1.1, count)
    angles, phases = rng.uniform(0, np.pi, count), rng.uniform(0, 2 * np.pi, count)
    x, y = np.asarray(u, np.float64), np.asarray(v, np.float64)
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for length, angle, phase in zip(lengths, angles, phases, strict=True):
        k = 2 * np.pi / length
        total += np.cos((k * np.cos(angle)) * x + (k * np.sin(angle)) * y + phase)
    out: Float64Array = 0.5 + 0.4 * np.tanh(total / np.sqrt(count))
    return out


def coloured(luma: Float64Array) -> Float64Array:
    """Paint in three channels, shape (height, width, 3), each a straight function of what is given."""
    return np.stack([0.05 + 0.9 * luma, 0.1 + 0.8 * luma, 0.9 - 0.3 * luma], axis=-1)


def rgb_clip_of(
    pictures: Sequence[Float64Array], format_id: int = vs.RGBS, fps: tuple[int, int] = (24, 1)
) -> vs.VideoNode:
    """Return an RGB clip of pictures of shape (height, width) or (height, width, 3), 0 to 1 scaled to full range."""
    height, width = pictures[0].shape[:2]
    blank = vs.core.std.BlankClip(
        width=width, height=height, format=format_id, length=len(pictures), fpsnum=fps[0], fpsden=fps[1], keep=True
    )
    peak = 1 if blank.format.sample_type == vs.FLOAT else 2**blank.format.bits_per_sample - 1

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for plane in range(3):
            values = pictures[n] if pictures[n].ndim == 2 else pictures[n][..., plane]
            np.asarray(frame[plane])[:] = values if peak == 1 else np.rint(np.clip(values, 0, 1) * peak)
        return frame

    return blank.std.ModifyFrame(blank, paint)


def planes_of(frame: vs.VideoFrame) -> Float64Array:
    """Return the planes of a frame, shape (height, width, planes)."""
    return np.stack([np.asarray(frame[plane], np.float64) for plane in range(frame.format.num_planes)], axis=-1)


def grid(width: int, height: int) -> tuple[Float64Array, Float64Array]:
    """Return x and y of each pixel, shape (height, width)."""
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    return xs, ys
