"""Synchronization pipeline: from the fingerprints and the audio of two videos to a timeline with a verdict.

Engine "auto": candidates from global descriptors and audio, collinear chaining, dynamic programming over
dissimilarities of registered frames, segmentation into linear runs, and a verdict. Other engines: their matches,
verified the same way.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from vs_align.decide.synchronization.audio_prior import (
    audio_frames,
    audio_prior,
    audio_video_mismatch,
    subframe_residual_ms,
)
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.decide.synchronization.rates import known_rates
from vs_align.decide.synchronization.run_boundaries import resolve_run_boundaries
from vs_align.decide.synchronization.segmentation import FrameMap, segments_from_runs
from vs_align.decide.synchronization.similarity_kernels import FLAT_ALIKE
from vs_align.decide.synchronization.still_frame import has_still, sync_still
from vs_align.decide.synchronization.sync_result import SyncResult, build_sync_result, drop_short_runs, shown_times
from vs_align.decide.synchronization.verdict import judge_audio, judge_engine, judge_sync
from vs_align.decide.synchronization.video_matching import match_video
from vs_align.decide.verdict import Judgment
from vs_align.enums import SyncEngine, Verdict
from vs_align.io.array_types import Float32Array
from vs_align.io.progress import Progress, share_of
from vs_align.measure.fingerprints.fingerprint import Fingerprints
from vs_align.media.audio_track import MonoAudio
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from vs_align.decide.synchronization.high_resolution import HighResolutionMatcher
    from vs_align.decide.synchronization.video_matching import VideoMatch
    from vs_align.measure.audio.matching import AudioMatch

_log = logging.getLogger(__name__)

_SEARCH_SHARE = 0.8
"""Share of an engine's progress that is its search; the rest is the verification of its matches."""
_MIN_AUDIO_CONFIDENCE = 0.3
"""Confidence of matched audio below which the engine "audio" finds nothing in common. Higher refuses poor recordings,
lower reports matches of unrelated audio."""
_MIN_SURE_AUDIO = 0.7
"""Confidence of matched audio from which on it is mentioned if the frames have nothing in common."""
_MIN_TIMED_CONFIDENCE = 0.5
"""Median confidence below which matched frames do not tell times, such as those of a still that lasts."""


def synchronize_videos(
    clip: Fingerprints,
    ref: Fingerprints,
    options: SyncOptions,
    audio: tuple[MonoAudio, MonoAudio] | None = None,
    progress: Progress | None = None,
    matcher: "HighResolutionMatcher | None" = None,
) -> Timeline:
    """Find which frame of clip belongs to which frame of ref.

    Args:
        clip: Fingerprints of the video whose frames are wanted.
        ref: Fingerprints of the video whose time counts.
        options: How they are found.
        audio: Audio of clip and of ref; None: without audio.
        progress: Called with the stage, how much of it is done and how much there is.
        matcher: Compares ambiguous frames again at high resolution, for the engine auto; None: they stay ambiguous.
    """
    if has_still(clip, ref, options):
        return sync_still(clip, ref, options, progress)
    audio_match = None
    if audio is not None:
        from vs_align.measure.audio.matching import match_audio

        if progress is not None:
            progress("listening", 0, 1)
        audio_match = match_audio(*audio)
    if options.engine is SyncEngine.AUTO:
        match, remarks = _sync_by_video(clip, ref, options, audio_match, progress, matcher)
        verdict = judge_sync(match, clip, ref, remarks)
        if verdict.verdict == "unrelated":
            verdict = _with_audio_remark(verdict, audio_match)
    elif options.engine is SyncEngine.AUDIO:
        match, verdict = _sync_by_audio(clip, ref, audio_match)
    else:
        match, verdict = _sync_by_engine(clip, ref, options, progress)
    _log.debug("engine %s: %s: %s", options.engine, verdict.verdict, "; ".join(verdict.reasons))
    if verdict.verdict == "unrelated":
        return _timeline(match if options.force else _no_match(len(ref)), clip, ref, verdict, None)
    return _timeline(match, clip, ref, verdict, audio_match)


def _sync_by_video(
    clip: Fingerprints,
    ref: Fingerprints,
    options: SyncOptions,
    audio_match: "AudioMatch | None",
    progress: Progress | None,
    matcher: "HighResolutionMatcher | None",
) -> tuple[SyncResult, list[str]]:
    hints = audio_prior(audio_match) if audio_match is not None else []
    seen = match_video(clip, ref, hints, options.reach, progress, options.placement, matcher)
    least = ceil(options.min_segment * float(ref.rate))
    rates = known_rates(clip.rate, ref.rate)
    found, differences = _complete_map(seen, clip, ref, rates, least)
    moved = found.frames != seen.found.frames
    match = build_sync_result(found, differences, np.where(moved, 0, seen.costs), rates, least)
    if audio_match is None:
        return match, []
    shown = match.found.frames >= 0
    reliable = bool(shown.any()) and float(np.median(match.confidences[shown])) >= _MIN_TIMED_CONFIDENCE
    mismatch = audio_video_mismatch(
        audio_match, shown_times(match.found, clip), ref, clip.frame_seconds, video_reliable=reliable
    )
    return match, [] if mismatch is None else [mismatch]


