"""Mix of two audio tracks at full level, lowered as a whole just enough that the loudest sample does not clip."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import vapoursynth as vs

from vs_align.errors import MediaError
from vs_align.io.array_types import Float32Array
from vs_align.io.json_file import save_text
from vs_align.nodes.audio import as_float, in_sample_type_of


def mix_blocks(first: Iterator[Float32Array], second: Iterator[Float32Array]) -> Iterator[Float32Array]:
    """Yield the sums of two tracks of one length, float32 of shape (n, channels), whatever blocks they come in."""
    left, right = next(first, None), next(second, None)
    while left is not None and right is not None:
        count = min(len(left), len(right))
        yield left[:count] + right[:count]
        left = left[count:] if len(left) > count else next(first, None)
        right = right[count:] if len(right) > count else next(second, None)


def unclipped_gain(blocks: Iterable[Float32Array]) -> float:
    """Return the factor that brings the largest absolute sample down to full scale; 1.0 if it is not above."""
    peak = 1.0
    for block in blocks:
        peak = max(peak, float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
    return 1 / peak


def mix_nodes(
    first: vs.AudioNode, second: vs.AudioNode, folder: Path | None, cache_key: tuple[object, ...]
) -> vs.AudioNode:
    """Return the mix of two nodes. The peak is searched now, in every sample, and kept.

    Args:
        first: An audio node.
        second: One of the same format and length.
        folder: Where the peak is kept; None: nowhere.
        cache_key: Values whose `repr` tells this mix from others.

    Raises:
        MediaError: The folder cannot be written to.
    """
    both = _sum(as_float(first), as_float(second), 1.0)
    peak = _cached_peak(both, folder, cache_key)
    return in_sample_type_of(_sum(as_float(first), as_float(second), 1 / max(1.0, peak)), first)


def convert_like(node: vs.AudioNode, like: vs.AudioNode) -> vs.AudioNode:
    """Return a node with the rate, channels and sample type of another, lazily; the node itself if it has them."""
    if (node.sample_rate, node.channel_layout) != (like.sample_rate, like.channel_layout):
        node = as_float(node)
        if node.num_channels == 1:
            # A single channel is heard from the center, whatever its label.
            node = vs.core.std.AudioMix([node], [1.0], [vs.FRONT_CENTER], overflow_error=False)
        layout = [channel for channel in vs.AudioChannels if like.channel_layout >> int(channel) & 1]
        node = vs.core.std.AudioResample(node, samplerate=like.sample_rate, channels=layout, overflow_error=False)
    if (node.sample_type, node.bits_per_sample) != (like.sample_type, like.bits_per_sample):
        node = in_sample_type_of(as_float(node), like)
    return node


def _sum(first: vs.AudioNode, second: vs.AudioNode, gain: float) -> vs.AudioNode:
    channels = [channel for channel in vs.AudioChannels if first.channel_layout >> int(channel) & 1]
    count = len(channels)
    # A row for each channel of the result, in it a column for each channel of both inputs.
    matrix = [gain if column % count == row else 0.0 for row in range(count) for column in range(2 * count)]
    return vs.core.std.AudioMix([first, second], matrix, channels, overflow_error=False)


def _cached_peak(node: vs.AudioNode, folder: Path | None, cache_key: tuple[object, ...]) -> float:
    if folder is None:
        return _peak(node)
    path = folder / f"{hashlib.blake2b(repr(cache_key).encode(), digest_size=16).hexdigest()}.peak.json"
    # A missing or damaged file is written anew.
    with suppress(OSError, ValueError, TypeError):
        return float(json.loads(path.read_text(encoding="utf-8")))
    peak = _peak(node)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder} cannot be made: {error.strerror}.") from error
    save_text("overlay_audio", json.dumps(peak), path)
    return peak


def _peak(node: vs.AudioNode) -> float:
    """Return the largest absolute sample; 1.0 is full scale."""
    peak = 0.0
    for frame in node.frames(close=True):
        for channel in range(frame.num_channels):
            samples = np.asarray(frame[channel])
            peak = max(peak, float(samples.max()), -float(samples.min()))
    return peak
