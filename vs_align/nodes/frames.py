"""Frames in, addresses out."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import AnyArray, BoolArray, Int64Array, UInt64Array


def plane_addresses(frames: Sequence[vs.VideoFrame]) -> tuple[UInt64Array, Int64Array]:
    """Return the address of the first plane of each frame and its pixels from row to row.

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
    """Return the time of a clip frame minus that of a ref frame in milliseconds, None where either is unknown.

    Args:
        clip_frame: A clip frame; its own time stamp counts where it has one.
        match: Its number.
        clip_fps: The rate at which clip frames without a time stamp are counted, frames per second; 0 where unknown.
        ref_frame: A ref frame, likewise.
        n: Its number.
        ref_fps: Likewise.
    """
    stamps = clip_frame.props.get("_AbsoluteTime"), ref_frame.props.get("_AbsoluteTime")
    if stamps == (None, None) and clip_fps and ref_fps:
        # one division of whole numbers is exact to the last bit
        late = match * clip_fps.denominator * ref_fps.numerator - n * ref_fps.denominator * clip_fps.numerator
        return 1000 * late / (clip_fps.numerator * ref_fps.numerator)
    clip_time, ref_time = _seconds(stamps[0], match, clip_fps), _seconds(stamps[1], n, ref_fps)
    return None if clip_time is None or ref_time is None else 1000 * (clip_time - ref_time)


def _seconds(stamp: object, number: int, fps: Fraction) -> float | None:
    if isinstance(stamp, float):
        return stamp
    return float(number / fps) if fps else None


def plane_array(frame: vs.VideoFrame, plane: int = 0) -> AnyArray:
    """Return a contiguous copy of a plane, shape (height, width); samples that are no finite numbers become 0.

    One of them would spread over whole rows of whatever is averaged.
    """
    out = np.array(frame[plane], order="C")
    if out.dtype.kind == "f" and not np.isfinite(out.sum()):
        np.nan_to_num(out, copy=False, nan=0, posinf=0, neginf=0)
    return out


def mask_array(frame: vs.VideoFrame) -> BoolArray | None:
    """Return where a mask is white, None where it is black all over."""
    white = np.asarray(frame[0]) > 0
    return white if white.any() else None
