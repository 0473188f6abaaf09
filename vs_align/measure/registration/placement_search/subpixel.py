"""`fine_place`: from a place that is right to a few pixels to one that is right to a fraction of one.

Moments are looked for beside those that are given at every level of a pyramid, because in a pan a moment that is a
frame off looks like a place that is a few pixels off; only all frames together tell the two apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.registration.esm import AFFINE, HOMOGRAPHY, SHIFT, SIMILARITY, STRETCH, UNIFORM
from vs_align.measure.registration.placement_search.anchor_frames import NearPictures
from vs_align.measure.registration.sequence.alternation import (
    COARSE_PAIRS,
    FINE_PAIRS,
    even_pairs,
    moved_in_time,
    narrowed,
    resized,
    settled,
)
from vs_align.measure.registration.sequence.sequence_pair import Matched, Sequences, Windows
from vs_align.measure.registration.validation import objection

_RADIUS = 7
_SMALLEST = 80
_COARSE_ROUNDS, _ROUNDS = 8, 2
_STEPS = 6
# A simpler transform may leave so much more disagreement: a share of it, and a part of the whole.
_SLACK, _GRAIN = 0.005, 0.0001
# Pictures whose sizes differ by less, seen through a transform, may be of one size.
_SAME_SIZE = 0.015
# How near to a whole number of pixels an edge may be meant to lie there, and how near it is in any case.
_HAIR, _TOUCH = 0.2, 0.05
_MOST_ALIKE = 0.9999
# From this agreement on a known place is no accident; what moves it by more clip pixels needs a closer look.
_CLEAR, _MOVED = 0.6, 0.3
NOTHING = 0.1
"""Agreement below which nothing is believed."""
# That from which on all is, and pixels by which halves of the anchors may disagree.
_WORTH, _SPREAD = 0.3, 1.0
# Pairs from which on they are halved; of fewer the pictures are, by tiles of which there are so many to a side.
_HALVED, _TILES = 4, 6


@dataclass(frozen=True, eq=False)
class FinePlace:
    """A place, and how well it explains the pictures.

    Args:
        matrix: (3, 3), from pixels of ref to pixels of clip, both whole pictures.
        kind: "known", "shift", "scale", "stretch", "similarity", "affine" or "homography".
        agreement: Mean correlation of the anchors, -1..1.
        covered: Pixels of the working pictures that were compared.
        moments: Candidate of each anchor, -1 for none.
        spread: By how many pixels of clip two halves of the anchors disagree at the corners of ref, or two halves of
            their pictures where there are few; infinite where there is none.
    """

    matrix: Float64Array
    kind: str
    agreement: float
    covered: int
    moments: Int64Array
    spread: float

    @property
    def worth(self) -> float:
        """How unlikely it is that pictures agree so well, on so many pixels, by chance."""
        alike = min(max(self.agreement, 0.0), _MOST_ALIKE)
        return -float(np.log(1 - alike * alike)) * self.covered


def fine_place(
    pictures: NearPictures,
    start: Float64Array,
    sizes: tuple[tuple[int, int], tuple[int, int]],
    known: Sequence[Float64Array] = (),
) -> FinePlace:
    """Find the exact place near a start.

    Args:
        pictures: Frames at anchors.
        start: Where to begin, between whole pictures in their pixels.
        sizes: Width and height of the whole pictures of clip and of ref.
        known: Transforms that are taken as they are if they explain the pictures as well as any.
    """
    size = pictures.size
    if known and (place := _as_known(pictures, sizes, known)):
        return place
    matrix, windows = pictures.inner(start), list(pictures.windows)
    before = size
    for level, rounds in _levels(size):
        sequences = _sequences(pictures, level)
        matrix = resized(matrix, before, level)
        before = level
        matrix, matched = settled(sequences, matrix, windows, rounds, COARSE_PAIRS if level != size else FINE_PAIRS)
        if rounds == _COARSE_ROUNDS:
            for step in (1, -1):
                matrix, matched = moved_in_time(sequences, matrix, matched, windows, step)
        windows = narrowed(windows, matched)
    return _Judge(pictures, sequences, _moments(matched), sizes).simplest(matrix, known)


def _as_known(
    pictures: NearPictures, sizes: tuple[tuple[int, int], tuple[int, int]], known: Sequence[Float64Array]
) -> FinePlace | None:
    """A known place where it explains the pictures so well that there is no need to look any further."""
    sequences = _sequences(pictures, pictures.size)
    matches = [sequences.matched(pictures.inner(each), pictures.windows) for each in known]
    best = max(range(len(known)), key=lambda i: matches[i].agreement_of_found)
    if matches[best].agreement_of_found < _CLEAR:
        return None
    # with all moments: those that suit the known place best may be those that hide that it is another
    judge = _Judge(pictures, sequences, pictures.windows, sizes)
    return judge.unless_moved(known[best])


def _moments(matched: Matched) -> list[range]:
    return [range(k, k + 1) if k >= 0 else range(0) for k in matched.candidates.tolist()]


def _levels(size: tuple[int, int]) -> Iterator[tuple[tuple[int, int], int]]:
    """Sizes from coarse to fine, and how many rounds each takes."""
    factor = 1
    while max(size) / (2 * factor) >= 2 * _SMALLEST and factor < 8:
        factor *= 2
    rounds = _COARSE_ROUNDS
    while factor >= 1:
        yield (max(8, round(size[0] / factor)), max(8, round(size[1] / factor))), rounds
        factor //= 2
        rounds = _ROUNDS


def _sequences(pictures: NearPictures, level: tuple[int, int]) -> Sequences:
    clip, ref = pictures.weights
    return Sequences(pictures.clip, pictures.ref, clip, ref, level, _RADIUS)


class _Judge:
    """Tries simpler transforms at full size and says which one is as good as any."""

    def __init__(
        self,
        pictures: NearPictures,
        sequences: Sequences,
        windows: Windows,
        sizes: tuple[tuple[int, int], tuple[int, int]],
    ) -> None:
        self._pictures, self._sequences, self._windows = pictures, sequences, windows
        self._clip_size, self._ref_size = sizes
        self._known: dict[bytes, Matched] = {}

    def unless_moved(self, outer: Float64Array) -> FinePlace | None:
        """A place, if nothing near it explains the pictures better."""
        inner = self._pictures.inner(outer)
        closer = self._brought(inner, None, AFFINE)
        moved = corner_difference(self._pictures.outer(closer), outer, self._ref_size)
        if moved > _MOVED or self._is_worse(inner, closer):
            return None
        return self._finished(outer, "known")

    def simplest(self, inner: Float64Array, known: Sequence[Float64Array]) -> FinePlace:
        """Of all kinds of transforms the one with the fewest numbers that explains the pictures as well."""
        best, kind = inner, "affine"
        bent = self._brought(inner, None, HOMOGRAPHY)
        if self._is_worse(best, bent) and not objection(self._pictures.outer(bent), *self._sizes):
            best, kind = bent, "homography"
        flexible = best
        given = [("known", self._pictures.inner(each), None) for each in known]
        for name, simple, basis in chain(given, self._simpler(inner)):
            tried = simple if basis is None else self._brought(simple, basis, AFFINE)
            if not self._is_worse(tried, flexible):
                best, kind = tried, name
                break
        chosen = [each for each in known if kind == "known" and np.array_equal(self._pictures.inner(each), best)]
        outer = chosen[0] if chosen else self._pictures.outer(best)
        if kind in ("scale", "stretch", "shift"):
            outer = self._snapped(outer, kind, flexible)
        return self._finished(outer, kind)

    def _finished(self, outer: Float64Array, kind: str) -> FinePlace:
        matched = self._matched(self._pictures.inner(outer))
        covered = int((self._sequences.covered(self._pictures.inner(outer)) * self._pictures.weights[1] > 0).sum())
        spread = self._spread(outer, kind)
        return FinePlace(outer, kind, matched.agreement_of_found, covered, matched.candidates, spread)

    @property
    def _sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return self._clip_size, self._ref_size

    def _is_worse(self, simple: Float64Array, flexible: Float64Array) -> bool:
        """Whether a transform leaves more disagreement than another one, and does so on most anchors alike."""
        return self._matched(simple).is_worse_than(self._matched(flexible), _GRAIN, _SLACK)

    def _matched(self, inner: Float64Array) -> Matched:
        key = np.ascontiguousarray(inner, np.float64).tobytes()
        if key not in self._known:
            self._known[key] = self._sequences.matched(inner, self._windows)
        return self._known[key]

    def _brought(
        self, inner: Float64Array, basis: Float64Array | None, parameters: int, chosen: slice = slice(None)
    ) -> Float64Array:
        """A transform brought closer in what may change, on some of the anchors."""
        for _ in range(_ROUNDS):
            pairs = even_pairs(self._matched(inner), FINE_PAIRS)[chosen]
            if not pairs:
                break
            inner = self._sequences.refined(inner, pairs, parameters, _STEPS, basis)
        return inner

    def _simpler(self, inner: Float64Array) -> Iterator[tuple[str, Float64Array, Float64Array | None]]:
        """Kinds of transforms, the simplest first: a name, where to begin, and what may change."""
        outer = self._pictures.outer(inner)
        yield "stretch", self._pictures.inner(neutral_matrix(*self._sizes)), None
        linear = outer[:2, :2]
        centre = np.array([(side - 1) / 2 for side in self._ref_size])
        middle = outer @ [*centre, 1]
        middle = middle[:2] / middle[2]
        wide, high = float(np.hypot(*linear[:, 0])), float(np.hypot(*linear[:, 1]))
        shapes = [1.0, (self._clip_size[0] / self._ref_size[0]) / (self._clip_size[1] / self._ref_size[1])]
        if abs(wide - 1) < _SAME_SIZE and abs(high - 1) < _SAME_SIZE:
            yield "shift", self._about(middle, centre, 1.0, 1.0), SHIFT
        for shape in shapes:
            each = (wide * high * shape) ** 0.5, (wide * high / shape) ** 0.5
            yield "scale", self._about(middle, centre, *each), UNIFORM
        yield "stretch", self._about(middle, centre, wide, high), STRETCH
        even = (wide * high) ** 0.5
        turn = np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
        turned = even * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        yield "similarity", self._placed(middle, centre, turned), SIMILARITY

    def _about(self, middle: Float64Array, centre: Float64Array, wide: float, high: float) -> Float64Array:
        return self._placed(middle, centre, np.diag([wide, high]))

    def _placed(self, middle: Float64Array, centre: Float64Array, linear: Float64Array) -> Float64Array:
        outer = np.eye(3)
        outer[:2, :2] = linear
        outer[:2, 2] = middle - linear @ centre
        return self._pictures.inner(outer)

    def _snapped(self, outer: Float64Array, kind: str, flexible: Float64Array) -> Float64Array:
        """The transform with its edges on whole pixels of clip where they nearly are, if it is as good."""
        edges = np.array(edges_of(outer, self._ref_size))
        whole = np.rint(edges)
        near = np.abs(edges - whole) < _HAIR
        if kind == "shift":
            near[:2] &= near[2:]
            near[2:] = near[:2]
        elif kind == "scale" and not near.all():
            # two edges alone would change the shape
            near[:] = False
        tried = placed_on(np.where(near, whole, edges), self._ref_size)
        if np.abs(edges - whole)[near].max(initial=0.0) < _TOUCH:
            return tried
        return outer if self._is_worse(self._pictures.inner(tried), flexible) else tried

    def _spread(self, outer: Float64Array, kind: str) -> float:
        """By how much the place differs when it is found from every other anchor only."""
        basis = {"shift": SHIFT, "scale": UNIFORM, "stretch": STRETCH, "similarity": SIMILARITY}.get(kind)
        parameters = HOMOGRAPHY if kind == "homography" else AFFINE
        inner = self._pictures.inner(outer)
        pairs = even_pairs(self._matched(inner), FINE_PAIRS)
        if not pairs:
            return float("inf")
        if len(pairs) < _HALVED:
            return self._spread_of_parts(outer, pairs, parameters, basis)
        halves = [
            self._pictures.outer(self._sequences.refined(inner, pairs[part::2], parameters, _STEPS, basis))
            for part in (0, 1)
        ]
        return corner_difference(halves[0], halves[1], self._ref_size)

    def _spread_of_parts(
        self, outer: Float64Array, pairs: Sequence[tuple[int, int]], parameters: int, basis: Float64Array | None
    ) -> float:
        """By how much the place differs when it is found from every other tile of the pictures only."""
        inner, (width, height) = self._pictures.inner(outer), self._pictures.size
        rows, columns = (np.arange(side) * _TILES // side for side in (height, width))
        odd = (rows[:, None] + columns[None, :]) % 2
        clip, ref = self._pictures.weights
        found = []
        for part in (0, 1):
            weight = np.where(odd == part, ref, 0).astype(np.float32)
            tiles = Sequences(self._pictures.clip, self._pictures.ref, clip, weight, (width, height), _RADIUS)
            refined = tiles.refined(inner, pairs, parameters, _STEPS, basis)
            found.append(self._pictures.outer(refined))
        return corner_difference(found[0], found[1], self._ref_size)


def confidence_of(agreement: float, spread: float = 0.0) -> float:
    """How sure a place is, 0..1: pictures agree, and halves of the anchors say the same but for so many pixels."""
    alike = float(np.clip((agreement - NOTHING) / (_WORTH - NOTHING), 0, 1))
    return round(alike / (1 + (spread / _SPREAD) ** 2), 4)


def edges_of(matrix: Float64Array, ref_size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge of ref in clip, in clip pixels from its edges, where nothing turns."""
    (width, height), (kx, ky) = ref_size, (matrix[0, 0], matrix[1, 1])
    left, top = matrix[0, 2] - (kx - 1) / 2, matrix[1, 2] - (ky - 1) / 2
    return float(left), float(top), float(left + kx * width), float(top + ky * height)


def placed_on(edges: Sequence[float] | Float64Array, ref_size: tuple[int, int]) -> Float64Array:
    """The transform that lays ref's edges on some lines of clip."""
    left, top, right, bottom = (float(edge) for edge in edges)
    kx, ky = (right - left) / ref_size[0], (bottom - top) / ref_size[1]
    return np.array([[kx, 0, left + (kx - 1) / 2], [0, ky, top + (ky - 1) / 2], [0, 0, 1]], np.float64)


def corner_difference(one: Float64Array, other: Float64Array, ref_size: tuple[int, int]) -> float:
    """By how many clip pixels two transforms differ at the corners of ref, at most."""
    width, height = ref_size
    corners = np.array([(x, y, 1) for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    a, b = corners @ one.T, corners @ other.T
    return float(np.hypot(*(a[:, :2] / a[:, 2:] - b[:, :2] / b[:, 2:]).T).max())