def _complete_map(
    seen: "VideoMatch", clip: Fingerprints, ref: Fingerprints, rates: Sequence[float], least: int
) -> tuple[FrameMap, Float32Array]:
    """Return the map and its dissimilarities, completed at frames that do not determine it by themselves."""
    found, differences = seen.found, seen.differences
    kept = drop_short_runs(found, differences, rates, least)
    if seen.extender is not None and (kept.frames < 0).any():
        frames, differences = seen.extender.extended(kept.frames, np.where(kept.frames >= 0, differences, np.nan))
        new = frames != kept.frames
        neighbor_costs = (
            None if kept.neighbor_costs is None else np.where(new[:, None], np.float32(0), kept.neighbor_costs)
        )
        found = FrameMap(frames, np.where(new, frames, kept.lows), np.where(new, frames, kept.highs), neighbor_costs)
    completed = resolve_run_boundaries(found, differences < 0, clip, ref, rates)
    # what has a counterpart now and had none is flat
    differences = np.where(np.isnan(differences), np.float32(FLAT_ALIKE), differences)
    return completed, np.where(completed.frames >= 0, differences, np.float32(np.nan))


def _sync_by_audio(
    clip: Fingerprints, ref: Fingerprints, audio_match: "AudioMatch | None"
) -> tuple[SyncResult, Judgment]:
    if audio_match is None or audio_match.confidence < _MIN_AUDIO_CONFIDENCE:
        reason = "there is no audio to go by" if audio_match is None else audio_match.reason.rstrip(".")
        return _no_match(len(ref)), Judgment(Verdict.UNRELATED, (reason,))
    from vs_align.decide.synchronization.engines.verification import verified

    frames, sure = audio_frames(audio_match, clip, ref)
    answer = EngineMatch(frames, np.full(len(ref), np.nan))
    seen = verified(answer, clip, ref, EngineOptions(), known_rates(clip.rate, ref.rate))
    match = replace(seen, confidences=sure, scores=answer.scores)
    if not match.runs:
        return match, Judgment(Verdict.UNRELATED, ("what both tracks share lies outside the frames",))
    return match, judge_audio(audio_match, seen, clip, ref)


def _sync_by_engine(
    clip: Fingerprints, ref: Fingerprints, options: SyncOptions, progress: Progress | None
) -> tuple[SyncResult, Judgment]:
    from vs_align.decide.synchronization.engines.registry import ENGINES
    from vs_align.decide.synchronization.engines.verification import verified
    from vs_align.decide.synchronization.localization import subimage_box

    box = options.box
    if box is None and options.engine is not SyncEngine.DURATION:
        # engines compare whole frames: a frame that is a part of the other one is located first
        box = subimage_box(clip, ref)
    asked = EngineOptions(options.window, options.drift_interval, options.margin, box)

    report = share_of(progress, "comparing")
    answer: EngineMatch = ENGINES[options.engine.value](ref, clip, asked, lambda share: report(_SEARCH_SHARE * share))
    rates = known_rates(clip.rate, ref.rate)
    seen = verified(
        answer,
        clip,
        ref,
        asked,
        rates,
        options.engine.value,
        lambda share: report(_SEARCH_SHARE + (1 - _SEARCH_SHARE) * share),
    )
    scores = np.where(np.isfinite(answer.scores), np.maximum(answer.scores, 0), np.nan)
    return replace(seen, scores=scores), judge_engine(seen, clip, ref, options.engine.value)


def _no_match(length: int) -> SyncResult:
    frames = np.full(length, -1, np.int64)
    zeros = np.zeros(length)
    return SyncResult(FrameMap(frames, frames, frames), (), zeros, np.full(length, np.nan), zeros > 0)


def _with_audio_remark(verdict: Judgment, audio_match: "AudioMatch | None") -> Judgment:
    """Mention audio that matches although the frames have nothing in common; the verdict stays."""
    if audio_match is None or audio_match.confidence < _MIN_SURE_AUDIO:
        return verdict
    return replace(verdict, reasons=(*verdict.reasons, "the audio agrees though: engine audio goes by it alone"))


def _timeline(
    match: SyncResult, clip: Fingerprints, ref: Fingerprints, verdict: Judgment, audio_match: "AudioMatch | None"
) -> Timeline:
    segments = segments_from_runs(match.runs, match.found, ref.black, len(clip), match.confidences, match.scores)
    left = None
    if audio_match is not None:
        left = subframe_residual_ms(audio_match, shown_times(match.found, clip), ref, clip.frame_seconds)
    return Timeline(
        segments=tuple(segments),
        clip_rate=clip.rate,
        ref_rate=ref.rate,
        clip_length=len(clip),
        ref_length=len(ref),
        scores=tuple(None if np.isnan(score) else float(score) for score in match.scores),
        confidences=tuple(np.clip(match.confidences, 0, 1).tolist()),
        clip_times=tuple(clip.times.tolist()) if clip.variable else (),
        ref_times=tuple(ref.times.tolist()) if ref.variable else (),
        verdict=verdict.verdict,
        reasons=(*verdict.reasons, *_clock_remarks("clip", clip), *_clock_remarks("ref", ref)),
        residual_ms=None if left is None else round(left, 3),
    )


def _clock_remarks(side: str, film: Fingerprints) -> tuple[str, ...]:
    """Describe what was repaired in the time stamps of a video."""
    return () if film.clock is None else film.clock.remarks(side)
