"""How the numbers of a frame are meant, and what a resizer must be told to give it the colours of another."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import vapoursynth as vs

from vs_align.io.memory import MemoryTrimmer
from vs_align.media.scripts.common import matrix_of_size
from vs_align.nodes.clips import blank_like

_UNKNOWN = 2
_BT709, _LINEAR = 1, 8
# One curve under several names: BT.709, BT.601 and BT.2020 of 10 and of 12 bits.
_SAME_CURVE = (1, 6, 14, 15)
# More combinations of tags than these are met in no clip; keeping nodes for all of them would fill memory.
_MOST_KEPT = 256
# Giving memory back takes some milliseconds, in which no frame is made.
_FRAMES_PER_TRIM = 64


@dataclass(frozen=True, slots=True)
class Colours:
    """Tags of a frame. Codes are those of ITU-T H.273."""

    matrix: int
    full: bool
    location: int
    """Where chroma samples lie: 0 left, 1 centre, 2 top left, 3 top, 4 bottom left, 5 bottom."""
    primaries: int | None
    transfer: int | None

    @classmethod
    def of(cls, props: Any, clip: vs.VideoNode) -> "Colours":
        """Read the tags of a frame of a clip. What a frame does not say is taken for what players take it for."""
        is_rgb = clip.format.color_family == vs.RGB
        matrix = 0 if is_rgb else _known(props.get("_Matrix")) or matrix_of_size(clip.width, clip.height)
        location = props.get("_ChromaLocation")
        return cls(
            matrix,
            bool(props.get("_Range", is_rgb)),
            int(location) if location in range(6) else 0,
            _known(props.get("_Primaries")),
            _known(props.get("_Transfer")),
        )

    def linear(self) -> "Colours":
        """Return the same colours as RGB in linear light."""
        return replace(self, matrix=0, full=True, transfer=_LINEAR)

    def with_curve(self) -> "Colours":
        """Return the same colours with a transfer curve, that of BT.709 where none is known."""
        return self if self.transfer else replace(self, transfer=_BT709)

    def marked(self, clip: vs.VideoNode) -> vs.VideoNode:
        """Return a clip with these tags on every frame and no fields, so that a resizer takes it as it is meant."""
        props = {
            "_Matrix": self.matrix,
            "_Range": int(self.full),
            "_ChromaLocation": self.location,
            "_Primaries": self.primaries or _UNKNOWN,
            "_Transfer": self.transfer or _UNKNOWN,
            "_FieldBased": 0,
        }
        return clip.std.SetFrameProps(**props)

    def toward(self, source: vs.VideoFormat, wanted: "Colours", target: vs.VideoFormat) -> dict[str, int]:
        """Return the arguments of a resizer for pictures `marked` with these colours.

        Nothing is named that is equal on both sides, so that nothing is converted. Primaries are converted where both
        sides and their curves are known, a curve where both are known.

        Args:
            source: Format of the pictures.
            wanted: The colours they are to have.
            target: The format they are to have.
        """
        options = {"format": target.id}
        if target.color_family == vs.RGB:
            options["matrix"] = 0
        elif target.color_family == vs.YUV or source.color_family == vs.RGB:
            options["matrix"] = wanted.matrix
        # grey has no matrix of its own: it is luma, whatever it was made with
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

    def meant(self, source: vs.VideoFormat, wanted: "Colours") -> "Colours":
        """Return these colours, with the matrix of the wanted ones where the pictures are grey."""
        return replace(self, matrix=wanted.matrix) if source.color_family == vs.GRAY and wanted.matrix else self


def by_colours(
    example: vs.VideoNode,
    clips: Sequence[vs.VideoNode],
    sources: Sequence[vs.VideoNode],
    build: Callable[..., vs.VideoNode],
    key: Callable[[int], int | None] = lambda _n: 0,
    seen: Callable[[Any], Hashable] | None = None,
) -> vs.VideoNode:
    """Return frames of nodes that are built from the tags of the frames of some clips.

    Args:
        example: A clip with the format, size and length of the result.
        clips: One or two clips, whose tags count.
        sources: What the nodes that are built draw on.
        build: Takes a key and the colours of each clip and returns a node as long as the clips. It is called once for
            each combination and holds no state.
        key: Takes the number of a frame.
        seen: Takes the props of the frame of the last clip; what it returns is one more argument of `build`.
    """
    kept: dict[tuple[Hashable, ...], vs.VideoNode] = {}
    memory = MemoryTrimmer()

    def choose(n: int, f: Any) -> vs.VideoNode:
        if n % _FRAMES_PER_TRIM == 0:
            memory.check()
        frames = f if isinstance(f, list) else [f]
        tags = [Colours.of(frame.props, clip) for frame, clip in zip(frames, clips, strict=True)]
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
    # 0 is that of RGB, which no YUV picture can have, and no curve or primaries
    return None if value in (None, 0, _UNKNOWN) else int(value)


def _curve(transfer: int) -> int:
    return _BT709 if transfer in _SAME_CURVE else transfer
