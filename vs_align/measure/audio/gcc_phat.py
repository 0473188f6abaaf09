"""By how much a sound is late in another, to a part of a sample, and how that changes."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.audio.features import FRAMES
from vs_align.measure.audio.kernels import lag_products, phase_only, resample
from vs_align.media.audio_track import Sound

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

_LOWEST, _HIGHEST = 150.0, 6000.0
# Of a correlation of noise, the highest of some thousand lags is 4 deviations.
_CLEAR = 5.5


@dataclass(frozen=True, slots=True)
class SoundLine:
    """Clip second = first + speed * ref second, both counted from sample 0."""

    first: float
    speed: float

    def at(self, time: Float64Array) -> Float64Array:
        """Clip seconds at ref seconds."""
        return self.first + self.speed * time

    def through(self, time: float, speed: float) -> "SoundLine":
        """The line of another speed that agrees with this one at a ref second."""
        return SoundLine(self.first + (self.speed - speed) * time, speed)

    def later(self, offset: float, slope: float) -> "SoundLine":
        """The line at which clip is later by offset + slope * ref second."""
        return SoundLine(self.first + offset, self.speed + slope)


@dataclass(frozen=True, slots=True, eq=False)
class Delays:
    """Delays of chunks against a line."""

    times: Float64Array
    """(n,) centre of each chunk, ref seconds."""
    lags: Float64Array
    """(n,) clip seconds after the line."""
    scores: Float64Array
    """(n,) height of the peak in deviations of the correlation; 0 where a chunk is silent in either."""

    @property
    def heard(self) -> BoolArray:
        """(n,) where there was something to hear."""
        return self.scores > 0

    @property
    def clear(self) -> BoolArray:
        """(n,) where the peak is no work of chance."""
        return self.scores >= _CLEAR


@dataclass(frozen=True, slots=True)
class Fit:
    """A straight line through delays."""

    offset: float
    slope: float
    agreeing: BoolArray
    """(n,) which delays lie on it."""
    slope_error: float
    """Standard error."""


def wave_delays(clip: Sound, ref: Sound, line: SoundLine, starts: Float64Array, seconds: float, reach: float) -> Delays:
    """Measure delays by generalised cross-correlation with phase transform (Knapp and Carter 1976).

    The chunk of clip is brought to the speed of ref first, so that its pitch must have changed with its speed.

    Args:
        clip: The one sound.
        ref: The other, of the same rate.
        line: About which to look.
        starts: (n,) beginnings of the chunks, ref seconds.
        seconds: Length of the chunks.
        reach: How far from the line, clip seconds.
    """
    import scipy.fft

    rate, count = ref.rate, round(seconds * ref.rate)
    size = int(scipy.fft.next_fast_len(count, real=True))
    first, end = (round(f * size / rate) for f in (_LOWEST, min(_HIGHEST, 0.45 * rate)))
    widest = max(1, min(count // 3, round(reach / line.speed * rate)))
    ramp = np.sin(np.linspace(0, np.pi / 2, max(2, count // 10), dtype=np.float32)) ** 2
    chunk, other = np.zeros(size, np.float32), np.zeros(size, np.float32)
    lags, scores = np.zeros(len(starts)), np.zeros(len(starts))
    for i, start in enumerate(starts):
        # A whole sample to begin with: only clip is interpolated.
        begin = round(float(start) * rate)
        resample(ref.samples, begin, 1.0, chunk[:count])
        resample(clip.samples, (line.first + line.speed * begin / rate) * rate, line.speed, other[:count])
        if min(np.square(chunk).sum(), np.square(other).sum()) < 4 * count:  # two steps of 16 bits
            continue
        for wave in (chunk, other):
            wave[: len(ramp)] *= ramp
            wave[count - len(ramp) : count] *= ramp[::-1]
        product = scipy.fft.rfft(chunk)
        phase_only(product, scipy.fft.rfft(other), first, end)
        row = scipy.fft.irfft(product, size)
        deviation = float(np.sqrt(np.square(row).mean()))
        near = np.abs(np.concatenate([row[-widest:], row[: widest + 1]]))
        place, height = _peak(near)
        lags[i] = (place - widest) / rate * line.speed
        scores[i] = max(height / max(deviation, 1e-12), 1e-3)
    return Delays(np.rint(starts * rate) / rate + seconds / 2, lags, scores)


def feature_delays(
    clip: Float32Array, ref: Float32Array, line: SoundLine, starts: Float64Array, seconds: float, reach: float
) -> Delays:
    """Measure delays by what moves in the bands: to some milliseconds, whatever became of pitch and phase.

    Args:
        clip: (m, bands), see `sound_features`.
        ref: (n, bands).
        line: About which to look.
        starts: (n,) beginnings of the chunks, ref seconds.
        seconds: Length of the chunks.
        reach: How far from the line, clip seconds.
    """
    widest = max(2, round(reach * FRAMES))
    lags, scores = np.zeros(len(starts)), np.zeros(len(starts))
    row = np.empty(2 * widest + 1, np.float32)
    for i, start in enumerate(starts):
        begin, end = round(float(start) * FRAMES), min(round((float(start) + seconds) * FRAMES), len(ref))
        energy = float(np.square(ref[begin:end]).sum())
        if energy < 0.05 * ref[begin:end].size:
            continue
        lag_products(ref, clip, begin, end, line.first * FRAMES, line.speed, row)
        place, height = _peak(row)
        # The rounding of places to frames is even, because the line hits them at all fractions or at one for all.
        exact = line.first * FRAMES + begin * line.speed
        rounding = float(np.floor(exact + 0.5) - exact) if abs(line.speed - 1) < 1e-6 else 0.0
        lags[i] = (place - widest + rounding) / FRAMES
        # A product of unlike sounds has a deviation of the root of its energy, as bands and frames go together.
        scores[i] = max(height / np.sqrt(8 * energy), 1e-3)
    return Delays(starts + seconds / 2, lags, scores)


def _peak(row: Float32Array) -> tuple[float, float]:
    """Place of the highest value to a part of one, by a parabola, and the value."""
    k = int(np.argmax(row))
    if k in (0, len(row) - 1):
        return float(k), float(row[k])
    left, middle, right = (float(v) for v in row[k - 1 : k + 2])
    bend = left - 2 * middle + right
    return k + (0.5 * (left - right) / bend if bend < 0 else 0.0), middle


def fit_delays(delays: Delays, tolerance: float, steepest: float = 0.002) -> Fit | None:
    """Fit a line that most delays agree on: consensus over pairs, then Theil and Sen's median of slopes.

    Args:
        delays: What was measured; only clear ones count.
        tolerance: How far a delay may lie from the line, seconds.
        steepest: Largest slope.

    Returns:
        None where fewer than 2 delays are clear.
    """
    use = np.flatnonzero(delays.clear)
    if len(use) < 2:
        return None
    # More than 150 points make the line no better and the pairs too many.
    use = use[np.linspace(0, len(use) - 1, min(len(use), 150)).astype(int)]
    times, lags, weights = delays.times[use], delays.lags[use], np.minimum(delays.scores[use], 20.0)
    run, rise = times[None] - times[:, None], lags[None] - lags[:, None]
    left, right = np.nonzero(np.triu(run > 0))
    slopes = rise[left, right] / run[left, right]
    flat = np.abs(slopes) <= steepest
    # Neighbours say little about the slope and their noise much: let them say that there is none.
    slopes = np.concatenate([slopes[flat], [0.0]])
    anchors = np.concatenate([left[flat], [int(np.argmax(weights))]])
    best, chosen = -1.0, 0
    for k in range(0, len(slopes), max(1, len(slopes) // 2000)):
        off = np.abs(lags - lags[anchors[k]] - slopes[k] * (times - times[anchors[k]]))
        # Near ones count more, so that of lines with equally many the one in their middle wins.
        vote = float((weights * np.maximum(0.0, 1 - np.square(off / tolerance))).sum())
        if vote > best:
            best, chosen = vote, k
    slope = float(slopes[chosen])
    offset = float(lags[anchors[chosen]] - slope * times[anchors[chosen]])
    near = np.abs(lags - offset - slope * times) <= tolerance
    if near.sum() >= 3:
        pairs = run[np.ix_(near, near)] > 0.25 * np.ptp(times[near])
        if pairs.any():
            slope = float(np.median(rise[np.ix_(near, near)][pairs] / run[np.ix_(near, near)][pairs]))
    offset = float(np.median(lags[near] - slope * times[near]))
    rest = lags[near] - offset - slope * times[near]
    spread = max(1.4826 * float(np.median(np.abs(rest))), 2e-6)
    lever = float(np.sqrt(np.square(times[near] - times[near].mean()).sum()))
    agreeing = delays.heard & (np.abs(delays.lags - offset - slope * delays.times) <= tolerance)
    return Fit(offset, slope, agreeing, 1.3 * spread / lever if lever > 0 else np.inf)


def snapped_speed(speed: float, error: float) -> float:
    """Return the known ratio that a measured speed may be, else the speed itself.

    Args:
        speed: Clip seconds per ref second.
        error: Standard error of it.
    """
    nearest = min(KNOWN_SPEEDS, key=lambda known: abs(known - speed))
    return nearest if abs(nearest - speed) <= min(3e-4, max(2e-6, 3 * error)) * nearest else speed
