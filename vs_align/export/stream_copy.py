"""Stream copy of an overlay's audio: whether the packets of one side may be copied as they are, and which of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.media.ffmpeg import holds_audio
from vs_align.media.tracks import heard_from

if TYPE_CHECKING:
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source

_EXACT_START = frozenset({".mp4", ".m4v", ".mov"})
"""Containers with edit lists: players leave out what these hide, to the sample."""
_KEEPS_TIMES = _EXACT_START | {".mkv", ".webm"}
"""Containers that keep the time stamps of copied packets."""
_COPIED_PCM = frozenset({"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"})
"""PCM codecs whose packets containers take unchanged."""
_LOSSLESS = frozenset({"flac", "alac", "truehd", "mlp", "wavpack", "tta", "ape"})
_TOLERANCE = 0.001
"""Seconds: containers round time stamps to a millisecond."""
_RUN_UP = 0.1
"""Seconds of packets before the first that is heard, which decoders need; audio may lead its video by as much."""


@dataclass(frozen=True, slots=True)
class AudioInput:
    """The file of one side of an overlay: its audio, and the clock of its frames."""

    file: "VideoFile"
    start: float
    """When its first frame is shown, in seconds of the file's clock."""
    rate: Fraction
    """Frames per second; the average where it is variable."""
    length: int
    """Number of frames."""
    times: tuple[float, ...] = ()
    """When each frame is shown, in seconds since the first; empty where the rate is constant."""
    shifts: tuple[float, ...] = ()
    """Seconds that are added to the file's clock after each place at which its time stamps restart."""

    @classmethod
    def of(cls, source: "Source") -> "AudioInput":
        """Return the input of an opened file."""
        times = source.times if source.variable else ()
        return cls(source.file, source.start, source.rate, source.length, times, source.shifts)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return (self.times[-1] if self.times else (self.length - 1) / float(self.rate)) + float(1 / self.rate)

    @property
    def lossless(self) -> bool:
        """Whether its audio codec is lossless."""
        codec = self.file.audio_codec or ""
        return codec.startswith("pcm_") or codec in _LOSSLESS


@dataclass(frozen=True, slots=True)
class Copying:
    """Which packets are copied. Times in seconds of the result."""

    shift: float
    """What is added to the times of the file."""
    first: float
    """Packets that begin earlier are left out."""
    stop: float
    """Packets that begin then or later are left out."""


def copying_of(side: AudioInput, segments: Sequence[AudioSegment], rate: int, target: Path) -> Copying | str:
    """Decide whether the audio of one side can be copied.

    Args:
        side: Whose audio it is.
        segments: Its cut list.
        rate: Samples per second of the cut list.
        target: The file that is written.

    Returns:
        Which packets to copy; or in words why they cannot be.

    Raises:
        MediaError: The audio cannot be read.
    """
    heard = [segment for segment in segments if segment.clip_start is not None]
    if len(heard) != 1 or heard[0].clip_start is None:
        return f"{len(heard)} segments are heard" if heard else "nothing is heard"
    segment, start = heard[0], heard[0].clip_start
    if segment.speed != 1:
        return "it runs at another speed"
    if side.shifts:
        return "its time stamps start anew"
    suffix, codec = target.suffix.lower(), side.file.audio_codec or ""
    held = suffix in _KEEPS_TIMES and holds_audio(target, codec)
    if not held or (codec.startswith("pcm_") and codec not in _COPIED_PCM):
        return f"{suffix} does not take packets of {codec} and keep their times"
    begin, stop = segment.begin / rate, segment.end / rate
    half_frame = float(1 / side.rate) / 2
    # Before its first frame and behind its last a file has no audio of another scene.
    whole_end = segment.end == segments[-1].end or start + stop - begin > side.duration - half_frame
    sounds_from, run_up = _start_of(side)
    whole_start = start < half_frame or start <= sounds_from + _TOLERANCE
    if not whole_end:
        return "it ends within a packet"
    first = begin - _RUN_UP
    if begin == 0 and suffix not in _EXACT_START:
        first = -run_up - _TOLERANCE
        if side.lossless and sounds_from < start - _TOLERANCE:
            return "it begins within a packet"
    if not whole_start and not (begin == 0 and suffix in _EXACT_START):
        return "it begins within a packet"
    return Copying(begin - side.start - start, first, stop)


def _start_of(side: AudioInput) -> tuple[float, float]:
    """Return when a side is first heard, in seconds after its first frame, and how long before that packets are needed.

    Encoders put priming packets in front, which decoders throw away.
    """
    heard, run_up = heard_from(side.file.path)
    return heard - side.start, run_up
