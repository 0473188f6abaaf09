"""Refinement of segment boundaries: change point of the short-time phase coherence along the lines on either side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.audio.features import BANDS, audio_features
from vs_align.measure.audio.gcc_phat import HIGHEST_HZ, LOWEST_HZ
from vs_align.measure.audio.kernels import phase_coherence, resample
from vs_align.measure.audio.segments import AudioSegment
from vs_align.media.audio_track import MonoAudio


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the change-point search. Seconds unless said otherwise."""

    hop: float = 0.01
    """Resolution of a boundary."""
    window: float = 0.064
    """Length of the short-time spectra, rounded up to a power of 2 samples."""
    reach: float = 4.0
    """Largest distance of a boundary from its first estimate."""
    neutral: float = 0.4
    """Share of the usual coherence below which a frame speaks against a line."""
    meeting_gap: float = 1.0
    """Segments with a smaller gap share one boundary."""
    chance: float = 0.5
    """Incoherent audio at an end of the file that is still taken for chance, in seconds of usual coherence."""
    shortest: float = 0.25
    """Shorter segments are dropped."""


_TUNING = _Tuning()


def refine_boundaries(clip: MonoAudio, ref: MonoAudio, segments: Sequence[AudioSegment]) -> list[AudioSegment]:
    """Move the ends of segments to where coherence along their line ends, or where the next line is more coherent.

    Args:
        clip: The one track.
        ref: The other track.
        segments: In the order of ref.

    Returns:
        Segments on the same lines, without overlaps; those shorter than 0.25 s are dropped.
    """
    refined = list(segments)
    for i, right in enumerate(segments):
        left = refined[i - 1] if i else None
        if left is not None and right.start - left.end < _TUNING.meeting_gap:
            edge = _change_point(clip, ref, left, right)
            refined[i - 1], refined[i] = replace(left, end=edge), replace(right, start=edge)
            continue
        start = _change_point(clip, ref, None, right)
        if left is not None:
            end = min(_change_point(clip, ref, left, None), right.start)
            refined[i - 1] = replace(left, end=end)
            start = max(start, end)
        refined[i] = replace(right, start=start)
    if refined:
        refined[-1] = replace(refined[-1], end=_change_point(clip, ref, refined[-1], None))
    inside = [replace(s, start=max(s.start, _first(s)), end=min(s.end, _last(s, clip, ref))) for s in refined]
    return [segment for segment in inside if segment.length > _TUNING.shortest]


def _change_point(clip: MonoAudio, ref: MonoAudio, left: AudioSegment | None, right: AudioSegment | None) -> float:
    """Ref second at which `left` ends and `right` begins; None stands for audio without a counterpart."""
    known = [*([left.end] if left else []), *([right.start] if right else [])]
    low, high = min(known) - _TUNING.reach, max(known) + _TUNING.reach
    low = max(low, left.middle if left else _first(right))
    high = min(high, right.middle if right else _last(left, clip, ref))
    count = int((high - low) / _TUNING.hop)
    if count < 2:
        return min(max(sum(known) / len(known), low), max(low, high))
    gain = np.zeros(count)
    for segment, sign in ((left, 1), (right, -1)):
        if segment is None:
            continue
        usual = _usual_coherence(clip, ref, segment)
        # With a microphone of inverted polarity all phases are opposite.
        gain += sign * float(np.copysign(1, usual)) * _coherence(clip, ref, segment, low, count)
        if left is None or right is None:
            gain -= sign * _TUNING.neutral * abs(usual)
    total = np.concatenate([[0.0], np.cumsum(gain)])
    # Coherence up to the end of a file means that the segment does not end before it.
    only = left if right is None else right if left is None else None
    if only is not None:
        rest = float(total.max() - (total[-1] if only is left else 0.0))
        at_end = high == _last(left, clip, ref) if only is left else low == _first(right)
        if at_end and rest <= _TUNING.chance / _TUNING.hop * abs(_usual_coherence(clip, ref, only)):
            return high if only is left else low
    return low + _TUNING.hop * int(np.argmax(total))


def _usual_coherence(clip: MonoAudio, ref: MonoAudio, segment: AudioSegment) -> float:
    """Mean coherence about the middle of a segment; negative for inverted polarity; at least 0.05 in magnitude."""
    seconds = min(6.0, 0.8 * segment.length)
    mean = float(
        _coherence(clip, ref, segment, segment.middle - seconds / 2, max(1, int(seconds / _TUNING.hop))).mean()
    )
    return float(np.copysign(max(0.05, abs(mean)), mean))


def _coherence(clip: MonoAudio, ref: MonoAudio, segment: AudioSegment, low: float, count: int) -> Float64Array:
    """Coherence along the line of a segment, (count,) for hops from a ref second on; 0 for unrelated audio."""
    line = segment.line
    if not segment.from_waveform:
        mine = _features(ref, low, count, 1.0)
        return np.asarray(
            (mine * _features(clip, line.first + line.speed * low, count, line.speed)).mean(axis=1), float
        )
    import scipy.fft

    rate = ref.rate
    size = 1 << int(np.ceil(np.log2(_TUNING.window * rate)))
    begin, hop = round(low * rate), round(_TUNING.hop * rate)
    wave = np.empty((2, (count - 1) * hop + size), np.float32)
    # A window is centered on the middle of the hop that it stands for.
    first = begin + hop // 2 - size // 2
    resample(ref.samples, first, 1.0, wave[0])
    resample(clip.samples, line.first * rate + line.speed * first, line.speed, wave[1])
    rows = np.lib.stride_tricks.sliding_window_view(wave, size, axis=1)[:, ::hop]
    spectra = scipy.fft.rfft(rows * np.hanning(size).astype(np.float32), axis=2)
    out = np.empty(count, np.float32)
    phase_coherence(spectra[0], spectra[1], round(LOWEST_HZ * size / rate), round(HIGHEST_HZ * size / rate), out)
    return out.astype(np.float64)


def _features(audio: MonoAudio, first: float, count: int, speed: float) -> Float32Array:
    """Whitened features of a span. 3 s on either side are read too: whitening then equals that of the whole track."""
    margin = round(3.0 / _TUNING.hop)
    hop = _TUNING.hop * speed
    whole = audio_features(audio, first - margin * hop, (count + 2 * margin + 0.5) * hop, hop)
    return whole[margin : margin + count].reshape(count, BANDS)


def _first(segment: AudioSegment | None) -> float:
    """First ref second at which both tracks have audio."""
    return 0.0 if segment is None else max(0.0, -segment.line.first / segment.line.speed)


def _last(segment: AudioSegment | None, clip: MonoAudio, ref: MonoAudio) -> float:
    """Last ref second at which both tracks have audio."""
    if segment is None:
        return ref.duration
    return max(0.0, min(ref.duration, (clip.duration - segment.line.first) / segment.line.speed))
