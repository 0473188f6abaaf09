"""Audio that no VapourSynth filter computes: written once as Wave64, cached in a folder, and read with BestSource."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import vapoursynth as vs

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.errors import ArgumentError, MediaError
from vs_align.io.array_types import Float32Array
from vs_align.io.atomic_files import replace, temporary_paths
from vs_align.media.source import require_bestsource
from vs_align.media.wave64 import MAX_CHANNELS, write_wave64
from vs_align.nodes.audio import NodeReader, audio_identity
from vs_align.render.audio.play import faded, segment_samples

_METHOD = 1
"""Version of the samples in the cache key: raised whenever the same input gives other samples."""
_MAX_CACHE_BYTES = 20 << 30
"""Size of all cached files above which the oldest are removed: some films of two hours, each 2.6 GiB in stereo."""


@dataclass(frozen=True, slots=True)
class ComputedSegment:
    """A segment that is computed, and the number of samples of the fades at its ends."""

    segment: AudioSegment
    fade_in: int
    fade_out: int

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.segment)


def cached_audio(node: vs.AudioNode, segments: Sequence[ComputedSegment], folder: Path) -> vs.AudioNode:
    """Return computed segments one after the other, as 32-bit float with the channels of the node.

    Args:
        node: The audio that they are computed from, of at most 18 channels.
        segments: At least one.
        folder: Where the file is kept.

    Raises:
        ArgumentError: The node has too many channels.
        MediaError: The folder cannot be written to.
        MissingDependencyError: BestSource is missing.
    """
    require_bestsource()
    if node.num_channels > MAX_CHANNELS:
        rule = f"must have at most {MAX_CHANNELS} channels where its speed changes"
        raise ArgumentError("overlay_audio", "timeline", rule, node.num_channels)
    plan = [(len(s), s.segment, s.fade_in, s.fade_out) for s in segments]
    key = repr((_METHOD, audio_identity(node), plan))
    path = folder / f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.w64"
    if path.exists():
        os.utime(path)
    else:
        _write(node, segments, path)
    # BestSource keeps its index in a folder beside the file, so that it goes with the cache.
    audio = vs.core.bs.AudioSource(str(path), cachemode=1, cachepath=str(folder / "index"), showprogress=False)
    # Wave64 numbers channels without naming them: the names are those of the node.
    order = [channel for channel in vs.AudioChannels if node.channel_layout >> int(channel) & 1]
    count = len(order)
    same = [1.0 if row == column else 0.0 for row in range(count) for column in range(count)]
    return vs.core.std.AudioMix([audio], same, order, overflow_error=False)


def _write(node: vs.AudioNode, segments: Sequence[ComputedSegment], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{path.parent} cannot be made: {error.strerror}.") from error
    with temporary_paths(path) as (part,):
        write_wave64(part, _blocks(node, segments), node.sample_rate, node.num_channels)
        replace(part, path)
    _evict(path)


def _blocks(node: vs.AudioNode, segments: Sequence[ComputedSegment]) -> Iterator[Float32Array]:
    reader = NodeReader(node)
    for each in segments:
        yield from faded(segment_samples(reader, each.segment), each.segment, each.fade_in, each.fade_out)


def _evict(newest: Path) -> None:
    """Remove the files that were not used for the longest time, until the rest is small enough."""
    kept = []
    for path in newest.parent.glob("*.w64"):
        with suppress(FileNotFoundError):  # another process may evict too
            facts = path.stat()
            kept.append((facts.st_mtime, path, facts.st_size))
    total = 0
    for _, path, size in sorted(kept, reverse=True):
        total += size
        if total > _MAX_CACHE_BYTES and path != newest:
            # Windows does not remove a file that is being read.
            with suppress(OSError):
                path.unlink()
