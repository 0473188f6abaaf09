"""`CommonPart`: what two films have in common, what contradicts it, and whether that makes them two versions of one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vs_align.io.array_types import BoolArray, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

if TYPE_CHECKING:
    from vs_align.measure.audio.matching import SoundMatch

# Seconds up to which a part is short: leaders, idents, openings and logos are.
_SHORT = 15.0
# Share of what could agree that must agree, in a short part and in a long one.
_MOST_AGREES, _MUCH_AGREES = 2 / 3, 0.4
# A short part must be so much of the shorter film; or so much, where it does not stand by itself between cuts.
_HALF, _SOME = 0.5, 0.2
# Frames by which the end of a part may lie beside the cut or the flat frame at which it ends.
_AT_CUT, _AT_FLAT = 2, 4


@dataclass(frozen=True, slots=True)
class CommonPart:
    """What speaks for two films being versions of one, and what against it. Flat frames count for nothing.

    Args:
        seconds: How long the frames last that both show.
        against: How long both go on, beside what they have in common, with frames that differ: before the first,
            after the last and between two stretches the lesser of what clip and ref show there. What only one of them
            shows contradicts nothing: the other one may have been cut, or have begun later.
        of_clip: Share of clip's frames that are in common, 0..1.
        of_ref: Share of ref's frames.
        apart: Whether every stretch begins and ends, within both films, at a cut or at a flat frame, as a leader, an
            ident, or a logo does.
    """

    seconds: float
    against: float
    of_clip: float
    of_ref: float
    apart: bool

    @property
    def is_match(self) -> bool:
        """Whether the two are versions of one film, or one is an excerpt of the other.

        A part up to 15 s must be two thirds of what could agree, and half of the shorter film; a fifth is enough where
        a stretch begins or ends amid a shot, as where one film stops while the other one goes on. A longer part must be
        0.4 of what could agree.
        """
        if not self.seconds:
            return False
        agrees = self.seconds / (self.seconds + self.against)
        if self.seconds > _SHORT:
            return agrees >= _MUCH_AGREES
        covered = max(self.of_clip, self.of_ref)
        return agrees >= _MOST_AGREES and (covered >= _HALF or (covered >= _SOME and not self.apart))


def common_sound(sound: "SoundMatch", clip: Fingerprints, ref: Fingerprints) -> CommonPart:
    """Measure what the sounds of two films have in common, by how long both go on beside it; see `common_part`."""
    heard = [(part.ref_start, part.ref_end, part.clip_start, part.speed) for part in sound.stretches]
    spans = [(start, end, begin, begin + (end - start) * speed) for start, end, begin, speed in heard]
    edges = [(0.0, 0.0), *((end, stop) for _, end, _, stop in spans)]
    begins = [*((start, begin) for start, _, begin, _ in spans), (ref.duration, clip.duration)]
    gaps = (min(later[0] - edge[0], later[1] - edge[1]) for edge, later in zip(edges, begins, strict=True))
    seconds = sum(end - start for start, end, _, _ in spans)
    return CommonPart(
        seconds=seconds,
        against=sum(max(0.0, gap) for gap in gaps),
        of_clip=min(1.0, sum(stop - begin for _, _, begin, stop in spans) / clip.duration),
        of_ref=min(1.0, seconds / ref.duration),
        apart=True,
    )


def common_part(
    frames: Int64Array, alike: BoolArray, unclear: BoolArray, clip: Fingerprints, ref: Fingerprints
) -> CommonPart:
    """Measure what two films have in common.

    Args:
        frames: (n,) the clip frame of each ref frame, -1 where there is none.
        alike: (n,) whether both show the same.
        unclear: (n,) whether a pair speaks neither for it nor against it.
        clip: The film with the candidates.
        ref: The other one.
    """
    counted = alike & ~ref.flat
    shown = np.unique(frames[counted])
    seconds = min(float(counted.sum()) * ref.frame_seconds, len(shown) * clip.frame_seconds)
    clip_content, ref_content = int((~clip.flat).sum()), int((~ref.flat).sum())
    held = np.flatnonzero(counted | (unclear & (frames >= 0)))
    return CommonPart(
        seconds=seconds,
        against=_against(held, frames[held], clip, ref) if len(held) else 0.0,
        of_clip=len(shown) / max(1, clip_content),
        of_ref=float(counted.sum()) / max(1, ref_content),
        apart=_apart(np.flatnonzero(counted), frames, clip, ref),
    )


def _against(held: Int64Array, shown: Int64Array, clip: Fingerprints, ref: Fingerprints) -> float:
    """Seconds that both show before, between and after pairs of frames."""
    gaps = []
    for film, places in ((clip, shown), (ref, held)):
        before = np.concatenate([[0], np.cumsum(~film.flat)])
        starts, stops = np.concatenate([[0], places + 1]), np.concatenate([places, [len(film)]])
        gaps.append(np.maximum(before[stops] - before[np.minimum(starts, stops)], 0) * film.frame_seconds)
    return float(np.minimum(*gaps).sum())


def _apart(counted: Int64Array, frames: Int64Array, clip: Fingerprints, ref: Fingerprints) -> bool:
    """Whether no stretch begins or ends amid a shot of either film."""
    if not len(counted):
        return True
    shown = frames[counted]
    breaks = np.flatnonzero((np.diff(counted) > _AT_CUT) | (np.diff(shown) > _AT_CUT + np.diff(counted)))
    firsts, lasts = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(counted) - 1]])
    return all(_at_cuts(film, places[firsts], places[lasts] + 1) for film, places in ((clip, shown), (ref, counted)))


def _at_cuts(film: Fingerprints, firsts: Int64Array, stops: Int64Array) -> bool:
    """Whether all edges lie at an end of the film, at a cut, or beside a flat frame."""
    edges = np.concatenate([firsts, stops])
    for edge in edges[(edges > _AT_CUT) & (edges < len(film) - _AT_CUT)].tolist():
        near_cut = bool((np.abs(film.cuts - edge) <= _AT_CUT).any())
        if not near_cut and not film.flat[max(0, edge - _AT_FLAT) : edge + _AT_FLAT].any():
            return False
    return True
