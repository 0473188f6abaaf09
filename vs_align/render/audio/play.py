"""Plays a cut list as arrays, block by block: samples as they are, resampled or time-stretched, with fades at cuts."""

from collections.abc import Iterator, Sequence

import numpy as np

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.io.array_types import Float32Array
from vs_align.media.audio_reader import SampleReader
from vs_align.render.audio.resample import resampled
from vs_align.render.audio.time_stretch import time_stretched

_BLOCK_SAMPLES = 1 << 16
"""Samples that are worked on at a time: 1.4 s at 48 kHz, 3 MiB of 5.1 as float32."""
_INAUDIBLE_SPEED = 0.003
"""Changes of pitch up to this share, a twentieth of a semitone, are resampled even if the pitch is to be kept: they are
not heard, and the seams of time stretching are."""
_FADE_SECONDS = 0.002
"""Length of each fade at a cut. Joining two unrelated places of a wave without one clicks; longer ones change more
samples of the original."""


def play(reader: SampleReader, segments: Sequence[AudioSegment], *, keep_pitch: bool) -> Iterator[Float32Array]:
    """Yield the samples of all segments in order, block by block, as float32 of shape (n, channels).

    At speed 1 samples are copied, moved by whole samples. At another speed they are resampled, which changes the pitch
    like a tape does, or time-stretched if the pitch is to be kept and the change would be heard.

    Args:
        reader: Clip's audio; its sample 0 is heard with clip's first frame.
        segments: The cut list, at the reader's sample rate.
        keep_pitch: Whether to time-stretch.
    """
    for i, segment in enumerate(segments):
        is_stretched = keep_pitch and abs(segment.speed - 1) > _INAUDIBLE_SPEED
        blocks = time_stretched(reader, segment) if is_stretched else segment_samples(reader, segment)
        # Neighboring segments never continue each other, so there is a jump at each boundary.
        length = fade_length(segment, reader.format.rate)
        yield from faded(blocks, segment, length if i > 0 else 0, length if i + 1 < len(segments) else 0)


def segment_samples(reader: SampleReader, segment: AudioSegment) -> Iterator[Float32Array]:
    """Yield the samples of one segment, block by block: copied at speed 1, resampled at any other, no fades."""
    if segment.clip_start is None:
        for begin in range(segment.begin, segment.end, _BLOCK_SAMPLES):
            yield np.zeros((min(_BLOCK_SAMPLES, segment.end - begin), reader.format.channels), np.float32)
    elif segment.speed == 1:
        first = round(segment.clip_start * reader.format.rate)
        for done in range(0, len(segment), _BLOCK_SAMPLES):
            yield reader.read(first + done, min(_BLOCK_SAMPLES, len(segment) - done))
    else:
        yield from resampled(reader, segment, _BLOCK_SAMPLES)


def fade_length(segment: AudioSegment, rate: int) -> int:
    """Return the number of samples of a segment's fade: 2 ms, at most half of the segment."""
    return min(round(_FADE_SECONDS * rate), len(segment) // 2)


def faded(blocks: Iterator[Float32Array], segment: AudioSegment, fade_in: int, fade_out: int) -> Iterator[Float32Array]:
    """Multiply a segment by linear ramps at its ends.

    Args:
        blocks: Its samples, float32 of shape (n, channels) each.
        segment: The segment; silence is passed on as it is.
        fade_in: Number of samples of the rising ramp at the beginning, 0 for none.
        fade_out: Number of samples of the falling ramp at the end, 0 for none.
    """
    position, total = 0, len(segment)
    for block in blocks:
        count = len(block)
        if segment.clip_start is not None:
            places = np.arange(position, position + count, dtype=np.float64)
            if position < fade_in:
                block = block * np.clip((places + 0.5) / fade_in, 0, 1)[:, None].astype(np.float32)
            if position + count > total - fade_out:
                block = block * np.clip((total - places - 0.5) / fade_out, 0, 1)[:, None].astype(np.float32)
        yield block
        position += count
