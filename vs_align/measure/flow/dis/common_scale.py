"""Downscaling of two images to a common scale, so that neither shows detail that the other cannot contain."""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.placement.homography import apply_homography, resize_matrix

_SCALE_TOLERANCE = 1.04
"""Ratio of scales up to which images are left as they are: resizing costs sharpness, too."""
_MIN_SIZE = 16
"""Shortest side in pixels that downscaling leaves."""


@dataclass(frozen=True, slots=True)
class CommonScale:
    """Clip and ref at a common scale."""

    clip: Float32Array
    ref: Float32Array
    start: Float64Array
    """Transform from these ref pixels to these clip pixels, (3, 3)."""
    excluded: BoolArray | None
    clip_excluded: BoolArray | None

    @classmethod
    def of(
        cls,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: BoolArray | None,
        clip_excluded: BoolArray | None,
        downscaling: float = 1,
    ) -> "CommonScale":
        """Downscale the image of higher resolution, per axis, and both by at least `downscaling`."""
        across, down = local_scale(start, ref.shape[1], ref.shape[0])
        clip_size, ref_size = clip.shape[::-1], ref.shape[::-1]
        small_clip = (
            _reduced_side(clip_size[0], downscaling * max(across, 1)),
            _reduced_side(clip_size[1], downscaling * max(down, 1)),
        )
        small_ref = (
            _reduced_side(ref_size[0], downscaling * max(1 / across, 1)),
            _reduced_side(ref_size[1], downscaling * max(1 / down, 1)),
        )
        total = resize_matrix(small_clip, clip_size) @ start @ resize_matrix(ref_size, small_ref)
        return cls(
            _resized(clip, small_clip),
            _resized(ref, small_ref),
            np.asarray(total / total[2, 2]),
            _resized_mask(excluded, small_ref),
            _resized_mask(clip_excluded, small_clip),
        )


def local_scale(matrix: Float64Array, width: int, height: int) -> tuple[float, float]:
    """Return the number of clip pixels per ref pixel at the center of ref, in x and y."""
    x, y = (width - 1) / 2, (height - 1) / 2
    mapped = apply_homography(matrix, np.array([(x, y), (x + 1, y), (x, y + 1)]))
    across, down = np.hypot(*(mapped[1] - mapped[0])), np.hypot(*(mapped[2] - mapped[0]))
    return float(max(across, 1e-6)), float(max(down, 1e-6))


def _reduced_side(side: int, factor: float) -> int:
    return side if factor < _SCALE_TOLERANCE else max(min(side, _MIN_SIZE), round(side / factor))


def _resized(image: Float32Array, size: tuple[int, int]) -> Float32Array:
    if image.shape == size[::-1]:
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _resized_mask(mask: BoolArray | None, size: tuple[int, int]) -> BoolArray | None:
    if mask is None or mask.shape == size[::-1]:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)
