"""`FilmMatch`: lines with what speaks for them, cleaned of stretches that nothing speaks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vs_align.timeline_passages import LARGEST_STEP, LONGEST_GAP
from vs_align.timing.fingerprint import Fingerprints
from vs_align.timing.segmenting import FrameMap, Line, lines_of

# What one frame can say for a line, and how much it takes to be sure.
_MOST, _SURE = 6.0, 6.0
# Mean correlation at which a line is worth nothing, and from which on it is worth all that its evidence is.
_NOTHING, _WORTH = 0.25, 0.6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FilmMatch:
    """Which clip frame belongs to which ref frame, in lines.

    Args:
        found: The clip frame of each ref frame.
        lines: Straight runs that describe it.
        confidences: (n,) 0 to 1 for each ref frame.
        scores: (n,) how unlike the pictures are, 0 for equal ones, about 1 for unlike ones; NaN where unknown.
    """

    found: FrameMap
    lines: tuple[Line, ...]
    confidences: Floats
    scores: Floats


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
    found = _without_short(found, lines_of(found, known_rates), unlike, min_frames)
    lines = lines_of(found, known_rates)
    confidences = np.zeros(len(found.frames))
    for line in lines:
        part = slice(line.first, line.last + 1)
        confidences[part] = np.where(found.frames[part] >= 0, _confidence(unlike[part], speaks[part]), 0)
    return FilmMatch(found, tuple(lines), confidences, np.where(unlike < 0, np.nan, unlike))


def _confidence(unlike: Floats, evidence: Floats) -> float:
    """How sure a line is: that its pictures are alike, and that those a frame beside are not."""
    seen = unlike[np.isfinite(unlike) & (unlike >= 0)]
    if not seen.size:
        return 0.0
    worth = float(np.clip((1 - seen.mean() - _NOTHING) / (_WORTH - _NOTHING), 0, 1))
    total = float(np.clip(evidence, -_MOST, _MOST).sum())
    return worth * (1 - float(np.exp(-max(total, 0) / _SURE)))


def _without_short(found: FrameMap, lines: Sequence[Line], unlike: Floats, least: int) -> FrameMap:
    """Drop stretches that are too short, or too unlike, to be believed."""
    groups = _stretches(found, lines)
    frames = found.frames.copy()
    for group in groups:
        first, last = group[0].first, group[-1].last
        part = slice(first, last + 1)
        seen = unlike[part][np.isfinite(unlike[part]) & (unlike[part] >= 0)]
        hopeless = seen.size > 0 and 1 - seen.mean() <= _NOTHING
        if hopeless or (len(groups) > 1 and last - first + 1 < least):
            frames[part] = -1
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


def shown_times(found: FrameMap, clip: Fingerprints) -> Floats:
    """(n,) time in clip of the frame that each ref frame shows, seconds; NaN where there is none."""
    return np.where(found.frames >= 0, clip.times[np.maximum(found.frames, 0)], np.nan)
