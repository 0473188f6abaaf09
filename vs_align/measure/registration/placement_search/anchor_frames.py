"""`NearPictures`: frames of two films around some anchors, cut to what both may share, at a size that shows detail."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.images.views import as_luma, still_weight
from vs_align.nodes.resize import analysed

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels, edge to edge."""

ROOM = 0.1
"""What is looked at beyond what both share, as a share of it, for the place is not exact yet."""

_SMALLEST = 16


@dataclass(frozen=True, eq=False)
class NearPictures:
    """Frames of clip and of ref.

    Args:
        clip: (h, w) float32, 0..1 nominal: all frames of clip that are candidates of an anchor.
        ref: (h, w) float32, one for each anchor.
        windows: Indices in `clip` of the candidates of each anchor.
        weights: (h, w) for clip and for ref, 0 where a border or what is excluded lies, else 1.
        clip_box: The part of clip's picture that `clip` shows.
        ref_box: Likewise of ref's.
    """

    clip: list[Float32Array]
    ref: list[Float32Array]
    windows: list[range]
    weights: tuple[Float32Array, Float32Array]
    clip_box: Box
    ref_box: Box

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all pictures."""
        height, width = self.weights[0].shape
        return width, height

    def inner(self, matrix: Float64Array) -> Float64Array:
        """A transform between whole pictures, in their pixels, as one between these pictures, in theirs."""
        out = np.linalg.inv(self._outward(self.clip_box)) @ matrix @ self._outward(self.ref_box)
        return np.asarray(out / out[2, 2])

    def outer(self, matrix: Float64Array) -> Float64Array:
        """The other way round."""
        out = self._outward(self.clip_box) @ matrix @ np.linalg.inv(self._outward(self.ref_box))
        return np.asarray(out / out[2, 2])

    def shape(self) -> float:
        """Ratio of the scales in x and y of a transform between these pictures that leaves pixels square."""
        return (self.ref_box[2] / self.ref_box[3]) / (self.clip_box[2] / self.clip_box[3])

    def _outward(self, box: Box) -> Float64Array:
        left, top, width, height = box
        across, down = width / self.size[0], height / self.size[1]
        return np.array([[across, 0, left + (across - 1) / 2], [0, down, top + (down - 1) / 2], [0, 0, 1]])


def shared_boxes(
    matrix: Float64Array,
    clip_size: tuple[int, int],
    ref_size: tuple[int, int],
    room: float = ROOM,
    ref_room: float | None = None,
) -> tuple[Box, Box]:
    """The parts of clip and of ref that lie on each other under a transform, and a little more.

    Args:
        matrix: From pixels of ref to pixels of clip.
        clip_size: Width and height of clip.
        ref_size: Width and height of ref.
        room: How much more, as a share of what both share.
        ref_room: Likewise for ref, where that is something else.
    """
    return (
        _shared(np.asarray(matrix, np.float64), ref_size, clip_size, room),
        _shared(np.linalg.inv(matrix), clip_size, ref_size, room if ref_room is None else ref_room),
    )


def _shared(matrix: Float64Array, inner: tuple[int, int], outer: tuple[int, int], room: float) -> Box:
    width, height = inner
    corners = np.array([(x, y, 1) for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    moved = corners @ matrix.T
    points = moved[:, :2] / moved[:, 2:] + 0.5
    low = np.clip(points.min(axis=0), 0, outer)
    high = np.clip(points.max(axis=0), 0, outer)
    span = np.maximum(high - low, _SMALLEST)
    low, high = np.clip(low - room * span, 0, outer), np.clip(high + room * span, 0, outer)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def working_size(boxes: tuple[Box, Box], longest: int) -> tuple[int, int]:
    """A size of the shape of ref's part that shows what the coarser of both parts has, and no more."""
    (_, _, clip_width, clip_height), (_, _, width, height) = boxes
    factor = min(1.0, longest / max(width, height), 1.1 * max(clip_width / width, clip_height / height))
    return max(_SMALLEST, round(width * factor)), max(_SMALLEST, round(height * factor))


def near_pictures(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    anchors: Sequence[tuple[int, range]],
    boxes: tuple[Box, Box],
    longest: int,
    excluded: tuple[BoolArray | None, BoolArray | None] = (None, None),
) -> NearPictures:
    """Read frames.

    Args:
        clip: Any constant format.
        ref: Likewise.
        anchors: Ref frame of each anchor, and the clip frames that may show the same; at least one.
        boxes: Parts of clip and of ref to look at.
        longest: Longer side of the pictures at most.
        excluded: Areas of the whole pictures of clip and of ref that do not count, bool (h, w), or None.
    """
    size = working_size(boxes, longest)
    wanted = sorted({k for _, window in anchors for k in window})
    place = {k: i for i, k in enumerate(wanted)}
    windows = [range(place[window[0]], place[window[-1]] + 1) for _, window in anchors]
    clips = _read(_cut(clip, boxes[0], size), wanted)
    refs = _read(_cut(ref, boxes[1], size), [n for n, _ in anchors])
    weights = [
        still_weight(pictures, _cut_mask(mask, box, size))
        for pictures, mask, box in zip((clips, refs), excluded, boxes, strict=True)
    ]
    return NearPictures(clips, refs, windows, (weights[0], weights[1]), *boxes)


def around(frame: int, reach: int, length: int) -> range:
    """Frames to either side of one that exist."""
    return range(max(0, frame - reach), min(length, frame + reach + 1))


def _cut(node: vs.VideoNode, box: Box, size: tuple[int, int]) -> vs.VideoNode:
    left, top, width, height = box
    return analysed(node, *size, src_left=left, src_top=top, src_width=width, src_height=height)


def _read(node: vs.VideoNode, numbers: Sequence[int]) -> list[Float32Array]:
    """Frames by number; rising numbers are read with the fewest seeks."""
    order = sorted(set(numbers))
    chosen = vs.core.std.Splice([node[n] for n in order])
    kept = {
        n: as_luma(np.asarray(frame[0], np.float32) * np.float32(1 / 65535))
        for n, frame in zip(order, chosen.frames(close=True), strict=True)
    }
    return [kept[n] for n in numbers]


def _cut_mask(mask: BoolArray | None, box: Box, size: tuple[int, int]) -> BoolArray | None:
    if mask is None:
        return None
    left, top, width, height = box
    columns = np.clip((left + (np.arange(size[0]) + 0.5) * width / size[0]).astype(int), 0, mask.shape[1] - 1)
    rows = np.clip((top + (np.arange(size[1]) + 0.5) * height / size[1]).astype(int), 0, mask.shape[0] - 1)
    return mask[np.ix_(rows, columns)]
