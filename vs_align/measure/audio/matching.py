"""Which second of a sound is heard at each second of another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vs_align.errors import ArgumentError
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.audio.boundaries import refine_edges
from vs_align.measure.audio.features import BANDS, sound_features
from vs_align.measure.audio.gcc_phat import (
    KNOWN_SPEEDS,
    Delays,
    Fit,
    SoundLine,
    feature_delays,
    fit_delays,
    snapped_speed,
    wave_delays,
)
from vs_align.measure.audio.offset_search import find_lines
from vs_align.measure.audio.segments import Piece, choose_pieces, join_pieces
from vs_align.media.audio_track import Sound

# Chunks of the fine search: long enough for a room and its noise to average out.
_CHUNK = 8.0
_SHORT = 1.5, 4.0
_FEW, _MANY = 100, 1500
_REACH, _NEAR = 0.2, 0.05
_SAMPLES_AGREE, _FEATURES_AGREE = 0.002, 0.012
# A jump that is smaller than this is the noise of a chunk.
_JUMP = 0.004
# A rival as good as this leaves a match in doubt, and one at the other is no worse.
_RIVAL, _EQUAL = 0.85, 0.97
# Share of the shorter sound that has to be found in the other for full belief.
_FOUND = 0.25


@dataclass(frozen=True, slots=True)
class SoundStretch:
    """A stretch of ref that is heard in clip: clip time = clip_start + (ref time - ref_start) * speed.

    Args:
        ref_start: Seconds after the first frame of ref's picture.
        ref_end: Likewise.
        clip_start: Seconds after the first frame of clip's picture.
        speed: Clip seconds per ref second.
        confidence: 0 to 1.
    """

    ref_start: float
    ref_end: float
    clip_start: float
    speed: float
    confidence: float


@dataclass(frozen=True, slots=True)
class SoundMatch:
    """What was found.

    Args:
        stretches: In the order of ref and of clip, without overlaps; where there is none, clip has nothing like it.
        confidence: 0 to 1: how likely the stretches are right, and that the sounds are of one film.
        reason: Why, in words.
    """

    stretches: tuple[SoundStretch, ...]
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A piece whose line is exact, and what speaks for it."""

    piece: Piece
    share: float
    """Of the chunks with sound that agree."""
    weight: float
    """How far the agreeing ones are beyond chance."""


def match_sound(clip: Sound, ref: Sound, pause: Callable[[], object] | None = None) -> SoundMatch:
    """Find which second of clip's sound is heard at each second of ref's, from the sounds alone.

    The whole of both is searched, at the speeds of film, PAL and NTSC. Movement of level in bands proposes lines of
    offset and speed, a best way through them says which is heard when, and generalised cross-correlation with phase
    transform (Knapp and Carter 1976) of many chunks, on which most must agree, makes each exact. A speed that fits a
    known ratio within its own error is that ratio.

    Args:
        clip: The sound to be looked for.
        ref: The sound whose time counts; of the same rate.
        pause: Called now and then, to tidy up or to raise when it should stop.

    Returns:
        Stretches and a confidence. Below 0.3 nothing should be believed: different tracks, silence, or music that
        repeats so that several offsets are equally good. Where speed was changed and pitch kept, times are right to
        some milliseconds, else to a sample.

    Raises:
        ArgumentError: The rates differ.
    """
    if clip.rate != ref.rate:
        raise ArgumentError("match_sound", "clip", f"must have ref's {ref.rate} samples per second", clip.rate)
    features = [sound_features(sound, pause=pause) for sound in (clip, ref)]
    for name, feature in zip(("clip", "ref"), features, strict=True):
        if len(feature) < 50 or _loud(feature) < 50:
            return SoundMatch((), 0.0, f"{name} is silent or nearly so.")
    lines = find_lines(features[0], features[1], pause=pause)
    found: list[_Found] = []
    for piece in choose_pieces(features[0], features[1], lines):
        found += _exact(clip, ref, features[0], features[1], piece)
        if pause:
            pause()
    found = _joined(_in_order([one for one in found if _belief(one) >= 0.3]))
    if not found:
        return SoundMatch((), 0.0, "The sounds have nothing in common.")
    edges = refine_edges(clip, ref, [one.piece for one in found])
    kept = [
        replace(one, piece=piece)
        for piece in edges
        for one in found
        if one.piece.line == piece.line and one.piece.start < piece.end and piece.start < one.piece.end
    ]
    return _judged(kept, clip, ref, features)


