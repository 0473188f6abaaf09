"""`match_audio`: which second of one audio track is heard at each second of another.

Band features propose lines of offset and speed over the whole length, a Viterbi path chooses among them, GCC-PHAT makes
each exact, and phase coherence places the boundaries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vs_align.errors import ArgumentError
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.audio.boundaries import refine_boundaries
from vs_align.measure.audio.features import BANDS, audio_features
from vs_align.measure.audio.gcc_phat import (
    KNOWN_SPEEDS,
    AudioLine,
    DelayFit,
    Delays,
    feature_delays,
    fit_delays,
    snap_speed,
    waveform_delays,
)
from vs_align.measure.audio.offset_search import candidate_lines
from vs_align.measure.audio.segments import AudioSegment, choose_segments, join_segments
from vs_align.media.audio_track import MonoAudio


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the fine search. Seconds unless said otherwise."""

    chunk: float = 8.0
    """Length of a chunk: long enough for room echo and noise to average out."""
    shortest_chunk: float = 1.5
    """Least length of the short chunks that locate steps of the delay."""
    longest_short_chunk: float = 4.0
    """Most length of the short chunks."""
    few_chunks: int = 100
    """Chunks at most while a line is being found."""
    many_chunks: int = 1500
    """Chunks at most for the final fit."""
    reach: float = 0.2
    """Largest distance from a rough line at which delays are searched."""
    near: float = 0.05
    """The same once the line is nearly exact."""
    waveform_tolerance: float = 0.002
    """Largest distance of an agreeing waveform delay from its line."""
    feature_tolerance: float = 0.012
    """Largest distance of an agreeing feature delay from its line."""
    least_step: float = 0.004
    """A smaller step of the delay is the noise of a chunk."""
    runner_up_doubt: float = 0.85
    """An alternative line this good, relative to the chosen one, begins to lower the confidence."""
    runner_up_equal: float = 0.97
    """An alternative line this good is equal: the offset is ambiguous."""
    full_share: float = 0.25
    """Share of the shorter track that must be matched for full confidence."""
    least_detection: float = 0.3
    """Segments with a lower detection confidence are dropped."""


_TUNING = _Tuning()


@dataclass(frozen=True, slots=True)
class AudioInterval:
    """A span of ref that is heard in clip: clip time = clip_start + (ref time - ref_start) * speed.

    Args:
        ref_start: First second, relative to the first video frame of ref.
        ref_end: Last second, relative to the first video frame of ref.
        clip_start: Second of clip at `ref_start`, relative to the first video frame of clip.
        speed: Clip seconds per ref second.
        confidence: 0 to 1.
    """

    ref_start: float
    ref_end: float
    clip_start: float
    speed: float
    confidence: float


@dataclass(frozen=True, slots=True)
class AudioMatch:
    """Result of `match_audio`.

    Args:
        intervals: In the order of ref and of clip, without overlaps; outside them clip has no counterpart.
        confidence: 0 to 1: how likely it is that both are versions of one audio and the intervals are right.
        reason: An explanation, one sentence.
    """

    intervals: tuple[AudioInterval, ...]
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class _FittedSegment:
    """A segment whose line is exact, and its support."""

    segment: AudioSegment
    share: float
    """Share of the audible chunks that agree, less what chance explains."""
    weight: float
    """Number of agreeing chunks beyond chance, weighted by their peak height."""


def match_audio(clip: MonoAudio, ref: MonoAudio) -> AudioMatch:
    """Find which second of clip's audio is heard at each second of ref's, from the audio alone.

    The whole length of both is searched, at the speeds of film, PAL and NTSC. Cross-correlation of band features
    proposes lines of offset and speed, a Viterbi path chooses the line heard at each time, and GCC-PHAT (Knapp and
    Carter 1976) of many chunks, most of which must agree, makes each line exact. A speed that equals a known ratio
    within its own error is set to that ratio.

    Args:
        clip: The track to locate.
        ref: The track whose time counts; of the same sample rate.

    Returns:
        Intervals and a confidence. Below 0.3 nothing should be believed: different tracks, silence, or music that
        repeats so that several offsets are equally good. If the speed was changed and the pitch kept, times are exact
        to some milliseconds, else to a sample.

    Raises:
        ArgumentError: The sample rates differ.
    """
    if clip.rate != ref.rate:
        raise ArgumentError("match_audio", "clip", f"must have ref's {ref.rate} samples per second", clip.rate)
    features = [audio_features(audio) for audio in (clip, ref)]
    for name, feature in zip(("clip", "ref"), features, strict=True):
        if len(feature) < 50 or _loud_frames(feature) < 50:
            return AudioMatch((), 0.0, f"{name} is silent or nearly so.")
    lines = candidate_lines(features[0], features[1])
    found: list[_FittedSegment] = []
    for segment in choose_segments(features[0], features[1], lines):
        found += _fit_exactly(clip, ref, features[0], features[1], segment)
    found = _joined(_monotone_chain([one for one in found if _detection(one) >= _TUNING.least_detection]))
    if not found:
        return AudioMatch((), 0.0, "The audio tracks have nothing in common.")
    refined = refine_boundaries(clip, ref, [one.segment for one in found])
    kept = [
        replace(one, segment=segment)
        for segment in refined
        for one in found
        if one.segment.line == segment.line and one.segment.start < segment.end and segment.start < one.segment.end
    ]
    return _summarized(kept, clip, ref, features)


