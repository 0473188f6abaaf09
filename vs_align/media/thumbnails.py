"""Thumbnails of all frames of a file, decoded once in display order, with detection of combing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import dropwhile, islice
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np

from vs_align.errors import MediaError
from vs_align.io.array_types import UInt8Array
from vs_align.io.atomic_files import error_reason
from vs_align.media.combing import is_combed
from vs_align.media.decoding import decoded_frames

LOOKED_AT = 4
"""Every n-th frame is checked for combing."""

_SAME_TIME = 1e-6
"""Seconds below which two time stamps are equal; far below any time base."""
_INDEXED = frozenset({"mov", "matroska"})
"""Formats with an index and one clock, in which seeking by time stamp is exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """A downscaled frame.

    Args:
        luma: (height, width), uint8, limited range.
        chroma: (2, height, width), uint8: planes U and V.
        time: Seconds from the first time stamp of the file; NaN without a time stamp.
        interlaced: Whether the frame is flagged as interlaced.
        combed: Whether its odd and even lines show different moments; only every `LOOKED_AT`-th frame is checked.
    """

    luma: UInt8Array
    chroma: UInt8Array
    time: float
    interlaced: bool
    combed: bool = False


def read_thumbnails(path: Path, size: tuple[int, int], skip: int = 0, after: float = 0.0) -> Iterator[Thumbnail]:
    """Decode the first video stream of a file and yield thumbnails (area average), rotated as players show them.

    Args:
        path: The file.
        size: Width and height in pixels.
        skip: Number of frames to skip, because they were read before.
        after: Time of the last of those in seconds; NaN if frames cannot be found by time stamp.

    Raises:
        MediaError: The file cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError(f"{path.name} has no video stream.")
            if not skip:
                yield from _small(_timed(_decoded(container), None), size)
                return
            frames = _after(container, after)
            if frames is not None:
                yield from _small(frames, size)
                return
        # without an index everything is decoded again
        with av.open(str(path)) as container:
            yield from _small(islice(_timed(_decoded(container), None), skip, None), size)
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be decoded: {error_reason(error)}.") from error


def _decoded(container: Any) -> Iterator[Any]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    return decoded_frames(container, stream)


def _after(container: Any, after: float) -> Iterator[tuple[Any, float]] | None:
    """Return the frames after a time by seeking in the container; None if seeking may be inexact."""
    import av

    stream = container.streams.video[0]
    if isnan(after) or not stream.time_base or container.format.name.split(",")[0] not in _INDEXED:
        return None
    zero = getattr(next(_decoded(container), None), "time", None)
    if zero is None:
        return None
    try:
        container.seek(int((zero + after) / stream.time_base), stream=stream)
        frames = decoded_frames(container, stream)
        landed = next(frames, None)
    except av.FFmpegError:
        return None
    # some demuxers seek to a later position
    if landed is None or landed.time is None or landed.time - zero > after + _SAME_TIME:
        return None
    later = dropwhile(lambda frame: frame.time is None or frame.time - zero <= after + _SAME_TIME, frames)
    return _timed(later, zero)


def _small(frames: Iterator[tuple[Any, float]], size: tuple[int, int]) -> Iterator[Thumbnail]:
    for number, (frame, time) in enumerate(frames):
        yield replace(make_thumbnail(frame, size, time), combed=number % LOOKED_AT == 0 and _is_combed(frame))


def _timed(frames: Iterator[Any], zero: float | None) -> Iterator[tuple[Any, float]]:
    """Yield frames with their times since a time stamp, None for that of the first that has one."""
    for frame in frames:
        if zero is None:
            zero = frame.time
        yield frame, nan if frame.time is None or zero is None else frame.time - zero


def make_thumbnail(frame: Any, size: tuple[int, int], time: float) -> Thumbnail:
    """Downscale an `av.VideoFrame` by area average, rotated as players show it."""
    turned = frame.rotation % 360
    width, height = size if turned % 180 == 0 else size[::-1]
    levels = {} if frame.format.name.startswith("yuv") else {"dst_colorspace": "ITU709", "dst_color_range": "MPEG"}
    planes = frame.reformat(width, height, format="yuv444p", interpolation="AREA", **levels).to_ndarray()
    planes = planes.reshape(3, height, width)
    if turned:
        # counterclockwise, by the rotation that the container declares
        planes = np.ascontiguousarray(np.rot90(planes, round(turned / 90), axes=(1, 2)))
    return Thumbnail(planes[0], planes[1:], time, bool(frame.interlaced_frame))


def _is_combed(frame: Any) -> bool:
    """Return whether a frame of 8 to 16 bits is combed; False for formats without a luma plane."""
    if not frame.format.name.startswith(("yuv", "gray", "nv")):
        return False
    depth, plane = frame.format.components[0].bits, frame.planes[0]
    pixels = np.frombuffer(plane, np.uint8 if depth == 8 else np.uint16).reshape(plane.height, -1)
    return is_combed(pixels[:, : plane.width], depth)
