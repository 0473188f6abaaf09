"""Ref's picture with clip's sound."""

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.errors import ArgumentError, MediaError
from vs_align.export.sound import SoundReport, write_sound
from vs_align.media.children import Children
from vs_align.media.encode import muxer_arguments
from vs_align.media.ffmpeg import file_url, find_ffmpeg
from vs_align.media.output import check_writable, parts, replace

if TYPE_CHECKING:
    from vs_align.media.source import Source
    from vs_align.timeline import Timeline

_FUNCTION = "mux_sound"
CONTAINERS = {".mkv": ".mka", ".mp4": ".m4a", ".webm": ".webm"}
"""Endings of what `mux_sound` writes, and of the file that its sound is made as."""


def mux_sound(
    timeline: "Timeline", clip: "Source", ref: "Source", target: str | os.PathLike[str], pitch: str = "change"
) -> SoundReport:
    """Write ref's picture, copied as it is, with clip's first sound track fitted to it.

    Args:
        timeline: Which clip frame each ref frame shows.
        clip: The file whose sound is taken. Its packets are copied too where one offset is all there is.
        ref: The file whose picture is taken, with the time stamps that it has, counted from the first frame.
        target: File to write: .mkv, .mp4 or .webm. A file of that name is replaced when the new one is whole.
        pitch: See `write_sound`.

    Raises:
        ArgumentError: The ending is another one, or as in `write_sound`.
        MediaError: The sound cannot be read, the container does not hold ref's picture, or it cannot be written.
        MissingDependencyError: There is no ffmpeg.
    """
    path = Path(target).absolute()
    kind = CONTAINERS.get(path.suffix.lower())
    if kind is None:
        raise ArgumentError(_FUNCTION, "target", f"must end in one of {', '.join(CONTAINERS)}", repr(path.name))
    check_writable(path, (clip.file.path, ref.file.path))
    with parts(path) as (part,), parts(path.with_suffix(kind)) as (sound,):
        report = write_sound(timeline, clip, ref, sound, pitch)
        # Without its own zero ffmpeg would move each input to begin at 0, and sound would lose its place.
        command = [str(find_ffmpeg()), "-hide_banner", "-nostats", "-loglevel", "warning", "-y", "-copyts"]
        command += ["-itsoffset", f"{-ref.start:.6f}", "-i", file_url(ref.file.path), "-i", file_url(sound)]
        command += ["-map", "0:v:0", "-map", "1:a:0", "-map_chapters", "0", "-c", "copy"]
        with TemporaryDirectory(prefix="vs_align-") as folder, Children(Path(folder)) as children:
            ffmpeg = children.start([*command, *muxer_arguments(path), file_url(part)], stdin=subprocess.DEVNULL)
            if ffmpeg.wait() != 0:
                raise MediaError(f"ffmpeg failed (code {ffmpeg.returncode}): {children.last_words(ffmpeg)}")
        replace(part, path)
    return report
