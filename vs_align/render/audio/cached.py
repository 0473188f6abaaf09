"""Sound that no filter of VapourSynth makes, computed once and kept in a file that BestSource reads."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import vapoursynth as vs

from vs_align.decide.cut_list.cut_list import SoundPiece, faded, played
from vs_align.errors import ArgumentError, MediaError
from vs_align.media.atomic_output import parts as lent_names
from vs_align.media.atomic_output import replace
from vs_align.media.source import require_bestsource
from vs_align.media.wave64 import MOST_CHANNELS, write_wave64
from vs_align.nodes.audio import sound_identity
from vs_align.nodes.audio_reader import NodeReader

if TYPE_CHECKING:
    from vs_align.io.array_types import Float32Array

_METHOD = 1  # raised whenever other samples come out
_MOST_BYTES = 20 << 30  # of files that are kept: a stereo film of two hours has 2.6 GiB


@dataclass(frozen=True, slots=True)
class Part:
    """A piece that is computed, and the samples at its ends within which it comes up and goes."""

    piece: SoundPiece
    fade_in: int
    fade_out: int

    def __len__(self) -> int:
        """Number of samples."""
        return self.piece.end - self.piece.begin


def rendered(node: vs.AudioNode, parts: Sequence[Part], folder: Path) -> vs.AudioNode:
    """Return computed parts of a sound, one after the other, as 32-bit float with the channels of the node.

    Args:
        node: The sound, of at most 18 channels.
        parts: At least one.
        folder: Where the file is kept.

    Raises:
        ArgumentError: The node has too many channels.
        MediaError: The folder cannot be written to.
        MissingDependencyError: BestSource is missing.
    """
    require_bestsource()
    if node.num_channels > MOST_CHANNELS:
        rule = f"must have at most {MOST_CHANNELS} channels where its speed changes"
        raise ArgumentError("overlay_audio", "timeline", rule, node.num_channels)
    question = repr((_METHOD, sound_identity(node), [(len(p), p.piece, p.fade_in, p.fade_out) for p in parts]))
    path = folder / f"{hashlib.blake2b(question.encode(), digest_size=16).hexdigest()}.w64"
    if path.exists():
        os.utime(path)
    else:
        _write(node, parts, path)
    # what is made to find places in the file is kept, and removed, with it
    sound = vs.core.bs.AudioSource(str(path), cachemode=1, cachepath=str(folder / "index"), showprogress=False)
    # the file names its channels by their number alone
    order = [channel for channel in vs.AudioChannels if node.channel_layout >> int(channel) & 1]
    count = len(order)
    same = [1.0 if row == column else 0.0 for row in range(count) for column in range(count)]
    return vs.core.std.AudioMix([sound], same, order, overflow_error=False)


def _write(node: vs.AudioNode, parts: Sequence[Part], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{path.parent} cannot be made: {error.strerror}.") from error
    with lent_names(path) as (part,):
        write_wave64(part, _blocks(node, parts), node.sample_rate, node.num_channels)
        replace(part, path)
    _tidy(path)


def _blocks(node: vs.AudioNode, parts: Sequence[Part]) -> "Iterator[Float32Array]":
    reader = NodeReader(node)
    for part in parts:
        yield from faded(played(reader, part.piece), part.piece, part.fade_in, part.fade_out)


def _tidy(newest: Path) -> None:
    """Remove files that were not asked for since long ago."""
    kept = []
    for path in newest.parent.glob("*.w64"):
        with suppress(FileNotFoundError):  # another process tidies too
            facts = path.stat()
            kept.append((facts.st_mtime, path, facts.st_size))
    total = 0
    for _, path, size in sorted(kept, reverse=True):
        total += size
        if total > _MOST_BYTES and path != newest:
            # some systems do not let go of what is being read
            with suppress(OSError):
                path.unlink()
