"""What is in a video file, said before any work is begun."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import MediaError
from vs_align.media.containers import promised_bytes

if TYPE_CHECKING:
    from av.container import InputContainer

# ffmpeg reads any text as ANSI art, and that is never what was meant.
_TEXT_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}


@dataclass(frozen=True, slots=True)
class VideoFile:
    """The first video stream of a file and its first sound track, as the container describes them."""

    path: Path
    width: int
    height: int
    fps: Fraction
    """Average frames per second, 0 where the container does not say."""
    duration: float | None
    """Seconds from the first to the end of the last picture or sound."""
    frames: int | None
    """Number of frames, where the container counts them."""
    video_start: float
    """Time stamp of the first frame in seconds."""
    audio_codec: str | None
    """Name of the codec of the first sound track, None without one."""
    audio_start: float
    """Time stamp of the first sound in seconds, 0 without any."""
    rotation: int
    """Degrees by which players turn the picture counterclockwise."""
    interlaced: bool


def probe(path: str | Path) -> VideoFile:
    """Look into a file and make sure that it is a whole video.

    Args:
        path: The file.

    Raises:
        MediaError: There is no such file, it is no video, has no video stream, is cut off, or its first frame cannot
            be decoded. The message names the file.
    """
    import av

    path = Path(path).absolute()
    _check_file(path)
    try:
        with av.open(str(path)) as container:
            if container.format.name in _TEXT_FORMATS:
                raise MediaError(f"{path.name} is not a video, it is text.")
            _check_whole(path, container)
            return _describe(path, container)
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
    promised = promised_bytes(path)
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
    promised = promised_bytes(path)
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
        # The cut itself; what came before it is the answer.
        pass
    if first is None or last is None or stream.time_base is None:
        return 0.0
    return float((last - first) * stream.time_base)


def _describe(path: Path, container: "InputContainer") -> VideoFile:
    if not container.streams.video:
        raise MediaError(f"{path.name} has no video stream.")
    video: Any = container.streams.video[0]
    sound: Any = container.streams.audio[0] if container.streams.audio else None
    frame = next(container.decode(video), None)
    if frame is None:
        raise MediaError(f"{path.name} has a video stream, but not one frame of it can be decoded.")
    return VideoFile(
        path=path,
        width=frame.width,
        height=frame.height,
        fps=Fraction(video.average_rate or video.guessed_rate or 0),
        duration=None if container.duration is None else container.duration / 1e6,
        frames=video.frames or None,
        video_start=_seconds(video),
        audio_codec=None if sound is None else str(sound.codec_context.codec.canonical_name),
        audio_start=0.0 if sound is None else _seconds(sound),
        rotation=int(frame.rotation),
        interlaced=bool(frame.interlaced_frame),
    )


def _seconds(stream: Any) -> float:
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)
