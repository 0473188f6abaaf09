"""`sync_films`: from fingerprints and sounds of two films to the timeline of both."""

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from vs_align.enums import SyncEngine
from vs_align.media.sound_track import Sound
from vs_align.sync_options import Progress, SyncOptions
from vs_align.timeline import Timeline
from vs_align.timing.engines.match import EngineMatch, EngineOptions
from vs_align.timing.film_match import FilmMatch, film_match, shown_times
from vs_align.timing.fingerprint import Fingerprints
from vs_align.timing.pace import known_rates
from vs_align.timing.picture_match import match_pictures
from vs_align.timing.segmenting import FrameMap, lines_of, segments_of_lines
from vs_align.timing.sound_lines import contradiction, left_below_a_frame, sound_frames, sound_hints
from vs_align.timing.sync_verdict import SyncVerdict, judge_sync

if TYPE_CHECKING:
    from vs_align.timing.audio import SoundMatch
    from vs_align.timing.close_look import CloseLook

# Of engines whose scores are no correlations, confidences tell what shows the same.
_BELIEVED = 0.3
_BELIEVED_SOUND = 0.3


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
    sound = None
    if sounds is not None:
        from vs_align.timing.audio import match_sound

        if progress is not None:
            progress("listening", 0, 1)
        sound = match_sound(*sounds)
    if options.engine is SyncEngine.AUTO:
        match, remarks = _by_pictures(clip, ref, options, sound, progress, closer)
        verdict = judge_sync(match, clip, ref, remarks)
        if verdict.verdict == "unrelated":
            return _unrelated(clip, ref, _with_sound(verdict, sound))
    elif options.engine is SyncEngine.AUDIO:
        match, verdict = _by_sound(clip, ref, sound)
    else:
        match, verdict = _by_engine(clip, ref, options, progress)
    if verdict.verdict == "unrelated":
        return _unrelated(clip, ref, verdict)
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
    match = film_match(seen.found, seen.differences, seen.evidence, known_rates(clip.rate, ref.rate), least)
    if sound is None:
        return match, []
    doubt = contradiction(sound, shown_times(match.found, clip), ref, clip.frame_seconds)
    return match, [] if doubt is None else [doubt]


def _by_sound(clip: Fingerprints, ref: Fingerprints, sound: "SoundMatch | None") -> tuple[FilmMatch, SyncVerdict]:
    if sound is None or sound.confidence < _BELIEVED_SOUND:
        reason = "there is no sound to go by" if sound is None else sound.reason.rstrip(".")
        return _no_match(len(ref)), SyncVerdict("unrelated", (reason,))
    frames, sure = sound_frames(sound, clip, ref)
    found = FrameMap(frames, frames, frames)
    match = FilmMatch(found, tuple(lines_of(found, known_rates(clip.rate, ref.rate))), sure, np.full(len(ref), np.nan))
    if not match.lines:
        return match, SyncVerdict("unrelated", ("what both sounds share lies outside the pictures",))
    word = "good" if sound.confidence >= 0.7 else "doubtful"
    return match, SyncVerdict(word, (f"by sound alone: {sound.reason.rstrip('.')}",))


def _by_engine(
    clip: Fingerprints, ref: Fingerprints, options: SyncOptions, progress: Progress | None
) -> tuple[FilmMatch, SyncVerdict]:
    from vs_align.timing.engines.registry import ENGINES
    from vs_align.timing.locating import located_box

    box = options.box
    if box is None and options.engine is not SyncEngine.DURATION:
        # they compare whole pictures, so a picture that is a part of the other one is looked for first
        box = located_box(clip, ref)
    asked = EngineOptions(options.window, options.drift_interval, options.margin, box)

    def told(share: float) -> None:
        if progress is not None:
            progress("comparing", round(1000 * share), 1000)

    answer: EngineMatch = ENGINES[options.engine.value](ref, clip, asked, told)
    found = FrameMap(answer.frames, answer.frames, answer.frames)
    scores = np.where(np.isfinite(answer.scores), np.maximum(answer.scores, 0), np.nan)
    rates = known_rates(clip.rate, ref.rate)
    match = FilmMatch(found, tuple(lines_of(found, rates)), answer.confidences, scores)
    if options.engine is SyncEngine.DURATION:
        return match, SyncVerdict("doubtful", ("the middle of one on the middle of the other; nothing was compared",))
    shown = answer.frames >= 0
    sure = float(np.median(answer.confidences[shown])) if shown.any() else 0.0
    said = f"engine {options.engine}: median confidence {sure:.2f} over {100 * shown.mean():.1f} % of ref's frames"
    if sure < _BELIEVED:
        return match, SyncVerdict("unrelated", (said, "its matches are no better than chance"))
    return match, SyncVerdict("good" if sure >= 0.8 and shown.mean() >= 0.5 else "doubtful", (said,))


def _no_match(length: int) -> FilmMatch:
    frames = np.full(length, -1, np.int64)
    return FilmMatch(FrameMap(frames, frames, frames), (), np.zeros(length), np.full(length, np.nan))


def _with_sound(verdict: SyncVerdict, sound: "SoundMatch | None") -> SyncVerdict:
    """What sound says of pictures that have nothing in common is told, and not believed."""
    if sound is None or sound.confidence < 0.7:
        return verdict
    return replace(verdict, reasons=(*verdict.reasons, "the sounds agree though: engine audio goes by them alone"))


def _unrelated(clip: Fingerprints, ref: Fingerprints, verdict: SyncVerdict) -> Timeline:
    return _timeline(_no_match(len(ref)), clip, ref, verdict, None)


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
        reasons=verdict.reasons,
        residual_ms=None if left is None else round(left, 3),
    )