def _loud(features: Float32Array) -> int:
    """Number of frames that are not silent."""
    return int((np.square(features).sum(axis=1) > 0.05 * BANDS).sum())


def _exact(
    clip: Sound, ref: Sound, clip_features: Float32Array, ref_features: Float32Array, piece: Piece
) -> list[_Found]:
    """Fit the line of a piece to the wave, and cut it where the delay jumps."""
    seconds = min(_CHUNK, max(0.5, piece.length / 3))
    line, by_wave = piece.line, False
    rough = feature_delays(clip_features, ref_features, line, _starts(piece, seconds, _FEW), seconds, _REACH)
    fit = fit_delays(rough, 2 * _FEATURES_AGREE)
    if fit is not None and fit.agreeing.sum() >= 4:
        # Of a short piece the slope is known better from the speeds that occur than from its frames.
        steady = fit.slope if fit.slope_error < 1e-4 else 0.0
        at_middle = fit.offset + fit.slope * piece.middle
        line = line.later(at_middle - steady * piece.middle, steady)
    rough_line = line
    line = _best_speed(clip, ref, line, piece, seconds)
    for reach in (_REACH, _NEAR, _NEAR):
        fit = fit_delays(wave_delays(clip, ref, line, _starts(piece, seconds, _FEW), seconds, reach), _SAMPLES_AGREE)
        if fit is None or fit.agreeing.sum() < 2:
            break
        by_wave = True
        line = line.later(fit.offset, fit.slope)
    starts = _starts(piece, seconds, _MANY)
    parts: list[_Found] = []
    if by_wave:
        # Short chunks tell where the delay jumps, if they tell anything.
        short = min(seconds, max(_SHORT[0], min(_SHORT[1], piece.length / 16)))
        delays = wave_delays(clip, ref, line, _starts(piece, short, _MANY), short, _REACH)
        if short < seconds and delays.clear.sum() < 0.6 * delays.heard.sum():
            delays = wave_delays(clip, ref, line, starts, seconds, _REACH)
        parts = [_one(part, line, some, _SAMPLES_AGREE, True) for part, some in _jumps(piece, delays)]
        if max(_belief(part) for part in parts) >= 0.7:
            return parts
    # Where pitch was kept at another speed, waves agree here and there, and mislead.
    delays = feature_delays(clip_features, ref_features, rough_line, starts, seconds, _REACH)
    level = _one(piece, rough_line, delays, _FEATURES_AGREE, False)
    return max([parts, [level]], key=lambda some: max((_belief(part) for part in some), default=0.0))


def _starts(piece: Piece, seconds: float, most: int) -> Float64Array:
    """Beginnings of overlapping chunks within a piece."""
    room = max(0.0, piece.length - seconds)
    return piece.start + np.linspace(0, room, int(min(most, max(3, 2 * room / seconds + 1))))


def _best_speed(clip: Sound, ref: Sound, line: SoundLine, piece: Piece, seconds: float) -> SoundLine:
    """Try known speeds near that of the line, which a short piece does not tell well."""
    tried = [line.speed] + [known for known in KNOWN_SPEEDS if 0 < abs(known / line.speed - 1) < 0.0025]
    starts = _starts(piece, seconds, 5)

    def height(speed: float) -> float:
        delays = wave_delays(clip, ref, line.through(piece.middle, speed), starts, seconds, _REACH)
        return float(np.maximum(delays.scores - 4, 0).sum())

    heights = {speed: height(speed) for speed in tried}
    best = max(tried, key=lambda speed: heights[speed])
    return line if heights[best] < 1.1 * heights[line.speed] + 1 else line.through(piece.middle, best)


