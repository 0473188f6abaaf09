"""What to think of a synchronisation as a whole, in one word and in reasons."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vs_align.timing.film_match import FilmMatch
from vs_align.timing.fingerprint import Fingerprints

# From this confidence on a frame is sure, and below the other one it is a guess.
_SURE, _GUESS = 0.9, 0.5
_ALL, _MOST, _FEW = 0.99, 0.9, 0.1
# Pictures of a pair correlate by more than this if they show the same, and it takes so many to believe it.
_ALIKE, _VERY_ALIKE, _LEAST_FRAMES = 0.45, 0.7, 8


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

    Args:
        match: What was found.
        clip: The film with the candidates.
        ref: The other one.
        remarks: Findings from elsewhere that cast doubt.
    """
    shown = match.found.frames >= 0
    alike = shown & (match.scores <= 1 - _ALIKE)
    enough = min(_LEAST_FRAMES, max(1, min(len(clip), len(ref)) // 2))
    # what nothing but likeness speaks for must be very alike
    believed = alike & ((match.confidences >= _GUESS) | (match.scores <= 1 - _VERY_ALIKE))
    if np.count_nonzero(believed) < enough:
        both_flat = shown.any() and not np.isfinite(match.scores[shown]).any()
        if both_flat:
            return SyncVerdict("doubtful", ("there is nothing to be seen in either", *remarks))
        return SyncVerdict("unrelated", ("no stretch of the two shows the same", *remarks))
    sure = float(np.mean(match.confidences[alike] >= _SURE))
    guesses = float(np.mean(match.confidences[alike] < _GUESS))
    share = float(shown.sum() / len(ref))
    covered = float(len(np.unique(match.found.frames[shown])) / len(clip))
    said = [f"{_percent(share)} of ref's frames have a counterpart; they use {_percent(covered)} of clip's"]
    doubts = list(remarks)
    if guesses > 1 - _MOST:
        doubts.append(f"{_percent(guesses)} of the matches are guesses: too little moves to tell the frames apart")
    if max(share, covered) < _FEW:
        doubts.append("only a small part of either is in the other")
    for name, film in (("clip", clip), ("ref", ref)):
        if film.interlaced:
            doubts.append(f"{name} is interlaced: frames were compared as they are; deinterlace it first")
    if doubts:
        return SyncVerdict("doubtful", (*doubts, *said))
    median = float(np.median(match.scores[alike]))
    said.append(f"matched pictures correlate by {1 - median:.3f}, and {_percent(sure)} of the matches are sure")
    return SyncVerdict("exact" if sure >= _ALL else "good", tuple(said))


def _percent(share: float) -> str:
    text = f"{100 * share:.1f} %"
    # what is not all must not read like it
    return "99.9 %" if text == "100.0 %" and share < 1 else text
