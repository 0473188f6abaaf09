"""The fingerprint file: a log of checksummed blocks of frames, so that an interrupted extraction can be resumed."""

import json
import struct
import sys
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np

from vs_align.io.array_types import Float64Array, UInt8Array
from vs_align.io.file_lock import open_locked
from vs_align.measure.fingerprints.fingerprint import (
    COLOR_HEIGHT,
    COLOR_WIDTH,
    HEIGHT,
    WIDTH,
    FrameStats,
    FrameThumbnails,
    frame_stats,
)
from vs_align.media.cache_versions import FINGERPRINTS

BLOCK = 256
"""Frames per block."""

_MAGIC = f"vs_align fingerprints {FINGERPRINTS}\n".encode()
_LEAST_COMBED = 3
"""Combed frames from which on a video counts as combed."""
_COMBED_SHARE = 0.0125
"""The least share of combed frames; only some frames are checked for combing."""
_HEAD = struct.Struct("<4sIII")
"""Header of a block and trailer of the file: kind, frames, bytes, CRC-32 of the bytes."""
_FRAMES, _END = b"FRMS", b"DONE"
_LUMA_BYTES = HEIGHT * WIDTH
"""Bytes of the luma of a frame."""
_COLOR_BYTES = 2 * COLOR_HEIGHT * COLOR_WIDTH
"""Bytes of the chroma of a frame."""
_MOST_BLOCK_BYTES = 1 << 28
"""A header that announces a larger block is corrupt."""
_CACHED_BLOCKS = 24
"""Decompressed blocks kept in memory."""
_COMPRESSION = 1
"""zlib level, 1 to 9: the fastest."""


@dataclass(frozen=True, slots=True)
class _Block:
    first: int
    """Number of its first frame."""
    count: int
    """Frames."""
    position: int
    """Byte in the file at which its payload begins."""
    size: int
    """Bytes of its payload."""
    checksum: int
    """CRC-32 of its payload."""


