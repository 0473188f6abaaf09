"""`Geometry`: transform and valid areas between frames of two videos, and the search of all geometries of a segment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.images.preprocessing import sequence_weights, size_of, warp_plane
from vs_align.measure.registration.sequence.joint_search import JointRegistration, register_jointly
from vs_align.measure.registration.sequence.sequence_pair import Windows


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of the search of geometries."""

    max_geometries: int = 3
    """Largest number of transforms of a segment, for scenes that were panned and scanned individually."""
    unexplained_relative: float = 0.7
    """A ref frame is unexplained if its NCC is below this share of the median."""
    unexplained: float = 0.6
    """NCC from which on a ref frame is always explained."""
    min_run: int = 3
    """Shortest run of unexplained ref frames; single ones show moments that clip lacks."""
    min_relative_ncc: float = 0.85
    """Share of the mean NCC of the explained frames that a further transform must reach on its own."""
    same_aspect_ratio: float = 0.01
    """Relative difference below which two aspect ratios are equal."""


_SETTINGS = _Settings()


@dataclass(frozen=True, eq=False)
class Geometry:
    """How thumbnails of clip map to those of ref, and which areas are valid.

    Args:
        matrix: (3, 3), from pixels of ref to pixels of clip; both have one size.
        clip_weight: (h, w), 0 for invalid pixels of clip, else 1.
        ref_weight: (h, w), 0 for invalid pixels of ref, else 1.
        agreement: Mean NCC of the two under the transform, -1..1.
    """

    matrix: Float64Array
    clip_weight: Float32Array
    ref_weight: Float32Array
    agreement: float

    @cached_property
    def key(self) -> bytes:
        """Hash key that differs for different geometries."""
        areas = (np.packbits(weight > 0).tobytes() for weight in (self.clip_weight, self.ref_weight))
        return b"".join([np.ascontiguousarray(self.matrix, np.float64).tobytes(), *areas])

    def seen(self, image: Float32Array, shift: tuple[float, float] = (0.0, 0.0)) -> Float32Array:
        """Warp an image of clip to ref with a replicated border.

        Args:
            image: (h, w) float32.
            shift: Offset of this image to the left and up, in pixels, such as gate weave.
        """
        matrix = self.matrix @ np.array([[1, 0, -shift[0]], [0, 1, -shift[1]], [0, 0, 1]])
        if np.array_equal(matrix, np.eye(3)):
            return image
        return warp_plane(image, matrix, size_of(image), cv2.BORDER_REPLICATE)

    @cached_property
    def common(self) -> IntpArray:
        """Flat indices of the pixels of ref that are valid in both."""
        covered = warp_plane(self.clip_weight, self.matrix, size_of(self.ref_weight))
        out: IntpArray = np.flatnonzero((covered > 0.999) & (self.ref_weight > 0))
        return out


def find_geometries(
    clip: Sequence[Float32Array],
    ref: Sequence[Float32Array],
    windows: Windows,
    pause: Callable[[], object] | None = None,
    starts: Sequence[Float64Array] = (),
    shapes: Sequence[float] = (),
    others: Sequence[Float64Array] = (),
) -> list[Geometry]:
    """Find the transforms of a segment: one that explains most of it, and others for the remaining frames.

    Args:
        clip: Candidates, (h, w) float32, 0..1 nominal, resized to the size of ref's images; at least one.
        ref: (h, w) float32 each, a few dozen frames, spread over the segment.
        windows: Indices of the candidates of each ref frame.
        pause: Called periodically, to release resources.
        starts: Further initial transforms.
        shapes: See `register_jointly`.
        others: Initial transforms for the frames that the first transform does not explain.

    Returns:
        At most three; none if the two have nothing in common, or nothing is visible.
    """
    weights = sequence_weights(clip), sequence_weights(ref)
    first = register_jointly(clip, ref, windows, weights[0] == 0, weights[1] == 0, pause, starts, shapes)
    if not first.found:
        return []
    found = [first]
    best = first.matched.agreements.copy()
    while len(found) < _SETTINGS.max_geometries:
        limit = min(_SETTINGS.unexplained, _SETTINGS.unexplained_relative * float(np.median(best)))
        rest = _in_long_runs([n for n, window in enumerate(windows) if len(window) and best[n] < limit])
        if not rest:
            break
        other = register_jointly(
            clip,
            [ref[n] for n in rest],
            [windows[n] for n in rest],
            weights[0] == 0,
            weights[1] == 0,
            pause,
            others,
            shapes,
        )
        # A moment that clip lacks correlates moderately with another one under the motion between them.
        if not other.found or other.matched.agreement < _SETTINGS.min_relative_ncc * float(
            np.mean(best[best >= limit])
        ):
            break
        found.append(other)
        best[rest] = np.maximum(best[rest], other.matched.agreements)
    return [_geometry(each, weights) for each in found]


def likely_aspect_ratios(clip_size: tuple[int, int], ref_size: tuple[int, int]) -> list[float]:
    """Return likely ratios of the scales in x and y of images of one size: square pixels, or one image stretched."""
    square = (ref_size[0] / ref_size[1]) / (clip_size[0] / clip_size[1])
    return [square, 1.0] if abs(square - 1) > _SETTINGS.same_aspect_ratio else [1.0]


def _in_long_runs(numbers: Sequence[int]) -> list[int]:
    """Return the numbers that belong to runs of consecutive numbers of at least `_SETTINGS.min_run`."""
    out: list[int] = []
    for _, group in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        if len(run) >= _SETTINGS.min_run:
            out += run
    return out


def identity_geometry(size: tuple[int, int]) -> Geometry:
    """Return the geometry of two aligned images without masks; size is (width, height)."""
    whole = np.ones((size[1], size[0]), np.float32)
    return Geometry(np.eye(3), whole, whole, 0.0)


def _geometry(found: JointRegistration, weights: tuple[Float32Array, Float32Array]) -> Geometry:
    return Geometry(found.matrix, *weights, found.matched.agreement)
