"""`Side`: the pictures of one clip, cut and sized so that they can be compared with those of the other."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from vs_align.decide.synchronization.engines.engine import EngineOptions
from vs_align.io.array_types import BoolArray, Int64Array, UInt8Array
from vs_align.measure.fingerprints.fingerprint import COLOUR_HEIGHT, COLOUR_WIDTH, HEIGHT, WIDTH, Fingerprints

Box = tuple[float, float, float, float]

# Frames read at a time, and how many such stretches are kept: some 20 MB a side.
_STRETCH, _KEPT = 256, 16
_SMALLEST = 8
# Levels above black that count as content, and frames that are looked at.
_CONTENT_LEVELS, _CONTENT_FRAMES = 10, 40
# The darkest that a picture in limited range gets.
_BLACK = 16
_EROSION = 2
# Less content than this says nothing about where the picture is.
_LEAST_CONTENT = 0.02


@dataclass(eq=False)
class Side:
    """One of two clips.

    Args:
        prints: Its fingerprints.
        size: Width and height at which pictures are compared.
        crop: What is cut out of them first, as shares (left, top, width, height); None: nothing.
        mask: (height, width), where pictures are compared; None: everywhere.
        backwards: Whether the last frame comes first.
        tone: (256,) of uint8, what each level becomes in `rows` and `take`; None: what it is.
    """

    prints: Fingerprints
    size: tuple[int, int] = (WIDTH, HEIGHT)
    crop: Box | None = None
    mask: BoolArray | None = None
    backwards: bool = False
    tone: UInt8Array | None = None
    _stretches: dict[int, UInt8Array] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.prints)

    def reversed(self) -> "Side":
        """Return the same with the last frame first."""
        return Side(self.prints, self.size, self.crop, self.mask, not self.backwards, self.tone)

    def masked(self, mask: BoolArray) -> "Side":
        """Return the same, compared only where the mask is true."""
        return Side(self.prints, self.size, self.crop, mask, self.backwards, self.tone)

    def toned(self, tone: UInt8Array) -> "Side":
        """Return the same with other levels, (256,) of uint8."""
        return Side(self.prints, self.size, self.crop, self.mask, self.backwards, tone)

    def pictures(self, first: int, stop: int) -> UInt8Array:
        """Return luma of frames first..stop-1, (k, height, width); the mask is not applied."""
        count = len(self)
        if self.backwards:
            return self._sized(self.prints.pictures(count - stop, count - first), self.size)[::-1]
        return self._sized(self.prints.pictures(first, stop), self.size)

    def colours(self, first: int, stop: int) -> UInt8Array:
        """Return U and V of frames first..stop-1, (k, 2, 9, 16), 128 where the mask is false."""
        raw = self.prints.colours(first, stop)
        flat = self._sized(raw.reshape(-1, COLOUR_HEIGHT, COLOUR_WIDTH), (COLOUR_WIDTH, COLOUR_HEIGHT))
        out = flat.reshape(raw.shape)
        if self.mask is not None:
            share = cv2.resize(
                self.mask.astype(np.float32), (COLOUR_WIDTH, COLOUR_HEIGHT), interpolation=cv2.INTER_AREA
            )
            out = np.where(share > 0.5, out, np.uint8(128))
        return out

    def rows(self, first: int, stop: int) -> UInt8Array:
        """Return the pixels that are compared of frames first..stop-1, (k, pixels)."""
        pictures = self.pictures(first, stop)
        out = pictures.reshape(len(pictures), -1) if self.mask is None else pictures[:, self.mask]
        return np.ascontiguousarray(out if self.tone is None else self.tone[out])

    def take(self, frames: Int64Array) -> UInt8Array:
        """Return the pixels that are compared of some frames, (k, pixels). Cheap where frames are near one another."""
        blocks = frames // _STRETCH
        out: UInt8Array | None = None
        for block in np.unique(blocks):
            rows = self._stretch(int(block))
            if out is None:
                out = np.empty((len(frames), rows.shape[1]), np.uint8)
            chosen = blocks == block
            out[chosen] = rows[frames[chosen] - block * _STRETCH]
        return out if out is not None else np.empty((0, self.rows(0, 1).shape[1]), np.uint8)

    def _stretch(self, block: int) -> UInt8Array:
        if block not in self._stretches:
            while len(self._stretches) >= _KEPT:
                del self._stretches[next(iter(self._stretches))]
            first = block * _STRETCH
            self._stretches[block] = self.rows(first, min(len(self), first + _STRETCH))
        return self._stretches[block]

    def _sized(self, pictures: UInt8Array, size: tuple[int, int]) -> UInt8Array:
        height, width = pictures.shape[1:]
        if self.crop is None and size == (width, height):
            return pictures
        left, top, share_x, share_y = self.crop or (0.0, 0.0, 1.0, 1.0)
        out = np.empty((len(pictures), size[1], size[0]), np.uint8)
        if self.crop is None:
            for i, picture in enumerate(pictures):
                out[i] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            return out
        step_x, step_y = share_x * width / size[0], share_y * height / size[1]
        # centres of pixels lie half a pixel inside
        matrix = np.array([[step_x, 0, left * width + step_x / 2 - 0.5], [0, step_y, top * height + step_y / 2 - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for i, picture in enumerate(pictures):
            out[i] = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return out


def sides(ref: Fingerprints, clip: Fingerprints, options: EngineOptions) -> tuple[Side, Side]:
    """Return ref and clip at one size, clip cut to the place where ref lies on it.

    Where that place is small, ref is made as small: enlarging clip would not give it the detail that ref has.
    """
    box = options.box
    if box is None:
        return Side(ref), Side(clip)
    size = (
        min(WIDTH, max(_SMALLEST, round(box[2] * WIDTH))),
        min(HEIGHT, max(_SMALLEST, round(box[3] * HEIGHT))),
    )
    return Side(ref, size), Side(clip, size, box)


def content_mask(side: Side) -> BoolArray:
    """Return where a clip has picture, (height, width).

    A pixel counts that is more than 10 levels above black in most of some frames spread over the clip; what counts is
    then eroded by a pixel on each side (an erosion of 2). Without enough of it the mask is true everywhere.
    """
    count = len(side)
    frames = np.unique(np.linspace(0, count - 1, min(count, _CONTENT_FRAMES)).round().astype(np.int64))
    pictures = np.concatenate([side.pictures(int(n), int(n) + 1) for n in frames])
    # leaders and fades to black have no picture anywhere
    lit = pictures.max(axis=(1, 2)) > _BLACK + 2 * _CONTENT_LEVELS
    if not lit.any():
        return np.ones(pictures.shape[1:], np.bool_)
    pictures = pictures[lit]
    black = min(_BLACK, int(np.quantile(pictures, 0.01)))
    share = (pictures > black + _CONTENT_LEVELS).mean(axis=0)
    kernel = np.ones((_EROSION + 1, _EROSION + 1), np.uint8)
    mask = cv2.erode((share > 0.5).astype(np.uint8), kernel).astype(np.bool_)
    if mask.mean() < _LEAST_CONTENT:
        return np.ones(mask.shape, np.bool_)
    return mask


def border_mask(side: Side, margin: int) -> BoolArray:
    """Return a band along the edges of the picture, (height, width).

    Args:
        side: Ref.
        margin: Width of the band in pixels of its full frames; at least one pixel of the small pictures is taken.
    """
    width, height = side.size
    full_width, full_height = side.prints.size
    across = max(1, round(margin * width / full_width))
    down = max(1, round(margin * height / full_height))
    mask = np.ones((height, width), np.bool_)
    mask[down : height - down, across : width - across] = False
    return mask
