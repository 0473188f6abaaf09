"""Planes of frames as addresses for kernels and as NumPy arrays, and time differences of frames."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import AnyArray, BoolArray, Int64Array, UInt64Array


def plane_addresses(frames: Sequence[vs.VideoFrame]) -> tuple[UInt64Array, Int64Array]:
    """Return the address of plane 0 of each frame, and its row pitch in samples.

    The addresses are valid as long as the caller holds the frames.
    """
    addresses = np.fromiter((frame.get_read_ptr(0).value or 0 for frame in frames), np.uint64, len(frames))
    size = frames[0].format.bytes_per_sample
    pitches = np.fromiter((frame.get_stride(0) // size for frame in frames), np.int64, len(frames))
    return addresses, pitches


def plane_dtype(clip: vs.VideoNode) -> np.dtype[np.unsignedinteger | np.floating]:
    """Return the dtype of the samples of a clip of 8 to 16 bit integers or single floats."""
    if clip.format.sample_type == vs.FLOAT:
        return np.dtype(np.float32)
    return np.dtype(np.uint8) if clip.format.bytes_per_sample == 1 else np.dtype(np.uint16)


def peak_value(clip: vs.VideoNode) -> int:
    """Return the largest value of an integer format, 1 for float."""
    return 1 if clip.format.sample_type == vs.FLOAT else (1 << clip.format.bits_per_sample) - 1


def offset_ms(
    clip_frame: vs.VideoFrame, match: int, clip_fps: Fraction, ref_frame: vs.VideoFrame, n: int, ref_fps: Fraction
) -> float | None:
    """Return the time of a clip frame minus that of a ref frame in milliseconds, None if either is unknown.

    The time of a frame is its prop `_AbsoluteTime`, else its number divided by the frame rate.

    Args:
        clip_frame: A frame of clip.
        match: Number of that frame.
        clip_fps: Frames per second of clip; 0 if unknown.
        ref_frame: A frame of ref.
        n: Number of that frame.
        ref_fps: Frames per second of ref; 0 if unknown.
    """
    stamps = clip_frame.props.get("_AbsoluteTime"), ref_frame.props.get("_AbsoluteTime")
    if stamps == (None, None) and clip_fps and ref_fps:
        # a single division of integers is exact to the last bit
        late = match * clip_fps.denominator * ref_fps.numerator - n * ref_fps.denominator * clip_fps.numerator
        return 1000 * late / (clip_fps.numerator * ref_fps.numerator)
    clip_time, ref_time = _seconds(stamps[0], match, clip_fps), _seconds(stamps[1], n, ref_fps)
    return None if clip_time is None or ref_time is None else 1000 * (clip_time - ref_time)


def _seconds(stamp: object, number: int, fps: Fraction) -> float | None:
    if isinstance(stamp, float):
        return stamp
    return float(number / fps) if fps else None


def plane_array(frame: vs.VideoFrame, plane: int = 0) -> AnyArray:
    """Return a contiguous copy of a plane, shape (height, width). NaN and infinities become 0.

    A single NaN would spread over whole rows in running sums.
    """
    out = np.array(frame[plane], order="C")
    if out.dtype.kind == "f" and not np.isfinite(out.sum()):
        np.nan_to_num(out, copy=False, nan=0, posinf=0, neginf=0)
    return out


def mask_array(frame: vs.VideoFrame) -> BoolArray | None:
    """Return the pixels of a mask above 0, shape (height, width); None if there are none."""
    white = np.asarray(frame[0]) > 0
    return white if white.any() else None
