"""Two sounds at once."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import vapoursynth as vs

from vs_align.errors import MediaError
from vs_align.io.json_file import save_text
from vs_align.nodes.audio_reader import as_float, in_format_of


def converted(node: vs.AudioNode, like: vs.AudioNode) -> vs.AudioNode:
    """A sound with the rate, the channels and the sample type of another, lazily; the node itself where it has them."""
    if (node.sample_rate, node.channel_layout) != (like.sample_rate, like.channel_layout):
        node = as_float(node)
        if node.num_channels == 1:
            # the only channel is heard from the middle, whatever it is called
            node = vs.core.std.AudioMix([node], [1.0], [vs.FRONT_CENTER], overflow_error=False)
        layout = [channel for channel in vs.AudioChannels if like.channel_layout >> int(channel) & 1]
        node = vs.core.std.AudioResample(node, samplerate=like.sample_rate, channels=layout, overflow_error=False)
    if (node.sample_type, node.bits_per_sample) != (like.sample_type, like.bits_per_sample):
        node = in_format_of(as_float(node), like)
    return node


def mixed(first: vs.AudioNode, second: vs.AudioNode, folder: Path | None, question: tuple[object, ...]) -> vs.AudioNode:
    """Return both at their full levels, or lowered together, by as much as the loudest place needs not to clip.

    The loudest place is looked for now, in every sample; the answer is kept.

    Args:
        first: A sound.
        second: One of the same format and length.
        folder: Where the answer is kept; None: nowhere.
        question: What tells this mix from others, as values whose text does.

    Raises:
        MediaError: The folder cannot be written to.
    """
    both = _sum(as_float(first), as_float(second), 1.0)
    peak = _known_peak(both, folder, question)
    return in_format_of(_sum(as_float(first), as_float(second), 1 / max(1.0, peak)), first)


def _sum(first: vs.AudioNode, second: vs.AudioNode, gain: float) -> vs.AudioNode:
    channels = [channel for channel in vs.AudioChannels if first.channel_layout >> int(channel) & 1]
    count = len(channels)
    # a row for each channel of the result, in it a column for each of both
    matrix = [gain if column % count == row else 0.0 for row in range(count) for column in range(2 * count)]
    return vs.core.std.AudioMix([first, second], matrix, channels, overflow_error=False)


def _known_peak(node: vs.AudioNode, folder: Path | None, question: tuple[object, ...]) -> float:
    if folder is None:
        return _peak(node)
    path = folder / f"{hashlib.blake2b(repr(question).encode(), digest_size=16).hexdigest()}.peak.json"
    # what is missing or damaged is found anew
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
    """Largest absolute sample, 1.0 is full scale."""
    peak = 0.0
    for frame in node.frames(close=True):
        for channel in range(frame.num_channels):
            samples = np.asarray(frame[channel])
            peak = max(peak, float(samples.max()), -float(samples.min()))
    return peak