def _jumps(piece: Piece, delays: Delays) -> list[tuple[Piece, Delays]]:
    """Cut a piece where its delays jump and stay, each part with its delays."""
    use = np.flatnonzero(delays.clear)
    if len(use) >= 6:
        lags = delays.lags[use]
        whole = _unrest(lags)
        best, where = whole, 0
        for k in range(3, len(use) - 2):
            rest = _unrest(lags[:k]) + _unrest(lags[k:])
            if rest < best:
                best, where = rest, k
        if where and best < 0.5 * whole and _settled(lags[:where], lags[where:]):
            cut = float(delays.times[use[where - 1]] + delays.times[use[where]]) / 2
            before, after = delays.times < cut, delays.times >= cut
            return [
                *_jumps(replace(piece, end=cut), _some(delays, before)),
                *_jumps(replace(piece, start=cut), _some(delays, after)),
            ]
    return [(piece, delays)]


def _unrest(lags: Float64Array) -> float:
    # One that is far off is no worse than one that is just outside.
    return float(np.minimum(np.abs(lags - np.median(lags)), 4 * _JUMP).sum())


def _settled(left: Float64Array, right: Float64Array) -> bool:
    middles = [float(np.median(side)) for side in (left, right)]
    return abs(middles[0] - middles[1]) > _JUMP and all(
        float((np.abs(side - middle) < _JUMP / 2).mean()) > 0.6
        for side, middle in zip((left, right), middles, strict=True)
    )


def _some(delays: Delays, mask: BoolArray) -> Delays:
    return Delays(delays.times[mask], delays.lags[mask], delays.scores[mask])


def _one(piece: Piece, line: SoundLine, delays: Delays, tolerance: float, by_wave: bool) -> _Found:
    """Fit a piece without jumps for good, and weigh what speaks for it."""
    fit = fit_delays(delays, tolerance)
    heard = int(delays.heard.sum())
    if fit is None or not heard:
        return _Found(replace(piece, line=line, by_wave=by_wave), 0.0, 0.0)
    exact = line.later(fit.offset, fit.slope)
    speed = snapped_speed(exact.speed, fit.slope_error)
    exact = exact.through(_centre(delays, fit), speed)
    # Chunks overlap by half; two lie on some line always, and chance puts a few more near it.
    agreeing = float(fit.agreeing.sum())
    strength = float(np.clip(np.median(delays.scores[fit.agreeing]) / 6, 1, 6)) if agreeing else 1.0
    weight = max(0.0, agreeing - 2 - heard * tolerance / _REACH) / 2 * strength
    share = max(0.0, agreeing / heard - tolerance / _REACH)
    return _Found(replace(piece, line=exact, by_wave=by_wave), share, weight)


def _centre(delays: Delays, fit: Fit) -> float:
    """The time about which a line turns when its speed is snapped: where it is known best."""
    return float(delays.times[fit.agreeing].mean()) if fit.agreeing.any() else float(delays.times.mean())


def _belief(one: _Found) -> float:
    """How sure it is that a piece is heard, here or elsewhere, 0 to 1."""
    sure = 1 - float(np.exp(-one.weight / 1.2))
    if one.piece.by_wave:
        return sure * min(1.0, one.share / 0.4)
    # Level alone is less than the wave: a beat is often as good as another, and pauses of speech are all alike.
    likely = float(np.clip((one.piece.alike - 0.25) / 0.3, 0, 1))
    return 0.85 * sure * likely * min(1.0, one.share / 0.8) * min(1.0, one.piece.length / 30)


