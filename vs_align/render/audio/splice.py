"""An audio node cut along a cut list: native trims and splices at speed 1, computed and cached segments elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import vapoursynth as vs

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.nodes.audio import in_sample_type_of
from vs_align.render.audio.cached import ComputedSegment, cached_audio
from vs_align.render.audio.play import fade_length


@dataclass(frozen=True, slots=True)
class _Trim:
    """Samples of the node as they are, silence outside of the node."""

    start: int | None
    """First sample; None for silence."""
    count: int


def splice_segments(node: vs.AudioNode, segments: Sequence[AudioSegment], folder: Path) -> vs.AudioNode:
    """Return the segments one after the other, in the format of the node.

    At speed 1 the node is trimmed and spliced, lazily and bit for bit. Segments of another speed, and the fades of 2 ms
    on either side of a cut, are computed now unless the folder holds them already.

    Args:
        node: Any sample type, rate and channels.
        segments: The cut list at the node's rate, without gaps.
        folder: Where computed samples are kept.

    Raises:
        MediaError: The folder cannot be written to.
        MissingDependencyError: Something must be computed, and BestSource is missing to read it.
    """
    plan = [entry for i in range(len(segments)) for entry in _planned(segments, i, node.sample_rate)]
    computed = [entry for entry in plan if isinstance(entry, ComputedSegment)]
    made = in_sample_type_of(cached_audio(node, computed, folder), node) if computed else None
    nodes, place = list[vs.AudioNode](), 0
    for entry in plan:
        if made is not None and isinstance(entry, ComputedSegment):
            nodes.append(made[place : place + len(entry)])
            place += len(entry)
        elif isinstance(entry, _Trim):
            nodes += _trimmed(node, entry)
    return nodes[0] if len(nodes) == 1 else vs.core.std.AudioSplice(nodes)


def _planned(segments: Sequence[AudioSegment], i: int, rate: int) -> list[ComputedSegment | _Trim]:
    """Split segment i into what is trimmed and what is computed."""
    segment = segments[i]
    count = len(segment)
    if segment.clip_start is None:
        return [_Trim(None, count)]
    fade = fade_length(segment, rate)
    fade_in, fade_out = fade if i > 0 else 0, fade if i + 1 < len(segments) else 0
    if segment.speed != 1:
        return [ComputedSegment(segment, fade_in, fade_out)]
    start = round(segment.clip_start * rate)
    head = replace(segment, end=segment.begin + fade_in, clip_start=start / rate)
    tail = replace(segment, begin=segment.end - fade_out, clip_start=(start + count - fade_out) / rate)
    plan: list[ComputedSegment | _Trim] = [ComputedSegment(head, fade_in, 0)] if fade_in else []
    if count > fade_in + fade_out:
        plan.append(_Trim(start + fade_in, count - fade_in - fade_out))
    return [*plan, ComputedSegment(tail, 0, fade_out)] if fade_out else plan


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
