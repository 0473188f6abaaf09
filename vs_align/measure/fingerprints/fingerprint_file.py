"""The file of a clip's fingerprints: blocks that are added one by one, so that a broken run can be taken up again."""

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
    COLOUR_HEIGHT,
    COLOUR_WIDTH,
    HEIGHT,
    WIDTH,
    FrameStats,
    SmallFrames,
    frame_stats,
)
from vs_align.media.cache_versions import FINGERPRINTS

BLOCK = 256
"""Frames of a block."""

_MAGIC = f"vs_align fingerprints {FINGERPRINTS}\n".encode()
# Frames that must look combed, and their share of all, of which only some are looked at.
_LEAST_COMBED, _COMBED = 3, 0.0125
# kind, frames, bytes, checksum of the bytes
_HEAD = struct.Struct("<4sIII")
_FRAMES, _END = b"FRMS", b"DONE"
_LUMA, _COLOUR = HEIGHT * WIDTH, 2 * COLOUR_HEIGHT * COLOUR_WIDTH
# More than this is no block of ours.
_MOST_BYTES = 1 << 28
# Blocks that are kept unpacked.
_KEPT = 24
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class _Block:
    first: int
    count: int
    place: int
    size: int
    checksum: int


class FingerprintWriter:
    """Writes a file of fingerprints, beginning where an interrupted run stopped.

    Args:
        path: The file to write. It holds blocks only until `finish` was called.

    Raises:
        BlockingIOError: Another process writes the same file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = open_locked(path)
        try:
            self._blocks, end = _scan(self._file)
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
            self._note(_read_block(self._file, block))
        self._file.seek(0, 2)

    @property
    def length(self) -> int:
        """Frames that are in the file."""
        return sum(len(times) for times in self._times)

    @property
    def last_time(self) -> float:
        """Time of the last frame that is in the file, 0 where there is none, NaN where times do not always rise."""
        if not self._times:
            return 0.0
        times = np.concatenate(self._times)
        return float(times[-1]) if bool((np.diff(times) > 0).all()) else float("nan")

    def add(self, frames: SmallFrames) -> None:
        """Add a block; it is on its way to the disk when this returns."""
        payload = zlib.compress(_packed(frames), _LEVEL)
        checksum = zlib.crc32(payload)
        self._blocks.append(_Block(self.length, len(frames), self._file.tell() + _HEAD.size, len(payload), checksum))
        self._file.write(_HEAD.pack(_FRAMES, len(frames), len(payload), checksum) + payload)
        self._file.flush()
        self._note(frames)

    def finish(self, target: Path) -> None:
        """End the file with numbers of all frames, and give it its name."""
        table = [(block.first, block.count, block.place, block.size, block.checksum) for block in self._blocks]
        combed = self._combed >= max(_LEAST_COMBED, _COMBED * self.length)
        interlaced = 2 * self._fields > self.length
        head = json.dumps({"interlaced": interlaced, "combed": combed, "blocks": table}).encode()
        packer = zlib.compressobj(_LEVEL)
        parts = [struct.pack("<I", len(head)), head]
        parts += [packer.compress(times.tobytes()) for times in self._times]
        for name in ("light", "contrast", "change", "grid"):
            parts += [packer.compress(getattr(stats, name).tobytes()) for stats in self._stats]
        payload = b"".join([*parts, packer.flush()])
        self._file.write(payload + _HEAD.pack(_END, self.length, len(payload), zlib.crc32(payload)))
        self._file.flush()
        if sys.platform == "win32":
            # an open file cannot be renamed there, and the one that waits for the lock will not find it
            self._file.close()
        self._path.replace(target)
        self._file.close()

    def close(self) -> None:
        """Close the file, finished or not."""
        self._file.close()

    def _note(self, frames: SmallFrames) -> None:
        self._stats.append(frame_stats(frames.luma, self._last))
        self._times.append(frames.times)
        self._fields += int(np.count_nonzero(frames.fields))
        self._combed += 0 if frames.combed is None else int(np.count_nonzero(frames.combed))
        self._last = frames.luma[-1]


class FingerprintFile:
    """A finished file of fingerprints.

    Args:
        path: The file.
        folder: Something that must live as long as the file is read, such as its temporary folder.

    Raises:
        ValueError: It is not finished, damaged, or of another version.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, folder: object = None) -> None:
        self._file = path.open("rb")
        self._folder = folder
        try:
            self.facts, self.times, self.stats = _read_end(self._file)
            self._blocks = [_Block(*row) for row in self.facts.pop("blocks")]
            for block in self._blocks:
                _check(self._file, block)
        except BaseException:
            self._file.close()
            raise
        self._kept: OrderedDict[int, SmallFrames] = OrderedDict()
        self._lock = Lock()

    def read(self, first: int, stop: int) -> SmallFrames:
        """Return frames first..stop-1, of which there must be at least one.

        Raises:
            ValueError: The file was damaged after it was finished.
        """
        parts = []
        for i in range(first // BLOCK, (stop - 1) // BLOCK + 1):
            block, frames = self._blocks[i], self._block(i)
            part = slice(max(0, first - block.first), min(block.count, stop - block.first))
            parts.append((frames.luma[part], frames.colour[part], frames.times[part], frames.fields[part]))
        if len(parts) == 1:
            return SmallFrames(*parts[0])
        luma, colour, times, fields = zip(*parts, strict=True)
        return SmallFrames(np.concatenate(luma), np.concatenate(colour), np.concatenate(times), np.concatenate(fields))

    def _block(self, i: int) -> SmallFrames:
        with self._lock:
            frames = self._kept.pop(i, None)
            if frames is None:
                frames = _read_block(self._file, self._blocks[i])
                while len(self._kept) >= _KEPT:
                    self._kept.popitem(last=False)
            self._kept[i] = frames
            return frames


def _packed(frames: SmallFrames) -> bytes:
    luma, colour = frames.luma, frames.colour
    # what hardly changes from frame to frame packs well as differences, modulo 256
    flags = frames.fields + 2 * (np.zeros_like(frames.fields) if frames.combed is None else frames.combed)
    flags = flags.astype(np.uint8)
    steps = luma.copy()
    steps[1:] -= luma[:-1]
    return b"".join([frames.times.astype("<f8").tobytes(), flags.tobytes(), steps.tobytes(), colour.tobytes()])


def _unpacked(data: bytes, count: int) -> SmallFrames:
    if len(data) != count * (8 + 1 + _LUMA + _COLOUR):
        raise ValueError("a block of fingerprints has the wrong length")
    times = np.frombuffer(data, "<f8", count).astype(np.float64)
    flags = np.frombuffer(data, np.uint8, count, times.nbytes)
    at = times.nbytes + flags.nbytes
    steps = np.frombuffer(data, np.uint8, count * _LUMA, at).reshape(count, HEIGHT, WIDTH)
    colour = np.frombuffer(data, np.uint8, count * _COLOUR, at + steps.nbytes)
    luma = np.cumsum(steps, axis=0, dtype=np.uint8)
    return SmallFrames(
        luma, colour.reshape(count, 2, COLOUR_HEIGHT, COLOUR_WIDTH), times, (flags & 1) > 0, (flags & 2) > 0
    )


def _check(file: BinaryIO, block: _Block) -> None:
    file.seek(block.place)
    if zlib.crc32(file.read(block.size)) != block.checksum:
        raise ValueError("a block of fingerprints is damaged")


def _read_block(file: BinaryIO, block: _Block) -> SmallFrames:
    file.seek(block.place)
    try:
        return _unpacked(zlib.decompress(file.read(block.size)), block.count)
    except zlib.error as error:
        raise ValueError(f"a block of fingerprints is damaged: {error}") from error


def _scan(file: BinaryIO) -> tuple[list[_Block], int]:
    """Return the whole blocks of a file, and where they end: 0 for a file that is none of ours."""
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
        if kind != _FRAMES or count != BLOCK or size > _MOST_BYTES:
            break  # the numbers at the end, a last block that is short, or nothing of ours
        payload = file.read(size)
        if len(payload) < size or zlib.crc32(payload) != checksum:
            break
        blocks.append(_Block(first, count, end + _HEAD.size, size, checksum))
        first += count
        end += _HEAD.size + size
    return blocks, end


def _read_end(file: BinaryIO) -> tuple[dict[str, Any], Float64Array, FrameStats]:
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
    at, floats = times.nbytes, []
    for _ in range(3):
        floats.append(np.frombuffer(body, np.float32, length, at).copy())
        at += floats[-1].nbytes
    grid = np.frombuffer(body, np.uint8, offset=at).reshape(length, HEIGHT // 3, WIDTH // 3)
    return facts, times, FrameStats(floats[0], floats[1], floats[2], grid)
