"""Robust estimation of a transform from matches with outliers: MAGSAC++/RANSAC, reweighted fit, model selection.

Inliers are found by random sampling (MAGSAC: D. Barath et al., MAGSAC++, CVPR 2020, for homographies; RANSAC for affine
transforms, which need fewer points). Then each model is fitted to them, and the simplest one that explains them wins
(after P. Torr, Geometric motion segmentation and model selection, 1998).
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vs_align.io.array_types import BoolArray, Float64Array, Int64Array
from vs_align.measure.registration.features.detector import Matches
from vs_align.measure.registration.validation import rejection_reason
from vs_align.placement.homography import resize_matrix


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of robust estimation."""

    inlier_threshold: float = 0.008
    """Largest residual of an inlier, as a share of the diagonal: 6 pixels at 640x360."""
    min_noise: float = 0.0004
    """Smallest standard deviation of residuals that is assumed, as a share of the diagonal."""
    max_homography_noise: float = 0.0015
    """Standard deviation of residuals, as a share of the diagonal, above which no homography is fitted: it would
    model local differences as perspective."""
    min_inliers: int = 12
    """Smallest number of inliers."""
    min_inlier_share: float = 0.08
    """Smallest share of inliers among the matches."""
    grid: int = 6
    """Cells per side of the grid that measures the distribution of matches: a logo in both versions agrees with
    itself only, within few cells."""
    min_cells: int = 4
    """Smallest number of grid cells with inliers."""
    min_area: float = 0.02
    """Smallest area of the convex hull of the inliers, as a share of the area with matches."""
    rounds: int = 3
    """Number of groups of matches that are tried, each without the inliers of the ones before."""
    static_residual: float = 0.003
    """Largest residual under the neutral transform, as a share of clip's diagonal, of a match that may belong to a
    logo."""
    min_static: int = 6
    """Number of such matches from which on the other matches are also estimated on their own."""
    min_moving_share: float = 0.05
    """Share of the other matches that this needs."""
    max_loss: float = 0.02
    """Loss of correlation that the transform of the other matches may have: a transform that is bent to satisfy
    both groups correlates almost as well as the right one."""
    convincing: float = 0.5
    """Correlation below which the matches that no transform explains yet are estimated on their own."""
    cost_per_parameter: float = 4.0
    """Penalty of a degree of freedom in the model selection, in squared standard deviations."""
    outlier: float = 3.0
    """Residual from which on a match is an outlier, in standard deviations."""


_SETTINGS = _Settings()

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class RobustEstimate:
    """A transform with its inliers.

    Args:
        matrix: (3, 3), from ref pixels to clip pixels.
        inliers: (n,), which matches agree.
        kind: "similarity", "affine" or "homography"; empty if there is none.
        reason: Why there is none, else empty.
    """

    matrix: Float64Array
    inliers: BoolArray
    kind: str
    reason: str


def estimate_transform(matches: Matches, score: Callable[[Float64Array], float] | None = None) -> RobustEstimate:
    """Estimate the transform of the footage even if another group of matches is consistent with itself.

    A logo or a subtitle at the same screen position in both versions has many good matches without motion. Therefore
    the matches off the neutral transform are also estimated on their own, and if no result convinces, those that no
    result explains.

    Args:
        matches: All matches.
        score: Returns the correlation of the images under a transform, -1..1. None: without images, the transform wins
            whose inliers cover most cells of the image.
    """
    clip, ref, sizes = matches.clip, matches.ref, (matches.clip_size, matches.ref_size)
    first = _estimate(clip, ref, sizes, np.ones(len(ref), bool))
    moved = residuals(resize_matrix(*sizes), ref, clip) > _SETTINGS.static_residual * np.hypot(*sizes[0])
    if np.count_nonzero(moved) < _SETTINGS.min_moving_share * len(moved):
        return first
    measure = score or (lambda _: 0.0)
    best, value = first, measure(first.matrix) if not first.reason else -1.0
    explained = first.inliers
    if np.count_nonzero(~moved) >= _SETTINGS.min_static:
        second = _estimate(clip, ref, sizes, moved)
        explained = explained | second.inliers
        if not second.reason:
            new = measure(second.matrix)
            wider = _cell_count(second, ref) > _cell_count(first, ref)
            if best.reason or (wider if score is None else new > value - _SETTINGS.max_loss):
                best, value = second, new
    if score is not None and value < _SETTINGS.convincing:
        third = _estimate(clip, ref, sizes, ~explained)
        if not third.reason and measure(third.matrix) > value:
            best = third
    return best


