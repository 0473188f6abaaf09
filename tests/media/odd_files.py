"""Files whose time stamps lack, restart, wrap or lie out of order, made from one film of 96 frames with sound."""

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet

from tests.media.films import picture, sound, write_film
from vs_align.io.array_types import UInt8Array
from vs_align.media.ffmpeg import find_ffmpeg

COUNT, RATE = 96, 24
SECONDS = COUNT / RATE
_VOP, _B_FRAME = b"\0\0\1\xb6", 2

# codec and container of files that are encoded as they are
ENCODED: dict[str, tuple[str, ...]] = {
    "raw.264": ("-an", "-c:v", "libx264", "-bf", "2"),
    "raw.hevc": ("-an", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=2"),
    "raw.m2v": ("-an", "-c:v", "mpeg2video", "-bf", "2", "-q:v", "2"),
    "frames.avi": ("-c:v", "mpeg4", "-bf", "2", "-q:v", "2", "-c:a", "pcm_s16le"),
    "program.mpg": ("-c:v", "mpeg2video", "-bf", "2", "-q:v", "2", "-c:a", "mp2"),
    "wrap.ts": (
        "-c:v", "libx264", "-bf", "2", "-c:a", "ac3", "-output_ts_offset", "95441", "-muxdelay", "0",
    ),
}  # fmt: skip


def ffmpeg(*arguments: object) -> None:
    """Run ffmpeg."""
    command = [str(find_ffmpeg()), "-y", "-v", "error", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


type Paint = Callable[[int, int, int], UInt8Array]


def film(folder: Path, name: str = "film.mkv", first: int = 0, count: int = COUNT, *, paint: Paint = picture) -> Path:
    """The film itself, or a part of it, with its sound."""
    wave = sound(10 * SECONDS)[first * 2000 : (first + count) * 2000]
    return write_film(folder / name, range(first, first + count), RATE, wave=wave, paint=paint)


def encoded(folder: Path, name: str) -> Path:
    """A file of `ENCODED`."""
    ffmpeg("-i", film(folder), *ENCODED[name], folder / name)
    return folder / name


def joined(folder: Path, *parts: tuple[int, int], name: str = "joined.ts", paint: Paint = picture) -> Path:
    """Transport streams of parts of the film, each with a clock of its own, one behind the other.

    Args:
        folder: Where to.
        parts: First frame and number of frames of each.
        name: Of the file.
        paint: Shows a frame.
    """
    whole = b""
    for first, count in parts:
        part = folder / "part.ts"
        ffmpeg(
            "-i", film(folder, "part.mkv", first, count, paint=paint), "-c:v", "libx264", "-bf", 2, "-c:a", "mp2", part
        )
        whole += part.read_bytes()
    (folder / name).write_bytes(whole)
    return folder / name


def cut(folder: Path) -> Path:
    """An MP4 that begins in the middle of a group of pictures, by its edit list: 80 of 96 frames are shown or fewer."""
    whole = folder / "whole.mp4"
    ffmpeg("-i", film(folder), "-c:v", "libx264", "-bf", 2, "-g", 48, "-c:a", "aac", whole)
    ffmpeg("-ss", "1.25", "-i", whole, "-t", "2", "-c", "copy", folder / "cut.mp4")
    return folder / "cut.mp4"


def packed(folder: Path) -> Path:
    """AVI of MPEG-4 in which a packet holds a bidirectional frame and the one behind it, and the next holds none."""
    plain = folder / "plain.avi"
    ffmpeg("-i", film(folder), "-an", "-c:v", "mpeg4", "-bf", 1, "-q:v", 2, plain)
    with av.open(str(plain)) as reading, av.open(str(folder / "packed.avi"), "w") as writing:
        stream: Any = reading.streams.video[0]
        made = writing.add_stream_from_template(stream)
        frames = [bytes(packet) for packet in reading.demux(stream) if packet.size]
        for number, content in enumerate(_two_by_two(frames)):
            packet = Packet(content)
            packet.stream, packet.time_base = made, Fraction(1, RATE)
            packet.pts = packet.dts = number
            packet.is_keyframe = _kind(content) == 0
            writing.mux(packet)
    return folder / "packed.avi"


def _kind(frame: bytes) -> int:
    return frame[frame.index(_VOP) + 4] >> 6


def _two_by_two(frames: list[bytes]) -> list[bytes]:
    # a frame that is not coded: of kind P, at no whole second, 5 bits of time, two markers, and bits to fill a byte
    empty = _VOP + int("01" + "0" + "1" + "00000" + "1" + "0" + "01111", 2).to_bytes(2)
    done: list[bytes] = []
    for n, frame in enumerate(frames):
        if _kind(frame) == _B_FRAME:
            done[-1] += frame[frame.index(_VOP) :]
            done.append(empty)
        else:
            done.append(frame)
        if n == 0:
            # by this name decoders know it
            place = frame.index(_VOP)
            done[0] = frame[:place] + b"\0\0\1\xb2DivX503b1393p" + frame[place:]
    return done
