"""Audio at another speed, pitch and all: band-limited interpolation with a windowed sinc.

Method: J. O. Smith and P. Gossett, "A flexible sampling-rate conversion method" (ICASSP 1984): a windowed sinc, kept in
a table, is laid over the samples around each wanted moment. Positions are not rounded, so no error adds up over hours.
"""

import math
from collections.abc import Iterator

import numpy as np

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.io.array_types import Float32Array
from vs_align.media.audio_reader import SampleReader
from vs_align.render.audio.resample_kernels import interpolate

_ZERO_CROSSINGS = 32
"""Zero crossings of the sinc on either side: more cost time, fewer make the filter less steep."""
_PHASES = 512
"""Positions between two samples that the table holds; between these it is interpolated linearly."""
_ROLL_OFF = 0.95
"""Share of the band that is kept; in the rest the filter falls off."""
_KAISER_BETA = 9.0
"""Shape of the Kaiser window: aliases lie 90 dB below the signal."""


def resampled(reader: SampleReader, segment: AudioSegment, block_samples: int) -> Iterator[Float32Array]:
    """Yield the samples of a segment that is not silent, resampled to its speed, as float32 of shape (n, channels).

    Args:
        reader: Clip's audio; its sample 0 is heard with clip's first frame.
        segment: The segment.
        block_samples: Samples a block.
    """
    rate = reader.format.rate
    table = sinc_table(segment.speed)
    margin = table.shape[1]
    for begin in range(segment.begin, segment.end, block_samples):
        count = min(block_samples, segment.end - begin)
        position = (segment.clip_start or 0.0) * rate + (begin - segment.begin) * segment.speed
        first = math.floor(position) - margin
        samples = reader.read(first, math.ceil(count * segment.speed) + 2 * margin)
        channels_first = np.ascontiguousarray(samples.T)
        yield interpolate(channels_first, position - first, segment.speed, count, table)


def sinc_table(speed: float) -> Float32Array:
    """Return the weights of the samples around a moment, float32 of shape (phases + 1, 2 * samples on either side).

    Args:
        speed: Distance of the moments, in samples; above 1 the pass band is narrowed, which prevents aliasing.
    """
    scale = min(1.0, 1.0 / speed)
    half = math.ceil(_ZERO_CROSSINGS / scale)
    samples = np.arange(2 * half) - (half - 1)
    places = scale * np.abs(samples[None, :] - np.arange(_PHASES + 1)[:, None] / _PHASES)
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - np.square(places / _ZERO_CROSSINGS), 0, 1))) / np.i0(_KAISER_BETA)
    weights = _ROLL_OFF * scale * np.sinc(_ROLL_OFF * places) * np.where(places > _ZERO_CROSSINGS, 0, window)
    return np.ascontiguousarray(weights, np.float32)
