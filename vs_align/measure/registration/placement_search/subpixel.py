"""Subpixel refinement of a placement by ESM over an image pyramid, with model selection and edge snapping.

At each pyramid level, the frame matches are searched again: in a pan, a time offset of one frame looks like a shift of
a few pixels, and only all frames together tell the two apart. The simplest model that explains the frames as well as
the most flexible one wins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from vs_align.io.array_types import Float64Array, Int64Array
from vs_align.measure.registration.esm import (
    AFFINE,
    ANISOTROPIC_SCALE,
    HOMOGRAPHY,
    SIMILARITY,
    TRANSLATION,
    UNIFORM_SCALE,
)
from vs_align.measure.registration.placement_search.anchor_frames import AnchorFrames
from vs_align.measure.registration.sequence.alternation import (
    COARSE_PAIRS,
    FINE_PAIRS,
    alternate,
    prune_windows,
    rescale_matrix,
    search_time_shift,
    spread_pairs,
)
from vs_align.measure.registration.sequence.sequence_pair import FrameMatches, SequencePair, Windows
from vs_align.measure.registration.validation import rejection_reason
from vs_align.placement.homography import apply_homography, corner_distance, resize_matrix


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of subpixel refinement and model selection."""

    radius: int = 7
    """Radius of the contrast normalization in pixels, at each pyramid level."""
    min_longer_side: int = 80
    """Longer side of the smallest pyramid level in pixels."""
    coarse_rounds: int = 8
    """Alternations at the smallest level."""
    rounds: int = 2
    """Alternations at each further level."""
    esm_steps: int = 6
    """Gauss-Newton steps for a model."""
    relative_loss: float = 0.005
    """Loss of NCC that a simpler model may have, as a share of 1 - NCC."""
    absolute_loss: float = 0.0001
    """Loss of NCC that a simpler model may have in any case."""
    unit_scale_tolerance: float = 0.015
    """Deviation of the scale from 1 within which a pure translation is tried."""
    snapping_distance: float = 0.2
    """Distance of an edge to an integer position, in clip pixels, within which snapping is tried."""
    always_snapped: float = 0.05
    """The same distance within which edges are snapped without comparison."""
    max_correlation: float = 0.9999
    """Correlations are clipped here: the likelihood diverges at 1."""
    convincing_ncc: float = 0.6
    """NCC from which on a known transform is checked for correctness instead of searching from scratch."""
    max_movement: float = 0.3
    """Movement in clip pixels by which refinement may change a known transform that is accepted."""
    full_agreement: float = 0.3
    """NCC from which on the NCC does not lower the confidence."""
    error_scale: float = 1.0
    """Error between two halves of the anchors, in clip pixels, that halves the confidence."""
    min_pairs_to_halve: int = 4
    """Number of frame pairs from which on they are split into halves; of fewer, the images are split."""
    tiles: int = 6
    """Tiles per side of the checkerboard by which images are split."""


_SETTINGS = _Settings()
MIN_AGREEMENT = 0.1
"""NCC below which the confidence is 0."""


@dataclass(frozen=True, eq=False)
class RefinedPlacement:
    """A refined transform with its quality.

    Args:
        matrix: (3, 3), from pixels of ref to pixels of clip, both full frames.
        kind: "known", "shift", "scale", "stretch", "similarity", "affine" or "homography".
        agreement: Mean NCC of the anchors, -1..1.
        covered: Number of compared pixels of the working images.
        candidates: Candidate of each anchor, -1 for none.
        split_half_error: Distance in clip pixels, at the corners of ref, between the transforms of two halves of the
            anchors, or of two halves of the images if there are few anchors; infinite if it cannot be measured.
    """

    matrix: Float64Array
    kind: str
    agreement: float
    covered: int
    candidates: Int64Array
    split_half_error: float

    @property
    def significance(self) -> float:
        """Negative log-likelihood that independent images agree so well on so many pixels."""
        alike = min(max(self.agreement, 0.0), _SETTINGS.max_correlation)
        return -float(np.log(1 - alike * alike)) * self.covered


