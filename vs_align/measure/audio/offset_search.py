"""Which lines of offset and speed two sounds may share, over their whole length."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.audio.kernels import cross_spectra

SPEEDS = (1.0, 25 / 23.988, 23.988 / 25)
"""Speeds that are searched: none, and that of PAL from film at 24 or 23.976, up and down. What is nearer than 0.15 % to
one of them is found with it, because in a chunk of 82 s it shifts the sound by less than frames can tell."""

_SHORTEST, _USUAL = 256, 4096
# Chunks that a search has at most, so that its time grows with the length and its logarithm.
_CHUNKS = 100
_TRIED = 12
_PEAKS = 8
# Frames around a peak in which no other is looked for.
_APART = 5
# In units of the deviation of all lags. Chance reaches 5 in hours of sound; but where there is a beat, the deviation is
# that of the beat, and the right lag stands out little. What is wrong is found out later.
_LOW = 3.5
_SLOPE = 0.0015


@dataclass(frozen=True, slots=True)
class Peak:
    """A lag at which a chunk of ref is like clip. In frames."""

    ref: float
    """Centre of the chunk."""
    lag: float
    """Clip frame over speed, minus ref frame."""
    strength: float
    """In deviations of all lags."""


@dataclass(slots=True)
class Track:
    """Peaks of one speed that lie in one line."""

    speed: float
    peaks: list[Peak] = field(default_factory=list)

    @property
    def strength(self) -> float:
        """Of all peaks."""
        return float(np.sqrt(sum(peak.strength**2 for peak in self.peaks)))

    def slope(self) -> float | None:
        """Change of lag per ref frame, None where too little is known."""
        if len(self.peaks) < 3:
            return None
        ref = np.array([peak.ref for peak in self.peaks])
        lag = np.array([peak.lag for peak in self.peaks])
        rise, run = lag[:, None] - lag, ref[:, None] - ref
        return float(np.clip(np.median(rise[run > 0] / run[run > 0]), -_SLOPE, _SLOPE))

    def line(self, usual: float) -> "Line":
        """Its line, with the slope of others where its own is not known."""
        own = self.slope()
        slope = usual if own is None else own
        lag = float(np.median([peak.lag - slope * peak.ref for peak in self.peaks]))
        return Line(self.speed * lag, self.speed * (1 + slope), self.strength)


@dataclass(frozen=True, slots=True)
class Line:
    """Clip frame = first + speed * ref frame."""

    first: float
    speed: float
    strength: float = 0.0


def find_lines(
    clip: Float32Array, ref: Float32Array, most: int = 40, pause: Callable[[], object] | None = None
) -> list[Line]:
    """Return lines along which the sounds may be alike, the strongest first.

    Chunks of ref are correlated with all of clip by FFT, at speeds that are known to occur; a part of them decides
    which speeds are followed up.

    Args:
        clip: (m, bands).
        ref: (n, bands).
        most: How many at most.
        pause: Called now and then.
    """
    if len(clip) < 2 or len(ref) < 2:
        return []
    length = chunk_length(len(ref))
    starts = list(range(0, max(1, len(ref) - length // 2), length if length == _USUAL else length // 2))
    tried = starts[:: max(1, len(starts) // _TRIED)]
    found: dict[float, list[Peak]] = {}
    for speed in SPEEDS:
        searched = ChunkSearch(clip, speed, length)
        found[speed] = [peak for start in tried for peak in searched.peaks(ref, start)]
        if pause:
            pause()
    votes = {speed: _votes(peaks) for speed, peaks in found.items()}
    best = max(votes.values())
    for speed in SPEEDS:
        # A speed that is not there has peaks of chance only, and costs as much to follow as the right one.
        if votes[speed] < 0.25 * best and speed != 1.0:
            del found[speed]
            continue
        searched = ChunkSearch(clip, speed, length)
        for start in starts:
            if start not in tried:
                found[speed] += searched.peaks(ref, start)
                if pause:
                    pause()
    tracks = [track for speed, peaks in found.items() for track in join_peaks(peaks, speed)]
    tracks.sort(key=lambda track: -track.strength)
    known = [slope for track in tracks[:5] if (slope := track.slope()) is not None]
    return [track.line(known[0] if known else 0.0) for track in tracks[:most]]


def chunk_length(frames: int) -> int:
    """Length of the chunks of a sound, a power of 2."""
    quarter = 1 << max(0, int(np.log2(max(1, frames / 4))))
    hundredth = 1 << max(0, int(np.ceil(np.log2(max(1, frames / _CHUNKS)))))
    return max(_SHORTEST, min(_USUAL, quarter), hundredth)


class ChunkSearch:
    """Correlates chunks of a sound with the whole of another."""

    def __init__(self, clip: Float32Array, speed: float, length: int) -> None:
        """Prepare clip.

        Args:
            clip: (m, bands).
            speed: Clip frames per ref frame.
            length: Of the chunks.
        """
        import scipy.fft

        self._length = length
        if speed != 1:
            places = np.arange(0, len(clip) - 1, speed)
            low = places.astype(np.int64)
            share = (places - low).astype(np.float32)[:, None]
            clip = clip[low] * (1 - share) + clip[low + 1] * share
        count = -(-len(clip) // length) + 1
        padded = np.zeros(((count + 1) * length, clip.shape[1]), np.float32)
        padded[length : length + len(clip)] = clip
        self._spectra = np.empty((count, clip.shape[1], length + 1), np.complex64)
        for j in range(count):
            block = np.ascontiguousarray(padded[j * length : (j + 2) * length].T)
            self._spectra[j] = scipy.fft.rfft(block, axis=1)

    def peaks(self, ref: Float32Array, start: int) -> list[Peak]:
        """Return the best lags of the chunk of ref that begins at a frame."""
        import scipy.fft

        length = self._length
        chunk = np.zeros((ref.shape[1], 2 * length), np.float32)
        some = ref[start : start + length]
        if np.square(some).sum() < 0.05 * some.size:  # hardly anything but silence
            return []
        chunk[:, : len(some)] = some.T
        products = np.empty((len(self._spectra), length + 1), np.complex64)
        cross_spectra(scipy.fft.rfft(chunk, axis=1), self._spectra, products)
        row = scipy.fft.irfft(products, axis=1)[:, :length].reshape(-1)
        # Lags at which the chunk lies outside are 0 and no chance at all.
        sample = np.abs(row[:: max(1, len(row) // 20_000)])
        deviation = float(np.median(sample[sample > 1e-3])) * 1.4826 if (sample > 1e-3).any() else 0.0
        if deviation <= 0:
            return []
        found = []
        for _ in range(_PEAKS):
            k = int(np.argmax(row))
            if row[k] < _LOW * deviation:
                break
            left, middle, right = float(row[k - 1]) if k else 0.0, float(row[k]), float(row[min(k + 1, len(row) - 1)])
            bend = left - 2 * middle + right
            lag = k - length - start + (0.5 * (left - right) / bend if bend < 0 else 0.0)
            found.append(Peak(start + len(some) / 2, lag, float(middle / deviation)))
            row[max(0, k - _APART) : k + _APART + 1] = 0
        return found


def _votes(peaks: Sequence[Peak]) -> float:
    """How strong the best peaks of the chunks are."""
    best: dict[float, float] = {}
    for peak in peaks:
        best[peak.ref] = max(best.get(peak.ref, 0.0), peak.strength)
    return float(sum(best.values()))


def join_peaks(peaks: Sequence[Peak], speed: float) -> list[Track]:
    """Join peaks of neighbouring chunks whose lags differ by no more than drift explains."""
    tracks: list[Track] = []
    for peak in sorted(peaks, key=lambda peak: (peak.ref, -peak.strength)):
        nearest, distance = None, np.inf
        for track in tracks:
            last = track.peaks[-1]
            if last.ref == peak.ref:
                continue
            # The tolerance stops growing, so that the noise of many chunks does not join.
            away = abs(peak.lag - _expected(track, peak.ref))
            if away <= 2 + _SLOPE * min(peak.ref - last.ref, 2 * _USUAL) and away < distance:
                nearest, distance = track, away
        if nearest is None:
            tracks.append(Track(speed, [peak]))
        else:
            nearest.peaks.append(peak)
    return tracks


def _expected(track: Track, ref: float) -> float:
    last = track.peaks[-1]
    if len(track.peaks) < 2:
        return last.lag
    first = track.peaks[max(0, len(track.peaks) - 6)]
    slope = (last.lag - first.lag) / (last.ref - first.ref)
    return last.lag + float(np.clip(slope, -_SLOPE, _SLOPE)) * (ref - last.ref)
