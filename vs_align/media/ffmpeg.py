"""The program ffmpeg: where it is, what its encoders take, what containers hold."""

import logging
import os
import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vs_align.errors import MediaError, MissingDependencyError
from vs_align.media.programs import output_of

_log = logging.getLogger(__name__)

VARIABLE = "VS_ALIGN_FFMPEG"
"""Environment variable that chooses ffmpeg: a path, or BUNDLED."""
BUNDLED = "bundled"
"""Stands for the program that the package imageio-ffmpeg brings."""
TESTED = ("5.1", "6.0", "7.0", "9.0")
"""Versions with which all media tests pass."""

# What is known of versions below one, measured with the version that is named.
_LIMITS = (
    (
        (6, 0),
        "Matroska files that 5.1 itself writes begin late by the delay of an audio encoder (AAC 21 ms, AC-3 5 ms at "
        "48 kHz): inputs may have that lag, results do not",
    ),
)
# It says its version within a tenth of a second; the first start from a slow disk, with a virus scanner, takes some.
_TIMEOUT = 20
# The first with -fps_mode, which later versions insist on.
_OLDEST = (5, 1)
_MP4_AUDIO = frozenset({"aac", "ac3", "eac3", "mp3", "alac", "flac", "opus"})
# ffmpeg writes .m4v, .m4a and .m4b for players that know little.
_IPOD_AUDIO = frozenset({"aac", "ac3", "alac"})
_TS_AUDIO = frozenset({"aac", "ac3", "eac3", "mp2", "mp3"})
# Sound that each container holds as it is; None is all.
_CONTAINERS: dict[str, frozenset[str] | None] = {
    ".mkv": None,
    ".mp4": _MP4_AUDIO,
    ".m4v": _IPOD_AUDIO,
    ".mov": _MP4_AUDIO - {"opus", "flac"},
    ".webm": frozenset({"opus", "vorbis"}),
    ".ts": _TS_AUDIO,
    ".m2ts": _TS_AUDIO,
    ".avi": frozenset({"ac3", "mp2", "mp3"}),
}


@dataclass(frozen=True, slots=True)
class Encoder:
    """What one of ffmpeg's video encoders can be told."""

    name: str
    options: frozenset[str]
    pixel_formats: frozenset[str]
    """Empty where the encoder takes any."""


@cache
def find_ffmpeg() -> Path:
    """Return the ffmpeg that VS_ALIGN_FFMPEG names, else the system's if it is recent enough, else the bundled one.

    Raises:
        MissingDependencyError: There is none, or the one that is named is none or too old.
    """
    named = os.environ.get(VARIABLE)
    if named and named != BUNDLED:
        return _named_ffmpeg(named)
    found = None if named else shutil.which("ffmpeg")
    fault = "ffmpeg is missing" if found is None else _fault(Path(found))
    if found is not None and fault is None:
        return Path(found)
    try:
        import imageio_ffmpeg

        brought = Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise MissingDependencyError(f"{fault}: install a recent one, or pip install imageio-ffmpeg") from error
    _log.debug("%s: %s is used instead", fault, brought)
    return brought


def _fault(program: Path) -> str | None:
    """Say in words why a program is not used, None where it is."""
    try:
        said = _run(program, "-version")
        _log.debug("%s", said.partition("\n")[0])
    except MissingDependencyError as error:
        _log.info("%s Another ffmpeg is looked for.", error)
        return str(error).rstrip(".")
    return None if _is_recent(said) else f"{program} is older than 5.1"


def _named_ffmpeg(named: str) -> Path:
    found = shutil.which(named)
    if found is None:
        raise MissingDependencyError(f"{VARIABLE} must name a program or be {BUNDLED}, got {named}")
    if not _is_recent(f"ffmpeg version {ffmpeg_version(Path(found))}"):
        raise MissingDependencyError(f"{VARIABLE}: {named} is older than 5.1")
    return Path(found)


def ffmpeg_version(program: Path) -> str:
    """Return the version that an ffmpeg names, such as 5.1.9-0+deb12u1.

    Raises:
        MissingDependencyError: It cannot be run or is no ffmpeg.
    """
    words = _run(program, "-version").split()
    if words[:2] != ["ffmpeg", "version"] or len(words) < 3:
        raise MissingDependencyError(f"{program} is no ffmpeg: it does not tell its version")
    return words[2]


def known_limits(version: str) -> str:
    """Say what is known of a version: whether it is tested, and what it cannot do.

    Args:
        version: As ffmpeg names it.
    """
    number = _number(f"ffmpeg version {version}")
    tested = f"tested: {', '.join(TESTED)}"
    if number is None:
        return f"a build without a number; {tested}"
    said = [words for below, words in _LIMITS if number < below]
    is_tested = f"{number[0]}.{number[1]}" in TESTED
    return "; ".join([*said, tested] if is_tested else [*said, f"this version is not among those {tested}"])


def _is_recent(said: str) -> bool:
    number = _number(said)
    # Builds between releases have no such number, and nobody keeps one for years.
    return number is None or number >= _OLDEST


def _number(said: str) -> tuple[int, int] | None:
    version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", said)
    return None if version is None else (int(version[1]), int(version[2]))


def file_url(path: Path) -> str:
    """Return a name that ffmpeg takes for a file, whatever colons, dashes and percent signs are in it."""
    return f"file:{path}"


def find_encoder(name: str) -> Encoder:
    """Ask ffmpeg about a video encoder.

    Raises:
        MediaError: This ffmpeg has no such encoder.
        MissingDependencyError: There is no ffmpeg.
    """
    said = _run(find_ffmpeg(), "-hide_banner", "-h", f"encoder={name}")
    if not said.startswith("Encoder "):
        raise MediaError(f"--codec {name}: {find_ffmpeg()} has no such encoder.")
    formats = re.search(r"Supported pixel formats: (.*)", said)
    return Encoder(
        name=name,
        options=frozenset(re.findall(r"^  -([\w-]+)", said, re.MULTILINE)),
        pixel_formats=frozenset(formats[1].split()) if formats else frozenset(),
    )


def _run(program: Path, *arguments: str) -> str:
    return output_of([str(program), *arguments], _TIMEOUT).stdout


def container_names() -> list[str]:
    """Return the file name extensions that can be written."""
    return sorted(_CONTAINERS)


def holds_audio(target: Path, codec: str) -> bool:
    """Tell whether a container takes a kind of sound as it is."""
    held = _CONTAINERS[target.suffix.lower()]
    return held is None or codec in held


def audio_encoder_arguments(target: Path, channels: int, *, lossless: bool = False) -> list[str]:
    """Return options that encode sound for a container.

    Args:
        target: The file to write.
        channels: Number of channels.
        lossless: Whether to keep every bit where the container allows.
    """
    if lossless and holds_audio(target, "flac"):
        return ["-c:a", "flac"]
    rate = f"{max(192, 64 * channels)}k"
    if holds_audio(target, "aac"):
        return ["-c:a", "aac", "-b:a", rate]
    return ["-c:a", "libopus" if target.suffix.lower() == ".webm" else "ac3", "-b:a", rate]
