"""`sync_films`: from fingerprints and sounds of two films to the timeline of both."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from vs_align.decide.synchronization.audio_hints import contradiction, left_below_a_frame, sound_frames, sound_hints
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions
from vs_align.decide.synchronization.film_match import FilmMatch, film_match, shown_times, without_short
from vs_align.decide.synchronization.options import Progress, SyncOptions
from vs_align.decide.synchronization.rates import known_rates
from vs_align.decide.synchronization.run_joints import with_joints
from vs_align.decide.synchronization.segmentation import FrameMap, segments_of_lines
from vs_align.decide.synchronization.similarity_kernels import FLAT_ALIKE
from vs_align.decide.synchronization.still_frame import has_still, sync_still
from vs_align.decide.synchronization.verdict import SyncVerdict, judge_engine, judge_sound, judge_sync
from vs_align.decide.synchronization.video_matching import match_pictures
from vs_align.enums import SyncEngine
from vs_align.io.array_types import Float32Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints
from vs_align.media.audio_track import Sound
from vs_align.timeline.timeline import Timeline

if TYPE_CHECKING:
    from vs_align.decide.synchronization.refinement import CloseLook
    from vs_align.decide.synchronization.video_matching import PictureMatch
    from vs_align.measure.audio.matching import SoundMatch

_log = logging.getLogger(__name__)

# Of engines whose scores are no correlations, confidences tell what shows the same.
_BELIEVED = 0.3
# Share of an engine's work that is done before its matches are verified.
_SEARCHED = 0.8
_BELIEVED_SOUND = 0.3
# Median confidence below which frames do not tell times: those of a still that lasts.
_TOLD = 0.5


def sync_films(
    clip: Fingerprints,
    ref: Fingerprints,
    options: SyncOptions,
    sounds: tuple[Sound, Sound] | None = None,
    progress: Progress | None = None,
    closer: "CloseLook | None" = None,
) -> Timeline:
    """Find which frame of clip belongs to which frame of ref.

    Args:
        clip: Fingerprints of the film whose frames are wanted.
        ref: Those of the one whose time counts.
        options: How to look.
        sounds: Sound of clip and of ref, where there is any.
        progress: Told what is being done, how much of it is done, and how much there is.
        closer: Compares frames that fingerprints do not tell apart, for the engine auto; None: nobody does.
    """
    if has_still(clip, ref, options):
        return sync_still(clip, ref, options, progress)
    sound = None
    if sounds is not None:
        from vs_align.measure.audio.matching import match_sound

        if progress is not None:
            progress("listening", 0, 1)
        sound = match_sound(*sounds)
    if options.engine is SyncEngine.AUTO:
        match, remarks = _by_pictures(clip, ref, options, sound, progress, closer)
        verdict = judge_sync(match, clip, ref, remarks)
        if verdict.verdict == "unrelated":
            verdict = _with_sound(verdict, sound)
    elif options.engine is SyncEngine.AUDIO:
        match, verdict = _by_sound(clip, ref, sound)
    else:
        match, verdict = _by_engine(clip, ref, options, progress)
    _log.debug("engine %s: %s: %s", options.engine, verdict.verdict, "; ".join(verdict.reasons))
    if verdict.verdict == "unrelated":
        return _timeline(match if options.force else _no_match(len(ref)), clip, ref, verdict, None)
    return _timeline(match, clip, ref, verdict, sound)


def _by_pictures(
    clip: Fingerprints,
    ref: Fingerprints,
    options: SyncOptions,
    sound: "SoundMatch | None",
    progress: Progress | None,
    closer: "CloseLook | None",
) -> tuple[FilmMatch, list[str]]:
    hints = sound_hints(sound) if sound is not None else []
    seen = match_pictures(clip, ref, hints, options.reach, progress, options.placement, closer)
    least = ceil(options.min_segment * float(ref.rate))
    rates = known_rates(clip.rate, ref.rate)
    found, unlike = _settled(seen, clip, ref, rates, least)
    moved = found.frames != seen.found.frames
    match = film_match(found, unlike, np.where(moved, 0, seen.evidence), rates, least)
    if sound is None:
        return match, []
    shown = match.found.frames >= 0
    told = bool(shown.any()) and float(np.median(match.confidences[shown])) >= _TOLD
    doubt = contradiction(sound, shown_times(match.found, clip), ref, clip.frame_seconds, told=told)
    return match, [] if doubt is None else [doubt]


def _settled(
    seen: "PictureMatch", clip: Fingerprints, ref: Fingerprints, rates: Sequence[float], least: int
) -> tuple[FrameMap, Float32Array]:
    """The map that was found, settled where the frames do not say it by themselves, and its differences."""
    found, unlike = seen.found, seen.differences
    kept = without_short(found, unlike, rates, least)
    if seen.carrier is not None and (kept.frames < 0).any():
        frames, unlike = seen.carrier.carried(kept.frames, np.where(kept.frames >= 0, unlike, np.nan))
        new = frames != kept.frames
        prices = None if kept.prices is None else np.where(new[:, None], np.float32(0), kept.prices)
        found = FrameMap(frames, np.where(new, frames, kept.lows), np.where(new, frames, kept.highs), prices)
    laid = with_joints(found, unlike < 0, clip, ref, rates)
    # what has a counterpart now and had none is flat
    unlike = np.where(np.isnan(unlike), np.float32(FLAT_ALIKE), unlike)
    return laid, np.where(laid.frames >= 0, unlike, np.float32(np.nan))


def _by_sound(clip: Fingerprints, ref: Fingerprints, sound: "SoundMatch | None") -> tuple[FilmMatch, SyncVerdict]:
    if sound is None or sound.confidence < _BELIEVED_SOUND:
        reason = "there is no sound to go by" if sound is None else sound.reason.rstrip(".")
        return _no_match(len(ref)), SyncVerdict("unrelated", (reason,))
    from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions
    from vs_align.decide.synchronization.engines.verification import verified

    frames, sure = sound_frames(sound, clip, ref)
    answer = EngineMatch(frames, sure, np.full(len(ref), np.nan))
    seen = verified(answer, clip, ref, EngineOptions(), known_rates(clip.rate, ref.rate))
    match = replace(seen, confidences=sure, scores=answer.scores)
    if not match.lines:
        return match, SyncVerdict("unrelated", ("what both sounds share lies outside the frames",))
    return match, judge_sound(sound, seen, clip, ref)


def _by_engine(
    clip: Fingerprints, ref: Fingerprints, options: SyncOptions, progress: Progress | None
) -> tuple[FilmMatch, SyncVerdict]:
    from vs_align.decide.synchronization.engines.registry import ENGINES
    from vs_align.decide.synchronization.engines.verification import verified
    from vs_align.decide.synchronization.localization import located_box

    box = options.box
    if box is None and options.engine is not SyncEngine.DURATION:
        # they compare whole pictures, so a picture that is a part of the other one is looked for first
        box = located_box(clip, ref)
    asked = EngineOptions(options.window, options.drift_interval, options.margin, box)

    def told(share: float) -> None:
        if progress is not None:
            progress("comparing", round(1000 * share), 1000)

    answer: EngineMatch = ENGINES[options.engine.value](ref, clip, asked, lambda share: told(_SEARCHED * share))
    rates = known_rates(clip.rate, ref.rate)
    seen = verified(
        answer, clip, ref, asked, rates, options.engine.value, lambda share: told(_SEARCHED + (1 - _SEARCHED) * share)
    )
    scores = np.where(np.isfinite(answer.scores), np.maximum(answer.scores, 0), np.nan)
    return replace(seen, scores=scores), judge_engine(seen, clip, ref, options.engine.value)


def _no_match(length: int) -> FilmMatch:
    frames = np.full(length, -1, np.int64)
    zeros = np.zeros(length)
    return FilmMatch(FrameMap(frames, frames, frames), (), zeros, np.full(length, np.nan), zeros > 0)


def _with_sound(verdict: SyncVerdict, sound: "SoundMatch | None") -> SyncVerdict:
    """What sound says of pictures that have nothing in common is told, and not believed."""
    if sound is None or sound.confidence < 0.7:
        return verdict
    return replace(verdict, reasons=(*verdict.reasons, "the sounds agree though: engine audio goes by them alone"))


def _timeline(
    match: FilmMatch, clip: Fingerprints, ref: Fingerprints, verdict: SyncVerdict, sound: "SoundMatch | None"
) -> Timeline:
    segments = segments_of_lines(match.lines, match.found, ref.black, len(clip), match.confidences, match.scores)
    left = None
    if sound is not None:
        left = left_below_a_frame(sound, shown_times(match.found, clip), ref, clip.frame_seconds)
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
    """What was mended in the time stamps of a film, in words."""
    return () if film.clock is None else film.clock.remarks(side)
