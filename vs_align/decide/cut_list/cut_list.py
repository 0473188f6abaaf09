"""Stretches of clip's sound as ref's time needs them, by the sample."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from vs_align.timeline.time_map import Stretch, TimeMap

if TYPE_CHECKING:
    from vs_align.io.array_types import Float32Array
    from vs_align.media.audio_reader import SoundFormat


_BLOCK = 1 << 16
_ONE_LINE = 1e-4  # seconds: stretches that miss each other by less are one
_INAUDIBLE = 0.003  # a change of pitch by less, a twentieth of a semitone, is no reason to touch the sound's time
_FADE_SECONDS = 0.002  # without it, joining two places of a wave would click
_HOP_SECONDS = 0.02  # what a piece adds to stretched sound: some periods of a voice
_REACH_SECONDS = 0.008  # how far it may be moved to fit to the one before: a period of a low voice
_HOPS = 64  # pieces that are put together at a time


class SampleReader(Protocol):
    """Gives out any stretch of a sound; a file's or a node's."""

    format: "SoundFormat"

    def read(self, start: int, count: int) -> "Float32Array":
        """Return samples as float32 of shape (count, channels); silence where there is no sound."""
        ...


@dataclass(frozen=True, slots=True)
class SoundPiece:
    """What is heard between two samples of the result."""

    begin: int
    """First sample."""
    end: int
    """One past the last."""
    clip_start: float | None
    """Time of clip's sound at `begin`, in seconds since clip's first frame; None for silence."""
    speed: float = 1.0
    """Seconds of clip per second of the result."""


def pieces_of(times: TimeMap, rate: int, residual_ms: float | None) -> list[SoundPiece]:
    """Cut clip's sound for ref: pieces without gaps from ref's first frame to the end of its last.

    Args:
        times: Times of the timeline.
        rate: Float32Array per second.
        residual_ms: What clip's time is ahead of the frames, where it was measured.
    """
    ref_zero, clip_zero = float(times.ref_times[0]), float(times.clip_times[0]) - (residual_ms or 0) / 1000
    pieces: list[SoundPiece] = []
    reached = 0
    for stretch in _joined(times.stretches):
        begin, end = (round((time - ref_zero) * rate) for time in (stretch.ref_start, stretch.ref_end))
        if begin > reached:
            pieces.append(SoundPiece(reached, begin, None))
        clip_start = stretch.clip_time(ref_zero + begin / rate) - clip_zero
        pieces.append(SoundPiece(begin, end, clip_start, stretch.speed))
        reached = end
    stop = round((float(times.ref_times[-1]) - ref_zero) * rate)
    if stop > reached:
        pieces.append(SoundPiece(reached, stop, None))
    return [piece for piece in pieces if piece.end > piece.begin]


def _joined(stretches: tuple[Stretch, ...]) -> list[Stretch]:
    """Stretches, those that go on along one line as one."""
    joined: list[Stretch] = []
    for stretch in stretches:
        before = joined[-1] if joined else None
        if (
            before is not None
            and before.ref_last + 1 == stretch.ref_first
            and before.speed == stretch.speed
            and abs(before.clip_time(stretch.ref_start) - stretch.clip_start) < _ONE_LINE
        ):
            joined[-1] = replace(before, ref_last=stretch.ref_last, ref_end=stretch.ref_end)
        else:
            joined.append(stretch)
    return joined


def sound_of(reader: SampleReader, pieces: list[SoundPiece], keep_pitch: bool) -> "Iterator[Float32Array]":
    """Yield the samples of all pieces, block by block, as float32 of shape (n, channels).

    At speed 1 samples are taken as they are, moved by whole samples. At another speed they are resampled, which
    changes the pitch, or where that is to be kept and would be heard stretched in time.

    Args:
        reader: Clip's sound; its sample 0 is heard with clip's first frame.
        pieces: What is heard when.
        keep_pitch: Whether to stretch.
    """
    for i, piece in enumerate(pieces):
        stretched = keep_pitch and abs(piece.speed - 1) > _INAUDIBLE
        blocks = _stretched(reader, piece) if stretched else played(reader, piece)
        # A neighbour is always a jump: what goes on along one line is one piece.
        length = fade_length(piece, reader.format.rate)
        yield from faded(blocks, piece, length if i > 0 else 0, length if i + 1 < len(pieces) else 0)


def fade_length(piece: SoundPiece, rate: int) -> int:
    """Number of samples within which a piece comes up or goes where its neighbour is another."""
    return min(round(_FADE_SECONDS * rate), (piece.end - piece.begin) // 2)


def played(reader: SampleReader, piece: SoundPiece) -> "Iterator[Float32Array]":
    """Yield the samples of a piece, block by block: as they are at speed 1, else resampled."""
    import numpy as np

    from vs_align.render.audio.resample_kernels import resampled, sinc_table

    rate, channels = reader.format.rate, reader.format.channels
    table = sinc_table(piece.speed)
    for begin in range(piece.begin, piece.end, _BLOCK):
        count = min(_BLOCK, piece.end - begin)
        if piece.clip_start is None:
            yield np.zeros((count, channels), np.float32)
            continue
        place = piece.clip_start * rate + (begin - piece.begin) * piece.speed
        if piece.speed == 1:
            yield reader.read(round(place), count)
            continue
        margin = table.shape[1]
        first = math.floor(place) - margin
        samples = reader.read(first, math.ceil(count * piece.speed) + 2 * margin)
        channels_first = np.ascontiguousarray(samples.T)
        yield resampled(channels_first, place - first, piece.speed, count, table)


def _stretched(reader: SampleReader, piece: SoundPiece) -> "Iterator[Float32Array]":
    """Float32Array of a piece with their pitch kept."""
    import numpy as np

    from vs_align.render.audio.time_stretch_kernels import stretched

    rate = reader.format.rate
    hop, reach = round(_HOP_SECONDS * rate), round(_REACH_SECONDS * rate)
    begin, length = (piece.clip_start or 0.0) * rate, piece.end - piece.begin
    margin = reach + 2 * hop
    goes_on = round(begin)
    for done in range(0, length, _HOPS * hop):
        # Half of what a piece adds lies on either side of its middle, which is what has to be in time.
        middles = done + hop * (np.arange(_HOPS) + 1)
        places = np.rint(begin + middles * piece.speed - hop).astype(np.int64)
        first = min(int(places[0]), goes_on) - margin
        samples = reader.read(first, int(places[-1]) + 2 * margin - first)
        block, behind = stretched(samples, goes_on - first, places - first, hop, reach)
        goes_on = int(behind) + first
        yield block[: length - done]


def faded(blocks: "Iterator[Float32Array]", piece: SoundPiece, fade_in: int, fade_out: int) -> "Iterator[Float32Array]":
    """Let a piece come up and go.

    Args:
        blocks: Its samples, (n, channels) each.
        piece: The piece; silence needs no fading.
        fade_in: Number of samples at its beginning within which it comes up, 0 for none.
        fade_out: Likewise at its end.
    """
    import numpy as np

    position, total = 0, piece.end - piece.begin
    for block in blocks:
        count = len(block)
        if piece.clip_start is not None:
            places = np.arange(position, position + count, dtype=np.float64)
            if position < fade_in:
                block = block * np.clip((places + 0.5) / fade_in, 0, 1)[:, None].astype(np.float32)
            if position + count > total - fade_out:
                block = block * np.clip((total - places - 0.5) / fade_out, 0, 1)[:, None].astype(np.float32)
        yield block
        position += count
