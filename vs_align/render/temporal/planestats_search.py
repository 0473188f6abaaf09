"""The search of `temporal` by PlaneStats, in chunks of ref frames.

A chunk of ref frames is searched in one callback: their windows overlap, so that each candidate is fetched and summed
once for all of them, and the cost of a Python call is shared. All frames that a chunk may need are declared, those of
the neighbors that smoothing uses for its first and last frames included.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, inf
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.matching.decision import Decision, decide
from vs_align.decide.matching.search_window import SearchWindow
from vs_align.decide.matching.version_difference import (
    SAMPLE_STEP,
    DifferenceSample,
    VersionDifference,
    version_difference,
)
from vs_align.decide.matching.viterbi import MAX_COST, RADIUS
from vs_align.io.array_types import Float64Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.measure.metrics.metric import ALL_SCORES
from vs_align.measure.metrics.planestats.search import ExactRange, PlaneAddresses, PlaneStatsSearch
from vs_align.measure.metrics.registry import MetricRow
from vs_align.nodes.clips import Stride, comparable, strided_window, tiny_clip, unpacked
from vs_align.nodes.frames import offset_ms, peak_value, plane_addresses, plane_dtype
from vs_align.nodes.match_props import Match, with_timing, write_match
from vs_align.render.temporal.difference_sampling import DifferenceSampler
from vs_align.render.temporal.search_request import SearchRequest


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """Sizes of chunks and caches."""

    max_refs: int = 32
    """Most ref frames of a chunk. Longer chunks cost less per frame, but the first frame after a seek waits for one."""
    max_bytes: int = 64 << 20
    """Most bytes of the ref planes of a chunk."""
    max_threads: int = 8
    """Most threads that search a chunk."""
    cached_chunks: int = 3
    """Chunks cached by the core: the present one, the next, and one for frames requested out of order."""
    remembered_chunks: int = 4
    """Chunks whose scores are cached, so that neighbors of two chunks are searched once."""


LIMITS = ChunkLimits()


def planestats_matches(request: SearchRequest) -> vs.VideoNode:
    """Search the windows of all ref frames for the smallest mean absolute difference of plane 0.

    Args:
        request: What to search.

    Returns:
        A clip of one pixel as long as ref, with the `VSAlign...` props of the match on each frame.
    """
    return _searched(request, with_frames=False)


def planestats_frames(request: SearchRequest) -> vs.VideoNode | None:
    """Return the matching frames of clip with all of their props, those of the match and the timing of ref.

    The search has these frames at hand, which saves fetching them again. None if ref has a variable frame rate, or if
    the compared frames are not those of clip itself but converted (half floats).
    """
    clip, ref = request.clip, request.ref
    if not ref.fps or comparable(clip) is not clip:
        return None
    return with_timing(_searched(request, with_frames=True).std.AssumeFPS(src=ref), ref)


def _chunk_length(clip: vs.VideoNode) -> int:
    """Return the number of ref frames of a chunk."""
    plane: int = clip.width * clip.height * clip.format.bytes_per_sample
    return max(2, min(LIMITS.max_refs, LIMITS.max_bytes // plane))


def _searched(request: SearchRequest, *, with_frames: bool) -> vs.VideoNode:
    window = request.window
    length = _chunk_length(request.clip)
    margin = RADIUS if request.smooth else 0
    count = -(-request.ref.num_frames // length)
    # one more frame at either side for the rounding of centers
    before = window.radius + 1 + ceil(margin * window.rate)
    width = before + int((length + margin - 1) * window.rate) + window.radius + 3
    clip, ref = comparable(request.clip), comparable(request.ref)
    candidates, stride = strided_window(clip, -before, length * window.rate, count, width)
    refs, _ = strided_window(ref, -margin, Fraction(length), count, length + 2 * margin)
    threads = min(vs.core.num_threads, LIMITS.max_threads)
    search = PlaneStatsSearch(
        clip.width, clip.height, plane_dtype(clip), peak_value(clip), window=width, refs=len(refs), threads=threads
    )
    capacity = LIMITS.remembered_chunks * len(refs)
    chunk = _ChunkSearch(
        search=search,
        window=window,
        stride=stride,
        names=[f"VSAlignFrame{i}" for i in range(length)],
        margin=margin,
        fps=request.fps,
        metric=request.metric,
        thresh=request.thresh,
        with_frames=with_frames,
        all_scores=request.all_scores,
        scores=_ScoreCache(capacity),
        differences=_DifferenceCache(window, peak_value(clip), capacity) if request.smooth else None,
    )
    carrier = tiny_clip(count)
    packs = carrier.std.ModifyFrame([carrier, *refs, *candidates], chunk.pack)
    packs.std.SetVideoCache(mode=1, fixedsize=1, maxsize=LIMITS.cached_chunks, maxhistory=LIMITS.cached_chunks)
    example = vs.core.std.BlankClip(clip, length=1) if with_frames else tiny_clip(1)
    return unpacked(packs, names=chunk.names, example=example, length=request.ref.num_frames)


class _DifferenceCache:
    """Version difference samples of the ref frames searched last, by number. Not thread-safe: used by one node only."""

    def __init__(self, window: SearchWindow, peak: int, capacity: int) -> None:
        self._window = window
        self._capacity = capacity
        self._sampler = DifferenceSampler(0, peak)
        self._samples: OrderedDict[int, DifferenceSample | None] = OrderedDict()

    def samples(
        self,
        numbers: range,
        scores: Sequence[Float64Array],
        ref: Callable[[int], vs.VideoFrame],
        clip: Callable[[int], vs.VideoFrame],
    ) -> dict[int, DifferenceSample]:
        """Return the samples of consecutive ref frames by number, except of frames without candidates.

        Args:
            numbers: Numbers of the ref frames.
            scores: (k,) scores of the window of each.
            ref: Returns a ref frame.
            clip: Returns a clip frame.
        """
        found = {}
        for number, row in zip(numbers, scores, strict=True):
            if number % SAMPLE_STEP:
                continue
            if number not in self._samples:
                self._samples[number] = self._sample(number, row, ref, clip)
            self._samples.move_to_end(number)
            sample = self._samples[number]
            if sample is not None:
                found[number] = sample
        while len(self._samples) > self._capacity:
            self._samples.popitem(last=False)
        return found

    def _sample(
        self,
        number: int,
        row: Float64Array,
        ref: Callable[[int], vs.VideoFrame],
        clip: Callable[[int], vs.VideoFrame],
    ) -> DifferenceSample | None:
        known = np.where(np.isnan(row), inf, row)
        index = int(known.argmin())
        if known[index] == inf:
            return None
        candidates = range(self._window.first(number), self._window.last(number) + 1)
        return self._sampler.sample(ref(number), self._window.start(number) + index, candidates, clip)


class _ScoreCache:
    """Window scores of the ref frames searched last, by number. Not thread-safe: used by one node only."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._scores: OrderedDict[int, Float64Array] = OrderedDict()

    def missing(self, numbers: Sequence[int]) -> list[int]:
        """Return which of these frames have to be searched."""
        for number in numbers:
            if number in self._scores:
                self._scores.move_to_end(number)
        return [number for number in numbers if number not in self._scores]

    def add(self, numbers: Sequence[int], scores: Float64Array) -> None:
        """Add the scores of some frames, and evict the least recently used ones."""
        self._scores.update(zip(numbers, scores, strict=True))
        while len(self._scores) > self._capacity:
            self._scores.popitem(last=False)

    def get(self, numbers: Sequence[int]) -> list[Float64Array]:
        """Return the scores of frames that are cached."""
        return [self._scores[number] for number in numbers]