def refine_placement(
    images: AnchorFrames,
    start: Float64Array,
    sizes: tuple[tuple[int, int], tuple[int, int]],
    known: Sequence[Float64Array] = (),
) -> RefinedPlacement:
    """Refine a placement from an initial estimate.

    Args:
        images: Frames at anchors.
        start: Initial transform between full frames.
        sizes: Width and height of the full frames of clip and of ref.
        known: Transforms that are returned unchanged if they explain the frames as well as any.
    """
    size = images.size
    if known and (place := _known_if_convincing(images, sizes, known)):
        return place
    matrix, windows = images.to_cropped(start), list(images.windows)
    before = size
    for level, rounds in _levels(size):
        sequences = _sequences(images, level)
        matrix = rescale_matrix(matrix, before, level)
        before = level
        matrix, matched = alternate(sequences, matrix, windows, rounds, COARSE_PAIRS if level != size else FINE_PAIRS)
        if rounds == _SETTINGS.coarse_rounds:
            for step in (1, -1):
                matrix, matched = search_time_shift(sequences, matrix, matched, windows, step)
        windows = prune_windows(windows, matched)
    return _ModelSelection(images, sequences, _found_candidates(matched), sizes).simplest(matrix, known)


def _known_if_convincing(
    images: AnchorFrames, sizes: tuple[tuple[int, int], tuple[int, int]], known: Sequence[Float64Array]
) -> RefinedPlacement | None:
    """Return a known transform if it explains the frames so well that no search is needed."""
    sequences = _sequences(images, images.size)
    matches = [sequences.match(images.to_cropped(each), images.windows) for each in known]
    best = max(range(len(known)), key=lambda i: matches[i].agreement_of_matched)
    if matches[best].agreement_of_matched < _SETTINGS.convincing_ncc:
        return None
    # With all candidates: the best ones for the known transform may compensate for its error.
    selection = _ModelSelection(images, sequences, images.windows, sizes)
    return selection.unless_moved(known[best])


def _found_candidates(matched: FrameMatches) -> list[range]:
    return [range(k, k + 1) if k >= 0 else range(0) for k in matched.candidates.tolist()]


