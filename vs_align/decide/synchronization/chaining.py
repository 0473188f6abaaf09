"""`chain`: which stretches of two films show the same, looked for everywhere.

A few frames a second of ref each ask all of clip for frames of the same shape. What belongs together follows each other
at about the same speed on both sides; the chain of such stretches that explains the most wins, in the manner of
collinear chaining of matches between genomes (M. Abouelhoda and E. Ohlebusch, Journal of Discrete Algorithms 3, 2005).
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.spatial import cKDTree

from vs_align.decide.synchronization import chaining_kernels as kernels
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array
from vs_align.measure.fingerprints.descriptors import shapes_of
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Box, Fingerprints

# An answer may be overlooked for one that is up to so many times less near, besides one.
_EPSILON = 1.0
# Seconds from one frame that asks to the next, and likewise of clip that answers.
_REF_STEP, _CLIP_STEP = 1 / 3, 1 / 7
# How many answers are looked at, and how many of them are kept.
_ASKED, _KEPT = 24, 6
# Directions in which shapes differ most; the others tell little and cost time.
_DIRECTIONS = 20
# A stretch has so many at least.
_LEAST_ANSWERS = 3
# Mean difference of 255 levels of the cells of two frames that look the same.
_STILL, _CELLS = 1.0, HEIGHT * WIDTH // 9


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A stretch of both films that seems to show the same.

    Args:
        ref: (k,) rising times in seconds.
        clip: (k,) those at which clip shows about the same.
        weight: Sum of the correlations.
    """

    ref: Float64Array
    clip: Float64Array
    weight: float


def chain(
    clip: Fingerprints,
    ref: Fingerprints,
    clip_box: Box | None = None,
    ref_box: Box | None = None,
    reach: float | None = None,
) -> list[Stretch]:
    """Find the stretches that two films have in common, in rising order of both their times.

    Args:
        clip: Where to look.
        ref: What to look for.
        clip_box: The part of clip's picture that is compared; None: what is not border.
        ref_box: Likewise for ref.
        reach: Seconds by which their times may differ at most; None: any.
    """
    asking, answering = moving(ref, sampled(ref, _REF_STEP)), sampled(clip, _CLIP_STEP)
    if not len(asking) or not len(answering):
        return []
    wanted, known = shapes_of(ref, asking, ref_box), shapes_of(clip, answering, clip_box)
    answers, alike = _answers(wanted, known, clip.times[answering], ref.times[asking])
    if reach is not None:
        far = np.abs(clip.times[answering][answers] - ref.times[asking][:, None]) > reach
        _left_out(answers, alike, far | (answers < 0))
    links = kernels.link(ref.times[asking], clip.times[answering], answers, alike)
    return _stretches(links, ref.times[asking], clip.times[answering], answers, alike)


def _left_out(answers: Int64Array, alike: Float32Array, out: BoolArray) -> None:
    """Leave out some answers; those that stay move to the front of their rows."""
    answers[out] = -1
    order = np.argsort(out, axis=1, kind="stable")
    answers[:], alike[:] = np.take_along_axis(answers, order, 1), np.take_along_axis(alike, order, 1)


def sampled(film: Fingerprints, step: float) -> Int64Array:
    """Numbers of frames about so many seconds apart, without flat ones."""
    due = np.arange(0.0, film.duration, max(step, film.frame_seconds))
    numbers = np.unique(np.minimum(np.searchsorted(film.times, due), len(film) - 1))
    out: Int64Array = numbers[~film.flat[numbers]]
    return out


def moving(film: Fingerprints, frames: Int64Array) -> Int64Array:
    """Leave out frames that look like the last one that was not left out: a still has no moment of its own."""
    kept: list[int] = []
    for n in frames.tolist():
        if not kept or cv2.norm(film.stats.grid[n], film.stats.grid[kept[-1]], cv2.NORM_L1) > _STILL * _CELLS:
            kept.append(n)
    # of a film that is all one picture, all frames ask
    return np.array(kept, np.int64) if len(kept) > 2 * _LEAST_ANSWERS else frames


def _answers(wanted: Any, known: Any, times: Float64Array, asked: Float64Array) -> tuple[Int64Array, Float32Array]:
    """For each frame that asks, some answers apart in time, with their correlations; -1 where there is none."""
    directions = _principal(np.concatenate([wanted, known]))
    tree = cKDTree(_turned(known, directions), balanced_tree=False, compact_nodes=False)
    count = min(_ASKED, len(known))
    nearest = tree.query(_turned(wanted, directions), k=count, eps=_EPSILON, workers=2)[1].reshape(len(wanted), count)
    # where many are equal, the one at the same time is among them
    same = np.minimum(np.searchsorted(times, asked), len(known) - 1)
    nearest = np.column_stack([same, nearest])
    answers = np.full((len(wanted), _KEPT), -1, np.int64)
    alike = np.zeros((len(wanted), _KEPT), np.float32)
    kernels.prune(wanted, known, nearest.astype(np.int64), times, answers, alike)
    return answers, alike


def _principal(shapes: Any) -> Any:
    """The directions in which shapes differ most, (LENGTH, directions)."""
    some = shapes[:: max(1, len(shapes) // 4000)]
    spread = np.zeros((shapes.shape[1], shapes.shape[1]))
    kernels.add_products(some.astype(np.float64), spread)
    return np.linalg.eigh(spread)[1][:, ::-1][:, :_DIRECTIONS].astype(np.float32)


def _turned(shapes: Any, directions: Any) -> Any:
    out = np.zeros((len(shapes), directions.shape[1]), np.float32)
    kernels.project(shapes, np.ascontiguousarray(directions.T), out)
    return out


def _stretches(links: Any, ref: Float64Array, clip: Float64Array, answers: Any, alike: Any) -> list[Stretch]:
    found = []
    run: list[tuple[int, int]] = []
    for i, j, begins in links[:, :3].tolist():
        run.append((i, j))
        if begins:
            rows = np.array(run[::-1])
            if len(rows) >= _LEAST_ANSWERS:
                where = rows[:, 0], rows[:, 1]
                found.append(Stretch(ref[where[0]], clip[answers[where]], float(alike[where].sum())))
            run = []
    return found[::-1]
