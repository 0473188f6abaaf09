"""Band-level audio features: log power in 16 octave-spaced bands, 50 frames per second, locally whitened."""

import numpy as np

from vs_align.io.array_types import Float32Array, Int64Array
from vs_align.measure.audio.kernels import band_levels, whiten
from vs_align.media.audio_track import MonoAudio

FRAMES = 50
"""Feature frames per second."""
BANDS = 16
"""Bands per feature frame."""

_LOWEST_HZ = 120.0
"""Lower edge of the first band, Hz; excludes hum and rumble."""
_HIGHEST_HZ = 6000.0
"""Upper edge of the last band, Hz; excludes what low-bitrate encoders remove."""
_WINDOW_SECONDS = 0.064
"""Length of the Hann window of the short-time spectrum, rounded up to a power of 2 samples."""
_BATCH = 2048
"""Feature frames transformed at a time; bounds memory."""
_NOISE_POWER = 16.0
"""Power per sample of noise of four 16-bit quantization steps; anything below counts as silence."""
_MEAN_REACH_SECONDS = 0.5
"""Half width of the running mean that is subtracted from each band."""
_DEVIATION_REACH_SECONDS = 2.5
"""Half width of the running standard deviation that each band is divided by."""
_VARIANCE_FLOOR = 0.06
"""Added to the variance, squared nepers: levels that vary by less than a quarter of a neper say little."""


def audio_features(
    audio: MonoAudio,
    first: float = 0.0,
    seconds: float | None = None,
    hop: float = 1 / FRAMES,
) -> Float32Array:
    """Compute whitened band levels of an audio track.

    The logarithm of the power in bands of equal width in octaves, minus its running mean, divided by its running
    standard deviation. Gain, equalization and compression change the result little, and so does a pitch change of 4 %.

    Args:
        audio: The track, (n,) int16.
        first: Second after sample 0 on which frame 0 is centered.
        seconds: Length to analyze; None: up to the end.
        hop: Seconds from one frame to the next.

    Returns:
        (frames, BANDS) float32 from -3 to 3; 0 for silence.
    """
    import scipy.fft

    size = 1 << int(np.ceil(np.log2(_WINDOW_SECONDS * audio.rate)))
    step = hop * audio.rate
    end = audio.duration - first if seconds is None else seconds
    count = max(0, int(end / hop))
    levels = np.empty((count, BANDS), np.float32)
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    edges = _band_edges(size, audio.rate)
    floor = np.float32(_NOISE_POWER * np.square(window).sum())
    for begin in range(0, count, _BATCH):
        batch = np.arange(begin, min(begin + _BATCH, count))
        # Frames begin at whole samples; the lost fraction of a sample is far below the resolution of a frame.
        starts = np.rint(first * audio.rate + batch * step).astype(np.int64) - size // 2
        low, high = int(starts[0]), int(starts[-1]) + size
        samples = np.zeros(high - low, np.float32)
        inside = audio.samples[max(0, low) : max(0, min(high, len(audio.samples)))]
        samples[max(0, -low) : max(0, -low) + len(inside)] = inside
        rows = np.lib.stride_tricks.sliding_window_view(samples, size)[starts - low] * window
        band_levels(scipy.fft.rfft(rows, axis=1), edges, floor, levels[begin : begin + len(batch)])
    whiten(levels, round(_MEAN_REACH_SECONDS / hop), round(_DEVIATION_REACH_SECONDS / hop), np.float32(_VARIANCE_FLOOR))
    return levels


def _band_edges(size: int, rate: int) -> Int64Array:
    """First bin of each band and the end of the last, at least one bin each."""
    highest = min(_HIGHEST_HZ, 0.45 * rate)
    edges = np.rint(np.geomspace(_LOWEST_HZ, highest, BANDS + 1) * size / rate).astype(np.int64)
    return np.maximum.accumulate(np.maximum(edges, edges[0] + np.arange(BANDS + 1)))
