"""Remuxing with PyAV: packets of tracks copied into one new file, independent of the ffmpeg program."""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vs_align.errors import MediaError
from vs_align.io.atomic_files import final_name
from vs_align.media.containers import MP4_NAMES
from vs_align.media.tracks import FileChapter, film_tags
from vs_align.media.verification import ExpectedTrack, PacketTimes

_MICROSECONDS = 1_000_000
_WITH_CODEC_DELAY = frozenset({".mkv", ".mka", ".webm"})
"""Containers that store packets before time 0 as the delay of a codec; without one, all tracks would be moved."""
_STAGED = frozenset({"aac", "ac3", "eac3", "mp3"})
"""Codecs whose delay an MP4 file states, from which it is copied; see `_with_delay`."""
_ROUNDING_SECONDS = 0.001
"""Containers round time stamps to a millisecond."""
_BEGINS_AT_0 = frozenset({".avi"})
"""Containers whose tracks all begin with their first packet: a packet before time 0 would delay what follows."""


@dataclass(frozen=True, slots=True)
class TrackCopy:
    """One track to copy. Times in seconds of the file that is written."""

    path: Path
    index: int
    """Number of the stream in that file."""
    shift: float = 0.0
    """Seconds that are added to the times of the file that is read."""
    first: float | None = None
    """Packets that begin earlier are left out; None for no limit."""
    stop: float | None = None
    """Packets that begin then or later are left out; None for no limit."""
    tags: Mapping[str, str] | None = None
    """Language, title and other tags of the track; None keeps those of the file."""
    default: bool | None = None
    """Whether players choose it by default; None keeps the flag of the file."""
    disposition: int | None = None
    """Flags of the track; None keeps those of the file."""

    def takes(self, begin: float) -> bool:
        """Tell whether a packet that begins at a time is copied."""
        return (self.first is None or begin >= self.first) and (self.stop is None or begin < self.stop)


def remux(
    target: Path,
    copies: Sequence[TrackCopy],
    chapters: Iterable[FileChapter] = (),
    tags: Mapping[str, str] | None = None,
) -> list[ExpectedTrack]:
    """Copy tracks into a new file, in the given order.

    Args:
        target: The file to write; an existing one is overwritten. Its extension chooses the container.
        copies: The tracks. Attached files are copied as they are.
        chapters: Chapters on the clock of the new file.
        tags: Tags of the new file.

    Returns:
        Number and times of the packets written for each track that has any, for comparison with the file.

    Raises:
        MediaError: A file cannot be read, or the container does not take a track. The message names both.
    """
    import av

    options = {"movflags": "+faststart"} if target.suffix.lower() in MP4_NAMES else {}
    try:
        with ExitStack() as stack:
            if target.suffix.lower() in _WITH_CODEC_DELAY:
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="vs_align-")))
                copies = [_with_delay(copy, folder / f"{number}.mp4") for number, copy in enumerate(copies)]
            paths = list(dict.fromkeys(copy.path for copy in copies))
            inputs = {path: stack.enter_context(av.open(str(path))) for path in paths}
            made: Any = stack.enter_context(av.open(str(target), "w", options=options))
            streams = [_added(made, inputs[copy.path].streams[copy.index], copy) for copy in copies]
            made.metadata.update(tags or {})
            made.set_chapters([_chapter(number, chapter) for number, chapter in enumerate(chapters, 1)])
            made.start_encoding()
            timings = [PacketTimes() for _ in copies]
            from_zero = target.suffix.lower() in _BEGINS_AT_0
            of_path = {path: [(n, copy) for n, copy in enumerate(copies) if copy.path == path] for path in paths}
            rows = [_rows(inputs[path], of_path[path], from_zero) for path in paths]
            for _, number, packet in heapq.merge(*rows, key=lambda row: row[0]):
                timings[number].add(packet)
                packet.stream = streams[number]
                made.mux_one(packet)
            kinds = [str(stream.type) for stream in streams]
    except (av.FFmpegError, ValueError, IndexError) as error:
        names = ", ".join(dict.fromkeys(final_name(copy.path) for copy in copies))
        raise MediaError(f"The tracks of {names} cannot be copied to {target.suffix}: {error}.") from error
    earliest = {} if target.suffix.lower() not in _BEGINS_AT_0 else {"earliest": -math.inf}
    pairs = zip(kinds, timings, strict=True)
    return [timing.track(kind, **earliest) for kind, timing in pairs if kind != "attachment"]


def _with_delay(copy: TrackCopy, staged: Path) -> TrackCopy:
    """Return a copy of a track that Matroska can begin before time 0, by its element CodecDelay.

    FFmpeg states a delay for a file only if its container does, so the track is first copied to an MP4 file that begins
    so. Of codecs for which that does not work, packets are left out that begin earlier than the delay of their file.
    """
    import av

    with av.open(str(copy.path)) as container:
        stream: Any = container.streams[copy.index]
        if stream.type != "audio":
            return copy
        first = taken = None
        for packet in container.demux(stream):
            if packet.pts is None:
                continue
            begin = float(packet.pts * packet.time_base)
            first = begin if first is None else first
            if copy.takes(begin + copy.shift):
                taken = begin + copy.shift
                break
        heard = first if stream.start_time is None else float(stream.start_time * stream.time_base)
        delay = max(0.0, (heard or 0.0) - (first or 0.0)) + _ROUNDING_SECONDS
        if taken is None or taken >= -delay:
            return copy
        if stream.codec_context.codec.canonical_name not in _STAGED:
            return replace(copy, first=-delay)
        tags = film_tags(stream.metadata) if copy.tags is None else copy.tags
        disposition = int(stream.disposition) if copy.disposition is None else copy.disposition
    remux(staged, [copy])
    return TrackCopy(staged, 0, tags=tags, default=copy.default, disposition=disposition)


