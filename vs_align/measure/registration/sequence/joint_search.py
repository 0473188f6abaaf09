"""`joint`: where ref lies in clip if nobody knows which frames show the same moment.

In a pan a wrong moment and a wrong shift explain each other, so both are found together. Every shift is tried with the
best moment for each ref frame at once, at a very low resolution; a few shifts that explain the most are then matched
and registered in turn until they are stable, and the one wins under which all frames agree best.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import fft

from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.images.views import Excluded, analysis_size, normalised, scaled, size_of, warped_plane
from vs_align.measure.registration.esm import AFFINE, STRETCH, UNIFORM
from vs_align.measure.registration.features.detector import Features, Matches
from vs_align.measure.registration.features.robust_estimation import best_estimate
from vs_align.measure.registration.features.sift import SiftDetector
from vs_align.measure.registration.sequence.alternation import (
    COARSE_PAIRS,
    FINE_PAIRS,
    ROUNDS,
    corner_distance,
    even_pairs,
    moved_in_time,
    narrowed,
    resized,
    settled,
)
from vs_align.measure.registration.sequence.sequence_pair import Matched, Sequences, Windows
from vs_align.measure.registration.validation import LARGEST_STRETCH, objection

_SHIFT_LONGEST, _SHIFT_RADIUS = 80, 4
_COARSE_LONGEST, _COARSE_RADIUS = 120, 5
_FINE_RADIUS = 7
_REACH = 0.13
_SMALLEST = 16
# How many shifts are followed at most, and what part of the best one's correlation makes another worth it.
_HYPOTHESES, _WORTH = 3, 0.75
_FINE_ROUNDS = 2
# A transform that moves nothing by more than this is none.
_STRAIGHT = 4e-4
# Below this agreement other scales and turns are looked for, by features.
_CONVINCING = 0.6
_FEATURE_ANCHORS = 8
# How much smaller than by features a part of a picture may be that was located otherwise.
_REACH_OF_PARTS = 1.7
# By how much less a simpler transform may agree.
_AS_SIMPLE = 0.0003
# What a transform must reach, and by how much it must beat the neutral one.
_LEAST_AGREEMENT = 0.35
_LEAST_GAIN = 0.004


@dataclass(frozen=True, eq=False)
class JointRegistration:
    """Where ref lies in clip, and which moments belong together.

    Args:
        matrix: (3, 3), from pixels of ref's pictures to pixels of clip's; exactly the identity where nothing better was
            found.
        found: Whether the pictures agree under the matrix. False: the two show different things, or nothing at all.
        matched: The best candidate of each ref frame, and how well the two agree.
    """

    matrix: Float64Array
    found: bool
    matched: Matched


def joint(
    clip: Sequence[Float32Array],
    ref: Sequence[Float32Array],
    windows: Windows,
    excluded_clip: Excluded = None,
    excluded_ref: Excluded = None,
    pause: Callable[[], object] | None = None,
    starts: Sequence[Float64Array] = (),
    shapes: Sequence[float] = (),
) -> JointRegistration:
    """Find one transform for some frames of ref, each of which has a counterpart somewhere in its window.

    Covers shifts to an eighth of the picture, zooms and turns of some per cent and degrees; beyond that, whatever
    features can tell.

    Args:
        clip: Candidates, (h, w) float32, 0..1 nominal, stretched to the size of ref's pictures.
        ref: (h, w) float32 each, a few dozen frames of one scene or of several.
        windows: Indices of the candidates of each ref frame.
        excluded_clip: Areas of clip that must not count, bool (h, w), or None.
        excluded_ref: Areas of ref that must not count, likewise.
        pause: Called now and then, to tidy up.
        starts: Transforms near which to look too.
        shapes: Ratios of the scales in x and in y that are likely, the likeliest first. Where a transform of such a
            ratio that neither turns nor shears explains the pictures as well as any, it is preferred.
    """
    neutral = np.eye(3)
    asked = [n for n, window in enumerate(windows) if len(window)]
    size = size_of(ref[0]) if len(ref) else (0, 0)
    if not asked or min(size) < _SMALLEST:
        return JointRegistration(neutral, False, Matched(np.full(len(windows), -1, np.int64), np.zeros(len(windows))))
    weights = _counting(excluded_clip, size), _counting(excluded_ref, size)
    coarse_size = analysis_size(size, _COARSE_LONGEST)
    coarse = Sequences(clip, ref, *weights, coarse_size, _COARSE_RADIUS, pause)
    best, reached = _followed(coarse, _shifted(clip, ref, weights, windows, neutral), size, windows)
    bases = list(starts)
    if reached.agreement < _CONVINCING and not bases:
        seen = _by_features(clip, ref, windows, asked)
        bases += [] if seen is None else [seen]
    for base in bases:
        other, its = _followed(coarse, [base, *_shifted(clip, ref, weights, windows, base)], size, windows)
        if its.explained > reached.explained:
            best, reached = other, its
    fine = Sequences(clip, ref, *weights, size, _FINE_RADIUS, pause)
    plain = coarse.matched(neutral, windows)
    if plain.agreement > reached.agreement - _LEAST_GAIN:
        best = neutral
    narrow = narrowed(windows, reached)
    matrix, _ = settled(fine, resized(best, coarse_size, size), narrow, _FINE_ROUNDS, FINE_PAIRS)
    if shapes:
        matrix = _simplified(fine, matrix, narrow, shapes)
    if corner_distance(matrix, neutral, size) < _STRAIGHT * max(size):
        matrix = neutral
    matched = coarse.matched(resized(matrix, size, coarse_size), windows)
    if _objects(matrix, size, shapes, bool(starts)) or matched.agreement < _LEAST_AGREEMENT:
        return JointRegistration(neutral, False, plain)
    return JointRegistration(matrix, True, matched)


def _followed(
    coarse: Sequences, starts: Sequence[Float64Array], size: tuple[int, int], windows: Windows
) -> tuple[Float64Array, Matched]:
    """Follow each start until it is stable; return the one that explains the most."""
    ends = [settled(coarse, resized(s, size, coarse.size), windows, ROUNDS, COARSE_PAIRS) for s in starts]
    matrix, matched = max(ends, key=lambda end: end[1].explained)
    for step in (1, -1):
        matrix, matched = moved_in_time(coarse, matrix, matched, windows, step)
    return matrix, matched


def _objects(matrix: Float64Array, size: tuple[int, int], shapes: Sequence[float], is_part: bool) -> bool:
    """Whether a transform cannot be. Pictures of other shapes were stretched to one, and parts may be small."""
    stretch = LARGEST_STRETCH * max((max(shape, 1 / shape) for shape in shapes), default=1.0)
    return bool(objection(matrix, size, size, stretch, _REACH_OF_PARTS if is_part else 1.0))


def _simplified(fine: Sequences, matrix: Float64Array, windows: Windows, shapes: Sequence[float]) -> Float64Array:
    """The simplest transform that is as good: what is free fits noise, and motion where moments are not exact."""
    matched = fine.matched(matrix, windows)
    if _objects(matrix, fine.size, shapes, True):
        return matrix
    centre = np.array([(fine.size[0] - 1) / 2, (fine.size[1] - 1) / 2])
    middle = matrix[:2, :2] @ centre + matrix[:2, 2]
    across, down = float(np.hypot(*matrix[:2, 0])), float(np.hypot(*matrix[:2, 1]))
    area = across * down
    tries = [((area * shape) ** 0.5, (area / shape) ** 0.5, UNIFORM) for shape in shapes]
    for wide, high, basis in [*tries, (across, down, STRETCH)]:
        simple = np.diag([wide, high, 1.0])
        simple[:2, 2] = middle - simple[:2, :2] @ centre
        for _ in range(_FINE_ROUNDS):
            pairs = even_pairs(fine.matched(simple, windows), FINE_PAIRS)
            if not pairs:
                break
            simple = fine.refined(simple, pairs, AFFINE, 4, basis)
        if not fine.matched(simple, windows).is_worse_than(matched, _AS_SIMPLE):
            return simple
    return matrix


def _shifted(
    clip: Sequence[Float32Array],
    ref: Sequence[Float32Array],
    weights: tuple[Float32Array, Float32Array],
    windows: Windows,
    base: Float64Array,
) -> list[Float64Array]:
    """The shifts on top of a transform that explain the most, each ref frame with the moment that suits the shift."""
    size = size_of(ref[0])
    small = analysis_size(size, _SHIFT_LONGEST)
    asked = sorted({k for window in windows for k in window})
    place = {k: i for i, k in enumerate(asked)}
    moved = resized(base, size, small)
    covered, wanted_there = _spot_weight(weights[0], small, moved), _spot_weight(weights[1], small)
    candidates = np.stack([_spot(clip[k], covered, moved) for k in asked])
    wanted = np.stack([_spot(picture, wanted_there) for picture in ref])
    reach = max(1, round(_REACH * max(small)))
    shape = fft.next_fast_len(small[1] + reach, real=True), fft.next_fast_len(small[0] + reach, real=True)
    spectra, targets = fft.rfft2(candidates, shape), fft.rfft2(wanted, shape).conj()
    total = np.zeros(shape)
    for n, window in enumerate(windows):
        if len(window):
            total += fft.irfft2(spectra[[place[k] for k in window]] * targets[n], shape).max(axis=0)
    ys = np.arange(-reach, reach + 1)
    scores = total[np.ix_(ys, ys)]
    starts: list[Float64Array] = []
    highest = float(scores.max())
    for _ in range(_HYPOTHESES):
        y, x = np.unravel_index(int(scores.argmax()), scores.shape)
        if starts and scores[y, x] < _WORTH * highest:
            break
        shift = np.eye(3)
        shift[:2, 2] = ys[x], ys[y]
        starts.append(base @ resized(shift, small, size))
        scores[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = -np.inf
    return starts


def _spot(picture: Float32Array, weight: Float32Array, moved: Float64Array | None = None) -> Float32Array:
    """A tiny picture of unit length, of the size of its weight, that fades out towards its edges."""
    size = size_of(weight)
    small = scaled(picture, size)
    if moved is not None and not np.array_equal(moved, np.eye(3)):
        small = warped_plane(small, moved, size, cv2.BORDER_REPLICATE)
    even = normalised(small, weight, _SHIFT_RADIUS)
    fade = np.sqrt(np.outer(np.hanning(size[1] + 2)[1:-1], np.hanning(size[0] + 2)[1:-1]))
    even = even * fade.astype(np.float32)
    even -= even.mean()
    out: Float32Array = even / max(float(np.sqrt(np.square(even).sum())), 1e-3)
    return out


def _spot_weight(weight: Float32Array, size: tuple[int, int], moved: Float64Array | None = None) -> Float32Array:
    """What counts in tiny pictures; what a transform leaves uncovered repeats the edge and does."""
    small = scaled(weight, size)
    if moved is not None:
        small = warped_plane(small, moved, size, cv2.BORDER_REPLICATE)
    out: Float32Array = np.where(small > 0.999, np.float32(1), np.float32(0))
    return out


def _by_features(
    clip: Sequence[Float32Array], ref: Sequence[Float32Array], windows: Windows, asked: Sequence[int]
) -> Float64Array | None:
    """A transform that SIFT sees between some ref frames and candidates near in time. Its shift may be the motion's."""
    detector = SiftDetector()
    known: dict[int, Features] = {}
    matches: list[Matches] = []
    step = max(1, len(asked) // _FEATURE_ANCHORS)
    for n in asked[step // 2 :: step][:_FEATURE_ANCHORS]:
        features = detector.detect(ref[n])
        tries = []
        for k in windows[n][len(windows[n]) // 4 :: max(1, len(windows[n]) // 3)]:
            if k not in known:
                known[k] = detector.detect(clip[k])
            tries.append(detector.match(known[k], features))
        # the more alike the moments are, the more features pair up
        matches.append(max(tries, key=lambda found: len(found.ref)))
    sizes = size_of(clip[0]), size_of(ref[0])
    points = [np.concatenate([getattr(each, side) for each in matches]) for side in ("clip", "ref")]
    estimate = best_estimate(Matches(points[0], points[1], *sizes, detector.name))
    return None if estimate.reason else estimate.matrix


def _counting(excluded: Excluded, size: tuple[int, int]) -> Float32Array:
    """The weight of a sequence of which some areas do not count."""
    whole = np.ones((size[1], size[0]), np.float32)
    return whole if excluded is None else np.where(scaled(excluded.astype(np.float32), size) > 0.01, 0, whole)
