"""A file's picture, copied as it is, with the time stamps that its frames were found to have."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_align.errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer

    from vs_align.media.source import Source

# AVI holds two frames in one packet where one of them is bidirectional; no other container takes that.
_UNPACKERS = {"mpeg4": "mpeg4_unpack_bframes"}


def write_restamped(source: "Source", target: Path) -> float:
    """Copy the packets of the first video stream of a file, shown at the times that `source` says.

    Which frame each packet holds is found by decoding all of them.

    Args:
        source: A file whose own time stamps lack, lie out of order or start anew.
        target: A NUT file to write, which keeps time stamps of any unit; one that is there is overwritten.

    Returns:
        When the first frame is shown in it, in seconds: decoding begins at 0.

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
                f"The picture of {path.name} cannot be copied with rebuilt time stamps: it holds {len(set(places))} "
                f"frames in packets of their own, {source.length} are shown."
            )
        with av.open(str(path)) as reading, av.open(str(target), "w", format="nut") as writing:
            return _copy(reading, writing, places, source)
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"The picture of {path.name} cannot be copied: {error}.") from error


def _packets(reading: "InputContainer") -> list[Any]:
    """Packets of the first video stream, each with one frame."""
    from av.bitstream import BitStreamFilterContext

    stream: Any = reading.streams.video[0]
    packets = [packet for packet in reading.demux(stream) if packet.size]
    unpacker = _UNPACKERS.get(stream.codec_context.name)
    if unpacker is None:
        return packets
    unpack = BitStreamFilterContext(unpacker, stream)
    return [done for packet in [*packets, None] for done in unpack.filter(packet) if done.size]


def _places(reading: "InputContainer") -> list[int]:
    """Number of the packet that holds each frame, in the order in which frames are shown."""
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
    # Fine enough for any stamps, and whole for those of a steady rate.
    unit = rate.numerator * max(1, round(90_000 / rate.numerator))
    made.time_base = Fraction(1, unit)
    ticks = [round(time * unit) for time in source.times]
    ranks = {packet: rank for rank, packet in enumerate(places)}
    # What is never shown, such as frames before the first that can be decoded, is left out.
    kept = [(packet, ranks[n]) for n, packet in enumerate(_packets(reading)) if n in ranks]
    # Packets are decoded in the order of the file: early enough that none is shown before.
    delay = max(n - rank for n, (_, rank) in enumerate(kept))
    step = max(1, round(unit / rate))
    decoded = [*(step * n for n in range(delay)), *(tick + step * delay for tick in ticks)]
    for (packet, rank), dts in zip(kept, decoded, strict=False):
        packet.stream, packet.time_base = made, made.time_base
        packet.pts, packet.dts = ticks[rank] + step * delay, dts
        writing.mux(packet)
    return step * delay / unit
