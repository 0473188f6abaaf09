"""Any stretch of an audio node as an array."""

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import Float32Array
from vs_align.media.audio_reader import SoundFormat


class NodeReader:
    """Reads stretches of an audio node; never within a filter's callback.

    Args:
        node: Any sample type, rate and channels.
    """

    def __init__(self, node: vs.AudioNode) -> None:
        deep = node.sample_type == vs.FLOAT or node.bits_per_sample > 16
        self.format = SoundFormat(node.sample_rate, node.num_channels, f"{node.num_channels}c", deep)
        self._node = as_float(node)

    def read(self, start: int, count: int) -> Float32Array:
        """Return samples as float32 of shape (count, channels); silence where the node has none.

        Args:
            start: Number of the first sample; may be negative.
            count: How many.
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
    """The same samples as 32-bit float, exactly where they have no more than 24 bits."""
    if node.sample_type == vs.FLOAT:
        return node
    return vs.core.std.AudioResample(node, sampletype=vs.FLOAT, bits=32)


def in_format_of(node: vs.AudioNode, like: vs.AudioNode) -> vs.AudioNode:
    """Float samples in the sample type of another node, rounded to the nearest."""
    if like.sample_type == vs.FLOAT:
        return node
    return vs.core.std.AudioResample(
        node, sampletype=like.sample_type, bits=like.bits_per_sample, dither_type="none", overflow_error=False
    )
