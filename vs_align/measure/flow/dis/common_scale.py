"""Two pictures brought to one scale, so that neither shows detail that the other cannot have."""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.flow.dis.local_contrast import Excluded
from vs_align.measure.images.field import neutral_matrix

# Scales that differ by less are left alone: shrinking costs sharpness too.
_TOLERANCE = 1.04
_SMALLEST = 16


@dataclass(frozen=True, slots=True)
class SameScale:
    """Clip and ref, one of them shrunk."""

    clip: Float32Array
    ref: Float32Array
    start: Float64Array
    """The transform from these ref pixels to these clip pixels."""
    excluded: Excluded
    clip_excluded: Excluded

    @classmethod
    def of(
        cls,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: Excluded,
        clip_excluded: Excluded,
        least: float = 1,
    ) -> "SameScale":
        """Shrink whichever picture the other shows smaller, each axis by itself, and both by at least `least`."""
        across, down = scale_of(start, ref.shape[1], ref.shape[0])
        clip_size, ref_size = clip.shape[::-1], ref.shape[::-1]
        small_clip = _shrunk(clip_size[0], least * max(across, 1)), _shrunk(clip_size[1], least * max(down, 1))
        small_ref = _shrunk(ref_size[0], least * max(1 / across, 1)), _shrunk(ref_size[1], least * max(1 / down, 1))
        total = neutral_matrix(small_clip, clip_size) @ start @ neutral_matrix(ref_size, small_ref)
        return cls(
            _resized(clip, small_clip),
            _resized(ref, small_ref),
            np.asarray(total / total[2, 2]),
            _resized_mask(excluded, small_ref),
            _resized_mask(clip_excluded, small_clip),
        )


def scale_of(matrix: Float64Array, width: int, height: int) -> tuple[float, float]:
    """Return the clip pixels in a ref pixel at the middle of ref, across and down."""
    x, y = (width - 1) / 2, (height - 1) / 2
    points = np.array([[x, y, 1], [x + 1, y, 1], [x, y + 1, 1]]) @ matrix.T
    places = points[:, :2] / points[:, 2:]
    across, down = np.hypot(*(places[1] - places[0])), np.hypot(*(places[2] - places[0]))
    return float(max(across, 1e-6)), float(max(down, 1e-6))


def _shrunk(side: int, factor: float) -> int:
    return side if factor < _TOLERANCE else max(min(side, _SMALLEST), round(side / factor))


def _resized(picture: Float32Array, size: tuple[int, int]) -> Float32Array:
    if picture.shape == size[::-1]:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _resized_mask(mask: Excluded, size: tuple[int, int]) -> Excluded:
    if mask is None or mask.shape == size[::-1]:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)
