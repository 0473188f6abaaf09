"""Verdict on a synchronization as a whole: exact, good, doubtful or unrelated, with the reasons in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vs_align.decide.synchronization.shared_content import SharedContent, shared_audio, shared_frames
from vs_align.decide.synchronization.sync_result import SyncResult
from vs_align.decide.verdict import Judgment
from vs_align.enums import Verdict
from vs_align.io.array_types import BoolArray
from vs_align.measure.fingerprints.fingerprint import Fingerprints

if TYPE_CHECKING:
    from vs_align.measure.audio.matching import AudioMatch


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Thresholds of the verdicts. Shares are of the matched frames unless said otherwise."""

    sure: float = 0.9
    """Confidence from which on a match is sure."""
    guess: float = 0.5
    """Confidence below which a match is a guess."""
    exact_share: float = 0.99
    """Share of sure matches from which on the result is exact."""
    least_decided: float = 0.9
    """Share of matches that must be better than guesses; with fewer the result is doubtful."""
    small_part: float = 0.1
    """Share of both videos below which a match is doubtful as too small a part."""
    same_correlation: float = 0.45
    """Correlation from which on a pair shows the same."""
    very_same_correlation: float = 0.7
    """The same for a match whose confidence is low, with nothing but similarity to support it."""
    least_frames: int = 8
    """Supported matches below which two videos are unrelated; half of the shorter video if that is less."""
    different_correlation: float = 0.25
    """Correlation below which a pair shows different things; pairs in between are unclear."""
    most_contradicted: float = 0.02
    """Share of contradicted matches beyond which the result is doubtful."""
    half: float = 0.5
    """Share of contradicted matches beyond which the map is wrong as a whole."""
    sure_audio: float = 0.7
    """Confidence of the audio from which on a result by audio alone is good."""


_TUNING = _Tuning()
_NOTHING_COMPARED = "the middle of one on the middle of the other; nothing was compared to find it"
_NOTHING_ALIKE = "no part of the two shows the same"


