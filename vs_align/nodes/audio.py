"""The whole sound of a VapourSynth node as one row of samples."""

import hashlib
from collections.abc import Callable

import numpy as np
import vapoursynth as vs

from vs_align.errors import ArgumentError
from vs_align.media.audio_track import RATE, Sound

# Places at which a sound is looked at to recognise it, and samples at each.
_SAMPLED, _PIECE = 24, 3072


def sound_identity(node: vs.AudioNode) -> str:
    """Return a text that is the same for sounds that are the same, seen by their format and some of their samples."""
    sums = hashlib.blake2b(digest_size=16)
    sums.update(repr((node.num_samples, node.sample_rate, node.channel_layout, node.bits_per_sample)).encode())
    step = max(1, node.num_samples // _SAMPLED)
    for first in range(0, node.num_samples, step):
        part = node[first : min(first + _PIECE, node.num_samples)]
        for frame in part.frames(close=True):
            for channel in range(frame.num_channels):
                sums.update(np.ascontiguousarray(frame[channel]).tobytes())
    return sums.hexdigest()


def node_sound(
    node: vs.AudioNode, rate: int = RATE, start: float = 0.0, on_progress: Callable[[float], object] | None = None
) -> Sound:
    """Read the sound of a node, mixed to one channel.

    `std.AudioResample` mixes and resamples, whatever the node's sample type, rate and channels, and each of its frames
    is asked for once, in order. Never call this in a filter's callback.

    Args:
        node: The sound.
        rate: Samples per second of the result, 8000 to 48000.
        start: Time of its first sample in seconds after the first frame of the picture.
        on_progress: Called now and then with the share that is done, 0 to 1.

    Raises:
        ArgumentError: `node` is no audio node, or `rate` is out of range.
    """
    if not isinstance(node, vs.AudioNode):
        raise ArgumentError("sync", "audio", "must be an audio node", type(node).__name__)
    if not 8000 <= rate <= 48000:
        raise ArgumentError("sync", "rate", "must be from 8000 to 48000", rate)
    mono = vs.core.std.AudioResample(
        node, samplerate=rate, sampletype=vs.INTEGER, bits=16, channels=[vs.FRONT_CENTER], overflow_error=False
    )
    samples = np.empty(mono.num_samples, np.int16)
    place = 0
    for number, frame in enumerate(mono.frames(close=True)):
        # The buffer calls itself unsigned in some releases.
        block = np.asarray(frame[0]).view(np.int16)
        samples[place : place + len(block)] = block
        place += len(block)
        if on_progress and number % 256 == 0:
            on_progress(place / len(samples))
    return Sound(samples[:place], rate, start)