def _added(made: Any, given: Any, copy: TrackCopy) -> Any:
    stream = made.add_stream_from_template(given, opaque=True)
    disposition = int(given.disposition) if copy.disposition is None else copy.disposition
    if copy.default is not None:
        flag = int(given.disposition.default)
        disposition = disposition | flag if copy.default else disposition & ~flag
    stream.disposition = disposition
    tags = film_tags(given.metadata) if copy.tags is None else copy.tags
    if given.type != "attachment":
        stream.metadata.clear()
    stream.metadata.update(tags)
    return stream


def _chapter(number: int, chapter: FileChapter) -> dict[str, Any]:
    start, end = (round(time * _MICROSECONDS) for time in (chapter.start, chapter.end))
    title = {"title": chapter.title} if chapter.title else {}
    return {"id": number, "start": start, "end": end, "time_base": Fraction(1, _MICROSECONDS), "metadata": title}


def _rows(container: Any, copies: Sequence[tuple[int, TrackCopy]], from_zero: bool) -> Iterator[tuple[float, int, Any]]:
    """Yield the packets of the tracks of one file with their new times: seconds, number of the copy, packet.

    With `from_zero`, audio packets of which more than half lies before time 0 are left out.
    """
    wanted = {copy.index: (number, copy) for number, copy in copies}
    streams = [container.streams[index] for index in wanted if container.streams[index].type != "attachment"]
    clocks = {stream.index: _Clock(stream) for stream in streams}
    for packet in container.demux(*streams) if streams else ():
        index = packet.stream.index
        number, copy = wanted[index]
        ready = clocks[index].finish() if not packet.size else clocks[index].take(packet)
        for each in ready:
            begin = each.pts if each.pts is not None else each.dts
            if begin is None or not copy.takes(float(begin * each.time_base) + copy.shift):
                continue
            middle = float((begin + (each.duration or 0) / 2) * each.time_base) + copy.shift
            if from_zero and each.stream.type == "audio" and middle < 0:
                continue
            moved = round(Fraction(copy.shift) / each.time_base)
            each.pts = None if each.pts is None else each.pts + moved
            each.dts = None if each.dts is None else each.dts + moved
            yield float((begin + moved) * each.time_base), number, each


class _Clock:
    """Completes the time stamps of a stream's packets: muxers require them, and demuxers do not always set them."""

    def __init__(self, stream: Any) -> None:
        self._is_video = stream.type == "video"
        self._unit = stream.time_base
        context = stream.codec_context
        self._rate = context.sample_rate if stream.type == "audio" and context is not None else 0
        self._frame = getattr(context, "frame_size", 0) or 0
        self._waiting: list[Any] = []
        self._known = False
        self._due: int | None = None  # in samples

    def take(self, packet: Any) -> list[Any]:
        """Add a packet, and return those whose time stamps are complete."""
        if not self._is_video:
            return self._timed(packet)
        if self._known:
            return [packet]
        self._waiting.append(packet)
        if packet.dts is None:
            return []
        # Demuxers know decoding times only from a few packets on: earlier ones are counted back.
        step = packet.duration or 1
        for back, earlier in enumerate(reversed(self._waiting)):
            earlier.dts = packet.dts - back * step
        return self._given_out()

    def finish(self) -> list[Any]:
        """Return the packets that never got a decoding time; they get the sorted presentation times."""
        stamps = sorted(packet.pts for packet in self._waiting if packet.pts is not None)
        for packet, stamp in zip(self._waiting, stamps, strict=False):
            packet.dts = stamp
        return self._given_out()

    def _given_out(self) -> list[Any]:
        ready, self._waiting, self._known = self._waiting, [], True
        return ready

    def _timed(self, packet: Any) -> list[Any]:
        begin = packet.pts if packet.pts is not None else packet.dts
        if begin is None:
            return []
        packet.pts = packet.dts = begin
        if self._rate and self._unit > Fraction(1, self._rate):
            self._count_samples(packet)
        return [packet]

    def _count_samples(self, packet: Any) -> None:
        """Replace time stamps that a container rounded, such as to a millisecond, by exact sample numbers."""
        stamp, length = packet.pts * self._unit * self._rate, (packet.duration or 0) * self._unit * self._rate
        rounding = self._unit * self._rate
        due = self._due
        begin = due if due is not None and abs(due - stamp) <= rounding else round(stamp)
        count = self._frame if abs(self._frame - length) <= rounding else round(length)
        packet.time_base = Fraction(1, self._rate)
        packet.pts = packet.dts = begin
        packet.duration = count
        self._due = begin + count
