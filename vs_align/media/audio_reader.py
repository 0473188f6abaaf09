"""Sound by the sample: any stretch of a file's sound track, and pieces of it encoded."""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.decide.cut_list.audio_piece import AudioPiece
from vs_align.errors import MediaError
from vs_align.io.atomic_files import reason_of
from vs_align.media.audio_clock import SoundClock
from vs_align.media.decoding import decoded_frames
from vs_align.media.ffmpeg import audio_encoder_arguments, file_url, find_ffmpeg
from vs_align.media.subprocesses import Children
from vs_align.media.tracks import audio_stream
from vs_align.media.verification import meant_audio, verify

if TYPE_CHECKING:
    from vs_align.io.array_types import Float32Array


_SEEK_SECONDS = 5.0
_BLOCK = 1 << 16
# Containers that keep the times of what an encoder makes to the sample, also of what it puts before the first; the
# others are kept so in MP4.
_EXACT_CONTAINERS = {"flac": ".mka", "libopus": ".ogg"}
# What a number of channels stands for where the file does not say what they are, by that number.
_LAYOUTS = ("", "mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How a sound track is stored."""

    rate: int
    channels: int
    layout: str
    deep: bool
    """Whether samples have more than 16 bits."""


def sound_format(path: Path) -> SoundFormat:
    """Return the format of the audio track of a file that is read.

    Raises:
        MediaError: It cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            codec: Any = audio_stream(container).codec_context
            count, layout = codec.layout.nb_channels, codec.layout.name
            if layout == f"{count} channels" and count < len(_LAYOUTS):
                layout = _LAYOUTS[count]
            return SoundFormat(
                rate=codec.sample_rate,
                channels=count,
                layout=layout,
                deep=codec.format.name.rstrip("p") not in ("s16", "u8"),
            )
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(f"The sound of {path.name} cannot be read: {error}.") from error


class SoundReader:
    """Reads stretches of the audio track of a file that is read, best in rising order.

    Args:
        path: The file.
        zero: The time on the file's clock, in seconds, that is sample 0.
        speed: Seconds of the file per second of the samples given out; other than 1 changes the pitch too.
        form: Rate and channels to convert to; None keeps the file's.
        shifts: Seconds that are added to the file's clock from each place on where it starts anew.
    """

    def __init__(
        self,
        path: Path,
        zero: float = 0.0,
        speed: float = 1.0,
        form: SoundFormat | None = None,
        shifts: Sequence[float] = (),
    ) -> None:
        self.format = form or sound_format(path)
        self._path, self._zero, self._speed, self._shifts = path, zero, speed, tuple(shifts)
        self._blocks: Iterator[tuple[int, Float32Array]] = self._decode(None)
        self._held: list[tuple[int, Float32Array]] = []
        self._done = False

    def read(self, start: int, count: int) -> "Float32Array":
        """Return samples as float32 of shape (count, channels); silence where the file has none.

        Args:
            start: Number of the first sample; may be negative.
            count: How many.
        """
        import numpy as np

        out = np.zeros((count, self.format.channels), np.float32)
        reach = self._held[-1][0] + len(self._held[-1][1]) if self._held else 0
        ahead = start - reach > _SEEK_SECONDS * self.format.rate
        if (self._held and start < self._held[0][0]) or ahead:
            self._restart(start)
        while not self._done and (not self._held or self._held[-1][0] + len(self._held[-1][1]) < start + count):
            block = next(self._blocks, None)
            if block is None:
                self._done = True
            else:
                self._held.append(block)
        for first, samples in self._held:
            begin, end = max(first, start), min(first + len(samples), start + count)
            if begin < end:
                out[begin - start : end - start] = samples[begin - first : end - first]
        # One block before the present one stays, so that a step back of a frame or two costs no seek.
        while len(self._held) > 1 and self._held[0][0] + len(self._held[0][1]) < start - self.format.rate:
            self._held.pop(0)
        return out

    def _restart(self, start: int) -> None:
        seconds = self._zero + start / self.format.rate * self._speed
        self._done = False
        # A time that is there twice is no place in the file.
        for seek in (None,) if self._shifts else (max(0.0, seconds - 1.0), None):
            self._blocks = self._decode(seek)
            first = next(self._blocks, None)
            self._held = [] if first is None else [first]
            # Some containers have no index for sound and land behind what was asked for: then all is read again.
            if first is not None and first[0] <= start:
                return

    def _decode(self, seek: float | None) -> "Iterator[tuple[int, Float32Array]]":
        """Yield numbered blocks of samples without overlaps."""
        import av

        rate = self.format.rate
        with av.open(str(self._path)) as container:
            stream = audio_stream(container)
            if seek is not None:
                container.seek(round(seek / float(stream.time_base or 1)), stream=stream)
            resampler, position = self._resampler(), None
            clock, due = SoundClock(self._shifts), None
            for frame in chain(decoded_frames(container, stream), (None,)):
                if frame is None:
                    # what conversion to another rate still holds back
                    yield from self._numbered(resampler, None, position or 0)
                    return
                if frame.pts is not None and frame.time_base is not None:
                    time, begins = clock.continuous(float(frame.pts * frame.time_base), due)
                    if begins or position is None:
                        due, resampler = time, self._resampler()
                        position = round((time - self._zero) / self._speed * rate)
                due = (due or 0.0) + frame.samples / frame.sample_rate
                if self._speed != 1:
                    frame.sample_rate = round(frame.sample_rate * self._speed)
                frame.pts = None
                position = position or 0
                for first, samples in self._numbered(resampler, frame, position):
                    yield first, samples
                    position = first + len(samples)

    def _numbered(self, resampler: Any, frame: Any, position: int) -> "Iterator[tuple[int, Float32Array]]":
        """Yield what conversion makes of a frame, with the numbers of the first samples."""
        import numpy as np

        for done in resampler.resample(frame):
            samples = np.ascontiguousarray(done.to_ndarray().reshape(-1, self.format.channels))
            yield position, samples
            position += len(samples)

    def _resampler(self) -> Any:
        import av

        return av.AudioResampler(format="flt", layout=self.format.layout, rate=self.format.rate)


def encode_samples(
    blocks: "Iterable[Float32Array]", form: SoundFormat, seconds: float, arguments: Sequence[str], folder: Path
) -> Path:
    """Encode samples to a file of their own that keeps their times to the sample, to be copied from there.

    Args:
        blocks: Float32Array, (n, channels) each; the first is heard at time 0.
        form: Their rate and channels.
        seconds: How long all of them last.
        arguments: Options of ffmpeg, the first two `-c:a` and the name of the encoder.
        folder: A folder for the file and for logs.

    Raises:
        MediaError: ffmpeg failed, lost something, or the audio cannot be read.
    """
    path = folder / f"encoded{_EXACT_CONTAINERS.get(arguments[1], '.mp4')}"
    command = [str(find_ffmpeg()), "-hide_banner", "-nostats", "-loglevel", "warning", "-y"]
    command += ["-f", "f32le", "-ar", str(form.rate), "-ch_layout", form.layout, "-i", "pipe:0"]
    pour([*command, *arguments, file_url(path)], blocks, folder)
    verify(path, [meant_audio(seconds)], path)
    return path


def encode_pieces(reader: SoundReader, pieces: Sequence[AudioPiece], target: Path, folder: Path) -> Path:
    """Encode pieces of audio for a container, each in its place, to a file of their own.

    Args:
        reader: The audio; its sample 0 is time 0 of the pieces' clip times.
        pieces: What is heard when, without gaps, from time 0 on.
        target: The file that the audio will go into; without loss if that is Matroska.
        folder: A folder for the file and for logs.

    Raises:
        MediaError: ffmpeg failed, lost something, or the audio cannot be read.
    """
    form = reader.format
    arguments = audio_encoder_arguments(target, form.channels, lossless=target.suffix.lower() == ".mkv")
    if "flac" in arguments:
        arguments += ["-sample_fmt", "s32" if form.deep else "s16"]
    blocks = (samples for piece in pieces for samples in piece_samples(reader, piece))
    return encode_samples(blocks, form, pieces[-1].ref_end, arguments, folder)


def pour(command: Sequence[str], blocks: "Iterable[Float32Array]", folder: Path) -> None:
    """Run ffmpeg and write blocks of samples to it.

    Args:
        command: Its command line, which reads from pipe:0.
        blocks: Float32Array, (n, channels) each.
        folder: A folder for logs.

    Raises:
        MediaError: ffmpeg failed or the sound cannot be read.
    """
    import av

    with Children(folder) as children:
        ffmpeg = children.start(list(command), stdin=subprocess.PIPE)
        pipe = ffmpeg.stdin
        if pipe is None:
            raise MediaError("ffmpeg was started without a pipe to write to.")
        try:
            for samples in blocks:
                pipe.write(samples.tobytes())
            pipe.close()
        except BrokenPipeError:
            # Its exit code and last words say more than this does.
            ffmpeg.wait()
        except av.FFmpegError as error:
            raise MediaError(f"The sound of clip cannot be read: {reason_of(error)}.") from error
        if ffmpeg.wait() != 0:
            raise MediaError(f"ffmpeg failed (code {ffmpeg.returncode}): {children.last_words(ffmpeg)}")


def piece_samples(reader: SoundReader, piece: AudioPiece) -> "Iterator[Float32Array]":
    """Yield the samples of a piece, block by block; pieces that follow each other fit to the sample."""
    import numpy as np

    rate = reader.format.rate
    begin, end = (round(Fraction(time) * rate) for time in (piece.ref_start, piece.ref_end))
    for first in range(begin, end, _BLOCK):
        count = min(_BLOCK, end - first)
        if piece.clip_start is None:
            yield np.zeros((count, reader.format.channels), np.float32)
        else:
            yield reader.read(round(piece.clip_start * rate) + first - begin, count)