def _cell_count(estimate: RobustEstimate, ref: Float64Array) -> int:
    """Return the number of grid cells with inliers."""
    return len(_occupied_cells(ref[estimate.inliers], ref))


def _estimate(clip: Float64Array, ref: Float64Array, sizes: tuple[Size, Size], candidates: BoolArray) -> RobustEstimate:
    """Estimate the transform of most of the remaining matches; sizes are those of clip and ref."""
    # Both sides in units of their diagonals, so that thresholds hold for all sizes.
    unit_clip, unit_ref = float(np.hypot(*sizes[0])), float(np.hypot(*sizes[1]))
    p, q = ref / unit_ref, clip / unit_clip
    match_count, candidates = int(np.count_nonzero(candidates)), candidates.copy()
    reason = "too few matches"
    found = np.zeros(len(p), bool)
    for _ in range(_SETTINGS.rounds):
        if np.count_nonzero(candidates) < _SETTINGS.min_inliers:
            break
        matrix, found, kind = _consensus(p, q, candidates)
        total = np.diag([unit_clip, unit_clip, 1]) @ matrix @ np.diag([1 / unit_ref, 1 / unit_ref, 1])
        reason = _inlier_rejection_reason(p, q, found, match_count) or rejection_reason(total, *sizes)
        if not reason:
            return RobustEstimate(total / total[2, 2], found, kind, "")
        if not found.any():
            break
        candidates &= ~found
    return RobustEstimate(np.eye(3), found, "", reason)


def _consensus(p: Float64Array, q: Float64Array, candidates: BoolArray) -> tuple[Float64Array, BoolArray, str]:
    """Return the best transform of the remaining matches, its inliers and its kind."""
    a, b = p[candidates].astype(np.float32), q[candidates].astype(np.float32)
    starts: list[BoolArray] = []
    for found, mask in (
        cv2.findHomography(a, b, cv2.USAC_MAGSAC, _SETTINGS.inlier_threshold, maxIters=2000, confidence=0.9999),
        cv2.estimateAffine2D(
            a, b, method=cv2.RANSAC, ransacReprojThreshold=_SETTINGS.inlier_threshold, maxIters=2000, confidence=0.9999
        ),
    ):
        if found is not None and mask is not None:
            chosen = candidates.copy()
            chosen[candidates] = mask.ravel() > 0
            if not any(_nearly_equal(chosen, other) for other in starts):
                starts.append(chosen)
    best: tuple[float, Float64Array, BoolArray, str] = (np.inf, np.eye(3), np.zeros(len(p), bool), "")
    for start in starts:
        if np.count_nonzero(start) < _SETTINGS.min_inliers:
            continue
        noise = _noise(p, q, start)
        samples = len(_occupied_cells(p[start], p))
        for kind, (fit, freedom) in _MODELS.items():
            if kind == "homography" and noise > _SETTINGS.max_homography_noise:
                continue
            matrix = _fit_reweighted(fit, p, q, start, candidates, noise)
            if matrix is None:
                continue
            errors = residuals(matrix, p, q)
            # Truncated squared residuals plus a penalty per parameter. Residuals that the model cannot explain, such
            # as those of lens distortion, are alike for neighbors: each grid cell counts as one sample.
            cut = _SETTINGS.outlier**2 * noise**2
            truncated = float(np.minimum(errors[candidates] ** 2, cut).mean())
            cost = samples * truncated / noise**2 + _SETTINGS.cost_per_parameter * freedom
            if cost < best[0]:
                best = cost, matrix, candidates & (errors**2 < cut), kind
    return best[1:]


def _nearly_equal(first: BoolArray, second: BoolArray) -> bool:
    """Return whether two sets of matches overlap so much that the same fit follows from both."""
    return bool(np.count_nonzero(first & second) > 0.8 * np.count_nonzero(first | second))


def _noise(p: Float64Array, q: Float64Array, chosen: BoolArray) -> float:
    """Return the standard deviation of the residuals of inliers about the most flexible model."""
    matrix = fit_homography(p[chosen], q[chosen], np.ones(np.count_nonzero(chosen)))
    if matrix is None:
        return _SETTINGS.inlier_threshold / 3
    middle = float(np.median(residuals(matrix, p[chosen], q[chosen])))
    # 1.18 is the median of a Rayleigh distribution of unit scale.
    return float(np.clip(middle / 1.18, _SETTINGS.min_noise, _SETTINGS.inlier_threshold / 2))


