"""Joint spatio-temporal registration of two sequences whose frame matches are unknown.

In a pan, a wrong time offset and a wrong shift compensate each other, so both are estimated together. At very low
resolution, every shift is scored with the best candidate of each ref frame (cross-correlation by FFT); the best shifts
are then refined by alternating matching and ESM, and the one with the highest mean cubed NCC wins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import fft

from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.images.preprocessing import analysis_size, normalize_contrast, scaled, size_of, warp_plane
from vs_align.measure.registration.esm import AFFINE, ANISOTROPIC_SCALE, UNIFORM_SCALE
from vs_align.measure.registration.features.detector import Features, Matches
from vs_align.measure.registration.features.robust_estimation import estimate_transform
from vs_align.measure.registration.features.sift import SiftDetector
from vs_align.measure.registration.sequence.alternation import (
    COARSE_PAIRS,
    FINE_PAIRS,
    ROUNDS,
    alternate,
    prune_windows,
    rescale_matrix,
    search_time_shift,
    spread_pairs,
)
from vs_align.measure.registration.sequence.sequence_pair import FrameMatches, SequencePair, Windows
from vs_align.measure.registration.validation import MAX_ANISOTROPY, rejection_reason
from vs_align.placement.homography import corner_distance


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of joint registration."""

    shift_longer_side: int = 80
    """Longer side in pixels of the images for the exhaustive search of shifts."""
    shift_radius: int = 4
    """Radius of their contrast normalization in pixels."""
    coarse_longer_side: int = 120
    """Longer side in pixels of the images for the alternation."""
    coarse_radius: int = 5
    """Radius of their contrast normalization in pixels."""
    fine_radius: int = 7
    """Radius of the contrast normalization at full resolution in pixels."""
    reach: float = 0.13
    """Largest shift of the exhaustive search, as a share of the longer side."""
    min_size: int = 16
    """Shortest side in pixels of images that can be registered."""
    max_peaks: int = 3
    """Largest number of shifts that are refined."""
    min_relative_peak: float = 0.75
    """Share of the highest correlation that a further shift must reach."""
    fine_rounds: int = 2
    """Alternations at full resolution."""
    esm_steps: int = 4
    """Gauss-Newton steps for a simpler model."""
    identity_distance: float = 4e-4
    """Movement of a corner, as a share of the longer side, below which the transform is the identity."""
    convincing: float = 0.6
    """Mean NCC below which SIFT provides a further initial transform."""
    feature_anchors: int = 8
    """Ref frames from which that transform is estimated."""
    part_scale_factor: float = 1.7
    """Extension of the plausible range of scales if initial transforms were given: located parts can be smaller."""
    max_loss: float = 0.0003
    """Loss of mean NCC that a simpler model may have."""
    min_ncc: float = 0.35
    """Mean NCC below which the result is rejected."""
    min_gain: float = 0.004
    """Gain in mean NCC over the identity below which the search starts from the identity."""


_SETTINGS = _Settings()


@dataclass(frozen=True, eq=False)
class JointRegistration:
    """Transform and frame matches.

    Args:
        matrix: (3, 3), from pixels of ref's images to pixels of clip's; exactly the identity if nothing better was
            found.
        found: Whether the images agree under the matrix. False: the two show different content, or nothing at all.
        matched: The best candidate of each ref frame with its NCC.
    """

    matrix: Float64Array
    found: bool
    matched: FrameMatches


