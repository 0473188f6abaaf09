"""What is right about two versions of a film, and how much of an answer is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from vs_align.io.array_types import BoolArray, Int64Array

BLACK = -1
NONE = -1
_JUMP = 3
"""Frames by which clip may leave its line, or ref show what clip lacks, before that counts as a boundary."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where one stretch ends and the next begins: at one of these ref frames, which cannot be told apart."""

    low: int
    high: int
    dark: bool = False
    """Only black lies between the two stretches, so that nobody can say where the step is."""

    def distance(self, other: "Boundary") -> int:
        """Frames between two of them."""
        return max(0, self.low - other.high, other.low - self.high)


@dataclass(frozen=True, slots=True)
class Truth:
    """What belongs together.

    Args:
        clip_rate: Frames per second.
        ref_rate: Likewise.
        rate: Clip frames per ref frame within a stretch.
        frame_map: (ref,) clip frame of each ref frame, -1 where clip has none and in black.
        clip_groups: (clip,) which picture is seen; frames with one number are identical. -1 is black.
        ref_groups: (ref,) likewise, in the same numbers.
        related: Whether the two have anything in common; None where nobody can expect to be told.
    """

    clip_rate: Fraction
    ref_rate: Fraction
    rate: float
    frame_map: Int64Array
    clip_groups: Int64Array
    ref_groups: Int64Array
    related: bool | None = True

    @property
    def boundaries(self) -> list[Boundary]:
        """Where stretches begin and end."""
        return boundaries_of(self.frame_map, self.ref_groups, self.rate)

    def to_json(self) -> str:
        """Text of the file `truth.json`; None stands for no frame in frame_map."""
        return json.dumps(
            {
                "related": self.related,
                "rate": self.rate,
                "clip_rate": str(self.clip_rate),
                "ref_rate": str(self.ref_rate),
                "boundaries": [asdict(boundary) for boundary in self.boundaries],
                "frame_map": [None if frame == NONE else frame for frame in self.frame_map.tolist()],
                "clip_groups": self.clip_groups.tolist(),
                "ref_groups": self.ref_groups.tolist(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Truth":
        """Read what `to_json` wrote."""
        kept = json.loads(text)
        return cls(
            Fraction(kept["clip_rate"]),
            Fraction(kept["ref_rate"]),
            kept["rate"],
            as_frames(kept["frame_map"]),
            np.array(kept["clip_groups"], np.int64),
            np.array(kept["ref_groups"], np.int64),
            kept["related"],
        )


def as_frames(values: Sequence[int | None]) -> Int64Array:
    """Frame map with -1 for None."""
    return np.array([NONE if value is None else value for value in values], np.int64)


def true_map(clip_moments: Int64Array, ref_moments: Int64Array, groups: Int64Array) -> Int64Array:
    """Clip frame of each ref frame, -1 where there is none and in black.

    Args:
        clip_moments: (clip,) moment that each frame shows, -1 for black.
        ref_moments: (ref,) likewise.
        groups: (moments,) number of the picture of each moment.
    """
    frame_of = np.full(len(groups), NONE)
    # backwards, so that the first of several frames stays
    shown = np.flatnonzero(clip_moments != BLACK)[::-1]
    frame_of[clip_moments[shown]] = shown
    present = np.flatnonzero(frame_of != NONE)
    if len(present):
        # a moment that clip lacks may look like the next that it has, or the last
        moments = np.arange(len(groups))
        after = present[np.minimum(np.searchsorted(present, moments), len(present) - 1)]
        before = present[np.maximum(np.searchsorted(present, moments, side="right") - 1, 0)]
        for other in np.where(np.abs(after - moments) < np.abs(before - moments), [after, before], [before, after]):
            frame_of = np.where((frame_of == NONE) & (groups[other] == groups), frame_of[other], frame_of)
    found = frame_of[ref_moments]
    found[ref_moments == BLACK] = NONE
    return np.asarray(found, np.int64)


def boundaries_of(frame_map: Int64Array, ref_groups: Int64Array, rate: float) -> list[Boundary]:
    """Where a frame map leaves its line, or has no frame for a while.

    Args:
        frame_map: (ref,) clip frames, -1 for none.
        ref_groups: (ref,) -1 where ref is black.
        rate: Clip frames per ref frame within a stretch.
    """
    frames = np.where(ref_groups == BLACK, NONE, frame_map)
    known = np.flatnonzero(frames != NONE)
    if not len(known):
        return []
    lacking = np.flatnonzero((frames == NONE) & (ref_groups != BLACK))
    found: list[Boundary] = []
    if known[0] > 0:
        found += _between(-1, int(known[0]), lacking, jump=False)[-1:]
    steps = np.diff(known)
    left = np.abs(np.diff(frames[known]) - steps * rate) > _JUMP
    for i in np.flatnonzero(left | (steps > _JUMP)):
        found += _between(int(known[i]), int(known[i + 1]), lacking, jump=bool(left[i]))
    if known[-1] < len(frames) - 1:
        found += _between(int(known[-1]), len(frames), lacking, jump=False)[:1]
    return found


def _between(before: int, after: int, lacking: Int64Array, jump: bool) -> list[Boundary]:
    """Boundaries between two ref frames that have a counterpart, of which all between have none."""
    inside = lacking[np.searchsorted(lacking, before) : np.searchsorted(lacking, after)]
    if len(inside) > _JUMP:
        return [Boundary(before + 1, int(inside[0])), Boundary(int(inside[-1]) + 1, after)]
    dark = len(inside) < after - before - 1
    return [Boundary(before + 1, after, dark)] if jump or dark else []


def pictures_of(truth: Truth, frame_map: Int64Array) -> Int64Array:
    """(ref,) group of the picture that an answer shows at each ref frame, -1 for black and where it shows none."""
    valid = (frame_map >= 0) & (frame_map < len(truth.clip_groups))
    return np.where(valid, truth.clip_groups[np.where(valid, frame_map, 0)], BLACK)


def right_frames(truth: Truth, frame_map: Int64Array) -> BoolArray:
    """(ref,) whether each entry of an answer is right.

    Right are: a frame with the same picture; none where clip has no such picture, and in black; and where clip lacks
    up to three frames in a row, the nearest that it has.
    """
    clip, ref = truth.clip_groups, truth.ref_groups
    shown = frame_map != NONE
    valid = shown & (frame_map < len(clip))
    pictures = pictures_of(truth, frame_map)
    right = valid & (pictures == ref)
    lacking = ~np.isin(ref, clip) | (ref == BLACK)
    right |= ~shown & lacking
    known = np.flatnonzero(truth.frame_map != NONE)
    for i in np.flatnonzero((np.diff(known) > 1) & (np.diff(known) <= _JUMP + 1)):
        before, after = int(known[i]), int(known[i + 1])
        if abs(truth.frame_map[after] - truth.frame_map[before] - (after - before) * truth.rate) > _JUMP:
            continue
        for n in range(before + 1, after):
            nearest = [k for k in (before, after) if abs(k - n) == min(n - before, after - n)]
            right[n] |= valid[n] and pictures[n] in ref[nearest]
    return np.asarray(right)


@dataclass(frozen=True, slots=True)
class Score:
    """How good an answer is. None where it cannot be said."""

    verdict: str
    fair: bool | None
    """Whether it was refused if, and only if, there is nothing in common."""
    right: float | None = None
    """Share of ref frames."""
    boundary: float | None = None
    """Largest distance of a true boundary to the nearest found one, in frames; infinite where none was found."""
    extra: int | None = None
    """Boundaries found farther than three frames from every true one."""
    frames_ppm: float | None = None
    """Error of clip frames per ref frame over the longest stretch, as the frame map has it."""
    time_ppm: float | None = None
    """Error of clip seconds per ref second there, with the rates that the answer names."""
    said_ppm: float | None = None
    """Error of the rate of the segment that covers most of that stretch, if it covers half."""


def score(truth: Truth, answer: Mapping[str, Any] | None, refused: bool) -> Score:
    """Judge an answer.

    Args:
        truth: What is right.
        answer: The JSON that was printed, None where there was none.
        refused: Whether the exit code said that the two are unrelated.
    """
    verdict = str((answer or {}).get("verdict") or ("unrelated" if refused else "none"))
    unrelated = refused or verdict == "unrelated"
    fair = None if truth.related is None else truth.related != unrelated
    if not truth.related:
        return Score(verdict, fair)
    said = (answer or {}).get("frame_map")
    if said is None or len(said) != len(truth.ref_groups):
        return Score(verdict, fair, 0.0)
    frame_map = as_frames(said)
    # which of several identical pictures was taken makes no difference to anything
    alike = (truth.frame_map != NONE) & (pictures_of(truth, frame_map) == truth.ref_groups)
    settled = np.where(alike, truth.frame_map, frame_map)
    true, found = truth.boundaries, boundaries_of(settled, truth.ref_groups, truth.rate)
    distances = [min((each.distance(other) for other in found), default=inf) for each in true if not each.dark]
    extra = sum(all(each.distance(other) > _JUMP for other in true) for each in found if not each.dark)
    frames_ppm, time_ppm, said_ppm = _rates(truth, settled, answer or {})
    right = float(right_frames(truth, frame_map).mean())
    return Score(verdict, fair, right, max(distances, default=0.0), extra, frames_ppm, time_ppm, said_ppm)


def longest_stretch(truth: Truth) -> tuple[int, int]:
    """First and last ref frame of the longest stretch that has counterparts."""
    known = np.flatnonzero(truth.frame_map != NONE)
    edges = sorted({int(known[0]), int(known[-1]) + 1, *(b.high for b in truth.boundaries)})
    spans = []
    for low, high in pairwise(edges):
        inside = known[(known >= low) & (known < high)]
        if len(inside):
            spans.append((int(inside[0]), int(inside[-1])))
    return max(spans, key=lambda span: span[1] - span[0])


def _rates(
    truth: Truth, frame_map: Int64Array, answer: Mapping[str, Any]
) -> tuple[float | None, float | None, float | None]:
    if (truth.frame_map == NONE).all():
        return None, None, None
    first, last = longest_stretch(truth)
    places = np.arange(first, last + 1)
    places = places[(truth.frame_map[places] != NONE) & (frame_map[places] != NONE)]
    if len(places) < 30:
        return None, None, None
    # the error in the last third against that in the first: medians, so that a wrong frame does not tilt the line
    third = len(places) // 3
    errors = frame_map[places] - truth.frame_map[places]
    way = float(np.median(places[-third:]) - np.median(places[:third]))
    tilt = float(np.median(errors[-third:]) - np.median(errors[:third])) / way
    frames_ppm = 1e6 * tilt / truth.rate
    clip_rate, ref_rate = _said_rate(answer, "clip", truth.clip_rate), _said_rate(answer, "ref", truth.ref_rate)
    names = float(ref_rate / clip_rate * truth.clip_rate / truth.ref_rate)
    time_ppm = 1e6 * ((1 + tilt / truth.rate) * names - 1)
    return frames_ppm, time_ppm, _segment_ppm(truth, answer, first, last)


def _said_rate(answer: Mapping[str, Any], side: str, default: Fraction) -> Fraction:
    told = answer.get(side)
    rate = Fraction(str(told["rate"])) if isinstance(told, Mapping) and "rate" in told else default
    return rate or default


def _segment_ppm(truth: Truth, answer: Mapping[str, Any], first: int, last: int) -> float | None:
    def covered(segment: Mapping[str, Any]) -> int:
        return min(last, int(segment["ref_last"])) - max(first, int(segment["ref_first"])) + 1

    matches = [segment for segment in answer.get("segments", ()) if segment.get("kind", "match") == "match"]
    widest = max(matches, key=covered, default=None)
    if widest is None or covered(widest) < (last - first + 1) / 2:
        return None
    return 1e6 * (float(widest["rate"]) / truth.rate - 1)
