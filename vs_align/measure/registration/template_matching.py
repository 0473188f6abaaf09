"""`template_places`: where one picture lies in another, over all shifts and many scales, from many frames at once.

Every scale and shift is tried with the best moment for each ref frame, so that neither has to be known before the
other: what is found is the place at which the frames of one film find frames of the other that look like them.

Source: D. Padfield, Masked object registration in the Fourier domain, IEEE Transactions on Image Processing 2012.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from vs_align.io.array_types import Float32Array, Float64Array, IntpArray
from vs_align.measure.images.views import normalised, scaled, size_of
from vs_align.measure.registration.sequence.sequence_pair import Windows

_RADIUS = 4
# From one scale to the next; features of a few pixels stand so much.
_STEP, _HALF_STEP = 1.09, 1.045
# So many scales are tried at once; of more, those about the best at half the size, where that leaves enough to see.
_FEW, _KEPT, _WORTH_HALVING = 12, 4, 48
# Smallest and largest size of one picture as a share of the other.
_SMALLEST = 0.2
# The part of a template that must lie inside the other picture, and could at the largest size that is tried.
_LEAST_INSIDE, _ROOM = 0.6, 0.7
# Neighbouring pixels say the same: so many count as one.
_TOGETHER = 9.0
_MOST_ALIKE = 0.98
# Pixels of a template below which nothing can be told.
_FEWEST = 48
_SAME_SHAPE = 0.01
# Places on one of which the template is moved by less than this are one place, in pixels.
_APART = 3.0


@dataclass(frozen=True, eq=False)
class Place:
    """A place and what speaks for it.

    Args:
        matrix: (3, 3), from pixels of ref's working pictures to pixels of clip's.
        score: Negative logarithm of the chance that independent pictures agree so well, per frame.
        agreement: Mean correlation, 0..1.
    """

    matrix: Float64Array
    score: float
    agreement: float


def template_places(
    clip: Sequence[Float32Array],
    ref: Sequence[Float32Array],
    windows: Windows,
    weights: tuple[Float32Array, Float32Array],
    sizes: tuple[tuple[int, int], tuple[int, int]],
    scale: float | None = None,
    most: int = 3,
) -> list[Place]:
    """Find the places that explain the most.

    Args:
        clip: Candidates, (h, w) float32, 0..1 nominal; all pictures of both films are stretched to one working size.
        ref: (h, w) float32 each.
        windows: Indices of the candidates of each ref frame.
        weights: (h, w) for clip and for ref, 0 where a border is, else 1.
        sizes: Width and height of the pictures of clip and of ref as they are, which tell their shapes.
        scale: Clip pixels per ref pixel, where it is known.
        most: How many places to return.

    Returns:
        The best first; empty where no template of any use fits.
    """
    asked = [n for n, window in enumerate(windows) if len(window)]
    used = sorted({k for n in asked for k in windows[n]})
    if not used:
        return []
    place = {k: i for i, k in enumerate(used)}
    pairs = [(i, np.array([place[k] for k in windows[n]])) for i, n in enumerate(asked)]
    clips, refs = [clip[k] for k in used], [ref[n] for n in asked]
    found: list[Place] = []
    for outer, templates, each, is_ref in (
        ((clips, weights[0], sizes[0]), (refs, weights[1], sizes[1]), scale, True),
        ((refs, weights[1], sizes[1]), (clips, weights[0], sizes[0]), None if scale is None else 1 / scale, False),
    ):
        shares = _shares(outer[2], templates[2], each)
        if len(shares) > _FEW:
            shares = _promising(outer[:2], templates[:2], pairs, shares, is_ref)
        if not shares:
            continue
        inside = _Pictures(*outer[:2])
        for share in shares:
            for there in _placed(inside, *templates[:2], pairs, share, templates_are_ref=is_ref):
                matrix = there.matrix if is_ref else np.linalg.inv(there.matrix)
                found.append(Place(matrix, there.score, there.agreement))
    return _distinct(sorted(found, key=lambda each: -each.score), size_of(weights[1]), most)


def _promising(
    outer: tuple[Sequence[Float32Array], Float32Array],
    templates: tuple[Sequence[Float32Array], Float32Array],
    pairs: Sequence[tuple[int, IntpArray]],
    shares: Sequence[tuple[float, float]],
    is_ref: bool,
) -> list[tuple[float, float]]:
    """Shares about those that explain the most at half the size, or of small pictures at first every other one."""
    size = size_of(outer[1])
    if min(size) >= _WORTH_HALVING:
        size = size[0] // 2, size[1] // 2
    else:
        shares = shares[::2]
    (pictures, weight), (others, other_weight) = (
        ([scaled(picture, size) for picture in side], np.where(scaled(counts, size) > 0.999, np.float32(1), 0))
        for side, counts in (outer, templates)
    )
    inside = _Pictures(pictures, weight.astype(np.float32))
    scored = [
        (place.score, share)
        for share in shares
        for place in _placed(inside, others, other_weight.astype(np.float32), pairs, share, templates_are_ref=is_ref)
    ]
    best = [share for _, share in sorted(scored, reverse=True)[:_KEPT]]
    reach = 1 if size != size_of(outer[1]) else 2
    steps = [_HALF_STEP**step for step in range(-reach, reach + 1)]
    fine = {(round(wide * step, 6), round(high * step, 6)) for wide, high in best for step in steps}
    return sorted(share for share in fine if _fits(*share))


class _Pictures:
    """Pictures in which templates are looked for, and their spectra."""

    def __init__(self, pictures: Sequence[Float32Array], weight: Float32Array) -> None:
        self.size = size_of(weight)
        width, height = self.size
        self.shape = tuple(fft.next_fast_len(int(side * (2.05 - _LEAST_INSIDE)), real=True) for side in (height, width))
        even = np.stack([normalised(picture, weight, _RADIUS) for picture in pictures])
        self.spectra = fft.rfft2(even, self.shape, workers=-1)
        self.powers = fft.rfft2(even * even, self.shape, workers=-1)
        self.weight = fft.rfft2(weight, self.shape)


def _placed(
    inside: _Pictures,
    templates: Sequence[Float32Array],
    weight: Float32Array,
    pairs: Sequence[tuple[int, IntpArray]],
    share: tuple[float, float],
    *,
    templates_are_ref: bool,
) -> list[Place]:
    """The best place at one scale: a matrix from pixels of the template's picture to those of the other one."""
    width, height = inside.size
    size = max(1, round(share[0] * width)), max(1, round(share[1] * height))
    if size[0] * size[1] < _FEWEST or size[1] > inside.shape[0] or size[0] > inside.shape[1]:
        return []
    small = np.where(scaled(weight, size) > 0.999, np.float32(1), np.float32(0))
    whole = float(small.sum())
    if whole < _FEWEST:
        return []
    even = np.stack([normalised(scaled(picture, size), small, _RADIUS) for picture in templates])
    spectra = fft.rfft2(even, inside.shape, workers=-1).conj()
    powers = fft.rfft2(even * even, inside.shape, workers=-1).conj()
    cover = fft.rfft2(small, inside.shape).conj()
    mass = fft.irfft2(inside.weight * cover, inside.shape)
    floor = np.float32(1e-3) * np.float32(mass.max())
    theirs = fft.irfft2(inside.powers * cover, inside.shape, workers=-1)
    mine = fft.irfft2(powers * inside.weight, inside.shape, workers=-1)
    told = np.zeros(inside.shape, np.float32)
    alike = np.zeros(inside.shape, np.float32)
    for ref, clips in pairs:
        here, there = (clips, [ref]) if templates_are_ref else ([ref], clips)
        cross = fft.irfft2(inside.spectra[here] * spectra[there], inside.shape, workers=-1)
        power = np.maximum(theirs[here], floor) * np.maximum(mine[there], floor)
        best = np.clip((cross / np.sqrt(power)).max(axis=0), 0, _MOST_ALIKE)
        alike += best
        told -= np.log(1 - best * best)
    score = np.where(mass > _LEAST_INSIDE * whole, told * mass / (2 * _TOGETHER * len(pairs)), 0)
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    across = (size[0] / width, 0.0, _signed(int(x), inside.shape[1], width) + (size[0] / width - 1) / 2)
    down = (0.0, size[1] / height, _signed(int(y), inside.shape[0], height) + (size[1] / height - 1) / 2)
    matrix = np.array([across, down, (0, 0, 1)], np.float64)
    return [Place(matrix, float(score[y, x]), float(alike[y, x]) / len(pairs))]


