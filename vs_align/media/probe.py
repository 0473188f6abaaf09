"""What is in a video file, said before any work is begun."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import MediaError
from vs_align.media.containers import promised_bytes
from vs_align.media.decoding import decoded_frames
from vs_align.media.tracks import audio_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer

# ffmpeg reads any text as ANSI art, and that is never what was meant.
_TEXT_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}
# Flags of ffmpeg's formats: AVFMT_NOTIMESTAMPS, AVFMT_TS_DISCONT; and what has no time stamps but lacks the flag.
_NO_TIMESTAMPS, _TS_DISCONT = 0x80, 0x200
_RAW_FORMATS = {"obu", "mjpeg"}
# Less than what lies between 23.976 and 24 frames per second.
_SAME_RATE = 9e-4


@dataclass(frozen=True, slots=True)
class VideoFile:
    """The first video stream of a file and the audio track that is read, as the container describes them."""

    path: Path
    width: int
    height: int
    fps: Fraction
    """Frames per second as the container or the stream says, 0 where neither does, and of a still."""
    duration: float | None
    """Seconds from the first to the end of the last picture or sound; None of a still."""
    frames: int | None
    """Number of frames, where the container counts them; 1 of a still."""
    video_start: float
    """Time stamp of the first frame in seconds."""
    audio_codec: str | None
    """Name of the codec of the audio track that is read (the one flagged default, else the first), None without."""
    audio_start: float
    """Time stamp of the first sound in seconds, 0 without any."""
    rotation: int
    """Degrees by which players turn the picture counterclockwise."""
    interlaced: bool
    forced_fps: Fraction | None = None
    """Frames per second that somebody said, which count whatever the time stamps say; None without."""
    restarts_forward: bool = False
    """Whether time stamps of this kind of file may jump forward to a new clock, as those of MPEG streams do."""
    alpha_mode: bool = False
    """Whether the container says that the stream has alpha; not every decoder gives it."""

    @property
    def is_still(self) -> bool:
        """Whether there is but one frame, which has neither a rate nor a duration."""
        return self.frames == 1


def probe(path: str | Path, fps: Fraction | None = None) -> VideoFile:
    """Look into a file and make sure that it is a whole video.

    Args:
        path: The file.
        fps: Frames per second above 0 that count whatever its time stamps say; None: it is believed.

    Raises:
        MediaError: There is no such file, it is no video, has no video stream, is cut off, its first frame cannot
            be decoded, or it is a raw stream that names no frame rate while `fps` is None. The message names the file.
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
        audio_start=0.0 if sound is None else _seconds(sound),
        rotation=int(frame.rotation),
        interlaced=bool(frame.interlaced_frame),
        forced_fps=forced,
        restarts_forward=bool(container.format.flags & _TS_DISCONT),
        alpha_mode=video.metadata.get("alpha_mode") == "1",
    )


def _ends(frames: "Iterator[Any]") -> bool:
    """Whether there are no more frames."""
    import av

    try:
        return next(frames, None) is None
    except av.FFmpegError:
        # there is more, and whoever reads it will say what is wrong with it
        return False


def nominal_rate(container: "InputContainer", video: Any) -> Fraction:
    """Return the frame rate that a container, or a raw stream itself, names: 0 where it names none.

    Args:
        container: An opened file.
        video: One of its video streams.
    """
    if _is_raw(container):
        # What the container says is a number that ffmpeg made up.
        return Fraction(video.codec_context.framerate or 0)
    average, guessed = Fraction(video.average_rate or 0), Fraction(video.guessed_rate or 0)
    if average and guessed and abs(guessed / average - 1) < _SAME_RATE:
        # The average is computed from rounded time stamps.
        return guessed
    return average or guessed


def _is_raw(container: "InputContainer") -> bool:
    return bool(container.format.flags & _NO_TIMESTAMPS) or container.format.name in _RAW_FORMATS


def _seconds(stream: Any) -> float:
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)
