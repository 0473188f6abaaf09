"""How far the matches of an engine can be trusted: measured on the pictures, not assumed."""

import numpy as np

from vs_align.decide.synchronization.engines.engine import Stage
from vs_align.decide.synchronization.engines.frame_views import Side
from vs_align.decide.synchronization.engines.kernels import likeness
from vs_align.io.array_types import BoolArray, Float64Array, Int64Array, UInt8Array

# Frames spread over clip that show how alike any two pictures of these clips are.
_OTHERS = 16
# Frames after and before the match that must not fit better.
_BESIDE = (1, 2, 4, 8, 16)
# What noise adds to the variance of a picture, in levels squared, and to 1 minus the likeness of equal ones.
_FLOOR, _NOISE = 2.0, 0.01
# Frames to either side that have a say.
_AROUND = 12
_PIECE = 128


def confidences(ref: Side, clip: Side, frames: Int64Array, stage: Stage) -> Float64Array:
    """Return how far each match can be trusted, (n,) 0 to 1.

    A match counts as much as it is more alike (by correlation of the pictures, which a change of brightness or contrast
    leaves alone) than frames spread over clip are on average, squared; less where a frame nearby fits better than the
    match; and then as the median of its neighbourhood says, since single matches are good by chance.

    Args:
        ref: (n,).
        clip: (m,).
        frames: (n,) clip frame of each ref frame, -1 where there is none.
        stage: Where progress is reported.
    """
    spread = np.unique(np.linspace(0, len(clip) - 1, min(len(clip), _OTHERS)).round().astype(np.int64))
    others = np.concatenate([clip.rows(int(n), int(n) + 1) for n in spread])
    distance = max(1, len(clip) // (2 * _OTHERS))
    raw = np.zeros(len(frames))
    for first in range(0, len(frames), _PIECE):
        part = frames[first : first + _PIECE]
        there = np.flatnonzero(part >= 0)
        if there.size:
            rows = ref.rows(first, first + len(part))[there]
            near, matched = _likeness_near(rows, clip, part[there])
            usual = _likeness_usual(rows, others, np.abs(part[there, None] - spread) < distance)
            gain = np.clip((matched - usual) / np.maximum(1 - usual, 1e-6), 0, 1)
            # the match may be worse than its neighbours by what noise does
            place = np.minimum(1.0, (1 - near + _NOISE) / (1 - matched + _NOISE))
            raw[first + there] = np.square(gain) * place
        stage.done((first + len(part)) / len(frames))
    return np.where(frames >= 0, _medians(raw, frames >= 0), 0.0)


def _likeness_near(rows: UInt8Array, clip: Side, frames: Int64Array) -> tuple[Float64Array, Float64Array]:
    """The best likeness of frames beside the match, and that of the match itself."""
    shifts = np.array([0, *_BESIDE, *(-n for n in _BESIDE)])
    wanted = np.clip(frames[:, None] + shifts, 0, len(clip) - 1)
    unique, inverse = np.unique(wanted, return_inverse=True)
    found = np.empty(wanted.size)
    ours = np.repeat(np.arange(len(frames)), len(shifts))
    likeness(rows, clip.take(unique), ours, inverse.ravel(), _FLOOR, found)
    table = found.reshape(wanted.shape)
    return table.max(axis=1), table[:, 0]


def _likeness_usual(rows: UInt8Array, others: UInt8Array, left_out: BoolArray) -> Float64Array:
    """The mean likeness to other frames of clip; 0 where all are left out."""
    found = np.empty(len(rows) * len(others))
    ours, theirs = np.divmod(np.arange(found.size), len(others))
    likeness(rows, others, ours, theirs, _FLOOR, found)
    counted = ~left_out
    total = np.where(counted, found.reshape(left_out.shape), 0.0).sum(axis=1)
    out: Float64Array = np.maximum(0.0, total / np.maximum(1, counted.sum(axis=1)))
    return out


def _medians(values: Float64Array, there: BoolArray) -> Float64Array:
    out = np.zeros(len(values))
    known = np.flatnonzero(there)
    if not known.size:
        return out
    padded = np.pad(values[known], _AROUND, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    out[known] = np.median(windows, axis=1)
    return out
