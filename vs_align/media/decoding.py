"""Decoding a stream of a file, frame by frame in the order in which they are shown."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer


def decoded_frames(container: "InputContainer", stream: Any) -> Iterator[Any]:
    """Yield the frames of a stream from where the container stands to its end.

    Packets without content, by which some containers say that the frame before is shown on, are left out: decoders take
    them for the end of the stream.

    Args:
        container: An opened file.
        stream: One of its streams.

    Raises:
        av.FFmpegError: Something cannot be read or decoded.
    """
    last = None
    for packet in container.demux(stream):
        last = packet
        if packet.size:
            yield from packet.decode()
    if last is not None and not last.size:
        # The one behind all others asks for the frames that the decoder still holds.
        yield from last.decode()
