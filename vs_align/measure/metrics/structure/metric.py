"""The metric "structure": how much of ref's picture clip leaves unexplained, once it lies on it and has its tone.

Geometry comes first: a candidate is looked at through the transform that was found between the two versions. Its grade
comes second: of all ref frames near in time each candidate has one that it agrees with best in local contrast, which no
grade changes; with this partner its tone curve is measured, so that fades and flicker belong to the candidate. What is
left is compared pixel by pixel.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf

import numpy as np

from vs_align.io.array_types import Float32Array, Float64Array, Int64Array, IntpArray
from vs_align.measure.metrics.structure import kernels
from vs_align.measure.metrics.structure.gate_weave import Shift, slopes, weave
from vs_align.measure.metrics.structure.view_cache import Looks, LookStore
from vs_align.measure.registration.esm_kernels import products
from vs_align.measure.registration.sequence.geometry import Geometry

# Contrast of a flat picture, as part of white: below it noise is all there is.
_FLAT = 0.004
_LEAST_PIXELS = 64
# A partner shows the moment of a candidate where they agree by this part of what good pairs do.
_SURE = 0.85
# How often frames that stray are brought back.
_WEAVE_ROUNDS = 3
# Candidates on which it is seen whether frames stray at all.
_WEAVE_SAMPLE = 16


@dataclass(frozen=True, slots=True, eq=False)
class _Toned:
    """Candidates in the tone of ref, and how that was found.

    Args:
        alike: (refs, candidates) correlation of local contrast, minus infinity outside the windows.
        partners: For each candidate, the ref frame that it agrees with best.
        lenders: Whose tone curve each candidate has: its own, or that of one whose partner is surer.
        pixels: (candidates, p) their brightness.
    """

    alike: Float32Array
    partners: list[int]
    lenders: list[int]
    pixels: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What one call scores; pictures are float32 (h, w) of one size, 0..1 nominal, made when they are needed.

    Args:
        refs: Ref frames by number; also those beside the ones to score, because candidates look for partners there.
        candidates: Clip frames by number.
        windows: Candidates of each ref frame, by the ref frame's number, for all of `refs`.
        wanted: Numbers of the ref frames to score.
    """

    refs: dict[int, Callable[[], Float32Array]]
    candidates: dict[int, Callable[[], Float32Array]]
    windows: dict[int, range]
    wanted: Sequence[int]