def _fit_reweighted(
    fit: "FitFunction", p: Float64Array, q: Float64Array, start: BoolArray, candidates: BoolArray, noise: float
) -> Float64Array | None:
    """Fit a model by iteratively reweighted least squares (Tukey's biweight); None if too few matches keep weight."""
    matrix = fit(p[start], q[start], np.ones(np.count_nonzero(start)))
    # Matches are unevenly distributed (a tree has a hundred, the wall behind it two): cells are weighted evenly.
    _, cell, count = np.unique(_cell_indices(p[candidates], p), return_inverse=True, return_counts=True)
    even = 1 / np.maximum(count, 3)[cell]
    for _ in range(4):
        if matrix is None:
            return None
        squares = (residuals(matrix, p[candidates], q[candidates]) / (_SETTINGS.outlier * noise)) ** 2
        weights = np.maximum(1 - squares, 0) ** 2 * even
        if np.count_nonzero(weights) < _SETTINGS.min_inliers:
            return None
        matrix = fit(p[candidates], q[candidates], weights)
    return matrix


def _inlier_rejection_reason(p: Float64Array, q: Float64Array, inliers: BoolArray, matches: int) -> str:
    count = int(np.count_nonzero(inliers))
    if count < _SETTINGS.min_inliers:
        return "too few matches agree"
    if count < _SETTINGS.min_inlier_share * matches:
        return "too small a part of the matches agrees"
    for side in (p, q):
        if not covers_area(side[inliers], side):
            return "the matches that agree lie close together"
    return ""


def covers_area(points: Float64Array, among: Float64Array) -> bool:
    """Return whether points are spread over enough of the area in which there are matches."""
    extent = among.max(axis=0) - among.min(axis=0)
    hull = cv2.contourArea(cv2.convexHull(points.astype(np.float32)))
    return len(_occupied_cells(points, among)) >= _SETTINGS.min_cells and bool(
        hull >= _SETTINGS.min_area * extent.prod()
    )


def _occupied_cells(points: Float64Array, among: Float64Array) -> Int64Array:
    """Return the indices of the grid cells over the area of all matches that hold some of the points."""
    return np.unique(_cell_indices(points, among))


def _cell_indices(points: Float64Array, among: Float64Array) -> Int64Array:
    """Return the index of the grid cell of each point."""
    low, high = among.min(axis=0), among.max(axis=0)
    at = np.minimum((points - low) / np.maximum(high - low, 1e-9) * _SETTINGS.grid, _SETTINGS.grid - 1).astype(np.int64)
    out: Int64Array = at @ np.array([_SETTINGS.grid, 1])
    return out


def residuals(matrix: Float64Array, p: Float64Array, q: Float64Array) -> Float64Array:
    """Return the distance of each transformed point of p to its point of q, (n,); 1e6 for points at infinity."""
    moved = p @ matrix[:, :2].T + matrix[:, 2]
    depth = np.where(moved[:, 2] > 1e-6, moved[:, 2], np.inf)
    out: Float64Array = np.where(np.isfinite(depth), np.hypot(*(moved[:, :2] / depth[:, None] - q).T), np.float64(1e6))
    return out


type FitFunction = Callable[[Float64Array, Float64Array, Float64Array], Float64Array | None]


def fit_similarity(p: Float64Array, q: Float64Array, weights: Float64Array) -> Float64Array | None:
    """Fit scale, rotation and translation by weighted least squares (S. Umeyama, 1991). None for a single point."""
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
    """Fit an affine transform by weighted least squares. None for collinear points."""
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
    """Fit a homography by Gauss-Newton on the distances in clip, from the affine fit. None for collinear points."""
    matrix = fit_affine(p, q, weights)
    if matrix is None:
        return None
    mean = weights @ p / weights.sum()
    # Centered on the mean of the points, where the perspective parameters are least correlated with the others.
    to_middle, flow_from_midpoint = np.eye(3), np.eye(3)
    to_middle[:2, 2], flow_from_midpoint[:2, 2] = -mean, mean
    x, y = (p - mean).T
    h = matrix @ flow_from_midpoint
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


_MODELS: dict[str, tuple[FitFunction, int]] = {
    "similarity": (fit_similarity, 4),
    "affine": (fit_affine, 6),
    "homography": (fit_homography, 8),
}
