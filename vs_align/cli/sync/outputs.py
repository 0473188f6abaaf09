"""The files that `vs-align sync` writes: what is looked at before the work, and the writing after it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.cli.console import note, step
from vs_align.cli.preparation import check_targets
from vs_align.errors import AlignError, ArgumentError, MediaError, MissingDependencyError
from vs_align.io.atomic_files import beside, reason_of

if TYPE_CHECKING:
    from vs_align.export.otio import MediaFile
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline

SOUND_ENDINGS = (
    ".wav", ".flac", ".mka", ".mkv",
    ".m4a", ".m4b", ".mp4", ".aac", ".opus", ".ogg", ".webm", ".mp3", ".ac3", ".eac3",
)  # fmt: skip
"""What `write_sound` writes."""


# Options that are not called like what they write.
_OPTIONS = {"subs": "--subs-out", "chapters": "--chapters-out", "audio": "--audio-out"}
_EXAMPLE = "cp1252"  # the encoding of most subtitles in Western languages that are not in UTF-8


class Pitch(StrEnum):
    """What happens to the pitch of clip's sound where clip runs at another speed."""

    CHANGE = "change"
    """It is played faster or slower, like a tape."""
    KEEP = "keep"
    """It is stretched in time."""


@dataclass(frozen=True, slots=True)
class SyncOutputs:
    """Files to write, None for those that are not wanted.

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
        audio: Clip's sound, fitted to ref.
        mux: Ref's picture with that sound.
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
        """Say it in one line, with the option."""
        option = "--audio-out" if self.what == "audio" else f"--{self.what}"
        return self.reason if self.reason.startswith(option) else f"{option} {self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class SyncExtras:
    """What is fitted to ref besides the picture, and how.

    Args:
        subs: Clip's subtitles: a text, or a media file with a text track.
        encoding: Their encoding; None: by their byte order mark, else UTF-8.
        chapters: Clip's chapters: a text, or a media file that has some.
        pitch: Of clip's sound.
    """

    subs: Path | None = None
    encoding: str | None = None
    chapters: Path | None = None
    pitch: Pitch = Pitch.CHANGE

    def inputs(self) -> list[Path]:
        """Return the files that are read."""
        return [path for path in (self.subs, self.chapters) if path is not None]


def default_subs(source: Path) -> Path:
    """Return where retimed subtitles go if nobody says: beside the file, with `.synced` before the ending."""
    from vs_align.export.subtitle_formats import FORMATS

    known = source.suffix.lower().removeprefix(".") in FORMATS
    return beside(source, f".synced{source.suffix if known else _usual_ending(source)}")


def _usual_ending(source: Path) -> str:
    """The ending for subtitles out of a video, by what the track is."""
    from vs_align.media.subtitle_track import find_track, is_media

    # What is wrong with the file is said where all is looked at.
    with suppress(AlignError, OSError):
        if is_media(source):
            return f".{find_track(source).form}"
    return ".srt"


def default_chapters(source: Path) -> Path:
    """Return where retimed chapters go if nobody says: beside the file, with `.synced` before the ending."""
    from vs_align.export.chapter_formats import FORMATS

    known = source.suffix.lower() in FORMATS
    return beside(source, f".synced{source.suffix if known else '.txt'}")


def check_names(outputs: SyncOutputs, inputs: list[Path], *, overwrite: bool) -> None:
    """Make sure that files can be written and that their endings fit; takes no time.

    Raises:
        MediaError: One cannot, is an input, is named twice, or has another ending.
    """
    for what, path in outputs.named():
        endings = _endings(what)
        if endings and path.suffix.lower() not in endings:
            listed = endings[0] if len(endings) == 1 else f"one of {', '.join(endings)}"
            raise MediaError(f"{_OPTIONS.get(what, '--' + what)} {path.name}: must end in {listed}.")
    check_targets([], [path for _, path in outputs.named()], inputs, overwrite=overwrite)


def _endings(what: str) -> tuple[str, ...]:
    """Endings that a file of `SyncOutputs` may have, none for any."""
    if what == "subs":
        from vs_align.export import subtitle_formats as subtitle_text

        return tuple(f".{form}" for form in subtitle_text.FORMATS)
    if what == "chapters":
        from vs_align.export import chapter_formats as chapter_text

        return tuple(chapter_text.FORMATS)
    if what == "mux":
        from vs_align.export import mux

        return tuple(mux.CONTAINERS)
    if what in ("csv", "edl", "fcpxml", "otio"):
        return (f".{what}",)
    return {"plot": (".png", ".svg", ".pdf"), "audio": SOUND_ENDINGS}.get(what, ())


def check_stills(outputs: SyncOutputs, files: "Iterable[VideoFile]") -> None:
    """Make sure that nothing is wanted for which both files must have a time.

    Raises:
        MediaError: Something is, and one of them is a still.
    """
    timeless = ("json", "csv", "plot")
    for file in files:
        for what, path in outputs.named():
            if file.is_still and what not in timeless:
                option = _OPTIONS.get(what, f"--{what}")
                raise MediaError(f"{option} {path.name}: {file.path.name} is a still, which has no time; leave it out.")


def known_failures(outputs: SyncOutputs, extras: SyncExtras, files: "tuple[VideoFile, VideoFile]") -> list[Failure]:
    """Return the files of which it is certain beforehand that they cannot be written, and why.

    Programs and packages are looked for, and small files are written where that is the test.

    Args:
        outputs: What is to be written; names and endings are those that can be.
        extras: What is fitted.
        files: Clip and ref.
    """
    found = []
    for what, path in outputs.named():
        failure = _attempt(what, path, extras, partial(_check, what, path, extras, files))
        if failure is not None:
            found.append(failure)
    return found


def _attempt(what: str, path: Path, extras: SyncExtras, work: Callable[[], object]) -> Failure | None:
    """Do something for a file, and return what to say if that cannot be done."""
    try:
        work()
    except ArgumentError as error:
        reason = str(error)
        if what == "subs" and error.argument == "encoding":
            reason = f"{reason.rstrip('.')}: name it with --subs-encoding, such as {_EXAMPLE}."
    except AlignError as error:
        reason = str(error)
    except OSError as error:
        reason = reason_of(error) + "."
    else:
        return None
    source = {"subs": extras.subs, "chapters": extras.chapters}.get(what)
    return Failure(what, (source or path).name, reason)


def _check(what: str, path: Path, extras: SyncExtras, files: "tuple[VideoFile, VideoFile]") -> None:
    """Make sure that one file can be written, as far as that is known beforehand.

    Raises:
        AlignError: It cannot.
    """
    clip, ref = files
    if what in ("audio", "mux"):
        _check_sound(what, path, clip, ref)
    elif what == "plot" and find_spec("matplotlib") is None:
        raise MissingDependencyError("--plot needs Matplotlib. Install it with: pip install 'vs_align[report]'.")
    elif what == "edl":
        from vs_align.export.edl import check_rate

        check_rate(ref.fps, ref.path.name)
    if what in ("edl", "otio", "chapters") or (what == "subs" and not _is_track(path, extras.subs)):
        _rehearse(what, path, extras)


def _check_sound(what: str, path: Path, clip: "VideoFile", ref: "VideoFile") -> None:
    from vs_align.export.audio import check_target
    from vs_align.export.mux import CONTAINERS, check_images
    from vs_align.media.ffmpeg import find_ffmpeg
    from vs_align.media.source import require_bestsource

    if clip.audio_codec is None:
        raise MediaError(f"{clip.path.name} has no sound.")
    require_bestsource()
    find_ffmpeg()
    if what == "mux":
        check_images(ref.path, path)
    check_target(path.with_suffix(CONTAINERS[path.suffix.lower()]) if what == "mux" else path, clip.path)


def _is_track(target: Path, source: Path | None) -> bool:
    """Whether subtitles are a track of a media file, which must be one that can be taken out; says which it is."""
    from vs_align.export.subtitles import require_converter
    from vs_align.media.ffmpeg import find_ffmpeg
    from vs_align.media.subtitle_track import find_track, is_media

    try:
        if source is None or not is_media(source):
            return False
    except OSError:
        return False  # said by who reads it
    track = find_track(source)
    find_ffmpeg()
    if target.suffix.lower() != f".{track.form}":
        require_converter(source)
    note(f"{source.name}: the subtitles are taken from {track}.")
    return True


def _rehearse(what: str, path: Path, extras: SyncExtras) -> None:
    """Write what may fail for want of a package or because of its source, for a timeline of one frame."""
    from vs_align.timeline.timeline import Timeline

    short = Timeline.from_frame_map([0], clip_rate=25, ref_rate=25, clip_length=1)
    with TemporaryDirectory(prefix="vs_align-") as folder:
        _Writer(short, None, extras, None).write(what, Path(folder) / f"{what}{path.suffix}")


def needs_sources(outputs: SyncOutputs) -> bool:
    """Tell whether files must be opened frame by frame, which takes minutes for long ones, to write these."""
    return outputs.audio is not None or outputs.mux is not None


def write_outputs(
    outputs: SyncOutputs,
    extras: SyncExtras,
    timeline: "Timeline",
    files: "tuple[VideoFile, VideoFile]",
    sources: "tuple[Source, Source] | None" = None,
) -> list[Failure]:
    """Write all files beside their places, and move them there when the last is whole.

    One that cannot be written does not keep the others from it.

    Args:
        outputs: What to write.
        extras: What is fitted.
        timeline: Which clip frame each ref frame shows.
        files: Clip and ref.
        sources: Both opened, where `needs_sources` says so.

    Returns:
        Those that could not be written.
    """
    from vs_align.media.atomic_output import parts
    from vs_align.media.atomic_output import replace as put_in_place

    writer = _Writer(timeline, files, extras, sources)
    failures: list[Failure | None] = []

    def written(what: str, name: str, part: Path) -> None:
        said = writer.write(what, part)
        if said:
            note(f"{name}: {said}")

    with ExitStack() as stack:
        done = []
        for what, target in outputs.named():
            (part,) = stack.enter_context(parts(target))
            failures.append(_attempt(what, target, extras, partial(written, what, target.name, part)))
            if failures[-1] is None:
                done.append((what, part, target))
        for what, part, target in done:
            failures.append(_attempt(what, target, extras, partial(put_in_place, part, target)))
    return [failure for failure in failures if failure is not None]


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes files for a timeline. Without files, one is made up; `sources` are there if sound is to be written."""

    timeline: "Timeline"
    files: "tuple[VideoFile, VideoFile] | None"
    extras: SyncExtras
    sources: "tuple[Source, Source] | None"

    def write(self, what: str, path: Path) -> str:
        """Write one of the files of `SyncOutputs`, and return what there is to say about it, if anything."""
        if what in ("edl", "fcpxml", "otio"):
            self._write_cut(what, path)
        elif what == "subs":
            return self._write_subs(path)
        elif what == "chapters":
            return self._write_chapters(path)
        elif what in ("audio", "mux"):
            return self._write_sound(path, with_picture=what == "mux")
        else:
            self._write_numbers(what, path)
        return ""

    def _media(self) -> "tuple[MediaFile, MediaFile]":
        from vs_align.export.otio import MediaFile
        from vs_align.media.time_code import start_time_code

        if self.files is None:
            one = MediaFile(Path("film.mkv"), self.timeline.ref_rate, len(self.timeline))
            return one, one
        made = []
        sides = (self.timeline.clip_rate, self.timeline.clip_length), (self.timeline.ref_rate, self.timeline.ref_length)
        for file, (rate, length) in zip(self.files, sides, strict=True):
            size = (file.width, file.height) if file.rotation % 180 == 0 else (file.height, file.width)
            start = start_time_code(file.path, rate) if rate else 0
            made.append(MediaFile(file.path, rate, length, *size, file.audio_codec is not None, start))
        return made[0], made[1]

    def _starts(self, source: Path) -> tuple[float, float]:
        """When the first frames of clip and ref are shown, in seconds of the clocks of what is read and of ref.

        A text is timed by clip's clock. A video, which may be another copy of clip, has its own.
        """
        from vs_align.media.file_clock import first_image_time
        from vs_align.media.subtitle_track import is_media

        if self.files is None:
            return 0.0, 0.0
        clip, ref, line = self.files[0].path, self.files[1].path, self.timeline
        clip_rate = Fraction(0) if line.clip_times else line.clip_rate
        ref_rate = Fraction(0) if line.ref_times else line.ref_rate
        ref_start = first_image_time(ref, ref_rate)
        # ffmpeg takes some texts for images
        if is_media(source):
            with suppress(MediaError):
                return first_image_time(source, clip_rate), ref_start
        return first_image_time(clip, clip_rate), ref_start

    def _write_cut(self, what: str, path: Path) -> None:
        from vs_align.export.edl import write_edl
        from vs_align.export.fcpxml import write_fcpxml
        from vs_align.export.otio import write_otio

        writers = {"edl": write_edl, "fcpxml": write_fcpxml, "otio": write_otio}
        writers[what](self.timeline, *self._media(), path)

    def _write_numbers(self, what: str, path: Path) -> None:
        from vs_align.export.plots import plot_timeline
        from vs_align.export.tables import write_csv
        from vs_align.export.timecodes import write_timecodes

        if what == "json":
            self.timeline.save(path)
        else:
            {"csv": write_csv, "timecodes": write_timecodes, "plot": plot_timeline}[what](self.timeline, path)

    def _write_subs(self, path: Path) -> str:
        from vs_align.export.subtitles import retime_subtitles

        if self.extras.subs is None:
            raise ValueError("there are no subtitles to write")
        clip_start, ref_start = self._starts(self.extras.subs)
        done = retime_subtitles(
            self.extras.subs, path, self.timeline, self.extras.encoding, clip_start=clip_start, ref_start=ref_start
        )
        counts = {"left out": done.dropped, "cut short": done.clipped, "shown again": done.repeated}
        told = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
        return f"of {done.kept + done.clipped + done.dropped} subtitles {told}" if told else ""

    def _write_chapters(self, path: Path) -> str:
        from vs_align.export.chapters import retime_chapters

        if self.extras.chapters is None:
            raise ValueError("there are no chapters to write")
        clip_start, ref_start = self._starts(self.extras.chapters)
        done = retime_chapters(self.extras.chapters, path, self.timeline, clip_start=clip_start, ref_start=ref_start)
        return f"of {done.kept + done.dropped} chapters {done.dropped} left out" if done.dropped else ""

    def _write_sound(self, path: Path, *, with_picture: bool) -> str:
        from vs_align.export.audio import write_sound
        from vs_align.export.mux import mux_sound

        if self.sources is None:
            raise ValueError("the files were not opened")
        step("writing the sound")
        done = (mux_sound if with_picture else write_sound)(self.timeline, *self.sources, path, self.extras.pitch)
        how = "copied without loss" if done.copied else f"encoded anew as {done.codec}"
        silent = f"; {done.silent:.2f} s of silence where clip has nothing" if done.silent >= 0.005 else ""
        left_out = f"; left out: {'; '.join(done.left_out)}" if done.left_out else ""
        return f"sound {how}: {done.reason}{silent}{left_out}"
