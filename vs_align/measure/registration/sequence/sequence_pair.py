"""`SequencePair`: frames of two videos at one size, warped, matched by NCC and registered by ESM."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, IntpArray
from vs_align.measure.images.preprocessing import WeightedImage, normalize_contrast, scaled, warp_plane
from vs_align.measure.registration.esm import EsmReference, esm_reference, refine_esm_jointly
from vs_align.measure.registration.kernels import windowed_products

Windows = Sequence[range]
"""Indices of the candidate frames of clip for each frame of ref."""

_SIGNIFICANT = 2.5
"""How many times its standard error a mean loss of correlation must be to count."""
_FRAMES_PER_PAUSE = 16
"""Candidate frames between two calls of `pause`."""
_MIN_PIXELS = 64
"""Smallest number of common pixels for a correlation."""


@dataclass(frozen=True, eq=False)
class FrameMatches:
    """The best candidate of each ref frame.

    Args:
        candidates: (refs,), index of the candidate of highest NCC, -1 if the window is empty.
        agreements: (refs,), NCC of the two, -1..1; 0 if the window is empty.
    """

    candidates: Int64Array
    agreements: Float64Array

    @property
    def agreement(self) -> float:
        """Mean NCC."""
        return float(self.agreements.mean()) if self.agreements.size else 0.0

    @property
    def agreement_of_matched(self) -> float:
        """Mean NCC of the ref frames that have a candidate."""
        found = self.agreements[self.candidates >= 0]
        return float(found.mean()) if found.size else 0.0

    def is_worse_than(self, other: "FrameMatches", floor: float, share: float = 0.0) -> bool:
        """Return whether the mean NCC is lower than that of other matches by a statistically significant margin.

        Args:
            other: Matches of the same frames.
            floor: Loss of NCC that is tolerated in any case.
            share: Loss that is tolerated as a share of the other one's 1 - NCC.
        """
        found = (self.candidates >= 0) & (other.candidates >= 0)
        if not found.any():
            return True
        lost = other.agreements[found] - self.agreements[found]
        noise = float(lost.std()) / max(1.0, float(np.count_nonzero(found) - 1)) ** 0.5
        left = 1 - float(other.agreements[found].mean())
        return bool(lost.mean() > max(_SIGNIFICANT * noise, share * left, floor))

    @property
    def cubed_agreement(self) -> float:
        """Mean cubed NCC: prefers many good matches to an average of mediocre ones.

        A transform between those of two scenes correlates moderately with both.
        """
        return float((np.maximum(self.agreements, 0) ** 3).mean()) if self.agreements.size else 0.0


class SequencePair:
    """Frames of clip and of ref at one size.

    Args:
        clip: (h, w) float32 each, 0..1 nominal.
        ref: (h, w) float32 each, 0..1 nominal.
        clip_weight: (h, w), 0 for pixels of clip that are invalid in all frames (a border, a logo), else 1.
        ref_weight: (h, w), the same for ref.
        size: Width and height at which they are compared.
        radius: Radius of the contrast normalization, in pixels of that size.
        pause: Called periodically, to release resources.
    """

    def __init__(
        self,
        clip: Sequence[Float32Array],
        ref: Sequence[Float32Array],
        clip_weight: Float32Array,
        ref_weight: Float32Array,
        size: tuple[int, int],
        radius: int,
        pause: Callable[[], object] | None = None,
    ) -> None:
        self.size = size
        self._radius = radius
        self._pause = pause
        self._clip = [scaled(image, size) for image in clip]
        self._clip_weight = _full_weights_only(scaled(clip_weight, size))
        self._ref_weight = _full_weights_only(scaled(ref_weight, size))
        self._ones = np.ones((size[1], size[0]), np.float32)
        self._clip_is_whole = bool(self._clip_weight.min() > 0)
        self._ref = [normalize_contrast(scaled(image, size), self._ref_weight, radius) for image in ref]
        self._targets: dict[int, EsmReference] = {}

    def warped(self, matrix: Float64Array, candidate: int, covered: Float32Array | None = None) -> WeightedImage:
        """Return a frame of clip, warped to ref and normalized there.

        Args:
            matrix: (3, 3), from pixels of ref to pixels of clip.
            candidate: Index of the frame.
            covered: `coverage(matrix)` if known.
        """
        weight = self.coverage(matrix) if covered is None else covered
        # The border is replicated: contrast there is lower, but the windows of the inner pixels stay right.
        image = warp_plane(self._clip[candidate], matrix, self.size, cv2.BORDER_REPLICATE)
        window_weight = self._ones if self._clip_is_whole else weight
        return WeightedImage(normalize_contrast(image, window_weight, self._radius), weight)

    def coverage(self, matrix: Float64Array) -> Float32Array:
        """Return the valid pixels of clip under a transform, (h, w), 1 or 0; partly covered pixels are 0."""
        return _full_weights_only(warp_plane(self._clip_weight, matrix, self.size, cv2.BORDER_CONSTANT))

    def match(self, matrix: Float64Array, windows: Windows) -> FrameMatches:
        """Find for each ref frame the candidate in its window of highest NCC under a transform."""
        nothing = FrameMatches(np.full(len(windows), -1, np.int64), np.zeros(len(windows)))
        scores_of_used = self.correlations(matrix, windows)
        known = np.array([i for i, window in enumerate(windows) if len(window)], np.int64)
        if not scores_of_used.size or not known.size:
            return nothing
        found, scores = nothing.candidates, nothing.agreements
        best = scores_of_used[known].argmax(axis=1)
        found[known], scores[known] = best, scores_of_used[known, best]
        return nothing

    def correlations(self, matrix: Float64Array, windows: Windows) -> Float32Array:
        """Return the NCC of each ref frame with each of its candidates under a transform.

        Returns:
            (refs, candidates), -1..1; negative infinity outside of the windows. Empty if hardly anything is covered or
            all windows are empty.
        """
        used = sorted({k for window in windows for k in window})
        covered = self.coverage(matrix)
        inside = np.flatnonzero(covered * self._ref_weight > 0)
        if not used or inside.size < _MIN_PIXELS:
            return np.empty((len(windows), 0), np.float32)
        candidates = _unit_vectors(self._images(matrix, used, covered), len(used), inside)
        wanted = _unit_vectors(iter(self._ref), len(self._ref), inside)
        begins = np.searchsorted(used, [window.start for window in windows])
        ends = begins + [len(window) for window in windows]
        scores_of_used = np.empty((len(windows), len(used)), np.float32)
        windowed_products(
            wanted, np.arange(len(wanted)), candidates, np.arange(len(candidates)), begins, ends, scores_of_used
        )
        out = np.full((len(windows), len(self._clip)), -np.inf, np.float32)
        out[:, used] = scores_of_used
        return out

    def _images(self, matrix: Float64Array, candidates: Sequence[int], covered: Float32Array) -> Iterator[Float32Array]:
        for i, k in enumerate(candidates):
            if self._pause is not None and i % _FRAMES_PER_PAUSE == 0:
                self._pause()
            yield self.warped(matrix, k, covered).image

    def refine(
        self,
        matrix: Float64Array,
        pairs: Sequence[tuple[int, int]],
        parameters: int,
        steps: int,
        basis: Float64Array | None = None,
    ) -> Float64Array:
        """Refine a transform jointly by ESM on pairs of (ref frame, candidate) that show the same moment.

        Args:
            matrix: (3, 3), initial transform.
            pairs: Index of the ref frame and of the candidate.
            parameters: `AFFINE` or `HOMOGRAPHY`.
            steps: Largest number of Gauss-Newton steps.
            basis: See `refine_esm_jointly`.
        """
        for n, _ in pairs:
            if n not in self._targets:
                self._targets[n] = esm_reference(WeightedImage(self._ref[n], self._ref_weight))
        targets = [self._targets[n] for n, _ in pairs]
        return refine_esm_jointly(lambda i, m: self.warped(m, pairs[i][1]), targets, matrix, parameters, steps, basis)


def _full_weights_only(weight: Float32Array) -> Float32Array:
    """Return a weight of 1 for pixels of full weight, else 0."""
    out: Float32Array = np.where(weight > 0.999, np.float32(1), np.float32(0))
    return out


def _unit_vectors(images: Iterator[Float32Array], count: int, inside: IntpArray) -> Float32Array:
    """Return some pixels of each image as vectors (count, pixels) of zero mean and unit length; zeros if flat."""
    out = np.empty((count, inside.size), np.float32)
    for row, image in zip(out, images, strict=True):
        np.take(image, inside, out=row)
        row -= row.mean()
        row /= np.float32(max(float(np.sqrt(np.square(row).sum())), 1e-3 * float(np.sqrt(inside.size))))
    return out