def judge_sync(match: SyncResult, clip: Fingerprints, ref: Fingerprints, remarks: Sequence[str] = ()) -> Judgment:
    """Judge the result of the engine `auto`.

    Two videos that share only a part such as a leader or an ident are not versions of one, see
    `SharedContent.is_match`: they are "unrelated", and the reasons name what they share.

    Args:
        match: The result.
        clip: The video with the candidates.
        ref: The other video.
        remarks: Findings from elsewhere that cast doubt.
    """
    shown = match.found.frames >= 0
    if shown.any() and clip.flat.all() and ref.flat.all():
        return Judgment(Verdict.DOUBTFUL, ("neither has any content", *remarks))
    same = shown & (match.scores <= 1 - _TUNING.same_correlation) & ~match.contradicted
    enough = min(_TUNING.least_frames, max(1, min(len(clip), len(ref)) // 2))
    very_same = match.scores <= 1 - _TUNING.very_same_correlation
    supported = same & ((match.confidences >= _TUNING.guess) | very_same)
    if np.count_nonzero(supported) < enough:
        return Judgment(Verdict.UNRELATED, (_NOTHING_ALIKE, *remarks))
    unclear = shown & ~(match.scores > 1 - _TUNING.different_correlation)
    common = shared_frames(match.found.frames, same, unclear, clip, ref)
    if not common.is_match:
        return Judgment(Verdict.UNRELATED, (*_excerpt(common), *remarks))
    share = float(shown.sum() / len(ref))
    covered = float(len(np.unique(match.found.frames[shown])) / len(clip))
    facts = [
        f"{common.seconds:.1f} s in common: {_percent(share)} of ref's frames have a counterpart; "
        f"they use {_percent(covered)} of clip's"
    ]
    doubts = [*remarks, *_doubts(match, same, clip, ref)]
    if max(share, covered) < _TUNING.small_part:
        doubts.append("only a small part of either is in the other")
    if doubts:
        return Judgment(Verdict.DOUBTFUL, (*doubts, *facts))
    sure = float(np.mean(match.confidences[same] >= _TUNING.sure))
    median = float(np.median(match.scores[same]))
    facts.append(f"matched frames correlate by {1 - median:.3f}, and {_percent(sure)} of the matches are sure")
    return Judgment(Verdict.EXACT if sure >= _TUNING.exact_share else Verdict.GOOD, tuple(facts))


def judge_engine(match: SyncResult, clip: Fingerprints, ref: Fingerprints, engine: str) -> Judgment:
    """Judge the matches of an engine other than `auto` by how many of them are contradicted.

    Such an engine matches nearly every ref frame, whether it has a counterpart or not.

    Args:
        match: The verified result.
        clip: The video with the candidates.
        ref: The other video.
        engine: Name of the engine.
    """
    remarks = [_NOTHING_COMPARED] if engine == "duration" else []
    found = judge_sync(match, clip, ref, remarks)
    if found.verdict == Verdict.UNRELATED:
        return found
    shown = match.found.frames >= 0
    wrong = float(np.mean(match.contradicted[shown]))
    used = len(np.unique(match.found.frames[shown & ~match.contradicted])) / len(clip)
    if wrong > _TUNING.half and used < _TUNING.half:
        return Judgment(Verdict.UNRELATED, (f"engine {engine}: {_contradicted(wrong)}", *found.reasons[-1:]))
    sure = float(np.mean(match.confidences[shown] >= _TUNING.sure))
    fact = f"engine {engine}: {_percent(sure)} of its matches are sure"
    # it leaves no frame out, so that it cannot be exact
    return Judgment(Verdict.GOOD if found.verdict == Verdict.EXACT else found.verdict, (*found.reasons, fact))


def judge_audio(audio: "AudioMatch", match: SyncResult, clip: Fingerprints, ref: Fingerprints) -> Judgment:
    """Judge a result by audio alone: by how much of the audio agrees, and whether the frames contradict it.

    Args:
        audio: The audio match.
        match: The map that follows from it, verified.
        clip: The video with the candidates.
        ref: The other video.
    """
    fact = f"by audio alone: {audio.reason.rstrip('.')}"
    common = shared_audio(audio, clip, ref)
    if not common.is_match:
        reasons = (
            f"no match of the videos: {common.seconds:.1f} s of audio in common",
            f"besides, both continue for {common.conflicting_seconds:.1f} s with other audio",
        )
        return Judgment(Verdict.UNRELATED, (*reasons, fact))
    shown = match.found.frames >= 0
    wrong = float(np.mean(match.contradicted[shown]))
    fact = f"{common.seconds:.1f} s of audio in common, {fact}"
    if wrong > _TUNING.half:
        return Judgment(Verdict.DOUBTFUL, (f"the frames disagree: {_contradicted(wrong)}", fact))
    return Judgment(Verdict.GOOD if audio.confidence >= _TUNING.sure_audio else Verdict.DOUBTFUL, (fact,))


def _doubts(match: SyncResult, same: BoolArray, clip: Fingerprints, ref: Fingerprints) -> Iterator[str]:
    """Reasons for doubt in the matches of two videos that share content, the worst first."""
    shown = match.found.frames >= 0
    wrong = float(np.mean(match.contradicted[shown]))
    if wrong > _TUNING.most_contradicted:
        yield _contradicted(wrong)
    guesses = float(np.mean(match.confidences[same] < _TUNING.guess))
    if guesses > 1 - _TUNING.least_decided:
        yield f"{_percent(guesses)} of the matches are guesses: too little moves to tell the frames apart"
    for name, video in (("clip", clip), ("ref", ref)):
        if video.interlaced:
            yield f"{name} is interlaced: frames were compared as they are; deinterlace it first"
        elif video.combed:
            yield (
                f"{name} looks combed: its frames hold two moments each, so that matches hold for whole frames alone; "
                "deinterlace it first"
            )


def _contradicted(share: float) -> str:
    return f"{_percent(share)} of the matches are contradicted: other frames fit better, or the frames differ"


def _excerpt(common: SharedContent) -> Iterator[str]:
    """What two videos share that are not versions of one."""
    yield (
        f"no match of the videos: {common.seconds:.1f} s in common, {_percent(common.clip_share)} of clip's frames and "
        f"{_percent(common.ref_share)} of ref's that are not flat"
    )
    if common.conflicting_seconds:
        yield f"besides, both continue for {common.conflicting_seconds:.1f} s with frames that differ"
    elif common.isolated:
        yield "what they have in common is isolated between cuts, as a leader or an ident does"


def _percent(share: float) -> str:
    text = f"{100 * share:.1f} %"
    # do not round 99.97 % up to 100 %
    return "99.9 %" if text == "100.0 %" and share < 1 else text
