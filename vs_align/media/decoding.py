"""Decoding of a stream with PyAV, frame by frame in display order."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer


def decoded_frames(container: "InputContainer", stream: Any) -> Iterator[Any]:
    """Yield the frames of a stream from the current position of the container to its end.

    Empty packets, which in some containers repeat the frame before, are skipped: a decoder takes them for the end of
    the stream.

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
        # the last packet flushes the decoder
        yield from last.decode()
