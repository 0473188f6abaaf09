"""Structure metric: the part of ref that clip leaves unexplained after registration and tone matching.

A candidate is first warped by the transform between the two versions. Then its tone is matched: of all ref frames near
in time its partner is the one with the highest correlation of local contrast, which no grade changes. The tone curve
is measured against the partner, so that fades and flicker belong to the candidate. The score is the mean absolute
difference of pixels, relative to the contrast of ref.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf

import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, IntpArray
from vs_align.measure.metrics.structure import kernels
from vs_align.measure.metrics.structure.gate_weave import gradients_at, weave_range
from vs_align.measure.metrics.structure.image_cache import ImageCache, PreparedImages
from vs_align.measure.registration.kernels import windowed_products
from vs_align.measure.registration.sequence.geometry import Geometry


@dataclass(frozen=True, slots=True)
class StructureParameters:
    """Tunables of the comparison."""

    flat_contrast: float = 0.004
    """Added to the contrast of ref, as a share of white: about the contrast of noise, so that flat images do not turn
    noise into high scores."""
    min_pixels: int = 64
    """Fewer common pixels of both versions are not compared."""
    sure_agreement: float = 0.85
    """A partner shows the moment of its candidate if they correlate by this share of what good pairs do; lower accepts
    tone curves of wrong partners, higher lends curves from farther frames."""
    weave_rounds: int = 3
    """Rounds of shift estimation under gate weave."""
    weave_sample: int = 16
    """Candidates on which gate weave is detected."""


PARAMETERS = StructureParameters()


@dataclass(frozen=True, slots=True, eq=False)
class _ToneMatched:
    """Candidates in the tone of ref.

    Args:
        correlation: (refs, candidates) correlation of local contrast, minus infinity outside the windows.
        partners: For each candidate, the row of the ref frame with the highest correlation.
        lenders: For each candidate, the candidate whose tone curve it uses: itself, or one with a surer partner.
        pixels: (candidates, p) luma after the tone curve.
    """

    correlation: Float32Array
    partners: list[int]
    lenders: list[int]
    pixels: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class WindowImages:
    """Images and windows of one call. Images are float32 (h, w) luma of one size, 0 to 1 nominal, read when needed.

    Args:
        refs: Ref frames by number, also those beside the ones to score: candidates may find their partners there.
        candidates: Clip frames by number.
        windows: Candidates of each ref frame, by the number of the ref frame, for all of `refs`.
        wanted: Numbers of the ref frames to score.
    """

    refs: dict[int, Callable[[], Float32Array]]
    candidates: dict[int, Callable[[], Float32Array]]
    windows: dict[int, range]
    wanted: Sequence[int]


class Structure:
    """Scores candidates by the unexplained part of ref: 0 for none of it, about 1 for all. Calls must not overlap.

    Args:
        capacity: Prepared images to cache; at least those of one call.
        pool: Threads that share the work; None for the thread of the caller alone.
    """

    def __init__(self, capacity: int, pool: ThreadPoolExecutor | None = None) -> None:
        self._pool = pool
        self._prepared = ImageCache(capacity)
        # buffers that are reused: see image_cache
        self._toned_pixels = self._shifted_pixels = self._shifted_contrast = np.empty((0, 0), np.float32)

    def scores(self, images: WindowImages, geometries: Sequence[tuple[Geometry, range]]) -> dict[int, Float64Array]:
        """Score the windows of the wanted ref frames.

        Args:
            images: What to score.
            geometries: Transforms, and the ref frames to which they may apply. Of several the one counts under which
                the best candidate correlates most.

        Returns:
            By ref frame, the scores of its window in order; infinity if nothing can be compared.
        """
        out = {n: np.full(len(images.windows[n]), inf) for n in images.wanted}
        agreed = dict.fromkeys(images.wanted, -inf)
        for geometry, holds in geometries:
            wanted = [n for n in images.wanted if n in holds and len(images.windows[n])]
            if not wanted:
                continue
            found = self._scores_under(geometry, images, wanted)
            for n, (agreement, row) in found.items():
                if agreement > agreed[n]:
                    agreed[n], out[n] = agreement, row
        return out

    def _scores_under(
        self, geometry: Geometry, images: WindowImages, wanted: Sequence[int]
    ) -> dict[int, tuple[float, Float64Array]]:
        """Return the correlation of the best candidate and the scores of each window, under one transform."""
        inside = geometry.common
        if inside.size < PARAMETERS.min_pixels:
            return {}
        numbers = sorted({k for n in wanted for k in images.windows[n]})
        near = sorted(n for n, window in images.windows.items() if len(window) and _overlaps(window, numbers))
        refs, clips = self._prepare(near, numbers, images, geometry, inside)
        edges = [np.searchsorted(numbers, [getattr(images.windows[n], end) for n in near]) for end in ("start", "stop")]
        toned = self._match_tone(refs, clips, edges)
        shift = np.zeros((len(numbers), 2))
        max_shift = 0.0
        for _ in range(PARAMETERS.weave_rounds):
            sure = [i for i, lender in enumerate(toned.lenders) if i == lender]
            sample = sure[:: max(1, len(sure) // PARAMETERS.weave_sample)]
            left = weave_range(np.array(self._shifts(sample, near, refs, toned, images, inside)))
            if left == 0:
                break
            shifts = np.array(self._shifts(range(len(numbers)), near, refs, toned, images, inside))
            # candidates are shifted to their partners; the shift that remains at the end is small
            max_shift = left
            shift += shifts[toned.lenders]
            clips = self._shifted(numbers, shift, images, geometry, inside)
            toned = self._match_tone(refs, clips, edges)
        row, column = {n: i for i, n in enumerate(near)}, {k: i for i, k in enumerate(numbers)}

        def scored(n: int) -> tuple[float, Float64Array]:
            mine = refs[row[n]]
            others = [toned.pixels[column[k]] for k in images.windows[n]]
            if max_shift > 0:
                x, y = gradients_at(images.refs[n](), inside)
                left = [kernels.mean_difference_within(mine, other, x, y, max_shift) for other in others]
            else:
                left = [kernels.mean_difference(mine, other) for other in others]
            contrast = kernels.mean_deviation(mine) + PARAMETERS.flat_contrast
            return float(toned.correlation[row[n]].max()), np.asarray(left) / contrast

        return dict(zip(wanted, self._each(scored, wanted), strict=True))

    def _match_tone(self, refs: PreparedImages, clips: PreparedImages, edges: Sequence[Int64Array]) -> _ToneMatched:
        """Apply to each candidate the tone curve to its partner."""
        correlation = np.empty((len(refs), len(clips)), np.float32)
        begins, ends = edges
        windowed_products(refs.contrast, refs.rows, clips.contrast, clips.rows, begins, ends, correlation)
        partners = correlation.argmax(axis=0).tolist()
        lenders = _lenders(correlation.max(axis=0))
        everything = range(len(clips))
        curves = self._each(lambda i: _curve(clips[i], refs[partners[i]]), everything)
        self._toned_pixels = _at_least(self._toned_pixels, len(clips), clips.pixels.shape[1])
        pixels = self._toned_pixels[: len(clips), : clips.pixels.shape[1]]
        self._each(lambda i: kernels.apply_curve(clips[i], curves[lenders[i]], pixels[i]), everything)
        return _ToneMatched(correlation, partners, lenders, pixels)

    def _shifted(
        self,
        numbers: Sequence[int],
        shift: Float64Array,
        images: WindowImages,
        geometry: Geometry,
        inside: IntpArray,
    ) -> PreparedImages:
        """Return candidates after a shift of each, (n, 2) pixels."""
        self._shifted_pixels = _at_least(self._shifted_pixels, len(numbers), inside.size)
        self._shifted_contrast = _at_least(self._shifted_contrast, len(numbers), inside.size)
        pixels, contrast = self._shifted_pixels[:, : inside.size], self._shifted_contrast[:, : inside.size]
        prepared = PreparedImages(pixels, contrast, np.arange(len(numbers)))

        def one(i: int) -> None:
            image = images.candidates[numbers[i]]()
            prepared.fill(i, geometry.seen(image, (float(shift[i, 0]), float(shift[i, 1]))), inside)

        self._each(one, range(len(numbers)))
        return prepared

    def _shifts(
        self,
        chosen: Sequence[int],
        near: Sequence[int],
        refs: PreparedImages,
        toned: _ToneMatched,
        images: WindowImages,
        inside: IntpArray,
    ) -> list[tuple[float, float]]:
        """Return the shifts of some candidates against their partners, in pixels."""

        def one(i: int) -> tuple[float, float]:
            partner = toned.partners[i]
            slope_x, slope_y = gradients_at(images.refs[near[partner]](), inside)
            x, y = kernels.small_shift(refs[partner], toned.pixels[i], slope_x, slope_y)
            return float(x), float(y)

        return self._each(one, chosen)

    def _prepare(
        self,
        near: Sequence[int],
        numbers: Sequence[int],
        images: WindowImages,
        geometry: Geometry,
        inside: IntpArray,
    ) -> tuple[PreparedImages, PreparedImages]:
        """Return ref frames and candidates prepared for comparison, from the cache if they are there."""
        keys = [*((True, n, geometry.key) for n in near), *((False, k, geometry.key) for k in numbers)]
        prepared, missing = self._prepared.claim(keys, geometry.ref_weight.size, inside.size)

        def make(i: int) -> None:
            of_ref, number, _ = keys[i]
            image = images.refs[number]() if of_ref else geometry.seen(images.candidates[number]())
            prepared.fill(i, image, inside)

        try:
            self._each(make, missing)
        except BaseException:
            self._prepared.clear()
            raise
        sides = prepared.rows[: len(near)], prepared.rows[len(near) :]
        refs, clips = (PreparedImages(prepared.pixels, prepared.contrast, rows) for rows in sides)
        return refs, clips

    def _each[A, B](self, work: Callable[[A], B], items: Sequence[A]) -> list[B]:
        return list(map(work, items) if self._pool is None else self._pool.map(work, items))


def _overlaps(window: range, numbers: Sequence[int]) -> bool:
    return window[0] <= numbers[-1] and window[-1] >= numbers[0]


def _lenders(agreements: Float32Array) -> list[int]:
    """Return for each candidate the one whose tone curve it uses: itself, or the nearest one with a sure partner.

    A curve measured on two different moments is too flat, and a flat image is similar to all others.
    """
    usual = float(np.percentile(agreements, 90))
    sure = np.flatnonzero(agreements >= min(PARAMETERS.sure_agreement * usual, usual))
    positions = np.arange(len(agreements))
    out: list[int] = sure[np.abs(positions[:, None] - sure).argmin(axis=1)].tolist()
    return out


def _curve(clip: Float32Array, ref: Float32Array) -> Float32Array:
    """Return the (BINS,) curve that maps the luma of clip to that of ref."""
    curve = np.empty(kernels.BINS, np.float32)
    kernels.tone_curve(clip, ref, curve)
    return curve


def _at_least(array: Float32Array, rows: int, columns: int) -> Float32Array:
    """Return the array, or a larger one if it is too small."""
    if array.shape[0] >= rows and array.shape[1] >= columns:
        return array
    return np.empty((max(rows, array.shape[0]), max(columns, array.shape[1])), np.float32)
