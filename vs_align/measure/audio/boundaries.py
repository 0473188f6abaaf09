"""Where exactly a piece of sound begins and ends."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.audio.features import BANDS, sound_features
from vs_align.measure.audio.kernels import phase_likeness, resample
from vs_align.measure.audio.segments import Piece
from vs_align.media.audio_track import Sound

_HOP = 0.01
_WINDOW = 0.064
_LOWEST, _HIGHEST = 150.0, 6000.0
# How far from where a piece seemed to end, seconds.
_REACH = 4.0
# Share of the usual likeness below which a frame speaks against a line.
_HALF = 0.4
# Pieces that are less far apart meet.
_MEET = 1.0
# So much at the end of a file that is unlike may be chance, in seconds that are fully alike.
_CHANCE = 0.5
_SHORTEST = 0.25


def refine_edges(clip: Sound, ref: Sound, pieces: Sequence[Piece]) -> list[Piece]:
    """Move the ends of pieces to where their lines stop to be heard, or the next begins to be heard better.

    Args:
        clip: The one sound.
        ref: The other.
        pieces: In the order of ref.

    Returns:
        Pieces on the same lines, without overlaps; those that nothing is left of are left out.
    """
    refined = list(pieces)
    for i, right in enumerate(pieces):
        left = refined[i - 1] if i else None
        if left is not None and right.start - left.end < _MEET:
            edge = _edge(clip, ref, left, right)
            refined[i - 1], refined[i] = replace(left, end=edge), replace(right, start=edge)
            continue
        start = _edge(clip, ref, None, right)
        if left is not None:
            end = min(_edge(clip, ref, left, None), right.start)
            refined[i - 1] = replace(left, end=end)
            start = max(start, end)
        refined[i] = replace(right, start=start)
    if refined:
        refined[-1] = replace(refined[-1], end=_edge(clip, ref, refined[-1], None))
    inside = [replace(p, start=max(p.start, _first(p)), end=min(p.end, _last(p, clip, ref))) for p in refined]
    return [piece for piece in inside if piece.length > _SHORTEST]


def _edge(clip: Sound, ref: Sound, left: Piece | None, right: Piece | None) -> float:
    """Ref second at which `left` stops and `right` begins; None is nothing that is heard."""
    known = [*([left.end] if left else []), *([right.start] if right else [])]
    low, high = min(known) - _REACH, max(known) + _REACH
    low = max(low, left.middle if left else _first(right))
    high = min(high, right.middle if right else _last(left, clip, ref))
    count = int((high - low) / _HOP)
    if count < 2:
        return min(max(sum(known) / len(known), low), max(low, high))
    gain = np.zeros(count)
    for piece, sign in ((left, 1), (right, -1)):
        if piece is None:
            continue
        usual = _usual(clip, ref, piece)
        # Of a microphone that is wired the other way round all phases are opposite.
        gain += sign * float(np.copysign(1, usual)) * _likeness(clip, ref, piece, low, count)
        if left is None or right is None:
            gain -= sign * _HALF * abs(usual)
    total = np.concatenate([[0.0], np.cumsum(gain)])
    # Up to the end of a file it is no end of the piece.
    only = left if right is None else right if left is None else None
    if only is not None:
        rest = float(total.max() - (total[-1] if only is left else 0.0))
        at_end = high == _last(left, clip, ref) if only is left else low == _first(right)
        if at_end and rest <= _CHANCE / _HOP * abs(_usual(clip, ref, only)):
            return high if only is left else low
    return low + _HOP * int(np.argmax(total))


def _usual(clip: Sound, ref: Sound, piece: Piece) -> float:
    """How alike frames of a piece are on average; below 0 where one is the other upside down."""
    seconds = min(6.0, 0.8 * piece.length)
    mean = float(_likeness(clip, ref, piece, piece.middle - seconds / 2, max(1, int(seconds / _HOP))).mean())
    return float(np.copysign(max(0.05, abs(mean)), mean))


def _likeness(clip: Sound, ref: Sound, piece: Piece, low: float, count: int) -> Float64Array:
    """How alike both are along a piece's line, (count,) for frames from a ref second on; 0 is chance."""
    line = piece.line
    if not piece.by_wave:
        mine = _heard(ref, low, count, 1.0)
        return np.asarray((mine * _heard(clip, line.first + line.speed * low, count, line.speed)).mean(axis=1), float)
    import scipy.fft

    rate = ref.rate
    size = 1 << int(np.ceil(np.log2(_WINDOW * rate)))
    begin, hop = round(low * rate), round(_HOP * rate)
    wave = np.empty((2, (count - 1) * hop + size), np.float32)
    # A frame speaks for the middle of the hop that follows it.
    first = begin + hop // 2 - size // 2
    resample(ref.samples, first, 1.0, wave[0])
    resample(clip.samples, line.first * rate + line.speed * first, line.speed, wave[1])
    rows = np.lib.stride_tricks.sliding_window_view(wave, size, axis=1)[:, ::hop]
    spectra = scipy.fft.rfft(rows * np.hanning(size).astype(np.float32), axis=2)
    out = np.empty(count, np.float32)
    phase_likeness(spectra[0], spectra[1], round(_LOWEST * size / rate), round(_HIGHEST * size / rate), out)
    return out.astype(np.float64)


def _heard(sound: Sound, first: float, count: int, speed: float) -> Float32Array:
    """Features of a stretch, levelled over what is about it as those of a whole sound are."""
    margin = round(3.0 / _HOP)
    hop = _HOP * speed
    whole = sound_features(sound, first - margin * hop, (count + 2 * margin + 0.5) * hop, hop)
    return whole[margin : margin + count].reshape(count, BANDS)


def _first(piece: Piece | None) -> float:
    """First ref second at which there are both sounds."""
    return 0.0 if piece is None else max(0.0, -piece.line.first / piece.line.speed)


def _last(piece: Piece | None, clip: Sound, ref: Sound) -> float:
    """Last ref second at which there are both sounds."""
    if piece is None:
        return ref.duration
    return max(0.0, min(ref.duration, (clip.duration - piece.line.first) / piece.line.speed))
