"""File size that the header of a container declares, to detect truncated files (Matroska, MP4/MOV, AVI)."""

import struct
from pathlib import Path
from typing import BinaryIO

MP4_NAMES = frozenset({".mp4", ".m4v", ".mov", ".m4a", ".m4b"})
"""Suffixes of files of the ISO base media format (MP4 boxes)."""

_EBML, _SEGMENT, _VOID = 0x1A45DFA3, 0x18538067, 0xEC
_BOX_TYPES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx", b"pnot", b"uuid"}


def declared_bytes(path: Path) -> int | None:
    """Return the file size in bytes that the container declares; None if it declares none.

    Matroska and WebM declare the size of their segment, MP4 and MOV that of each box, AVI that of its first list. A
    stream, or a file that was never finished, may declare none.

    Raises:
        OSError: The file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[:4] == _EBML.to_bytes(4):
            return _matroska_end(file)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return 8 + int(struct.unpack("<I", head[4:8])[0])
        if head[4:8] in _BOX_TYPES:
            return _boxes_end(file, size)
    return None


def _matroska_end(file: BinaryIO) -> int | None:
    while True:
        element, length = _number(file, keep_marker=True), _number(file, keep_marker=False)
        if element is None or length is None:
            return None
        if element == _SEGMENT:
            return file.tell() + length
        if element not in (_EBML, _VOID):
            return None
        file.seek(length, 1)


def _number(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """Read one EBML number; None at the end of the file and for "unknown", which is all ones."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) != width - 1:
        return None
    value = int.from_bytes(first + rest)
    if keep_marker:
        return value
    value &= (1 << 7 * width) - 1
    return None if value == (1 << 7 * width) - 1 else value


def _boxes_end(file: BinaryIO, size: int) -> int | None:
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return position + 8
        length, kind = struct.unpack(">I4s", header)
        if length == 1:
            large = file.read(8)
            if len(large) < 8:
                return position + 16
            length = struct.unpack(">Q", large)[0]
        if length == 0:
            return size
        if length < 8 or not kind.isascii():
            # data that is no box is common behind the last box, and harmless
            return None
        position += length
    return position
