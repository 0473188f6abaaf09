"""The lazy search of `temporal`.

Several ref frames are searched in one callback, a chunk: their windows overlap, so that each candidate is fetched and
looked at once for all of them, and the cost of calling Python is shared. All frames that a chunk may need are declared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.metrics.planestats import Pictures, PlaneStatsSearch
from vs_align.timing.window import SearchWindow
from vs_align.vapour.clips import Stride, comparable, strided_window, tiny_clip, unpacked
from vs_align.vapour.frames import offset_ms, peak_value, plane_addresses, plane_dtype
from vs_align.vapour.matches import FALLBACK, MATCH, OFFSET, OFFSET_MS, SCORE, WINDOW_FIRST, WINDOW_SCORES
from vs_align.vapour.memory import MemoryTrimmer

# A longer chunk costs less per frame, but the first frame after a seek waits for all of it.
_MOST_REFS = 32
_CHUNK_BYTES = 64 << 20
_MOST_THREADS = 8
# Chunks kept by the core: the present one, the next, and one more for frames that come out of order.
_KEPT_CHUNKS = 3


def chunk_length(clip: vs.VideoNode) -> int:
    """Return how many ref frames are searched at a time."""
    plane: int = clip.width * clip.height * clip.format.bytes_per_sample
    return max(2, min(_MOST_REFS, _CHUNK_BYTES // plane))


def search_matches(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    window: SearchWindow,
    fps: tuple[Fraction, Fraction],
    thresh: float | None = None,
    *,
    with_pictures: bool = False,
    all_scores: bool = False,
) -> vs.VideoNode:
    """Search the windows of all ref frames for the smallest mean absolute difference of plane 0.

    Args:
        clip: The candidates.
        ref: The frames to find; format and size of `clip`.
        window: Which candidates belong to which ref frame.
        fps: Frame rates of clip and ref in frames per second for frames without a time stamp, 0 where unknown.
        thresh: The score from which on a match counts as missing; None: only where there is no candidate.
        with_pictures: Return the matching frames of `clip` themselves; not for half floats.
        all_scores: Also score every candidate, for display.

    Returns:
        A clip as long as `ref`, with the `VSAlign...` props of the match on each frame; of one pixel, or the matching
        frames with all of their props.
    """
    refs = chunk_length(clip)
    count = -(-ref.num_frames // refs)
    # a frame of room at either side for the rounding of centres
    width = int((refs - 1) * window.rate) + 2 * window.radius + 4
    clip, ref = comparable(clip), comparable(ref)
    candidates, stride = strided_window(clip, -window.radius - 1, refs * window.rate, count, width)
    wanted, _ = strided_window(ref, 0, Fraction(refs), count, refs)
    threads = min(vs.core.num_threads, _MOST_THREADS)
    search = PlaneStatsSearch(
        clip.width, clip.height, plane_dtype(clip), peak_value(clip), window=width, refs=refs, threads=threads
    )
    names = [f"VSAlignFrame{i}" for i in range(refs)]
    chunk = _Chunk(search, window, stride, names, fps, thresh, with_pictures, all_scores)
    carrier = tiny_clip(count)
    packs = carrier.std.ModifyFrame([carrier, *wanted, *candidates], chunk.pack)
    packs.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_KEPT_CHUNKS, maxhistory=_KEPT_CHUNKS)
    example = vs.core.std.BlankClip(clip, length=1) if with_pictures else tiny_clip(1)
    return unpacked(packs, names, example, ref.num_frames)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What the callback needs. It holds no node, so that nothing outlives the script."""

    search: PlaneStatsSearch
    window: SearchWindow
    stride: Stride
    names: list[str]
    fps: tuple[Fraction, Fraction]
    thresh: float | None
    with_pictures: bool
    all_scores: bool
    memory: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def pack(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Search chunk n; `f` holds the carrier, the ref frames and the candidates. Return a frame full of frames."""
        self.memory.check()
        refs = len(self.names)
        carrier, ref_frames, clip_frames = f[0], f[1 : 1 + refs], f[1 + refs :]
        start, end = self.stride.first(n), self.window.clip_length - 1
        numbers = [min(max(start + i, 0), end) for i in range(len(clip_frames))]
        wanted = [min(n * refs + i, self.window.ref_length - 1) for i in range(refs)]
        windows = [
            np.fromiter((edge(i) - start for i in wanted), np.int64, refs)
            for edge in (self.window.first, self.window.last, self.window.centre)
        ]
        pictures = Pictures(*plane_addresses(ref_frames)), Pictures(*plane_addresses(clip_frames))
        best = self.search.best(*pictures, numbers, *windows)
        # a window behind the end of clip holds stand-ins for its last frame, which is then the nearest
        shown = [c if c >= 0 else first for c, first in zip(best.candidates.tolist(), windows[0].tolist(), strict=True)]
        pack = carrier.copy()
        for i, (number, c, score) in enumerate(zip(wanted, shown, best.scores.tolist(), strict=True)):
            frame = (clip_frames[c] if self.with_pictures else carrier).copy()
            props: Any = frame.props
            props[MATCH], props[OFFSET], props[SCORE] = numbers[c], numbers[c] - number, score
            props[FALLBACK] = int(score == inf or (self.thresh is not None and score >= self.thresh))
            late = offset_ms(clip_frames[c], numbers[c], self.fps[0], ref_frames[i], number, self.fps[1])
            if late is not None:
                props[OFFSET_MS] = late
            if self.all_scores:
                first = int(windows[2][i]) - self.window.radius
                props[WINDOW_FIRST], props[WINDOW_SCORES] = first + start, self._scores(pictures, windows, i, first)
            pack.props[self.names[i]] = frame
        return pack

    def _scores(self, pictures: tuple[Pictures, Pictures], windows: Sequence[Any], i: int, first: int) -> list[float]:
        """Score all candidates of ref frame i, from the first place of its window on."""
        return [
            self.search.score(pictures[0], i, pictures[1], c) if windows[0][i] <= c <= windows[1][i] else inf
            for c in range(first, first + 2 * self.window.radius + 1)
        ]
