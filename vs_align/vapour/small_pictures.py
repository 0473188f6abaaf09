"""Small pictures of all frames of a clip, asked for once and in order."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.media.small_pictures import SmallPicture

_TIMING = ("_DurationNum", "_DurationDen", "_AbsoluteTime")
# Frames by which a clip is recognised.
_SAMPLES = 12


def node_pictures(
    clip: vs.VideoNode, size: tuple[int, int], skip: int = 0, after: float = 0.0
) -> Iterator[SmallPicture]:
    """Yield the frames of a clip, shrunk to a size.

    Frames are `_AbsoluteTime` apart where they have it, else as long as their durations say, else counted at the frame
    rate.

    Args:
        clip: Of any constant format.
        size: Width and height.
        skip: How many frames to leave out at the beginning.
        after: The time of the last of those, in seconds since the first frame.
    """
    if skip >= clip.num_frames:
        return
    small = _small(clip, size)
    fps = float(clip.fps)
    stamped = _zero(clip) if not fps else None
    time = after
    length = 0.0 if not skip else _duration(small[skip - 1])
    for n, frame in enumerate(small[skip:].frames(close=True), skip):
        props: Any = frame.props
        if fps:
            time = n / fps
        elif stamped is not None and "_AbsoluteTime" in props:
            time = max(time, float(props["_AbsoluteTime"]) - stamped)
        elif n:
            time += length
        length = _length(props)
        planes = np.stack([np.asarray(frame[plane]) for plane in range(3)])
        yield SmallPicture(planes[0], planes[1:], time, int(props.get("_FieldBased", 0)) > 0)


def node_identity(clip: vs.VideoNode) -> str:
    """Return a text that is the same for clips that show the same, seen by their format and some of their frames."""
    step = max(1, clip.num_frames // _SAMPLES)
    numbers = list(range(step // 2, clip.num_frames, step))[:_SAMPLES]
    sums = hashlib.blake2b(digest_size=16)
    sums.update(repr((clip.format.name, clip.width, clip.height, clip.num_frames, clip.fps, numbers)).encode())
    some = vs.core.std.Splice([clip[n] for n in numbers], mismatch=True)
    for frame in some.frames(close=True):
        props: Any = frame.props
        sums.update(repr([props.get(name) for name in _TIMING]).encode())
        for plane in range(frame.format.num_planes):
            sums.update(np.ascontiguousarray(frame[plane]))
    return sums.hexdigest()


def _small(clip: vs.VideoNode, size: tuple[int, int]) -> vs.VideoNode:
    family = clip.format.color_family
    fields = clip.std.SetFieldBased(0)
    if family == vs.RGB:
        # the scaler trips over an RGB clip that says it is YUV
        small = fields.std.SetFrameProps(_Matrix=int(vs.MATRIX_RGB)).resize.Bicubic(
            *size, format=vs.YUV444P8, matrix_s="709"
        )
    elif family == vs.GRAY:
        # likewise over grey that says it is RGB
        small = fields.std.RemoveFrameProps("_Matrix").resize.Bicubic(*size, format=vs.YUV444P8, matrix_s="709")
    else:
        small = fields.resize.Bicubic(*size, format=vs.YUV444P8)
    return small.std.CopyFrameProps(clip, props=["_FieldBased"])


def _zero(clip: vs.VideoNode) -> float | None:
    for frame in clip[0].frames(close=True):
        props: Any = frame.props
        return float(props["_AbsoluteTime"]) if "_AbsoluteTime" in props else None
    return None


def _duration(clip: vs.VideoNode) -> float:
    return sum(_length(frame.props) for frame in clip.frames(close=True))


def _length(props: Any) -> float:
    """Seconds that a frame is shown for, a 25th where it does not say."""
    over, under = int(props.get("_DurationNum", 0)), int(props.get("_DurationDen", 0))
    return over / under if over > 0 and under > 0 else 0.04