class FingerprintWriter:
    """Writes a fingerprint file, resuming after the last intact block of an interrupted run.

    Args:
        path: The file to write. It is incomplete until `finish` was called.

    Raises:
        BlockingIOError: Another process is writing the same file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = open_locked(path)
        try:
            self._blocks, end = _intact_blocks(self._file)
        except BaseException:
            self._file.close()
            raise
        self._file.seek(end)
        self._file.truncate()
        if end == 0:
            self._file.write(_MAGIC)
        self._stats: list[FrameStats] = []
        self._times: list[Float64Array] = []
        self._fields = self._combed = 0
        self._last: UInt8Array | None = None
        for block in self._blocks:
            self._add_stats(_read_block(self._file, block))
        self._file.seek(0, 2)

    @property
    def length(self) -> int:
        """Frames in the file."""
        return sum(len(times) for times in self._times)

    @property
    def last_time(self) -> float:
        """Time of the last frame in the file: 0 for an empty file, NaN if times do not rise strictly."""
        if not self._times:
            return 0.0
        times = np.concatenate(self._times)
        return float(times[-1]) if bool((np.diff(times) > 0).all()) else float("nan")

    def add(self, frames: FrameThumbnails) -> None:
        """Append a block and flush it to the operating system."""
        payload = zlib.compress(_encoded(frames), _COMPRESSION)
        checksum = zlib.crc32(payload)
        self._blocks.append(_Block(self.length, len(frames), self._file.tell() + _HEAD.size, len(payload), checksum))
        self._file.write(_HEAD.pack(_FRAMES, len(frames), len(payload), checksum) + payload)
        self._file.flush()
        self._add_stats(frames)

    def finish(self, target: Path) -> None:
        """Append the statistics of all frames and the table of blocks, and rename the file."""
        table = [(block.first, block.count, block.position, block.size, block.checksum) for block in self._blocks]
        combed = self._combed >= max(_LEAST_COMBED, _COMBED_SHARE * self.length)
        interlaced = 2 * self._fields > self.length
        head = json.dumps({"interlaced": interlaced, "combed": combed, "blocks": table}).encode()
        packer = zlib.compressobj(_COMPRESSION)
        parts = [struct.pack("<I", len(head)), head]
        parts += [packer.compress(times.tobytes()) for times in self._times]
        for name in ("brightness", "contrast", "change", "grid"):
            parts += [packer.compress(getattr(stats, name).tobytes()) for stats in self._stats]
        payload = b"".join([*parts, packer.flush()])
        self._file.write(payload + _HEAD.pack(_END, self.length, len(payload), zlib.crc32(payload)))
        self._file.flush()
        if sys.platform == "win32":
            # an open file cannot be renamed there; a process waiting for the lock will not find the old name
            self._file.close()
        self._path.replace(target)
        self._file.close()

    def close(self) -> None:
        """Close the file, whether finished or not."""
        self._file.close()

    def _add_stats(self, frames: FrameThumbnails) -> None:
        self._stats.append(frame_stats(frames.luma, self._last))
        self._times.append(frames.times)
        self._fields += int(np.count_nonzero(frames.fields))
        self._combed += 0 if frames.combed is None else int(np.count_nonzero(frames.combed))
        self._last = frames.luma[-1]


class FingerprintFile:
    """Reads a finished fingerprint file.

    Args:
        path: The file.
        folder: An object that must live as long as the file is read, such as its temporary folder.

    Raises:
        ValueError: The file is unfinished, damaged, or of another version.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path, folder: object = None) -> None:
        self._file = path.open("rb")
        self._folder = folder
        try:
            self.facts, self.times, self.stats = _read_statistics(self._file)
            self._blocks = [_Block(*row) for row in self.facts.pop("blocks")]
            for block in self._blocks:
                _check(self._file, block)
        except BaseException:
            self._file.close()
            raise
        self._cached: OrderedDict[int, FrameThumbnails] = OrderedDict()
        self._lock = Lock()

    def read(self, first: int, stop: int) -> FrameThumbnails:
        """Return frames first..stop-1, at least one.

        Raises:
            ValueError: The file was damaged after it was written.
        """
        parts = []
        for i in range(first // BLOCK, (stop - 1) // BLOCK + 1):
            block, frames = self._blocks[i], self._block(i)
            part = slice(max(0, first - block.first), min(block.count, stop - block.first))
            parts.append((frames.luma[part], frames.color[part], frames.times[part], frames.fields[part]))
        if len(parts) == 1:
            return FrameThumbnails(*parts[0])
        luma, color, times, fields = zip(*parts, strict=True)
        return FrameThumbnails(
            np.concatenate(luma), np.concatenate(color), np.concatenate(times), np.concatenate(fields)
        )

    def _block(self, i: int) -> FrameThumbnails:
        with self._lock:
            frames = self._cached.pop(i, None)
            if frames is None:
                frames = _read_block(self._file, self._blocks[i])
                while len(self._cached) >= _CACHED_BLOCKS:
                    self._cached.popitem(last=False)
            self._cached[i] = frames
            return frames


def _encoded(frames: FrameThumbnails) -> bytes:
    luma, color = frames.luma, frames.color
    # differences of successive frames, modulo 256, compress well
    flags = frames.fields + 2 * (np.zeros_like(frames.fields) if frames.combed is None else frames.combed)
    flags = flags.astype(np.uint8)
    steps = luma.copy()
    steps[1:] -= luma[:-1]
    return b"".join([frames.times.astype("<f8").tobytes(), flags.tobytes(), steps.tobytes(), color.tobytes()])


def _decoded(data: bytes, count: int) -> FrameThumbnails:
    if len(data) != count * (8 + 1 + _LUMA_BYTES + _COLOR_BYTES):
        raise ValueError("a block of fingerprints has the wrong length")
    times = np.frombuffer(data, "<f8", count).astype(np.float64)
    flags = np.frombuffer(data, np.uint8, count, times.nbytes)
    at = times.nbytes + flags.nbytes
    steps = np.frombuffer(data, np.uint8, count * _LUMA_BYTES, at).reshape(count, HEIGHT, WIDTH)
    color = np.frombuffer(data, np.uint8, count * _COLOR_BYTES, at + steps.nbytes)
    luma = np.cumsum(steps, axis=0, dtype=np.uint8)
    return FrameThumbnails(
        luma, color.reshape(count, 2, COLOR_HEIGHT, COLOR_WIDTH), times, (flags & 1) > 0, (flags & 2) > 0
    )


def _check(file: BinaryIO, block: _Block) -> None:
    file.seek(block.position)
    if zlib.crc32(file.read(block.size)) != block.checksum:
        raise ValueError("a block of fingerprints is damaged")


def _read_block(file: BinaryIO, block: _Block) -> FrameThumbnails:
    file.seek(block.position)
    try:
        return _decoded(zlib.decompress(file.read(block.size)), block.count)
    except zlib.error as error:
        raise ValueError(f"a block of fingerprints is damaged: {error}") from error


def _intact_blocks(file: BinaryIO) -> tuple[list[_Block], int]:
    """Return the intact blocks of a file and the byte at which they end: 0 if it is no fingerprint file."""
    file.seek(0)
    if file.read(len(_MAGIC)) != _MAGIC:
        return [], 0
    blocks: list[_Block] = []
    end, first = len(_MAGIC), 0
    while True:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            break
        kind, count, size, checksum = _HEAD.unpack(head)
        if kind != _FRAMES or count != BLOCK or size > _MOST_BLOCK_BYTES:
            break  # the trailing statistics, a short last block, or corrupt data
        payload = file.read(size)
        if len(payload) < size or zlib.crc32(payload) != checksum:
            break
        blocks.append(_Block(first, count, end + _HEAD.size, size, checksum))
        first += count
        end += _HEAD.size + size
    return blocks, end


def _read_statistics(file: BinaryIO) -> tuple[dict[str, Any], Float64Array, FrameStats]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("this is no file of fingerprints of this version")
    whole = file.seek(0, 2)
    if whole < len(_MAGIC) + _HEAD.size:
        raise ValueError("the file of fingerprints is not finished")
    file.seek(whole - _HEAD.size)
    kind, length, size, checksum = _HEAD.unpack(file.read(_HEAD.size))
    if kind != _END or size > whole - _HEAD.size - len(_MAGIC):
        raise ValueError("the file of fingerprints is not finished")
    file.seek(whole - _HEAD.size - size)
    payload = file.read(size)
    if zlib.crc32(payload) != checksum:
        raise ValueError("the file of fingerprints is damaged")
    (head,) = struct.unpack_from("<I", payload)
    facts = json.loads(payload[4 : 4 + head])
    body = zlib.decompress(payload[4 + head :])
    times = np.frombuffer(body, np.float64, length).copy()
    at, columns = times.nbytes, []
    for _ in range(3):
        columns.append(np.frombuffer(body, np.float32, length, at).copy())
        at += columns[-1].nbytes
    grid = np.frombuffer(body, np.uint8, offset=at).reshape(length, HEIGHT // 3, WIDTH // 3)
    return facts, times, FrameStats(columns[0], columns[1], columns[2], grid)
