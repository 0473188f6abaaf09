"""Normalized tiny images (24 x 14, zero mean, unit variance) as vectors for dynamic time warping."""

import cv2
import numpy as np

from vs_align.decide.synchronization.engines.dtw import Sequence, Weights
from vs_align.decide.synchronization.engines.frame_views import FrameView
from vs_align.io.array_types import BoolArray, Float32Array, UInt8Array

_SIZE = (24, 14)
"""Width and height of the tiny images."""
_FEW_PIXELS = 600
"""Masked images with at most this many pixels are compared pixel by pixel."""
_NOISE_VARIANCE = 1.0
"""Variance of noise in a tiny image, in levels squared."""
_BATCH = 512
"""Frames processed at a time; bounds memory."""


def normalized_vectors(view: FrameView) -> tuple[Sequence, Weights]:
    """Return each frame as a vector whose squared distance to another is 1 minus their correlation.

    The vector holds the pixels of the mask if they are few, else the means of the image in 24 by 14 fields.
    """
    few = view.mask is not None and int(view.mask.sum()) <= _FEW_PIXELS
    parts = []
    for first in range(0, len(view), _BATCH):
        stop = min(len(view), first + _BATCH)
        values = view.rows(first, stop).astype(np.float32) if few else _means(view.images(first, stop), view.mask)
        values -= values.mean(axis=1, keepdims=True)
        power = np.square(values).sum(axis=1, keepdims=True) + values.shape[1] * _NOISE_VARIANCE
        parts.append(values / np.sqrt(2 * power))
    vectors = np.concatenate(parts)
    weights = Weights(np.zeros(0, np.float32), np.array([vectors.shape[1]]), np.ones(1, np.float32))
    return Sequence(np.empty((len(view), 0), np.uint64), vectors), weights


def _means(images: UInt8Array, mask: BoolArray | None) -> Float32Array:
    """Means over the fields, without fields that the mask does not cover."""
    small = np.stack([cv2.resize(p.astype(np.float32), _SIZE, interpolation=cv2.INTER_AREA) for p in images])
    if mask is None:
        return small.reshape(len(small), -1)
    inside = cv2.resize(mask.astype(np.float32), _SIZE, interpolation=cv2.INTER_AREA) > 0.99
    return small[:, inside] if inside.any() else small.reshape(len(small), -1)
