"""Verification of an engine's matches by comparison with the frames beside them: confidences and contradictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vs_align.decide.synchronization.best_path import neighbor_cost, path_through
from vs_align.decide.synchronization.candidate_ranges import CandidateRanges
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions
from vs_align.decide.synchronization.engines.frame_views import border_mask, content_mask, frame_views
from vs_align.decide.synchronization.segmentation import FrameMap, linear_runs
from vs_align.decide.synchronization.similarity import dissimilarities
from vs_align.decide.synchronization.sync_result import SyncResult, run_confidence, similarity_weight
from vs_align.decide.synchronization.video_matching import placed_by_map
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array
from vs_align.io.progress import ShareProgress
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.registration.sequence.geometry import Geometry, identity_geometry


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Constants of the comparison. Frames unless said otherwise."""

    offsets: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    """Distances, in both directions, of the frames that a match is compared with."""
    vote_reach: int = 12
    """Matches to either side on the same run whose costs are summed to decide whether a match is contradicted."""
    median_reach: int = 3
    """Matches to either side over which the median of the dissimilarity is taken."""
    contradicting: float = 3.0
    """Log-likelihood ratio by which other frames must fit better to contradict a match."""
    most_per_frame: float = 6.0
    """Limit of the log-likelihood ratio that one frame contributes."""
    different_correlation: float = 0.25
    """Correlation below which a pair shows different things."""


_TUNING = _Tuning()


def verified(
    answer: EngineMatch,
    clip: Fingerprints,
    ref: Fingerprints,
    options: EngineOptions,
    rates: Sequence[float],
    engine: str = "",
    progress: ShareProgress | None = None,
) -> SyncResult:
    """Compare each match of an engine with the frames beside it.

    Clip is placed on ref, and the local contrast of each pair is correlated, as for the engine `auto`, so that
    confidences of all engines are comparable. A match is sure if the frames of its linear run are similar and those up
    to 8 frames beside are not. It is contradicted if the two differ, or if the frames at another offset fit better over
    its neighborhood.

    Args:
        answer: Result of the engine.
        clip: The video with the candidates.
        ref: The other video.
        options: Options of the engine.
        rates: Likely clip frames per ref frame.
        engine: Name of the engine: engines that compare a part of the frame are verified by that part.
        progress: Called with 0 to 1.

    Returns:
        A result whose map is the engine's, with dissimilarities as scores.
    """
    frames = answer.frames
    shown = frames >= 0
    none = np.zeros(len(frames))
    found = FrameMap(frames, frames, frames)
    if not shown.any():
        return SyncResult(found, (), none, np.full(len(frames), np.nan), none > 0)
    runs = tuple(linear_runs(found, rates))
    reach = max(_TUNING.offsets)
    candidates = CandidateRanges(
        np.where(shown, np.maximum(frames - reach, 0), -1)[:, None],
        np.where(shown, np.minimum(frames + reach, len(clip) - 1), -1)[:, None],
    )
    geometries = _geometries(frames, clip, ref, options, engine)
    differences = dissimilarities(clip, ref, candidates, geometries, _rising(progress, len(ref)))
    path = path_through(candidates, differences, frames)
    costs = np.stack([
        _clipped(neighbor_cost(candidates, differences, path, side * n)) for n in _TUNING.offsets for side in (-1, 1)
    ])  # fmt: skip
    scores = path.differences.astype(np.float64)
    confidences, contradicted = none.copy(), none > 0
    for run in runs:
        part = slice(run.first, run.last + 1)
        confidences[part], contradicted[part] = _judged(scores[part], costs[:, part], shown[part])
    flat = scores < 0
    return SyncResult(
        found, runs, np.where(contradicted | ~shown, 0, confidences), np.where(flat, np.nan, scores), contradicted
    )


def _judged(scores: Float64Array, costs: Float64Array, shown: BoolArray) -> tuple[Float64Array, BoolArray]:
    """Confidences of the matches on a run, and which of them are contradicted."""
    seen = np.where(shown & (scores >= 0), scores, np.nan)
    local = _local_medians(seen)
    differ = np.nan_to_num(local, nan=0.0) > 1 - _TUNING.different_correlation
    sums = np.concatenate([np.zeros((len(costs), 1)), np.cumsum(costs, axis=1)], axis=1)
    count = costs.shape[1]
    first = np.maximum(np.arange(count) - _TUNING.vote_reach, 0)
    stop = np.minimum(np.arange(count) + _TUNING.vote_reach + 1, count)
    around = (sums[:, stop] - sums[:, first]).min(axis=0)
    contradicted = shown & (differ | (around < -_TUNING.contradicting))
    usual = np.nanmean(seen) if np.isfinite(seen).any() else np.nan
    if np.isnan(usual):
        return np.zeros(count), contradicted
    total = float(costs.sum(axis=1).min())
    sure = run_confidence(usual, total)
    return np.minimum(sure, np.where(np.isnan(local), sure, similarity_weight(local))), contradicted


def _clipped(costs: Float32Array) -> Float64Array:
    """Costs of the frames at one offset, limited per frame."""
    return np.clip(costs.astype(np.float64), -_TUNING.most_per_frame, _TUNING.most_per_frame)


def _local_medians(values: Float64Array) -> Float64Array:
    """Running median that ignores NaN."""
    reach = _TUNING.median_reach
    padded = np.pad(values, reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    out = np.full(len(values), np.nan)
    known = np.isfinite(windows).any(axis=1)
    out[known] = np.nanmedian(windows[known], axis=1)
    return out


def _geometries(
    frames: Int64Array, clip: Fingerprints, ref: Fingerprints, options: EngineOptions, engine: str
) -> list[Geometry]:
    """Placements of clip on ref, by the map or by the options, weighted by the pixels that the engine compares."""
    placed = placed_by_map(frames, clip, ref)
    if not placed:
        placed = [identity_geometry((WIDTH, HEIGHT))]
        if options.box is not None:
            left, top, width, height = options.box
            matrix = np.array([
                [width, 0, left * WIDTH + width / 2 - 0.5], [0, height, top * HEIGHT + height / 2 - 0.5], [0, 0, 1]
            ])  # fmt: skip
            placed = [replace(placed[0], matrix=matrix)]
    mask = _mask(clip, ref, options, engine)
    if mask is None:
        return placed
    weight = cv2.resize(mask.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    masked = [replace(each, ref_weight=each.ref_weight * weight) for each in placed]
    return [each for each in masked if len(each.common)] or placed


def _mask(clip: Fingerprints, ref: Fingerprints, options: EngineOptions, engine: str) -> BoolArray | None:
    """The pixels that an engine compares; None: all."""
    if engine == "border":
        return border_mask(frame_views(ref, clip, options)[0], options.margin)
    if engine in ("mask", "tunnel_mask"):
        return content_mask(frame_views(ref, clip, options)[0])
    return None


def _rising(progress: ShareProgress | None, count: int) -> Callable[[int], object] | None:
    """Progress callback for batches that run in parallel and may finish out of order."""
    if progress is None:
        return None
    most = 0.0

    def on_progress(done: int) -> None:
        nonlocal most
        most = max(most, done / count)
        progress(most)

    return on_progress
