"""Writing of the files of `vs-align sync`: each with its exporter, all moved to their places when the last is whole."""

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.cli.console import note, step
from vs_align.cli.sync.outputs import Failure, SyncExtras, SyncOutputs, attempt
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.export.otio import MediaFile
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline


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
    from vs_align.io.atomic_files import replace as put_in_place
    from vs_align.io.atomic_files import temporary_paths

    writer = OutputWriter(timeline, files, extras, sources)
    failures: list[Failure | None] = []

    def written(what: str, name: str, part: Path) -> None:
        remark = writer.write(what, part)
        if remark:
            note(f"{name}: {remark}")

    with ExitStack() as stack:
        done = []
        for what, target in outputs.named():
            (part,) = stack.enter_context(temporary_paths(target))
            failures.append(attempt(what, target, extras, partial(written, what, target.name, part)))
            if failures[-1] is None:
                done.append((what, part, target))
        for what, part, target in done:
            failures.append(attempt(what, target, extras, partial(put_in_place, part, target)))
    return [failure for failure in failures if failure is not None]


@dataclass(frozen=True, slots=True)
class OutputWriter:
    """Writes files for a timeline. Without files, one is made up; `sources` are there if audio is to be written."""

    timeline: "Timeline"
    files: "tuple[VideoFile, VideoFile] | None"
    extras: SyncExtras
    sources: "tuple[Source, Source] | None"

    def write(self, what: str, path: Path) -> str:
        """Write one of the files of `SyncOutputs`, and return a remark about it, or an empty text."""
        if what in ("edl", "fcpxml", "otio"):
            self._write_cut(what, path)
        elif what == "subs":
            return self._write_subs(path)
        elif what == "chapters":
            return self._write_chapters(path)
        elif what in ("audio", "mux"):
            return self._write_sound(path, with_video=what == "mux")
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
        from vs_align.media.file_clock import first_frame_time
        from vs_align.media.subtitle_track import is_media

        if self.files is None:
            return 0.0, 0.0
        clip, ref, line = self.files[0].path, self.files[1].path, self.timeline
        clip_rate = Fraction(0) if line.clip_times else line.clip_rate
        ref_rate = Fraction(0) if line.ref_times else line.ref_rate
        ref_start = first_frame_time(ref, ref_rate)
        # ffmpeg takes some texts for images
        if is_media(source):
            with suppress(MediaError):
                return first_frame_time(source, clip_rate), ref_start
        return first_frame_time(clip, clip_rate), ref_start

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

    def _write_sound(self, path: Path, *, with_video: bool) -> str:
        from vs_align.export.audio import retime_audio
        from vs_align.export.mux import mux_audio

        if self.sources is None:
            raise ValueError("the files were not opened")
        step("writing the audio")
        done = (mux_audio if with_video else retime_audio)(self.timeline, *self.sources, path, self.extras.pitch)
        how = "copied without loss" if done.copied else f"encoded anew as {done.codec}"
        silent = f"; {done.silent:.2f} s of silence where clip has nothing" if done.silent >= 0.005 else ""
        left_out = f"; left out: {'; '.join(done.left_out)}" if done.left_out else ""
        return f"audio {how}: {done.reason}{silent}{left_out}"
