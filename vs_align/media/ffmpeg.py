"""ffmpeg: finding the program, its version, options of its encoders, and the audio codecs that containers accept."""

import logging
import os
import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vs_align.errors import MediaError, MissingDependencyError
from vs_align.io.install_advice import install_command
from vs_align.media.subprocesses import run_program

_log = logging.getLogger(__name__)

VARIABLE = "VS_ALIGN_FFMPEG"
"""Environment variable that chooses ffmpeg: a path, or BUNDLED."""
BUNDLED = "bundled"
"""Value of the variable that chooses the program in the package imageio-ffmpeg."""
TESTED = ("5.1", "6.0", "7.0", "9.0")
"""Versions with which all tests of media pass."""

# Known defects of versions below the given one, measured with the version in the text.
_LIMITS = (
    (
        (6, 0),
        "Matroska files that 5.1 itself writes begin late by the delay of an audio encoder (AAC 21 ms, AC-3 5 ms at "
        "48 kHz): inputs may have that lag, results do not",
    ),
)
_TIMEOUT = 20
"""Seconds. It usually answers in 0.1 s; the first start from a slow disk with a virus scanner takes seconds."""
_OLDEST = (5, 1)
"""First version with -fps_mode, which replaces -vsync in later versions."""
_MP4_AUDIO = frozenset({"aac", "ac3", "eac3", "mp3", "alac", "flac", "opus"})
# ffmpeg uses its muxer "ipod", with few codecs, for .m4v, .m4a and .m4b
_IPOD_AUDIO = frozenset({"aac", "ac3", "alac"})
_TS_AUDIO = frozenset({"aac", "ac3", "eac3", "mp2", "mp3"})
# Audio codecs that each container accepts; None: all
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
    """A video encoder of ffmpeg with its options and pixel formats."""

    name: str
    options: frozenset[str]
    pixel_formats: frozenset[str]
    """Empty if the encoder accepts any."""


@cache
def find_ffmpeg() -> Path:
    """Return the ffmpeg that VS_ALIGN_FFMPEG names, else the system's if it is recent enough, else the bundled one.

    Raises:
        MissingDependencyError: There is none, or the named program is missing or too old.
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
        raise MissingDependencyError(
            f"{fault}: install a recent one, or run: {install_command('imageio-ffmpeg')}"
        ) from error
    _log.debug("%s: %s is used instead", fault, brought)
    return brought


def _fault(program: Path) -> str | None:
    """Return why a program is not used; None if it is."""
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
    """Return the version of an ffmpeg, such as 5.1.9-0+deb12u1.

    Raises:
        MissingDependencyError: It cannot be run or is no ffmpeg.
    """
    words = _run(program, "-version").split()
    if words[:2] != ["ffmpeg", "version"] or len(words) < 3:
        raise MissingDependencyError(f"{program} is no ffmpeg: it does not tell its version")
    return words[2]


def known_limits(version: str) -> str:
    """Return what is known of a version as text: whether it is tested, and its defects.

    Args:
        version: As `ffmpeg -version` prints it.
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
    # builds between releases have no such number; they are assumed to be recent
    return number is None or number >= _OLDEST


def _number(said: str) -> tuple[int, int] | None:
    version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", said)
    return None if version is None else (int(version[1]), int(version[2]))


def file_url(path: Path) -> str:
    """Return a URL that ffmpeg opens as a file, even if the name has colons, dashes or percent signs."""
    return f"file:{path}"


def find_encoder(name: str) -> Encoder:
    """Return a video encoder of ffmpeg.

    Raises:
        MediaError: This ffmpeg has no such encoder.
        MissingDependencyError: There is no ffmpeg.
    """
    text = _run(find_ffmpeg(), "-hide_banner", "-h", f"encoder={name}")
    if not text.startswith("Encoder "):
        raise MediaError(f"--codec {name}: {find_ffmpeg()} has no such encoder.")
    formats = re.search(r"Supported pixel formats: (.*)", text)
    return Encoder(
        name=name,
        options=frozenset(re.findall(r"^  -([\w-]+)", text, re.MULTILINE)),
        pixel_formats=frozenset(formats[1].split()) if formats else frozenset(),
    )


def _run(program: Path, *arguments: str) -> str:
    return run_program([str(program), *arguments], _TIMEOUT).stdout


def container_suffixes() -> list[str]:
    """Return the suffixes of containers that can be written."""
    return sorted(_CONTAINERS)


def holds_audio(target: Path, codec: str) -> bool:
    """Return whether a container accepts an audio codec without re-encoding."""
    held = _CONTAINERS[target.suffix.lower()]
    return held is None or codec in held


def audio_encoder_arguments(target: Path, channels: int, *, lossless: bool = False) -> list[str]:
    """Return ffmpeg options that encode audio for a container.

    Args:
        target: The file to write.
        channels: Number of channels.
        lossless: Whether to use FLAC if the container accepts it.
    """
    if lossless and holds_audio(target, "flac"):
        return ["-c:a", "flac"]
    rate = f"{max(192, 64 * channels)}k"
    if holds_audio(target, "aac"):
        return ["-c:a", "aac", "-b:a", rate]
    return ["-c:a", "libopus" if target.suffix.lower() == ".webm" else "ac3", "-b:a", rate]
