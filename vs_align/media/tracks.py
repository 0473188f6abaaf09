"""Inventory of a media file: its tracks, chapters and tags, and when its audio is first heard."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError

_MUXER_DELAY_SECONDS = 0.1
"""Muxers delay all streams by the priming samples of an audio encoder, but not the chapters: if the video begins less
than this after 0, chapters are not moved."""
_ENCODER_DELAY_SECONDS = 0.1
"""Upper bound of the priming samples of an audio encoder."""
# Tags that describe the file that is read, not the film, in lower case.
_OF_THE_FILE = frozenset(
    {"encoder", "duration", "major_brand", "minor_version", "compatible_brands", "creation_time", "handler_name"}
    | {"vendor_id", "bps", "number_of_frames", "number_of_bytes", "encoding_tool", "writing_application", "timecode"}
    | {"software", "isft"}
)
_STATISTICS = "_statistics_"


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a file.

    Args:
        index: Number of the stream in its file.
        kind: "video", "audio", "subtitle", "data", "attachment" or "unknown".
        number: Number among the tracks of its kind, from 1.
        codec: Name of the codec; empty if there is none.
        language: Language code of the file; None if it has none.
        default: Whether players choose it by default.
        cover: Whether it is cover art.
        name: Title of the track, or name of an attached file.
    """

    index: int
    kind: str
    number: int
    codec: str
    language: str | None
    default: bool
    cover: bool
    name: str

    def tags(self) -> dict[str, str]:
        """Return language and title, for a track that is made from this one."""
        given = {"language": self.language, "title": self.name}
        return {name: text for name, text in given.items() if text}

    def words(self) -> str:
        """Return in a few words which track it is."""
        kind = "cover image" if self.cover else f"{self.kind} track" if self.kind != "attachment" else self.kind
        known = [part for part in (self.language, self.codec, self.name) if part]
        return f"{kind} {self.number}" + (f" ({', '.join(known)})" if known else "")


@dataclass(frozen=True, slots=True)
class FileChapter:
    """A chapter on the clock of its file, in seconds."""

    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class FileTracks:
    """Tracks, chapters and tags of a file."""

    path: Path
    tracks: tuple[Track, ...]
    chapters: tuple[FileChapter, ...]
    tags: Mapping[str, str]
    """Tags of the whole file that are about the film, such as `title`."""

    def of_kind(self, *kinds: str) -> list[Track]:
        """Return the tracks of some kinds without cover art, in the order of the file."""
        return [track for track in self.tracks if track.kind in kinds and not track.cover]

    @property
    def audio(self) -> Track | None:
        """The audio track that is used: the first that is flagged default, else the first."""
        tracks = self.of_kind("audio")
        return next((track for track in tracks if track.default), tracks[0] if tracks else None)


def audio_stream(container: Any) -> Any:
    """Return the audio stream of an open file that is used: the first that is flagged default, else the first.

    Args:
        container: An open container of PyAV.

    Raises:
        IndexError: It has no audio.
    """
    streams = container.streams.audio
    return next((stream for stream in streams if stream.disposition & stream.disposition.default), streams[0])


def heard_from(path: Path) -> tuple[float, float]:
    """Return when the audio of a file is first heard, and how long before that its packets must be kept.

    Returns:
        Seconds on the clock of the file; and the seconds of priming packets before that plus one packet, because a
        decoder needs the packet before the one it decodes.

    Raises:
        MediaError: It cannot be read.
    """
    heard, lead, packet = _audio_start(path)
    return heard, lead + packet


def hides_audio(path: Path) -> bool:
    """Tell whether an edit list hides the beginning of a file's audio; priming samples do not count.

    Raises:
        MediaError: It cannot be read.
    """
    return _audio_start(path)[1] > _ENCODER_DELAY_SECONDS


def _audio_start(path: Path) -> tuple[float, float, float]:
    """Return when the audio is first heard, how long before that its packets begin, and the duration of the first.

    All in seconds; 0 if no packet has a time stamp.
    """
    import av

    try:
        with av.open(str(path)) as container:
            stream = audio_stream(container)
            packet = next((packet for packet in container.demux(stream) if packet.pts is not None), None)
            if packet is None or packet.pts is None or packet.time_base is None:
                return 0.0, 0.0, 0.0
            heard = stream.start_time if stream.start_time is not None else packet.pts
            unit = float(packet.time_base)
            return heard * unit, max(0.0, (heard - packet.pts) * unit), (packet.duration or 0) * unit
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(f"The audio of {path.name} cannot be read: {error}.") from error


def read_tracks(path: Path) -> FileTracks:
    """Read the tracks, chapters and tags of a file.

    Raises:
        MediaError: It cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            counts: dict[str, int] = {}
            tracks = tuple(_track(stream, counts) for stream in container.streams)
            chapters = tuple(_chapter(given) for given in container.chapters())
            return FileTracks(path, tracks, chapters, film_tags(container.metadata))
    except av.FFmpegError as error:
        raise MediaError(f"The tracks of {path.name} cannot be read: {error}.") from error


def film_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that describe the film or the track, not the file that they were in."""
    return {
        name: text
        for name, text in tags.items()
        if name.lower().partition("-")[0] not in _OF_THE_FILE and not name.lower().startswith(_STATISTICS)
    }


def shifted_chapters(chapters: Iterable[FileChapter], start: float) -> tuple[FileChapter, ...]:
    """Return chapters on a clock that counts from the first frame.

    Args:
        chapters: Chapters on the clock of their file.
        start: Time of the file's first frame, in seconds. Below 0.1 s it is a delay by the muxer, and ignored.
    """
    shift = start if start >= _MUXER_DELAY_SECONDS else 0.0
    moved = (FileChapter(max(0.0, c.start - shift), c.end - shift, c.title) for c in chapters)
    return tuple(chapter for chapter in moved if chapter.end > 0 or chapter.start == chapter.end)


def _track(stream: Any, counts: dict[str, int]) -> Track:
    kind = str(stream.type)
    cover = bool(stream.disposition & stream.disposition.attached_pic)
    counted = "cover" if cover else kind
    counts[counted] = counts.get(counted, 0) + 1
    codec = "" if stream.codec_context is None else str(stream.codec_context.codec.canonical_name)
    language = stream.metadata.get("language")
    return Track(
        index=stream.index,
        kind=kind,
        number=counts[counted],
        codec=codec,
        language=None if language in (None, "und") else language,
        default=bool(stream.disposition & stream.disposition.default),
        cover=cover,
        name=stream.metadata.get("title") or stream.metadata.get("filename") or "",
    )


def _chapter(given: Any) -> FileChapter:
    base = given["time_base"]
    return FileChapter(float(given["start"] * base), float(given["end"] * base), given["metadata"].get("title", ""))
