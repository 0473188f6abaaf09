"""`Geometry`: a transform between two small pictures with the areas that count, and all those of a stretch of video."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.images.views import size_of, still_weight, warped_plane
from vs_align.measure.registration.sequence.joint_search import JointRegistration, joint
from vs_align.measure.registration.sequence.sequence_pair import Windows

# Transforms that a stretch may have, as when each of its scenes was panned and scanned by itself.
_MOST = 3
# A ref frame is left unexplained where it agrees less than this part of what is usual, and in all less than this.
_UNEXPLAINED_SHARE, _UNEXPLAINED = 0.7, 0.6
# So many in a row: single ones show moments that clip lacks.
_LEAST_RUN = 3
# What another transform must reach, as a part of what those that are explained do.
_AS_GOOD = 0.85
# Pictures whose shapes differ by less have one shape.
_SAME_SHAPE = 0.01


@dataclass(frozen=True, eq=False)
class Geometry:
    """How small pictures of clip lie on those of ref, and which areas count.

    Args:
        matrix: (3, 3), from pixels of ref to pixels of clip; both are of one size.
        clip_weight: (h, w), 0 where clip does not count, else 1.
        ref_weight: (h, w), likewise for ref.
        agreement: Mean correlation of the two under the transform, -1..1.
    """

    matrix: Float64Array
    clip_weight: Float32Array
    ref_weight: Float32Array
    agreement: float

    @cached_property
    def key(self) -> bytes:
        """Something that differs where geometries do."""
        areas = (np.packbits(weight > 0).tobytes() for weight in (self.clip_weight, self.ref_weight))
        return b"".join([np.ascontiguousarray(self.matrix, np.float64).tobytes(), *areas])

    def seen(self, picture: Float32Array, shift: tuple[float, float] = (0.0, 0.0)) -> Float32Array:
        """Return a picture of clip as it lies on ref; outside its edges are repeated.

        Args:
            picture: (h, w) float32.
            shift: How far this picture lies to the left of and above the others, in pixels.
        """
        matrix = self.matrix @ np.array([[1, 0, -shift[0]], [0, 1, -shift[1]], [0, 0, 1]])
        if np.array_equal(matrix, np.eye(3)):
            return picture
        return warped_plane(picture, matrix, size_of(picture), cv2.BORDER_REPLICATE)

    @cached_property
    def common(self) -> IntpArray:
        """The pixels that both cover, counted along the rows of ref."""
        covered = warped_plane(self.clip_weight, self.matrix, size_of(self.ref_weight))
        out: IntpArray = np.flatnonzero((covered > 0.999) & (self.ref_weight > 0))
        return out


def geometries(
    clip: Sequence[Float32Array],
    ref: Sequence[Float32Array],
    windows: Windows,
    pause: Callable[[], object] | None = None,
    starts: Sequence[Float64Array] = (),
    shapes: Sequence[float] = (),
    others: Sequence[Float64Array] = (),
) -> list[Geometry]:
    """Find the transforms of a stretch of video: one that explains most of it, and others for what it leaves.

    Args:
        clip: Candidates, (h, w) float32, 0..1 nominal, stretched to the size of ref's pictures; at least one.
        ref: (h, w) float32 each, a few dozen frames all over the stretch.
        windows: Indices of the candidates of each ref frame.
        pause: Called now and then, to tidy up.
        starts: Transforms near which to look too.
        shapes: See `joint`.
        others: Transforms near which to look for what the first one leaves unexplained.

    Returns:
        Those that were found, at most three; none where the two have nothing in common, or where there is nothing to
        be seen.
    """
    weights = still_weight(clip), still_weight(ref)
    first = joint(clip, ref, windows, weights[0] == 0, weights[1] == 0, pause, starts, shapes)
    if not first.found:
        return []
    found = [first]
    best = first.matched.agreements.copy()
    while len(found) < _MOST:
        limit = min(_UNEXPLAINED, _UNEXPLAINED_SHARE * float(np.median(best)))
        rest = _runs([n for n, window in enumerate(windows) if len(window) and best[n] < limit])
        if not rest:
            break
        other = joint(
            clip,
            [ref[n] for n in rest],
            [windows[n] for n in rest],
            weights[0] == 0,
            weights[1] == 0,
            pause,
            others,
            shapes,
        )
        # a moment that clip lacks agrees somewhat with another one under the motion between the two
        if not other.found or other.matched.agreement < _AS_GOOD * float(np.mean(best[best >= limit])):
            break
        found.append(other)
        best[rest] = np.maximum(best[rest], other.matched.agreements)
    return [_geometry(each, weights) for each in found]


def likely_shapes(clip_size: tuple[int, int], ref_size: tuple[int, int]) -> list[float]:
    """Likely ratios of scales between pictures stretched to one size: pixels are square, or one was stretched."""
    square = (ref_size[0] / ref_size[1]) / (clip_size[0] / clip_size[1])
    return [square, 1.0] if abs(square - 1) > _SAME_SHAPE else [1.0]


def _runs(numbers: Sequence[int]) -> list[int]:
    """Numbers that stand in a row of several."""
    out: list[int] = []
    for _, group in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        if len(run) >= _LEAST_RUN:
            out += run
    return out


def neutral_geometry(size: tuple[int, int]) -> Geometry:
    """The geometry of two pictures that lie on each other as they are; size is (width, height)."""
    whole = np.ones((size[1], size[0]), np.float32)
    return Geometry(np.eye(3), whole, whole, 0.0)


def _geometry(found: JointRegistration, weights: tuple[Float32Array, Float32Array]) -> Geometry:
    return Geometry(found.matrix, *weights, found.matched.agreement)