def _loud_frames(features: Float32Array) -> int:
    """Number of feature frames that are not silent."""
    return int((np.square(features).sum(axis=1) > 0.05 * BANDS).sum())


def _fit_exactly(
    clip: MonoAudio, ref: MonoAudio, clip_features: Float32Array, ref_features: Float32Array, segment: AudioSegment
) -> list[_FittedSegment]:
    """Fit the line of a segment to the waveform, and split it at steps of the delay."""
    seconds = min(_TUNING.chunk, max(0.5, segment.length / 3))
    line, from_waveform = segment.line, False
    starts = _chunk_starts(segment, seconds, _TUNING.few_chunks)
    rough = feature_delays(clip_features, ref_features, line, starts, seconds, _TUNING.reach)
    fit = fit_delays(rough, 2 * _TUNING.feature_tolerance)
    if fit is not None and fit.agreeing.sum() >= 4:
        # In a short segment the known speeds are a better estimate of the slope than its few chunks.
        steady = fit.slope if fit.slope_error < 1e-4 else 0.0
        at_middle = fit.offset + fit.slope * segment.middle
        line = line.delayed(at_middle - steady * segment.middle, steady)
    rough_line = line
    line = _best_speed(clip, ref, line, segment, seconds)
    for reach in (_TUNING.reach, _TUNING.near, _TUNING.near):
        measured = waveform_delays(clip, ref, line, starts, seconds, reach)
        fit = fit_delays(measured, _TUNING.waveform_tolerance)
        if fit is None or fit.agreeing.sum() < 2:
            break
        from_waveform = True
        line = line.delayed(fit.offset, fit.slope)
    starts = _chunk_starts(segment, seconds, _TUNING.many_chunks)
    parts: list[_FittedSegment] = []
    if from_waveform:
        # Short chunks locate steps of the delay, if they are clear enough.
        short = min(seconds, max(_TUNING.shortest_chunk, min(_TUNING.longest_short_chunk, segment.length / 16)))
        short_starts = _chunk_starts(segment, short, _TUNING.many_chunks)
        delays = waveform_delays(clip, ref, line, short_starts, short, _TUNING.reach)
        if short < seconds and delays.clear.sum() < 0.6 * delays.audible.sum():
            delays = waveform_delays(clip, ref, line, starts, seconds, _TUNING.reach)
        parts = [
            _final_fit(part, line, some, _TUNING.waveform_tolerance, True)
            for part, some in _split_at_steps(segment, delays)
        ]
        if max(_detection(part) for part in parts) >= 0.7:
            return parts
    # If pitch was kept at another speed, single waveform chunks agree by chance and mislead.
    delays = feature_delays(clip_features, ref_features, rough_line, starts, seconds, _TUNING.reach)
    by_features = _final_fit(segment, rough_line, delays, _TUNING.feature_tolerance, False)
    return max([parts, [by_features]], key=lambda some: max((_detection(part) for part in some), default=0.0))


def _chunk_starts(segment: AudioSegment, seconds: float, most: int) -> Float64Array:
    """Beginnings of overlapping chunks within a segment, ref seconds."""
    room = max(0.0, segment.length - seconds)
    return segment.start + np.linspace(0, room, int(min(most, max(3, 2 * room / seconds + 1))))


