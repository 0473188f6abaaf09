"""What `vs-align sync` writes: which files, from what, and which of them cannot be written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path

from vs_align.errors import AlignError, ArgumentError
from vs_align.io.atomic_files import beside, error_reason

_OPTIONS = {"subs": "--subs-out", "chapters": "--chapters-out", "audio": "--audio-out"}
"""Options that are not called like what they write."""
_EXAMPLE_ENCODING = "cp1252"
"""The encoding of most subtitles in Western languages that are not in UTF-8."""


class Pitch(StrEnum):
    """What happens to the pitch of clip's audio if clip runs at another speed."""

    CHANGE = "change"
    """It is played faster or slower, like a tape."""
    KEEP = "keep"
    """It is stretched in time."""


@dataclass(frozen=True, slots=True)
class SyncOutputs:
    """Files to write; None for those that are not wanted.

    Args:
        json: The timeline, for `vs-align temporal --use-timeline`.
        csv: Its segments as a table.
        edl: An edit decision list.
        fcpxml: For Final Cut Pro and others.
        otio: For OpenTimelineIO.
        timecodes: When each frame of the result is shown.
        subs: Clip's subtitles with ref's times.
        chapters: Clip's chapters with ref's times.
        plot: A plot of the timeline.
        audio: Clip's audio, fitted to ref.
        mux: Ref's video stream with that audio.
    """

    json: Path | None = None
    csv: Path | None = None
    edl: Path | None = None
    fcpxml: Path | None = None
    otio: Path | None = None
    timecodes: Path | None = None
    subs: Path | None = None
    chapters: Path | None = None
    plot: Path | None = None
    audio: Path | None = None
    mux: Path | None = None

    def named(self) -> Iterator[tuple[str, Path]]:
        """Yield the files that are wanted and what they are."""
        for each in fields(self):
            path = getattr(self, each.name)
            if path is not None:
                yield each.name, path

    def without(self, failures: Sequence["Failure"]) -> "SyncOutputs":
        """Return the files without those that cannot be written."""
        return replace(self, **{failure.what: None for failure in failures})


def option_of(what: str) -> str:
    """Return the option that names a file of `SyncOutputs`."""
    return _OPTIONS.get(what, f"--{what}")


@dataclass(frozen=True, slots=True)
class SyncExtras:
    """What is retimed besides the frames, and how.

    Args:
        subs: Clip's subtitles: a text, or a media file with a text track.
        encoding: Their encoding; None: by their byte order mark, else UTF-8.
        chapters: Clip's chapters: a text, or a media file that has some.
        pitch: Of clip's audio.
    """

    subs: Path | None = None
    encoding: str | None = None
    chapters: Path | None = None
    pitch: Pitch = Pitch.CHANGE

    def inputs(self) -> list[Path]:
        """Return the files that are read."""
        return [path for path in (self.subs, self.chapters) if path is not None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that cannot be written.

    Args:
        what: Its name in `SyncOutputs`.
        name: What its option names: the file, or the source that it is made from.
        reason: Why, as a sentence.
    """

    what: str
    name: str
    reason: str

    def __str__(self) -> str:
        """Return one line that names the option."""
        # --subs and --chapters name the source, which `name` is then
        option = "--audio-out" if self.what == "audio" else f"--{self.what}"
        return self.reason if self.reason.startswith(option) else f"{option} {self.name}: {self.reason}"


def attempt(what: str, path: Path, extras: SyncExtras, work: Callable[[], object]) -> Failure | None:
    """Run a function that checks or writes a file; return the failure, None if it succeeds."""
    try:
        work()
    except ArgumentError as error:
        reason = str(error)
        if what == "subs" and error.argument == "encoding":
            reason = f"{reason.rstrip('.')}: name it with --subs-encoding, such as {_EXAMPLE_ENCODING}."
    except AlignError as error:
        reason = str(error)
    except OSError as error:
        reason = error_reason(error) + "."
    else:
        return None
    source = {"subs": extras.subs, "chapters": extras.chapters}.get(what)
    return Failure(what, (source or path).name, reason)


def default_subs(source: Path) -> Path:
    """Return the default path of retimed subtitles: beside the file, with `.synced` before the ending."""
    from vs_align.export.subtitle_formats import FORMATS

    known = source.suffix.lower().removeprefix(".") in FORMATS
    return beside(source, f".synced{source.suffix if known else _usual_ending(source)}")


def _usual_ending(source: Path) -> str:
    """The ending for subtitles out of a video, by what the track is."""
    from vs_align.media.subtitle_track import find_track, is_media

    # what is wrong with the file is reported when all inputs are checked
    with suppress(AlignError, OSError):
        if is_media(source):
            return f".{find_track(source).form}"
    return ".srt"


def default_chapters(source: Path) -> Path:
    """Return the default path of retimed chapters: beside the file, with `.synced` before the ending."""
    from vs_align.export.chapter_formats import FORMATS

    known = source.suffix.lower() in FORMATS
    return beside(source, f".synced{source.suffix if known else '.txt'}")
