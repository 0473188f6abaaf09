"""Audio nodes as arrays: identity for caches, mono 16-bit audio for analysis, and random access to float samples."""

import hashlib

import numpy as np
import vapoursynth as vs

from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float32Array
from vs_align.io.progress import ShareProgress
from vs_align.media.audio_reader import AudioFormat
from vs_align.media.audio_track import MAX_RATE, MIN_RATE, RATE, MonoAudio

_HASHED_PLACES = 24
"""Places of a node, evenly spread, whose samples are hashed. Trades the time to read them against mistaking nodes for
each other that differ only elsewhere."""
_HASHED_SAMPLES = 3072
"""Samples at each of these places: a frame of an audio node in VapourSynth."""
_PROGRESS_FRAMES = 256
"""Frames from one progress report to the next."""


def audio_identity(node: vs.AudioNode) -> str:
    """Return a hash of the format of a node, its length and some of its samples, which is the same for equal audio."""
    sums = hashlib.blake2b(digest_size=16)
    sums.update(repr((node.num_samples, node.sample_rate, node.channel_layout, node.bits_per_sample)).encode())
    step = max(1, node.num_samples // _HASHED_PLACES)
    for first in range(0, node.num_samples, step):
        part = node[first : min(first + _HASHED_SAMPLES, node.num_samples)]
        for frame in part.frames(close=True):
            for channel in range(frame.num_channels):
                sums.update(np.ascontiguousarray(frame[channel]).tobytes())
    return sums.hexdigest()


def node_audio(
    node: vs.AudioNode, rate: int = RATE, start: float = 0.0, on_progress: ShareProgress | None = None
) -> MonoAudio:
    """Read a whole node, mixed to one channel and resampled by `std.AudioResample`, which takes any format.

    Each frame is requested once, in order. Not to be called within a filter's callback.

    Args:
        node: The audio node.
        rate: Samples per second of the result, 8000 to 48000.
        start: Time of its first sample in seconds after the first frame of the video.
        on_progress: Called now and then with the share that is done, 0 to 1.

    Raises:
        ArgumentError: `node` is no audio node, or `rate` is out of range.
    """
    if not isinstance(node, vs.AudioNode):
        raise ArgumentError("sync", "audio", "must be an audio node", type(node).__name__)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ArgumentError("sync", "rate", f"must be from {MIN_RATE} to {MAX_RATE}", rate)
    mono = vs.core.std.AudioResample(
        node, samplerate=rate, sampletype=vs.INTEGER, bits=16, channels=[vs.FRONT_CENTER], overflow_error=False
    )
    samples = np.empty(mono.num_samples, np.int16)
    place = 0
    for number, frame in enumerate(mono.frames(close=True)):
        # Some releases of VapourSynth call the buffer unsigned.
        block = np.asarray(frame[0]).view(np.int16)
        samples[place : place + len(block)] = block
        place += len(block)
        if on_progress and number % _PROGRESS_FRAMES == 0:
            on_progress(place / len(samples))
    return MonoAudio(samples[:place], rate, start)


class NodeReader:
    """Reads any span of the samples of an audio node; not to be used within a filter's callback.

    Args:
        node: Any sample type, rate and channels.
    """

    def __init__(self, node: vs.AudioNode) -> None:
        deep = node.sample_type == vs.FLOAT or node.bits_per_sample > 16
        self.format = AudioFormat(node.sample_rate, node.num_channels, f"{node.num_channels}c", deep)
        self._node = as_float(node)

    def read(self, start: int, count: int) -> Float32Array:
        """Return samples as float32 of shape (count, channels); silence outside of the node.

        Args:
            start: Number of the first sample; may be negative.
            count: Number of samples.
        """
        out = np.zeros((count, self.format.channels), np.float32)
        begin, end = max(start, 0), min(start + count, self._node.num_samples)
        if begin >= end:
            return out
        place = begin - start
        for frame in self._node[begin:end].frames(close=True):
            samples = len(np.asarray(frame[0]))
            for channel in range(self.format.channels):
                out[place : place + samples, channel] = np.asarray(frame[channel])
            place += samples
        return out


def as_float(node: vs.AudioNode) -> vs.AudioNode:
    """Return the samples as 32-bit float; exact up to 24 bits."""
    if node.sample_type == vs.FLOAT:
        return node
    return vs.core.std.AudioResample(node, sampletype=vs.FLOAT, bits=32)


def in_sample_type_of(node: vs.AudioNode, like: vs.AudioNode) -> vs.AudioNode:
    """Return float samples in the sample type of another node, rounded to the nearest."""
    if like.sample_type == vs.FLOAT:
        return node
    return vs.core.std.AudioResample(
        node, sampletype=like.sample_type, bits=like.bits_per_sample, dither_type="none", overflow_error=False
    )
