"""The lazy search of `temporal` by PlaneStats.

Several ref frames are searched in one callback, a chunk: their windows overlap, so that each candidate is fetched and
looked at once for all of them, and the cost of calling Python is shared. All frames that a chunk may need are declared,
those of the neighbours that have a say in its first and last frames included.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, inf
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.matching.decision import SearchWindow
from vs_align.decide.matching.evidence import Decision, decide
from vs_align.decide.matching.version_difference import (
    EVERY,
    Look,
    VersionDifference,
    look_at,
    small_picture,
    version_difference,
)
from vs_align.decide.matching.viterbi import RADIUS
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.measure.metrics.feature_cache import FeatureCache
from vs_align.measure.metrics.planestats.search import Pictures, PlaneStatsSearch, Wanted
from vs_align.measure.metrics.registry import METRICS
from vs_align.nodes.clips import Stride, comparable, strided_window, tiny_clip, unpacked
from vs_align.nodes.frames import offset_ms, peak_value, plane_addresses, plane_dtype
from vs_align.nodes.match_props import Match, write_match

_METRIC = "planestats"
# A longer chunk costs less per frame, but the first frame after a seek waits for all of it.
_MOST_REFS = 32
_CHUNK_BYTES = 64 << 20
_MOST_THREADS = 8
# Chunks kept by the core: the present one, the next, and one more for frames that come out of order.
_KEPT_CHUNKS = 3
# Chunks whose scores are remembered, so that neighbours of two chunks are searched once.
_REMEMBERED_CHUNKS = 4
# Bytes of small pictures: those of about 3500 frames.
_SMALL_BYTES = 32 << 20


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
    smooth: bool = False,
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
        smooth: Whether neighbours have a say in the choice; see `vs_align.decide.matching.viterbi`.
        with_pictures: Return the matching frames of `clip` themselves; not for half floats.
        all_scores: Also score every candidate, for display.

    Returns:
        A clip as long as `ref`, with the `VSAlign...` props of the match on each frame; of one pixel, or the matching
        frames with all of their props.
    """
    refs = chunk_length(clip)
    margin = RADIUS if smooth else 0
    count = -(-ref.num_frames // refs)
    # a frame of room at either side for the rounding of centres
    before = window.radius + 1 + ceil(margin * window.rate)
    width = before + int((refs + margin - 1) * window.rate) + window.radius + 3
    clip, ref = comparable(clip), comparable(ref)
    candidates, stride = strided_window(clip, -before, refs * window.rate, count, width)
    wanted, _ = strided_window(ref, -margin, Fraction(refs), count, refs + 2 * margin)
    threads = min(vs.core.num_threads, _MOST_THREADS)
    search = PlaneStatsSearch(
        clip.width, clip.height, plane_dtype(clip), peak_value(clip), window=width, refs=len(wanted), threads=threads
    )
    names = [f"VSAlignFrame{i}" for i in range(refs)]
    memory = _Memory(_REMEMBERED_CHUNKS * len(wanted))
    looks = _Looks(window, peak_value(clip), _REMEMBERED_CHUNKS * len(wanted)) if smooth else None
    chunk = _Chunk(search, window, stride, names, margin, fps, thresh, with_pictures, all_scores, memory, looks)
    carrier = tiny_clip(count)
    packs = carrier.std.ModifyFrame([carrier, *wanted, *candidates], chunk.pack)
    packs.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_KEPT_CHUNKS, maxhistory=_KEPT_CHUNKS)
    example = vs.core.std.BlankClip(clip, length=1) if with_pictures else tiny_clip(1)
    return unpacked(packs, names, example, ref.num_frames)


class _Looks:
    """Looks at the best candidates of the ref frames that were searched last. Its node calls it one at a time."""

    def __init__(self, window: SearchWindow, peak: int, capacity: int) -> None:
        self._window = window
        self._peak = peak
        self._capacity = capacity
        self._looks: OrderedDict[int, Look | None] = OrderedDict()
        self._small: FeatureCache[Float32Array] = FeatureCache(lambda picture: picture.nbytes, _SMALL_BYTES)

    def around(
        self,
        numbers: range,
        scores: Sequence[Float64Array],
        ref: Callable[[int], vs.VideoFrame],
        clip: Callable[[int], vs.VideoFrame],
    ) -> dict[int, Look]:
        """Return the looks at some ref frames in a row, by number; where there is no candidate there is none.

        Args:
            numbers: Numbers of the ref frames.
            scores: (k,) scores of the window of each.
            ref: Gives a ref frame.
            clip: Gives a clip frame.
        """
        found = {}
        for number, row in zip(numbers, scores, strict=True):
            if number % EVERY:
                continue
            if number not in self._looks:
                self._looks[number] = self._look(number, row, ref, clip)
            self._looks.move_to_end(number)
            look = self._looks[number]
            if look is not None:
                found[number] = look
        while len(self._looks) > self._capacity:
            self._looks.popitem(last=False)
        return found

    def _look(
        self,
        number: int,
        row: Float64Array,
        ref: Callable[[int], vs.VideoFrame],
        clip: Callable[[int], vs.VideoFrame],
    ) -> Look | None:
        known = np.where(np.isnan(row), inf, row)
        place = int(known.argmin())
        if known[place] == inf:
            return None

        def small(candidate: int) -> Float32Array:
            return self._small.get(candidate, lambda: small_picture(np.asarray(clip(candidate)[0]), self._peak))

        candidates = range(self._window.first(number), self._window.last(number) + 1)
        match = self._window.centre(number) - self._window.radius + place
        return look_at(small_picture(np.asarray(ref(number)[0]), self._peak), match, candidates, small)


