"""`FilmMatch`: lines with what speaks for them, cleaned of stretches that nothing speaks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vs_align.decide.synchronization.segmentation import FrameMap, Line, lines_of
from vs_align.io.array_types import BoolArray, Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints
from vs_align.timeline.passages import LARGEST_STEP, LONGEST_GAP

# What one frame can say for a line, and how much it takes to be sure.
_MOST, _SURE = 6.0, 6.0
# Mean correlation at which a line is worth nothing, and from which on it is worth all that its evidence is.
_NOTHING, _WORTH = 0.25, 0.6
# Confidence below which a few frames beside the line at an end of a stretch are no match.
_ODD = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class FilmMatch:
    """Which clip frame belongs to which ref frame, in lines.

    Args:
        found: The clip frame of each ref frame.
        lines: Straight runs that describe it.
        confidences: (n,) 0 to 1 for each ref frame.
        scores: (n,) how unlike the pictures are, 0 for equal ones, about 1 for unlike ones; NaN where unknown.
        contradicted: (n,) whether a match is wrong by what the frames show: the two differ, or others fit better.
    """

    found: FrameMap
    lines: tuple[Line, ...]
    confidences: Float64Array
    scores: Float64Array
    contradicted: BoolArray


def film_match(
    found: FrameMap,
    scores: npt.ArrayLike,
    evidence: npt.ArrayLike,
    known_rates: Sequence[float],
    min_frames: int,
) -> FilmMatch:
    """Describe a map by lines, drop short stretches, and say how sure each is.

    Args:
        found: The map.
        scores: (n,) 1 minus the correlation of each pair; below 0 where there is nothing to be seen.
        evidence: (n,) by how much the frames beside are worse, as negative logarithms of probabilities.
        known_rates: Clip frames per ref frame that are likely.
        min_frames: Ref frames that a stretch must have to be believed, unless it is all there is.
    """
    unlike, speaks = np.asarray(scores, np.float64), np.asarray(evidence, np.float64)
    found = without_short(found, unlike, known_rates, min_frames)
    found = _without_odd_ends(found, lines_of(found, known_rates), unlike, speaks)
    lines = lines_of(found, known_rates)
    confidences = np.zeros(len(found.frames))
    for line in lines:
        part = slice(line.first, line.last + 1)
        confidences[part] = np.where(found.frames[part] >= 0, _confidence(unlike[part], speaks[part]), 0)
    seen = np.where(unlike < 0, np.nan, unlike)
    return FilmMatch(found, tuple(lines), confidences, seen, np.zeros(len(seen), np.bool_))


def _confidence(unlike: Float64Array, evidence: Float64Array) -> float:
    """How sure a line is: that its pictures are alike, and that those a frame beside are not."""
    seen = unlike[np.isfinite(unlike) & (unlike >= 0)]
    if not seen.size:
        return 0.0
    return line_confidence(float(seen.mean()), float(np.clip(evidence, -_MOST, _MOST).sum()))


def worth(unlike: npt.ArrayLike) -> Float64Array:
    """How much evidence counts for pairs that differ so much, 0..1: all of it where they are alike."""
    out: Float64Array = np.clip((1 - np.asarray(unlike, np.float64) - _NOTHING) / (_WORTH - _NOTHING), 0, 1)
    return out


def line_confidence(unlike: float, total: float) -> float:
    """How sure a line is, 0..1.

    Args:
        unlike: Mean difference of its pairs.
        total: By how much the lines beside are worse, as a negative logarithm of probabilities.
    """
    return float(worth(unlike)) * (1 - float(np.exp(-max(total, 0) / _SURE)))


def without_short(found: FrameMap, scores: npt.ArrayLike, known_rates: Sequence[float], least: int) -> FrameMap:
    """Drop stretches that are too short, or too unlike, to be believed; see `film_match`."""
    unlike = np.asarray(scores, np.float64)
    groups = _stretches(found, lines_of(found, known_rates))
    frames = found.frames.copy()
    for group in groups:
        first, last = group[0].first, group[-1].last
        part = slice(first, last + 1)
        seen = unlike[part][np.isfinite(unlike[part]) & (unlike[part] >= 0)]
        hopeless = seen.size > 0 and 1 - seen.mean() <= _NOTHING
        if hopeless or (len(groups) > 1 and last - first + 1 < least):
            frames[part] = -1
    return _only(found, frames)


def _without_odd_ends(found: FrameMap, lines: Sequence[Line], unlike: Float64Array, evidence: Float64Array) -> FrameMap:
    """Drop a few frames at either end of a stretch that lie beside its line and that nothing speaks for.

    What ref shows just before clip begins is much like clip's first frame, and that is all there is to compare it with.
    """
    frames = found.frames.copy()
    for group in _stretches(found, lines):
        while len(group) > 1:
            end = min(group[0], group[-1], key=lambda line: _believed(line, unlike, evidence))
            if _believed(end, unlike, evidence) >= _ODD:
                break
            frames[end.first : end.last + 1] = -1
            group.remove(end)
    return _only(found, frames)


def _believed(line: Line, unlike: Float64Array, evidence: Float64Array) -> float:
    """How sure the line at an end of a stretch is; 1 where it has too many frames to be odd ones."""
    part = slice(line.first, line.last + 1)
    return 1.0 if line.last - line.first >= LARGEST_STEP else _confidence(unlike[part], evidence[part])


def _only(found: FrameMap, frames: Int64Array) -> FrameMap:
    """A map of which some frames were taken out."""
    lost = frames < 0
    return FrameMap(frames, np.where(lost, -1, found.lows), np.where(lost, -1, found.highs), found.prices)


def _stretches(found: FrameMap, lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that continue each other, together."""
    groups = [[line] for line in lines[:1]]
    for before, line in pairwise(lines):
        here, there = found.frames[line.first], found.frames[before.last]
        step = abs((here - there) - (line.first - before.last) * before.rate)
        if step <= LARGEST_STEP and line.first - before.last <= LONGEST_GAP:
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def shown_times(found: FrameMap, clip: Fingerprints) -> Float64Array:
    """(n,) time in clip of the frame that each ref frame shows, seconds; NaN where there is none."""
    return np.where(found.frames >= 0, clip.times[np.maximum(found.frames, 0)], np.nan)
