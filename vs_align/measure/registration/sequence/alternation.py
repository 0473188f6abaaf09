"""Matching and registering in turn, until neither moves any more."""

import numpy as np

from vs_align.io.array_types import Float64Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.registration.esm import AFFINE
from vs_align.measure.registration.sequence.sequence_pair import Matched, Sequences, Windows

ROUNDS, COARSE_PAIRS, FINE_PAIRS = 12, 12, 16
"""How often it is done at most where nothing is known, and on how many pairs of frames, coarsely and finely."""

# By how many frames all moments may turn out to be wrong at the end.
_STEPS = 4
# Frames to either side of a moment that was found at low resolution, where the right one may be.
_BESIDE = 2
# In parts of the longer side: transforms that differ by less are the same.
_STABLE = 1e-4


def moved_in_time(
    coarse: Sequences, matrix: Float64Array, matched: Matched, windows: Windows, step: int
) -> tuple[Float64Array, Matched]:
    """Take all moments a frame later or earlier as long as frames agree better then.

    In a pan by less than a pixel of the first search both lead to a stable end, the right one and those beside it.
    """
    for _ in range(_STEPS):
        pairs = even_pairs(matched, COARSE_PAIRS)
        beside = [(n, k + step) for n, k in pairs if k + step in windows[n]]
        if len(beside) < len(pairs) / 2 or not beside:
            break
        closer = coarse.refined(matrix, beside, AFFINE, 4)
        if coarse.matched(closer, windows).agreement <= matched.agreement:
            break
        matrix, matched = settled(coarse, closer, windows, ROUNDS, COARSE_PAIRS)
    return matrix, matched


def settled(
    sequences: Sequences, matrix: Float64Array, windows: Windows, rounds: int, pairs: int
) -> tuple[Float64Array, Matched]:
    """Match and register in turn until nothing moves any more, or nothing gets better."""
    matched = sequences.matched(matrix, windows)
    for _ in range(rounds):
        chosen = even_pairs(matched, pairs)
        if not chosen:
            break
        closer = sequences.refined(matrix, chosen, AFFINE, 4)
        again = sequences.matched(closer, windows)
        if again.agreement < matched.agreement:
            break
        moved = corner_distance(matrix, closer, sequences.size)
        matrix, matched = closer, again
        if moved < _STABLE * max(sequences.size):
            break
    return matrix, matched


def narrowed(windows: Windows, matched: Matched) -> list[range]:
    """Windows about the best pairs, and empty ones for all other ref frames."""
    found = dict(even_pairs(matched, FINE_PAIRS))
    return [
        range(max(window.start, found[n] - _BESIDE), min(window.stop, found[n] + _BESIDE + 1))
        if n in found
        else range(0)
        for n, window in enumerate(windows)
    ]


def even_pairs(matched: Matched, count: int) -> list[tuple[int, int]]:
    """The best pair of each of several stretches of ref, so that every part of it has its say."""
    found = np.flatnonzero(matched.candidates >= 0)
    parts = np.array_split(found, min(count, len(found))) if len(found) else []
    best = [int(part[matched.agreements[part].argmax()]) for part in parts]
    floor = 0.5 * max((matched.agreements[n] for n in best), default=0.0)
    return [(n, int(matched.candidates[n])) for n in best if matched.agreements[n] >= floor]


def resized(matrix: Float64Array, size: tuple[int, int], other: tuple[int, int]) -> Float64Array:
    """A transform between pictures of one size, for pictures of another one."""
    moved = neutral_matrix(other, size) @ matrix @ neutral_matrix(size, other)
    out: Float64Array = moved / moved[2, 2]
    return out


def corner_distance(one: Float64Array, other: Float64Array, size: tuple[int, int]) -> float:
    """By how many pixels two transforms differ at the corners, at most."""
    width, height = size
    corners = np.array([(0, 0, 1), (width - 1, 0, 1), (0, height - 1, 1), (width - 1, height - 1, 1)], np.float64)
    a, b = corners @ one.T, corners @ other.T
    return float(np.abs(a[:, :2] / a[:, 2:] - b[:, :2] / b[:, 2:]).max())