def _best_speed(clip: MonoAudio, ref: MonoAudio, line: AudioLine, segment: AudioSegment, seconds: float) -> AudioLine:
    """Try known speeds near that of the line, which a short segment determines poorly."""
    tried = [line.speed] + [known for known in KNOWN_SPEEDS if 0 < abs(known / line.speed - 1) < 0.0025]
    starts = _chunk_starts(segment, seconds, 5)

    def height(speed: float) -> float:
        delays = waveform_delays(clip, ref, line.through(segment.middle, speed), starts, seconds, _TUNING.reach)
        return float(np.maximum(delays.scores - 4, 0).sum())

    heights = {speed: height(speed) for speed in tried}
    best = max(tried, key=lambda speed: heights[speed])
    return line if heights[best] < 1.1 * heights[line.speed] + 1 else line.through(segment.middle, best)


def _split_at_steps(segment: AudioSegment, delays: Delays) -> list[tuple[AudioSegment, Delays]]:
    """Split a segment at lasting steps of its delay, each part with its delays."""
    use = np.flatnonzero(delays.clear)
    if len(use) >= 6:
        lags = delays.lags[use]
        whole = _offset_jitter(lags)
        best, where = whole, 0
        for k in range(3, len(use) - 2):
            rest = _offset_jitter(lags[:k]) + _offset_jitter(lags[k:])
            if rest < best:
                best, where = rest, k
        if where and best < 0.5 * whole and _is_step(lags[:where], lags[where:]):
            cut = float(delays.times[use[where - 1]] + delays.times[use[where]]) / 2
            before, after = delays.times < cut, delays.times >= cut
            return [
                *_split_at_steps(replace(segment, end=cut), _selected(delays, before)),
                *_split_at_steps(replace(segment, start=cut), _selected(delays, after)),
            ]
    return [(segment, delays)]


def _offset_jitter(lags: Float64Array) -> float:
    """Sum of absolute deviations from the median, clipped so that outliers do not dominate."""
    return float(np.minimum(np.abs(lags - np.median(lags)), 4 * _TUNING.least_step).sum())


def _is_step(left: Float64Array, right: Float64Array) -> bool:
    """Whether the delays on both sides are each concentrated, and apart from each other."""
    middles = [float(np.median(side)) for side in (left, right)]
    return abs(middles[0] - middles[1]) > _TUNING.least_step and all(
        float((np.abs(side - middle) < _TUNING.least_step / 2).mean()) > 0.6
        for side, middle in zip((left, right), middles, strict=True)
    )


def _selected(delays: Delays, mask: BoolArray) -> Delays:
    return Delays(delays.times[mask], delays.lags[mask], delays.scores[mask])


def _final_fit(
    segment: AudioSegment, line: AudioLine, delays: Delays, tolerance: float, from_waveform: bool
) -> _FittedSegment:
    """Final fit of a segment without steps, and its support."""
    fit = fit_delays(delays, tolerance)
    audible = int(delays.audible.sum())
    if fit is None or not audible:
        return _FittedSegment(replace(segment, line=line, from_waveform=from_waveform), 0.0, 0.0)
    exact = line.delayed(fit.offset, fit.slope)
    speed = snap_speed(exact.speed, fit.slope_error)
    exact = exact.through(_center(delays, fit), speed)
    # Chunks overlap by half; two always lie on some line, and chance puts a few more near it.
    agreeing = float(fit.agreeing.sum())
    strength = float(np.clip(np.median(delays.scores[fit.agreeing]) / 6, 1, 6)) if agreeing else 1.0
    weight = max(0.0, agreeing - 2 - audible * tolerance / _TUNING.reach) / 2 * strength
    share = max(0.0, agreeing / audible - tolerance / _TUNING.reach)
    return _FittedSegment(replace(segment, line=exact, from_waveform=from_waveform), share, weight)


def _center(delays: Delays, fit: DelayFit) -> float:
    """Mean time of the agreeing chunks: the line is most exact there, so a snapped speed turns it about this point."""
    return float(delays.times[fit.agreeing].mean()) if fit.agreeing.any() else float(delays.times.mean())


def _detection(one: _FittedSegment) -> float:
    """Confidence that a segment occurs in clip at all, at this offset or another, 0 to 1."""
    sure = 1 - float(np.exp(-one.weight / 1.2))
    if one.segment.from_waveform:
        return sure * min(1.0, one.share / 0.4)
    # Band levels alone are weaker evidence: beats repeat, and pauses of speech are all alike.
    likely = float(np.clip((one.segment.correlation - 0.25) / 0.3, 0, 1))
    return 0.85 * sure * likely * min(1.0, one.share / 0.8) * min(1.0, one.segment.length / 30)