def register_jointly(
    clip: Sequence[Float32Array],
    ref: Sequence[Float32Array],
    windows: Windows,
    excluded_clip: BoolArray | None = None,
    excluded_ref: BoolArray | None = None,
    pause: Callable[[], object] | None = None,
    starts: Sequence[Float64Array] = (),
    shapes: Sequence[float] = (),
) -> JointRegistration:
    """Find one transform for frames of ref, each of which has a counterpart among its candidates.

    Covers shifts of up to 13 % of the longer side and small scales and rotations; SIFT extends the range.

    Args:
        clip: Candidates, (h, w) float32, 0..1 nominal, resized to the size of ref's images.
        ref: (h, w) float32 each, a few dozen frames of one scene or of several.
        windows: Indices of the candidates of each ref frame.
        excluded_clip: Areas of clip to ignore, bool (h, w), or None.
        excluded_ref: Areas of ref to ignore, bool (h, w), or None.
        pause: Called periodically, to release resources.
        starts: Further initial transforms.
        shapes: Likely ratios of the scales in x and in y, most likely first. A transform of such a ratio without
            rotation and shear is preferred if it explains the images as well as any.
    """
    neutral = np.eye(3)
    used = [n for n, window in enumerate(windows) if len(window)]
    size = size_of(ref[0]) if len(ref) else (0, 0)
    if not used or min(size) < _SETTINGS.min_size:
        return JointRegistration(
            neutral, False, FrameMatches(np.full(len(windows), -1, np.int64), np.zeros(len(windows)))
        )
    weights = _valid_weight(excluded_clip, size), _valid_weight(excluded_ref, size)
    coarse_size = analysis_size(size, _SETTINGS.coarse_longer_side)
    coarse = SequencePair(clip, ref, *weights, coarse_size, _SETTINGS.coarse_radius, pause)
    best, best_matches = _best_of_starts(coarse, _shift_hypotheses(clip, ref, weights, windows, neutral), size, windows)
    bases = list(starts)
    if best_matches.agreement < _SETTINGS.convincing and not bases:
        feature_matrix = _by_features(clip, ref, windows, used)
        bases += [] if feature_matrix is None else [feature_matrix]
    for base in bases:
        other, other_matches = _best_of_starts(
            coarse, [base, *_shift_hypotheses(clip, ref, weights, windows, base)], size, windows
        )
        if other_matches.cubed_agreement > best_matches.cubed_agreement:
            best, best_matches = other, other_matches
    fine = SequencePair(clip, ref, *weights, size, _SETTINGS.fine_radius, pause)
    plain = coarse.match(neutral, windows)
    if plain.agreement > best_matches.agreement - _SETTINGS.min_gain:
        best = neutral
    narrow = prune_windows(windows, best_matches)
    matrix, _ = alternate(fine, rescale_matrix(best, coarse_size, size), narrow, _SETTINGS.fine_rounds, FINE_PAIRS)
    if shapes:
        matrix = _simplest_model(fine, matrix, narrow, shapes)
    if corner_distance(matrix, neutral, size, along_axes=True) < _SETTINGS.identity_distance * max(size):
        matrix = neutral
    matched = coarse.match(rescale_matrix(matrix, size, coarse_size), windows)
    if _is_implausible(matrix, size, shapes, bool(starts)) or matched.agreement < _SETTINGS.min_ncc:
        return JointRegistration(neutral, False, plain)
    return JointRegistration(matrix, True, matched)


def _best_of_starts(
    coarse: SequencePair, starts: Sequence[Float64Array], size: tuple[int, int], windows: Windows
) -> tuple[Float64Array, FrameMatches]:
    """Refine each initial transform by alternation; return the one of the highest mean cubed NCC with its matches."""
    ends = [alternate(coarse, rescale_matrix(s, size, coarse.size), windows, ROUNDS, COARSE_PAIRS) for s in starts]
    matrix, matched = max(ends, key=lambda end: end[1].cubed_agreement)
    for step in (1, -1):
        matrix, matched = search_time_shift(coarse, matrix, matched, windows, step)
    return matrix, matched


def _is_implausible(matrix: Float64Array, size: tuple[int, int], shapes: Sequence[float], is_part: bool) -> bool:
    """Return whether a transform is implausible for images that were resized to one size."""
    stretch = MAX_ANISOTROPY * max((max(shape, 1 / shape) for shape in shapes), default=1.0)
    return bool(rejection_reason(matrix, size, size, stretch, _SETTINGS.part_scale_factor if is_part else 1.0))


def _simplest_model(
    fine: SequencePair, matrix: Float64Array, windows: Windows, shapes: Sequence[float]
) -> Float64Array:
    """Return the simplest model that is as good: free parameters fit noise, and motion between inexact matches."""
    matched = fine.match(matrix, windows)
    if _is_implausible(matrix, fine.size, shapes, True):
        return matrix
    center = np.array([(fine.size[0] - 1) / 2, (fine.size[1] - 1) / 2])
    middle = matrix[:2, :2] @ center + matrix[:2, 2]
    across, down = float(np.hypot(*matrix[:2, 0])), float(np.hypot(*matrix[:2, 1]))
    area = across * down
    tries = [((area * shape) ** 0.5, (area / shape) ** 0.5, UNIFORM_SCALE) for shape in shapes]
    for wide, high, basis in [*tries, (across, down, ANISOTROPIC_SCALE)]:
        simple = np.diag([wide, high, 1.0])
        simple[:2, 2] = middle - simple[:2, :2] @ center
        for _ in range(_SETTINGS.fine_rounds):
            pairs = spread_pairs(fine.match(simple, windows), FINE_PAIRS)
            if not pairs:
                break
            simple = fine.refine(simple, pairs, AFFINE, _SETTINGS.esm_steps, basis)
        if not fine.match(simple, windows).is_worse_than(matched, _SETTINGS.max_loss):
            return simple
    return matrix


