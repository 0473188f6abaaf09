"""Start of a file's timeline as players count it, to which subtitles and chapters refer."""

from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError

_ARBITRARY_START = 0x0200
"""ffmpeg's AVFMT_TS_DISCONT: time stamps of MPEG transport and program streams begin at any value."""
_DECODING_TIMES = "avi"
"""The format whose time stamps are decoding times, which differ from display times if frames are reordered."""
_MICROSECONDS = 1_000_000
"""Per second: unit of `container.start_time` (AV_TIME_BASE)."""
_FRAMES = 240
"""Frames whose time stamps are used to undo rounding; more narrow the result and take longer to read."""
_REORDERED = 16
"""Frames by which packets may be out of order: the largest delay that H.264 and HEVC allow."""
_UNKNOWN = Fraction(0)


def playback_zero(path: Path) -> float:
    """Return the time stamp that players show as 0, in seconds.

    It is 0 for containers such as Matroska and MP4. For MPEG transport and program streams, whose time stamps begin at
    any value, it is the first time stamp of video or audio.

    Raises:
        MediaError: The file cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            return _zero(container)
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be read: {error}.") from error


def first_frame_time(path: Path, rate: Fraction = _UNKNOWN) -> float:
    """Return the time of the first frame in seconds since `playback_zero`.

    Audio often begins before the first frame, so that this is above 0. It is 0 if frames have no time stamps.

    Args:
        path: The video.
        rate: Frames per second if it is constant: then the rounding of time stamps (up to half a millisecond in
            Matroska) is undone, so that frame n is shown n / rate later. 0 if the rate is variable or unknown: the
            time stamp is returned as it is.

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
    """Return the time stamps of the first frames, ascending; an empty list if one is missing. Nothing is decoded."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in islice(container.demux(stream), _FRAMES + _REORDERED) if packet.size]
        base = stream.time_base
    if base is None or any(packet.pts is None for packet in packets):
        return []
    return sorted(float(packet.pts * base) for packet in packets if packet.pts is not None)[:_FRAMES]


def _unrounded(first: float, stamps: list[float], rate: float, tick: float) -> float:
    """Return the first time stamp before rounding: the center of the interval that agrees with all time stamps."""
    shown = [stamp for stamp in stamps if stamp > first - tick / 2]
    if not shown or abs(shown[0] - first) > tick / 2:
        return first
    places = [stamp - n / rate for n, stamp in enumerate(shown)]
    low, high = max(places) - tick / 2, min(places) + tick / 2
    return (low + high) / 2 if low < high else first


def _zero(container: Any) -> float:
    if not container.format.flags & _ARBITRARY_START or container.start_time is None:
        return 0.0
    return float(container.start_time / _MICROSECONDS)
