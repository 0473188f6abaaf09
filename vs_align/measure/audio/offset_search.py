"""Global offset search between two audio tracks: FFT cross-correlation of band features in chunks, at known speeds.

Correlation peaks of neighboring chunks are linked into tracks of constant or slowly drifting lag; each track gives a
candidate line of offset and speed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vs_align.io.array_types import Float32Array
from vs_align.measure.audio.kernels import cross_spectra

SPEEDS = (1.0, 25 / 23.988, 23.988 / 25)
"""Speeds searched, clip per ref: equal, and PAL from 24 or 23.976 fps film in either direction. A true speed within
0.15 % of one of these is found with it, because within a chunk of 82 s it shifts the audio by less than a peak is
wide."""

_SHORTEST_CHUNK = 256
"""Feature frames of the shortest chunk (5 s)."""
_USUAL_CHUNK = 4096
"""Feature frames of the chunks of long tracks (82 s)."""
_MOST_CHUNKS = 100
"""Chunks per search at most, so that time grows with the length and its logarithm only."""
_PROBES = 12
"""Chunks that decide which speeds are followed up."""
_PEAKS_PER_CHUNK = 8
"""Correlation peaks kept per chunk."""
_PEAK_DISTANCE = 5
"""Frames around a peak in which no other is taken."""
_LEAST_PEAK = 3.5
"""Peak height to keep, in robust standard deviations over all lags. Chance reaches 5 in hours of audio, but rhythmic
music raises the deviation itself, so that the true lag stands out little: low peaks are accepted here and false lags
are rejected later."""
_MOST_DRIFT = 0.0015
"""Largest drift of the lag within a track, clip frames per ref frame, relative to the searched speed."""
_LEAST_SPEED_SCORE = 0.25
"""Share of the best speed's score below which another speed is dropped: its peaks are chance, and following them would
cost as much as the true one."""


@dataclass(frozen=True, slots=True)
class LagPeak:
    """A lag at which a chunk of ref correlates with clip. In feature frames."""

    ref: float
    """Center of the chunk."""
    lag: float
    """Clip frame divided by the speed, minus ref frame."""
    strength: float
    """Height in robust standard deviations of the correlation over all lags."""


@dataclass(slots=True)
class LagTrack:
    """Correlation peaks of one speed that lie on one line."""

    speed: float
    peaks: list[LagPeak] = field(default_factory=list)

    @property
    def strength(self) -> float:
        """Root of the sum of squares of the peak heights."""
        return float(np.sqrt(sum(peak.strength**2 for peak in self.peaks)))

    def slope(self) -> float | None:
        """Change of lag per ref frame (Theil-Sen median of slopes), None with fewer than 3 peaks."""
        if len(self.peaks) < 3:
            return None
        ref = np.array([peak.ref for peak in self.peaks])
        lag = np.array([peak.lag for peak in self.peaks])
        rise, run = lag[:, None] - lag, ref[:, None] - ref
        return float(np.clip(np.median(rise[run > 0] / run[run > 0]), -_MOST_DRIFT, _MOST_DRIFT))

    def line(self, default_slope: float) -> "LagLine":
        """The line of the track; `default_slope` is used if its own slope is unknown."""
        own = self.slope()
        slope = default_slope if own is None else own
        lag = float(np.median([peak.lag - slope * peak.ref for peak in self.peaks]))
        return LagLine(self.speed * lag, self.speed * (1 + slope), self.strength)


@dataclass(frozen=True, slots=True)
class LagLine:
    """Candidate alignment in feature frames: clip frame = first + speed * ref frame."""

    first: float
    speed: float
    strength: float = 0.0


def candidate_lines(clip: Float32Array, ref: Float32Array, most: int = 40) -> list[LagLine]:
    """Search all of clip for lines of offset and speed along which both tracks correlate, strongest first.

    Chunks of ref are correlated with all of clip by FFT at each speed of `SPEEDS`; a few probe chunks decide which
    speeds are followed up.

    Args:
        clip: (m, bands) whitened features, see `audio_features`.
        ref: (n, bands) whitened features.
        most: Number of lines at most.
    """
    if len(clip) < 2 or len(ref) < 2:
        return []
    length = chunk_frames(len(ref))
    starts = list(range(0, max(1, len(ref) - length // 2), length if length == _USUAL_CHUNK else length // 2))
    probes = starts[:: max(1, len(starts) // _PROBES)]
    found: dict[float, list[LagPeak]] = {}
    for speed in SPEEDS:
        search = ChunkSearch(clip, speed, length)
        found[speed] = [peak for start in probes for peak in search.peaks(ref, start)]
    scores = {speed: _speed_score(peaks) for speed, peaks in found.items()}
    best = max(scores.values())
    for speed in SPEEDS:
        if scores[speed] < _LEAST_SPEED_SCORE * best and speed != 1.0:
            del found[speed]
            continue
        search = ChunkSearch(clip, speed, length)
        for start in starts:
            if start not in probes:
                found[speed] += search.peaks(ref, start)
    tracks = [track for speed, peaks in found.items() for track in link_peaks(peaks, speed)]
    tracks.sort(key=lambda track: -track.strength)
    known = [slope for track in tracks[:5] if (slope := track.slope()) is not None]
    return [track.line(known[0] if known else 0.0) for track in tracks[:most]]


def chunk_frames(frames: int) -> int:
    """Length of the chunks of a track of some frames, a power of 2."""
    quarter = 1 << max(0, int(np.log2(max(1, frames / 4))))
    hundredth = 1 << max(0, int(np.ceil(np.log2(max(1, frames / _MOST_CHUNKS)))))
    return max(_SHORTEST_CHUNK, min(_USUAL_CHUNK, quarter), hundredth)


class ChunkSearch:
    """Cross-correlates chunks of one track with the whole of another (overlap-save FFT, spectra of clip cached)."""

    def __init__(self, clip: Float32Array, speed: float, length: int) -> None:
        """Transform clip.

        Args:
            clip: (m, bands) whitened features.
            speed: Clip frames per ref frame; clip is resampled by it.
            length: Frames of a chunk.
        """
        import scipy.fft

        self._length = length
        if speed != 1:
            positions = np.arange(0, len(clip) - 1, speed)
            low = positions.astype(np.int64)
            share = (positions - low).astype(np.float32)[:, None]
            clip = clip[low] * (1 - share) + clip[low + 1] * share
        count = -(-len(clip) // length) + 1
        padded = np.zeros(((count + 1) * length, clip.shape[1]), np.float32)
        padded[length : length + len(clip)] = clip
        self._spectra = np.empty((count, clip.shape[1], length + 1), np.complex64)
        for j in range(count):
            block = np.ascontiguousarray(padded[j * length : (j + 2) * length].T)
            self._spectra[j] = scipy.fft.rfft(block, axis=1)

    def peaks(self, ref: Float32Array, start: int) -> list[LagPeak]:
        """Return the highest correlation peaks of the chunk of ref that begins at a frame."""
        import scipy.fft

        length = self._length
        chunk = np.zeros((ref.shape[1], 2 * length), np.float32)
        frames = ref[start : start + length]
        if np.square(frames).sum() < 0.05 * frames.size:  # almost all of it is silence
            return []
        chunk[:, : len(frames)] = frames.T
        products = np.empty((len(self._spectra), length + 1), np.complex64)
        cross_spectra(scipy.fft.rfft(chunk, axis=1), self._spectra, products)
        row = scipy.fft.irfft(products, axis=1)[:, :length].reshape(-1)
        # Lags at which the chunk lies outside clip are exactly 0 and no sample of the noise.
        sample = np.abs(row[:: max(1, len(row) // 20_000)])
        deviation = float(np.median(sample[sample > 1e-3])) * 1.4826 if (sample > 1e-3).any() else 0.0
        if deviation <= 0:
            return []
        found = []
        for _ in range(_PEAKS_PER_CHUNK):
            k = int(np.argmax(row))
            if row[k] < _LEAST_PEAK * deviation:
                break
            left, middle, right = float(row[k - 1]) if k else 0.0, float(row[k]), float(row[min(k + 1, len(row) - 1)])
            bend = left - 2 * middle + right
            lag = k - length - start + (0.5 * (left - right) / bend if bend < 0 else 0.0)
            found.append(LagPeak(start + len(frames) / 2, lag, float(middle / deviation)))
            row[max(0, k - _PEAK_DISTANCE) : k + _PEAK_DISTANCE + 1] = 0
        return found


def _speed_score(peaks: Sequence[LagPeak]) -> float:
    """Sum over the chunks of the height of their best peak."""
    best: dict[float, float] = {}
    for peak in peaks:
        best[peak.ref] = max(best.get(peak.ref, 0.0), peak.strength)
    return float(sum(best.values()))


def link_peaks(peaks: Sequence[LagPeak], speed: float) -> list[LagTrack]:
    """Link peaks of neighboring chunks whose lags differ by no more than drift explains."""
    tracks: list[LagTrack] = []
    for peak in sorted(peaks, key=lambda peak: (peak.ref, -peak.strength)):
        nearest, distance = None, np.inf
        for track in tracks:
            last = track.peaks[-1]
            if last.ref == peak.ref:
                continue
            # The tolerance stops growing, so that the noise of many chunks is not linked.
            away = abs(peak.lag - _predicted_lag(track, peak.ref))
            if away <= 2 + _MOST_DRIFT * min(peak.ref - last.ref, 2 * _USUAL_CHUNK) and away < distance:
                nearest, distance = track, away
        if nearest is None:
            tracks.append(LagTrack(speed, [peak]))
        else:
            nearest.peaks.append(peak)
    return tracks


def _predicted_lag(track: LagTrack, ref: float) -> float:
    last = track.peaks[-1]
    if len(track.peaks) < 2:
        return last.lag
    first = track.peaks[max(0, len(track.peaks) - 6)]
    slope = (last.lag - first.lag) / (last.ref - first.ref)
    return last.lag + float(np.clip(slope, -_MOST_DRIFT, _MOST_DRIFT)) * (ref - last.ref)
