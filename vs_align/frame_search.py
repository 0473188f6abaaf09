"""The lazy search of `temporal`.

Several ref frames are searched in one callback, a chunk: their windows overlap, so that each candidate is fetched and
looked at once for all of them, and the cost of calling Python is shared. All frames that a chunk may need are declared.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import inf, isnan
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.metrics.planestats import Pictures, PlaneStatsSearch
from vs_align.timing.window import SearchWindow
from vs_align.vapour.clips import StridedWindow, first_plane, stretched, stretched_ahead, strided_window, tiny_clip
from vs_align.vapour.frames import peak_value, plane_addresses, plane_dtype, time_stamp
from vs_align.vapour.matches import FrameMatch, Matches

# Props of a chunk, lists over its ref frames.
_MATCHES, _SCORES, _OFFSETS_MS, _WINDOW_SCORES = "VSAlignMatches", "VSAlignScores", "VSAlignOffsetsMs", "VSAlignWindows"
# A longer chunk costs less per frame, but the first frame after a seek waits for all of it.
_MOST_REFS, _LEAST_REFS = 32, 16
_CHUNK_BYTES = 64 << 20
_MOST_THREADS = 8
# Chunk results kept by the core. They are tiny, and every one serves many frames.
_KEPT_CHUNKS = 16


def chunk_length(clip: vs.VideoNode, radius: int) -> int:
    """Return how many ref frames are searched at a time."""
    plane: int = clip.width * clip.height * clip.format.bytes_per_sample
    return max(2, min(_MOST_REFS, max(_LEAST_REFS, 2 * radius), _CHUNK_BYTES // plane))


def search_matches(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    window: SearchWindow,
    fps: tuple[Fraction, Fraction],
    thresh: float | None = None,
    *,
    all_scores: bool = False,
) -> Matches:
    """Search the windows of all ref frames for the smallest mean absolute difference of plane 0.

    Args:
        clip: The candidates.
        ref: The frames to find; format and size of `clip`.
        window: Which candidates belong to which ref frame.
        fps: Frame rates of clip and ref in frames per second for frames without a time stamp, 0 where unknown.
        thresh: The score from which on a match counts as missing; None: only where there is no candidate.
        all_scores: Also score every candidate, for display.

    """
    chunks, refs = _search_chunks(clip, ref, window, fps, all_scores)
    span = 2 * window.radius + 1

    def find(n: int, f: vs.VideoFrame | None) -> FrameMatch:
        if f is None:
            raise ValueError("the frame that carries the results is missing")
        found: Any = f.props
        i = n % refs
        score, offset_ms = found[_SCORES][i], found[_OFFSETS_MS][i]
        missing = score == inf or (thresh is not None and score >= thresh)
        match = FrameMatch(found[_MATCHES][i], missing, score, None if isnan(offset_ms) else offset_ms)
        if not all_scores:
            return match
        scores = tuple(found[_WINDOW_SCORES][i * span : (i + 1) * span])
        return replace(match, window_first=window.centre(n) - window.radius, window_scores=scores)

    length = ref.num_frames
    return Matches(find, (stretched(chunks, refs, length), stretched_ahead(chunks, refs, length, refs // 4)))


def _search_chunks(
    clip: vs.VideoNode, ref: vs.VideoNode, window: SearchWindow, fps: tuple[Fraction, Fraction], all_scores: bool
) -> tuple[vs.VideoNode, int]:
    """Return a clip with one frame per chunk, whose props are lists over its ref frames, and the length of a chunk."""
    clip, ref = first_plane(clip), first_plane(ref)
    refs = chunk_length(clip, window.radius)
    count = -(-ref.num_frames // refs)
    # a frame of room at either side for the rounding of centres
    width = int((refs - 1) * window.rate) + 2 * window.radius + 4
    candidates = strided_window(clip, -window.radius - 1, refs * window.rate, count, width)
    wanted = strided_window(ref, 0, Fraction(refs), count, refs)
    threads = min(vs.core.num_threads, _MOST_THREADS)
    search = PlaneStatsSearch(
        clip.width, clip.height, plane_dtype(clip), peak_value(clip), window=width, refs=refs, threads=threads
    )
    chunk = _Chunk(search, window, candidates, refs, (float(fps[0]), float(fps[1])), all_scores)
    carrier = tiny_clip(count)
    node = carrier.std.ModifyFrame([carrier, *wanted.nodes, *candidates.nodes], chunk.props)
    node.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_KEPT_CHUNKS, maxhistory=_KEPT_CHUNKS)
    return node, refs


class _Chunk:
    """What the callback needs. It holds no node, so that nothing outlives the script."""

    def __init__(
        self,
        search: PlaneStatsSearch,
        window: SearchWindow,
        candidates: StridedWindow,
        refs: int,
        fps: tuple[float, float],
        all_scores: bool,
    ) -> None:
        self._search, self._window, self._refs, self._all_scores = search, window, refs, all_scores
        self._clip_fps, self._ref_fps = fps
        self._first = StridedWindow([], candidates.start, candidates.step).first

    def props(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Search chunk n; `f` holds the carrier, the ref frames and the candidates."""
        ref_frames, clip_frames = f[1 : 1 + self._refs], f[1 + self._refs :]
        window, start, begin = self._window, self._first(n), n * self._refs
        end = window.clip_length - 1
        numbers = [min(max(start + i, 0), end) for i in range(len(clip_frames))]
        wanted = [min(begin + i, window.ref_length - 1) for i in range(self._refs)]
        edges = [
            np.fromiter((edge(i) - start for i in wanted), np.int64, self._refs)
            for edge in (window.first, window.last, window.centre)
        ]
        refs, candidates = Pictures(*plane_addresses(ref_frames)), Pictures(*plane_addresses(clip_frames))
        best = self._search.best(refs, candidates, numbers, *edges)
        # a window behind the end of clip holds stand-ins for its last frame, which is then the nearest
        shown = [c if c >= 0 else first for c, first in zip(best.candidates.tolist(), edges[0].tolist(), strict=True)]
        out = f[0].copy()
        props: Any = out.props
        props[_MATCHES] = [numbers[c] for c in shown]
        props[_SCORES] = best.scores.tolist()
        props[_OFFSETS_MS] = [
            1000 * (time_stamp(clip_frames[c], numbers[c], self._clip_fps) - time_stamp(frame, i, self._ref_fps))
            for c, frame, i in zip(shown, ref_frames, wanted, strict=True)
        ]
        if self._all_scores:
            props[_WINDOW_SCORES] = [
                self._search.score(refs, i, candidates, c) if first <= c <= last else inf
                for i, (first, last, centre) in enumerate(zip(*(edge.tolist() for edge in edges), strict=True))
                for c in range(centre - window.radius, centre + window.radius + 1)
            ]
        return out
