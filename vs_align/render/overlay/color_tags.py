"""Color tags of a frame (matrix, range, chroma location, primaries, transfer) and the resizer arguments for them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import vapoursynth as vs

from vs_align.io.memory import MemoryTrimmer
from vs_align.media.scripts.common import default_matrix_for_size
from vs_align.nodes.clips import blank_like

_UNKNOWN = 2
_BT709, _LINEAR = 1, 8
_SAME_CURVE = (1, 6, 14, 15)
"""H.273 codes of one transfer curve: BT.709, BT.601, BT.2020 of 10 and of 12 bits."""
_MOST_KEPT = 256
"""Number of cached nodes, one per combination of tags: bounds memory for clips with random tags."""
_FRAMES_PER_TRIM = 64
"""Frames between two checks of memory: a trim takes some milliseconds."""


@dataclass(frozen=True, slots=True)
class ColorTags:
    """Color tags of a frame, with the codes of ITU-T H.273. None: unknown."""

    matrix: int
    full: bool
    location: int
    """Location of chroma samples: 0 left, 1 center, 2 top left, 3 top, 4 bottom left, 5 bottom."""
    primaries: int | None
    transfer: int | None

    @classmethod
    def of(cls, props: Any, clip: vs.VideoNode) -> "ColorTags":
        """Read the tags of a frame of a clip. Missing tags get the defaults that players use."""
        is_rgb = clip.format.color_family == vs.RGB
        matrix = 0 if is_rgb else _known(props.get("_Matrix")) or default_matrix_for_size(clip.width, clip.height)
        location = props.get("_ChromaLocation")
        return cls(
            matrix,
            bool(props.get("_Range", is_rgb)),
            int(location) if location in range(6) else 0,
            _known(props.get("_Primaries")),
            _known(props.get("_Transfer")),
        )

    def linear(self) -> "ColorTags":
        """Return the tags of the same colors as RGB in linear light."""
        return replace(self, matrix=0, full=True, transfer=_LINEAR)

    def with_curve(self) -> "ColorTags":
        """Return the same tags with a transfer curve: BT.709 if none is known."""
        return self if self.transfer else replace(self, transfer=_BT709)

    def marked(self, clip: vs.VideoNode) -> vs.VideoNode:
        """Return a clip with these tags on every frame and without field order, as input of a resizer."""
        props = {
            "_Matrix": self.matrix,
            "_Range": int(self.full),
            "_ChromaLocation": self.location,
            "_Primaries": self.primaries or _UNKNOWN,
            "_Transfer": self.transfer or _UNKNOWN,
            "_FieldBased": 0,
        }
        return clip.std.SetFrameProps(**props)

    def toward(self, source: vs.VideoFormat, wanted: "ColorTags", target: vs.VideoFormat) -> dict[str, int]:
        """Return the resizer arguments that convert a clip, `marked` with these tags, to other tags.

        Tags that are equal on both sides are left out, so that nothing is converted. Primaries are converted if both
        primaries and both transfer curves are known, the transfer curve if both curves are known.

        Args:
            source: Format of the clip.
            wanted: Tags of the result.
            target: Format of the result.
        """
        options = {"format": target.id}
        if target.color_family == vs.RGB:
            options["matrix"] = 0
        elif target.color_family == vs.YUV or source.color_family == vs.RGB:
            options["matrix"] = wanted.matrix
        # gray has no matrix of its own
        if (source.color_family, self.full) != (target.color_family, wanted.full) or source.id != target.id:
            options["range"] = int(wanted.full)
        if target.color_family == vs.YUV and (target.subsampling_w or target.subsampling_h):
            options["chromaloc"] = wanted.location
        if self.transfer and wanted.transfer:
            if _curve(self.transfer) != _curve(wanted.transfer):
                options["transfer"] = wanted.transfer
            if self.primaries and wanted.primaries and self.primaries != wanted.primaries:
                options["primaries"] = wanted.primaries
                options["transfer"] = wanted.transfer
        return options

    def meant(self, source: vs.VideoFormat, wanted: "ColorTags") -> "ColorTags":
        """Return these tags; for gray with the matrix of `wanted`."""
        return replace(self, matrix=wanted.matrix) if source.color_family == vs.GRAY and wanted.matrix else self


def select_by_tags(
    example: vs.VideoNode,
    clips: Sequence[vs.VideoNode],
    sources: Sequence[vs.VideoNode],
    build: Callable[..., vs.VideoNode],
    key: Callable[[int], int | None] = lambda _n: 0,
    seen: Callable[[Any], Hashable] | None = None,
) -> vs.VideoNode:
    """Return a clip whose frames come from nodes that are built, and cached, for each combination of color tags.

    Args:
        example: A clip with the format, size and length of the result.
        clips: One or two clips whose frames carry the tags.
        sources: All clips from which `build` makes nodes.
        build: Takes a key and the tags of each clip, and returns a node as long as the clips. It is called once for
            each combination and holds no state.
        key: Takes the number of a frame; frames of equal key and tags share a node.
        seen: Takes the props of the frame of the last clip; its result is one more part of the combination.
    """
    kept: dict[tuple[Hashable, ...], vs.VideoNode] = {}
    memory = MemoryTrimmer()

    def choose(n: int, f: Any) -> vs.VideoNode:
        if n % _FRAMES_PER_TRIM == 0:
            memory.check()
        frames = f if isinstance(f, list) else [f]
        tags = [ColorTags.of(frame.props, clip) for frame, clip in zip(frames, clips, strict=True)]
        found: tuple[Hashable, ...] = (key(n), *tags)
        if seen is not None:
            found = (*found, seen(frames[-1].props))
        node = kept.get(found)
        if node is None:
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            node = kept[found] = build(*found)
        return node

    return blank_like(example, example).std.FrameEval(choose, prop_src=list(clips), clip_src=list(sources))


def _known(value: Any) -> int | None:
    # 0 is the matrix of RGB, which YUV cannot have, and reserved for curves and primaries
    return None if value in (None, 0, _UNKNOWN) else int(value)


def _curve(transfer: int) -> int:
    return _BT709 if transfer in _SAME_CURVE else transfer
