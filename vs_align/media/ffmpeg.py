"""The program ffmpeg: where it is, what its encoders take, what containers hold."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vs_align.errors import MediaError, MissingDependencyError

_TIMEOUT = 60
# The first with -fps_mode, which later versions insist on.
_OLDEST = (5, 1)
_MP4_AUDIO = frozenset({"aac", "ac3", "eac3", "mp3", "alac", "flac", "opus"})
_TS_AUDIO = frozenset({"aac", "ac3", "eac3", "mp2", "mp3"})
# Sound that each container holds as it is; None is all.
_CONTAINERS: dict[str, frozenset[str] | None] = {
    ".mkv": None,
    ".mp4": _MP4_AUDIO,
    ".m4v": _MP4_AUDIO,
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
    """Return the system's ffmpeg if it is recent enough, else the one that the package imageio-ffmpeg brings.

    Raises:
        MissingDependencyError: There is none.
    """
    found = shutil.which("ffmpeg")
    if found is not None and _is_recent(_run(Path(found), "-version")):
        return Path(found)
    try:
        import imageio_ffmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        fault = "ffmpeg is missing" if found is None else f"{found} is older than 5.1"
        raise MissingDependencyError(f"{fault}: install a recent one, or pip install imageio-ffmpeg") from error


def _is_recent(said: str) -> bool:
    version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", said)
    # Builds between releases have no such number, and nobody keeps one for years.
    return version is None or (int(version[1]), int(version[2])) >= _OLDEST


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
    try:
        done = subprocess.run(
            [str(program), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingDependencyError(f"{program} cannot be run: {error}") from error
    return done.stdout


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
