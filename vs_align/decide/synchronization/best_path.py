"""`best_path`: the globally best monotone map from ref frames to clip frames, by dynamic programming.

The model knows what two versions of a video differ by: the clip frame advances at the expected rate, single frames are
dropped or repeated, seldom the video continues elsewhere (edits), and some ref frames have no counterpart. All costs
are negative log-likelihoods (R. Bellman, 1957, for the recursion). Plain dynamic time warping, which must match every
frame and has no cost for jumps, does worst where parts are missing (VCSL benchmark, He et al., CVPR 2022).
"""

from dataclasses import dataclass

import numpy as np

from vs_align.decide.synchronization import best_path_kernels as kernels
from vs_align.decide.synchronization.candidate_ranges import CandidateRanges
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int32Array, Int64Array

_IRREGULAR = 0.01
"""Probability that a frame is dropped or repeated although the rate does not require it."""
_STANDING = 0.01
"""Share of `_IRREGULAR` for a repeated clip frame: a repeat must not be cheaper than having no counterpart."""
_MOST_FLOOR = 0.4
"""Upper limit of the usual dissimilarity of correct pairs."""
_AROUND = 24
"""Frames to either side over which the usual dissimilarity is measured (running median)."""
_BATCH = 4096
"""Frames per batch of the running median; bounds memory."""


@dataclass(frozen=True, slots=True, eq=False)
class FramePath:
    """The clip frame of each ref frame.

    Args:
        frames: (n,) clip frames, -1 for none.
        differences: (n,) dissimilarity of each pair, see `dissimilarities`; NaN for none.
        floors: (n,) usual dissimilarity of correct pairs around each ref frame.
    """

    frames: Int64Array
    differences: Float32Array
    floors: Float32Array


def best_path(
    candidates: CandidateRanges,
    differences: Float32Array,
    rates: Float64Array,
    ref_cuts: Int64Array,
    clip_cuts: Int64Array,
) -> FramePath:
    """Find the path with the lowest total cost.

    Args:
        candidates: The candidates of each ref frame.
        differences: Dissimilarities of all candidates in a row, see `dissimilarities`.
        rates: (n,) clip frames by which the path is expected to advance at each ref frame.
        ref_cuts: First frames of scenes of ref: jumps cost less there.
        clip_cuts: First frames of scenes of clip.
    """
    floors = _usual_dissimilarity(candidates, differences)
    at_cut = np.zeros(len(candidates), np.bool_)
    at_cut[ref_cuts] = True
    begins: BoolArray = np.zeros(int(candidates.highs.max()) + 2, np.bool_)
    begins[clip_cuts[clip_cuts < begins.size]] = True
    frames = np.full(len(candidates), -1, np.int64)
    chosen = np.full(len(candidates), np.nan, np.float32)
    lows, highs, offsets = candidates.lows, candidates.highs, candidates.offsets
    steps = _step_costs(rates)
    kernels.shortest_path(lows, highs, offsets, differences, floors, steps, at_cut, begins, frames, chosen)
    kernels.drop_poor_holds(frames, chosen, floors, rates)
    kernels.fill_gaps(_candidate_frames(candidates), offsets, differences, frames, chosen)
    return FramePath(frames, chosen, floors)


def path_through(candidates: CandidateRanges, differences: Float32Array, frames: Int64Array) -> FramePath:
    """Return a given map as a path.

    Args:
        candidates: The candidates of each ref frame.
        differences: Dissimilarities of all candidates in a row.
        frames: (n,) clip frames, each a candidate of its ref frame, or -1.
    """
    chosen = np.full(len(frames), np.nan, np.float32)
    there = np.flatnonzero(frames >= 0)
    numbers = _candidate_frames(candidates)
    for n in there.tolist():
        row = slice(int(candidates.offsets[n]), int(candidates.offsets[n + 1]))
        chosen[n] = differences[row][int(np.searchsorted(numbers[row], frames[n]))]
    return FramePath(frames, chosen, _usual_dissimilarity(candidates, differences))


