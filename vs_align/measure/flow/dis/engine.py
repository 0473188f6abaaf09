"""The built-in flow engine: dense inverse search, improved cell by cell from coarse to fine."""

from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.flow.dis.cells import (
    Improved,
    averaged,
    field_of_cells,
    grid_of,
    improve,
    regridded,
    sampled,
    settled,
)
from vs_align.measure.flow.dis.common_scale import SameScale
from vs_align.measure.flow.dis.inverse_search import searched
from vs_align.measure.flow.dis.local_contrast import Excluded, local_contrast, noise_of, presmoothing
from vs_align.measure.flow.dis.tone_curve import tone_between
from vs_align.measure.images.field import field_of, looked_up, neutral_matrix
from vs_align.measure.images.inpaint import fill

# Passes over the coarsest pictures, those between, and the full ones; how many of the last are sharp.
_PASSES = {1: (1, 1, 2, 1), 2: (3, 2, 1, 0), 3: (3, 2, 2, 1), 4: (4, 3, 5, 3)}
# By how much pictures are shrunk at the lowest precision.
_REDUCED = 2
# The coarsest picture is the last whose shorter side is at least this, in pixels.
_COARSEST = 80
# The picture in which tone is measured, as a level of the pyramid.
_TONE_LEVEL = 1
# The precision from which on it is.
_TONED_SINCE = 2
_NOISE_OF_LQ = 0.025
_SMALLEST = 16
# Pixels along the edges of the picture, and round what does not count, that do not count either: the more, the less of
# the picture is measured itself.
_EDGE, _RIM = 4, 7
# Pixels round unknown ones in which what DIS finds is mixed with them.
_MIXED = 4


@dataclass(frozen=True, slots=True)
class DisEngine:
    """Finds a field from luma alone, without any download.

    Both pictures are brought to local contrast. DIS optical flow starts from the coarse transform; its displacements
    are averaged over cells of 8x8 pixels and improved by Gauss-Newton steps from the smallest picture to the full one,
    with the tone of one picture brought to that of the other on the way. Cells in which the pictures say nothing, or
    contradict each other, move like their surroundings.

    Args:
        precision: 1 to 4: how many steps are made.
        iterations: How often all of it is repeated from where it ended, at least 1.
        lq_input: Whether a picture is of low quality: grainy or full of artefacts.

    Source:
        T. Kroeger et al., Fast optical flow using dense inverse search, ECCV 2016; B. Lucas and T. Kanade, An
        iterative image registration technique, IJCAI 1981; the gradient averaged over both pictures after S. Benhimane
        and E. Malis, Real-time image-based tracking of planes using efficient second-order minimization, IROS 2004.
    """

    precision: int
    iterations: int = 1
    lq_input: bool = False

    def field(
        self,
        clip: Float32Array,
        ref: Float32Array,
        start: Float64Array,
        excluded: Excluded = None,
        clip_excluded: Excluded = None,
    ) -> Float32Array:
        """Return where in clip each pixel of ref lies.

        Args:
            clip: Luma, 0 to 1 nominal, any size.
            ref: Luma, shape (h, w).
            start: The coarse transform, from ref pixels to clip pixels.
            excluded: Pixels of ref that do not count, shape (h, w).
            clip_excluded: Pixels of clip that do not count.
        """
        height, width = ref.shape
        if min(*ref.shape, *clip.shape) < _SMALLEST:
            return field_of(start, (width, height))
        least = _REDUCED if self.precision == 1 and min(*ref.shape, *clip.shape) >= 2 * _COARSEST else 1
        like = SameScale.of(clip, ref, start, excluded, clip_excluded, least)
        pair = _Pair.of(like.clip, like.ref, like.excluded, like.clip_excluded, self.lq_input)
        cells = np.zeros((*grid_of(*like.ref.shape), 2), np.float32)
        for _ in range(self.iterations):
            cells = self._round(pair, like.start, cells)
        return field_of_cells(regridded(cells, like.ref.shape, ref.shape), start, height, width)

    def _round(self, pair: "_Pair", start: Float64Array, cells: Float32Array) -> Float32Array:
        """Go once from the smallest pictures to the full ones."""
        evened = pair.evened()
        levels = _pyramid(*evened)
        cells = cells + _found_by_search(levels[min(1, len(levels) - 1)], start, cells, pair.ref.shape)
        full = pair.ref.shape
        toned = False
        for i, passes, sharp in _plan(self.precision, len(levels)):
            if i <= _TONE_LEVEL and not toned and self.precision >= _TONED_SINCE:
                levels, toned = _pyramid(*pair.toned(evened, start, cells, i)), True
            level = levels[i]
            grid = grid_of(*level.ref.shape)
            improved = Improved(regridded(cells, full, level.ref.shape), np.zeros(grid, np.float32))
            for k in range(passes):
                improved = improve(
                    level.ref, level.clip, level.transform(start), improved.cells, sharp=k >= passes - sharp
                )
            small = settled(improved) if i == 0 else improved.cells
            cells = regridded(small, level.ref.shape, full)
        return cells


def _plan(precision: int, levels: int) -> list[tuple[int, int, int]]:
    """Return level, passes and how many of them are sharp, from the smallest pictures on."""
    coarse, middle, full, sharp = _PASSES[precision]
    if levels == 1:
        return [(0, coarse + full, sharp)]
    return [(levels - 1, coarse, 0), *((i, middle, 0) for i in range(levels - 2, 0, -1)), (0, full, sharp)]


