"""The metric "structure": how much of ref's picture clip leaves unexplained, once it lies on it and has its tone.

Geometry comes first: a candidate is looked at through the transform that was found between the two versions. Its grade
comes second: of all ref frames near in time each candidate has one that it agrees with best in local contrast, which no
grade changes; with this partner its tone curve is measured, so that fades and flicker belong to the candidate. What is
left is compared pixel by pixel.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from vs_align.metrics import structure_kernels as kernels
from vs_align.metrics.weave import Shift, slopes, weave
from vs_align.registration.geometry import Geometry
from vs_align.registration.kernels import products
from vs_align.registration.views import Luma, normalised

Rows = npt.NDArray[np.float32]

_RADIUS = 7
# Contrast of a flat picture, as part of white: below it noise is all there is.
_FLAT = 0.004
_LEAST_PIXELS = 64
# A partner shows the moment of a candidate where they agree by this part of what good pairs do.
_SURE = 0.85
# How often frames that stray are brought back.
_WEAVE_ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A picture as far as both versions cover it, as rows of pixels."""

    pixels: Rows
    shape: Rows
    """Local contrast without its mean, of unit length."""


@dataclass(frozen=True, slots=True, eq=False)
class _Toned:
    """Candidates in the tone of ref, and how that was found.

    Args:
        alike: (refs, candidates) correlation of local contrast, minus infinity outside the windows.
        partners: For each candidate, the ref frame that it agrees with best.
        lenders: Whose tone curve each candidate has: its own, or that of one whose partner is surer.
        pixels: The candidates.
    """

    alike: Rows
    partners: list[int]
    lenders: list[int]
    pixels: list[Rows]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What one call scores; pictures are float32 (h, w) of one size, 0..1 nominal, made when they are needed.

    Args:
        refs: Ref frames by number; also those beside the ones to score, because candidates look for partners there.
        candidates: Clip frames by number.
        windows: Candidates of each ref frame, by the ref frame's number, for all of `refs`.
        wanted: Numbers of the ref frames to score.
    """

    refs: dict[int, Callable[[], Luma]]
    candidates: dict[int, Callable[[], Luma]]
    windows: dict[int, range]
    wanted: Sequence[int]


class Structure:
    """Scores candidates by what they leave unexplained: 0 where nothing, about 1 where everything.

    Args:
        capacity: How many pictures are remembered, ready for comparison.
        pool: Threads to share the work; None does it all in the caller's. Calls must not overlap.
    """

    def __init__(self, capacity: int, pool: ThreadPoolExecutor | None = None) -> None:
        self._capacity = capacity
        self._pool = pool
        self._looks: OrderedDict[tuple[bool, int, bytes], _Look] = OrderedDict()

    def scores(self, asked: Asked, geometries: Sequence[tuple[Geometry, range]]) -> dict[int, npt.NDArray[np.float64]]:
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

    def _under(
        self, geometry: Geometry, asked: Asked, wanted: Sequence[int]
    ) -> dict[int, tuple[float, npt.NDArray[np.float64]]]:
        """Score the windows of some ref frames under one transform, with how well the best candidate agrees."""
        inside = geometry.common
        if inside.size < _LEAST_PIXELS:
            return {}
        numbers = sorted({k for n in wanted for k in asked.windows[n]})
        near = sorted(n for n, window in asked.windows.items() if len(window) and _meets(window, numbers))
        refs = self._ready(True, near, asked.refs, geometry, inside)
        clips = self._ready(False, numbers, asked.candidates, geometry, inside)
        edges = [np.searchsorted(numbers, [getattr(asked.windows[n], end) for n in near]) for end in ("start", "stop")]
        toned = self._toned(refs, clips, edges)
        strayed = np.zeros((len(numbers), 2))
        reach = 0.0
        for _ in range(_WEAVE_ROUNDS):
            shifts = np.array(self._shifts(near, refs, toned, asked, inside))
            left = weave(shifts[[i for i, lender in enumerate(toned.lenders) if i == lender]])
            if left == 0:
                break
            # each candidate moves to where its partner is; what is left in the end is small
            reach = left
            strayed += shifts[toned.lenders]
            clips = self._moved(numbers, strayed, asked, geometry, inside)
            toned = self._toned(refs, clips, edges)
        row, column = {n: i for i, n in enumerate(near)}, {k: i for i, k in enumerate(numbers)}

        def scored(n: int) -> tuple[float, npt.NDArray[np.float64]]:
            mine = refs[row[n]].pixels
            others = [toned.pixels[column[k]] for k in asked.windows[n]]
            if reach > 0:
                x, y = slopes(asked.refs[n](), inside)
                left = [kernels.mean_difference_within(mine, other, x, y, reach) for other in others]
            else:
                left = [kernels.mean_difference(mine, other) for other in others]
            contrast = kernels.mean_deviation(mine) + _FLAT
            return float(toned.alike[row[n]].max()), np.asarray(left) / contrast

        return dict(zip(wanted, self._each(scored, wanted), strict=True))

    def _toned(self, refs: Sequence[_Look], clips: Sequence[_Look], edges: Sequence[npt.NDArray[np.int64]]) -> _Toned:
        """Give each candidate the tone of the ref frame that it agrees with best."""
        alike = np.empty((len(refs), len(clips)), np.float32)
        begins, ends = edges
        shapes = [np.stack([look.shape for look in side]) for side in (refs, clips)]
        products(shapes[0], shapes[1], begins, ends, alike)
        partners = alike.argmax(axis=0).tolist()
        lenders = _lenders(alike.max(axis=0))
        curves = self._each(lambda i: _curve(clips[i].pixels, refs[partners[i]].pixels), range(len(clips)))
        pixels = self._each(lambda i: _with_curve(clips[i].pixels, curves[lenders[i]]), range(len(clips)))
        return _Toned(alike, partners, lenders, pixels)

    def _moved(
        self,
        numbers: Sequence[int],
        strayed: npt.NDArray[np.float64],
        asked: Asked,
        geometry: Geometry,
        inside: npt.NDArray[np.intp],
    ) -> list[_Look]:
        """Return candidates brought back to where they belong."""

        def one(i: int) -> _Look:
            picture = asked.candidates[numbers[i]]()
            return _look(geometry.seen(picture, (float(strayed[i, 0]), float(strayed[i, 1]))), inside)

        return self._each(one, range(len(numbers)))

    def _shifts(
        self, near: Sequence[int], refs: Sequence[_Look], toned: _Toned, asked: Asked, inside: npt.NDArray[np.intp]
    ) -> list[Shift]:
        """Return how far each candidate is off its partner."""

        def one(i: int) -> Shift:
            partner = toned.partners[i]
            slope_x, slope_y = slopes(asked.refs[near[partner]](), inside)
            x, y = kernels.small_shift(refs[partner].pixels, toned.pixels[i], slope_x, slope_y)
            return float(x), float(y)

        return self._each(one, range(len(toned.pixels)))

    def _ready(
        self,
        of_ref: bool,
        numbers: Sequence[int],
        pictures: dict[int, Callable[[], Luma]],
        geometry: Geometry,
        inside: npt.NDArray[np.intp],
    ) -> list[_Look]:
        """Return pictures ready for comparison; what was seen lately is remembered."""
        keys = [(of_ref, n, geometry.key) for n in numbers]
        missing = [key for key in keys if key not in self._looks]

        def make(key: tuple[bool, int, bytes]) -> _Look:
            picture = pictures[key[1]]()
            return _look(picture if of_ref else geometry.seen(picture), inside)

        self._looks.update(zip(missing, self._each(make, missing), strict=True))
        for key in keys:
            self._looks.move_to_end(key)
        found = [self._looks[key] for key in keys]
        while len(self._looks) > self._capacity:
            self._looks.popitem(last=False)
        return found

    def _each[A, B](self, work: Callable[[A], B], items: Sequence[A]) -> list[B]:
        return list(map(work, items) if self._pool is None else self._pool.map(work, items))


def _meets(window: range, numbers: Sequence[int]) -> bool:
    return window[0] <= numbers[-1] and window[-1] >= numbers[0]


def _look(picture: Luma, inside: npt.NDArray[np.intp]) -> _Look:
    even = normalised(picture, np.ones_like(picture), _RADIUS).take(inside)
    even -= even.mean()
    length = max(float(np.sqrt(np.square(even).sum())), 1e-3 * float(np.sqrt(even.size)))
    return _Look(picture.take(inside), even / np.float32(length))


def _lenders(agreements: Rows) -> list[int]:
    """Whose tone curve each candidate takes: its own, or that of the nearest one whose partner shows its moment.

    A curve that was measured on two different moments is too flat, and a flat picture is near to all others.
    """
    usual = float(np.percentile(agreements, 90))
    sure = np.flatnonzero(agreements >= min(_SURE * usual, usual))
    places = np.arange(len(agreements))
    out: list[int] = sure[np.abs(places[:, None] - sure).argmin(axis=1)].tolist()
    return out


def _curve(clip: Rows, ref: Rows) -> Rows:
    """The curve that takes clip's brightness to ref's."""
    curve = np.empty(kernels.BINS, np.float32)
    kernels.tone_curve(clip, ref, curve)
    return curve


def _with_curve(clip: Rows, curve: Rows) -> Rows:
    out = np.empty_like(clip)
    kernels.toned(clip, curve, out)
    return out
