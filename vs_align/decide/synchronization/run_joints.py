"""What frames do not say by themselves: how lines go on through flat frames, and that they end where clip does."""

from collections.abc import Sequence

import numpy as np

from vs_align.decide.synchronization.segmentation import REACH, FrameMap, Line, lines_of
from vs_align.io.array_types import BoolArray, Float32Array, Int64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints

# Flat frames show the same where their brightness differs by no more levels of 255.
_SAME_LIGHT = 16.0
# A ref frame that differs by less, in levels, from the one before is a repeat of it.
_REPEATED = 0.05
# What speaks for a jump, as a negative logarithm of probabilities, that is as good as nothing.
_HARDLY = 3.0
# A clip of so few frames per ref frame holds each of them for a while.
_LOWER_RATE = 0.9


def with_joints(
    found: FrameMap,
    flat: BoolArray,
    clip: Fingerprints,
    ref: Fingerprints,
    known_rates: Sequence[float],
) -> FrameMap:
    """Lay flat frames on the lines beside them, and end lines where clip begins and ends.

    Any flat frame is as good as the others, so that a search takes one or the other of them, or one of them again and
    again. Here the line before a run of flat frames goes on through it as far as clip is flat, then the line behind it
    goes back; what is left has no counterpart. A line that shows the first or last frame of clip again and again, at
    its end, does so because clip has none beyond: only the frame that belongs to it keeps it. Where a line jumps by a
    frame or two in a still near its end, it goes straight on.

    Args:
        found: The map.
        flat: (n,) whether there is nothing to be seen in a pair.
        clip: The film with the candidates.
        ref: The other one.
        known_rates: Clip frames per ref frame that are likely.
    """
    frames = found.frames.copy()
    laid = flat & (frames >= 0)
    if laid.any() and not laid[frames >= 0].all():
        frames[laid] = -1
        bare = FrameMap(frames, np.where(laid, -1, found.lows), np.where(laid, -1, found.highs), found.prices)
        _lay(frames, lines_of(bare, known_rates), clip, ref)
    if found.prices is not None:
        for end in (slice(None, 2), slice(None, -3, -1)):
            # described as loosely as it will be: a rate makes steps that are no jumps
            ends = lines_of(_with_frames(found, frames, laid), known_rates)[end]
            if len(ends) == 2:
                _straighten(frames, ends[0], ends[1], found.prices)
    _end(frames, clip, ref)
    return _with_frames(found, frames, laid)


def _with_frames(found: FrameMap, frames: Int64Array, laid: BoolArray) -> FrameMap:
    """The map with other frames; where they are others, or flat, no frame beside would do as well."""
    strict = laid | (frames != found.frames)
    return FrameMap(
        frames.copy(), np.where(strict, frames, found.lows), np.where(strict, frames, found.highs), found.prices
    )  # fmt: skip


def _lay(frames: Int64Array, lines: Sequence[Line], clip: Fingerprints, ref: Fingerprints) -> None:
    """Fill runs of flat ref frames from the lines that end or begin beside them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ref.flat, [False]]).astype(np.int8)))
    by_last, by_first = {line.last: line for line in lines}, {line.first: line for line in lines}
    around = np.array([line.first for line in lines])
    for first, stop in edges.reshape(-1, 2).tolist():
        before = by_last.get(first - 1) or _containing(lines, around, first - 1)
        behind = by_first.get(stop) or _containing(lines, around, stop)
        limit = len(clip)
        if behind is not None and stop < len(frames) and frames[stop] >= 0:
            limit = int(frames[stop])
        n = first
        while before is not None and n < stop and _is_flat(c := _at(before, n), limit, n, clip, ref):
            frames[n] = c
            n += 1
        used = frames[n - 1] if n > first else (frames[first - 1] if first else -1)
        m = stop - 1
        while behind is not None and m >= n and (c := _at(behind, m)) > used and _is_flat(c, limit, m, clip, ref):
            frames[m] = c
            m -= 1


def _containing(lines: Sequence[Line], firsts: Int64Array, n: int) -> Line | None:
    i = int(np.searchsorted(firsts, n, side="right")) - 1
    return lines[i] if i >= 0 and lines[i].first <= n <= lines[i].last else None


def _at(line: Line, n: int) -> int:
    return int(np.floor(line.begin + (n - line.first) * line.rate + 0.5))


def _is_flat(c: int, limit: int, n: int, clip: Fingerprints, ref: Fingerprints) -> bool:
    return 0 <= c < limit and bool(clip.flat[c]) and abs(float(clip.light[c]) - float(ref.light[n])) <= _SAME_LIGHT


def _straighten(frames: Int64Array, outer: Line, inner: Line, prices: Float32Array) -> None:
    """Let the line beside the outermost one go on to the end, where the frames hardly say that it jumps."""
    numbers = outer.first + np.flatnonzero(frames[outer.first : outer.last + 1] >= 0)
    beside = np.array([_at(inner, n) for n in numbers.tolist()]) - frames[numbers]
    if outer.rate != inner.rate or not 0 < np.abs(beside).max() <= REACH:
        return
    if float(np.maximum(prices[numbers, beside + REACH], 0).sum()) <= _HARDLY:
        frames[numbers] += beside


def _end(frames: Int64Array, clip: Fingerprints, ref: Fingerprints) -> None:
    """Let only one ref frame show the first frame of clip, and one the last, unless ref repeats itself."""
    if float(ref.frame_seconds / clip.frame_seconds) < _LOWER_RATE:
        return
    for end, kept in ((0, -1), (len(clip) - 1, 0)):
        shown = np.flatnonzero(frames == end)
        # a film that stands still, or a clip of one frame
        if len(shown) < 2 or len(np.unique(frames[frames >= 0])) < 2:
            continue
        mine = shown[kept]
        for n in shown.tolist():
            low, high = min(n, mine), max(n, mine)
            if n != mine and ref.change[low + 1 : high + 1].max() > _REPEATED:
                frames[n] = -1
