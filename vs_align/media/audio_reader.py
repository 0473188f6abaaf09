"""Random access to the samples of a file's audio track, on the continuous clock of its video."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vs_align.errors import MediaError
from vs_align.media.audio_clock import AudioClock
from vs_align.media.decoding import decoded_frames
from vs_align.media.tracks import audio_stream

if TYPE_CHECKING:
    from vs_align.io.array_types import Float32Array

_SEEK_SECONDS = 5.0
"""Distance ahead from which the reader seeks. Trades samples that are decoded for nothing against seeks."""
_RUN_UP_SECONDS = 1.0
"""How long before the wanted sample a seek aims, so that decoders have settled there. Shorter is faster."""
_LAYOUTS = ("", "mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")
"""ffmpeg's default channel layout by the number of channels, for files that name none."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Sample rate, channels and depth of an audio track."""

    rate: int
    """Samples per second."""
    channels: int
    """Number of channels."""
    layout: str
    """Channel layout as ffmpeg names it."""
    deep: bool
    """Whether samples have more than 16 bits."""


class SampleReader(Protocol):
    """Reads any span of the samples of a file or a node."""

    format: AudioFormat

    def read(self, start: int, count: int) -> "Float32Array":
        """Return samples as float32 of shape (count, channels); silence outside of the track."""
        ...


def audio_format(path: Path) -> AudioFormat:
    """Return the format of a file's audio track: the first that is flagged default, else the first.

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
            return AudioFormat(
                rate=codec.sample_rate,
                channels=count,
                layout=layout,
                deep=codec.format.name.rstrip("p") not in ("s16", "u8"),
            )
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(f"The audio of {path.name} cannot be read: {error}.") from error


class AudioReader:
    """Reads any span of the samples of a file's audio track, fastest in rising order.

    Args:
        path: The file.
        zero: The time on the file's clock, in seconds, that is sample 0.
        form: Rate and channels to convert to; None keeps the file's.
        shifts: Seconds that are added to the file's clock after each place at which its time stamps restart.
    """

    def __init__(
        self, path: Path, zero: float = 0.0, form: AudioFormat | None = None, shifts: Sequence[float] = ()
    ) -> None:
        self.format = form or audio_format(path)
        self._path, self._zero, self._shifts = path, zero, tuple(shifts)
        self._blocks: Iterator[tuple[int, Float32Array]] = self._decode(None)
        self._held: list[tuple[int, Float32Array]] = []
        self._done = False

    def read(self, start: int, count: int) -> "Float32Array":
        """Return samples as float32 of shape (count, channels); silence where the file has none.

        Args:
            start: Number of the first sample; may be negative.
            count: Number of samples.
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
        # Blocks of the last second stay, so that a step back by a frame or two needs no seek.
        while len(self._held) > 1 and self._held[0][0] + len(self._held[0][1]) < start - self.format.rate:
            self._held.pop(0)
        return out

    def _restart(self, start: int) -> None:
        seconds = self._zero + start / self.format.rate
        self._done = False
        # If time stamps restart, a time may occur twice in the file and cannot be seeked to.
        for seek in (None,) if self._shifts else (max(0.0, seconds - _RUN_UP_SECONDS), None):
            self._blocks = self._decode(seek)
            first = next(self._blocks, None)
            self._held = [] if first is None else [first]
            # Containers without an index for audio may land behind the wanted time: the file is read from its start.
            if first is not None and first[0] <= start:
                return

    def _decode(self, seek: float | None) -> "Iterator[tuple[int, Float32Array]]":
        """Yield blocks of samples without overlaps, each with the number of its first sample."""
        import av

        rate = self.format.rate
        with av.open(str(self._path)) as container:
            stream = audio_stream(container)
            if seek is not None:
                container.seek(round(seek / float(stream.time_base or 1)), stream=stream)
            resampler, position = self._resampler(), None
            clock, due = AudioClock(self._shifts), None
            for frame in chain(decoded_frames(container, stream), (None,)):
                if frame is None:
                    # What the conversion to another rate has not given out yet.
                    yield from self._numbered(resampler, None, position or 0)
                    return
                if frame.pts is not None and frame.time_base is not None:
                    time, begins = clock.continuous(float(frame.pts * frame.time_base), due)
                    if begins or position is None:
                        due, resampler = time, self._resampler()
                        position = round((time - self._zero) * rate)
                due = (due or 0.0) + frame.samples / frame.sample_rate
                frame.pts = None
                position = position or 0
                for first, samples in self._numbered(resampler, frame, position):
                    yield first, samples
                    position = first + len(samples)

    def _numbered(self, resampler: Any, frame: Any, position: int) -> "Iterator[tuple[int, Float32Array]]":
        """Yield the converted samples of a frame, with the number of the first."""
        import numpy as np

        for done in resampler.resample(frame):
            samples = np.ascontiguousarray(done.to_ndarray().reshape(-1, self.format.channels))
            yield position, samples
            position += len(samples)

    def _resampler(self) -> Any:
        import av

        return av.AudioResampler(format="flt", layout=self.format.layout, rate=self.format.rate)
