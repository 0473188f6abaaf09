"""Samples encoded by ffmpeg: blocks of float32 are written to its stdin, and the result is read back."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.errors import MediaError
from vs_align.io.array_types import Float32Array
from vs_align.io.atomic_files import error_reason
from vs_align.media.audio_reader import AudioFormat, AudioReader
from vs_align.media.ffmpeg import audio_encoder_arguments, file_url, find_ffmpeg
from vs_align.media.subprocesses import ChildProcesses
from vs_align.media.verification import expected_audio_track, verify

OPUS_LAYOUTS = "mono|stereo|3.0|quad|5.0|5.1|6.1|7.1"
"""Channel layouts that the encoder libopus takes; others are mixed to the nearest."""
_EXACT_CONTAINERS = {"flac": ".mka", "libopus": ".ogg"}
"""Containers that keep the times of an encoder's packets to the sample, priming packets among them, by encoder. All
other encoders' packets are kept so in MP4."""


def flac_arguments(form: AudioFormat) -> list[str]:
    """Return ffmpeg's options for FLAC at the depth of a format: 24 bits if it has more than 16, else 16."""
    return ["-c:a", "flac", "-sample_fmt", "s32" if form.deep else "s16"]


def encode_segments(reader: AudioReader, segments: Sequence[AudioSegment], target: Path, folder: Path) -> Path:
    """Encode audio along a cut list for a container, to a file of its own from which it is copied.

    Args:
        reader: The audio; its sample 0 is time 0 of the segments' clip times.
        segments: The cut list at the reader's rate, without gaps, from sample 0 on.
        target: The file that the audio will go into; lossless if that is Matroska.
        folder: A folder for the file and for logs.

    Raises:
        MediaError: ffmpeg failed, lost something, or the audio cannot be read.
        MissingDependencyError: There is no ffmpeg.
    """
    form = reader.format
    arguments = audio_encoder_arguments(target, form.channels, lossless=target.suffix.lower() == ".mkv")
    if "flac" in arguments:
        arguments = flac_arguments(form)
    from vs_align.render.audio.play import play  # loads numba, which most runs do not need

    blocks = play(reader, segments, keep_pitch=False)
    return encode_samples(blocks, form, segments[-1].end / form.rate, arguments, folder)


def encode_samples(
    blocks: Iterable[Float32Array], form: AudioFormat, seconds: float, arguments: Sequence[str], folder: Path
) -> Path:
    """Encode samples to a file of their own that keeps their times to the sample, from which they are copied.

    Args:
        blocks: Samples, (n, channels) each; the first is heard at time 0.
        form: Their rate and channels.
        seconds: Duration of all of them.
        arguments: Options of ffmpeg, the first two `-c:a` and the name of the encoder.
        folder: A folder for the file and for logs.

    Raises:
        MediaError: ffmpeg failed, lost something, or the audio cannot be read.
        MissingDependencyError: There is no ffmpeg.
    """
    path = folder / f"encoded{_EXACT_CONTAINERS.get(arguments[1], '.mp4')}"
    write_encoded(path, blocks, form, arguments, folder)
    verify(path, [expected_audio_track(seconds)], path)
    return path


def write_encoded(
    path: Path, blocks: Iterable[Float32Array], form: AudioFormat, arguments: Sequence[str], folder: Path
) -> None:
    """Run ffmpeg on blocks of samples.

    Args:
        path: The file to write.
        blocks: Samples, (n, channels) each.
        form: Their rate and channels.
        arguments: Options of ffmpeg for the output.
        folder: A folder for logs.

    Raises:
        MediaError: ffmpeg failed or the audio cannot be read.
        MissingDependencyError: There is no ffmpeg.
    """
    import av

    command = [str(find_ffmpeg()), "-hide_banner", "-nostats", "-loglevel", "warning", "-y"]
    command += ["-f", "f32le", "-ar", str(form.rate), "-ch_layout", form.layout, "-i", "pipe:0"]
    with ChildProcesses(folder) as children:
        ffmpeg = children.start([*command, *arguments, file_url(path)], stdin=subprocess.PIPE)
        pipe = ffmpeg.stdin
        if pipe is None:
            raise MediaError("ffmpeg was started without a pipe to write to.")
        try:
            for samples in blocks:
                pipe.write(samples.tobytes())
            pipe.close()
        except BrokenPipeError:
            # Its exit code and the end of its stderr explain more than the broken pipe.
            ffmpeg.wait()
        except av.FFmpegError as error:
            raise MediaError(f"The audio of clip cannot be read: {error_reason(error)}.") from error
        if ffmpeg.wait() != 0:
            raise MediaError(f"ffmpeg failed (code {ffmpeg.returncode}): {children.stderr_tail(ffmpeg)}")
