"""Ref's picture with clip's sound."""

import os
from collections.abc import Mapping
from dataclasses import replace as changed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.errors import ArgumentError, MediaError
from vs_align.export.audio import SoundReport, write_sound
from vs_align.io.atomic_files import reason_of
from vs_align.media.assembly import Contents, copy_all
from vs_align.media.atomic_output import check_writable, parts, replace
from vs_align.media.remux import TrackCopy
from vs_align.media.tracks import FileTracks, read_tracks, shifted_chapters

if TYPE_CHECKING:
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "mux_sound"
CONTAINERS = {".mkv": ".mka", ".mp4": ".mp4", ".webm": ".webm"}
"""Endings of what `mux_sound` writes, and of the file that its sound is made as."""
_HIDING = (".mp4",)  # containers with edit lists


def mux_sound(
    timeline: "Timeline", clip: "Source", ref: "Source", target: str | os.PathLike[str], pitch: str = "change"
) -> SoundReport:
    """Write ref's picture, copied as it is, with clip's audio track fitted to it.

    Ref's chapters, tags and, in Matroska, subtitles go along; the track keeps its language and title. What is left out
    is named in the report. The file is read back before it gets its name.

    Args:
        timeline: Which clip frame each ref frame shows.
        clip: The file whose sound is taken. Its packets are copied too where one offset is all there is.
        ref: The file whose picture is taken, with the time stamps that it has, counted from the first frame.
        target: File to write: .mkv, .mp4 or .webm. A file of that name is replaced when the new one is whole.
        pitch: See `write_sound`.

    Raises:
        ArgumentError: The ending is another one, or as in `write_sound`.
        MediaError: The sound cannot be read, the container does not hold ref's picture or shows frames that ref hides,
            or it cannot be written.
        MissingDependencyError: There is no ffmpeg.
    """
    path = Path(target).absolute()
    kind = CONTAINERS.get(path.suffix.lower())
    if kind is None:
        raise ArgumentError(_FUNCTION, "target", f"must end in one of {', '.join(CONTAINERS)}", repr(path.name))
    check_writable(path, (clip.file.path, ref.file.path))
    _check_hidden(ref, path)
    with (
        parts(path) as (part,),
        parts(path.with_suffix(kind)) as (sound,),
        TemporaryDirectory(prefix="vs_align-") as folder,
    ):
        report = write_sound(timeline, clip, ref, sound, pitch)
        files = {"clip": read_tracks(clip.file.path), "ref": read_tracks(ref.file.path)}
        contents = _contents(files, sound, ref, path)
        copy_all(_picture(ref, files["ref"], Path(folder)), None, contents, part, path)
        replace(part, path)
    return changed(report, left_out=tuple(contents.left_out))


def _contents(files: Mapping[str, FileTracks], sound: Path, source: "Source", path: Path) -> Contents:
    """Collect what goes along with ref's picture: clip's audio, and of ref all but its audio.

    Args:
        files: What clip and ref hold.
        sound: Clip's audio on the clock of the result.
        source: Ref, opened.
        path: The file to write.
    """
    clip, ref = files["clip"], files["ref"]
    heard = clip.audio
    contents = Contents([TrackCopy(sound, 0, tags={} if heard is None else heard.tags(), default=True)])
    if source.shifts:
        contents.leave_out("ref", ref.of_kind("subtitle", "attachment"), "its time stamps start anew")
    else:
        contents.take_subtitles("ref", ref, path, TrackCopy(ref.path, 0, -source.start, first=0.0))
    contents.take_chapters("ref", shifted_chapters(ref.chapters, source.start), path)
    contents.take_tags("ref", dict(ref.tags))
    contents.leave_rest("ref", ref)
    contents.leave_out("ref", ref.of_kind("audio"))
    contents.leave_out("clip", [track for track in clip.of_kind("audio") if track != heard])
    contents.leave_out("clip", clip.of_kind("subtitle", "attachment"))
    if clip.chapters:
        contents.left_out.append(f"clip: {len(clip.chapters)} chapters")
    contents.take_tags("clip", dict(clip.tags))
    return contents


def check_images(source: Path, target: Path) -> None:
    """Make sure that a container holds the images of a file as they are, by writing its header.

    Args:
        source: The file.
        target: What is to be written; its ending tells the container.

    Raises:
        MediaError: It does not.
    """
    import av

    try:
        with (
            TemporaryDirectory(prefix="vs_align-") as folder,
            av.open(str(source)) as reading,
            av.open(str(Path(folder) / f"header{target.suffix}"), "w") as writing,
        ):
            writing.add_stream_from_template(reading.streams.video[0], opaque=True)
            writing.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        reason = reason_of(error)
        raise MediaError(f"{target.suffix} does not take the images of {source.name} as they are: {reason}.") from error


def _picture(ref: "Source", file: FileTracks, folder: Path) -> TrackCopy:
    """Return the copy of ref's images, the first of which is shown at time 0."""
    track = file.of_kind("video")[0]
    if not ref.mended:
        return TrackCopy(ref.file.path, track.index, -ref.start)
    from vs_align.media.restamped import write_restamped

    restamped = folder / "images.nut"
    start = write_restamped(ref, restamped)
    return TrackCopy(restamped, 0, -start, tags=track.tags())


def _check_hidden(ref: "Source", target: Path) -> None:
    """Make sure that frames which an edit list of ref hides stay hidden.

    Raises:
        MediaError: The target's container cannot hide any.
    """
    import av

    stored = ref.file.frames or 0
    if stored <= ref.length or target.suffix.lower() in _HIDING:
        return
    with av.open(str(ref.file.path)) as container:
        has_edit_lists = container.format.name.startswith("mov,")
    if has_edit_lists:
        raise MediaError(
            f"{ref.file.path.name} stores {stored} frames and shows {ref.length} of them by its edit list, which "
            f"{target.suffix} cannot: write .mp4."
        )
