"""`sync_files`: the timeline of two files, each decoded once."""

from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.decide.synchronization.options import Progress, SyncOptions
from vs_align.enums import SyncEngine
from vs_align.errors import MediaError
from vs_align.media.cache import file_identity, remembered
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from vs_align.decide.synchronization.refinement import CloseLook
    from vs_align.measure.fingerprints.fingerprint import Fingerprints
    from vs_align.media.audio_track import Sound
    from vs_align.media.probe import VideoFile


def sync_files(
    clip: "VideoFile",
    ref: "VideoFile",
    options: SyncOptions,
    folder: Path | None,
    progress: Progress | None = None,
    *,
    listen: bool = True,
    closer: "CloseLook | None" = None,
) -> Timeline:
    """Find which frame of one file belongs to which frame of another.

    Args:
        clip: The file whose frames are wanted.
        ref: The one whose time counts.
        options: How to look.
        folder: Where fingerprints and conclusions are kept; None: nowhere.
        progress: Told what is being done, how much of it is done, and how much there is.
        listen: Whether the sound is used where both have some.
        closer: Compares frames that fingerprints do not tell apart; its placement is that of the options.

    Raises:
        MediaError: A file cannot be decoded, has no sound where the engine needs it, or the folder cannot be written.
    """
    silent = [file.path.name for file in (clip, ref) if file.audio_codec is None]
    if options.engine is SyncEngine.AUDIO and (silent or not listen):
        raise MediaError(f"the engine audio needs sound: {silent[0] if silent else 'it was switched off'} has none.")
    heard = listen and not silent and options.engine in (SyncEngine.AUTO, SyncEngine.AUDIO)

    def find() -> Timeline:
        # what is remembered needs none of this
        from vs_align.decide.synchronization.pipeline import sync_films
        from vs_align.measure.fingerprints.extraction import file_fingerprints

        films = [file_fingerprints(file, folder, progress) for file in (clip, ref)]
        sounds = (_sound(clip, films[0], progress), _sound(ref, films[1], progress)) if heard else None
        return sync_films(films[0], films[1], options, sounds, progress, closer)

    identities = file_identity(clip.path), file_identity(ref.path)
    rates = clip.forced_fps, ref.forced_fps
    return remembered(folder, (*identities, options, heard, closer is not None, rates), find)


def _sound(file: "VideoFile", film: "Fingerprints", progress: Progress | None) -> "Sound":
    from vs_align.media.audio_track import read_sound

    def told(share: float) -> None:
        if progress is not None:
            progress(f"listening to {file.path.name}", round(1000 * share), 1000)

    start, shifts = (file.video_start, ()) if film.clock is None else (film.clock.start, film.clock.shifts)
    return read_sound(file.path, on_progress=told, zero=start, shifts=shifts)
