"""`chain`: which stretches of two films show the same, looked for everywhere.

A few frames a second of ref each ask all of clip for frames of the same shape. What belongs together follows each other
at about the same speed on both sides; the chain of such stretches that explains the most wins, in the manner of
collinear chaining of matches between genomes (M. Abouelhoda and E. Ohlebusch, Journal of Discrete Algorithms 3, 2005).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree

from vs_align.timing.fingerprint import Box, Fingerprints
from vs_align.timing.shapes import shapes_of

# Seconds from one frame that asks to the next, and likewise of clip that answers.
_REF_STEP, _CLIP_STEP = 1 / 3, 1 / 7
# How many answers are looked at, how many of them are kept, and seconds between those.
_ASKED, _KEPT, _APART = 24, 6, 0.4
# Correlation from which on an answer may be one.
_LEAST = 0.35
# Directions in which shapes differ most; the others tell little and cost time.
_DIRECTIONS = 28
# Answers follow each other if their times advance alike but for this share, and so many seconds.
_SPEED_SLACK, _TIME_SLACK = 0.12, 0.3
# So many frames that ask may have no answer within a stretch.
_LOOKBACK = 12
# What it costs to go on elsewhere, as many good answers.
_JUMP = 3.0
_LEAST_ANSWERS = 3

Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A stretch of both films that seems to show the same.

    Args:
        ref: (k,) rising times in seconds.
        clip: (k,) those at which clip shows about the same.
        weight: Sum of the correlations.
    """

    ref: Times
    clip: Times
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
    asking, answering = sampled(ref, _REF_STEP), sampled(clip, _CLIP_STEP)
    if not len(asking) or not len(answering):
        return []
    wanted, known = shapes_of(ref, asking, ref_box), shapes_of(clip, answering, clip_box)
    answers, alike = _answers(wanted, known, clip.times[answering])
    if reach is not None:
        far = np.abs(clip.times[answering][answers] - ref.times[asking][:, None]) > reach
        _left_out(answers, alike, far | (answers < 0))
    links = _linked(ref.times[asking], clip.times[answering], answers, alike)
    return _stretches(links, ref.times[asking], clip.times[answering], answers, alike)


def _left_out(answers: npt.NDArray[np.int64], alike: npt.NDArray[np.float32], out: npt.NDArray[np.bool_]) -> None:
    """Leave out some answers; those that stay move to the front of their rows."""
    answers[out] = -1
    order = np.argsort(out, axis=1, kind="stable")
    answers[:], alike[:] = np.take_along_axis(answers, order, 1), np.take_along_axis(alike, order, 1)


def sampled(film: Fingerprints, step: float) -> npt.NDArray[np.int64]:
    """Numbers of frames about so many seconds apart, without flat ones."""
    due = np.arange(0.0, film.duration, max(step, film.frame_seconds))
    numbers = np.unique(np.minimum(np.searchsorted(film.times, due), len(film) - 1))
    out: npt.NDArray[np.int64] = numbers[~film.flat[numbers]]
    return out


def _answers(wanted: Any, known: Any, times: Times) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """For each frame that asks, some answers that are apart in time, with their correlations; -1 where there is none."""
    directions = _principal(np.concatenate([wanted, known]))
    tree = cKDTree(_turned(known, directions), balanced_tree=False, compact_nodes=False)
    count = min(_ASKED, len(known))
    nearest = tree.query(_turned(wanted, directions), k=count, eps=0.3, workers=2)[1].reshape(len(wanted), count)
    answers = np.full((len(wanted), _KEPT), -1, np.int64)
    alike = np.zeros((len(wanted), _KEPT), np.float32)
    _pruned(wanted, known, nearest.astype(np.int64), times, answers, alike)
    return answers, alike