def _shift_hypotheses(
    clip: Sequence[Float32Array],
    ref: Sequence[Float32Array],
    weights: tuple[Float32Array, Float32Array],
    windows: Windows,
    base: Float64Array,
) -> list[Float64Array]:
    """Return the shifts on top of a transform of highest total correlation with the best candidates."""
    size = size_of(ref[0])
    small = analysis_size(size, _SETTINGS.shift_longer_side)
    used = sorted({k for window in windows for k in window})
    index_of = {k: i for i, k in enumerate(used)}
    matrix = rescale_matrix(base, size, small)
    clip_weight, ref_weight = _thumbnail_weight(weights[0], small, matrix), _thumbnail_weight(weights[1], small)
    candidates = np.stack([_windowed_thumbnail(clip[k], clip_weight, matrix) for k in used])
    references = np.stack([_windowed_thumbnail(image, ref_weight) for image in ref])
    reach = max(1, round(_SETTINGS.reach * max(small)))
    shape = fft.next_fast_len(small[1] + reach, real=True), fft.next_fast_len(small[0] + reach, real=True)
    spectra, targets = fft.rfft2(candidates, shape), fft.rfft2(references, shape).conj()
    total = np.zeros(shape)
    for n, window in enumerate(windows):
        if len(window):
            total += fft.irfft2(spectra[[index_of[k] for k in window]] * targets[n], shape).max(axis=0)
    ys = np.arange(-reach, reach + 1)
    scores = total[np.ix_(ys, ys)]
    starts: list[Float64Array] = []
    highest = float(scores.max())
    for _ in range(_SETTINGS.max_peaks):
        y, x = np.unravel_index(int(scores.argmax()), scores.shape)
        if starts and scores[y, x] < _SETTINGS.min_relative_peak * highest:
            break
        shift = np.eye(3)
        shift[:2, 2] = ys[x], ys[y]
        starts.append(base @ rescale_matrix(shift, small, size))
        scores[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = -np.inf
    return starts


def _windowed_thumbnail(image: Float32Array, weight: Float32Array, matrix: Float64Array | None = None) -> Float32Array:
    """Return a normalized thumbnail of unit length with a Hann window."""
    size = size_of(weight)
    small = scaled(image, size)
    if matrix is not None and not np.array_equal(matrix, np.eye(3)):
        small = warp_plane(small, matrix, size, cv2.BORDER_REPLICATE)
    normalized = normalize_contrast(small, weight, _SETTINGS.shift_radius)
    window = np.sqrt(np.outer(np.hanning(size[1] + 2)[1:-1], np.hanning(size[0] + 2)[1:-1]))
    normalized = normalized * window.astype(np.float32)
    normalized -= normalized.mean()
    out: Float32Array = normalized / max(float(np.sqrt(np.square(normalized).sum())), 1e-3)
    return out


def _thumbnail_weight(weight: Float32Array, size: tuple[int, int], matrix: Float64Array | None = None) -> Float32Array:
    """Return the valid pixels of thumbnails; uncovered pixels replicate the border and are valid."""
    small = scaled(weight, size)
    if matrix is not None:
        small = warp_plane(small, matrix, size, cv2.BORDER_REPLICATE)
    out: Float32Array = np.where(small > 0.999, np.float32(1), np.float32(0))
    return out


def _by_features(
    clip: Sequence[Float32Array], ref: Sequence[Float32Array], windows: Windows, used: Sequence[int]
) -> Float64Array | None:
    """Return a transform by SIFT between ref frames and nearby candidates; its shift may be that of the motion."""
    detector = SiftDetector()
    known: dict[int, Features] = {}
    matches: list[Matches] = []
    step = max(1, len(used) // _SETTINGS.feature_anchors)
    for n in used[step // 2 :: step][: _SETTINGS.feature_anchors]:
        features = detector.detect(ref[n])
        tries = []
        for k in windows[n][len(windows[n]) // 4 :: max(1, len(windows[n]) // 3)]:
            if k not in known:
                known[k] = detector.detect(clip[k])
            tries.append(detector.match(known[k], features))
        # Frames that are closer in time have more matches.
        matches.append(max(tries, key=lambda found: len(found.ref)))
    sizes = size_of(clip[0]), size_of(ref[0])
    points = [np.concatenate([getattr(each, side) for each in matches]) for side in ("clip", "ref")]
    estimate = estimate_transform(Matches(points[0], points[1], *sizes, detector.name))
    return None if estimate.reason else estimate.matrix


def _valid_weight(excluded: BoolArray | None, size: tuple[int, int]) -> Float32Array:
    """Return the weight of a sequence with excluded areas."""
    whole = np.ones((size[1], size[0]), np.float32)
    return whole if excluded is None else np.where(scaled(excluded.astype(np.float32), size) > 0.01, 0, whole)
