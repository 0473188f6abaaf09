"""Verification: does the warped picture show what ref shows?

The warped picture is matched backwards onto ref by a search of its own, at low resolution. A right field leaves nothing
to move; what is found is the forward-backward error.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array
from vs_align.measure.flow.dis.cells_kernels import mark_inside
from vs_align.measure.flow.dis.inverse_search import searched
from vs_align.measure.flow.dis.local_contrast import local_contrast, noise_of
from vs_align.measure.images.field import looked_up

_LONGEST = 192
# Pixels to a side that are averaged into one, at least.
_PIXELS = 1.5
_CELL = 8
# In units of local contrast: gradients below this say nothing about a displacement, variances below it nothing at all.
_LEAST_GRADIENT = 0.02
_LEAST_VARIANCE = 0.15
_LEAST_MATCH = 0.4
# Pixels at the low resolution that a pixel may be off.
_MOST_OFF = 0.75
_SMALLEST = 24


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found out about a field."""

    inside: BoolArray
    """Where the field looks into the picture of clip, shape (h, w)."""
    reliable: BoolArray
    """Where it also shows what ref shows, or where there is nothing to tell; shape (h, w)."""
    residual: float | None
    """Median forward-backward error in ref pixels over what can be told, None where nothing can."""

    @property
    def share(self) -> float:
        """Share of reliable pixels, 0 to 1."""
        return float(self.reliable.mean())

    @property
    def share_of_inside(self) -> float:
        """Share of reliable pixels among those inside clip's picture, 0 to 1."""
        return int(np.count_nonzero(self.reliable)) / max(1, int(np.count_nonzero(self.inside)))


def verify(clip: Float32Array, ref: Float32Array, field: Float32Array, excluded: BoolArray | None) -> Verified:
    """Verify a field.

    Args:
        clip: Luma, 0 to 1 nominal, any size.
        ref: Luma, shape (h, w).
        field: Of ref's shape.
        excluded: Pixels of ref that do not count, shape (h, w). They are reliable as far as they lie inside.
    """
    height, width = ref.shape
    inside = inside_of(field, clip.shape[1], clip.shape[0])
    factor = min(1.0, _LONGEST / max(width, height))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if min(size) < _SMALLEST or not inside.any():
        return Verified(inside, inside, None)
    # pixels between are skipped in both alike: there are enough to average
    thin = (slice(None, None, max(1, int(max(width, height) / (_PIXELS * _LONGEST)))),) * 2
    warped = looked_up(clip, field[thin])
    counted = inside if excluded is None else inside & ~excluded
    known = cv2.resize(counted[thin].astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    pair = [
        np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32) for luma in (warped, ref[thin])
    ]
    noise = max(noise_of(luma) for luma in pair)
    warped, target = (local_contrast(luma, noise, ~known) for luma in pair)
    off, told, alike = _compared(warped, target)
    cells = ((told & (off > _MOST_OFF)) | ~alike).astype(np.uint8)
    bad = (np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)) > 0) & counted
    residual = float(np.median(off[told])) / factor if told.any() else None
    return Verified(inside, inside & ~bad, residual)


def inside_of(field: Float32Array, width: int, height: int) -> BoolArray:
    """Return where a field looks into a picture of a size, edges of pixels included."""
    out = np.empty(field.shape[:2], np.bool_)
    mark_inside(field, np.float32(width), np.float32(height), out)
    return out


def _compared(warped: Float32Array, target: Float32Array) -> tuple[Float32Array, BoolArray, BoolArray]:
    """Compare two small pictures cell by cell.

    Returns:
        How far a cell is off in pixels, where that can be told, and which cells look alike or are flat in both.
    """
    flow = searched(warped, target, rough=True)
    known = np.isfinite(warped) & np.isfinite(target)
    first, second = (np.where(known, picture, np.float32(0)) for picture in (warped, target))
    gx, gy = (cv2.Sobel(first, -1, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    energy = (gx * gx + gy * gy) * known
    sums = [energy, energy * flow[..., 0], energy * flow[..., 1]]
    sums += [first * first, second * second, first * second, known.astype(np.float32)]
    grid = max(1, warped.shape[1] // _CELL), max(1, warped.shape[0] // _CELL)
    strength, du, dv, aa, bb, ab, share = (
        cv2.blur(cv2.resize(each, grid, interpolation=cv2.INTER_AREA), (3, 3)) for each in sums
    )
    off = np.hypot(du, dv) / np.maximum(strength, 1e-9)
    variance = (aa + bb) / 2 / np.maximum(share, 1e-6)
    match = ab / np.maximum(np.sqrt(aa * bb), 1e-9)
    told = (strength > _LEAST_GRADIENT * np.maximum(share, 1e-6)) & (share > 0.25)
    return np.asarray(off, np.float32), told, (variance < _LEAST_VARIANCE) | (match > _LEAST_MATCH) | (share <= 0.25)