def _principal(shapes: Any) -> Any:
    """The directions in which shapes differ most, (LENGTH, directions)."""
    some = shapes[:: max(1, len(shapes) // 4000)]
    spread = np.zeros((shapes.shape[1], shapes.shape[1]))
    _add_products(some.astype(np.float64), spread)
    return np.linalg.eigh(spread)[1][:, ::-1][:, :_DIRECTIONS].astype(np.float32)


def _turned(shapes: Any, directions: Any) -> Any:
    out = np.zeros((len(shapes), directions.shape[1]), np.float32)
    _project(shapes, np.ascontiguousarray(directions.T), out)
    return out


@njit(nogil=True, cache=True)
def _add_products(rows: Any, out: Any) -> None:
    for row in rows:
        for i in range(row.size):
            for j in range(row.size):
                out[i, j] += row[i] * row[j]


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "arcp", "nsz"})
def _project(rows: Any, directions: Any, out: Any) -> None:
    for i in range(len(rows)):
        for j in range(len(directions)):
            total = np.float32(0)
            for k in range(rows.shape[1]):
                total += rows[i, k] * directions[j, k]
            out[i, j] = total


@njit(nogil=True, cache=True)
def _pruned(wanted: Any, known: Any, nearest: Any, times: Any, answers: Any, alike: Any) -> None:
    """Keep the best answers that are apart in time."""
    for i in range(len(wanted)):
        scores = np.empty(nearest.shape[1], np.float32)
        for j in range(nearest.shape[1]):
            total = np.float32(0)
            for k in range(wanted.shape[1]):
                total += wanted[i, k] * known[nearest[i, j], k]
            scores[j] = total
        kept = 0
        for j in np.argsort(-scores):
            if scores[j] < _LEAST or kept == answers.shape[1]:
                break
            apart = True
            for a in range(kept):
                if abs(times[answers[i, a]] - times[nearest[i, j]]) < _APART:
                    apart = False
            if apart:
                answers[i, kept], alike[i, kept] = nearest[i, j], scores[j]
                kept += 1


@njit(nogil=True, cache=True)
def _linked(ref: Any, clip: Any, answers: Any, alike: Any) -> Any:
    """Return the best chain as rows (frame that asks, which answer, 1 where a new stretch begins), backwards."""
    count, kept = answers.shape
    total = np.full((count, kept), -np.inf)
    before = np.full((count, kept), -1, np.int64)
    fresh = np.ones((count, kept), np.int64)
    # prefix maxima over clip's frames (P. Fenwick, Software: Practice and Experience 24, 1994)
    size = len(clip) + 1
    tree_value, tree_place = np.zeros(size + 1), np.full(size + 1, -1, np.int64)
    for i in range(count):
        for j in range(kept):
            a = answers[i, j]
            if a < 0:
                break
            gain = alike[i, j] * alike[i, j]
            best, place = 0.0, np.int64(-1)
            k = a  # answers before this one
            while k > 0:
                if tree_value[k] - _JUMP > best:
                    best, place = tree_value[k] - _JUMP, tree_place[k]
                k -= k & -k
            is_fresh = 1
            for b in range(max(0, i - _LOOKBACK), i):
                for m in range(kept):
                    other = answers[b, m]
                    if other < 0:
                        break
                    advance, due = clip[a] - clip[other], ref[i] - ref[b]
                    off = abs(advance - due)
                    if advance >= 0 and off <= _SPEED_SLACK * due + _TIME_SLACK:
                        value = total[b, m] - 0.05 * (i - b - 1) - 0.3 * off
                        if value > best:
                            best, place, is_fresh = value, b * kept + m, 0
            total[i, j], before[i, j], fresh[i, j] = best + gain, place, is_fresh
        for j in range(kept):
            a = answers[i, j]
            if a < 0:
                break
            k = a + 1
            while k <= size:
                if total[i, j] > tree_value[k]:
                    tree_value[k], tree_place[k] = total[i, j], i * kept + j
                k += k & -k
    flat = total.ravel()
    at = np.int64(np.argmax(flat)) if flat.size else np.int64(-1)
    out = np.empty((count, 3), np.int64)
    length = 0
    if at >= 0 and not flat[at] > 0:
        at = np.int64(-1)
    while at >= 0:
        i, j = divmod(at, kept)
        out[length, 0], out[length, 1], out[length, 2] = i, j, fresh[i, j]
        length += 1
        at = before[i, j]
    return out[:length]


def _stretches(links: Any, ref: Times, clip: Times, answers: Any, alike: Any) -> list[Stretch]:
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
