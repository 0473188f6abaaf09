"""What to think of a synchronisation as a whole, in one word and in reasons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vs_align.decide.synchronization.common_part import CommonPart, common_part, common_sound
from vs_align.decide.synchronization.film_match import FilmMatch
from vs_align.io.array_types import BoolArray
from vs_align.measure.fingerprints.fingerprint import Fingerprints

if TYPE_CHECKING:
    from vs_align.measure.audio.matching import SoundMatch

# From this confidence on a frame is sure, and below the other one it is a guess.
_SURE, _GUESS = 0.9, 0.5
_ALL, _MOST, _FEW = 0.99, 0.9, 0.1
# Frames of a pair correlate by more than this if they show the same, and it takes so many to believe it.
_ALIKE, _VERY_ALIKE, _LEAST_FRAMES = 0.45, 0.7, 8
# Pairs that correlate by less show different things; those between may be either.
_UNLIKE = 0.25
# Share of matches that may be contradicted without a doubt.
_FEW_WRONG = 0.02
# Share from which on a part is most of it.
_HALF = 0.5
_SURE_SOUND = 0.7
_NOTHING_COMPARED = "the middle of one on the middle of the other; nothing was compared to find it"
_NOTHING_ALIKE = "no stretch of the two shows the same"


@dataclass(frozen=True, slots=True)
class SyncVerdict:
    """What to think of it.

    Args:
        verdict: "exact", "good", "doubtful" or "unrelated".
        reasons: In words.
    """

    verdict: str
    reasons: tuple[str, ...]


def judge_sync(match: FilmMatch, clip: Fingerprints, ref: Fingerprints, remarks: Sequence[str] = ()) -> SyncVerdict:
    """Judge a match of two films.

    Two films that have a part in common, such as a leader or an ident, are not versions of one, see
    `CommonPart.is_match`: they are "unrelated", and the reasons say what they have in common.

    Args:
        match: What was found.
        clip: The film with the candidates.
        ref: The other one.
        remarks: Findings from elsewhere that cast doubt.
    """
    shown = match.found.frames >= 0
    if shown.any() and clip.flat.all() and ref.flat.all():
        return SyncVerdict("doubtful", ("there is nothing to be seen in either", *remarks))
    alike = shown & (match.scores <= 1 - _ALIKE) & ~match.contradicted
    enough = min(_LEAST_FRAMES, max(1, min(len(clip), len(ref)) // 2))
    # what nothing but likeness speaks for must be very alike
    believed = alike & ((match.confidences >= _GUESS) | (match.scores <= 1 - _VERY_ALIKE))
    if np.count_nonzero(believed) < enough:
        return SyncVerdict("unrelated", (_NOTHING_ALIKE, *remarks))
    unclear = shown & ~(match.scores > 1 - _UNLIKE)
    common = common_part(match.found.frames, alike, unclear, clip, ref)
    if not common.is_match:
        return SyncVerdict("unrelated", (*_excerpt(common), *remarks))
    share = float(shown.sum() / len(ref))
    covered = float(len(np.unique(match.found.frames[shown])) / len(clip))
    said = [
        f"{common.seconds:.1f} s in common: {_percent(share)} of ref's frames have a counterpart; "
        f"they use {_percent(covered)} of clip's"
    ]
    doubts = [*remarks, *_doubts(match, alike, clip, ref)]
    if max(share, covered) < _FEW:
        doubts.append("only a small part of either is in the other")
    if doubts:
        return SyncVerdict("doubtful", (*doubts, *said))
    sure = float(np.mean(match.confidences[alike] >= _SURE))
    median = float(np.median(match.scores[alike]))
    said.append(f"matched frames correlate by {1 - median:.3f}, and {_percent(sure)} of the matches are sure")
    return SyncVerdict("exact" if sure >= _ALL else "good", tuple(said))


def judge_engine(match: FilmMatch, clip: Fingerprints, ref: Fingerprints, engine: str) -> SyncVerdict:
    """Judge the matches of an engine that was asked for by name: by those that are contradicted.

    Such an engine gives nearly every ref frame a clip frame, whether there is one or not.

    Args:
        match: What was found, verified.
        clip: The film with the candidates.
        ref: The other one.
        engine: Its name.
    """
    remarks = [_NOTHING_COMPARED] if engine == "duration" else []
    found = judge_sync(match, clip, ref, remarks)
    if found.verdict == "unrelated":
        return found
    shown = match.found.frames >= 0
    wrong = float(np.mean(match.contradicted[shown]))
    used = len(np.unique(match.found.frames[shown & ~match.contradicted])) / len(clip)
    if wrong > _HALF and used < _HALF:
        return SyncVerdict("unrelated", (f"engine {engine}: {_contradicted(wrong)}", *found.reasons[-1:]))
    sure = float(np.mean(match.confidences[shown] >= _SURE))
    said = f"engine {engine}: {_percent(sure)} of its matches are sure"
    # it leaves no frame out, so that it cannot be exact
    return SyncVerdict("good" if found.verdict == "exact" else found.verdict, (*found.reasons, said))


def judge_sound(sound: "SoundMatch", match: FilmMatch, clip: Fingerprints, ref: Fingerprints) -> SyncVerdict:
    """Judge what the sounds alone say: by how much of them agrees, and by whether the frames contradict it.

    Args:
        sound: What was heard.
        match: The map that follows from it, verified.
        clip: The film with the candidates.
        ref: The other one.
    """
    said = f"by sound alone: {sound.reason.rstrip('.')}"
    common = common_sound(sound, clip, ref)
    if not common.is_match:
        reasons = (
            f"no match of the films: {common.seconds:.1f} s of sound in common",
            f"beside that both go on for {common.against:.1f} s with other sound",
        )
        return SyncVerdict("unrelated", (*reasons, said))
    shown = match.found.frames >= 0
    wrong = float(np.mean(match.contradicted[shown]))
    said = f"{common.seconds:.1f} s of sound in common, {said}"
    if wrong > _HALF:
        return SyncVerdict("doubtful", (f"frames say otherwise: {_contradicted(wrong)}", said))
    return SyncVerdict("good" if sound.confidence >= _SURE_SOUND else "doubtful", (said,))


def _doubts(match: FilmMatch, alike: BoolArray, clip: Fingerprints, ref: Fingerprints) -> Iterator[str]:
    """What speaks against the matches of two films that have something in common, the worst first."""
    shown = match.found.frames >= 0
    wrong = float(np.mean(match.contradicted[shown]))
    if wrong > _FEW_WRONG:
        yield _contradicted(wrong)
    guesses = float(np.mean(match.confidences[alike] < _GUESS))
    if guesses > 1 - _MOST:
        yield f"{_percent(guesses)} of the matches are guesses: too little moves to tell the frames apart"
    for name, film in (("clip", clip), ("ref", ref)):
        if film.interlaced:
            yield f"{name} is interlaced: frames were compared as they are; deinterlace it first"
        elif film.combed:
            yield (
                f"{name} looks combed: its frames hold two moments each, so that matches hold for whole frames alone; "
                "deinterlace it first"
            )


def _contradicted(share: float) -> str:
    return f"{_percent(share)} of the matches are contradicted: other frames fit better, or the frames differ"


def _excerpt(common: CommonPart) -> Iterator[str]:
    """What two films have in common that are not versions of one."""
    yield (
        f"no match of the films: {common.seconds:.1f} s in common, {_percent(common.of_clip)} of clip's frames and "
        f"{_percent(common.of_ref)} of ref's that are not flat"
    )
    if common.against:
        yield f"beside that both go on for {common.against:.1f} s with frames that differ"
    elif common.apart:
        yield "what they have in common stands by itself between cuts, as a leader or an ident does"


def _percent(share: float) -> str:
    text = f"{100 * share:.1f} %"
    # what is not all must not read like it
    return "99.9 %" if text == "100.0 %" and share < 1 else text
