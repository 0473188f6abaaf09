"""Resampling of images along a field: Lanczos-4 or Catmull-Rom, with kernels widened for shrinking areas."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from vs_align.io.array_types import Float32Array, UInt8Array, UInt16Array
from vs_align.measure.images.warp_kernels import PHASES, sample_three, sample_three_short, sample_wide

_SHRINKS_FROM = 1.05
"""Scale (input pixels per output pixel) from which on the kernel is widened; below, aliasing is not visible."""
_WIDEST = 16.0
"""Largest scale that kernels are widened to."""

Plane = UInt8Array | UInt16Array | Float32Array


def warp(
    planes: Sequence[Plane], field: Float32Array, peak: float | None, out: Sequence[Plane], *, sharp: bool = True
) -> None:
    """Sample three planes at the positions of a field.

    Beyond the edges the border is replicated. Integer positions return samples unchanged to the last bit. If the image
    shrinks, the kernel is widened by the scale to prevent aliasing.

    Args:
        planes: Three planes, (hc, wc) each.
        field: (h, w, 2) float32, positions in them.
        peak: Largest value of an integer format; None for float, whose values are not clipped.
        out: Three planes (h, w) of the dtype of `planes`, written.
        sharp: Lanczos with four lobes; else a Catmull-Rom spline, three times as fast.

    Source:
        C. Duchon, Lanczos filtering in one and two dimensions, Journal of Applied Meteorology 18(8), 1979.
        R. Keys, Cubic convolution interpolation for digital image processing, IEEE Transactions on Acoustics, Speech,
        and Signal Processing 29(6), 1981.
    """
    # The kernels are fastest without conversions of samples, and float32 represents 16 bits exactly.
    source = np.array(planes, np.float32)
    shrink = shrinkage(field)
    limits = (
        (np.float32(-np.inf), np.float32(np.inf), np.float32(0))
        if peak is None
        else (np.float32(0), np.float32(peak), np.float32(0.5))
    )
    if max(shrink) < _SHRINKS_FROM:
        if sharp:
            sample_three(source, field, lanczos_table(1.0), *limits, *out)
        else:
            sample_three_short(source, field, cubic_table(), *limits, *out)
        return
    tables = lanczos_table(shrink[0]), lanczos_table(shrink[1])
    for plane, target in zip(source, out, strict=True):
        sample_wide(plane, field, tables, *limits, target)


def shrinkage(field: Float32Array) -> tuple[float, float]:
    """Return the scale of a field in x and y: the median distance in clip pixels of neighboring ref pixels, at least 1.

    It is rounded to 1/16 so that the kernels of a shot are the same from frame to frame.
    """
    height, width = field.shape[:2]
    steps = []
    for axis, size in ((1, width), (0, height)):
        if size < 2:
            steps.append((1.0, 0.0) if axis else (0.0, 1.0))
            continue
        step = np.abs(np.diff(field[:: max(1, height // 16), :: max(1, width // 16)], axis=axis)).reshape(-1, 2)
        if not len(step):
            step = np.abs(np.diff(field, axis=axis)).reshape(-1, 2)
            stride = 1
        else:
            stride = max(1, size // 16)
        middle = np.median(step, axis=0) / stride
        steps.append((float(middle[0]), float(middle[1])))
    (xx, xy), (yx, yy) = steps
    across, down = float(np.hypot(xx, yx)), float(np.hypot(xy, yy))
    return tuple(min(max(1.0, round(16 * s) / 16), _WIDEST) for s in (across, down))  # type: ignore[return-value]


@lru_cache(maxsize=64)
def lanczos_table(scale: float, lobes: int = 4) -> Float32Array:
    """Return the weights of a Lanczos kernel, widened by `scale`, at each phase; (PHASES + 1, taps) float32."""
    taps = 2 * int(np.ceil(lobes * scale))
    phases = np.arange(PHASES + 1)[:, None] / PHASES
    distance = (np.arange(taps) - (taps // 2 - 1) - phases) / scale
    weights = np.where(np.abs(distance) < lobes, np.sinc(distance) * np.sinc(distance / lobes), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    if scale == 1:
        # sinc of an integer is not exactly zero in floating point, and integer positions must return the sample.
        weights[0] = np.arange(taps) == taps // 2 - 1
        weights[-1] = np.arange(taps) == taps // 2
    return weights.astype(np.float32)


@lru_cache(maxsize=1)
def cubic_table() -> Float32Array:
    """Return the weights of a Catmull-Rom spline at each phase; (PHASES + 1, 4) float32."""
    t = np.arange(PHASES + 1) / PHASES
    weights = [
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]
    return np.ascontiguousarray(np.stack(weights, axis=1), np.float32)
