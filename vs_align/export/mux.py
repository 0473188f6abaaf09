"""Ref's video muxed with clip's retimed audio: ref's packets are copied."""

import os
from collections.abc import Mapping
from dataclasses import replace as changed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.errors import ArgumentError, MediaError
from vs_align.export.audio import AudioReport, retime_audio
from vs_align.io.atomic_files import error_reason, replace, temporary_paths
from vs_align.media.assembly import Contents, copy_all
from vs_align.media.output_checks import check_writable
from vs_align.media.remux import TrackCopy
from vs_align.media.tracks import FileTracks, read_tracks, shifted_chapters

if TYPE_CHECKING:
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "mux_audio"
CONTAINERS = {".mkv": ".mka", ".mp4": ".mp4", ".webm": ".webm"}
"""Endings of what `mux_audio` writes, and of the file that its audio is made as."""
_HIDING = (".mp4",)
"""Containers with edit lists."""


def mux_audio(
    timeline: "Timeline", clip: "Source", ref: "Source", target: str | os.PathLike[str], pitch: str = "change"
) -> AudioReport:
    """Write ref's video, copied as it is, with clip's audio track retimed to it.

    Ref's chapters, tags and, in Matroska, subtitles go along; the track keeps its language and title. What is left out
    is named in the report. The file is read back before it gets its name.

    Args:
        timeline: Which clip frame each ref frame shows.
        clip: The file whose audio is taken. Its packets are copied too if one offset is enough.
        ref: The file whose video is taken, with its time stamps counted from the first frame.
        target: File to write: .mkv, .mp4 or .webm. A file of that name is replaced when the new one is complete.
        pitch: See `retime_audio`.

    Raises:
        ArgumentError: The ending is another one, or a rule of `retime_audio` is broken.
        MediaError: The audio cannot be read, the container does not take ref's video or shows frames that ref hides,
            or the file cannot be written.
        MissingDependencyError: There is no ffmpeg.
    """
    path = Path(target).absolute()
    kind = CONTAINERS.get(path.suffix.lower())
    if kind is None:
        raise ArgumentError(_FUNCTION, "target", f"must end in one of {', '.join(CONTAINERS)}", repr(path.name))
    check_writable(path, (clip.file.path, ref.file.path))
    _check_hidden(ref, path)
    with (
        temporary_paths(path) as (part,),
        temporary_paths(path.with_suffix(kind)) as (audio,),
        TemporaryDirectory(prefix="vs_align-") as folder,
    ):
        report = retime_audio(timeline, clip, ref, audio, pitch)
        files = {"clip": read_tracks(clip.file.path), "ref": read_tracks(ref.file.path)}
        contents = _contents(files, audio, ref, path)
        copy_all(_ref_video(ref, files["ref"], Path(folder)), None, contents, part, path)
        replace(part, path)
    return changed(report, left_out=tuple(contents.left_out))


def _contents(files: Mapping[str, FileTracks], audio: Path, source: "Source", path: Path) -> Contents:
    """Collect what goes along with ref's video: clip's audio, and of ref all but its audio.

    Args:
        files: What clip and ref hold.
        audio: Clip's retimed audio.
        source: Ref, opened.
        path: The file to write.
    """
    clip, ref = files["clip"], files["ref"]
    heard = clip.audio
    contents = Contents([TrackCopy(audio, 0, tags={} if heard is None else heard.tags(), default=True)])
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
    """Make sure that a container takes the video of a file as it is, by writing its header.

    Args:
        source: The file.
        target: The file to write; its ending chooses the container.

    Raises:
        MediaError: The container does not take it.
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
        reason = error_reason(error)
        raise MediaError(f"{target.suffix} does not take the images of {source.name} as they are: {reason}.") from error


def _ref_video(ref: "Source", file: FileTracks, folder: Path) -> TrackCopy:
    """Return the copy of ref's video whose first frame is shown at time 0."""
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
