"""A file that was written, read back and held against what was meant, before it gets its name."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError
from vs_align.media.atomic_output import shown_name

# Containers round time stamps to a millisecond, and some of them twice.
_ROUNDING = 0.0021  # s
# The last packet may be said to last as long as the one before it, and encoders fill up their last frame.
_TAIL = 0.1  # s
# Decoders are given up to so many seconds of audio before the first that is heard.
_RUN_UP = 0.25  # s
# Its muxer begins every file at a time of its own, all tracks alike.
_OWN_ZERO = frozenset({".ts", ".m2ts"})
# It has no time stamps: a reader counts frames as they are decoded, not as they are shown.
_UNTIMED = frozenset({".avi"})
_REORDERING = 0.2  # s
_COMPARED = ("video", "audio", "subtitle")


@dataclass(frozen=True, slots=True)
class MeantTrack:
    """What a track should be. Times in seconds on the clock of the file, None for what an encoder decides."""

    kind: str
    """"video", "audio" or "subtitle"."""
    packets: int | None
    """Packets that begin at time 0 or later: decoders throw away what is before it."""
    first: float | None
    """When the first of them begins."""
    last: float | None
    """When the last of them begins."""
    end: float | None
    """When the last of them ends."""


@dataclass(slots=True)
class Timings:
    """Collects the times of packets."""

    stamps: list[float] = field(default_factory=list)
    reached: float | None = None
    count: int = 0

    def add(self, packet: Any) -> None:
        """Note a packet of PyAV with its present times."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return
        begin = float(stamp * packet.time_base)
        self.stamps.append(begin)
        end = begin + float((packet.duration or 0) * packet.time_base)
        self.reached = end if self.reached is None else max(self.reached, end)

    def meant(self, kind: str, zero: float = 0.0, earliest: float = -_ROUNDING) -> MeantTrack:
        """Return what was noted.

        Args:
            kind: See `MeantTrack`.
            zero: Time 0 of the track, on the clock of the packets.
            earliest: Packets that begin earlier after that do not count.
        """
        shown = [stamp - zero for stamp in self.stamps if stamp - zero >= earliest]
        if not shown or self.reached is None:
            return MeantTrack(kind, len(shown), None, None, None)
        return MeantTrack(kind, len(shown), min(shown), max(shown), self.reached - zero)


def meant_video(times: Sequence[float], frame_seconds: float) -> MeantTrack:
    """Return the track of which each frame is shown at a time.

    Args:
        times: Seconds since the first frame, rising.
        frame_seconds: How long the last one is shown.
    """
    return MeantTrack("video", len(times), 0.0, times[-1], times[-1] + frame_seconds)


def meant_audio(seconds: float) -> MeantTrack:
    """Return the track of an encoder that was given so many seconds of audio from time 0 on."""
    return MeantTrack("audio", None, 0.0, None, seconds)


def verify(path: Path, meant: Sequence[MeantTrack], target: Path) -> None:
    """Read a finished file back, packet by packet, and make sure that its tracks are what was meant.

    Args:
        path: The file, which may have a name of its own as long as it is not verified.
        meant: Its video, audio and subtitle tracks, in their order.
        target: The name that it is to get, for the message.

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
    return f"{shown_name(target)} was written, but not as it was meant, so it was removed"


def _read_back(path: Path, target: Path) -> list[tuple[str, Timings]]:
    """Return the kind and the times of each track."""
    import av

    try:
        with av.open(str(path)) as container:
            streams = [stream for stream in container.streams if stream.type in _COMPARED]
            timings = {stream.index: Timings() for stream in streams}
            for packet in container.demux(*streams) if streams else ():
                if packet.size:
                    timings[packet.stream.index].add(packet)
            return [(str(stream.type), timings[stream.index]) for stream in streams]
    except av.FFmpegError as error:
        raise MediaError(f"{shown_name(target)} was written, but cannot be read back: {error}.") from error


def _zero(path: Path, found: Sequence[tuple[str, Timings]]) -> float:
    """Return where the clock of a file begins: other than at 0 only if its muxer has a zero of its own."""
    if path.suffix.lower() not in _OWN_ZERO:
        return 0.0
    firsts = {kind: min(timings.stamps) for kind, timings in reversed(found) if timings.stamps}
    return firsts.get("video", min(firsts.values(), default=0.0))


def _difference(meant: MeantTrack, timings: Timings, zero: float, target: Path) -> str:
    """Say how a track differs from what was meant; nothing if it does not."""
    slack = _REORDERING if target.suffix.lower() in _UNTIMED else _ROUNDING
    # What an encoder makes of audio begins with packets of its own.
    head = max(slack, _RUN_UP) if meant.packets is None else slack
    # A packet that begins next to time 0 must not be counted here and not there, because a container has rounded.
    earliest = -math.inf if meant.packets is None else (meant.first or 0.0) - head
    found = timings.meant(meant.kind, zero, earliest)
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
