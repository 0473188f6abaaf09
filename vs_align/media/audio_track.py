"""A whole audio track as one array: mono, 16 bits, resampled for analysis, on the clock of the video."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import ArgumentError, MediaError
from vs_align.io.atomic_files import error_reason
from vs_align.io.progress import ShareProgress
from vs_align.media.audio_clock import AudioClock
from vs_align.media.decoding import decoded_frames
from vs_align.media.tracks import audio_stream

if TYPE_CHECKING:
    from av.container import InputContainer

    from vs_align.io.array_types import Int16Array

RATE = 16_000
"""Samples per second for comparing audio: keeps the band below 8 kHz. Trades exactness against memory and time."""
MIN_RATE = 8_000
"""Lowest rate that audio can be read at, in samples per second."""
MAX_RATE = 48_000
"""Highest rate that audio can be read at, in samples per second."""
_MAX_GAP_SECONDS = 6 * 3600.0
"""Largest jump of time stamps that is filled with silence. Beyond it the file is broken, and would fill the memory."""
_PROGRESS_SHARE = 1 / 200
"""Share of the file from one progress report to the next."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class MonoAudio:
    """Audio of one channel.

    Args:
        samples: (n,) int16, full scale: two hours at 16 kHz are 230 MB.
        rate: Samples per second.
        start: Time of sample 0 in seconds after the first frame of the video.
    """

    samples: "Int16Array"
    rate: int
    start: float = 0.0

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate


def read_audio(
    path: str | Path,
    rate: int = RATE,
    on_progress: ShareProgress | None = None,
    track: int | None = None,
    zero: float | None = None,
    shifts: Sequence[float] = (),
) -> MonoAudio:
    """Read an audio track of a file, mixed to one channel.

    Samples are placed by the time stamps of the file: gaps become silence, priming samples of an encoder are left out,
    and time stamps that restart go on. A file without video begins at its first sample.

    Args:
        path: The file.
        rate: Samples per second of the result, 8000 to 48000.
        on_progress: Called now and then with the share that is done, 0 to 1.
        track: Which audio track, from 0; None for the one flagged default, else the first.
        zero: When the first frame of the video is shown, in seconds of the file's clock; None to read it.
        shifts: Seconds that are added to the file's clock after each place at which its time stamps restart.

    Raises:
        ArgumentError: `rate` is out of range, or there is no such track.
        MediaError: The file cannot be read or has no audio.
    """
    import av
    import numpy as np

    path = Path(path)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ArgumentError("read_audio", "rate", f"must be from {MIN_RATE} to {MAX_RATE}", rate)
    if not path.is_file():
        raise MediaError(f"{path} does not exist or is no file.")
    # Grows in place, so that the samples are never in memory twice.
    held = bytearray()
    try:
        with av.open(str(path)) as container:
            tracks = len(container.streams.audio)
            if not tracks:
                raise MediaError(f"{path.name} has no audio track.")
            if track is not None and not 0 <= track < tracks:
                raise ArgumentError("read_audio", "track", f"must be from 0 to {tracks - 1} in {path.name}", track)
            if zero is None:
                zero = _video_start(path)
            start = _collect(container, track, rate, held, on_progress, zero, AudioClock(shifts))
    except av.FFmpegError as error:
        raise MediaError(f"The audio of {path.name} cannot be read: {error_reason(error)}.") from error
    if start is None:
        raise MediaError(f"{path.name} has an audio track, but not one sample of it can be decoded.")
    if on_progress:
        on_progress(1.0)
    return MonoAudio(np.frombuffer(held, np.int16), rate, start)


def _collect(
    container: "InputContainer",
    track: int | None,
    rate: int,
    held: bytearray,
    on_progress: ShareProgress | None,
    zero: float | None,
    clock: AudioClock,
) -> float | None:
    """Append all samples to `held` and return the time of the first, None if there are none."""
    stream: Any = audio_stream(container) if track is None else container.streams.audio[track]
    length = (container.duration or 0) / 1e6
    start: float | None = None
    shift, reported = 0, 0.0
    for due, samples in _blocks(container, stream, rate, clock):
        if start is None:
            start = 0.0 if zero is None else due - zero
            shift = round(due * rate)
        _append(held, round(due * rate) - shift, samples, rate, Path(container.name).name)
        done = len(held) / 2 / rate
        if on_progress and length and done - reported > length * _PROGRESS_SHARE:
            reported = done
            on_progress(min(1.0, done / length))
    return start


def _append(held: bytearray, place: int, samples: "Int16Array", rate: int, name: str) -> None:
    """Append samples at their place: after silence if there is a gap, without the overlap if there is one."""
    ahead = place - len(held) // 2
    if ahead > _MAX_GAP_SECONDS * rate:
        raise MediaError(f"{name}: the time stamps of its audio jump by {ahead / rate / 3600:.1f} hours.")
    if ahead > 0:
        held.extend(bytes(2 * ahead))
    elif ahead < 0:
        samples = samples[-ahead:]
    held.extend(samples.tobytes())


def _blocks(
    container: "InputContainer", stream: Any, rate: int, clock: AudioClock
) -> "Iterator[tuple[float, Int16Array]]":
    """Yield blocks of samples and the second at which each begins on the continuous clock of the file."""
    import av

    resampler, begin, given = _resampler(rate), 0.0, 0
    due: float | None = None  # when the next sample of the file is expected
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
            # The sample format changed in the middle of the track.
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
    """Decode a track without its damaged packets."""
    import av

    damaged, last = 0, None
    for packet in container.demux(stream):
        last = packet
        # Decoders take an empty packet for the end of the track.
        if packet.size:
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                damaged += 1
    if last is not None and not last.size:
        yield from last.decode()
    if damaged:
        _log.warning("%d packets of the audio of %s are damaged and count as silence", damaged, container.name)


def _resampler(rate: int) -> Any:
    import av

    return av.AudioResampler(format="s16", layout="mono", rate=rate)


def _resampled(resampler: Any, frame: Any) -> "list[Int16Array]":
    return [done.to_ndarray().reshape(-1) for done in resampler.resample(frame)]


def _video_start(path: Path) -> float | None:
    """Return the time stamp of the first frame of a file in seconds, None without video."""
    import av

    with av.open(str(path)) as container:
        for stream in container.streams.video:
            # Cover art is a video stream too, and has no time.
            if stream.disposition & stream.disposition.attached_pic:
                continue
            # Packets that cannot be decoded may come before the first that is shown.
            try:
                frame = next(decoded_frames(container, stream), None)
            except av.FFmpegError:
                # Audio can be read even if the video is damaged.
                frame = None
            if frame is not None and frame.time is not None:
                return float(frame.time)
            if stream.start_time is None or stream.time_base is None:
                return 0.0
            return float(stream.start_time * stream.time_base)
    return None
