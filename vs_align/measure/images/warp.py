"""The warp: a picture, sampled once at the positions of a field."""

from collections.abc import Sequence

import numpy as np

from vs_align.io.array_types import Float32Array, UInt8Array, UInt16Array
from vs_align.measure.images.sampling import cubic_table, lanczos_table
from vs_align.measure.images.warp_kernels import sample_three, sample_three_short, sample_wide

# A picture that shrinks by less is as sharp without the wider kernel, and hardly aliased.
_SHRINKS_FROM = 1.05
_WIDEST = 16.0

Plane = UInt8Array | UInt16Array | Float32Array


def warp(
    planes: Sequence[Plane], field: Float32Array, peak: float | None, out: Sequence[Plane], *, sharp: bool = True
) -> None:
    """Write what lies at the positions of a field into the three planes of a picture of the field's size.

    Outside the picture its edge is repeated. Where positions are whole numbers samples come back as they are, to the
    last bit. Where the picture shrinks, the kernel grows with it, so that nothing is aliased.

    Args:
        planes: Three planes of shape (height, width).
        field: Positions in them.
        peak: The largest value of an integer format; None for float, whose values are left as they come.
        out: Three planes of the shape of the field and the dtype of `planes`.
        sharp: Lanczos with four lobes; else, three times as fast, a Catmull-Rom spline.

    Source:
        C. Duchon, Lanczos filtering in one and two dimensions, Journal of Applied Meteorology 18(8), 1979; four lobes.
        R. Keys, Cubic convolution interpolation for digital image processing, IEEE Transactions on Acoustics, Speech,
        and Signal Processing 29(6), 1981.
    """
    # kernels are fastest where the samples need no conversion, and float32 holds all of 16 bits
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
    """Return by how much a picture shrinks in x and y under a field, in clip pixels per ref pixel, at least 1.

    It is rounded to a 16th, so that the kernels of a shot are the same from frame to frame.
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
