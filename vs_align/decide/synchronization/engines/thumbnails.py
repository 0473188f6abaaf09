"""Very small pictures without their brightness and contrast, as vectors for dynamic time warping."""

import cv2
import numpy as np

from vs_align.decide.synchronization.engines.dtw import Sequence, Weights
from vs_align.decide.synchronization.engines.frame_views import Side
from vs_align.io.array_types import BoolArray, Float32Array, UInt8Array

_SIZE = (24, 14)
# Masks that leave so few pixels are compared pixel by pixel.
_FEW = 600
# Variance that noise has by itself in a small picture, in levels squared.
_FLOOR = 1.0
_STRETCH = 512


def thumbnails(side: Side) -> tuple[Sequence, Weights]:
    """Return each frame as a vector whose squared distance to another is 1 minus their correlation.

    Where the mask leaves few pixels, these are the vector, otherwise the means of the picture in 24 by 14 fields.
    """
    few = side.mask is not None and int(side.mask.sum()) <= _FEW
    parts = []
    for first in range(0, len(side), _STRETCH):
        stop = min(len(side), first + _STRETCH)
        values = side.rows(first, stop).astype(np.float32) if few else _means(side.pictures(first, stop), side.mask)
        values -= values.mean(axis=1, keepdims=True)
        power = np.square(values).sum(axis=1, keepdims=True) + values.shape[1] * _FLOOR
        parts.append(values / np.sqrt(2 * power))
    vectors = np.concatenate(parts)
    weights = Weights(np.zeros(0, np.float32), np.array([vectors.shape[1]]), np.ones(1, np.float32))
    return Sequence(np.empty((len(side), 0), np.uint64), vectors), weights


def _means(pictures: UInt8Array, mask: BoolArray | None) -> Float32Array:
    small = np.stack([cv2.resize(p.astype(np.float32), _SIZE, interpolation=cv2.INTER_AREA) for p in pictures])
    if mask is None:
        return small.reshape(len(small), -1)
    inside = cv2.resize(mask.astype(np.float32), _SIZE, interpolation=cv2.INTER_AREA) > 0.99
    return small[:, inside] if inside.any() else small.reshape(len(small), -1)
