"""Small pictures of all frames of a file, decoded once and in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vs_align.errors import MediaError

# Time stamps within so many seconds are the same.
_SAME = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class SmallPicture:
    """A frame, made small.

    Args:
        luma: (height, width) of the size that was asked for.
        chroma: Two planes U and V of the same size.
        time: Seconds since the first frame.
        interlaced: Whether the frame is said to hold two fields.
    """

    luma: npt.NDArray[np.uint8]
    chroma: npt.NDArray[np.uint8]
    time: float
    interlaced: bool


def small_pictures(path: Path, size: tuple[int, int], skip: int = 0, after: float = 0.0) -> Iterator[SmallPicture]:
    """Decode the first video stream of a file and yield its frames, averaged to a size, upright as players show them.

    Args:
        path: The file.
        size: Width and height.
        skip: How many frames to leave out, which were read before.
        after: The time of the last of those, in seconds since the first frame.

    Raises:
        MediaError: The file cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError(f"{path.name} has no video stream.")
            if not skip:
                yield from _small(_timed(_decoded(container), container, 0, None, -1.0), size)
                return
            frames = _after(container, skip, after)
            if frames is not None:
                yield from _small(frames, size)
                return
        # some containers have no index: all is decoded again
        with av.open(str(path)) as container:
            frames = _decoded(container)
            zero = getattr(next(frames, None), "time", None)
            for _ in range(skip - 1):
                next(frames, None)
            yield from _small(_timed(frames, container, skip, zero, after), size)
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be decoded: {error}.") from error


def _decoded(container: Any) -> Iterator[Any]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    frames: Iterator[Any] = container.decode(stream)
    return frames


def _after(container: Any, skip: int, after: float) -> Iterator[tuple[Any, float]] | None:
    """Frames later than a time, found by the index of the container; None where it has none."""
    import av

    stream = container.streams.video[0]
    zero = getattr(next(_decoded(container), None), "time", None)
    if zero is None or not stream.time_base:
        return None
    try:
        container.seek(int((zero + after) / stream.time_base), stream=stream)
        frames = container.decode(stream)
        landed = next(frames, None)
    except av.FFmpegError:
        return None
    # some land behind what was asked for
    if landed is None or landed.time is None or landed.time - zero > after + _SAME:
        return None
    later = (frame for frame in frames if frame.time is None or frame.time - zero > after + _SAME)
    return _timed(later, container, skip, zero, after)


def _small(frames: Iterator[tuple[Any, float]], size: tuple[int, int]) -> Iterator[SmallPicture]:
    for frame, time in frames:
        yield _made_small(frame, size, time)


def _timed(
    frames: Iterator[Any], container: Any, number: int, zero: float | None, last: float
) -> Iterator[tuple[Any, float]]:
    """Yield frames with their times; frames without a time stamp are counted.

    Args:
        frames: The frames.
        container: Where they come from.
        number: Number of the first of them.
        zero: Time stamp of the first frame of the file, None where these begin with it.
        last: Time of the frame before; less than 0 where there is none.
    """
    stream = container.streams.video[0]
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    for frame in frames:
        if frame.time is not None:
            zero = frame.time if zero is None else zero
            time = frame.time - zero
        else:
            time = number / rate
        # time stamps may stand still or step back in broken files, time does not
        last = max(last, time)
        number += 1
        yield frame, last


def _made_small(frame: Any, size: tuple[int, int], time: float) -> SmallPicture:
    turned = frame.rotation % 360
    width, height = size if turned % 180 == 0 else size[::-1]
    levels = {} if frame.format.name.startswith("yuv") else {"dst_colorspace": "ITU709", "dst_color_range": "MPEG"}
    planes = frame.reformat(width, height, format="yuv444p", interpolation="AREA", **levels).to_ndarray()
    planes = planes.reshape(3, height, width)
    if turned:
        # counterclockwise, as the container says that players should turn it
        planes = np.ascontiguousarray(np.rot90(planes, round(turned / 90), axes=(1, 2)))
    return SmallPicture(planes[0], planes[1:], time, bool(frame.interlaced_frame))
