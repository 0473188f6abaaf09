"""Verification of a written file: its packets are read back and compared with the expected tracks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError
from vs_align.io.atomic_files import final_name

_ROUNDING = 0.0021
"""Seconds. Containers round time stamps to a millisecond, some of them twice."""
_TAIL = 0.1
"""Seconds by which the end of a track may differ: the duration of the last packet may be that of the one before, and
encoders pad their last frame."""
_PREROLL = 0.25
"""Seconds of audio that a decoder may get before the first audible sample."""
_ARBITRARY_START = frozenset({".ts", ".m2ts"})
"""Containers whose muxer begins all tracks at a time other than 0."""
_UNTIMED = frozenset({".avi"})
"""Containers without time stamps: readers count frames in decoding order."""
_REORDERING = 0.2
"""Seconds by which decoding and display order may differ in those."""
_COMPARED = ("video", "audio", "subtitle")


@dataclass(frozen=True, slots=True)
class ExpectedTrack:
    """Expected properties of a track. Times in seconds on the clock of the file; None: decided by the encoder."""

    kind: str
    """"video", "audio" or "subtitle"."""
    packets: int | None
    """Number of packets that begin at time 0 or later: decoders drop earlier ones."""
    first: float | None
    """Start of the first of them."""
    last: float | None
    """Start of the last of them."""
    end: float | None
    """End of the last of them."""


@dataclass(slots=True)
class PacketTimes:
    """Accumulates start and end times of the packets of a track."""

    stamps: list[float] = field(default_factory=list)
    reached: float | None = None
    count: int = 0

    def add(self, packet: Any) -> None:
        """Add a packet of PyAV."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return
        begin = float(stamp * packet.time_base)
        self.stamps.append(begin)
        end = begin + float((packet.duration or 0) * packet.time_base)
        self.reached = end if self.reached is None else max(self.reached, end)

    def track(self, kind: str, zero: float = 0.0, earliest: float = -_ROUNDING) -> ExpectedTrack:
        """Return the added packets as a track.

        Args:
            kind: See `ExpectedTrack`.
            zero: Time 0 of the track, on the clock of the packets.
            earliest: Packets that begin earlier after that do not count.
        """
        shown = [stamp - zero for stamp in self.stamps if stamp - zero >= earliest]
        if not shown or self.reached is None:
            return ExpectedTrack(kind, len(shown), None, None, None)
        return ExpectedTrack(kind, len(shown), min(shown), max(shown), self.reached - zero)


def expected_video_track(times: Sequence[float], frame_seconds: float) -> ExpectedTrack:
    """Return the expected video track of frames with given display times.

    Args:
        times: Seconds since the first frame, ascending.
        frame_seconds: Duration of the last frame in seconds.
    """
    return ExpectedTrack("video", len(times), 0.0, times[-1], times[-1] + frame_seconds)


def expected_audio_track(seconds: float) -> ExpectedTrack:
    """Return the expected track of an encoder that got `seconds` of audio from time 0 on."""
    return ExpectedTrack("audio", None, 0.0, None, seconds)


def verify(path: Path, meant: Sequence[ExpectedTrack], target: Path) -> None:
    """Read a written file back, packet by packet, and raise if its tracks differ from the expected ones.

    Args:
        path: The file, usually at a temporary path.
        meant: Its video, audio and subtitle tracks, in their order.
        target: Its final path, for the message.

    Raises:
        MediaError: It cannot be read, or a track differs in number of packets, times or length.
    """
    wanted = [track for track in meant if track.kind in _COMPARED]
    found = _read_back(path, target)
    said = [kind for kind, _ in found]
    if said != [track.kind for track in wanted]:
        listed = ", ".join(track.kind for track in wanted) or "none"
        raise MediaError(f"{_failed(target)}: its tracks should be {listed}, but they are {', '.join(said) or 'none'}.")
    zero = _zero(path, found)
    counts: dict[str, int] = {}
    for track, (_, timings) in zip(wanted, found, strict=True):
        counts[track.kind] = counts.get(track.kind, 0) + 1
        fault = _difference(track, timings, zero, target)
        if fault:
            raise MediaError(f"{_failed(target)}: {track.kind} track {counts[track.kind]} {fault}.")


def _failed(target: Path) -> str:
    return f"{final_name(target)} was written, but not as it was meant, so it was removed"


def _read_back(path: Path, target: Path) -> list[tuple[str, PacketTimes]]:
    """Return kind and packet times of each track."""
    import av

    try:
        with av.open(str(path)) as container:
            streams = [stream for stream in container.streams if stream.type in _COMPARED]
            timings = {stream.index: PacketTimes() for stream in streams}
            for packet in container.demux(*streams) if streams else ():
                if packet.size:
                    timings[packet.stream.index].add(packet)
            return [(str(stream.type), timings[stream.index]) for stream in streams]
    except av.FFmpegError as error:
        raise MediaError(f"{final_name(target)} was written, but cannot be read back: {error}.") from error


def _zero(path: Path, found: Sequence[tuple[str, PacketTimes]]) -> float:
    """Return where the clock of a file begins; other than 0 only for the containers of `_ARBITRARY_START`."""
    if path.suffix.lower() not in _ARBITRARY_START:
        return 0.0
    firsts = {kind: min(timings.stamps) for kind, timings in reversed(found) if timings.stamps}
    return firsts.get("video", min(firsts.values(), default=0.0))


def _difference(meant: ExpectedTrack, timings: PacketTimes, zero: float, target: Path) -> str:
    """Return how a track differs from the expected one; empty if it does not."""
    slack = _REORDERING if target.suffix.lower() in _UNTIMED else _ROUNDING
    # encoded audio begins with packets of encoder delay
    head = max(slack, _PREROLL) if meant.packets is None else slack
    # a packet near time 0 must be counted on both sides in spite of rounding
    earliest = -math.inf if meant.packets is None else (meant.first or 0.0) - head
    found = timings.track(meant.kind, zero, earliest)
    if meant.packets is not None and found.packets != meant.packets:
        return f"has {found.packets} packets instead of {meant.packets}"
    if found.packets == 0 and meant.packets is None:
        return "has no packets"
    limits = (("begins", "first", head), ("has its last packet", "last", slack), ("ends", "end", max(slack, _TAIL)))
    for words, name, limit in limits:
        due, there = getattr(meant, name), getattr(found, name)
        if due is not None and (there is None or abs(there - due) > limit):
            at = "at no time" if there is None else f"at {there:.3f} s"
            return f"{words} {at} instead of {due:.3f} s"
    return ""
