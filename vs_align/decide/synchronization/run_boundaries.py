"""Boundaries of linear runs that frames cannot decide: flat frames beside a run, and the ends of clip."""

from collections.abc import Sequence

import numpy as np

from vs_align.decide.synchronization.best_path_kernels import LOWER_RATE
from vs_align.decide.synchronization.segmentation import NEIGHBOR_REACH, FrameMap, LinearRun, linear_runs
from vs_align.decide.synchronization.similarity_kernels import SAME_BRIGHTNESS
from vs_align.io.array_types import BoolArray, Float32Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

_REPEATED = 0.05
"""Mean absolute difference to the previous frame, in levels of 255, up to which a ref frame is a repeat of it."""
_NEGLIGIBLE = 3.0
"""Increase of the negative log-likelihood up to which a jump has no support."""


def resolve_run_boundaries(
    found: FrameMap,
    flat: BoolArray,
    clip: Fingerprints,
    ref: Fingerprints,
    known_rates: Sequence[float],
) -> FrameMap:
    """Extend runs through flat frames, and end them where clip begins and ends.

    All flat frames look alike, so that a search matches them arbitrarily or holds one of them. Here the run before a
    series of flat ref frames is extended through it as far as clip is flat, then the run behind it is extended
    backwards; the rest has no counterpart. A run that holds the first or last frame of clip does so because clip has
    none beyond: only the ref frame that belongs to it keeps it. If a run jumps by a frame or two in a still near its
    end, it is made straight.

    Args:
        found: The map.
        flat: (n,) whether a pair is flat.
        clip: The video with the candidates.
        ref: The other video.
        known_rates: Likely clip frames per ref frame.
    """
    frames = found.frames.copy()
    refilled = flat & (frames >= 0)
    if refilled.any() and not refilled[frames >= 0].all():
        frames[refilled] = -1
        lows, highs = np.where(refilled, -1, found.lows), np.where(refilled, -1, found.highs)
        bare = FrameMap(frames, lows, highs, found.neighbor_costs)
        _fill_flat(frames, linear_runs(bare, known_rates), clip, ref)
    if found.neighbor_costs is not None:
        for end in (slice(None, 2), slice(None, -3, -1)):
            # with plateaus, as in the final segmentation: the steps of a rate are no jumps
            ends = linear_runs(_with_frames(found, frames, refilled), known_rates)[end]
            if len(ends) == 2:
                _straighten(frames, ends[0], ends[1], found.neighbor_costs)
    _release_end_frames(frames, clip, ref)
    return _with_frames(found, frames, refilled)


def _with_frames(found: FrameMap, frames: Int64Array, refilled: BoolArray) -> FrameMap:
    """The map with other frames, without plateaus where frames changed or are flat."""
    strict = refilled | (frames != found.frames)
    lows, highs = np.where(strict, frames, found.lows), np.where(strict, frames, found.highs)
    return FrameMap(frames.copy(), lows, highs, found.neighbor_costs)


def _fill_flat(frames: Int64Array, runs: Sequence[LinearRun], clip: Fingerprints, ref: Fingerprints) -> None:
    """Fill series of flat ref frames from the runs that end before or begin behind them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ref.flat, [False]]).astype(np.int8)))
    by_last, by_first = {run.last: run for run in runs}, {run.first: run for run in runs}
    firsts = np.array([run.first for run in runs])
    for first, stop in edges.reshape(-1, 2).tolist():
        before = by_last.get(first - 1) or _containing(runs, firsts, first - 1)
        behind = by_first.get(stop) or _containing(runs, firsts, stop)
        limit = len(clip)
        if behind is not None and stop < len(frames) and frames[stop] >= 0:
            limit = int(frames[stop])
        n = first
        while before is not None and n < stop and _is_flat(c := _clip_frame(before, n), limit, n, clip, ref):
            frames[n] = c
            n += 1
        used = frames[n - 1] if n > first else (frames[first - 1] if first else -1)
        m = stop - 1
        while (
            behind is not None and m >= n and (c := _clip_frame(behind, m)) > used and _is_flat(c, limit, m, clip, ref)
        ):
            frames[m] = c
            m -= 1


def _containing(runs: Sequence[LinearRun], firsts: Int64Array, n: int) -> LinearRun | None:
    i = int(np.searchsorted(firsts, n, side="right")) - 1
    return runs[i] if i >= 0 and runs[i].first <= n <= runs[i].last else None


def _clip_frame(run: LinearRun, n: int) -> int:
    """Clip frame of a run at ref frame n, also beyond its ends."""
    return int(np.floor(run.begin + (n - run.first) * run.rate + 0.5))


def _is_flat(c: int, limit: int, n: int, clip: Fingerprints, ref: Fingerprints) -> bool:
    """Whether clip frame c is below a limit, flat, and as bright as ref frame n."""
    return (
        0 <= c < limit
        and bool(clip.flat[c])
        and abs(float(clip.brightness[c]) - float(ref.brightness[n])) <= SAME_BRIGHTNESS
    )


def _straighten(frames: Int64Array, outer: LinearRun, inner: LinearRun, costs: Float32Array) -> None:
    """Extend the run beside the outermost one over it if the jump between them has no support."""
    numbers = outer.first + np.flatnonzero(frames[outer.first : outer.last + 1] >= 0)
    beside = np.array([_clip_frame(inner, n) for n in numbers.tolist()]) - frames[numbers]
    if outer.rate != inner.rate or not 0 < np.abs(beside).max() <= NEIGHBOR_REACH:
        return
    if float(np.maximum(costs[numbers, beside + NEIGHBOR_REACH], 0).sum()) <= _NEGLIGIBLE:
        frames[numbers] += beside


def _release_end_frames(frames: Int64Array, clip: Fingerprints, ref: Fingerprints) -> None:
    """Let one ref frame alone show the first frame of clip, and one the last, unless ref repeats itself."""
    if float(ref.frame_seconds / clip.frame_seconds) < LOWER_RATE:
        return
    for end, kept in ((0, -1), (len(clip) - 1, 0)):
        shown = np.flatnonzero(frames == end)
        # nothing to decide in a still video, or for a clip of one frame
        if len(shown) < 2 or len(np.unique(frames[frames >= 0])) < 2:
            continue
        mine = shown[kept]
        for n in shown.tolist():
            low, high = min(n, mine), max(n, mine)
            if n != mine and ref.change[low + 1 : high + 1].max() > _REPEATED:
                frames[n] = -1
