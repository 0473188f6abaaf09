"""The files that `vs-align sync` writes: what is looked at before the work, and the writing after it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.cli.console import note, step
from vs_align.cli.preparation import check_targets
from vs_align.errors import MediaError, MissingDependencyError

if TYPE_CHECKING:
    from vs_align.export.editorial import MediaFile
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.timeline import Timeline

SOUND_ENDINGS = (
    ".wav", ".flac", ".mka", ".mkv",
    ".m4a", ".m4b", ".mp4", ".aac", ".opus", ".ogg", ".webm", ".mp3", ".ac3", ".eac3",
)  # fmt: skip
"""What `write_sound` writes."""


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


@dataclass(frozen=True, slots=True)
class SyncExtras:
    """What is fitted to ref besides the picture, and how.

    Args:
        subs: Clip's subtitles.
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
    from vs_align.export.subtitle_text import FORMATS

    known = source.suffix.lower().removeprefix(".") in FORMATS
    return source.with_name(f"{source.stem}.synced{source.suffix if known else '.srt'}")


def default_chapters(source: Path) -> Path:
    """Return where retimed chapters go if nobody says: beside the file, with `.synced` before the ending."""
    from vs_align.export.chapter_text import FORMATS

    known = source.suffix.lower() in FORMATS
    return source.with_name(f"{source.stem}.synced{source.suffix if known else '.txt'}")


def check_names(outputs: SyncOutputs, inputs: list[Path]) -> None:
    """Make sure that files can be written and that their endings fit; takes no time.

    Raises:
        MediaError: One cannot, is an input, is named twice, or has another ending.
    """
    options = {"subs": "--subs-out", "chapters": "--chapters-out", "audio": "--audio-out"}
    for what, path in outputs.named():
        endings = _endings(what)
        if endings and path.suffix.lower() not in endings:
            listed = endings[0] if len(endings) == 1 else f"one of {', '.join(endings)}"
            raise MediaError(f"{options.get(what, '--' + what)} {path.name}: must end in {listed}.")
    check_targets([], [path for _, path in outputs.named()], inputs)


def _endings(what: str) -> tuple[str, ...]:
    """Endings that a file of `SyncOutputs` may have, none for any."""
    if what == "subs":
        from vs_align.export import subtitle_text

        return tuple(f".{form}" for form in subtitle_text.FORMATS)
    if what == "chapters":
        from vs_align.export import chapter_text

        return tuple(chapter_text.FORMATS)
    if what == "mux":
        from vs_align.export import mux

        return tuple(mux.CONTAINERS)
    if what in ("csv", "edl", "fcpxml", "otio"):
        return (f".{what}",)
    return {"plot": (".png", ".svg", ".pdf"), "audio": SOUND_ENDINGS}.get(what, ())


def check_means(outputs: SyncOutputs, extras: SyncExtras, clip: "VideoFile") -> None:
    """Make sure that all that it takes to write the files is there, by writing small ones where that is the test.

    Raises:
        MediaError: Clip has no sound to write.
        ArgumentError: The subtitles or chapters are none.
        MissingDependencyError: A package, plugin or program is missing.
    """
    for option, path in (("--audio-out", outputs.audio), ("--mux", outputs.mux)):
        if path is not None and clip.audio_codec is None:
            raise MediaError(f"{option} {path.name}: {clip.path.name} has no sound.")
    if outputs.audio is not None or outputs.mux is not None:
        from vs_align.media.ffmpeg import find_ffmpeg
        from vs_align.media.source import require_bestsource

        require_bestsource()
        find_ffmpeg()
    if outputs.plot is not None and find_spec("matplotlib") is None:
        raise MissingDependencyError("--plot needs Matplotlib. Install it with: pip install 'vs_align[report]'.")
    if any((outputs.edl, outputs.otio, outputs.subs, outputs.chapters)):
        _rehearse(outputs, extras)


