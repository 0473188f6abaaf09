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
            stream: Any = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame, time in _frames(container, stream, skip, after):
                yield _made_small(frame, size, time)
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be decoded: {error}.") from error


def _frames(container: Any, stream: Any, skip: int, after: float) -> Iterator[tuple[Any, float]]:
    """Yield frames with their times, without those that are to be skipped."""
    zero: float | None = None
    frames = container.decode(stream)
    if skip:
        first = next(frames, None)
        zero = None if first is None else first.time
        if zero is not None and stream.time_base:
            container.seek(int((zero + after) / stream.time_base), stream=stream)
            frames = container.decode(stream)
            landed = next(frames, None)
            # some containers have no index, and land behind what was asked for
            if landed is not None and landed.time is not None and landed.time - zero <= after + _SAME:
                yield from _timed(frames, zero, stream, skip, after)
                return
        container.seek(0)
        frames = container.decode(stream)
        for _ in range(skip):
            next(frames, None)
        yield from _timed(frames, zero, stream, skip, -1.0)
        return
    yield from _timed(frames, None, stream, 0, -1.0)


def _timed(frames: Any, zero: float | None, stream: Any, number: int, after: float) -> Iterator[tuple[Any, float]]:
    """Yield frames later than a time with their times; frames without a time stamp are counted."""
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    last = after
    for frame in frames:
        if frame.time is not None:
            zero = frame.time if zero is None else zero
            time = frame.time - zero
            if time <= after + _SAME and after >= 0:
                continue
        else:
            time = number / rate
        # time stamps may stand still or step back in broken files, time does not
        last = max(last, time)
        number += 1
        yield frame, last


def _made_small(frame: Any, size: tuple[int, int], time: float) -> SmallPicture:
    turned = frame.rotation % 360
    width, height = size if turned % 180 == 0 else size[::-1]
    planes = frame.reformat(width, height, format="yuv444p", interpolation="AREA").to_ndarray()
    planes = planes.reshape(3, height, width)
    if turned:
        # counterclockwise, as the container says that players should turn it
        planes = np.ascontiguousarray(np.rot90(planes, round(turned / 90), axes=(1, 2)))
    return SmallPicture(planes[0], planes[1:], time, bool(frame.interlaced_frame))
