"""Collinear chaining: intervals that two videos have in common, searched over their whole length.

A few ref frames per second are matched by nearest neighbor search over the descriptors of all of clip. Matches that
advance at about the same speed on both sides form intervals, and the chain of intervals with the highest weight wins,
as in collinear chaining of matches between genomes (M. Abouelhoda and E. Ohlebusch, Journal of Discrete Algorithms 3,
2005).
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.spatial import cKDTree

from vs_align.decide.synchronization import chaining_kernels as kernels
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array
from vs_align.measure.fingerprints.descriptors import frame_descriptors
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, CellBox, Fingerprints


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the nearest neighbor search."""

    epsilon: float = 1.0
    """Approximation of the search: a neighbor up to 1 + epsilon times as far as the nearest may be returned for it."""
    ref_step: float = 1 / 3
    """Seconds between sampled ref frames."""
    clip_step: float = 1 / 7
    """Seconds between sampled clip frames."""
    neighbors: int = 24
    """Nearest neighbors examined per ref frame."""
    kept: int = 6
    """Matches kept per ref frame at most."""
    directions: int = 20
    """Principal components of the descriptors that are searched; the others hold little and cost time."""
    least_matches: int = 3
    """Matches per interval at least."""
    still_levels: float = 1.0
    """Mean absolute difference of the cells of two frames, in levels of 255, up to which they show a still scene."""


_TUNING = _Tuning()
_CELLS = HEIGHT * WIDTH // 9
"""Cells of the grid of a frame."""


@dataclass(frozen=True, slots=True, eq=False)
class MatchedInterval:
    """An interval of both videos that seems to show the same.

    Args:
        ref: (k,) rising times of ref in seconds.
        clip: (k,) the times of clip that match them.
        weight: Sum of the correlations.
    """

    ref: Float64Array
    clip: Float64Array
    weight: float


def chain_matches(
    clip: Fingerprints,
    ref: Fingerprints,
    clip_box: CellBox | None = None,
    ref_box: CellBox | None = None,
    reach: float | None = None,
) -> list[MatchedInterval]:
    """Find the intervals that two videos have in common, in rising order of both their times.

    Args:
        clip: The video to search.
        ref: The video whose frames are looked up.
        clip_box: The part of clip's image that is compared; None: the part inside a black border.
        ref_box: The part of ref's image that is compared; None: the part inside a black border.
        reach: Largest difference of their times in seconds; None: any.
    """
    ref_frames = without_stills(ref, sample_frames(ref, _TUNING.ref_step))
    clip_frames = sample_frames(clip, _TUNING.clip_step)
    if not len(ref_frames) or not len(clip_frames):
        return []
    ref_rows = frame_descriptors(ref, ref_frames, ref_box)
    clip_rows = frame_descriptors(clip, clip_frames, clip_box)
    ref_times, clip_times = ref.times[ref_frames], clip.times[clip_frames]
    matches, correlations = _matches(ref_rows, clip_rows, clip_times, ref_times)
    if reach is not None:
        far = np.abs(clip_times[matches] - ref_times[:, None]) > reach
        _remove(matches, correlations, far | (matches < 0))
    links = kernels.best_chain(ref_times, clip_times, matches, correlations)
    return _intervals(links, ref_times, clip_times, matches, correlations)


def _remove(matches: Int64Array, correlations: Float32Array, removed: BoolArray) -> None:
    """Remove some matches in place; the others move to the front of their rows."""
    matches[removed] = -1
    order = np.argsort(removed, axis=1, kind="stable")
    matches[:], correlations[:] = np.take_along_axis(matches, order, 1), np.take_along_axis(correlations, order, 1)


def sample_frames(video: Fingerprints, step: float) -> Int64Array:
    """Numbers of frames about `step` seconds apart, without flat ones; 0: every frame."""
    due = np.arange(0.0, video.duration, max(step, video.frame_seconds))
    numbers = np.unique(np.minimum(np.searchsorted(video.times, due), len(video) - 1))
    out: Int64Array = numbers[~video.flat[numbers]]
    return out


def without_stills(video: Fingerprints, frames: Int64Array) -> Int64Array:
    """Leave out frames equal to the last one kept: frames of a still scene cannot be localized in time."""
    kept: list[int] = []
    limit = _TUNING.still_levels * _CELLS
    for n in frames.tolist():
        if not kept or cv2.norm(video.stats.grid[n], video.stats.grid[kept[-1]], cv2.NORM_L1) > limit:
            kept.append(n)
    # of a video that is all still, all frames are used
    return np.array(kept, np.int64) if len(kept) > 2 * _TUNING.least_matches else frames


def _matches(
    ref_rows: Float32Array, clip_rows: Float32Array, clip_times: Float64Array, ref_times: Float64Array
) -> tuple[Int64Array, Float32Array]:
    """For each ref frame some matches apart in time, with their correlations; -1 behind the last."""
    directions = _principal_directions(np.concatenate([ref_rows, clip_rows]))
    tree = cKDTree(_projected(clip_rows, directions), balanced_tree=False, compact_nodes=False)
    count = min(_TUNING.neighbors, len(clip_rows))
    found = tree.query(_projected(ref_rows, directions), k=count, eps=_TUNING.epsilon, workers=2)
    nearest = found[1].reshape(len(ref_rows), count)
    # if many are equally near, the one at the same time is always among the candidates
    same = np.minimum(np.searchsorted(clip_times, ref_times), len(clip_rows) - 1)
    nearest = np.column_stack([same, nearest])
    matches = np.full((len(ref_rows), _TUNING.kept), -1, np.int64)
    correlations = np.zeros((len(ref_rows), _TUNING.kept), np.float32)
    kernels.select_matches(ref_rows, clip_rows, nearest.astype(np.int64), clip_times, matches, correlations)
    return matches, correlations


def _principal_directions(descriptors: Float32Array) -> Float32Array:
    """Principal components of descriptors, (DESCRIPTOR_LENGTH, directions)."""
    some = descriptors[:: max(1, len(descriptors) // 4000)]
    spread = np.zeros((descriptors.shape[1], descriptors.shape[1]))
    kernels.add_products(some.astype(np.float64), spread)
    out: Float32Array = np.linalg.eigh(spread)[1][:, ::-1][:, : _TUNING.directions].astype(np.float32)
    return out


def _projected(descriptors: Float32Array, directions: Float32Array) -> Float32Array:
    out = np.zeros((len(descriptors), directions.shape[1]), np.float32)
    kernels.project(descriptors, np.ascontiguousarray(directions.T), out)
    return out


def _intervals(
    links: Any, ref: Float64Array, clip: Float64Array, matches: Int64Array, correlations: Float32Array
) -> list[MatchedInterval]:
    """Intervals of a chain, from its links in reverse order."""
    found = []
    run: list[tuple[int, int]] = []
    for i, j, begins in links[:, :3].tolist():
        run.append((i, j))
        if begins:
            rows = np.array(run[::-1])
            if len(rows) >= _TUNING.least_matches:
                where = rows[:, 0], rows[:, 1]
                weight = float(correlations[where].sum())
                found.append(MatchedInterval(ref[where[0]], clip[matches[where]], weight))
            run = []
    return found[::-1]