class Structure:
    """Scores candidates by what they leave unexplained: 0 where nothing, about 1 where everything.

    Args:
        capacity: How many pictures are remembered, ready for comparison; at least those of one call.
        pool: Threads to share the work; None does it all in the caller's. Calls must not overlap.
    """

    def __init__(self, capacity: int, pool: ThreadPoolExecutor | None = None) -> None:
        self._pool = pool
        self._looks = LookStore(capacity)
        # memory that is used over and over: see LookStore
        self._toned_rows = self._moved_rows = self._moved_shapes = np.empty((0, 0), np.float32)

    def scores(self, asked: Asked, geometries: Sequence[tuple[Geometry, range]]) -> dict[int, Float64Array]:
        """Score the windows of the wanted ref frames.

        Args:
            asked: What to score.
            geometries: Transforms and the ref frames that they may hold for. Of several the one counts under which
                the best candidate agrees most.

        Returns:
            By ref frame, the scores of its window in order; infinity where nothing can be compared.
        """
        out = {n: np.full(len(asked.windows[n]), inf) for n in asked.wanted}
        agreed = dict.fromkeys(asked.wanted, -inf)
        for geometry, holds in geometries:
            wanted = [n for n in asked.wanted if n in holds and len(asked.windows[n])]
            if not wanted:
                continue
            found = self._under(geometry, asked, wanted)
            for n, (agreement, row) in found.items():
                if agreement > agreed[n]:
                    agreed[n], out[n] = agreement, row
        return out

    def _under(self, geometry: Geometry, asked: Asked, wanted: Sequence[int]) -> dict[int, tuple[float, Float64Array]]:
        """Score the windows of some ref frames under one transform, with how well the best candidate agrees."""
        inside = geometry.common
        if inside.size < _LEAST_PIXELS:
            return {}
        numbers = sorted({k for n in wanted for k in asked.windows[n]})
        near = sorted(n for n, window in asked.windows.items() if len(window) and _meets(window, numbers))
        refs, clips = self._ready(near, numbers, asked, geometry, inside)
        edges = [np.searchsorted(numbers, [getattr(asked.windows[n], end) for n in near]) for end in ("start", "stop")]
        toned = self._toned(refs, clips, edges)
        strayed = np.zeros((len(numbers), 2))
        reach = 0.0
        for _ in range(_WEAVE_ROUNDS):
            sure = [i for i, lender in enumerate(toned.lenders) if i == lender]
            sample = sure[:: max(1, len(sure) // _WEAVE_SAMPLE)]
            left = weave(np.array(self._shifts(sample, near, refs, toned, asked, inside)))
            if left == 0:
                break
            shifts = np.array(self._shifts(range(len(numbers)), near, refs, toned, asked, inside))
            # each candidate moves to where its partner is; what is left in the end is small
            reach = left
            strayed += shifts[toned.lenders]
            clips = self._moved(numbers, strayed, asked, geometry, inside)
            toned = self._toned(refs, clips, edges)
        row, column = {n: i for i, n in enumerate(near)}, {k: i for i, k in enumerate(numbers)}

        def scored(n: int) -> tuple[float, Float64Array]:
            mine = refs[row[n]]
            others = [toned.pixels[column[k]] for k in asked.windows[n]]
            if reach > 0:
                x, y = slopes(asked.refs[n](), inside)
                left = [kernels.mean_difference_within(mine, other, x, y, reach) for other in others]
            else:
                left = [kernels.mean_difference(mine, other) for other in others]
            contrast = kernels.mean_deviation(mine) + _FLAT
            return float(toned.alike[row[n]].max()), np.asarray(left) / contrast

        return dict(zip(wanted, self._each(scored, wanted), strict=True))

    def _toned(self, refs: Looks, clips: Looks, edges: Sequence[Int64Array]) -> _Toned:
        """Give each candidate the tone of the ref frame that it agrees with best."""
        alike = np.empty((len(refs), len(clips)), np.float32)
        begins, ends = edges
        products(refs.shapes, refs.rows, clips.shapes, clips.rows, begins, ends, alike)
        partners = alike.argmax(axis=0).tolist()
        lenders = _lenders(alike.max(axis=0))
        everyone = range(len(clips))
        curves = self._each(lambda i: _curve(clips[i], refs[partners[i]]), everyone)
        self._toned_rows = _at_least(self._toned_rows, len(clips), clips.pixels.shape[1])
        pixels = self._toned_rows[: len(clips), : clips.pixels.shape[1]]
        self._each(lambda i: kernels.toned(clips[i], curves[lenders[i]], pixels[i]), everyone)
        return _Toned(alike, partners, lenders, pixels)

    def _moved(
        self,
        numbers: Sequence[int],
        strayed: Float64Array,
        asked: Asked,
        geometry: Geometry,
        inside: IntpArray,
    ) -> Looks:
        """Return candidates brought back to where they belong."""
        self._moved_rows = _at_least(self._moved_rows, len(numbers), inside.size)
        self._moved_shapes = _at_least(self._moved_shapes, len(numbers), inside.size)
        pixels, shapes = self._moved_rows[:, : inside.size], self._moved_shapes[:, : inside.size]
        looks = Looks(pixels, shapes, np.arange(len(numbers)))

        def one(i: int) -> None:
            picture = asked.candidates[numbers[i]]()
            looks.fill(i, geometry.seen(picture, (float(strayed[i, 0]), float(strayed[i, 1]))), inside)

        self._each(one, range(len(numbers)))
        return looks

    def _shifts(
        self,
        chosen: Sequence[int],
        near: Sequence[int],
        refs: Looks,
        toned: _Toned,
        asked: Asked,
        inside: IntpArray,
    ) -> list[Shift]:
        """Return how far some candidates are off their partners."""

        def one(i: int) -> Shift:
            partner = toned.partners[i]
            slope_x, slope_y = slopes(asked.refs[near[partner]](), inside)
            x, y = kernels.small_shift(refs[partner], toned.pixels[i], slope_x, slope_y)
            return float(x), float(y)

        return self._each(one, chosen)

    def _ready(
        self,
        near: Sequence[int],
        numbers: Sequence[int],
        asked: Asked,
        geometry: Geometry,
        inside: IntpArray,
    ) -> tuple[Looks, Looks]:
        """Return ref frames and candidates ready for comparison; what was seen lately is remembered."""
        keys = [*((True, n, geometry.key) for n in near), *((False, k, geometry.key) for k in numbers)]
        looks, missing = self._looks.claim(keys, geometry.ref_weight.size, inside.size)

        def make(i: int) -> None:
            of_ref, number, _ = keys[i]
            picture = asked.refs[number]() if of_ref else geometry.seen(asked.candidates[number]())
            looks.fill(i, picture, inside)

        try:
            self._each(make, missing)
        except BaseException:
            self._looks.forget()
            raise
        sides = looks.rows[: len(near)], looks.rows[len(near) :]
        return Looks(looks.pixels, looks.shapes, sides[0]), Looks(looks.pixels, looks.shapes, sides[1])

    def _each[A, B](self, work: Callable[[A], B], items: Sequence[A]) -> list[B]:
        return list(map(work, items) if self._pool is None else self._pool.map(work, items))


def _meets(window: range, numbers: Sequence[int]) -> bool:
    return window[0] <= numbers[-1] and window[-1] >= numbers[0]


def _lenders(agreements: Float32Array) -> list[int]:
    """Whose tone curve each candidate takes: its own, or that of the nearest one whose partner shows its moment.

    A curve that was measured on two different moments is too flat, and a flat picture is near to all others.
    """
    usual = float(np.percentile(agreements, 90))
    sure = np.flatnonzero(agreements >= min(_SURE * usual, usual))
    places = np.arange(len(agreements))
    out: list[int] = sure[np.abs(places[:, None] - sure).argmin(axis=1)].tolist()
    return out


def _curve(clip: Float32Array, ref: Float32Array) -> Float32Array:
    """The curve that takes clip's brightness to ref's."""
    curve = np.empty(kernels.BINS, np.float32)
    kernels.tone_curve(clip, ref, curve)
    return curve


def _at_least(array: Float32Array, rows: int, columns: int) -> Float32Array:
    """The array, or a larger one."""
    if array.shape[0] >= rows and array.shape[1] >= columns:
        return array
    return np.empty((max(rows, array.shape[0]), max(columns, array.shape[1])), np.float32)
