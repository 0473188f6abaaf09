"""The clock of a file, by which its subtitles and chapters are timed."""

from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError

# ffmpeg's AVFMT_TS_DISCONT: time stamps of such formats (MPEG transport and program streams) begin anywhere.
_BEGINS_ANYWHERE = 0x0200
# AVI says when packets are decoded, which is later than they are shown where frames change places.
_DECODING_TIMES = "avi"
_MICROSECONDS = 1_000_000
_FRAMES = 240  # whose time stamps tell what rounding took away
_REORDERED = 16  # frames by which packets may be out of order
_UNKNOWN = Fraction(0)


def clock_zero(path: Path) -> float:
    """Return the time stamp at which players begin to count, in seconds.

    0 for containers whose time stamps count from the beginning, such as Matroska and MP4. Time stamps of MPEG
    transport and program streams begin anywhere: there players count from the first time stamp of image or audio.

    Raises:
        MediaError: The file cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            return _zero(container)
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be read: {error}.") from error


def first_image_time(path: Path, rate: Fraction = _UNKNOWN) -> float:
    """Return when the first frame of a video is shown, in seconds of the clock of players; see `clock_zero`.

    Audio often begins before the images, so that this is above 0. It is 0 where frames have no time stamps.

    Args:
        path: The video.
        rate: Frames per second where all frames come at one rate: then what containers take away by rounding time
            stamps, a half of a millisecond in Matroska, is put back, so that frame n is shown n / rate later. 0 where
            the rate is variable or unknown: the time stamp as it is.

    Raises:
        MediaError: The file cannot be read or has no frames.
    """
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError(f"{path.name} has no video stream.")
            first, zero = _first_image(container, path), _zero(container)
            stamps = _stamps(path) if rate else []
            tick = float(container.streams.video[0].time_base or 0)
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be read: {error}.") from error
    return _unrounded(first, stamps, float(rate), tick) - zero


def _first_image(container: Any, path: Path) -> float:
    stream = container.streams.video[0]
    frame = next(container.decode(stream), None)
    if frame is None:
        raise MediaError(f"{path.name} has not one frame that can be decoded.")
    if frame.time is not None and container.format.name != _DECODING_TIMES:
        return float(frame.time)
    return 0.0 if stream.start_time is None else float(stream.start_time * stream.time_base)


def _stamps(path: Path) -> list[float]:
    """Time stamps of the first frames in rising order, none where one is missing. Nothing is decoded."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in islice(container.demux(stream), _FRAMES + _REORDERED) if packet.size]
        base = stream.time_base
    if base is None or any(packet.pts is None for packet in packets):
        return []
    return sorted(float(packet.pts * base) for packet in packets if packet.pts is not None)[:_FRAMES]


def _unrounded(first: float, stamps: list[float], rate: float, tick: float) -> float:
    """The first time stamp before it was rounded, as far as the others tell."""
    shown = [stamp for stamp in stamps if stamp > first - tick / 2]
    if not shown or abs(shown[0] - first) > tick / 2:
        return first
    places = [stamp - n / rate for n, stamp in enumerate(shown)]
    low, high = max(places) - tick / 2, min(places) + tick / 2
    return (low + high) / 2 if low < high else first


def _zero(container: Any) -> float:
    if not container.format.flags & _BEGINS_ANYWHERE or container.start_time is None:
        return 0.0
    return float(container.start_time / _MICROSECONDS)
