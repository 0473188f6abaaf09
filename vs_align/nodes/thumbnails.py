"""Thumbnails of all frames of a node, read once in order; and a hash that identifies a node."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.media.combing import is_combed
from vs_align.media.thumbnails import LOOKED_AT, Thumbnail, make_thumbnail

_TIMING = ("_DurationNum", "_DurationDen", "_AbsoluteTime")
# Subsampling and depth of the formats that libav reads without conversion.
_SAMPLINGS = {(0, 0): "444", (1, 0): "422", (1, 1): "420"}
_DEPTHS = (8, 9, 10, 12, 14, 16)
_ENDIAN = "le" if sys.byteorder == "little" else "be"
_SAMPLES = 12
"""Number of frames that are hashed to identify a clip: reading more delays every call."""


def node_thumbnails(
    clip: vs.VideoNode, size: tuple[int, int], skip: int = 0, after: float = 0.0
) -> Iterator[Thumbnail]:
    """Yield the frames of a clip, downscaled.

    At a variable frame rate the time of a frame is its prop `_AbsoluteTime`, else the sum of the durations before it;
    at a constant rate its number divided by the rate.

    Args:
        clip: Of any constant format.
        size: Width and height.
        skip: Number of frames to leave out at the beginning.
        after: Time of the last frame left out, in seconds since the first frame.
    """
    if skip >= clip.num_frames:
        return
    small = _readable(clip)
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
        picture = make_thumbnail(_decoded(frame), size, time)
        combed = n % LOOKED_AT == 0 and is_combed(np.asarray(frame[0]), frame.format.bits_per_sample)
        yield replace(picture, interlaced=int(props.get("_FieldBased", 0)) > 0, combed=combed)


def node_identity(clip: vs.VideoNode) -> str:
    """Return a hash of the format, length, rate and `_SAMPLES` frames of a clip, as hexadecimal text."""
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


def _readable(clip: vs.VideoNode) -> vs.VideoNode:
    """Return the clip in a format that libav reads, so that nodes and files give the same thumbnails."""
    if _av_format(clip.format) is not None:
        return clip
    fields, family = clip.std.SetFieldBased(0), clip.format.color_family
    if family == vs.RGB:
        # zimg rejects RGB with a YUV matrix
        readable = fields.std.SetFrameProps(_Matrix=int(vs.MATRIX_RGB)).resize.Bicubic(
            format=vs.YUV444P8, matrix_s="709"
        )
    elif family == vs.GRAY:
        # zimg rejects gray with the matrix of RGB
        readable = fields.std.RemoveFrameProps("_Matrix").resize.Bicubic(format=vs.YUV444P8, matrix_s="709")
    else:
        readable = fields.resize.Bicubic(format=vs.YUV444P8)
    return readable.std.CopyFrameProps(clip, props=["_FieldBased", *_TIMING])


def _av_format(known: vs.VideoFormat) -> str | None:
    """Return the libav name of a format; None if there is none, or if its conversion would depend on frame props."""
    sampling = _SAMPLINGS.get((known.subsampling_w, known.subsampling_h))
    if known.color_family != vs.YUV or known.sample_type != vs.INTEGER or sampling is None:
        return None
    if known.bits_per_sample not in _DEPTHS:
        return None
    return f"yuv{sampling}p" + ("" if known.bits_per_sample == 8 else f"{known.bits_per_sample}{_ENDIAN}")


def _decoded(frame: vs.VideoFrame) -> Any:
    """Return a frame as `av.VideoFrame`."""
    import av

    out = av.VideoFrame(frame.width, frame.height, _av_format(frame.format) or "")
    for number, plane in enumerate(out.planes):
        pixels = np.asarray(frame[number])
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        rows[: len(pixels), : pixels.shape[1] * pixels.itemsize] = np.ascontiguousarray(pixels).view(np.uint8)
    return out


def _zero(clip: vs.VideoNode) -> float | None:
    for frame in clip[0].frames(close=True):
        props: Any = frame.props
        return float(props["_AbsoluteTime"]) if "_AbsoluteTime" in props else None
    return None


def _duration(clip: vs.VideoNode) -> float:
    return sum(_length(frame.props) for frame in clip.frames(close=True))


def _length(props: Any) -> float:
    """Return the duration of a frame in seconds, 1/25 if unknown."""
    over, under = int(props.get("_DurationNum", 0)), int(props.get("_DurationDen", 0))
    return over / under if over > 0 and under > 0 else 0.04