def _confidence(one: _FittedSegment) -> float:
    """Confidence that a segment lies at this offset, 0 to 1."""
    doubt, equal = _TUNING.runner_up_doubt, _TUNING.runner_up_equal
    unique = float(np.clip((equal - one.segment.runner_up) / (equal - doubt), 0, 1))
    return _detection(one) * (0.2 + 0.8 * unique)


def _monotone_chain(found: Sequence[_FittedSegment]) -> list[_FittedSegment]:
    """Keep the segments that advance in clip without overlaps and cover the most seconds.

    If a dropped segment uses the same span of clip, either may be right: it becomes the runner-up of the kept one.
    """
    spans = [one.segment.line.at(np.array([one.segment.start, one.segment.end])).tolist() for one in found]
    best: list[float] = []
    before: list[int] = []
    for i, one in enumerate(found):
        # Ends are known to about a second at this point.
        fitting = [k for k in range(i) if spans[k][1] <= spans[i][0] + 1.0]
        last = max(fitting, key=lambda k: best[k], default=-1)
        best.append(one.segment.length * _detection(one) + (best[last] if last >= 0 else 0.0))
        before.append(last)
    kept: list[int] = []
    k = int(np.argmax(best)) if best else -1
    while k >= 0:
        kept.insert(0, k)
        k = before[k]
    others = [spans[k] for k in range(len(found)) if k not in kept]

    def with_runner_up(k: int) -> _FittedSegment:
        low, high = spans[k]
        shared = max((min(high, end) - max(low, start) for start, end in others), default=0.0)
        segment = found[k].segment
        runner_up = max(segment.runner_up, shared / max(high - low, 1e-6))
        return replace(found[k], segment=replace(segment, runner_up=runner_up))

    return [with_runner_up(k) for k in kept]


def _joined(found: Sequence[_FittedSegment]) -> list[_FittedSegment]:
    """Join segments on one line, with the support of all of them."""
    joined: list[_FittedSegment] = []
    for segment in join_segments([one.segment for one in found]):
        parts = [one for one in found if segment.start <= one.segment.start and one.segment.end <= segment.end]
        lengths = np.array([part.segment.length for part in parts])
        share = float((lengths * [part.share for part in parts]).sum() / lengths.sum())
        weight = sum(part.weight for part in parts)
        joined.append(_FittedSegment(segment, share, weight))
    return joined


def _summarized(
    found: Sequence[_FittedSegment], clip: MonoAudio, ref: MonoAudio, features: Sequence[Float32Array]
) -> AudioMatch:
    """Intervals, overall confidence and its reason."""
    intervals = tuple(
        AudioInterval(
            ref_start=one.segment.start + ref.start,
            ref_end=one.segment.end + ref.start,
            clip_start=one.segment.line.first + one.segment.line.speed * one.segment.start + clip.start,
            speed=one.segment.line.speed,
            confidence=_confidence(one),
        )
        for one in found
    )
    if not intervals:
        return AudioMatch((), 0.0, "The audio tracks have nothing in common.")
    doubt, equal = _TUNING.runner_up_doubt, _TUNING.runner_up_equal
    lengths = np.array([one.segment.length for one in found])
    sure = float((lengths * [interval.confidence for interval in intervals]).sum() / lengths.sum())
    shorter = min(_loud_frames(feature) for feature in features) / 50
    covered = min(1.0, float(lengths.sum()) / max(1.0, _TUNING.full_share * shorter))
    share = float((lengths * [one.share for one in found]).sum() / lengths.sum())
    repeated = float(lengths[[one.segment.runner_up > (doubt + equal) / 2 for one in found]].sum()) / float(
        lengths.sum()
    )
    words = [f"{share:.0%} of the chunks of audio agree in {len(found)} interval{'s' * (len(found) != 1)}"]
    if repeated > 0.5:
        words.append("the audio repeats itself, and other offsets fit as well")
    if covered < 1:
        words.append(f"only {float(lengths.sum()):.1f} s match at all")
    if not all(one.segment.from_waveform for one in found):
        words.append("the waveforms do not agree, only the levels (pitch kept at another speed, or a poor recording)")
    return AudioMatch(intervals, sure * covered, "; ".join(words) + ".")
