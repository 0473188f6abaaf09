"""Small pictures of all frames of a file, decoded once and in order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import dropwhile, islice
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np

from vs_align.errors import MediaError
from vs_align.io.array_types import UInt8Array
from vs_align.io.atomic_files import reason_of
from vs_align.measure.images.combing import is_combed
from vs_align.media.decoding import decoded_frames

LOOKED_AT = 4
"""Of so many frames one is looked at for combing."""

# Time stamps within so many seconds are the same.
_SAME = 1e-6
# Kinds of files that have an index and one clock; only there a frame is found by its time.
_INDEXED = frozenset({"mov", "matroska"})


@dataclass(frozen=True, slots=True, eq=False)
class SmallPicture:
    """A frame, made small.

    Args:
        luma: (height, width) of the size that was asked for.
        chroma: Two planes U and V of the same size.
        time: Time stamp in seconds since the first that there is, as the file says: NaN where it says none.
        interlaced: Whether the frame is said to hold two fields.
        combed: Whether its odd lines show another moment than its even ones; only some frames are looked at.
    """

    luma: UInt8Array
    chroma: UInt8Array
    time: float
    interlaced: bool
    combed: bool = False


def small_pictures(path: Path, size: tuple[int, int], skip: int = 0, after: float = 0.0) -> Iterator[SmallPicture]:
    """Decode the first video stream of a file and yield its frames, averaged to a size, upright as players show them.

    Args:
        path: The file.
        size: Width and height.
        skip: How many frames to leave out, which were read before.
        after: The time of the last of those; NaN where time stamps do not tell the place of a frame.

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
        # some containers have no index: all is decoded again
        with av.open(str(path)) as container:
            yield from _small(islice(_timed(_decoded(container), None), skip, None), size)
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be decoded: {reason_of(error)}.") from error


def _decoded(container: Any) -> Iterator[Any]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    return decoded_frames(container, stream)


def _after(container: Any, after: float) -> Iterator[tuple[Any, float]] | None:
    """Frames later than a time, found by the index of the container; None where that is not sure to be right."""
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
    # some land behind what was asked for
    if landed is None or landed.time is None or landed.time - zero > after + _SAME:
        return None
    later = dropwhile(lambda frame: frame.time is None or frame.time - zero <= after + _SAME, frames)
    return _timed(later, zero)


def _small(frames: Iterator[tuple[Any, float]], size: tuple[int, int]) -> Iterator[SmallPicture]:
    for number, (frame, time) in enumerate(frames):
        yield replace(made_small(frame, size, time), combed=number % LOOKED_AT == 0 and _is_combed(frame))


def _timed(frames: Iterator[Any], zero: float | None) -> Iterator[tuple[Any, float]]:
    """Yield frames with their times since a time stamp, None for that of the first that has one."""
    for frame in frames:
        if zero is None:
            zero = frame.time
        yield frame, nan if frame.time is None or zero is None else frame.time - zero


def made_small(frame: Any, size: tuple[int, int], time: float) -> SmallPicture:
    """Average a decoded frame, an `av.VideoFrame`, to a size, upright as players show it."""
    turned = frame.rotation % 360
    width, height = size if turned % 180 == 0 else size[::-1]
    levels = {} if frame.format.name.startswith("yuv") else {"dst_colorspace": "ITU709", "dst_color_range": "MPEG"}
    planes = frame.reformat(width, height, format="yuv444p", interpolation="AREA", **levels).to_ndarray()
    planes = planes.reshape(3, height, width)
    if turned:
        # counterclockwise, as the container says that players should turn it
        planes = np.ascontiguousarray(np.rot90(planes, round(turned / 90), axes=(1, 2)))
    return SmallPicture(planes[0], planes[1:], time, bool(frame.interlaced_frame))


def _is_combed(frame: Any) -> bool:
    """Whether a frame of 8 to 16 bits looks combed; False of formats without a plane of luma."""
    if not frame.format.name.startswith(("yuv", "gray", "nv")):
        return False
    depth, plane = frame.format.components[0].bits, frame.planes[0]
    pixels = np.frombuffer(plane, np.uint8 if depth == 8 else np.uint16).reshape(plane.height, -1)
    return is_combed(pixels[:, : plane.width], depth)
