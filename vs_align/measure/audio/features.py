"""What sounds like what, fifty times a second: how the level of each band moves."""

from collections.abc import Callable

import numpy as np

from vs_align.io.array_types import Float32Array, Int64Array
from vs_align.measure.audio.kernels import band_levels, whiten
from vs_align.media.audio_track import Sound

FRAMES = 50
"""Frames per second."""
BANDS = 16

_LOWEST, _HIGHEST = 120.0, 6000.0
_WINDOW_SECONDS = 0.064
_BATCH = 2048
# Power of noise of four steps of 16 bits: what is below is silence.
_SILENT = 16.0
# Seconds to either side over which a band is levelled, and over which its movement is measured.
_NEAR, _FAR = 0.5, 2.5
# Squared nepers: levels that move by less than a quarter of one say little.
_STILL = 0.06


def sound_features(
    sound: Sound,
    first: float = 0.0,
    seconds: float | None = None,
    hop: float = 1 / FRAMES,
    pause: Callable[[], object] | None = None,
) -> Float32Array:
    """Return how the level of each band moves, free of its loudness and tone.

    The logarithm of the power in bands that are equally wide in octaves, minus its running mean, over its running
    deviation: a gain, an equaliser and a compressor leave it nearly as it is, and a change of pitch by 4 % too.

    Args:
        sound: The sound, (n,) int16.
        first: Second after sample 0 at which frame 0 has its centre.
        seconds: How much of it; all to the end by default.
        hop: Seconds from one frame to the next.
        pause: Called now and then.

    Returns:
        (frames, BANDS) float32, -3 to 3; 0 is silence.
    """
    import scipy.fft

    size = 1 << int(np.ceil(np.log2(_WINDOW_SECONDS * sound.rate)))
    step = hop * sound.rate
    end = sound.duration - first if seconds is None else seconds
    count = max(0, int(end / hop))
    levels = np.empty((count, BANDS), np.float32)
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    edges = _edges(size, sound.rate)
    floor = np.float32(_SILENT * np.square(window).sum())
    for begin in range(0, count, _BATCH):
        some = np.arange(begin, min(begin + _BATCH, count))
        # Frames begin at whole samples; the part of a sample that is lost is far below what frames can tell.
        starts = np.rint(first * sound.rate + some * step).astype(np.int64) - size // 2
        low, high = int(starts[0]), int(starts[-1]) + size
        piece = np.zeros(high - low, np.float32)
        inside = sound.samples[max(0, low) : max(0, min(high, len(sound.samples)))]
        piece[max(0, -low) : max(0, -low) + len(inside)] = inside
        rows = np.lib.stride_tricks.sliding_window_view(piece, size)[starts - low] * window
        band_levels(scipy.fft.rfft(rows, axis=1), edges, floor, levels[begin : begin + len(some)])
        if pause:
            pause()
    whiten(levels, round(_NEAR / hop), round(_FAR / hop), np.float32(_STILL))
    return levels


def _edges(size: int, rate: int) -> Int64Array:
    """First bin of each band and the end of the last, at least one bin each."""
    highest = min(_HIGHEST, 0.45 * rate)
    edges = np.rint(np.geomspace(_LOWEST, highest, BANDS + 1) * size / rate).astype(np.int64)
    return np.maximum.accumulate(np.maximum(edges, edges[0] + np.arange(BANDS + 1)))
