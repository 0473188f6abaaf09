"""Encoding of a VapourSynth script: the pipe vspipe | ffmpeg, with progress and frame props."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vs_align.errors import MediaError
from vs_align.media.color import ColorTags
from vs_align.media.ffmpeg import Encoder, file_url, find_ffmpeg
from vs_align.media.image_output import check_image, image_arguments, is_image
from vs_align.media.pixel_format import conversion
from vs_align.media.subprocesses import ChildProcesses
from vs_align.media.vspipe import find_vspipe, supports_mkv, vspipe_environment

_POLL_SECONDS = 0.1
"""Seconds between two progress reports."""
_TIME_BASE = "1/90000"
"""Unit of time stamps of a variable frame rate: that of MPEG, which fits into the 32 bits of MP4 for hours."""
_SIGPIPE = 13
"""By number, because the module `signal` on Windows lacks it."""
_FLUSH_SECONDS = 10
"""Seconds that vspipe gets to end after ffmpeg has ended without an error; it has no frames left to write."""
_BROKEN_PIPE_SECONDS = 3
"""Seconds that vspipe gets to end after ffmpeg has failed: the broken pipe ends it at its next frame."""


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """A script and the options for encoding its frames."""

    script: Path
    target: Path
    encoder: Encoder
    rate: Fraction | None
    """Frames per second; None keeps each frame's own duration."""
    tags: ColorTags
    format: str = "YUV420P8"
    """VapourSynth's name of the format of the frames."""
    bits: int = 8
    crf: float | None = None
    preset: str | None = None
    output: int = 0
    """Number of the script's output."""
    extra: tuple[str, ...] = ()
    """Further options of the encoder."""
    wants_props: bool = True
    """Whether vspipe writes the props of all frames as JSON, about a kilobyte per frame."""

    def vspipe_command(self, props: Path) -> list[str]:
        """Return the command that pipes frames to stdout and writes their props to a file."""
        container = "mkv" if supports_mkv() else "y4m"
        said = ["-j", str(props)] if self.wants_props else []
        return [str(find_vspipe()), "-c", container, "-o", str(self.output), *said, str(self.script), "-"]

    def ffmpeg_command(self) -> list[str]:
        """Return the command that reads frames from stdin, reports its progress on stdout, and writes the target."""
        command = [str(find_ffmpeg()), "-hide_banner", "-nostats", "-loglevel", "warning", "-y", "-progress", "pipe:1"]
        # without -copyts ffmpeg would shift a first frame that is later than 0 to 0
        command += ["-stats_period", "0.25", "-copyts"]
        command += ["-f", "matroska" if supports_mkv() else "yuv4mpegpipe"]
        command += ["-r", str(self.rate)] if self.rate is not None else []
        command += ["-i", "pipe:0"]
        command += ["-map", "0:v:0"]
        if is_image(self.target):
            return [*command, *image_arguments(self.target, self.format), file_url(self.target)]
        # Matroska without a language tag means English
        command += ["-metadata:s:v:0", "language="]
        return [*command, *self._video_arguments(), *muxer_arguments(self.target), file_url(self.target)]

    def _video_arguments(self) -> list[str]:
        arguments = ["-c:v", self.encoder.name, "-fps_mode", "passthrough"]
        arguments += ["-enc_time_base", _TIME_BASE] if self.rate is None else []
        if self.crf is not None and "crf" in self.encoder.options:
            arguments += ["-crf", f"{self.crf:g}"]
        if self.preset is not None and "preset" in self.encoder.options:
            arguments += ["-preset", self.preset]
        arguments += self.extra
        chain, tags = conversion(self.format, self.bits, self.encoder, self.tags)
        # tags are set after the conversion, or ffmpeg would convert from them
        filters = ",".join(part for part in (chain, tags.filter()) if part)
        arguments += ["-vf", filters] if filters else []
        is_rgb = self.format.startswith("RGB") and chain is None
        return arguments + ([] if is_rgb else tags.encoder_arguments())


def muxer_arguments(target: Path) -> list[str]:
    """Return options that suit the container of the target."""
    if target.suffix.lower() in (".mp4", ".m4v", ".mov"):
        return ["-movflags", "+faststart"]
    return []


def encode(job: EncodeJob, folder: Path, on_frame: Callable[[int], None] | None = None) -> Path:
    """Run a script through vspipe into ffmpeg.

    Args:
        job: What to encode.
        folder: A folder for logs and frame props.
        on_frame: Called several times a second with the number of frames encoded so far.

    Returns:
        The JSON file with the props of each frame; it exists if `wants_props` is set.

    Raises:
        MediaError: vspipe or ffmpeg failed (the message has its last lines, both are ended), or the image that was
            written cannot be read back.
    """
    props = folder / "props.json"
    if job.rate is None and not supports_mkv():
        raise MediaError("This vspipe cannot pipe a variable frame rate: pip install -U vapoursynth (R81 or later).")
    with ChildProcesses(folder) as children:
        vspipe = children.start(job.vspipe_command(props), env=vspipe_environment())
        source = vspipe.stdout
        ffmpeg = children.start(job.ffmpeg_command(), stdin=source if source is not None else subprocess.DEVNULL)
        if source is not None:
            # close this end, or vspipe gets no SIGPIPE if ffmpeg dies
            source.close()
        progress = _Progress(ffmpeg.stdout or ())
        while ffmpeg.poll() is None:
            if on_frame is not None:
                on_frame(progress.frames)
            time.sleep(_POLL_SECONDS)
        progress.join()
        if on_frame is not None:
            on_frame(progress.frames)
        _check_success(children, vspipe, ffmpeg)
    if is_image(job.target):
        check_image(job.target)
    return props


def _check_success(children: ChildProcesses, vspipe: subprocess.Popen[bytes], ffmpeg: subprocess.Popen[bytes]) -> None:
    encoded = ffmpeg.returncode == 0
    try:
        # it has ended, or the broken pipe ends it
        piped = vspipe.wait(_FLUSH_SECONDS if encoded else _BROKEN_PIPE_SECONDS) == 0
    except subprocess.TimeoutExpired:
        piped = False
    message = children.stderr_tail(vspipe)
    # if ffmpeg dies, vspipe ends with SIGPIPE or with an error about writing
    cut_off = "fwrite" in message or "Broken pipe" in message or vspipe.returncode in (None, -_SIGPIPE)
    if not piped and not (cut_off and not encoded):
        raise MediaError(f"vspipe failed (code {vspipe.returncode}): {message}")
    if not encoded:
        raise MediaError(f"ffmpeg failed (code {ffmpeg.returncode}): {children.stderr_tail(ffmpeg)}")


class _Progress:
    """Reads the output of `ffmpeg -progress` in a thread, because reading may block."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.frames = 0
        self._lines = lines
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until ffmpeg has closed its output."""
        self._thread.join()

    def _read(self) -> None:
        for line in self._lines:
            key, _, value = line.decode(errors="replace").partition("=")
            if key == "frame" and value.strip().isdigit():
                self.frames = int(value)
