"""Checks and preparation before any work: output paths, input files, encoder, cache."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.cli.console import interrupt_at_once, note, stage_time, step
from vs_align.cli.options import DEFAULT_CODEC, Audio
from vs_align.errors import MediaError, MissingDependencyError
from vs_align.io.install_advice import REPORT, install_command

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
    """Raise if an output file cannot be written, is an input, exists already, or is given twice.

    Args:
        videos: Videos to write; their suffixes determine the container. None entries are skipped.
        others: Other files to write. None entries are skipped.
        inputs: Files that are read.
        overwrite: Whether existing files are replaced.
        images: Whether an output may be an image of one frame.

    Raises:
        MediaError: A file breaks one of these rules.
    """
    from vs_align.io.atomic_files import is_device
    from vs_align.media.output_checks import check_new, check_video_name, check_writable

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


def fit_placement(
    placement: "Placement", first: "tuple[str, Source]", second: "tuple[str, Source]", name: str
) -> "Placement":
    """Return a placement resized to two videos.

    Args:
        placement: A placement from a file.
        first: Name and video of the side that its matrices map to.
        second: Name and video of the side that its matrices map from.
        name: Name of the file.

    Raises:
        MediaError: It was made for videos of other aspect ratios.
    """
    from vs_align.api import arguments as checks

    videos = [source for _, source in (first, second)]
    fitted = checks.fit_placement(placement, *((video.width, video.height) for video in videos))
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
    """Probe both files and choose whose audio the result has.

    Args:
        clip: The video whose frames are shown.
        ref: The video that they are aligned to.
        audio: The value of --audio; None: not given.
        usual: Whose audio is used by default, if that file has any.
        rates: Frames per second of both that replace their time stamps; None: the time stamps count.

    Raises:
        MediaError: A file is no complete video, or lacks the audio that --audio names.
    """
    from vs_align.media.probe import probe

    files = {Audio.CLIP: probe(clip, rates[0]), Audio.REF: probe(ref, rates[1])}
    chosen = audio or usual
    file = files.get(chosen)
    if file is not None and file.audio_codec is None:
        if audio is not None:
            raise MediaError(f"--audio {chosen}: {file.path.name} has no audio.")
        note(f"{file.path.name} has no audio, so the result has none.")
        chosen = Audio.NONE
    for video in files.values():
        if video.interlaced:
            note(f"{video.path.name} is interlaced: frames are matched and written as they are; deinterlace first.")
    return files[Audio.CLIP], files[Audio.REF], chosen


def prepare_encoder(codec: str, out: Path | None = None) -> "Encoder":
    """Check programs and plugins, and return the encoder.

    Args:
        codec: ffmpeg's name of the encoder.
        out: File to write; an image has its own encoder.

    Raises:
        MissingDependencyError: A program or plugin is missing.
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


def require_matplotlib() -> None:
    """Raise if Matplotlib, which --plot needs, is not installed.

    Raises:
        MissingDependencyError: It is missing.
    """
    if find_spec("matplotlib") is None:
        raise MissingDependencyError(f"--plot needs Matplotlib. Run: {install_command(*REPORT)}")


def report_alpha(*sources: "Source") -> None:
    """Print a note for each video whose alpha is ignored."""
    for source in sources:
        if source.alpha or source.file.alpha_mode:
            note(f"{source.file.path.name} has alpha: it is ignored.")


def open_video(file: "VideoFile") -> "Source":
    """Index a file; the first time takes minutes for a long file."""
    from vs_align.media.source import open_source

    step(f"reading {file.path.name}")
    with stage_time(f"opening {file.path.name}"), interrupt_at_once():
        source = open_source(file)
    for remark in source.remarks:
        note(f"{remark}.")
    return source


def prepare_cache(cache: Path | None, keep: bool) -> Path | None:
    """Return the cache folder, after making it and checking that it is writable; None for no cache.

    If the user's cache is not writable, as in many containers, there is no cache.

    Args:
        cache: The value of --cache; None for the user's cache.
        keep: Whether a cache is used.

    Raises:
        MediaError: --cache was given and cannot be made or written to, or `keep` is false.
    """
    from vs_align.io.atomic_files import error_reason
    from vs_align.media.cache import writable_cache_folder
    from vs_align.media.output_checks import check_writable

    if not keep:
        if cache is not None:
            raise MediaError(f"--cache {cache}: must be left out with --no-cache.")
        return None
    if cache is None:
        return writable_cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"--cache {cache} cannot be made: {error_reason(error)}.") from error
    check_writable(cache / "film.fingerprints")
    return cache
