"""From matches, of which many may be wrong, to a transform.

The matches are first sorted into right and wrong by drawing small samples (MAGSAC: D. Barath et al., MAGSAC++, CVPR
2020, for homographies; RANSAC for affine transforms, which need fewer points). Then each kind of transform is fitted
to what is right, and the simplest one wins that explains the points (after P. Torr, Geometric motion segmentation and
model selection, 1998).
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float64Array, Int64Array
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.registration.features.detector import Matches
from vs_align.measure.registration.validation import objection

Size = tuple[int, int]

# Lengths in parts of ref's diagonal: 0.008 is 6 pixels at 640x360.
_REACH = 0.008
_LEAST_SPREAD = 0.0004
_WIDEST_SPREAD = 0.0015
_LEAST_INLIERS = 12
_LEAST_SHARE = 0.08
# Matches elsewhere than at one place: a logo that is in both versions agrees with itself only.
_GRID = 6
_LEAST_CELLS = 4
_LEAST_AREA = 0.02
_ROUNDS = 3
# Matches that may be a logo's: how far they are off the neutral place at most, how many they are, and how large a part
# of all the others must be to be asked.
_STILL = 0.003
_LEAST_STILL = 6
_LEAST_MOVED = 0.05
_SLACK = 0.02
_CONVINCING = 0.5


@dataclass(frozen=True, eq=False)
class Estimate:
    """A transform and the matches that agree with it.

    Args:
        matrix: (3, 3), from ref pixels to clip pixels.
        inliers: (n,), which matches agree.
        kind: "similarity", "affine" or "homography"; empty where there is none.
        reason: Why there is none, else empty.
    """

    matrix: Float64Array
    inliers: BoolArray
    kind: str
    reason: str


def best_estimate(matches: Matches, score: Callable[[Float64Array], float] | None = None) -> Estimate:
    """Find the transform that is meant, also where other groups of matches agree among themselves.

    A logo or a subtitle that both versions carry at the same place of the screen has many good matches, and they say
    that nothing has moved. So the matches elsewhere than at the neutral place are asked on their own, and where no
    answer convinces, those that no answer explains.

    Args:
        matches: All matches.
        score: Says how well the pictures agree under a transform, -1..1. None: without pictures, the transform wins
            whose matches lie in most parts of the picture.
    """
    clip, ref, sizes = matches.clip, matches.ref, (matches.clip_size, matches.ref_size)
    first = _estimated(clip, ref, sizes, np.ones(len(ref), bool))
    moved = residuals(neutral_matrix(*sizes), ref, clip) > _STILL * np.hypot(*sizes[0])
    if np.count_nonzero(moved) < _LEAST_MOVED * len(moved):
        return first
    measure = score or (lambda _: 0.0)
    best, value = first, measure(first.matrix) if not first.reason else -1.0
    explained = first.inliers
    if np.count_nonzero(~moved) >= _LEAST_STILL:
        second = _estimated(clip, ref, sizes, moved)
        explained = explained | second.inliers
        if not second.reason:
            new = measure(second.matrix)
            wider = _extent(second, ref) > _extent(first, ref)
            # A transform that bends so as to please both groups is hardly worse than the right one.
            if best.reason or (wider if score is None else new > value - _SLACK):
                best, value = second, new
    if score is not None and value < _CONVINCING:
        third = _estimated(clip, ref, sizes, ~explained)
        if not third.reason and measure(third.matrix) > value:
            best = third
    return best


def _extent(estimate: Estimate, ref: Float64Array) -> int:
    """In how many parts of the picture matches agree."""
    return len(_cells(ref[estimate.inliers], ref))


def _estimated(clip: Float64Array, ref: Float64Array, sizes: tuple[Size, Size], left: BoolArray) -> Estimate:
    """Find the transform that most of the matches that are left agree with; sizes are those of clip and ref."""
    # Both sides in parts of a diagonal: what follows has the same thresholds for all sizes.
    unit_clip, unit_ref = float(np.hypot(*sizes[0])), float(np.hypot(*sizes[1]))
    p, q = ref / unit_ref, clip / unit_clip
    asked, left = int(np.count_nonzero(left)), left.copy()
    reason = "too few matches"
    found = np.zeros(len(p), bool)
    for _ in range(_ROUNDS):
        if np.count_nonzero(left) < _LEAST_INLIERS:
            break
        matrix, found, kind = _consensus(p, q, left)
        total = np.diag([unit_clip, unit_clip, 1]) @ matrix @ np.diag([1 / unit_ref, 1 / unit_ref, 1])
        reason = _complaint(p, q, found, asked) or objection(total, *sizes)
        if not reason:
            return Estimate(total / total[2, 2], found, kind, "")
        if not found.any():
            break
        left &= ~found
    return Estimate(np.eye(3), found, "", reason)


def _consensus(p: Float64Array, q: Float64Array, left: BoolArray) -> tuple[Float64Array, BoolArray, str]:
    """The transform that most of the matches that are left agree with, which they are, and its kind."""
    a, b = p[left].astype(np.float32), q[left].astype(np.float32)
    starts: list[BoolArray] = []
    for found, mask in (
        cv2.findHomography(a, b, cv2.USAC_MAGSAC, _REACH, maxIters=2000, confidence=0.9999),
        cv2.estimateAffine2D(a, b, method=cv2.RANSAC, ransacReprojThreshold=_REACH, maxIters=2000, confidence=0.9999),
    ):
        if found is not None and mask is not None:
            chosen = left.copy()
            chosen[left] = mask.ravel() > 0
            if not any(_much_alike(chosen, other) for other in starts):
                starts.append(chosen)
    best: tuple[float, Float64Array, BoolArray, str] = (np.inf, np.eye(3), np.zeros(len(p), bool), "")
    for start in starts:
        if np.count_nonzero(start) < _LEAST_INLIERS:
            continue
        spread = _spread(p, q, start)
        witnesses = len(_cells(p[start], p))
        for kind, (fit, freedom) in _KINDS.items():
            if kind == "homography" and spread > _WIDEST_SPREAD:
                continue  # local differences, which perspective would only pretend to explain
            matrix = _settled(fit, p, q, start, left, spread)
            if matrix is None:
                continue
            errors = residuals(matrix, p, q)
            # Mean cost in squared spreads, cut off where a match counts as wrong; each parameter must earn its keep.
            # What one transform cannot explain, such as a lens, moves neighbours alike: they are no further evidence.
            cut = 9 * spread**2
            cost = witnesses * float(np.minimum(errors[left] ** 2, cut).mean()) / spread**2 + 4.0 * freedom
            if cost < best[0]:
                best = cost, matrix, left & (errors**2 < cut), kind
    return best[1:]


def _much_alike(first: BoolArray, second: BoolArray) -> bool:
    """Whether two sets of matches differ so little that the same fit follows from both."""
    return bool(np.count_nonzero(first & second) > 0.8 * np.count_nonzero(first | second))


def _spread(p: Float64Array, q: Float64Array, chosen: BoolArray) -> float:
    """Typical error of right matches, from how they lie about the most flexible fit."""
    matrix = fit_homography(p[chosen], q[chosen], np.ones(np.count_nonzero(chosen)))
    if matrix is None:
        return _REACH / 3
    middle = float(np.median(residuals(matrix, p[chosen], q[chosen])))
    return float(np.clip(middle / 1.18, _LEAST_SPREAD, _REACH / 2))  # 1.18: the median of a Rayleigh distribution


def _settled(
    fit: "Fit", p: Float64Array, q: Float64Array, start: BoolArray, left: BoolArray, spread: float
) -> Float64Array | None:
    """Fit again and again with weights that fall with the error, so that doubtful matches hardly pull."""
    matrix = fit(p[start], q[start], np.ones(np.count_nonzero(start)))
    # A tree has a hundred matches and the wall behind it two: each part of the picture should have its say.
    _, cell, count = np.unique(_cell_numbers(p[left], p), return_inverse=True, return_counts=True)
    even = 1 / np.maximum(count, 3)[cell]
    for _ in range(4):
        if matrix is None:
            return None
        squares = (residuals(matrix, p[left], q[left]) / (3 * spread)) ** 2
        weights = np.maximum(1 - squares, 0) ** 2 * even
        if np.count_nonzero(weights) < _LEAST_INLIERS:
            return None
        matrix = fit(p[left], q[left], weights)
    return matrix


def _complaint(p: Float64Array, q: Float64Array, inliers: BoolArray, matches: int) -> str:
    count = int(np.count_nonzero(inliers))
    if count < _LEAST_INLIERS:
        return "too few matches agree"
    if count < _LEAST_SHARE * matches:
        return "too small a part of the matches agrees"
    for side in (p, q):
        if not spread_out(side[inliers], side):
            return "the matches that agree lie close together"
    return ""


def spread_out(points: Float64Array, among: Float64Array) -> bool:
    """Whether points fill more than a spot of the area in which matches were found at all."""
    extent = among.max(axis=0) - among.min(axis=0)
    hull = cv2.contourArea(cv2.convexHull(points.astype(np.float32)))
    return len(_cells(points, among)) >= _LEAST_CELLS and bool(hull >= _LEAST_AREA * extent.prod())


def _cells(points: Float64Array, among: Float64Array) -> Int64Array:
    """Which cells of a grid over the area in which matches were found hold some of the points."""
    return np.unique(_cell_numbers(points, among))


def _cell_numbers(points: Float64Array, among: Float64Array) -> Int64Array:
    """In which cell of that grid each point is."""
    low, high = among.min(axis=0), among.max(axis=0)
    at = np.minimum((points - low) / np.maximum(high - low, 1e-9) * _GRID, _GRID - 1).astype(np.int64)
    out: Int64Array = at @ np.array([_GRID, 1])
    return out


def residuals(matrix: Float64Array, p: Float64Array, q: Float64Array) -> Float64Array:
    """Distance of each transformed p from its q; huge where p goes to infinity."""
    moved = p @ matrix[:, :2].T + matrix[:, 2]
    depth = np.where(moved[:, 2] > 1e-6, moved[:, 2], np.inf)
    out: Float64Array = np.where(np.isfinite(depth), np.hypot(*(moved[:, :2] / depth[:, None] - q).T), np.float64(1e6))
    return out


type Fit = Callable[[Float64Array, Float64Array, Float64Array], Float64Array | None]


def fit_similarity(p: Float64Array, q: Float64Array, weights: Float64Array) -> Float64Array | None:
    """Least squares of scale, turn and shift (S. Umeyama, 1991, in two dimensions). None for a single point."""
    mass = weights.sum()
    if not mass > 0:
        return None
    mean_p, mean_q = weights @ p / mass, weights @ q / mass
    a, b = p - mean_p, q - mean_q
    power = float(weights @ (a * a).sum(axis=1))
    if not power > 1e-12:
        return None
    along = float(weights @ (a * b).sum(axis=1)) / power
    across = float(weights @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) / power
    linear = np.array([[along, -across], [across, along]])
    return _matrix(linear, mean_q - linear @ mean_p)


def fit_affine(p: Float64Array, q: Float64Array, weights: Float64Array) -> Float64Array | None:
    """Least squares of a linear part and a shift. None for points on a line."""
    mass = weights.sum()
    if not mass > 0:
        return None
    mean_p, mean_q = weights @ p / mass, weights @ q / mass
    a, b = p - mean_p, q - mean_q
    normal = (a * weights[:, None]).T @ a
    if not np.linalg.det(normal) > 1e-9 * np.trace(normal) ** 2:
        return None
    linear = np.linalg.solve(normal, (a * weights[:, None]).T @ b).T
    return _matrix(linear, mean_q - linear @ mean_p)


def fit_homography(p: Float64Array, q: Float64Array, weights: Float64Array) -> Float64Array | None:
    """Least squares of the distances in clip, by Gauss-Newton from the affine fit. None for points on a line."""
    matrix = fit_affine(p, q, weights)
    if matrix is None:
        return None
    mean = weights @ p / weights.sum()
    # About the middle of the points, where the perspective parts are least entangled with the others.
    to_middle, from_middle = np.eye(3), np.eye(3)
    to_middle[:2, 2], from_middle[:2, 2] = -mean, mean
    x, y = (p - mean).T
    h = matrix @ from_middle
    zero, one = np.zeros_like(x), np.ones_like(x)
    for _ in range(3):
        depth = h[2, 0] * x + h[2, 1] * y + 1
        if not depth.min() > 1e-3:
            return None
        u = (h[0, 0] * x + h[0, 1] * y + h[0, 2]) / depth
        v = (h[1, 0] * x + h[1, 1] * y + h[1, 2]) / depth
        across = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y]) / depth
        down = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y]) / depth
        normal = (across * weights) @ across.T + (down * weights) @ down.T
        wanted = (across * weights) @ (q[:, 0] - u) + (down * weights) @ (q[:, 1] - v)
        normal[np.arange(8), np.arange(8)] += 1e-12 * np.trace(normal)
        h = h + np.append(np.linalg.solve(normal, wanted), 0).reshape(3, 3)
    out: Float64Array = h @ to_middle
    return out / out[2, 2] if abs(out[2, 2]) > 1e-9 and np.isfinite(out).all() else None


def _matrix(linear: Float64Array, shift: Float64Array) -> Float64Array:
    out = np.eye(3)
    out[:2, :2], out[:2, 2] = linear, shift
    return out


_KINDS: dict[str, tuple[Fit, int]] = {
    "similarity": (fit_similarity, 4),
    "affine": (fit_affine, 6),
    "homography": (fit_homography, 8),
}