@dataclass(frozen=True, slots=True, eq=False)
class RunExtender:
    """Extends linear runs into gaps: frames without a counterpart on either side.

    Args:
        candidates: The candidates of each ref frame.
        differences: Dissimilarities of all candidates in a row.
        floors: (n,) usual dissimilarity of correct pairs around each ref frame.
        rates: (n,) clip frames by which a path is expected to advance.
    """

    candidates: CandidateRanges
    differences: Float32Array
    floors: Float32Array
    rates: Float64Array

    def extended(self, frames: Int64Array, chosen: Float32Array) -> tuple[Int64Array, Float32Array]:
        """Return a map and its dissimilarities with runs extended frame by frame while the images match.

        Args:
            frames: (n,) clip frames, -1 for none.
            chosen: (n,) their dissimilarities, NaN for none.
        """
        frames, chosen = frames.copy(), chosen.astype(np.float32)
        kernels.extend_runs(
            _candidate_frames(self.candidates), self.candidates.offsets, self.differences, self.floors, self.rates,
            frames, chosen,
        )  # fmt: skip
        return frames, chosen


def _usual_dissimilarity(candidates: CandidateRanges, differences: Float32Array) -> Float32Array:
    """Usual dissimilarity of correct pairs near each ref frame: running median of the best candidates."""
    best = np.full(len(candidates), np.nan, np.float32)
    kernels.row_minima(differences, candidates.offsets, best)
    known = np.isfinite(best)
    if not known.any():
        return np.full(len(candidates), _MOST_FLOOR, np.float32)
    filled = np.interp(np.arange(len(best)), np.flatnonzero(known), best[known])
    reach = min(_AROUND, (len(best) - 1) // 2)
    padded = np.pad(filled, reach, mode="edge")
    out = np.empty(len(best), np.float32)
    for first in range(0, len(best), _BATCH):
        part = padded[first : first + _BATCH + 2 * reach]
        windows = np.lib.stride_tricks.sliding_window_view(part, 2 * reach + 1)
        out[first : first + _BATCH] = np.median(windows, axis=1)
    # in parts without a counterpart the best candidate is no measure of correct pairs
    usual = max(float(np.percentile(out, 25)), kernels.LEAST_FLOOR)
    return np.clip(out, kernels.LEAST_FLOOR, min(_MOST_FLOOR, 3 * usual + 0.1))


def _step_costs(rates: Float64Array) -> Float32Array:
    """(n, STEPS) cost of advancing by 0, 1, ... clip frames."""
    sizes = np.arange(kernels.STEPS)
    near = np.clip(1 - np.abs(sizes[None, :] - rates[:, None]), 0, 1)
    far = 0.5 ** np.maximum(np.abs(sizes[None, :] - rates[:, None]), 1) / 2
    far[:, 0] = _STANDING
    out: Float32Array = -np.log((1 - _IRREGULAR) * near + _IRREGULAR * far).astype(np.float32)
    return out


def plateaus(candidates: CandidateRanges, differences: Float32Array, path: FramePath) -> tuple[Int64Array, Int64Array]:
    """First and last clip frame around each match that fit almost as well, without a gap between them; (n,) each."""
    lows, highs = path.frames.copy(), path.frames.copy()
    kernels.plateaus(
        _candidate_frames(candidates), candidates.offsets, differences, path.floors, path.frames, lows, highs
    )
    return lows, highs


def neighbor_cost(candidates: CandidateRanges, differences: Float32Array, path: FramePath, offset: int) -> Float32Array:
    """Increase of the negative log-likelihood if the candidate `offset` frames beside each match were shown.

    Returns:
        (n,), negative if that candidate fits better; 0 without a match or without that candidate.
    """
    out = np.zeros(len(candidates), np.float32)
    kernels.neighbor_costs(
        _candidate_frames(candidates), candidates.offsets, differences, path.floors, path.frames, offset, out
    )
    return out


def _candidate_frames(candidates: CandidateRanges) -> Int32Array:
    """The clip frames of all candidates in a row."""
    out = np.empty(int(candidates.offsets[-1]), np.int32)
    kernels.candidate_frames(candidates.lows, candidates.highs, candidates.offsets, out)
    return out