@dataclass(frozen=True, slots=True)
class _ChunkSearch:
    """The callback that searches chunks. It holds no node, which would outlive the script."""

    search: PlaneStatsSearch
    window: SearchWindow
    stride: Stride
    names: list[str]
    """Frame props of the result, one for each ref frame of the chunk."""
    margin: int
    """Ref frames declared to either side of the chunk; 0 without smoothing."""
    fps: tuple[Fraction, Fraction]
    metric: MetricRow
    thresh: float | None
    with_frames: bool
    all_scores: bool
    scores: _ScoreCache
    differences: _DifferenceCache | None
    """None without confidence."""
    trimmer: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def pack(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Search chunk n; `f` holds the carrier, the ref frames and the candidates. Return a frame with frames."""
        self.trimmer.check()
        length = len(self.names)
        declared = length + 2 * self.margin
        carrier, ref_frames, clip_frames = f[0], f[1 : 1 + declared], f[1 + declared :]
        base, start = n * length - self.margin, self.stride.first(n)
        begin, end = n * length, min((n + 1) * length, self.window.ref_length)
        around = range(max(0, begin - self.margin), min(end + self.margin, self.window.ref_length))
        new = self.scores.missing(around)
        if new:
            self.scores.add(new, self._search(new, [ref_frames[i - base] for i in new], clip_frames, start))
        scores = self.scores.get(around)
        first = begin - around.start
        differences = self._differences(range(begin, end), around, scores, ref_frames, base, clip_frames, start)
        smooth = self.margin > 0
        found = decide(scores, first, first + end - begin, self.metric, smooth=smooth, differences=differences)
        pack = carrier.copy()
        for i, name in enumerate(self.names):
            number = min(begin + i, end - 1)  # the last chunk is filled up
            decision = found[number - begin]
            match = self.window.start(number) + decision.index if decision.index >= 0 else self.window.nearest(number)
            # beyond the end of clip the declared frames are copies of its last one, which is the nearest
            matching = clip_frames[max(0, match - start)]
            frame = (matching if self.with_frames else carrier).copy()
            offset = offset_ms(matching, match, self.fps[0], ref_frames[number - base], number, self.fps[1])
            window_scores = scores[number - around.start] if self.all_scores else None
            self._write(frame, match, number, decision, offset, window_scores)
            pack.props[name] = frame
        return pack

    def _differences(
        self,
        numbers: range,
        around: range,
        scores: Sequence[Float64Array],
        refs: Sequence[vs.VideoFrame],
        base: int,
        clips: Sequence[vs.VideoFrame],
        start: int,
    ) -> list[VersionDifference | None]:
        """Return how the versions differ around each of `numbers`."""
        if self.differences is None:
            return []
        samples = self.differences.samples(around, scores, lambda i: refs[i - base], lambda i: clips[i - start])
        known: dict[tuple[int, ...], VersionDifference | None] = {}
        found = []
        for number in numbers:
            near = tuple(i for i in range(number - self.margin, number + self.margin + 1) if i in samples)
            if near not in known:
                known[near] = version_difference([samples[i] for i in near])
            found.append(known[near])
        return found

    def _search(
        self, numbers: Sequence[int], refs: Sequence[vs.VideoFrame], clips: Sequence[vs.VideoFrame], start: int
    ) -> Float64Array:
        """Return (len(numbers), 2 * radius + 1) scores of the windows of some ref frames."""
        end = self.window.clip_length - 1
        clip_numbers = [min(max(start + i, 0), end) for i in range(len(clips))]
        first, last, center = (
            np.fromiter((edge(i) - start for i in numbers), np.int64, len(numbers))
            for edge in (self.window.first, self.window.last, self.window.center)
        )
        images = PlaneAddresses(*plane_addresses(refs)), PlaneAddresses(*plane_addresses(clips))
        radius = self.window.radius
        if self.margin or self.all_scores:
            exact = ExactRange(radius, ALL_SCORES if self.all_scores else self.metric.noise.scaled(MAX_COST))
            return self.search.best(*images, clip_numbers, first, last, center, exact).windows
        best = self.search.best(*images, clip_numbers, first, last, center)
        scores = np.full((len(numbers), 2 * radius + 1), inf)
        rows = np.flatnonzero(best.candidates >= 0)
        scores[rows, (best.candidates - center)[rows] + radius] = best.scores[rows]
        return scores

    def _write(
        self,
        frame: vs.VideoFrame,
        match: int,
        number: int,
        decision: Decision,
        offset: float | None,
        window_scores: Float64Array | None,
    ) -> None:
        missing = decision.index < 0 or (self.thresh is not None and decision.score >= self.thresh)
        found = Match(match, number, decision.score, missing, self.metric.name, offset, *decision.details)
        scores: Any = None if window_scores is None else window_scores.tolist()
        write_match(frame.props, found, self.window.start(number), scores)
