"""Checks of what `vs-align sync` is to write, before anything is searched."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.cli.console import note
from vs_align.cli.preparation import check_targets, require_matplotlib
from vs_align.cli.sync.outputs import Failure, SyncExtras, SyncOutputs, attempt, option_of
from vs_align.cli.sync.writing import OutputWriter
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.media.probe import VideoFile

AUDIO_ENDINGS = (
    ".wav", ".flac", ".mka", ".mkv",
    ".m4a", ".m4b", ".mp4", ".aac", ".opus", ".ogg", ".webm", ".mp3", ".ac3", ".eac3",
)  # fmt: skip
"""What `retime_audio` writes."""


def check_names(outputs: SyncOutputs, inputs: list[Path], *, overwrite: bool) -> None:
    """Make sure that files can be written and that their endings fit; takes no time.

    Raises:
        MediaError: One cannot, is an input, is named twice, or has another ending.
    """
    for what, path in outputs.named():
        endings = _endings(what)
        if endings and path.suffix.lower() not in endings:
            listed = endings[0] if len(endings) == 1 else f"one of {', '.join(endings)}"
            raise MediaError(f"{option_of(what)} {path.name}: must end in {listed}.")
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
    return {"plot": (".png", ".svg", ".pdf"), "audio": AUDIO_ENDINGS}.get(what, ())


def check_stills(outputs: SyncOutputs, files: "Iterable[VideoFile]") -> None:
    """Make sure that nothing is wanted for which both files must have a time.

    Raises:
        MediaError: Something is, and one of them is a still.
    """
    timeless = ("json", "csv", "plot")
    for file in files:
        for what, path in outputs.named():
            if file.is_still and what not in timeless:
                raise MediaError(
                    f"{option_of(what)} {path.name}: {file.path.name} is a still, which has no time; leave it out."
                )


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
        failure = attempt(what, path, extras, partial(_check, what, path, extras, files))
        if failure is not None:
            found.append(failure)
    return found


def _check(what: str, path: Path, extras: SyncExtras, files: "tuple[VideoFile, VideoFile]") -> None:
    """Make sure that one file can be written, as far as that is known beforehand.

    Raises:
        AlignError: It cannot.
    """
    clip, ref = files
    if what in ("audio", "mux"):
        _check_sound(what, path, clip, ref)
    elif what == "plot":
        require_matplotlib()
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
        raise MediaError(f"{clip.path.name} has no audio.")
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
        return False  # the reader of the file reports it
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
        OutputWriter(short, None, extras, None).write(what, Path(folder) / f"{what}{path.suffix}")