def _levels(size: tuple[int, int]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield the sizes of the pyramid levels from coarse to fine, with the number of alternations of each."""
    factor = 1
    while max(size) / (2 * factor) >= 2 * _SETTINGS.min_longer_side and factor < 8:
        factor *= 2
    rounds = _SETTINGS.coarse_rounds
    while factor >= 1:
        yield (max(8, round(size[0] / factor)), max(8, round(size[1] / factor))), rounds
        factor //= 2
        rounds = _SETTINGS.rounds


def _sequences(images: AnchorFrames, level: tuple[int, int]) -> SequencePair:
    clip, ref = images.weights
    return SequencePair(images.clip, images.ref, clip, ref, level, _SETTINGS.radius)


class _ModelSelection:
    """Selection of the simplest model at full resolution that is as good as the most flexible one."""

    def __init__(
        self,
        images: AnchorFrames,
        sequences: SequencePair,
        windows: Windows,
        sizes: tuple[tuple[int, int], tuple[int, int]],
    ) -> None:
        self._images, self._sequences, self._windows = images, sequences, windows
        self._clip_size, self._ref_size = sizes
        self._known: dict[bytes, FrameMatches] = {}

    def unless_moved(self, outer: Float64Array) -> RefinedPlacement | None:
        """Return the result for a transform if refinement neither moves it nor improves it; else None."""
        inner = self._images.to_cropped(outer)
        closer = self._refine(inner, None, AFFINE)
        moved = corner_distance(self._images.to_full(closer), outer, self._ref_size)
        if moved > _SETTINGS.max_movement or self._is_worse(inner, closer):
            return None
        return self._result(outer, "known")

    def simplest(self, inner: Float64Array, known: Sequence[Float64Array]) -> RefinedPlacement:
        """Return the result for the simplest model that explains the frames as well as the most flexible one."""
        best, kind = inner, "affine"
        homography = self._refine(inner, None, HOMOGRAPHY)
        if self._is_worse(best, homography) and not rejection_reason(self._images.to_full(homography), *self._sizes):
            best, kind = homography, "homography"
        flexible = best
        given = [("known", self._images.to_cropped(each), None) for each in known]
        for name, simple, basis in chain(given, self._simpler_models(inner)):
            tried = simple if basis is None else self._refine(simple, basis, AFFINE)
            if not self._is_worse(tried, flexible):
                best, kind = tried, name
                break
        chosen = [each for each in known if kind == "known" and np.array_equal(self._images.to_cropped(each), best)]
        outer = chosen[0] if chosen else self._images.to_full(best)
        if kind in ("scale", "stretch", "shift"):
            outer = self._snap_edges(outer, kind, flexible)
        return self._result(outer, kind)

    def _result(self, outer: Float64Array, kind: str) -> RefinedPlacement:
        matched = self._match(self._images.to_cropped(outer))
        covered = int((self._sequences.coverage(self._images.to_cropped(outer)) * self._images.weights[1] > 0).sum())
        spread = self._split_half_error(outer, kind)
        return RefinedPlacement(outer, kind, matched.agreement_of_matched, covered, matched.candidates, spread)

    @property
    def _sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return self._clip_size, self._ref_size

    def _is_worse(self, simple: Float64Array, flexible: Float64Array) -> bool:
        """Return whether one transform has a significantly lower NCC than another; see `FrameMatches.is_worse_than`."""
        return self._match(simple).is_worse_than(
            self._match(flexible), _SETTINGS.absolute_loss, _SETTINGS.relative_loss
        )

    def _match(self, inner: Float64Array) -> FrameMatches:
        key = np.ascontiguousarray(inner, np.float64).tobytes()
        if key not in self._known:
            self._known[key] = self._sequences.match(inner, self._windows)
        return self._known[key]

    def _refine(
        self, inner: Float64Array, basis: Float64Array | None, parameters: int, chosen: slice = slice(None)
    ) -> Float64Array:
        """Refine a transform within a basis of updates, on some of the anchors."""
        for _ in range(_SETTINGS.rounds):
            pairs = spread_pairs(self._match(inner), FINE_PAIRS)[chosen]
            if not pairs:
                break
            inner = self._sequences.refine(inner, pairs, parameters, _SETTINGS.esm_steps, basis)
        return inner

    def _simpler_models(self, inner: Float64Array) -> Iterator[tuple[str, Float64Array, Float64Array | None]]:
        """Yield models, simplest first: name, initial transform, and basis of updates (None: no refinement)."""
        outer = self._images.to_full(inner)
        yield "stretch", self._images.to_cropped(resize_matrix(*self._sizes)), None
        linear = outer[:2, :2]
        center = np.array([(side - 1) / 2 for side in self._ref_size])
        middle = apply_homography(outer, center)
        wide, high = float(np.hypot(*linear[:, 0])), float(np.hypot(*linear[:, 1]))
        shapes = [1.0, (self._clip_size[0] / self._ref_size[0]) / (self._clip_size[1] / self._ref_size[1])]
        if abs(wide - 1) < _SETTINGS.unit_scale_tolerance and abs(high - 1) < _SETTINGS.unit_scale_tolerance:
            yield "shift", self._scaled_about(middle, center, 1.0, 1.0), TRANSLATION
        for shape in shapes:
            each = (wide * high * shape) ** 0.5, (wide * high / shape) ** 0.5
            yield "scale", self._scaled_about(middle, center, *each), UNIFORM_SCALE
        yield "stretch", self._scaled_about(middle, center, wide, high), ANISOTROPIC_SCALE
        even = (wide * high) ** 0.5
        turn = np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
        turned = even * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        yield "similarity", self._linear_about(middle, center, turned), SIMILARITY

    def _scaled_about(self, middle: Float64Array, center: Float64Array, wide: float, high: float) -> Float64Array:
        return self._linear_about(middle, center, np.diag([wide, high]))

    def _linear_about(self, middle: Float64Array, center: Float64Array, linear: Float64Array) -> Float64Array:
        outer = np.eye(3)
        outer[:2, :2] = linear
        outer[:2, 2] = middle - linear @ center
        return self._images.to_cropped(outer)

    def _snap_edges(self, outer: Float64Array, kind: str, flexible: Float64Array) -> Float64Array:
        """Return the transform with its edges at integer positions of clip if they nearly are, and if it is as good."""
        edges = np.array(edges_in_clip(outer, self._ref_size))
        whole = np.rint(edges)
        near = np.abs(edges - whole) < _SETTINGS.snapping_distance
        if kind == "shift":
            near[:2] &= near[2:]
            near[2:] = near[:2]
        elif kind == "scale" and not near.all():
            # Snapping only some of the edges would change the aspect ratio.
            near[:] = False
        tried = matrix_from_edges(np.where(near, whole, edges), self._ref_size)
        if np.abs(edges - whole)[near].max(initial=0.0) < _SETTINGS.always_snapped:
            return tried
        return outer if self._is_worse(self._images.to_cropped(tried), flexible) else tried

    def _split_half_error(self, outer: Float64Array, kind: str) -> float:
        """Return the distance between the transforms of the two halves of the anchors, in clip pixels."""
        basis = {
            "shift": TRANSLATION,
            "scale": UNIFORM_SCALE,
            "stretch": ANISOTROPIC_SCALE,
            "similarity": SIMILARITY,
        }.get(kind)
        parameters = HOMOGRAPHY if kind == "homography" else AFFINE
        inner = self._images.to_cropped(outer)
        pairs = spread_pairs(self._match(inner), FINE_PAIRS)
        if not pairs:
            return float("inf")
        if len(pairs) < _SETTINGS.min_pairs_to_halve:
            return self._checkerboard_error(outer, pairs, parameters, basis)
        halves = [
            self._images.to_full(self._sequences.refine(inner, pairs[part::2], parameters, _SETTINGS.esm_steps, basis))
            for part in (0, 1)
        ]
        return corner_distance(halves[0], halves[1], self._ref_size)

    def _checkerboard_error(
        self, outer: Float64Array, pairs: Sequence[tuple[int, int]], parameters: int, basis: Float64Array | None
    ) -> float:
        """Return the distance between the transforms of the two halves of a checkerboard of tiles, in clip pixels."""
        inner, (width, height) = self._images.to_cropped(outer), self._images.size
        rows, columns = (np.arange(side) * _SETTINGS.tiles // side for side in (height, width))
        odd = (rows[:, None] + columns[None, :]) % 2
        clip, ref = self._images.weights
        found = []
        for part in (0, 1):
            weight = np.where(odd == part, ref, 0).astype(np.float32)
            tiles = SequencePair(self._images.clip, self._images.ref, clip, weight, (width, height), _SETTINGS.radius)
            refined = tiles.refine(inner, pairs, parameters, _SETTINGS.esm_steps, basis)
            found.append(self._images.to_full(refined))
        return corner_distance(found[0], found[1], self._ref_size)


def placement_confidence(agreement: float, spread: float = 0.0) -> float:
    """Return the confidence of a placement, 0..1, from its NCC and its split-half error in pixels."""
    alike = float(np.clip((agreement - MIN_AGREEMENT) / (_SETTINGS.full_agreement - MIN_AGREEMENT), 0, 1))
    return round(alike / (1 + (spread / _SETTINGS.error_scale) ** 2), 4)


def edges_in_clip(matrix: Float64Array, ref_size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom edge of ref in clip, in clip pixels from its edges; needs no rotation."""
    (width, height), (kx, ky) = ref_size, (matrix[0, 0], matrix[1, 1])
    left, top = matrix[0, 2] - (kx - 1) / 2, matrix[1, 2] - (ky - 1) / 2
    return float(left), float(top), float(left + kx * width), float(top + ky * height)


def matrix_from_edges(edges: Sequence[float] | Float64Array, ref_size: tuple[int, int]) -> Float64Array:
    """Return the transform that maps ref's edges to given positions in clip: left, top, right, bottom."""
    left, top, right, bottom = (float(edge) for edge in edges)
    kx, ky = (right - left) / ref_size[0], (bottom - top) / ref_size[1]
    return np.array([[kx, 0, left + (kx - 1) / 2], [0, ky, top + (ky - 1) / 2], [0, 0, 1]], np.float64)
