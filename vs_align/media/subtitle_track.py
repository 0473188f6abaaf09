"""Text subtitles inside a video file: choice of the track, and extraction with ffmpeg."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError
from vs_align.media.ffmpeg_text import ffmpeg_text
from vs_align.media.file_clock import playback_zero

# Formats in which tracks come out as they are; all other text is written as SubRip.
_FORMS = {"subrip": "srt", "ass": "ass", "ssa": "ass", "webvtt": "vtt"}
_MUXERS = {"srt": "srt", "ass": "ass", "vtt": "webvtt"}
_TEXT_PROPERTY = 1 << 17  # ffmpeg's AV_CODEC_PROP_TEXT_SUB
_TIMEOUT_SECONDS = 3600
"""Guards against a hang: the whole file is read, which takes minutes for a large one."""
_HEAD = 1024  # bytes by which a text is told from a media file
_TEXT_MARKS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16, which has zero bytes too


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """A text track of a media file."""

    path: Path
    index: int
    """Number of the stream in its file, from 0."""
    codec: str
    language: str
    """Empty where the file does not say."""
    form: str
    """Format in which it is taken out: srt, ass or vtt."""
    choices: int
    """Number of text tracks in the file."""

    def __str__(self) -> str:
        """Name it for a person."""
        words = [self.codec, *([self.language] if self.language else [])]
        several = f", one of {self.choices} text tracks" if self.choices > 1 else ""
        return f"track {self.index} ({', '.join(words)}{several})"


def is_media(path: Path) -> bool:
    """Tell a media file from a text by its first bytes.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return b"\0" in head and not head.startswith(_TEXT_MARKS)


def find_track(path: Path) -> SubtitleTrack:
    """Return the text track of a file that is marked as default, else its first.

    Raises:
        MediaError: The file cannot be read, has no subtitles, or only such as are images.
    """
    import av

    try:
        with av.open(str(path)) as container:
            streams: list[Any] = list(container.streams.subtitles)
            texts = [stream for stream in streams if _is_text(stream)]
            if not texts:
                raise MediaError(_no_text(path, streams))
            defaults = [stream for stream in texts if stream.disposition & av.stream.Disposition.default]
            chosen = (defaults or texts)[0]
            codec = _codec(chosen)
            language = str(chosen.metadata.get("language", ""))
            return SubtitleTrack(path, chosen.index, codec, language, _FORMS.get(codec, "srt"), len(texts))
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} is neither a subtitle file nor a video with subtitles: {error}.") from error


def track_text(track: SubtitleTrack) -> str:
    """Take a track out of its file, on the clock of players. The whole file is read.

    Raises:
        MediaError: It cannot be read.
        MissingDependencyError: There is no ffmpeg.
    """
    codec = "copy" if track.codec in _FORMS else "srt"
    arguments = ["-map", f"0:{track.index}", "-c:s", codec, "-f", _MUXERS[track.form]]
    return ffmpeg_text(track.path, playback_zero(track.path), arguments, "subtitles", _TIMEOUT_SECONDS)


def _no_text(path: Path, streams: list[Any]) -> str:
    if not streams:
        return f"{path.name} has no subtitles."
    codecs = ", ".join(dict.fromkeys(_codec(stream) for stream in streams))
    return f"{path.name} has subtitles as images only ({codecs}): turn them into text first (OCR)."


def _is_text(stream: Any) -> bool:
    codec = getattr(stream.codec_context, "codec", None)
    return codec is not None and bool(codec.properties & _TEXT_PROPERTY)


def _codec(stream: Any) -> str:
    codec = getattr(stream.codec_context, "codec", None)
    return "unknown" if codec is None else str(codec.canonical_name)
