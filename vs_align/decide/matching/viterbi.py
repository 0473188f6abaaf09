"""Viterbi smoothing of matches: the cheapest path through the windows of 17 consecutive ref frames.

The result for frame n is the cheapest path through the windows of the frames from n - RADIUS to n + RADIUS. Each frame
costs what its candidate is worse than the best one, and each change of the offset has a cost (dynamic programming over
a chain, A. J. Viterbi, IEEE Transactions on Information Theory 13(2), 1967; here as min-sum passes forward and
backward, so that every candidate of frame n gets the cost of the best path through it). It depends on these frames
alone, and not on the order in which frames are requested.

Candidates are addressed by their index in the window: frame number minus the center of the window plus its radius. A
steady offset keeps its index even if the frame rates differ.
"""

from dataclasses import dataclass

import numpy as np

from vs_align.decide.matching import viterbi_kernels as kernels
from vs_align.io.array_types import BoolArray, Float64Array, Int64Array
from vs_align.measure.metrics.metric import ScoreTolerance

RADIUS = 8
"""Frames to either side that the path covers."""
MAX_COST = 10.0
"""Largest cost of a candidate, in units of the noise of the metric; how much worse it is beyond does not matter."""


@dataclass(frozen=True, slots=True)
class ViterbiParameters:
    """Tunables of the path: higher costs of changes keep offsets steadier, lower ones follow lost and repeated frames.

    Leaving an offset for one frame and coming back costs two changes. They must stay below MAX_COST, so that a
    candidate of which only a lower bound of the score is known is never chosen.
    """

    step_cost: float = 1.5
    """Cost of a change of the index by one, as if a frame is lost or repeated; in units of noise."""
    jump_cost: float = 2.5
    """Cost of a change by more, as at a cut; in units of noise."""
    different: float = 0.5
    """Candidates whose own costs differ by less look the same; in units of noise."""
    still: float = 2.0
    """Mean cost of the other candidates up to which a window shows a still scene, in which the lowest score is lowest
    by noise; in units of noise."""
    moving: float = 8.0
    """Mean cost of the other candidates from which on a window shows motion; in units of noise."""
    jitter_radius: int = 4
    """Frames to either side of which the jitter is measured."""
    max_jitter_step: int = 8
    """Largest change of the index that counts for the jitter, in frames."""
    rounding: float = 1e-9
    """Sums of the same costs in another order may differ by this."""


PARAMETERS = ViterbiParameters()


@dataclass(frozen=True, slots=True, eq=False)
class ViterbiResult:
    """The best paths of n ref frames."""

    indices: Int64Array
    """(n,) index of the match in its window, -1 without candidates."""
    margins: Float64Array
    """(n,) path cost margin: cost of the best path through a different image minus that of the best path; infinity if
    all candidates look the same."""
    runners_up: Int64Array
    """(n,) index of the different image with the lowest own cost, -1 without one."""
    jitter: Float64Array
    """(n,) mean change, in frames, of the cheapest index from one neighbor to the next."""
    isolated: BoolArray
    """(n,) whether the best path leaves an index for this frame alone and returns to it, for an image that differs."""


def candidate_costs(scores: Float64Array, noise: ScoreTolerance) -> Float64Array:
    """Return the cost of each candidate: its score above the best of the window, in units of noise.

    In still scenes costs are reduced, down to 0.

    Args:
        scores: (m, k) scores of m windows, at least 0; infinity where there is no candidate. Scores beyond
            `noise.scaled(MAX_COST)` may be lower bounds. NaN counts as worst.
        noise: Noise of the scores.

    Returns:
        (m, k) 0 to MAX_COST, infinity where there is no candidate. The limit keeps one frame that matches nowhere from
        outweighing its neighbors.
    """
    missing = np.isposinf(scores)
    known = np.where(np.isnan(scores), np.inf, scores)
    best = known.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):
        out = np.minimum((known - best) / (noise.relative * best + noise.absolute), MAX_COST)
    out[~(out < MAX_COST)] = MAX_COST
    # a window with nothing but NaN prefers no candidate
    out[~np.isfinite(best[:, 0])] = 0.0
    present = ~missing
    others = np.maximum(1, present.sum(axis=1, keepdims=True) - 1)
    mean = np.where(missing, 0.0, out).sum(axis=1, keepdims=True) / others
    weight = np.clip((mean - PARAMETERS.still) / (PARAMETERS.moving - PARAMETERS.still), 0, 1)
    # costs of MAX_COST stay: their scores may be lower bounds, which must never win
    out = np.where(out < MAX_COST, out * weight, out)
    out[missing] = np.inf
    return out


def viterbi(costs: Float64Array, begin: int, end: int, *, smooth: bool = True) -> ViterbiResult:
    """Choose the candidates of some frames.

    Of equally cheap paths the one whose candidate has the lowest own cost wins, then the one nearest to the center,
    then the later.

    Args:
        costs: (m, k) costs of consecutive ref frames, k odd. All frames within RADIUS of the frames to decide must be
            there, except beyond the ends of ref.
        begin: First row to decide.
        end: One past the last.
        smooth: Whether the path covers neighbors; without, the cheapest candidate of each frame wins.
    """
    count = end - begin
    found = ViterbiResult(
        indices=np.empty(count, np.int64),
        margins=np.empty(count),
        runners_up=np.empty(count, np.int64),
        jitter=np.empty(count),
        isolated=np.empty(count, np.bool_),
    )
    rows, p = np.ascontiguousarray(costs), PARAMETERS
    radius, rounding = (RADIUS, p.rounding) if smooth else (0, 0.0)
    constants = p.step_cost, p.jump_cost, p.different, rounding
    kernels.best_paths(
        rows, begin, end, radius, constants, found.indices, found.margins, found.runners_up, found.isolated
    )
    kernels.offset_jitter(rows, begin, end, p.jitter_radius, p.max_jitter_step, found.jitter)
    return found
