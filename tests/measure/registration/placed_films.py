"""Pairs of synthetic videos of one scene with a known placement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import vapoursynth as vs

from tests.measure.registration.scenes import scene, seen, shifted
from tests.synth import clip_of
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.registration.placement_search.subpixel import matrix_from_edges
from vs_align.placement.placement import Placement

Size = tuple[int, int]
Change = Callable[[Float32Array, int], Float32Array]

CLIP_SIZE = (321, 181)
LENGTH = 36


@lru_cache(maxsize=8)
def _world(seed: int) -> Float32Array:
    return scene(seed, (960, 640))


def _with_disc(world: Float32Array, x: float, y: float, moment: int) -> Float32Array:
    """The world with something in it that moves by itself."""
    out = world.copy()
    place = round(x + 170 + 70 * np.sin(moment / 5)), round(y + 95 + 40 * np.cos(moment / 4))
    cv2.circle(out, place, 22, 0.9, -1, cv2.LINE_AA)
    cv2.circle(out, place, 11, 0.1, -1, cv2.LINE_AA)
    return out


@dataclass(frozen=True)
class PlacedFilms:
    """A camera pans over a world; ref sees a part of what clip sees, or more.

    Args:
        truth: From pixels of ref to pixels of clip; one for all frames, or one for each shot.
        ref_size: Width and height of ref.
        clip_size: Width and height of clip.
        shots: Moments at which shots begin; each shows another world.
        pan: How far the camera moves from frame to frame on average, in clip pixels. It sways, and a disc moves by
            itself, so that no wrong moment looks like another place.
        length: Moments that there are.
    """

    truth: Float64Array | tuple[Float64Array, ...]
    ref_size: Size
    clip_size: Size = CLIP_SIZE
    shots: tuple[int, ...] = (0,)
    pan: tuple[float, float] = (1.4, 0.6)
    length: int = LENGTH

    def truth_at(self, moment: int) -> Float64Array:
        """From pixels of ref to pixels of clip."""
        return self.truth if isinstance(self.truth, np.ndarray) else self.truth[self._shot(moment)]

    def clip(self, moments: Sequence[int] | None = None, change: Change | None = None) -> vs.VideoNode:
        """The film in which the other one lies."""
        return self._node(moments, change, lambda m: (np.eye(3), self.clip_size))

    def ref(
        self, moments: Sequence[int] | None = None, change: Change | None = None, moved: Float64Array | None = None
    ) -> vs.VideoNode:
        """The other one; `moved` goes before the truth."""
        first = np.eye(3) if moved is None else moved
        return self._node(moments, change, lambda m: (self.truth_at(m) @ first, self.ref_size))

    def _shot(self, moment: int) -> int:
        return sum(moment >= first for first in self.shots) - 1

    def _node(
        self, moments: Sequence[int] | None, change: Change | None, look: Callable[[int], tuple[Float64Array, Size]]
    ) -> vs.VideoNode:
        pictures = []
        for i, m in enumerate(range(self.length) if moments is None else moments):
            shot = self._shot(m)
            k = m - self.shots[shot]
            x, y = (start + way * k + 3 * np.sin(k / 4) for start, way in zip((300, 210), self.pan, strict=True))
            camera = shifted(x, y) @ np.diag([1.1, 1.1, 1])
            matrix, size = look(m)
            picture = seen(_with_disc(_world(7 + shot), x, y, m), camera @ matrix, size)
            picture = picture ** (1.0, 0.6, 1.6)[shot % 3]  # shots that are as bright as each other may pass for one
            pictures.append(np.clip(picture if change is None else change(picture, i), 0, 1).astype(np.float64))
        return clip_of(pictures, vs.GRAY8)


def window(x: float, y: float, ref_size: Size, scale: float = 1.0, scale_y: float | None = None) -> Float64Array:
    """The transform that lays ref's top left corner on a place of clip, edge on edge."""
    high = scale if scale_y is None else scale_y
    return matrix_from_edges((x, y, x + scale * ref_size[0], y + high * ref_size[1]), ref_size)


def error_of(placement: Placement, n: int, truth: Float64Array) -> float:
    """By how many clip pixels a placement is wrong at the worst corner of ref's picture."""
    width, height = placement.ref_size
    corners = np.array([(x, y) for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    moved = np.column_stack([corners, np.ones(4)]) @ truth.T
    found: Float64Array = placement.at(n).apply(corners)
    return float(np.hypot(*(found - moved[:, :2] / moved[:, 2:]).T).max())
