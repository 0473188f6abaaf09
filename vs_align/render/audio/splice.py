"""An audio node cut into pieces, by native filters wherever samples stay as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import vapoursynth as vs

from vs_align.decide.cut_list.cut_list import SoundPiece, fade_length
from vs_align.nodes.audio_reader import in_format_of
from vs_align.render.audio.cached import Part, rendered


@dataclass(frozen=True, slots=True)
class _Trim:
    """Samples of the node as they are; those that it has not are silence."""

    start: int | None
    """First sample; None for silence."""
    count: int


def cut_sound(node: vs.AudioNode, pieces: Sequence[SoundPiece], folder: Path) -> vs.AudioNode:
    """Return the pieces one after the other, in the format of the node.

    What runs at speed 1 is trimmed and spliced, lazily and bit for bit. What does not, and the two milliseconds at
    either side of a cut in which pieces fade, is computed now, unless the folder has it already.

    Args:
        node: The sound.
        pieces: From `pieces_of`, at the node's rate; without gaps.
        folder: Where what was computed is kept.

    Raises:
        MediaError: The folder cannot be written to.
        MissingDependencyError: Something must be computed, and there is no BestSource to read it.
    """
    plan = [entry for i in range(len(pieces)) for entry in _planned(pieces, i, node.sample_rate)]
    parts = [entry for entry in plan if isinstance(entry, Part)]
    made = in_format_of(rendered(node, parts, folder), node) if parts else None
    nodes, place = list[vs.AudioNode](), 0
    for entry in plan:
        if made is not None and isinstance(entry, Part):
            nodes.append(made[place : place + len(entry)])
            place += len(entry)
        elif isinstance(entry, _Trim):
            nodes += _trimmed(node, entry)
    return nodes[0] if len(nodes) == 1 else vs.core.std.AudioSplice(nodes)


def _planned(pieces: Sequence[SoundPiece], i: int, rate: int) -> list[Part | _Trim]:
    """What one piece is made of."""
    piece = pieces[i]
    count = piece.end - piece.begin
    if piece.clip_start is None:
        return [_Trim(None, count)]
    fade = fade_length(piece, rate)
    fade_in, fade_out = fade if i > 0 else 0, fade if i + 1 < len(pieces) else 0
    if piece.speed != 1:
        return [Part(piece, fade_in, fade_out)]
    start = round(piece.clip_start * rate)
    head = replace(piece, end=piece.begin + fade_in, clip_start=start / rate)
    tail = replace(piece, begin=piece.end - fade_out, clip_start=(start + count - fade_out) / rate)
    plan: list[Part | _Trim] = [Part(head, fade_in, 0)] if fade_in else []
    if count > fade_in + fade_out:
        plan.append(_Trim(start + fade_in, count - fade_in - fade_out))
    return [*plan, Part(tail, 0, fade_out)] if fade_out else plan


def _trimmed(node: vs.AudioNode, trim: _Trim) -> list[vs.AudioNode]:
    start, count = trim.start, trim.count
    if start is None or start >= node.num_samples or start + count <= 0:
        return [vs.core.std.BlankAudio(node, length=count)]
    begin, end = max(start, 0), min(start + count, node.num_samples)
    whole = (begin, end) == (0, node.num_samples)
    nodes = [node if whole else node[begin:end]]
    if begin > start:
        nodes.insert(0, vs.core.std.BlankAudio(node, length=begin - start))
    if end < start + count:
        nodes.append(vs.core.std.BlankAudio(node, length=start + count - end))
    return nodes
