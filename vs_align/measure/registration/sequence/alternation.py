"""Alternating optimization of frame matches (time) and of one transform (space), with a search over time shifts."""

from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import Float64Array
from vs_align.measure.registration.esm import AFFINE
from vs_align.measure.registration.sequence.sequence_pair import FrameMatches, SequencePair, Windows
from vs_align.placement.homography import corner_distance, resize_matrix

ROUNDS = 12
"""Largest number of alternations without prior knowledge."""
COARSE_PAIRS = 12
"""Frame pairs for the registration at low resolution."""
FINE_PAIRS = 16
"""Frame pairs for the registration at full resolution."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the alternation."""

    esm_steps: int = 4
    """Gauss-Newton steps per alternation."""
    max_time_shift: int = 4
    """Largest common error of all matches that the time-shift search corrects, in frames."""
    window_radius: int = 2
    """Frames to either side of a match from low resolution that stay candidates at full resolution."""
    converged: float = 1e-4
    """Movement of a corner, as a share of the longer side, below which the alternation ends."""
    min_relative_ncc: float = 0.5
    """Share of the best NCC that a pair must reach to be used for registration."""


_SETTINGS = _Settings()


def search_time_shift(
    coarse: SequencePair, matrix: Float64Array, matched: FrameMatches, windows: Windows, step: int
) -> tuple[Float64Array, FrameMatches]:
    """Shift all matches by a frame as long as the mean NCC rises.

    In a pan of less than a pixel of the coarse search per frame, neighboring time shifts are local optima, too.

    Args:
        coarse: The frames at low resolution.
        matrix: (3, 3), current transform.
        matched: Current matches.
        windows: Candidates of each ref frame.
        step: Frames per step, 1 or -1.
    """
    for _ in range(_SETTINGS.max_time_shift):
        pairs = spread_pairs(matched, COARSE_PAIRS)
        beside = [(n, k + step) for n, k in pairs if k + step in windows[n]]
        if len(beside) < len(pairs) / 2 or not beside:
            break
        closer = coarse.refine(matrix, beside, AFFINE, _SETTINGS.esm_steps)
        if coarse.match(closer, windows).agreement <= matched.agreement:
            break
        matrix, matched = alternate(coarse, closer, windows, ROUNDS, COARSE_PAIRS)
    return matrix, matched


def alternate(
    sequences: SequencePair, matrix: Float64Array, windows: Windows, rounds: int, pairs: int
) -> tuple[Float64Array, FrameMatches]:
    """Match frames and refine the transform in turn until the transform converges or the mean NCC falls.

    Args:
        sequences: The frames.
        matrix: (3, 3), initial transform.
        windows: Candidates of each ref frame.
        rounds: Largest number of alternations.
        pairs: Number of frame pairs for the registration.
    """
    matched = sequences.match(matrix, windows)
    for _ in range(rounds):
        chosen = spread_pairs(matched, pairs)
        if not chosen:
            break
        closer = sequences.refine(matrix, chosen, AFFINE, _SETTINGS.esm_steps)
        rematched = sequences.match(closer, windows)
        if rematched.agreement < matched.agreement:
            break
        moved = corner_distance(matrix, closer, sequences.size, along_axes=True)
        matrix, matched = closer, rematched
        if moved < _SETTINGS.converged * max(sequences.size):
            break
    return matrix, matched


def prune_windows(windows: Windows, matched: FrameMatches) -> list[range]:
    """Return windows around the best pairs, and empty windows for all other ref frames."""
    found = dict(spread_pairs(matched, FINE_PAIRS))
    return [
        range(
            max(window.start, found[n] - _SETTINGS.window_radius),
            min(window.stop, found[n] + _SETTINGS.window_radius + 1),
        )
        if n in found
        else range(0)
        for n, window in enumerate(windows)
    ]


def spread_pairs(matched: FrameMatches, count: int) -> list[tuple[int, int]]:
    """Return the best pair (ref frame, candidate) of each of `count` consecutive parts of ref."""
    found = np.flatnonzero(matched.candidates >= 0)
    parts = np.array_split(found, min(count, len(found))) if len(found) else []
    best = [int(part[matched.agreements[part].argmax()]) for part in parts]
    floor = _SETTINGS.min_relative_ncc * max((matched.agreements[n] for n in best), default=0.0)
    return [(n, int(matched.candidates[n])) for n in best if matched.agreements[n] >= floor]


def rescale_matrix(matrix: Float64Array, size: tuple[int, int], other: tuple[int, int]) -> Float64Array:
    """Convert a transform between images of one size to one between images of another size."""
    moved = resize_matrix(other, size) @ matrix @ resize_matrix(size, other)
    out: Float64Array = moved / moved[2, 2]
    return out