def _rehearse(outputs: SyncOutputs, extras: SyncExtras) -> None:
    """Write what may fail for want of a package or because of its source, for a timeline of one frame."""
    from vs_align.timeline import Timeline

    short = Timeline.from_frame_map([0], clip_rate=25, ref_rate=25, clip_length=1)
    tried = SyncOutputs(edl=outputs.edl, otio=outputs.otio, subs=outputs.subs, chapters=outputs.chapters)
    writer = _Writer(short, None, extras, None)
    with TemporaryDirectory(prefix="vs_align-") as folder:
        for what, path in tried.named():
            writer.write(what, Path(folder) / f"{what}{path.suffix}")


def needs_sources(outputs: SyncOutputs) -> bool:
    """Tell whether files must be opened frame by frame, which takes minutes for long ones, to write these."""
    return outputs.audio is not None or outputs.mux is not None


def write_outputs(
    outputs: SyncOutputs,
    extras: SyncExtras,
    timeline: "Timeline",
    files: "tuple[VideoFile, VideoFile]",
    sources: "tuple[Source, Source] | None" = None,
) -> None:
    """Write all files beside their places, and move them there when the last is whole.

    Args:
        outputs: What to write.
        extras: What is fitted.
        timeline: Which clip frame each ref frame shows.
        files: Clip and ref.
        sources: Both opened, where `needs_sources` says so.

    Raises:
        AlignError: Something cannot be written; then nothing is.
    """
    from vs_align.media.output import parts, replace

    writer = _Writer(timeline, files, extras, sources)
    with ExitStack() as stack:
        done = []
        for what, path in outputs.named():
            # a link keeps pointing at its file, which is the one to replace
            target = path.resolve()
            (part,) = stack.enter_context(parts(target))
            said = writer.write(what, part)
            done.append((part, target))
            if said:
                note(f"{path.name}: {said}")
        for part, target in done:
            replace(part, target)


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
        from vs_align.export.editorial import MediaFile
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

    def _write_cut(self, what: str, path: Path) -> None:
        from vs_align.export.editorial import write_otio
        from vs_align.export.edl import write_edl
        from vs_align.export.fcpxml import write_fcpxml

        writers = {"edl": write_edl, "fcpxml": write_fcpxml, "otio": write_otio}
        writers[what](self.timeline, *self._media(), path)

    def _write_numbers(self, what: str, path: Path) -> None:
        from vs_align.export.plots import plot_timeline
        from vs_align.export.table import write_csv
        from vs_align.export.timecodes import write_timecodes

        if what == "json":
            self.timeline.save(path)
        else:
            {"csv": write_csv, "timecodes": write_timecodes, "plot": plot_timeline}[what](self.timeline, path)

    def _write_subs(self, path: Path) -> str:
        from vs_align.export.subtitles import retime_subtitles

        if self.extras.subs is None:
            raise ValueError("there are no subtitles to write")
        done = retime_subtitles(self.extras.subs, path, self.timeline, self.extras.encoding)
        counts = {"left out": done.dropped, "cut short": done.clipped, "shown again": done.repeated}
        told = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
        return f"of {done.kept + done.clipped + done.dropped} subtitles {told}" if told else ""

    def _write_chapters(self, path: Path) -> str:
        from vs_align.export.chapters import retime_chapters

        if self.extras.chapters is None:
            raise ValueError("there are no chapters to write")
        done = retime_chapters(self.extras.chapters, path, self.timeline)
        return f"of {done.kept + done.dropped} chapters {done.dropped} left out" if done.dropped else ""

    def _write_sound(self, path: Path, *, with_picture: bool) -> str:
        from vs_align.export.mux import mux_sound
        from vs_align.export.sound import write_sound

        if self.sources is None:
            raise ValueError("the files were not opened")
        step("writing the sound")
        done = (mux_sound if with_picture else write_sound)(self.timeline, *self.sources, path, self.extras.pitch)
        how = "copied without loss" if done.copied else f"encoded anew as {done.codec}"
        silent = f"; {done.silent:.2f} s of silence where clip has nothing" if done.silent >= 0.005 else ""
        return f"sound {how}: {done.reason}{silent}"
