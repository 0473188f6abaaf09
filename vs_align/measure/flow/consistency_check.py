"""Forward-backward consistency check of a flow field.

Clip, warped by the field, is matched to ref by a separate DIS search at low resolution. A correct field leaves no
displacement; what remains is the forward-backward error.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array
from vs_align.measure.flow.dis.inverse_search import inverse_search
from vs_align.measure.flow.dis.kernels import mark_inside
from vs_align.measure.flow.dis.local_contrast import estimate_noise, local_contrast
from vs_align.measure.images.field import sample_bilinear


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the consistency check."""

    longer_side: int = 192
    """Longer side in pixels of the images that are compared."""
    averaged_pixels: float = 1.5
    """Smallest number of pixels per side that are averaged into one; of more, some are skipped for speed."""
    block: int = 8
    """Side of a block in pixels of those images."""
    min_gradient: float = 0.02
    """Mean squared gradient of a block, in units of local contrast, below which no displacement can be measured."""
    min_variance: float = 0.15
    """Variance of a block, in units of local contrast, below which it is flat and cannot disagree."""
    min_ncc: float = 0.4
    """NCC of a block below which its content differs."""
    max_error: float = 0.75
    """Displacement of a block, in pixels at low resolution, above which the field is unreliable there."""
    min_size: int = 24
    """Shortest side in pixels at low resolution that can be checked."""
    min_valid_share: float = 0.25
    """Share of valid pixels that a block needs."""


_SETTINGS = _Settings()


@dataclass(frozen=True, slots=True)
class ConsistencyCheck:
    """Reliability of a field per pixel."""

    inside: BoolArray
    """Pixels whose position lies inside clip, (h, w)."""
    reliable: BoolArray
    """Pixels inside clip that also show the content of ref, or are too flat to tell; (h, w)."""
    residual: float | None
    """Median forward-backward error in ref pixels over the measurable blocks; None if there are none."""

    @property
    def share(self) -> float:
        """Share of reliable pixels, 0..1."""
        return float(self.reliable.mean())

    @property
    def share_of_inside(self) -> float:
        """Share of reliable pixels among those inside clip, 0..1."""
        return int(np.count_nonzero(self.reliable)) / max(1, int(np.count_nonzero(self.inside)))


def check_consistency(
    clip: Float32Array, ref: Float32Array, field: Float32Array, excluded: BoolArray | None
) -> ConsistencyCheck:
    """Check a field.

    Args:
        clip: Luma, (hc, wc) float32, 0..1 nominal.
        ref: Luma, (h, w) float32, 0..1 nominal.
        field: (h, w, 2) float32.
        excluded: Pixels of ref to ignore, (h, w), or None. They are reliable as far as they lie inside clip.
    """
    height, width = ref.shape
    inside = inside_clip(field, clip.shape[1], clip.shape[0])
    factor = min(1.0, _SETTINGS.longer_side / max(width, height))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if min(size) < _SETTINGS.min_size or not inside.any():
        return ConsistencyCheck(inside, inside, None)
    # Skipping pixels in both images alike leaves enough to average.
    thin = (
        slice(None, None, max(1, int(max(width, height) / (_SETTINGS.averaged_pixels * _SETTINGS.longer_side)))),
    ) * 2
    warped = sample_bilinear(clip, field[thin])
    counted = inside if excluded is None else inside & ~excluded
    known = cv2.resize(counted[thin].astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    pair = [
        np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32) for luma in (warped, ref[thin])
    ]
    noise = max(estimate_noise(luma) for luma in pair)
    warped, target = (local_contrast(luma, noise, ~known) for luma in pair)
    errors, measurable, consistent = _compare_blocks(warped, target)
    failed = ((measurable & (errors > _SETTINGS.max_error)) | ~consistent).astype(np.uint8)
    bad = (np.asarray(cv2.resize(failed, (width, height), interpolation=cv2.INTER_NEAREST)) > 0) & counted
    residual = float(np.median(errors[measurable])) / factor if measurable.any() else None
    return ConsistencyCheck(inside, inside & ~bad, residual)


def inside_clip(field: Float32Array, width: int, height: int) -> BoolArray:
    """Return which positions of a field lie inside an image of a size in pixels, edges of pixels included; (h, w)."""
    out = np.empty(field.shape[:2], np.bool_)
    mark_inside(field, np.float32(width), np.float32(height), out)
    return out


def _compare_blocks(warped: Float32Array, target: Float32Array) -> tuple[Float32Array, BoolArray, BoolArray]:
    """Compare two images block by block.

    Returns:
        Displacement of each block in pixels, whether it is measurable, and whether its content is consistent.
    """
    flow = inverse_search(warped, target, rough=True)
    known = np.isfinite(warped) & np.isfinite(target)
    first, second = (np.where(known, image, np.float32(0)) for image in (warped, target))
    gx, gy = (cv2.Sobel(first, -1, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    energy = (gx * gx + gy * gy) * known
    sums = [energy, energy * flow[..., 0], energy * flow[..., 1]]
    sums += [first * first, second * second, first * second, known.astype(np.float32)]
    grid = max(1, warped.shape[1] // _SETTINGS.block), max(1, warped.shape[0] // _SETTINGS.block)
    strength, du, dv, aa, bb, ab, share = (
        cv2.blur(cv2.resize(each, grid, interpolation=cv2.INTER_AREA), (3, 3)) for each in sums
    )
    errors = np.hypot(du, dv) / np.maximum(strength, 1e-9)
    variance = (aa + bb) / 2 / np.maximum(share, 1e-6)
    match = ab / np.maximum(np.sqrt(aa * bb), 1e-9)
    measurable = (strength > _SETTINGS.min_gradient * np.maximum(share, 1e-6)) & (share > _SETTINGS.min_valid_share)
    return (
        np.asarray(errors, np.float32),
        measurable,
        (variance < _SETTINGS.min_variance) | (match > _SETTINGS.min_ncc) | (share <= _SETTINGS.min_valid_share),
    )
