"""`Sequences`: frames of two versions at one size, laid on each other and matched."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, IntpArray
from vs_align.measure.images.views import View, normalised, scaled, warped_plane
from vs_align.measure.registration.esm import Targets, refined_together, targets_of
from vs_align.measure.registration.esm_kernels import products

Windows = Sequence[range]

# How many times the error of its mean a loss must be to be one.
_SURE = 2.5
# Candidates from one pause to the next.
_BREATH = 16


@dataclass(frozen=True, eq=False)
class Matched:
    """For each ref frame the candidate that it agrees with best.

    Args:
        candidates: (refs,) index of the candidate, -1 where the window is empty.
        agreements: (refs,) correlation of the two, -1..1; 0 where the window is empty.
    """

    candidates: Int64Array
    agreements: Float64Array

    @property
    def agreement(self) -> float:
        """Mean correlation."""
        return float(self.agreements.mean()) if self.agreements.size else 0.0

    @property
    def agreement_of_found(self) -> float:
        """Mean correlation of those that have a candidate."""
        found = self.agreements[self.candidates >= 0]
        return float(found.mean()) if found.size else 0.0

    def is_worse_than(self, other: "Matched", floor: float, share: float = 0.0) -> bool:
        """Whether this leaves more disagreement than another match, and does so on most frames alike.

        Args:
            other: Matches of the same frames.
            floor: What may be lost in any case.
            share: Which part of the disagreement that the other one leaves may be lost too.
        """
        found = (self.candidates >= 0) & (other.candidates >= 0)
        if not found.any():
            return True
        lost = other.agreements[found] - self.agreements[found]
        noise = float(lost.std()) / max(1.0, float(np.count_nonzero(found) - 1)) ** 0.5
        left = 1 - float(other.agreements[found].mean())
        return bool(lost.mean() > max(_SURE * noise, share * left, floor))

    @property
    def explained(self) -> float:
        """Like `agreement`, but frames that agree well count for more than many that agree somewhat.

        A transform that lies between those of two scenes agrees somewhat with both.
        """
        return float((np.maximum(self.agreements, 0) ** 3).mean()) if self.agreements.size else 0.0


class Sequences:
    """Frames of clip and of ref, both at one size.

    Args:
        clip: (h, w) float32 each, 0..1 nominal.
        ref: Likewise.
        clip_weight: (h, w), 0 where clip does not count in any frame (a border, a logo), else 1.
        ref_weight: Likewise for ref.
        size: Width and height at which they are looked at.
        radius: How far the surroundings reach by which contrast is measured, in pixels of that size.
        pause: Called now and then, to tidy up.
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
        self._clip = [scaled(picture, size) for picture in clip]
        self._clip_weight = _whole_only(scaled(clip_weight, size))
        self._ref_weight = _whole_only(scaled(ref_weight, size))
        self._ones = np.ones((size[1], size[0]), np.float32)
        self._clip_is_whole = bool(self._clip_weight.min() > 0)
        self._ref = [normalised(scaled(picture, size), self._ref_weight, radius) for picture in ref]
        self._targets: dict[int, Targets] = {}

    def seen(self, matrix: Float64Array, candidate: int, covered: Float32Array | None = None) -> View:
        """Look at a frame of clip through a transform from pixels of ref to pixels of clip, made ready in its place.

        Args:
            matrix: The transform.
            candidate: Index of the frame.
            covered: What `covered` returns for the transform, where it is known.
        """
        weight = self.covered(matrix) if covered is None else covered
        # What lies outside repeats the edge: its contrast is lower, but the surroundings of all else stay right.
        picture = warped_plane(self._clip[candidate], matrix, self.size, cv2.BORDER_REPLICATE)
        around = self._ones if self._clip_is_whole else weight
        return View(normalised(picture, around, self._radius), weight)

    def covered(self, matrix: Float64Array) -> Float32Array:
        """Return where clip is seen through a transform, 1 or 0; pixels that are half outside do not count."""
        return _whole_only(warped_plane(self._clip_weight, matrix, self.size, cv2.BORDER_CONSTANT))

    def matched(self, matrix: Float64Array, windows: Windows) -> Matched:
        """Find for each ref frame the candidate in its window that correlates best under a transform."""
        nothing = Matched(np.full(len(windows), -1, np.int64), np.zeros(len(windows)))
        alike = self.correlations(matrix, windows)
        known = np.array([i for i, window in enumerate(windows) if len(window)], np.int64)
        if not alike.size or not known.size:
            return nothing
        found, scores = nothing.candidates, nothing.agreements
        best = alike[known].argmax(axis=1)
        found[known], scores[known] = best, alike[known, best]
        return nothing

    def correlations(self, matrix: Float64Array, windows: Windows) -> Float32Array:
        """Return how well each ref frame agrees with each of its candidates under a transform.

        Returns:
            (refs, candidates), -1..1; negative infinity for pairs that nobody asks for. Empty where hardly anything
            is covered, or nothing is asked.
        """
        asked = sorted({k for window in windows for k in window})
        covered = self.covered(matrix)
        inside = np.flatnonzero(covered * self._ref_weight > 0)
        if not asked or inside.size < 64:
            return np.empty((len(windows), 0), np.float32)
        candidates = _unit(self._pictures(matrix, asked, covered), len(asked), inside)
        wanted = _unit(iter(self._ref), len(self._ref), inside)
        begins = np.searchsorted(asked, [window.start for window in windows])
        ends = begins + [len(window) for window in windows]
        alike = np.empty((len(windows), len(asked)), np.float32)
        products(wanted, np.arange(len(wanted)), candidates, np.arange(len(candidates)), begins, ends, alike)
        out = np.full((len(windows), len(self._clip)), -np.inf, np.float32)
        out[:, asked] = alike
        return out

    def _pictures(
        self, matrix: Float64Array, candidates: Sequence[int], covered: Float32Array
    ) -> Iterator[Float32Array]:
        for i, k in enumerate(candidates):
            if self._pause is not None and i % _BREATH == 0:
                self._pause()
            yield self.seen(matrix, k, covered).picture

    def refined(
        self,
        matrix: Float64Array,
        pairs: Sequence[tuple[int, int]],
        parameters: int,
        steps: int,
        basis: Float64Array | None = None,
    ) -> Float64Array:
        """Bring a transform closer on pairs of (ref frame, candidate) that show the same moment."""
        for n, _ in pairs:
            if n not in self._targets:
                self._targets[n] = targets_of(View(self._ref[n], self._ref_weight))
        targets = [self._targets[n] for n, _ in pairs]
        return refined_together(lambda i, m: self.seen(m, pairs[i][1]), targets, matrix, parameters, steps, basis)


def _whole_only(weight: Float32Array) -> Float32Array:
    """The weight without pixels that are half outside."""
    out: Float32Array = np.where(weight > 0.999, np.float32(1), np.float32(0))
    return out


def _unit(pictures: Iterator[Float32Array], count: int, inside: IntpArray) -> Float32Array:
    """Some pixels of each picture without their mean, of unit length; zeros where there is no contrast."""
    out = np.empty((count, inside.size), np.float32)
    for row, picture in zip(out, pictures, strict=True):
        np.take(picture, inside, out=row)
        row -= row.mean()
        row /= np.float32(max(float(np.sqrt(np.square(row).sum())), 1e-3 * float(np.sqrt(inside.size))))
    return out
