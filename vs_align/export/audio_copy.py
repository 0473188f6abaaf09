"""Stream copy of one audio track into a file of its own, with shifted time stamps."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vs_align.errors import MediaError
from vs_align.media.tracks import audio_stream, film_tags
from vs_align.media.verification import ExpectedTrack, PacketTimes

_MP4 = frozenset({"aac", "alac", "ac3", "eac3", "mp3", "opus", "flac"})
_IPOD = frozenset({"aac", "alac", "ac3"})
"""Codecs of .m4a and .m4b, which ffmpeg restricts to what older players know."""
# Containers whose time stamps players follow, and the codecs that they take; None is all.
_CONTAINERS: dict[str, frozenset[str] | None] = {
    ".mka": None,
    ".mkv": None,
    ".webm": frozenset({"opus", "vorbis"}),
    ".m4a": _IPOD,
    ".m4b": _IPOD,
    ".mp4": _MP4,
    ".mov": _MP4 - {"opus", "flac"},
}
_TOLERANCE = Fraction(1, 1000)
"""Seconds: containers round time stamps to a millisecond."""


@dataclass(frozen=True, slots=True)
class CopyRange:
    """Which packets to copy. Times in seconds on the clock of the file that is read."""

    begin: float
    """Packets that begin earlier are left out, unless `open_begin`."""
    end: float
    """Packets that end later are left out, unless `open_end`."""
    shift: float
    """Seconds that are added to the times."""
    open_begin: bool
    """Whether clip begins here: packets before `begin` belong to no other scene, and decoders need them."""
    open_end: bool
    """Whether a packet that goes on beyond the end is kept."""


def can_copy(target: Path, codec: str) -> bool:
    """Tell whether a container takes packets of a codec and keeps their time stamps."""
    if target.suffix.lower() not in _CONTAINERS:
        return False
    held = _CONTAINERS[target.suffix.lower()]
    return held is None or codec in held


def copy_audio_packets(source: Path, target: Path, what: CopyRange) -> ExpectedTrack:
    """Copy packets of a file's audio track into a new file.

    Args:
        source: The file.
        target: The file to write; an existing one is overwritten.
        what: Which packets, and their new times.

    Returns:
        Number and times of the packets written, for comparison with the file.

    Raises:
        MediaError: A file cannot be read or written.
    """
    import av

    try:
        with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
            given: Any = audio_stream(reading)
            made = writing.add_stream_from_template(given)
            made.metadata.clear()
            made.metadata.update(film_tags(given.metadata))
            timings = PacketTimes()
            for packet in reading.demux(given):
                if packet.pts is None or packet.time_base is None or not _belongs(packet, what):
                    continue
                moved = round(Fraction(what.shift) / packet.time_base)
                packet.pts += moved
                packet.dts = packet.pts
                packet.stream = made
                timings.add(packet)
                writing.mux(packet)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise MediaError(f"The audio of {source.name} cannot be copied to {target.suffix}: {error}.") from error
    return timings.track("audio")


def _belongs(packet: Any, what: CopyRange) -> bool:
    begin = packet.pts * packet.time_base
    end = begin + (packet.duration or 0) * packet.time_base
    # None of these containers can begin before time 0.
    if begin + Fraction(what.shift) < -_TOLERANCE or (
        not what.open_begin and begin < Fraction(what.begin) - _TOLERANCE
    ):
        return False
    return bool(begin < what.end if what.open_end else end <= Fraction(what.end) + _TOLERANCE)
