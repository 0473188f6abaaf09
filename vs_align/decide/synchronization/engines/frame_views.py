"""`FrameView`: the thumbnails of one clip, cropped, resized, masked or reversed, so that two clips are comparable."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from vs_align.decide.synchronization.engines.engine import EngineOptions
from vs_align.io.array_types import BoolArray, Int64Array, UInt8Array
from vs_align.measure.fingerprints.fingerprint import COLOR_HEIGHT, COLOR_WIDTH, HEIGHT, WIDTH, Fingerprints

ShareBox = tuple[float, float, float, float]
"""Part of an image as shares of it: left, top, width and height."""

_BLOCK = 256
"""Frames per cached block."""
_CACHED_BLOCKS = 16
"""Blocks kept per clip, about 20 MB."""
_SMALLEST = 8
"""Least width and height of the compared images in pixels."""
_CONTENT_LEVELS = 10
"""Levels above black from which on a pixel is content."""
_CONTENT_FRAMES = 40
"""Frames by which the content mask is measured."""
_BLACK = 16
"""Black in limited range."""
_EROSION = 2
"""Erosion of the content mask: one pixel on each side."""
_LEAST_CONTENT = 0.02
"""Share of content pixels below which the mask is not usable."""


@dataclass(eq=False)
class FrameView:
    """The thumbnails of one clip as an engine compares them.

    Args:
        prints: Fingerprints of the clip.
        size: Width and height of the images in pixels.
        crop: Part of the thumbnails that is resized to `size`; None: all of them.
        mask: (height, width), where images are compared; None: everywhere.
        backwards: Whether the last frame comes first.
        tone: (256,) uint8, tone curve applied by `rows` and `take`; None: none.
    """

    prints: Fingerprints
    size: tuple[int, int] = (WIDTH, HEIGHT)
    crop: ShareBox | None = None
    mask: BoolArray | None = None
    backwards: bool = False
    tone: UInt8Array | None = None
    _blocks: dict[int, UInt8Array] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.prints)

    def reversed(self) -> "FrameView":
        """Return the view with the last frame first."""
        return FrameView(self.prints, self.size, self.crop, self.mask, not self.backwards, self.tone)

    def masked(self, mask: BoolArray) -> "FrameView":
        """Return the view with another mask."""
        return FrameView(self.prints, self.size, self.crop, mask, self.backwards, self.tone)

    def toned(self, tone: UInt8Array) -> "FrameView":
        """Return the view with another tone curve, (256,) uint8."""
        return FrameView(self.prints, self.size, self.crop, self.mask, self.backwards, tone)

    def images(self, first: int, stop: int) -> UInt8Array:
        """Return luma of frames first..stop-1, (k, height, width), without mask and tone curve."""
        count = len(self)
        if self.backwards:
            return self._resized(self.prints.thumbnails(count - stop, count - first), self.size)[::-1]
        return self._resized(self.prints.thumbnails(first, stop), self.size)

    def colors(self, first: int, stop: int) -> UInt8Array:
        """Return U and V of frames first..stop-1, (k, 2, 9, 16), 128 outside the mask."""
        raw = self.prints.colors(first, stop)
        planes = self._resized(raw.reshape(-1, COLOR_HEIGHT, COLOR_WIDTH), (COLOR_WIDTH, COLOR_HEIGHT))
        out = planes.reshape(raw.shape)
        if self.mask is not None:
            share = cv2.resize(self.mask.astype(np.float32), (COLOR_WIDTH, COLOR_HEIGHT), interpolation=cv2.INTER_AREA)
            out = np.where(share > 0.5, out, np.uint8(128))
        return out

    def rows(self, first: int, stop: int) -> UInt8Array:
        """Return the compared pixels of frames first..stop-1, (k, pixels)."""
        images = self.images(first, stop)
        out = images.reshape(len(images), -1) if self.mask is None else images[:, self.mask]
        return np.ascontiguousarray(out if self.tone is None else self.tone[out])

    def take(self, frames: Int64Array) -> UInt8Array:
        """Return the compared pixels of some frames, (k, pixels); cheap if the frames are near each other."""
        blocks = frames // _BLOCK
        out: UInt8Array | None = None
        for block in np.unique(blocks):
            rows = self._block(int(block))
            if out is None:
                out = np.empty((len(frames), rows.shape[1]), np.uint8)
            chosen = blocks == block
            out[chosen] = rows[frames[chosen] - block * _BLOCK]
        return out if out is not None else np.empty((0, self.rows(0, 1).shape[1]), np.uint8)

    def _block(self, block: int) -> UInt8Array:
        """Rows of a block of frames, cached."""
        if block not in self._blocks:
            while len(self._blocks) >= _CACHED_BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            first = block * _BLOCK
            self._blocks[block] = self.rows(first, min(len(self), first + _BLOCK))
        return self._blocks[block]

    def _resized(self, images: UInt8Array, size: tuple[int, int]) -> UInt8Array:
        """Crop and resize images."""
        height, width = images.shape[1:]
        if self.crop is None and size == (width, height):
            return images
        left, top, share_x, share_y = self.crop or (0.0, 0.0, 1.0, 1.0)
        out = np.empty((len(images), size[1], size[0]), np.uint8)
        if self.crop is None:
            for i, image in enumerate(images):
                out[i] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            return out
        step_x, step_y = share_x * width / size[0], share_y * height / size[1]
        # centers of pixels lie half a pixel inside
        matrix = np.array([[step_x, 0, left * width + step_x / 2 - 0.5], [0, step_y, top * height + step_y / 2 - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for i, image in enumerate(images):
            out[i] = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return out


def frame_views(ref: Fingerprints, clip: Fingerprints, options: EngineOptions) -> tuple[FrameView, FrameView]:
    """Return ref and clip at one size, clip cropped to the position of ref's image (`options.box`).

    If ref's image is small inside clip's, ref is reduced to that size: enlarging clip would not add detail.
    """
    box = options.box
    if box is None:
        return FrameView(ref), FrameView(clip)
    size = (
        min(WIDTH, max(_SMALLEST, round(box[2] * WIDTH))),
        min(HEIGHT, max(_SMALLEST, round(box[3] * HEIGHT))),
    )
    return FrameView(ref, size), FrameView(clip, size, box)


def content_mask(view: FrameView) -> BoolArray:
    """Return where a clip has content, (height, width).

    A pixel is content if it is more than 10 levels above black in most of some frames spread over the clip; the mask is
    eroded by a pixel on each side. With hardly any content the mask is true everywhere.
    """
    count = len(view)
    frames = np.unique(np.linspace(0, count - 1, min(count, _CONTENT_FRAMES)).round().astype(np.int64))
    images = np.concatenate([view.images(int(n), int(n) + 1) for n in frames])
    # leaders and fades to black have no content anywhere
    lit = images.max(axis=(1, 2)) > _BLACK + 2 * _CONTENT_LEVELS
    if not lit.any():
        return np.ones(images.shape[1:], np.bool_)
    images = images[lit]
    black = min(_BLACK, int(np.quantile(images, 0.01)))
    share = (images > black + _CONTENT_LEVELS).mean(axis=0)
    kernel = np.ones((_EROSION + 1, _EROSION + 1), np.uint8)
    mask = cv2.erode((share > 0.5).astype(np.uint8), kernel).astype(np.bool_)
    if mask.mean() < _LEAST_CONTENT:
        return np.ones(mask.shape, np.bool_)
    return mask


def border_mask(view: FrameView, margin: int) -> BoolArray:
    """Return a band along the edges of the image, (height, width).

    Args:
        view: Ref.
        margin: Width of the band in pixels of the full frames; the band is at least one thumbnail pixel wide.
    """
    width, height = view.size
    full_width, full_height = view.prints.size
    across = max(1, round(margin * width / full_width))
    down = max(1, round(margin * height / full_height))
    mask = np.ones((height, width), np.bool_)
    mask[down : height - down, across : width - across] = False
    return mask
