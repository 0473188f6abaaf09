"""Writer of Wave64, uncompressed 32-bit float audio in files of any size.

Format: Sony Pictures Digital Networks, "Sony Wave64" (2003): RIFF with chunk names of 128 bits and sizes of 64.
"""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.io.array_types import Float32Array

_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_FLOAT = bytes.fromhex("0300000000001000800000aa00389b71")
_EXTENSIBLE = 0xFFFE
_CHUNK_BYTES = 24
"""Bytes of a chunk's name and size, which its size includes."""
_HEADER_BYTES = 128
"""Bytes before the first sample."""
MAX_CHANNELS = 18
"""Number of loudspeakers that the channel mask of the format names."""


def write_wave64(path: Path, blocks: "Iterable[Float32Array]", rate: int, channels: int) -> int:
    """Write blocks of samples; the file is complete when this returns.

    Args:
        path: The file; an existing one is overwritten.
        blocks: Float32 of shape (n, channels) each; 1.0 is full scale, and values beyond it are kept.
        rate: Samples per second.
        channels: 1 to 18; they get the first places of the channel mask, whatever their layout.

    Returns:
        Number of samples.

    Raises:
        MediaError: It cannot be written.
    """
    count = 0
    try:
        with path.open("wb") as file:
            file.write(_header(0, rate, channels))
            for block in blocks:
                file.write(block.astype("<f4", copy=False).tobytes())
                count += len(block)
            file.seek(0)
            file.write(_header(count, rate, channels))
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error.strerror or error}.") from error
    return count


def _header(count: int, rate: int, channels: int) -> bytes:
    frame, size = 4 * channels, 4 * channels * count
    form = struct.pack("<HHIIHHHHI", _EXTENSIBLE, channels, rate, rate * frame, frame, 32, 22, 32, (1 << channels) - 1)
    parts = [
        *(_RIFF, struct.pack("<Q", _HEADER_BYTES + size), b"wave" + _TAIL),
        *(b"fmt " + _TAIL, struct.pack("<Q", _CHUNK_BYTES + len(form) + len(_FLOAT)), form, _FLOAT),
        *(b"data" + _TAIL, struct.pack("<Q", _CHUNK_BYTES + size)),
    ]
    return b"".join(parts)
