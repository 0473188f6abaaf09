"""Frames in, addresses out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import vapoursynth as vs


def plane_addresses(frames: Sequence[vs.VideoFrame]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
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


def time_stamp(frame: vs.VideoFrame, number: int, fps: float) -> float | None:
    """Return when a frame is shown, in seconds: its own time stamp, else counted at a frame rate, else None."""
    stamp = frame.props.get("_AbsoluteTime")
    if isinstance(stamp, float):
        return stamp
    return number / fps if fps else None
