"""`best_path`: the globally best monotone map from ref frames to clip frames.

Dynamic programming over the bands (R. Bellman, 1957), with what is true of two versions of a film built in: the clip
frame advances with the line, now and then one is dropped or repeated, seldom the film goes on elsewhere, and some ref
frames have no counterpart at all. All costs are negative logarithms of probabilities. Plain time warping, which must
find a partner for every frame and has no price for jumps, does worst where parts are missing (VCSL benchmark, He et
al., CVPR 2022).
"""

from dataclasses import dataclass

import numpy as np

from vs_align.decide.synchronization import best_path_kernels as kernels
from vs_align.decide.synchronization.search_bands import Bands
from vs_align.io.array_types import Float32Array, Float64Array, Int32Array, Int64Array

# How surely a frame drops out or repeats where the line does not ask for it, and how likely one is to stand still.
_IRREGULAR, _STANDING = 0.01, 0.01
# The most that is said to be the difference of good pairs, and frames to either side over which it is measured.
_MOST_FLOOR, _AROUND = 0.4, 24
_STRETCH = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The clip frame of each ref frame.

    Args:
        frames: (n,) clip frames, -1 where there is none.
        differences: (n,) how unlike the two are, see `similarity`; NaN where there is none.
        floors: (n,) the difference that good pairs have thereabouts.
    """

    frames: Int64Array
    differences: Float32Array
    floors: Float32Array


def best_path(
    bands: Bands,
    differences: Float32Array,
    rates: Float64Array,
    ref_cuts: Int64Array,
    clip_cuts: Int64Array,
) -> Path:
    """Find the best path.

    Args:
        bands: The candidates.
        differences: Of all candidates in a row, see `vs_align.decide.synchronization.similarity.differences`.
        rates: (n,) clip frames by which the path is expected to advance to each ref frame.
        ref_cuts: First frames of scenes of ref: there the film goes on elsewhere more easily.
        clip_cuts: Likewise of clip.
    """
    floors = _floors(bands, differences)
    at_cut = np.zeros(len(bands), np.bool_)
    at_cut[ref_cuts] = True
    begins = np.zeros(int(bands.highs.max()) + 2, np.bool_)
    begins[clip_cuts[clip_cuts < begins.size]] = True
    frames = np.full(len(bands), -1, np.int64)
    chosen = np.full(len(bands), np.nan, np.float32)
    steps = _step_costs(rates)
    kernels.walk(bands.lows, bands.highs, bands.places, differences, floors, steps, at_cut, begins, frames, chosen)
    kernels.drop_lacking(frames, chosen, floors, rates)
    kernels.fill_gaps(_numbers(bands), bands.places, differences, frames, chosen)
    return Path(frames, chosen, floors)


def path_of(bands: Bands, differences: Float32Array, frames: Int64Array) -> Path:
    """Take a path that somebody else has found, each of whose frames is a candidate, or -1."""
    chosen = np.full(len(frames), np.nan, np.float32)
    there = np.flatnonzero(frames >= 0)
    numbers = _numbers(bands)
    for n in there.tolist():
        row = slice(int(bands.places[n]), int(bands.places[n + 1]))
        chosen[n] = differences[row][int(np.searchsorted(numbers[row], frames[n]))]
    return Path(frames, chosen, _floors(bands, differences))


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    """Carries lines on through frames for which neither side has a counterpart.

    Args:
        bands: The candidates.
        differences: Of all candidates in a row.
        floors: (n,) the difference that good pairs have thereabouts.
        rates: (n,) clip frames by which a path is expected to advance.
    """

    bands: Bands
    differences: Float32Array
    floors: Float32Array
    rates: Float64Array

    def carried(self, frames: Int64Array, chosen: Float32Array) -> tuple[Int64Array, Float32Array]:
        """Return a map and its differences with lines carried on, frame for frame, while the pictures are alike."""
        frames, chosen = frames.copy(), chosen.astype(np.float32)
        kernels.go_on(
            _numbers(self.bands), self.bands.places, self.differences, self.floors, self.rates, frames, chosen
        )  # fmt: skip
        return frames, chosen


def _floors(bands: Bands, differences: Float32Array) -> Float32Array:
    """The difference that good pairs have near each ref frame."""
    best = np.full(len(bands), np.nan, np.float32)
    kernels.least(differences, bands.places, best)
    known = np.isfinite(best)
    if not known.any():
        return np.full(len(bands), _MOST_FLOOR, np.float32)
    filled = np.interp(np.arange(len(best)), np.flatnonzero(known), best[known])
    reach = min(_AROUND, (len(best) - 1) // 2)
    padded = np.pad(filled, reach, mode="edge")
    out = np.empty(len(best), np.float32)
    for first in range(0, len(best), _STRETCH):
        part = padded[first : first + _STRETCH + 2 * reach]
        windows = np.lib.stride_tricks.sliding_window_view(part, 2 * reach + 1)
        out[first : first + _STRETCH] = np.median(windows, axis=1)
    # where nothing fits the best candidate is no measure of what fits
    usual = max(float(np.percentile(out, 25)), kernels.LEAST_FLOOR)
    return np.clip(out, kernels.LEAST_FLOOR, min(_MOST_FLOOR, 3 * usual + 0.1))


def _step_costs(rates: Float64Array) -> Float32Array:
    """(n, steps) what it costs to advance by so many clip frames."""
    sizes = np.arange(kernels.STEPS)
    near = np.clip(1 - np.abs(sizes[None, :] - rates[:, None]), 0, 1)
    far = 0.5 ** np.maximum(np.abs(sizes[None, :] - rates[:, None]), 1) / 2
    # to stand still must not be cheaper than to say that there is no counterpart
    far[:, 0] = _STANDING
    out: Float32Array = -np.log((1 - _IRREGULAR) * near + _IRREGULAR * far).astype(np.float32)
    return out


def equals(bands: Bands, differences: Float32Array, path: Path) -> tuple[Int64Array, Int64Array]:
    """For each ref frame the first and last clip frame in a row with the chosen one that are hardly worse."""
    lows, highs = path.frames.copy(), path.frames.copy()
    kernels.widen(_numbers(bands), bands.places, differences, path.floors, path.frames, lows, highs)
    return lows, highs


def evidence(bands: Bands, differences: Float32Array, path: Path, offset: int) -> Float32Array:
    """For each ref frame, by how much the candidate so many frames beside the chosen one is the worse.

    Returns:
        (n,) negative logarithms of probabilities, less than 0 where the other one is the better; 0 where there is none.
    """
    out = np.zeros(len(bands), np.float32)
    kernels.beside(_numbers(bands), bands.places, differences, path.floors, path.frames, offset, out)
    return out


def _numbers(bands: Bands) -> Int32Array:
    """The clip frames of all candidates in a row."""
    out = np.empty(int(bands.places[-1]), np.int32)
    kernels.number_all(bands.lows, bands.highs, bands.places, out)
    return out
