"""Muxing of a finished video with tracks, chapters and tags: collected, copied, read back, and the rest listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vs_align.errors import MediaError
from vs_align.io.atomic_files import final_name
from vs_align.media.ffmpeg import holds_audio
from vs_align.media.remux import TrackCopy, remux
from vs_align.media.tracks import FileChapter, FileTracks, Track
from vs_align.media.verification import ExpectedTrack, verify

_WITH_CHAPTERS = frozenset({".mkv", ".webm", ".mp4", ".m4v", ".mov"})
"""Containers that chapters can be written to."""
_WITH_SUBTITLES = frozenset({".mkv"})
_SUBTITLES = frozenset(
    {
        "subrip",
        "ass",
        "ssa",
        "text",
        "webvtt",
        "hdmv_pgs_subtitle",
        "dvd_subtitle",
        "dvb_subtitle",
        "hdmv_text_subtitle",
    }
)


@dataclass(slots=True)
class Contents:
    """What goes into a file besides its video, and what is left out."""

    copies: list[TrackCopy] = field(default_factory=list)
    chapters: tuple[FileChapter, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    video_tags: dict[str, str] = field(default_factory=dict)
    """Language and title of the video track."""
    left_out: list[str] = field(default_factory=list)
    """What the inputs have and the file lacks, in words, an entry each."""

    def leave_out(self, name: str, tracks: Sequence[Track], reason: str = "") -> None:
        """List tracks that are left out.

        Args:
            name: Name of the file or side that has them.
            tracks: The tracks.
            reason: Why, in words; empty if it is obvious.
        """
        said = f" ({reason})" if reason else ""
        self.left_out += [f"{name}: {track.words()}{said}" for track in tracks]

    def take_chapters(self, name: str, chapters: Sequence[FileChapter], target: Path) -> None:
        """Take chapters, on the clock of the result, if there are none yet; else list them as left out."""
        if not chapters:
            return
        if target.suffix.lower() not in _WITH_CHAPTERS:
            self.left_out.append(f"{name}: {len(chapters)} chapters ({target.suffix} takes none)")
        elif self.chapters:
            self.left_out.append(f"{name}: {len(chapters)} chapters (the other file's are kept)")
        else:
            self.chapters = tuple(chapters)

    def take_tags(self, name: str, tags: dict[str, str]) -> None:
        """Take the tags of a file that are not set yet; list those with another value as left out."""
        for key, text in tags.items():
            if self.tags.setdefault(key, text) != text:
                self.left_out.append(f"{name}: tag {key} ({text})")

    def take_subtitles(self, name: str, file: FileTracks, target: Path, cut: TrackCopy) -> None:
        """Take subtitles, and the fonts that they may need, if the container takes them.

        Args:
            name: Name of the file or side that has them.
            file: That file.
            target: The file to write.
            cut: How their times are moved and which packets are kept; its track number is not used.
        """
        for track in file.of_kind("subtitle", "attachment"):
            fits = track.kind == "attachment" or track.codec in _SUBTITLES
            if target.suffix.lower() in _WITH_SUBTITLES and fits:
                self.copies.append(TrackCopy(file.path, track.index, cut.shift, cut.first, cut.stop))
            else:
                self.leave_out(name, [track], f"{target.suffix} does not take it")

    def take_audio(
        self,
        name: str,
        file: FileTracks,
        target: Path,
        cut: TrackCopy,
        *,
        but: int | None = None,
        surely: int | None = None,
    ) -> None:
        """Take audio tracks as they are, if the container takes them.

        Args:
            name: Name of the file or side that has them.
            file: That file.
            target: The file to write.
            cut: How their times are moved and which packets are kept; its track number is not used.
            but: Number of a stream that is not taken.
            surely: Number of a stream that the container is known to take.
        """
        for track in file.of_kind("audio"):
            if track.index == but:
                continue
            if track.index == surely or copies_audio(target, track.codec):
                self.copies.append(TrackCopy(file.path, track.index, cut.shift, cut.first, cut.stop))
            else:
                self.leave_out(name, [track], f"{target.suffix} does not take it")

    def leave_rest(self, name: str, file: FileTracks) -> None:
        """List as left out what is never taken: further video tracks, covers and data."""
        others = [track for track in file.tracks if track.cover or track.kind in ("data", "unknown")]
        self.leave_out(name, file.of_kind("video")[1:] + others)


def copies_audio(target: Path, codec: str) -> bool:
    """Tell whether packets of a codec are copied into a container; PCM is encoded instead."""
    return holds_audio(target, codec) and not codec.startswith("pcm_")


def assemble(video: Path, shown: ExpectedTrack, contents: Contents, part: Path, target: Path) -> Path:
    """Mux a finished video with its contents, and read the file back.

    Args:
        video: The finished video, in the container of the target.
        shown: What its track should be.
        contents: What goes with it.
        part: A name for the file until it is complete.
        target: The final name, for messages.

    Returns:
        The file: `part`, or `video` if there is nothing to add.

    Raises:
        MediaError: The file cannot be written, or differs from what was meant.
    """
    if not (contents.copies or contents.chapters or contents.tags):
        verify(video, [shown], target)
        return video
    copy_all(video_copy(video, contents.video_tags), shown, contents, part, target)
    return part


def copy_all(video: TrackCopy, shown: ExpectedTrack | None, contents: Contents, part: Path, target: Path) -> None:
    """Copy a video track and its contents into one file, and read it back.

    Args:
        video: The video track.
        shown: What the track should be; None if it is checked against the packets that are copied.
        contents: What goes with it.
        part: The file to write.
        target: The final name, for messages.

    Raises:
        MediaError: The file cannot be written, or differs from what was meant.
    """
    meant = remux(part, [video, *contents.copies], contents.chapters, contents.tags)
    verify(part, meant if shown is None else [shown, *meant[1:]], target)


def video_copy(video: Path, tags: Mapping[str, str] | None = None) -> TrackCopy:
    """Return the copy of a finished video track whose first frame comes to lie at time 0.

    Args:
        video: Its file.
        tags: Language and title of the track, which an encoder's file lacks.
    """
    import av

    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            start = stream.start_time
            begin = 0.0 if start is None or stream.time_base is None else float(start * stream.time_base)
            return TrackCopy(video, stream.index, -begin, tags=tags or {})
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(f"{final_name(video)} was written, but cannot be read back: {error}.") from error
