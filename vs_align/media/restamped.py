"""Copy of a video stream without re-encoding, with repaired time stamps."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer

    from vs_align.media.source import Source

_UNPACKERS = {"mpeg4": "mpeg4_unpack_bframes"}
"""Bitstream filters by codec: MPEG-4 in AVI may have two frames in one packet, which other containers refuse."""


def write_restamped(source: "Source", target: Path) -> float:
    """Copy the packets of the first video stream of a file, with the display times of `source`.

    All packets are decoded to find which frame each of them holds.

    Args:
        source: A file with missing, unordered or restarting time stamps.
        target: NUT file to write, a format with time stamps of any unit; an existing file is overwritten.

    Returns:
        Display time of the first frame in seconds; its decoding begins at 0.

    Raises:
        MediaError: It cannot be read or written, or its packets are not its frames.
    """
    import av

    path = source.file.path
    try:
        with av.open(str(path)) as reading:
            places = _places(reading)
        if len(places) != source.length or len(set(places)) != len(places):
            raise MediaError(
                f"The video of {path.name} cannot be copied with rebuilt time stamps: it holds {len(set(places))} "
                f"frames in packets of their own, {source.length} are shown."
            )
        with av.open(str(path)) as reading, av.open(str(target), "w", format="nut") as writing:
            return _copy(reading, writing, places, source)
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"The video of {path.name} cannot be copied: {error}.") from error


def _packets(reading: "InputContainer") -> list[Any]:
    """Return the packets of the first video stream, one frame each."""
    from av.bitstream import BitStreamFilterContext

    stream: Any = reading.streams.video[0]
    packets = [packet for packet in reading.demux(stream) if packet.size]
    unpacker = _UNPACKERS.get(stream.codec_context.name)
    if unpacker is None:
        return packets
    unpack = BitStreamFilterContext(unpacker, stream)
    return [done for packet in [*packets, None] for done in unpack.filter(packet) if done.size]


def _places(reading: "InputContainer") -> list[int]:
    """Return the index of the packet of each frame, in display order."""
    stream: Any = reading.streams.video[0]
    shown = []
    for number, packet in enumerate(_packets(reading)):
        packet.pts = packet.dts = number
        shown += [frame.pts for frame in stream.codec_context.decode(packet)]
    shown += [frame.pts for frame in stream.codec_context.decode(None)]
    if None in shown:
        raise ValueError("its decoder does not tell which packet a frame comes from")
    return shown


def _copy(reading: "InputContainer", writing: Any, places: list[int], source: "Source") -> float:
    made = writing.add_stream_from_template(reading.streams.video[0])
    rate = source.rate
    # about 1/90000 s, and exact for a constant rate
    unit = rate.numerator * max(1, round(90_000 / rate.numerator))
    made.time_base = Fraction(1, unit)
    ticks = [round(time * unit) for time in source.times]
    ranks = {packet: rank for rank, packet in enumerate(places)}
    # packets without a frame are dropped, such as those before the first decodable one
    kept = [(packet, ranks[n]) for n, packet in enumerate(_packets(reading)) if n in ranks]
    # decoding times in file order, early enough that none is later than its display time
    delay = max(n - rank for n, (_, rank) in enumerate(kept))
    step = max(1, round(unit / rate))
    decoded = [*(step * n for n in range(delay)), *(tick + step * delay for tick in ticks)]
    for (packet, rank), dts in zip(kept, decoded, strict=False):
        packet.stream, packet.time_base = made, made.time_base
        packet.pts, packet.dts = ticks[rank] + step * delay, dts
        writing.mux(packet)
    return step * delay / unit
