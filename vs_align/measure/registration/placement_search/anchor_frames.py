"""Anchor frames: frames of two videos at some positions in time, cropped to their common area and resized."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.images.preprocessing import sequence_weights
from vs_align.measure.video import Video
from vs_align.placement.homography import apply_homography, corners_of

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels, from edge to edge."""

MARGIN = 0.1
"""Extension of the common area, as a share of its size: the transform is not exact yet."""
_MIN_SIZE = 16
"""Shortest side of a crop in pixels."""
_OVERSAMPLING = 1.1
"""Resolution of the crops, relative to the coarser one of the two."""


@dataclass(frozen=True, eq=False)
class AnchorFrames:
    """Cropped frames of clip and of ref.

    Args:
        clip: (h, w) float32, 0..1 nominal: all frames of clip that are candidates of an anchor.
        ref: (h, w) float32, one for each anchor.
        windows: Indices in `clip` of the candidates of each anchor.
        weights: (h, w) for clip and for ref, 0 in borders and excluded areas, else 1.
        clip_box: The area of clip's frame that `clip` shows.
        ref_box: The area of ref's frame that `ref` shows.
    """

    clip: list[Float32Array]
    ref: list[Float32Array]
    windows: list[range]
    weights: tuple[Float32Array, Float32Array]
    clip_box: Box
    ref_box: Box

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all crops."""
        height, width = self.weights[0].shape
        return width, height

    def to_cropped(self, matrix: Float64Array) -> Float64Array:
        """Convert a transform between full frames to one between these crops."""
        out = np.linalg.inv(self._box_to_full(self.clip_box)) @ matrix @ self._box_to_full(self.ref_box)
        return np.asarray(out / out[2, 2])

    def to_full(self, matrix: Float64Array) -> Float64Array:
        """Convert a transform between these crops to one between full frames."""
        out = self._box_to_full(self.clip_box) @ matrix @ np.linalg.inv(self._box_to_full(self.ref_box))
        return np.asarray(out / out[2, 2])

    def shape(self) -> float:
        """Return the ratio of the scales in x and y of a transform between the crops that keeps pixels square."""
        return (self.ref_box[2] / self.ref_box[3]) / (self.clip_box[2] / self.clip_box[3])

    def _box_to_full(self, box: Box) -> Float64Array:
        left, top, width, height = box
        across, down = width / self.size[0], height / self.size[1]
        return np.array([[across, 0, left + (across - 1) / 2], [0, down, top + (down - 1) / 2], [0, 0, 1]])


def overlap_boxes(
    matrix: Float64Array,
    clip_size: tuple[int, int],
    ref_size: tuple[int, int],
    margin: float = MARGIN,
    ref_margin: float | None = None,
) -> tuple[Box, Box]:
    """Return the areas of clip and of ref that overlap under a transform, extended by a margin.

    Args:
        matrix: From pixels of ref to pixels of clip.
        clip_size: Width and height of clip.
        ref_size: Width and height of ref.
        margin: Extension of the common area, as a share of its size.
        ref_margin: The same for ref; None for `margin`.
    """
    return (
        _overlap_box(np.asarray(matrix, np.float64), ref_size, clip_size, margin),
        _overlap_box(np.linalg.inv(matrix), clip_size, ref_size, margin if ref_margin is None else ref_margin),
    )


def _overlap_box(matrix: Float64Array, inner: tuple[int, int], outer: tuple[int, int], margin: float) -> Box:
    points = apply_homography(matrix, corners_of(inner)) + 0.5
    low = np.clip(points.min(axis=0), 0, outer)
    high = np.clip(points.max(axis=0), 0, outer)
    span = np.maximum(high - low, _MIN_SIZE)
    low, high = np.clip(low - margin * span, 0, outer), np.clip(high + margin * span, 0, outer)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def working_size(boxes: tuple[Box, Box], longest: int) -> tuple[int, int]:
    """Return a size of the aspect ratio of ref's area with the resolution of the coarser one of both areas."""
    (_, _, clip_width, clip_height), (_, _, width, height) = boxes
    factor = min(1.0, longest / max(width, height), _OVERSAMPLING * max(clip_width / width, clip_height / height))
    return max(_MIN_SIZE, round(width * factor)), max(_MIN_SIZE, round(height * factor))


def read_anchor_frames(
    clip: Video,
    ref: Video,
    anchors: Sequence[tuple[int, range]],
    boxes: tuple[Box, Box],
    longest: int,
    excluded: tuple[BoolArray | None, BoolArray | None] = (None, None),
) -> AnchorFrames:
    """Read and crop frames.

    Args:
        clip: Any constant format.
        ref: Any constant format.
        anchors: Ref frame of each anchor, and the candidate clip frames; at least one.
        boxes: Areas of clip and of ref to crop.
        longest: Largest length of the longer side of the crops.
        excluded: Areas of the full frames of clip and of ref to ignore, bool (h, w), or None.
    """
    size = working_size(boxes, longest)
    wanted = sorted({k for _, window in anchors for k in window})
    index_of = {k: i for i, k in enumerate(wanted)}
    windows = [range(index_of[window[0]], index_of[window[-1]] + 1) for _, window in anchors]
    clips = clip.frames(wanted, boxes[0], size)
    refs = ref.frames([n for n, _ in anchors], boxes[1], size)
    weights = [
        sequence_weights(images, _cropped_mask(mask, box, size))
        for images, mask, box in zip((clips, refs), excluded, boxes, strict=True)
    ]
    return AnchorFrames(clips, refs, windows, (weights[0], weights[1]), *boxes)


def frames_around(frame: int, reach: int, length: int) -> range:
    """Return the existing frames within `reach` frames of one."""
    return range(max(0, frame - reach), min(length, frame + reach + 1))


def _cropped_mask(mask: BoolArray | None, box: Box, size: tuple[int, int]) -> BoolArray | None:
    if mask is None:
        return None
    left, top, width, height = box
    columns = np.clip((left + (np.arange(size[0]) + 0.5) * width / size[0]).astype(int), 0, mask.shape[1] - 1)
    rows = np.clip((top + (np.arange(size[1]) + 0.5) * height / size[1]).astype(int), 0, mask.shape[0] - 1)
    return mask[np.ix_(rows, columns)]