def _signed(position: int, length: int, limit: int) -> int:
    """A shift, of which negative ones count from the end."""
    return position if position < limit else position - length


def _shares(outer: tuple[int, int], inner: tuple[int, int], scale: float | None) -> list[tuple[float, float]]:
    """Widths and heights to try for the inner picture, as shares of the outer one.

    Pixels are square on both sides, or one picture is stretched to the shape of the other.
    """
    if scale is not None:
        share = scale * inner[0] / outer[0], scale * inner[1] / outer[1]
        return [share] if _fits(*share) else []
    shape = (inner[0] / inner[1]) / (outer[0] / outer[1])
    found = []
    for each in {1.0, shape if abs(shape - 1) > _SAME_SHAPE else 1.0}:
        across, down = 2 * each, 2.0
        while max(across, down) > _SMALLEST:
            if _fits(across, down):
                found.append((across, down))
            across, down = across / _STEP, down / _STEP
    return found


def _fits(across: float, down: float) -> bool:
    """Whether enough of a picture of this size can lie inside the other one."""
    return min(1.0, 1 / across) * min(1.0, 1 / down) >= _ROOM


def _distinct(places: Sequence[Place], size: tuple[int, int], most: int) -> list[Place]:
    """The best places that are not neighbours of better ones."""
    width, height = size
    corners = np.array([(0, 0, 1), (width, 0, 1), (0, height, 1), (width, height, 1)], np.float64)
    kept: list[Place] = []
    for place in places:
        near = (float(np.abs(corners @ (place.matrix - other.matrix).T).max()) for other in kept)
        if place.score > 0 and all(distance > _APART for distance in near):
            kept.append(place)
        if len(kept) == most:
            break
    return kept
