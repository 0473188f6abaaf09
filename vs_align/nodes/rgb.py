"""Clips as full-range RGB for color metrics, and RGB frames as arrays and hashes."""

import hashlib

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import RgbImage
from vs_align.nodes.frames import plane_array

_MATRIX = "709"
"""Matrix of YUV clips without a matrix tag, as in vs_align 3.3.1."""


def rgb_of(clip: vs.VideoNode) -> vs.VideoNode:
    """Return a clip as full-range RGB of 8 bits, of 16 bits if it has more, or of 32 bit float.

    Interlaced frames are not separated into fields. Only matrix and range are converted, not the transfer curve.
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
        # zimg rejects RGB with a YUV matrix
        return plain.std.SetFrameProps(_Matrix=int(vs.MATRIX_RGB)).resize.Point(format=rgb)
    if clip.format.color_family == vs.GRAY:
        # zimg rejects gray with the matrix of RGB, as single planes of RGB have it
        full = plain.std.RemoveFrameProps("_Matrix").resize.Point(format=gray, range=vs.RANGE_FULL)
        return vs.core.std.ShufflePlanes([full] * 3, [0, 0, 0], vs.RGB)
    return plain.resize.Point(format=rgb, matrix_in_s=_MATRIX)


def rgb_array(frame: vs.VideoFrame) -> RgbImage:
    """Return the image of an RGB frame, (3, h, w); NaN and infinities become 0."""
    return np.stack([plane_array(frame, plane) for plane in range(3)])


def digest_of(frame: vs.VideoFrame) -> bytes:
    """Return a BLAKE2b hash of the pixels of a frame: equal for equal frames of one format."""
    sums = hashlib.blake2b(digest_size=16, usedforsecurity=False)
    for plane in range(frame.format.num_planes):
        sums.update(np.ascontiguousarray(frame[plane]))
    return sums.digest()
