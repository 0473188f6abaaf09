"""The whole sound of a file as one row of samples, on the clock of its picture."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import ArgumentError, MediaError
from vs_align.io.atomic_files import reason_of
from vs_align.media.audio_clock import SoundClock
from vs_align.media.decoding import decoded_frames
from vs_align.media.tracks import audio_stream

if TYPE_CHECKING:
    from av.container import InputContainer

    from vs_align.io.array_types import Int16Array

RATE = 16_000
"""Samples per second that are enough to compare sounds."""

# A file whose time stamps jump further than this is broken, and silence of that length would fill the memory.
_LONGEST_GAP_SECONDS = 6 * 3600.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Sound of one channel.

    Args:
        samples: (n,) int16, full scale: two hours at 16 kHz are 230 MB.
        rate: Samples per second.
        start: Time of sample 0 in seconds, where 0 is the time stamp of the first frame of the picture.
    """

    samples: "Int16Array"
    rate: int
    start: float = 0.0

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate


def read_sound(
    path: str | Path,
    rate: int = RATE,
    on_progress: Callable[[float], object] | None = None,
    track: int | None = None,
    zero: float | None = None,
    shifts: Sequence[float] = (),
) -> Sound:
    """Read a sound track of a file, mixed to one channel.

    The time stamps of the file say when it is heard: gaps become silence, what an encoder put before the first sample
    is left out, and a file without a picture begins at its first sample. Where they start anew, they go on.

    Args:
        path: The file.
        rate: Samples per second of the result, 8000 to 48000.
        on_progress: Called now and then with the share that is done, 0 to 1.
        track: Which audio track, from 0; None for the one flagged default, else the first.
        zero: When the first frame of the picture is shown, in seconds of the file's clock; None: it is looked for.
        shifts: Seconds that are added to the file's clock from each place on where it starts anew, where that is known.

    Raises:
        ArgumentError: `rate` is out of range, or there is no such track.
        MediaError: The file cannot be read or has no sound.
    """
    import av
    import numpy as np

    path = Path(path)
    if not 8000 <= rate <= 48000:
        raise ArgumentError("read_sound", "rate", "must be from 8000 to 48000", rate)
    if not path.is_file():
        raise MediaError(f"{path} does not exist or is no file.")
    # It grows in place, so that the whole is never there twice.
    held = bytearray()
    try:
        with av.open(str(path)) as container:
            tracks = len(container.streams.audio)
            if not tracks:
                raise MediaError(f"{path.name} has no sound track.")
            if track is not None and not 0 <= track < tracks:
                raise ArgumentError("read_sound", "track", f"must be from 0 to {tracks - 1} in {path.name}", track)
            if zero is None:
                zero = _picture_start(path)
            start = _collect(container, track, rate, held, on_progress, zero, SoundClock(shifts))
    except av.FFmpegError as error:
        raise MediaError(f"The sound of {path.name} cannot be read: {reason_of(error)}.") from error
    if start is None:
        raise MediaError(f"{path.name} has a sound track, but not one sample of it can be decoded.")
    if on_progress:
        on_progress(1.0)
    return Sound(np.frombuffer(held, np.int16), rate, start)


def _collect(
    container: "InputContainer",
    track: int | None,
    rate: int,
    held: bytearray,
    on_progress: Callable[[float], object] | None,
    zero: float | None,
    clock: SoundClock,
) -> float | None:
    """Append all samples to `held` and return the time of the first, None where there are none."""
    stream: Any = audio_stream(container) if track is None else container.streams.audio[track]
    length = (container.duration or 0) / 1e6
    start: float | None = None
    shift, told = 0, 0.0
    for due, samples in _blocks(container, stream, rate, clock):
        if start is None:
            start = 0.0 if zero is None else due - zero
            shift = round(due * rate)
        _append(held, round(due * rate) - shift, samples, rate, Path(container.name).name)
        done = len(held) / 2 / rate
        if on_progress and length and done - told > length / 200:
            told = done
            on_progress(min(1.0, done / length))
    return start


def _append(held: bytearray, place: int, samples: "Int16Array", rate: int, name: str) -> None:
    """Put samples at their place, after silence or over what was there too long."""
    ahead = place - len(held) // 2
    if ahead > _LONGEST_GAP_SECONDS * rate:
        raise MediaError(f"{name}: the time stamps of its sound jump by {ahead / rate / 3600:.1f} hours.")
    if ahead > 0:
        held.extend(bytes(2 * ahead))
    elif ahead < 0:
        samples = samples[-ahead:]
    held.extend(samples.tobytes())


def _blocks(
    container: "InputContainer", stream: Any, rate: int, clock: SoundClock
) -> "Iterator[tuple[float, Int16Array]]":
    """Yield blocks of samples and the second at which each begins on the continuous clock of the file."""
    import av

    resampler, begin, given = _resampler(rate), 0.0, 0
    due: float | None = None  # when the next sample of the file should come
    for frame in _frames(container, stream):
        if frame.pts is not None and frame.time_base is not None:
            time, begins = clock.continuous(float(frame.pts * frame.time_base), due)
            if begins or due is None:
                if due is not None:
                    for samples in _resampled(resampler, None):
                        yield begin + given / rate, samples
                resampler, begin, given, due = _resampler(rate), time, 0, time
        due = (due or 0.0) + frame.samples / frame.sample_rate
        frame.pts = None
        try:
            done = _resampled(resampler, frame)
        except (ValueError, av.FFmpegError):
            # The format changed in the middle of the track.
            for samples in _resampled(resampler, None):
                yield begin + given / rate, samples
                given += len(samples)
            resampler, begin, given = _resampler(rate), begin + given / rate, 0
            done = _resampled(resampler, frame)
        for samples in done:
            yield begin + given / rate, samples
            given += len(samples)
    for samples in _resampled(resampler, None) if due is not None else []:
        yield begin + given / rate, samples
        given += len(samples)


def _frames(container: "InputContainer", stream: Any) -> Iterator[Any]:
    """Decode a track; packets that are damaged are left out."""
    import av

    damaged, last = 0, None
    for packet in container.demux(stream):
        last = packet
        # Decoders would take one without content for the end of the track.
        if packet.size:
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                damaged += 1
    if last is not None and not last.size:
        yield from last.decode()
    if damaged:
        _log.warning("%d packets of the sound of %s are damaged and count as silence", damaged, container.name)


def _resampler(rate: int) -> Any:
    import av

    return av.AudioResampler(format="s16", layout="mono", rate=rate)


def _resampled(resampler: Any, frame: Any) -> "list[Int16Array]":
    return [done.to_ndarray().reshape(-1) for done in resampler.resample(frame)]


def _picture_start(path: Path) -> float | None:
    """Time stamp of the first frame of a file in seconds, None without a picture."""
    import av

    with av.open(str(path)) as container:
        for stream in container.streams.video:
            # The cover of a record is a picture too, and is shown at no time.
            if stream.disposition & stream.disposition.attached_pic:
                continue
            # Packets that cannot be decoded may come before the first that is shown.
            try:
                frame = next(decoded_frames(container, stream), None)
            except av.FFmpegError:
                # A picture that is damaged is no reason not to listen.
                frame = None
            if frame is not None and frame.time is not None:
                return float(frame.time)
            if stream.start_time is None or stream.time_base is None:
                return 0.0
            return float(stream.start_time * stream.time_base)
    return None
