"""Description of a video file from its container, with checks for truncated and unreadable files."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import MediaError
from vs_align.media.containers import declared_bytes
from vs_align.media.decoding import decoded_frames
from vs_align.media.tracks import audio_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer

_TEXT_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}
"""Formats as which ffmpeg reads any text (ANSI art)."""
_NO_TIMESTAMPS = 0x80
"""ffmpeg's AVFMT_NOTIMESTAMPS."""
_TS_DISCONT = 0x200
"""ffmpeg's AVFMT_TS_DISCONT."""
_RAW_FORMATS = {"obu", "mjpeg"}
"""Formats without time stamps that lack the flag AVFMT_NOTIMESTAMPS."""
_SAME_RATE = 9e-4
"""Largest relative difference of equal frame rates; 23.976 and 24 frames per second differ by 1e-3."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """The first video stream of a file and the audio track that is read, as the container describes them."""

    path: Path
    width: int
    height: int
    fps: Fraction
    """Frames per second that the container or the stream declares; 0 if neither does, and of a still."""
    duration: float | None
    """Seconds from the first to the end of the last video or audio packet; None of a still."""
    frames: int | None
    """Number of frames; 1 of a still, None if the container does not declare it."""
    video_start: float
    """Time stamp of the first frame in seconds."""
    audio_codec: str | None
    """Codec of the audio track that is read (the one flagged default, else the first); None without audio."""
    rotation: int
    """Degrees by which players rotate the image counterclockwise."""
    interlaced: bool
    forced_fps: Fraction | None = None
    """Frames per second that replace the time stamps, as given by the user; None: the time stamps count."""
    restarts_forward: bool = False
    """Whether a jump forward of time stamps may restart the clock, as in MPEG streams."""
    alpha_mode: bool = False
    """Whether the container declares alpha; not every decoder outputs it."""

    @property
    def is_still(self) -> bool:
        """Whether there is one frame only, which has neither a rate nor a duration."""
        return self.frames == 1


def probe(path: str | Path, fps: Fraction | None = None) -> VideoFile:
    """Describe a video file, and raise if it is truncated or unreadable.

    Args:
        path: The file.
        fps: Frames per second, above 0, that replace its time stamps; None: the time stamps count.

    Raises:
        MediaError: The file is missing, no video, without a video stream or truncated, its first frame cannot be
            decoded, or it is a raw stream without a frame rate and `fps` is None. The message names the file.
    """
    import av

    path = Path(path).absolute()
    _check_file(path)
    try:
        with av.open(str(path)) as container:
            if container.format.name in _TEXT_FORMATS:
                raise MediaError(f"{path.name} is not a video, it is text.")
            _check_whole(path, container)
            return _describe(path, container, fps)
    except av.FFmpegError as error:
        raise MediaError(_unreadable(path, error)) from error


def _check_file(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise MediaError(f"{path.name!a} has a name that is not valid UTF-8: rename it first.") from None
    if path.is_dir():
        raise MediaError(f"{path} is a folder, not a video.")
    if not path.exists():
        raise MediaError(f"{path} does not exist.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error
    if empty:
        raise MediaError(f"{path.name} is empty.")


def _unreadable(path: Path, error: Exception) -> str:
    promised = declared_bytes(path)
    if promised is not None and promised > path.stat().st_size:
        return f"{path.name} is truncated: {_bytes_missing(path, promised)}."
    with path.open("rb") as file:
        is_mp4 = file.read(12)[4:8] == b"ftyp"
    if is_mp4:
        return f"{path.name} is truncated or was never finished: its list of frames (moov) is missing."
    reason = getattr(error, "strerror", None) or error
    return f"{path.name} is not a video that can be read: {reason}."


def _bytes_missing(path: Path, promised: int) -> str:
    return f"its header promises {promised} bytes, {path.stat().st_size} are there"


def _check_whole(path: Path, container: "InputContainer") -> None:
    promised = declared_bytes(path)
    if promised is None or promised <= path.stat().st_size:
        return
    if container.duration is None or not container.streams.video:
        raise MediaError(f"{path.name} is truncated: {_bytes_missing(path, promised)}.")
    readable = _readable_seconds(container)
    raise MediaError(
        f"{path.name} is truncated: its header promises {container.duration / 1e6:.1f} s, {readable:.1f} s can be read."
    )


def _readable_seconds(container: "InputContainer") -> float:
    import av

    stream = container.streams.video[0]
    first = last = None
    try:
        for packet in container.demux(stream):
            if packet.pts is None:
                continue
            first = packet.pts if first is None else min(first, packet.pts)
            end = packet.pts + (packet.duration or 0)
            last = end if last is None else max(last, end)
    except av.FFmpegError:
        # the end of the truncated file; the packets before it count
        pass
    if first is None or last is None or stream.time_base is None:
        return 0.0
    return float((last - first) * stream.time_base)


def _describe(path: Path, container: "InputContainer", forced: Fraction | None) -> VideoFile:
    if not container.streams.video:
        raise MediaError(f"{path.name} has no video stream.")
    video: Any = container.streams.video[0]
    sound: Any = audio_stream(container) if container.streams.audio else None
    decoded = decoded_frames(container, video)
    frame = next(decoded, None)
    if frame is None:
        raise MediaError(f"{path.name} has a video stream, but not one frame of it can be decoded.")
    still = video.frames <= 1 and _ends(decoded)
    fps = Fraction(0) if still else forced or nominal_rate(container, video)
    if not fps and not still and _is_raw(container):
        raise MediaError(
            f"{path.name} is a raw stream that names no frame rate: say it with --clip-fps, --ref-fps, --bg-fps or "
            "--fg-fps."
        )
    return VideoFile(
        path=path,
        width=frame.width,
        height=frame.height,
        fps=fps,
        duration=None if still or container.duration is None else container.duration / 1e6,
        frames=1 if still else video.frames or None,
        video_start=_seconds(video) if frame.time is None else float(frame.time),
        audio_codec=None if sound is None else str(sound.codec_context.codec.canonical_name),
        rotation=int(frame.rotation),
        interlaced=bool(frame.interlaced_frame),
        forced_fps=forced,
        restarts_forward=bool(container.format.flags & _TS_DISCONT),
        alpha_mode=video.metadata.get("alpha_mode") == "1",
    )


def _ends(frames: "Iterator[Any]") -> bool:
    """Return whether there are no more frames."""
    import av

    try:
        return next(frames, None) is None
    except av.FFmpegError:
        # there are more; reading them later reports the error
        return False


def nominal_rate(container: "InputContainer", video: Any) -> Fraction:
    """Return the frame rate that a container, or a raw stream, declares; 0 if there is none.

    Args:
        container: An opened file.
        video: One of its video streams.
    """
    if _is_raw(container):
        # the rate of the container is a default of ffmpeg
        return Fraction(video.codec_context.framerate or 0)
    average, guessed = Fraction(video.average_rate or 0), Fraction(video.guessed_rate or 0)
    if average and guessed and abs(guessed / average - 1) < _SAME_RATE:
        # the average is computed from rounded time stamps
        return guessed
    return average or guessed


def _is_raw(container: "InputContainer") -> bool:
    return bool(container.format.flags & _NO_TIMESTAMPS) or container.format.name in _RAW_FORMATS


def _seconds(stream: Any) -> float:
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)