def _confidence(one: _Found) -> float:
    """How sure it is that a piece is heard here, 0 to 1."""
    unique = float(np.clip((_EQUAL - one.piece.rival) / (_EQUAL - _RIVAL), 0, 1))
    return _belief(one) * (0.2 + 0.8 * unique)


def _in_order(found: Sequence[_Found]) -> list[_Found]:
    """Keep the pieces that use clip from its beginning to its end and nothing twice, as many seconds as can be.

    Where what is left out is as long a use of the same stretch of clip, either may be right, and a rival says so.
    """
    spans = [one.piece.line.at(np.array([one.piece.start, one.piece.end])).tolist() for one in found]
    best: list[float] = []
    before: list[int] = []
    for i, one in enumerate(found):
        # Ends are known to about a second here.
        fitting = [k for k in range(i) if spans[k][1] <= spans[i][0] + 1.0]
        last = max(fitting, key=lambda k: best[k], default=-1)
        best.append(one.piece.length * _belief(one) + (best[last] if last >= 0 else 0.0))
        before.append(last)
    kept: list[int] = []
    k = int(np.argmax(best)) if best else -1
    while k >= 0:
        kept.insert(0, k)
        k = before[k]
    others = [spans[k] for k in range(len(found)) if k not in kept]

    def rivalled(k: int) -> _Found:
        low, high = spans[k]
        shared = max((min(high, end) - max(low, start) for start, end in others), default=0.0)
        piece = found[k].piece
        return replace(found[k], piece=replace(piece, rival=max(piece.rival, shared / max(high - low, 1e-6))))

    return [rivalled(k) for k in kept]


def _joined(found: Sequence[_Found]) -> list[_Found]:
    """Join what lies on one line."""
    joined: list[_Found] = []
    for piece in join_pieces([one.piece for one in found]):
        parts = [one for one in found if piece.start <= one.piece.start and one.piece.end <= piece.end]
        lengths = np.array([part.piece.length for part in parts])
        share = float((lengths * [part.share for part in parts]).sum() / lengths.sum())
        weight = sum(part.weight for part in parts)
        joined.append(_Found(piece, share, weight))
    return joined


def _judged(found: Sequence[_Found], clip: Sound, ref: Sound, features: Sequence[Float32Array]) -> SoundMatch:
    """Say how sure all of it is, and why."""
    stretches = tuple(
        SoundStretch(
            ref_start=one.piece.start + ref.start,
            ref_end=one.piece.end + ref.start,
            clip_start=one.piece.line.first + one.piece.line.speed * one.piece.start + clip.start,
            speed=one.piece.line.speed,
            confidence=_confidence(one),
        )
        for one in found
    )
    if not stretches:
        return SoundMatch((), 0.0, "The sounds have nothing in common.")
    lengths = np.array([one.piece.length for one in found])
    sure = float((lengths * [stretch.confidence for stretch in stretches]).sum() / lengths.sum())
    shorter = min(_loud(feature) for feature in features) / 50
    covered = min(1.0, float(lengths.sum()) / max(1.0, _FOUND * shorter))
    share = float((lengths * [one.share for one in found]).sum() / lengths.sum())
    repeated = float(lengths[[one.piece.rival > (_RIVAL + _EQUAL) / 2 for one in found]].sum()) / float(lengths.sum())
    words = [f"{share:.0%} of the chunks of sound agree in {len(found)} stretch{'es' * (len(found) != 1)}"]
    if repeated > 0.5:
        words.append("the sound repeats itself, and other offsets are as good")
    if covered < 1:
        words.append(f"only {float(lengths.sum()):.1f} s are found at all")
    if not all(one.piece.by_wave for one in found):
        words.append(
            "the waves do not agree, only how loud they are (pitch kept at another speed, or a poor recording)"
        )
    return SoundMatch(stretches, sure * covered, "; ".join(words) + ".")
