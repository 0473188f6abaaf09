"""What is looked at before any work is begun, so that whatever is wrong is said at once."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.cli.console import interrupt_at_once, note, stage_time, step
from vs_align.cli.options import DEFAULT_CODEC, Audio
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.placement.placement import Placement


def check_targets(
    videos: Iterable[Path | None],
    others: Iterable[Path | None],
    inputs: Sequence[Path],
    *,
    overwrite: bool,
    images: bool = False,
) -> None:
    """Make sure that all files to write can be written, that none is an input or exists, and that none is named twice.

    Args:
        videos: Videos to write, whose names tell the container; None is nothing to write.
        others: Other files to write.
        inputs: Files that are read.
        overwrite: Whether files that exist are replaced.
        images: Whether a video may be an image, of one frame.

    Raises:
        MediaError: One of it is not so.
    """
    from vs_align.io.atomic_files import is_device
    from vs_align.media.atomic_output import check_new, check_video_name, check_writable

    named = [path for path in videos if path is not None]
    for path in named:
        check_video_name(path, images=images)
    named += [path for path in others if path is not None]
    for path in named:
        check_writable(path, inputs, make_folder=True)
    if not overwrite:
        for path in named:
            check_new(path)
    for path in named:
        if named.count(path) > 1 and not is_device(path):
            raise MediaError(f"{path} is named for two of the files to write.")


def fitted_placement(
    placement: "Placement", first: "tuple[str, Source]", second: "tuple[str, Source]", name: str
) -> "Placement":
    """Return a placement at the sizes of two videos.

    Args:
        placement: One that was read from a file.
        first: The word for the video whose pixels its matrices give, and that video.
        second: The same for the video whose pixels they take.
        name: Name of the file.

    Raises:
        MediaError: It was made for videos of other aspect ratios.
    """
    from vs_align.api import arguments as checks

    videos = [source for _, source in (first, second)]
    fitted = checks.fitted_placement(placement, *((video.width, video.height) for video in videos))
    if fitted is None:
        made = " and ".join(
            f"{word} of {width}x{height}"
            for word, (width, height) in zip(
                (first[0], second[0]), (placement.clip_size, placement.ref_size), strict=True
            )
        )
        has = ", ".join(f"{video.file.path.name} has {video.width}x{video.height}" for video in videos)
        raise MediaError(f"--placement {name}: it was made for {made}; {has}.")
    return fitted


def probe_pair(
    clip: Path,
    ref: Path,
    audio: Audio | None,
    usual: Audio,
    rates: tuple[Fraction | None, Fraction | None] = (None, None),
) -> "tuple[VideoFile, VideoFile, Audio]":
    """Look into both files and find out whose sound will be heard.

    Args:
        clip: The video whose frames are shown.
        ref: The video that they are aligned to.
        audio: Whose sound is asked for, if it is.
        usual: Whose sound is taken otherwise, if that file has any.
        rates: Frames per second of both that count whatever their time stamps say, None for what they say.

    Raises:
        MediaError: A file is no whole video, or has none of the sound that is asked for.
    """
    from vs_align.media.probe import probe

    files = {Audio.CLIP: probe(clip, rates[0]), Audio.REF: probe(ref, rates[1])}
    chosen = audio or usual
    file = files.get(chosen)
    if file is not None and file.audio_codec is None:
        if audio is not None:
            raise MediaError(f"--audio {chosen}: {file.path.name} has no sound.")
        note(f"{file.path.name} has no sound, so the result has none.")
        chosen = Audio.NONE
    for video in files.values():
        if video.interlaced:
            note(f"{video.path.name} is interlaced: frames are matched and written as they are; deinterlace first.")
    return files[Audio.CLIP], files[Audio.REF], chosen


def ready_encoder(codec: str, out: Path | None = None) -> "Encoder":
    """Make sure that the programs and plugins are there, and return the encoder.

    Args:
        codec: Its name.
        out: File to write; an image has an encoder of its own.

    Raises:
        MissingDependencyError: One is not.
        MediaError: ffmpeg has no such encoder.
    """
    from vs_align.media.ffmpeg import find_encoder
    from vs_align.media.image_output import image_encoder, is_image
    from vs_align.media.source import require_bestsource
    from vs_align.media.vspipe import ensure_config

    require_bestsource()
    if ensure_config():
        step("vspipe was told which Python to use (vapoursynth config)")
    if out is not None and is_image(out):
        if codec != DEFAULT_CODEC:
            raise MediaError(f"--codec {codec}: {out.name} is an image; leave it out.")
        return image_encoder(out)
    return find_encoder(codec)


def tell_alpha(*sources: "Source") -> None:
    """Say whose alpha is left out."""
    for source in sources:
        if source.alpha or source.file.alpha_mode:
            note(f"{source.file.path.name} has alpha: it is ignored.")


def open_video(file: "VideoFile") -> "Source":
    """Index a file, which takes minutes for a long one on its first time."""
    from vs_align.media.source import open_source

    step(f"reading {file.path.name}")
    with stage_time(f"opening {file.path.name}"), interrupt_at_once():
        source = open_source(file)
    for remark in source.remarks:
        note(f"{remark}.")
    return source


def ready_cache(cache: Path | None, keep: bool) -> Path | None:
    """Return the folder in which findings are kept, made and proved to be writable; None where none are to be kept.

    The user's cache may be one that cannot be written, as in many containers: then none are kept.

    Args:
        cache: The folder that was named; None for the user's cache.
        keep: Whether anything is kept.

    Raises:
        MediaError: The folder was named, and cannot be made or written to, or nothing is kept.
    """
    from vs_align.io.atomic_files import reason_of
    from vs_align.media.atomic_output import check_writable
    from vs_align.media.cache import writable_cache_folder

    if not keep:
        if cache is not None:
            raise MediaError(f"--cache {cache}: must be left out with --no-cache.")
        return None
    if cache is None:
        return writable_cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"--cache {cache} cannot be made: {reason_of(error)}.") from error
    check_writable(cache / "film.fingerprints")
    return cache
