"""What the frames themselves say of an engine's matches: how sure each is, and which are wrong."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from vs_align.decide.synchronization.best_path import evidence, path_of
from vs_align.decide.synchronization.engines.engine import EngineMatch, EngineOptions, Progress
from vs_align.decide.synchronization.engines.frame_views import border_mask, content_mask, sides
from vs_align.decide.synchronization.film_match import FilmMatch, line_confidence, worth
from vs_align.decide.synchronization.search_bands import Bands
from vs_align.decide.synchronization.segmentation import FrameMap, lines_of
from vs_align.decide.synchronization.similarity import differences
from vs_align.decide.synchronization.video_matching import placed_by_map
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.registration.sequence.geometry import Geometry, neutral_geometry

# Frames beside a match that are tried in its place.
_BESIDE = (1, 2, 3, 4, 6, 8)
_REACH = max(_BESIDE)
# Frames to either side, on the same line, that have a say in whether a match is contradicted, and in how alike it is.
_AROUND, _NEAR = 12, 3
# So much, as a negative logarithm of probabilities, must another frame be better to contradict a match; a single frame
# can say so much at most.
_CONTRADICTS, _MOST = 3.0, 6.0
# Frames that correlate by less show different things.
_DIFFER = 0.25


def verified(
    answer: EngineMatch,
    clip: Fingerprints,
    ref: Fingerprints,
    options: EngineOptions,
    rates: Sequence[float],
    engine: str = "",
    progress: Progress | None = None,
) -> FilmMatch:
    """Compare each match of an engine with the frames beside it.

    Both films are laid on each other as the engine `auto` does it, and the local contrast of each pair is correlated,
    so that confidences of all engines mean the same. A match is sure if the frames of its straight run are alike and
    those up to 8 frames beside are not. It is contradicted if the two differ, or if the frames at another distance fit
    better over the neighbourhood.

    Args:
        answer: What the engine says.
        clip: The film with the candidates.
        ref: The other one.
        options: What the engine was asked.
        rates: Clip frames per ref frame that are likely.
        engine: Its name: those that look at a part of the frame are judged by that part.
        progress: Gets 0 to 1.

    Returns:
        A match whose map is the engine's, with correlations as scores.
    """
    frames = answer.frames
    shown = frames >= 0
    none = np.zeros(len(frames))
    found = FrameMap(frames, frames, frames)
    if not shown.any():
        return FilmMatch(found, (), none, np.full(len(frames), np.nan), none > 0)
    lines = tuple(lines_of(found, rates))
    bands = Bands(
        np.where(shown, np.maximum(frames - _REACH, 0), -1)[:, None],
        np.where(shown, np.minimum(frames + _REACH, len(clip) - 1), -1)[:, None],
    )
    geometries = _geometries(frames, clip, ref, options, engine)
    unlike = differences(clip, ref, bands, geometries, _told(progress, len(ref)))
    path = path_of(bands, unlike, frames)
    prices = np.stack([_prices(evidence(bands, unlike, path, side * n)) for n in _BESIDE for side in (-1, 1)])
    scores = path.differences.astype(np.float64)
    confidences, contradicted = none.copy(), none > 0
    for line in lines:
        part = slice(line.first, line.last + 1)
        on_line = shown[part]
        confidences[part], contradicted[part] = _judged(scores[part], prices[:, part], on_line)
    flat = scores < 0
    return FilmMatch(
        found, lines, np.where(contradicted | ~shown, 0, confidences), np.where(flat, np.nan, scores), contradicted
    )


def _judged(scores: Float64Array, prices: Float64Array, shown: BoolArray) -> tuple[Float64Array, BoolArray]:
    """Confidences of the matches on a line, and which of them are wrong."""
    seen = np.where(shown & (scores >= 0), scores, np.nan)
    local = _local_medians(seen)
    differ = np.nan_to_num(local, nan=0.0) > 1 - _DIFFER
    sums = np.concatenate([np.zeros((len(prices), 1)), np.cumsum(prices, axis=1)], axis=1)
    count = prices.shape[1]
    first = np.maximum(np.arange(count) - _AROUND, 0)
    stop = np.minimum(np.arange(count) + _AROUND + 1, count)
    around = (sums[:, stop] - sums[:, first]).min(axis=0)
    contradicted = shown & (differ | (around < -_CONTRADICTS))
    usual = np.nanmean(seen) if np.isfinite(seen).any() else np.nan
    if np.isnan(usual):
        return np.zeros(count), contradicted
    total = float(prices.sum(axis=1).min())
    sure = line_confidence(usual, total)
    return np.minimum(sure, np.where(np.isnan(local), sure, worth(local))), contradicted


def _prices(beside: Float32Array) -> Float64Array:
    """What the frames at one distance say against themselves, a single one not too much."""
    return np.clip(beside.astype(np.float64), -_MOST, _MOST)


def _local_medians(values: Float64Array) -> Float64Array:
    padded = np.pad(values, _NEAR, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEAR + 1)
    out = np.full(len(values), np.nan)
    known = np.isfinite(windows).any(axis=1)
    out[known] = np.nanmedian(windows[known], axis=1)
    return out


def _geometries(
    frames: Int64Array, clip: Fingerprints, ref: Fingerprints, options: EngineOptions, engine: str
) -> list[Geometry]:
    """How clip lies on ref, by the map or as the engine was told; only what the engine looks at counts."""
    placed = placed_by_map(frames, clip, ref)
    if not placed:
        placed = [neutral_geometry((WIDTH, HEIGHT))]
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
    if engine == "border":
        return border_mask(sides(ref, clip, options)[0], options.margin)
    if engine in ("mask", "tunnel_mask"):
        return content_mask(sides(ref, clip, options)[0])
    return None


def _told(progress: Progress | None, count: int) -> Callable[[int], object] | None:
    if progress is None:
        return None
    most = 0.0

    def told(done: int) -> None:
        # stretches are worked at side by side
        nonlocal most
        most = max(most, done / count)
        progress(most)

    return told