@dataclass(frozen=True, slots=True)
class _Level:
    """The two pictures at one size, in units of local contrast."""

    clip: Float32Array
    ref: Float32Array
    to_clip: Float64Array
    from_ref: Float64Array

    @classmethod
    def full(cls, clip: Float32Array, ref: Float32Array) -> "_Level":
        """Return the pictures as they are."""
        return cls(clip, ref, np.eye(3), np.eye(3))

    def transform(self, start: Float64Array) -> Float64Array:
        """Return a transform of the full pictures for the small ones."""
        return np.asarray(self.to_clip @ start @ self.from_ref, np.float64)

    def halved(self) -> "_Level":
        """Return half of the size."""
        clip, ref = _halved(self.clip), _halved(self.ref)
        return _Level(
            clip,
            ref,
            neutral_matrix(clip.shape[::-1], self.clip.shape[::-1]) @ self.to_clip,
            self.from_ref @ neutral_matrix(self.ref.shape[::-1], ref.shape[::-1]),
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two pictures, their grain, and what does not count."""

    clip: Float32Array
    ref: Float32Array
    noise: float
    excluded: Excluded
    clip_excluded: Excluded

    @classmethod
    def of(
        cls, clip: Float32Array, ref: Float32Array, excluded: Excluded, clip_excluded: Excluded, lq_input: bool
    ) -> "_Pair":
        """Measure the grain and smooth it where it would be matched."""
        noise = max(noise_of(clip), noise_of(ref), _NOISE_OF_LQ if lq_input else 0.0)
        sigma = presmoothing(noise)
        if sigma:
            clip, ref = (np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma), np.float32) for luma in (clip, ref))
        return cls(clip, ref, noise, excluded, clip_excluded)

    def evened(self) -> tuple[Float32Array, Float32Array]:
        """Return clip and ref in units of local contrast."""
        return _evened(self.clip, self.noise, self.clip_excluded), _evened(self.ref, self.noise, self.excluded)

    def toned(
        self, evened: tuple[Float32Array, Float32Array], start: Float64Array, cells: Float32Array, level: int
    ) -> tuple[Float32Array, Float32Array]:
        """Return them after the tone of one was brought to the other's, as they lie on each other so far."""
        step = _Level.full(_marked(self.clip, self.clip_excluded), _marked(self.ref, self.excluded))
        for _ in range(level):
            step = step.halved()
        small = regridded(cells, self.ref.shape, step.ref.shape)
        field = field_of_cells(small, step.transform(start), *step.ref.shape)
        tone = tone_between(step.ref, sampled(step.clip, field, sharp=False))
        if tone is None:
            return evened
        if tone.of_ref:
            return evened[0], _evened(tone.applied(self.ref), self.noise, self.excluded)
        return _evened(tone.applied(self.clip), self.noise, self.clip_excluded), evened[1]


def _evened(luma: Float32Array, noise: float, excluded: Excluded) -> Float32Array:
    """Return local contrast without the edges of the picture and of what does not count.

    Next to them a window sees too little to agree with the window of the other picture.
    """
    out = local_contrast(luma, noise, excluded)
    if excluded is not None:
        out[cv2.dilate(excluded.astype(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)) > 0] = np.nan
    edge = min(_EDGE, min(luma.shape) // 16)
    if edge:
        out[:edge] = out[-edge:] = np.nan
        out[:, :edge] = out[:, -edge:] = np.nan
    return out


def _pyramid(clip: Float32Array, ref: Float32Array) -> list[_Level]:
    """Return the pictures from full to smallest."""
    levels = [_Level.full(clip, ref)]
    while min(*levels[-1].ref.shape, *levels[-1].clip.shape) >= 2 * _COARSEST:
        levels.append(levels[-1].halved())
    return levels


def _marked(luma: Float32Array, excluded: Excluded) -> Float32Array:
    return luma if excluded is None else np.where(excluded, np.float32(np.nan), luma)


def _halved(picture: Float32Array) -> Float32Array:
    size = (picture.shape[1] + 1) // 2, (picture.shape[0] + 1) // 2
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _found_by_search(level: _Level, start: Float64Array, cells: Float32Array, full: tuple[int, ...]) -> Float32Array:
    """Return what DIS finds beyond the displacements so far, for the cells of the full picture."""
    small = regridded(cells, full, level.ref.shape)
    field = field_of_cells(small, level.transform(start), *level.ref.shape)
    warped = looked_up(level.clip, field)
    known = np.isfinite(warped) & np.isfinite(level.ref)
    # with the same holes in both pictures, the rim of a hole is no structure that seems to have moved
    flow = searched(np.where(known, level.ref, np.float32(np.nan)), np.where(known, warped, np.float32(np.nan)))
    size = 2 * _MIXED + 1
    weight = cv2.erode(known.astype(np.float32), np.ones((size, size), np.uint8))[..., None]
    sums, share = averaged(flow * weight), averaged(np.repeat(weight, 2, axis=-1))
    found = fill(np.asarray(sums / np.maximum(share, 1e-6), np.float32), share[..., 0])
    return regridded(found, level.ref.shape, full)
