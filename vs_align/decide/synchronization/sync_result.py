"""`SyncResult`: a frame map as linear runs with confidences, cleaned of unsupported runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vs_align.decide.synchronization.segmentation import FrameMap, LinearRun, linear_runs
from vs_align.io.array_types import BoolArray, Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints
from vs_align.timeline.passages import LARGEST_STEP, LONGEST_GAP


@dataclass(frozen=True, slots=True)
class _Tuning:
    """From likelihoods to confidences."""

    most_per_frame: float = 6.0
    """Limit of the log-likelihood ratio that one frame contributes."""
    scale: float = 6.0
    """Total log-likelihood ratio at which confidence reaches 1 - 1/e."""
    zero_correlation: float = 0.25
    """Mean correlation at which a run has no weight."""
    full_correlation: float = 0.6
    """Mean correlation from which on a run has full weight."""
    odd_end: float = 0.1
    """Confidence below which a few frames off the line at an end of a run are no match."""


_TUNING = _Tuning()


@dataclass(frozen=True, slots=True, eq=False)
class SyncResult:
    """Which clip frame belongs to which ref frame, in linear runs.

    Args:
        found: The clip frame of each ref frame.
        runs: Linear runs that describe it.
        confidences: (n,) 0 to 1 for each ref frame.
        scores: (n,) dissimilarity of each pair: 0 for equal images, about 1 for unrelated ones; NaN if unknown.
        contradicted: (n,) whether the frames refute a match: the two differ, or others fit better.
    """

    found: FrameMap
    runs: tuple[LinearRun, ...]
    confidences: Float64Array
    scores: Float64Array
    contradicted: BoolArray


def build_sync_result(
    found: FrameMap,
    scores: npt.ArrayLike,
    costs: npt.ArrayLike,
    known_rates: Sequence[float],
    min_frames: int,
) -> SyncResult:
    """Describe a map by linear runs, drop unsupported ones, and compute confidences.

    Args:
        found: The map.
        scores: (n,) dissimilarity of each pair, 1 minus the correlation; below 0 for flat frames.
        costs: (n,) increase of the negative log-likelihood if a neighboring frame were shown.
        known_rates: Likely clip frames per ref frame.
        min_frames: Ref frames that a run must have, unless it is the only one.
    """
    dissimilarity, cost = np.asarray(scores, np.float64), np.asarray(costs, np.float64)
    found = drop_short_runs(found, dissimilarity, known_rates, min_frames)
    found = _without_odd_ends(found, linear_runs(found, known_rates), dissimilarity, cost)
    runs = linear_runs(found, known_rates)
    confidences = np.zeros(len(found.frames))
    for run in runs:
        part = slice(run.first, run.last + 1)
        confidences[part] = np.where(found.frames[part] >= 0, _confidence(dissimilarity[part], cost[part]), 0)
    seen = np.where(dissimilarity < 0, np.nan, dissimilarity)
    return SyncResult(found, tuple(runs), confidences, seen, np.zeros(len(seen), np.bool_))


def _confidence(dissimilarity: Float64Array, costs: Float64Array) -> float:
    """Confidence of a run: its pairs are similar, and pairs one frame off are not."""
    seen = dissimilarity[np.isfinite(dissimilarity) & (dissimilarity >= 0)]
    if not seen.size:
        return 0.0
    limit = _TUNING.most_per_frame
    return run_confidence(float(seen.mean()), float(np.clip(costs, -limit, limit).sum()))


def similarity_weight(dissimilarity: npt.ArrayLike) -> Float64Array:
    """Weight of pairs by their dissimilarity, 0..1: 0 up to a correlation of 0.25, 1 from 0.6 on."""
    zero, full = _TUNING.zero_correlation, _TUNING.full_correlation
    out: Float64Array = np.clip((1 - np.asarray(dissimilarity, np.float64) - zero) / (full - zero), 0, 1)
    return out


def run_confidence(dissimilarity: float, total: float) -> float:
    """Confidence of a run, 0..1.

    Args:
        dissimilarity: Mean dissimilarity of its pairs.
        total: Log-likelihood ratio of the run to the best parallel one.
    """
    return float(similarity_weight(dissimilarity)) * (1 - float(np.exp(-max(total, 0) / _TUNING.scale)))


def drop_short_runs(found: FrameMap, scores: npt.ArrayLike, known_rates: Sequence[float], least: int) -> FrameMap:
    """Drop groups of continuous runs that are too short or too dissimilar; see `build_sync_result`."""
    dissimilarity = np.asarray(scores, np.float64)
    groups = _continuous_groups(found, linear_runs(found, known_rates))
    frames = found.frames.copy()
    for group in groups:
        first, last = group[0].first, group[-1].last
        part = slice(first, last + 1)
        seen = dissimilarity[part][np.isfinite(dissimilarity[part]) & (dissimilarity[part] >= 0)]
        unrelated = seen.size > 0 and 1 - seen.mean() <= _TUNING.zero_correlation
        if unrelated or (len(groups) > 1 and last - first + 1 < least):
            frames[part] = -1
    return _restricted(found, frames)


def _without_odd_ends(
    found: FrameMap, runs: Sequence[LinearRun], dissimilarity: Float64Array, costs: Float64Array
) -> FrameMap:
    """Drop a few frames at the ends of a group of runs that lie off the line without support.

    What ref shows just before clip begins resembles clip's first frame, the only one it can be compared with.
    """
    frames = found.frames.copy()
    for group in _continuous_groups(found, runs):
        while len(group) > 1:
            end = min(group[0], group[-1], key=lambda run: _end_confidence(run, dissimilarity, costs))
            if _end_confidence(end, dissimilarity, costs) >= _TUNING.odd_end:
                break
            frames[end.first : end.last + 1] = -1
            group.remove(end)
    return _restricted(found, frames)


def _end_confidence(run: LinearRun, dissimilarity: Float64Array, costs: Float64Array) -> float:
    """Confidence of the run at an end of a group; 1 if it has too many frames to be a few odd ones."""
    part = slice(run.first, run.last + 1)
    return 1.0 if run.last - run.first >= LARGEST_STEP else _confidence(dissimilarity[part], costs[part])


def _restricted(found: FrameMap, frames: Int64Array) -> FrameMap:
    """The map with some matches removed: `frames` has -1 there."""
    lost = frames < 0
    lows, highs = np.where(lost, -1, found.lows), np.where(lost, -1, found.highs)
    return FrameMap(frames, lows, highs, found.neighbor_costs)


def _continuous_groups(found: FrameMap, runs: Sequence[LinearRun]) -> list[list[LinearRun]]:
    """Groups of runs that continue each other without a large jump or gap."""
    groups = [[run] for run in runs[:1]]
    for before, run in pairwise(runs):
        here, there = found.frames[run.first], found.frames[before.last]
        step = abs((here - there) - (run.first - before.last) * before.rate)
        if step <= LARGEST_STEP and run.first - before.last <= LONGEST_GAP:
            groups[-1].append(run)
        else:
            groups.append([run])
    return groups


def shown_times(found: FrameMap, clip: Fingerprints) -> Float64Array:
    """(n,) time in clip of the frame matched to each ref frame, seconds; NaN for none."""
    return np.where(found.frames >= 0, clip.times[np.maximum(found.frames, 0)], np.nan)
