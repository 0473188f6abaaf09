"""Clips as red, green and blue, for metrics that look at colour."""

import hashlib

import numpy as np
import vapoursynth as vs

from vs_align.measure.metrics.metric import Picture
from vs_align.nodes.frames import plane_array

# Where a clip does not say how it was made, as vs_align 3.3.1 has it.
_MATRIX = "709"


def rgb_of(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip as full-range RGB of 8 bits, of 16 bits where it has more, or of single floats.

    Fields of interlaced frames are not taken apart. Nothing but matrix and range is converted, the transfer curve
    stays as it is.
    """
    depth = clip.format.bits_per_sample
    if clip.format.sample_type == vs.FLOAT:
        rgb, gray = vs.RGBS, vs.GRAYS
    else:
        rgb, gray = (vs.RGB24, vs.GRAY8) if depth == 8 else (vs.RGB48, vs.GRAY16)
    if clip.format.id == rgb:
        return clip
    plain = clip.std.SetFieldBased(0)
    if clip.format.color_family == vs.RGB:
        # the scaler trips over an RGB clip that says it is YUV
        return plain.std.SetFrameProps(_Matrix=int(vs.MATRIX_RGB)).resize.Point(format=rgb)
    if clip.format.color_family == vs.GRAY:
        # likewise over grey that says it is RGB, being a plane of it
        full = plain.std.RemoveFrameProps("_Matrix").resize.Point(format=gray, range=vs.RANGE_FULL)
        return vs.core.std.ShufflePlanes([full] * 3, [0, 0, 0], vs.RGB)
    return plain.resize.Point(format=rgb, matrix_in_s=_MATRIX)


def picture_of(frame: vs.VideoFrame) -> Picture:
    """Return the picture of an RGB frame, (3, h, w); samples that are no finite numbers become 0."""
    return np.stack([plane_array(frame, plane) for plane in range(3)])


def digest_of(frame: vs.VideoFrame) -> bytes:
    """Return some bytes that are equal for frames of one format whose pixels are equal."""
    sums = hashlib.blake2b(digest_size=16, usedforsecurity=False)
    for plane in range(frame.format.num_planes):
        sums.update(np.ascontiguousarray(frame[plane]))
    return sums.digest()