class _Memory:
    """Scores of the windows of the ref frames that were searched last, by number. Its node calls it one at a time."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._scores: OrderedDict[int, Float64Array] = OrderedDict()

    def missing(self, numbers: Sequence[int]) -> list[int]:
        """Return which of these frames have to be searched."""
        for number in numbers:
            if number in self._scores:
                self._scores.move_to_end(number)
        return [number for number in numbers if number not in self._scores]

    def learn(self, numbers: Sequence[int], scores: Float64Array) -> None:
        """Remember the scores of some frames, and forget the frames that were not asked for the longest."""
        self._scores.update(zip(numbers, scores, strict=True))
        while len(self._scores) > self._capacity:
            self._scores.popitem(last=False)

    def recall(self, numbers: Sequence[int]) -> list[Float64Array]:
        """Return the scores of frames that are there."""
        return [self._scores[number] for number in numbers]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What the callback needs. It holds no node, so that nothing outlives the script."""

    search: PlaneStatsSearch
    window: SearchWindow
    stride: Stride
    names: list[str]
    margin: int
    fps: tuple[Fraction, Fraction]
    thresh: float | None
    with_pictures: bool
    all_scores: bool
    memory: _Memory
    looks: _Looks | None
    """None where nothing is said about confidence."""
    trimmer: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def pack(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Search chunk n; `f` holds the carrier, the ref frames and the candidates. Return a frame full of frames."""
        self.trimmer.check()
        refs = len(self.names)
        declared = refs + 2 * self.margin
        carrier, ref_frames, clip_frames = f[0], f[1 : 1 + declared], f[1 + declared :]
        base, start = n * refs - self.margin, self.stride.first(n)
        begin, end = n * refs, min((n + 1) * refs, self.window.ref_length)
        around = range(max(0, begin - self.margin), min(end + self.margin, self.window.ref_length))
        fresh = self.memory.missing(around)
        if fresh:
            self.memory.learn(fresh, self._search(fresh, [ref_frames[i - base] for i in fresh], clip_frames, start))
        noise = METRICS[_METRIC].noise
        scores = self.memory.recall(around)
        first = begin - around.start
        differences = self._differences(range(begin, end), around, scores, ref_frames, base, clip_frames, start)
        found = decide(scores, first, first + end - begin, noise, _METRIC, smooth=self.margin > 0, apart=differences)
        pack = carrier.copy()
        for i, name in enumerate(self.names):
            number = min(begin + i, end - 1)  # the last chunk is filled up
            decision = found[number - begin]
            place = self.window.centre(number) - self.window.radius + decision.place
            match = place if decision.place >= 0 else self.window.nearest(number)
            # behind the end of clip the window holds stand-ins for its last frame, which is the nearest one
            shown_frame = clip_frames[max(0, match - start)]
            frame = (shown_frame if self.with_pictures else carrier).copy()
            late = offset_ms(shown_frame, match, self.fps[0], ref_frames[number - base], number, self.fps[1])
            shown = scores[number - around.start] if self.all_scores else None
            self._write(frame, match, number, decision, late, shown)
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
        if self.looks is None:
            return []
        looks = self.looks.around(around, scores, lambda i: refs[i - base], lambda i: clips[i - start])
        said: dict[tuple[int, ...], VersionDifference | None] = {}
        found = []
        for number in numbers:
            near = tuple(i for i in range(number - self.margin, number + self.margin + 1) if i in looks)
            if near not in said:
                said[near] = version_difference([looks[i] for i in near])
            found.append(said[near])
        return found

    def _search(
        self, numbers: Sequence[int], refs: Sequence[vs.VideoFrame], clips: Sequence[vs.VideoFrame], start: int
    ) -> Float64Array:
        """Return (len(numbers), 2 * radius + 1) scores of the windows of some ref frames."""
        end = self.window.clip_length - 1
        clip_numbers = [min(max(start + i, 0), end) for i in range(len(clips))]
        first, last, centre = (
            np.fromiter((edge(i) - start for i in numbers), np.int64, len(numbers))
            for edge in (self.window.first, self.window.last, self.window.centre)
        )
        pictures = Pictures(*plane_addresses(refs)), Pictures(*plane_addresses(clips))
        radius = self.window.radius
        if self.margin or self.all_scores:
            relative, absolute = METRICS[_METRIC].noise.reach()
            wanted = Wanted(radius, relative, inf if self.all_scores else absolute)
            return self.search.best(*pictures, clip_numbers, first, last, centre, wanted).windows
        best = self.search.best(*pictures, clip_numbers, first, last, centre)
        scores = np.full((len(numbers), 2 * radius + 1), inf)
        rows = np.flatnonzero(best.candidates >= 0)
        scores[rows, (best.candidates - centre)[rows] + radius] = best.scores[rows]
        return scores

    def _write(
        self, frame: vs.VideoFrame, match: int, number: int, decision: Decision, late: float | None, shown: Any
    ) -> None:
        missing = decision.place < 0 or (self.thresh is not None and decision.score >= self.thresh)
        found = Match(match, number, decision.score, missing, _METRIC, late, *decision.details)
        first = self.window.centre(number) - self.window.radius
        write_match(frame.props, found, first, None if shown is None else shown.tolist())
