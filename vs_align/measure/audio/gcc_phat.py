"""Delay of short chunks of audio by GCC-PHAT (to a fraction of a sample) or by band features, and robust line fits.

Generalized cross-correlation with phase transform: C. Knapp and G. Carter, IEEE Trans. ASSP 24, 1976.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.audio.features import FRAMES
from vs_align.measure.audio.kernels import lag_correlation, phase_transform, resample
from vs_align.media.audio_track import MonoAudio

KNOWN_SPEEDS = tuple(
    sorted(
        {
            float(ratio)
            for a in (Fraction(24), Fraction(24000, 1001), Fraction(25))
            for b in (Fraction(24), Fraction(24000, 1001), Fraction(25))
            for ratio in (a / b, b / a)
        }
    )
)
"""Ratios of the rates of film, PAL and NTSC: 1, 24 / 23.976 (30 / 29.97 too), 25 / 23.976, 25 / 24, and inverses."""

LOWEST_HZ = 150.0
"""Lower end of the pass band of phase comparisons, Hz; excludes hum and rumble."""
HIGHEST_HZ = 6000.0
"""Upper end of the pass band, Hz; excludes what low-bitrate encoders remove."""
_CLEAR_SCORE = 5.5
"""Peak height in standard deviations from which on a delay is no chance: the highest of some thousand lags of noise
reaches about 4."""
_MOST_FIT_POINTS = 150
"""Delays that a fit uses at most: more do not improve it, and pairs grow with their square."""
_MOST_HYPOTHESES = 2000
"""Lines through pairs of delays that a fit tries at most."""


@dataclass(frozen=True, slots=True)
class AudioLine:
    """Affine time map: clip second = first + speed * ref second, both counted from sample 0."""

    first: float
    speed: float

    def at(self, time: Float64Array) -> Float64Array:
        """Clip seconds at ref seconds."""
        return self.first + self.speed * time

    def through(self, time: float, speed: float) -> "AudioLine":
        """The line of another speed that agrees with this one at a ref second."""
        return AudioLine(self.first + (self.speed - speed) * time, speed)

    def delayed(self, offset: float, slope: float) -> "AudioLine":
        """This line plus offset + slope * ref second."""
        return AudioLine(self.first + offset, self.speed + slope)


@dataclass(frozen=True, slots=True, eq=False)
class Delays:
    """Measured delays of chunks relative to a line."""

    times: Float64Array
    """(n,) center of each chunk, ref seconds."""
    lags: Float64Array
    """(n,) clip seconds after the line."""
    scores: Float64Array
    """(n,) peak height in standard deviations of the correlation; 0 for chunks that are silent in either track."""

    @property
    def audible(self) -> BoolArray:
        """(n,) whether a chunk is not silent."""
        return self.scores > 0

    @property
    def clear(self) -> BoolArray:
        """(n,) whether the peak is higher than chance."""
        return self.scores >= _CLEAR_SCORE


@dataclass(frozen=True, slots=True)
class DelayFit:
    """A straight line through delays."""

    offset: float
    slope: float
    agreeing: BoolArray
    """(n,) which delays lie on it."""
    slope_error: float
    """Standard error of the slope."""


def waveform_delays(
    clip: MonoAudio, ref: MonoAudio, line: AudioLine, starts: Float64Array, seconds: float, reach: float
) -> Delays:
    """Measure delays of chunks by GCC-PHAT on the waveforms.

    The chunk of clip is resampled to the speed of ref first: this assumes that pitch changed with speed.

    Args:
        clip: The one track.
        ref: The other track, of the same sample rate.
        line: The line about which to search.
        starts: (n,) beginnings of the chunks, ref seconds.
        seconds: Length of the chunks.
        reach: Largest distance from the line, clip seconds.
    """
    import scipy.fft

    rate, count = ref.rate, round(seconds * ref.rate)
    size = int(scipy.fft.next_fast_len(count, real=True))
    first, end = (round(f * size / rate) for f in (LOWEST_HZ, min(HIGHEST_HZ, 0.45 * rate)))
    widest = max(1, min(count // 3, round(reach / line.speed * rate)))
    ramp = np.sin(np.linspace(0, np.pi / 2, max(2, count // 10), dtype=np.float32)) ** 2
    chunk, other = np.zeros(size, np.float32), np.zeros(size, np.float32)
    lags, scores = np.zeros(len(starts)), np.zeros(len(starts))
    for i, start in enumerate(starts):
        # Ref is read at whole samples; only clip is interpolated.
        begin = round(float(start) * rate)
        resample(ref.samples, begin, 1.0, chunk[:count])
        resample(clip.samples, (line.first + line.speed * begin / rate) * rate, line.speed, other[:count])
        if min(np.square(chunk).sum(), np.square(other).sum()) < 4 * count:  # RMS below two 16-bit steps: silence
            continue
        for wave in (chunk, other):
            wave[: len(ramp)] *= ramp
            wave[count - len(ramp) : count] *= ramp[::-1]
        product = scipy.fft.rfft(chunk)
        phase_transform(product, scipy.fft.rfft(other), first, end)
        row = scipy.fft.irfft(product, size)
        deviation = float(np.sqrt(np.square(row).mean()))
        near = np.abs(np.concatenate([row[-widest:], row[: widest + 1]]))
        place, height = _peak(near)
        lags[i] = (place - widest) / rate * line.speed
        scores[i] = max(height / max(deviation, 1e-12), 1e-3)
    return Delays(np.rint(starts * rate) / rate + seconds / 2, lags, scores)


def feature_delays(
    clip: Float32Array, ref: Float32Array, line: AudioLine, starts: Float64Array, seconds: float, reach: float
) -> Delays:
    """Measure delays of chunks by correlation of band features: to some milliseconds, independent of pitch and phase.

    Args:
        clip: (m, bands) whitened features, see `audio_features`.
        ref: (n, bands) whitened features.
        line: The line about which to search.
        starts: (n,) beginnings of the chunks, ref seconds.
        seconds: Length of the chunks.
        reach: Largest distance from the line, clip seconds.
    """
    widest = max(2, round(reach * FRAMES))
    lags, scores = np.zeros(len(starts)), np.zeros(len(starts))
    row = np.empty(2 * widest + 1, np.float32)
    for i, start in enumerate(starts):
        begin, end = round(float(start) * FRAMES), min(round((float(start) + seconds) * FRAMES), len(ref))
        energy = float(np.square(ref[begin:end]).sum())
        if energy < 0.05 * ref[begin:end].size:
            continue
        lag_correlation(ref, clip, begin, end, line.first * FRAMES, line.speed, row)
        place, height = _peak(row)
        # At speed 1 all frames share one rounding error; at others the errors average out.
        exact = line.first * FRAMES + begin * line.speed
        rounding = float(np.floor(exact + 0.5) - exact) if abs(line.speed - 1) < 1e-6 else 0.0
        lags[i] = (place - widest + rounding) / FRAMES
        # Products of unrelated audio deviate by the root of its energy; 8 accounts for correlated bands and frames.
        scores[i] = max(height / np.sqrt(8 * energy), 1e-3)
    return Delays(starts + seconds / 2, lags, scores)


def _peak(row: Float32Array) -> tuple[float, float]:
    """Position of the highest value, refined by a parabola, and the value."""
    k = int(np.argmax(row))
    if k in (0, len(row) - 1):
        return float(k), float(row[k])
    left, middle, right = (float(v) for v in row[k - 1 : k + 2])
    bend = left - 2 * middle + right
    return k + (0.5 * (left - right) / bend if bend < 0 else 0.0), middle


def fit_delays(delays: Delays, tolerance: float, steepest: float = 0.002) -> DelayFit | None:
    """Fit a line to delays: consensus over lines through pairs, then the Theil-Sen median of slopes.

    Args:
        delays: The measured delays; only clear ones count.
        tolerance: Largest distance of an agreeing delay from the line, seconds.
        steepest: Largest absolute slope.

    Returns:
        None if fewer than 2 delays are clear.
    """
    use = np.flatnonzero(delays.clear)
    if len(use) < 2:
        return None
    use = use[np.linspace(0, len(use) - 1, min(len(use), _MOST_FIT_POINTS)).astype(int)]
    times, lags, weights = delays.times[use], delays.lags[use], np.minimum(delays.scores[use], 20.0)
    run, rise = times[None] - times[:, None], lags[None] - lags[:, None]
    left, right = np.nonzero(np.triu(run > 0))
    slopes = rise[left, right] / run[left, right]
    flat = np.abs(slopes) <= steepest
    # Noise dominates the slope between neighbors: a line of slope 0 is always one hypothesis.
    slopes = np.concatenate([slopes[flat], [0.0]])
    anchors = np.concatenate([left[flat], [int(np.argmax(weights))]])
    best, chosen = -1.0, 0
    for k in range(0, len(slopes), max(1, len(slopes) // _MOST_HYPOTHESES)):
        off = np.abs(lags - lags[anchors[k]] - slopes[k] * (times - times[anchors[k]]))
        # Near delays count more, so that of lines with equal counts the central one wins.
        support = float((weights * np.maximum(0.0, 1 - np.square(off / tolerance))).sum())
        if support > best:
            best, chosen = support, k
    slope = float(slopes[chosen])
    offset = float(lags[anchors[chosen]] - slope * times[anchors[chosen]])
    near = np.abs(lags - offset - slope * times) <= tolerance
    if near.sum() >= 3:
        pairs = run[np.ix_(near, near)] > 0.25 * np.ptp(times[near])
        if pairs.any():
            slope = float(np.median(rise[np.ix_(near, near)][pairs] / run[np.ix_(near, near)][pairs]))
    offset = float(np.median(lags[near] - slope * times[near]))
    residuals = lags[near] - offset - slope * times[near]
    spread = max(1.4826 * float(np.median(np.abs(residuals))), 2e-6)
    lever = float(np.sqrt(np.square(times[near] - times[near].mean()).sum()))
    agreeing = delays.audible & (np.abs(delays.lags - offset - slope * delays.times) <= tolerance)
    return DelayFit(offset, slope, agreeing, 1.3 * spread / lever if lever > 0 else np.inf)


def snap_speed(speed: float, error: float) -> float:
    """Return the known ratio that a measured speed is within its error, else the speed itself.

    Args:
        speed: Clip seconds per ref second.
        error: Standard error of the speed.
    """
    nearest = min(KNOWN_SPEEDS, key=lambda known: abs(known - speed))
    return nearest if abs(nearest - speed) <= min(3e-4, max(2e-6, 3 * error)) * nearest else speed
