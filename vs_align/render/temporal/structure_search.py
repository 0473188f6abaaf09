"""The lazy search of `temporal` by structure: register first, compare afterwards.

Ref is dealt with in sections. The transforms of a section are found from frames at fixed places of it, all of which are
declared, at low resolution; a section in which nothing is found borrows those of its neighbours. Within a section a few
ref frames at a time are searched in one callback, so that each candidate is made ready once.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, inf, nan
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.matching.decision import SearchWindow
from vs_align.decide.matching.evidence import Evidence
from vs_align.io.array_types import Float32Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.images.views import analysis_size
from vs_align.measure.metrics.registry import METRICS
from vs_align.measure.metrics.structure.metric import Asked, Structure
from vs_align.measure.registration.sequence.geometry import Geometry, geometries, neutral_geometry
from vs_align.nodes.clips import Stride, strided_window, tiny_clip, unpacked
from vs_align.nodes.frames import offset_ms, plane_array
from vs_align.nodes.match_props import copy_timing
from vs_align.nodes.resize import analysed
from vs_align.placement.placement import Placement
from vs_align.render.temporal.metric_search import EVIDENCE, judged

_LONGEST = 240
# Ref frames from one anchor to the next, anchors of a section, and ref frames that are searched at a time.
_STEP, _ANCHORS, _CHUNKS_OF_SECTION = 6, 40, 8
_MOST_THREADS = 8
_EVERYWHERE = range(2**31 - 1)
_FOUND, _GEOMETRY = "VSAlignFound", "VSAlignGeometry"


def structure_matches(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    window: SearchWindow,
    fps: tuple[Fraction, Fraction],
    thresh: float | None,
    *,
    smooth: bool = True,
    placement: Placement | None = None,
    all_scores: bool = False,
) -> vs.VideoNode:
    """Search the windows of all ref frames for the candidate that leaves the least of ref unexplained.

    Args:
        clip: The candidates, of any format and size.
        ref: The frames to find, of any format and size.
        window: Which candidates belong to which ref frame.
        fps: Frame rates of clip and ref in frames per second for frames without a time stamp, 0 where unknown.
        thresh: The score from which on a match counts as missing; None: only where there is no candidate.
        smooth: Whether neighbours have a say in the choice; see `vs_align.decide.matching.viterbi`.
        placement: Maps pixels of ref to pixels of clip; None: it is found.
        all_scores: Also hand over all scores, for display.

    Returns:
        A clip of one pixel as long as `ref`, with the `VSAlign...` props of the match on each frame.
    """
    size = analysis_size((ref.width, ref.height), _LONGEST)
    step = max(1, min(_STEP, ref.num_frames // _ANCHORS))
    section = step * _ANCHORS
    chunk = section // _CHUNKS_OF_SECTION
    small_clip, small_ref = analysed(clip, *size), analysed(ref, *size)
    for small in (small_clip, small_ref):
        # the frames of a section are looked at twice: for its transforms, and for the matches
        kept = int(2 * section * max(window.rate, 1)) + 2 * window.radius
        small.std.SetVideoCache(mode=1, fixedsize=1, maxsize=kept, maxhistory=kept)
    pool = ThreadPoolExecutor(min(vs.core.num_threads, _MOST_THREADS), "vs_align")
    if placement is None:
        sections = _sections(small_clip, small_ref, window, step)
    else:
        fitting = placement.resized((clip.width, clip.height), (ref.width, ref.height))
        sections = _placed_sections(fitting, size, section, ref.num_frames)
    evidence = _evidence(small_clip, small_ref, sections, window, fps, chunk, pool)
    return judged(evidence, window, METRICS["structure"], thresh, smooth=smooth, all_scores=all_scores)


def _sections(clip: vs.VideoNode, ref: vs.VideoNode, window: SearchWindow, step: int) -> vs.VideoNode:
    """Return a frame for each section, which carries its transforms."""
    section = step * _ANCHORS
    count = -(-ref.num_frames // section)
    # the last one reaches back to be as long as the others: a few frames would not tell a shift from a pan
    last = max(0, ref.num_frames - section)
    width = int((section - 1) * window.rate) + 2 * window.radius + 4
    seen, begins = _section_windows(ref, 0, Fraction(section), count, section, last)
    candidates, starts = _section_windows(
        clip, -window.radius - 1, section * window.rate, count, width, window.centre(last) - window.radius - 1
    )
    finder = _Finder(window, begins, starts, step)
    carrier = tiny_clip(count)
    own = carrier.std.ModifyFrame([carrier, *seen[step // 2 :: step], *candidates], finder.section)
    own.std.SetVideoCache(mode=1, fixedsize=1, maxsize=4, maxhistory=4)
    before, after = own[0] + own[:-1] if count > 1 else own, own[1:] + own[-1] if count > 1 else own
    borrowed = carrier.std.ModifyFrame([own, before, after], _borrowed)
    return carrier.std.FrameEval(
        lambda n, f: own if f.props[_FOUND] else borrowed, prop_src=own, clip_src=[own, borrowed]
    )


def _section_windows(
    clip: vs.VideoNode, start: int, step: Fraction, count: int, width: int, last: int
) -> tuple[list[vs.VideoNode], tuple[int, ...]]:
    """Show a window of frames for each section, and say where it begins; that of the last section does at `last`."""
    steady, stride = strided_window(clip, start, step, count, width)
    final, _ = strided_window(clip, last, Fraction(1), 1, width)
    nodes = [(a[: count - 1] + b[0]) if count > 1 else b[0] for a, b in zip(steady, final, strict=True)]
    return nodes, (*(stride.first(n) for n in range(count - 1)), last)


def _placed_sections(placement: Placement, size: tuple[int, int], section: int, length: int) -> vs.VideoNode:
    """Return a frame for each section, which carries transforms that were measured before."""
    carrier = tiny_clip(-(-length // section))

    def write(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        numbers = range(n * section, min((n + 1) * section, length))
        stretches: list[tuple[Geometry, range]] = []
        for number in numbers:
            matrix = np.asarray(placement.at(number).array)
            small = neutral_matrix(size, placement.clip_size) @ matrix @ neutral_matrix(placement.ref_size, size)
            small = small / small[2, 2]
            if stretches and np.array_equal(stretches[-1][0].matrix, small):
                stretches[-1] = stretches[-1][0], range(stretches[-1][1].start, number + 1)
                continue
            whole = neutral_geometry(size)
            stretches.append((Geometry(small, whole.clip_weight, whole.ref_weight, 1.0), range(number, number + 1)))
        return _with_geometries(f, stretches)

    return carrier.std.ModifyFrame(carrier, write)


@dataclass(frozen=True, slots=True)
class _Finder:
    """The callback that finds the transforms of a section. It holds no node, so that nothing outlives the script."""

    window: SearchWindow
    begins: tuple[int, ...]
    """The first ref frame of each section."""
    starts: tuple[int, ...]
    """The first clip frame that each has."""
    step: int
    trimmer: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def section(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Find the transforms of section n; `f` holds a carrier, anchors of ref, and the candidates of all of them."""
        carrier, anchors, candidates = f[0], f[1 : 1 + _ANCHORS], f[1 + _ANCHORS :]
        begin, start = self.begins[n], self.starts[n]
        numbers = [begin + self.step // 2 + i * self.step for i in range(_ANCHORS)]
        numbers = [i for i in numbers if i < self.window.ref_length] or [self.window.ref_length - 1]
        pictures = [_luma(frame) for frame in anchors[: len(numbers)]]
        first, last = self.window.first(numbers[0]), self.window.last(numbers[-1])
        clips = [_luma(candidates[number - start]) for number in range(first, last + 1)]
        windows = [range(self.window.first(i) - first, self.window.last(i) + 1 - first) for i in numbers]
        found = geometries(clips, pictures, windows, self.trimmer.check) if clips else []
        # which ones hold for which frame is seen there: it is not said that a scene ends where a section does
        return _with_geometries(carrier, [(each, _EVERYWHERE) for each in found])


def _borrowed(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
    """Take the transforms of a neighbour; `f` holds a section in which none was found, and those beside it."""
    own, *beside = f
    for frame in beside:
        if frame.props[_FOUND]:
            return frame
    return own


def _with_geometries(frame: vs.VideoFrame, found: Sequence[tuple[Geometry, range]]) -> vs.VideoFrame:
    out = frame.copy()
    props: Any = out.props
    props[_FOUND] = len(found)
    for i, (geometry, holds) in enumerate(found):
        areas = [np.packbits(weight > 0) for weight in (geometry.clip_weight, geometry.ref_weight)]
        numbers = np.array([*geometry.matrix.ravel(), geometry.agreement, holds.start, holds.stop], np.float64)
        props[f"{_GEOMETRY}{i}"] = b"".join([numbers.tobytes(), *(area.tobytes() for area in areas)])
    return out


def _geometries_in(frame: vs.VideoFrame, size: tuple[int, int]) -> list[tuple[Geometry, range]]:
    """Read what a section carries, and for which ref frames each holds; the neutral one where it carries none."""
    out = []
    for i in range(int(frame.props[_FOUND])):
        data = bytes(frame.props[f"{_GEOMETRY}{i}"])
        numbers = np.frombuffer(data, np.float64, 12)
        bits = np.unpackbits(np.frombuffer(data, np.uint8, offset=numbers.nbytes)).reshape(2, -1)
        weights = [side[: size[0] * size[1]].reshape(size[1], size[0]).astype(np.float32) for side in bits]
        holds = range(int(numbers[10]), int(numbers[11]))
        out.append((Geometry(numbers[:9].reshape(3, 3).copy(), weights[0], weights[1], float(numbers[9])), holds))
    return out or [(neutral_geometry(size), _EVERYWHERE)]


def _evidence(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    sections: vs.VideoNode,
    window: SearchWindow,
    fps: tuple[Fraction, Fraction],
    chunk: int,
    pool: ThreadPoolExecutor,
) -> vs.VideoNode:
    """Return a frame for each ref frame, which carries the scores of its window."""
    count = -(-ref.num_frames // chunk)
    # candidates look for partners among all ref frames whose windows they are in
    margin = ceil(window.radius / window.rate) + 1
    refs, _ = strided_window(ref, -margin, Fraction(chunk), count, chunk + 2 * margin)
    width = int((chunk - 1) * window.rate) + 2 * window.radius + 4
    candidates, stride = strided_window(clip, -window.radius - 1, chunk * window.rate, count, width)
    of_chunk = vs.core.std.Interleave([sections] * _CHUNKS_OF_SECTION)[:count]
    names = [f"VSAlignFrame{i}" for i in range(chunk)]
    scorer = Structure(2 * (len(refs) + len(candidates)), pool)
    witness = _Witness(scorer, window, stride, margin, names, fps)
    carrier = tiny_clip(count)
    packs = carrier.std.ModifyFrame([carrier, of_chunk, *refs, *candidates], witness.testify)
    packs.std.SetVideoCache(mode=1, fixedsize=1, maxsize=4, maxhistory=4)
    return unpacked(packs, names, tiny_clip(1), ref.num_frames)


@dataclass(frozen=True, slots=True)
class _Witness:
    """The callback that looks at the windows of some ref frames. It holds no node."""

    scorer: Structure
    window: SearchWindow
    stride: Stride
    margin: int
    names: list[str]
    fps: tuple[Fraction, Fraction]
    trimmer: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def testify(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Return the evidence of chunk n; `f` holds a carrier, its section, ref frames and candidates."""
        self.trimmer.check()
        length = len(self.names)
        declared = length + 2 * self.margin
        carrier, section, refs, candidates = f[0], f[1], f[2 : 2 + declared], f[2 + declared :]
        begin, end = n * length, min((n + 1) * length, self.window.ref_length)
        base, start = begin - self.margin, self.stride.first(n)
        around = range(max(0, base), min(end + self.margin, self.window.ref_length))
        first, last = self.window.first(begin), self.window.last(end - 1)
        windows = {i: range(max(first, self.window.first(i)), min(last, self.window.last(i)) + 1) for i in around}
        asked = Asked(
            {i: _Lazy(refs[i - base]) for i in around},
            {k: _Lazy(candidates[k - start]) for k in range(first, last + 1)},
            windows,
            range(begin, end),
        )
        size = refs[0].width, refs[0].height
        found = self.scorer.scores(asked, _geometries_in(section, size))
        out = carrier.copy()
        for i, name in enumerate(self.names):
            number = min(begin + i, end - 1)  # the last chunk is filled up
            ref = refs[number - base]
            frame = carrier.copy()
            props: Any = frame.props
            props[EVIDENCE] = self._evidence(number, ref, candidates, start, found[number]).to_bytes()
            copy_timing(ref.props, props)
            out.props[name] = frame
        return out

    def _evidence(
        self, n: int, ref: vs.VideoFrame, candidates: Sequence[vs.VideoFrame], start: int, found: Any
    ) -> Evidence:
        places = 2 * self.window.radius + 1
        scores, late = np.full(places, inf), np.full(places, nan)
        begin = self.window.centre(n) - self.window.radius
        first = self.window.first(n) - begin
        scores[first : first + len(found)] = found
        numbers = range(self.window.first(n), self.window.last(n) + 1) or [self.window.nearest(n)]
        for number in numbers:
            # behind the end of clip there are stand-ins for its last frame
            frame = candidates[max(0, number - start)]
            milliseconds = offset_ms(frame, number, self.fps[0], ref, n, self.fps[1])
            place = number - begin if 0 <= number - begin < places else 0
            late[place] = nan if milliseconds is None else milliseconds
        return Evidence(scores, late, begin)


@dataclass(frozen=True, slots=True)
class _Lazy:
    """A picture that is read when it is asked for."""

    frame: vs.VideoFrame

    def __call__(self) -> Float32Array:
        return _luma(self.frame)


def _luma(frame: vs.VideoFrame) -> Float32Array:
    out: Float32Array = plane_array(frame).astype(np.float32)
    out *= np.float32(1 / 65535)
    return out
