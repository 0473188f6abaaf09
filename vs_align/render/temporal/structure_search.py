"""The search of `temporal` by the structure metric: registration of sections of ref, then scores of the windows.

Ref is processed in sections. The transforms of a section are measured on frames at fixed positions of it, all of which
are declared, at low resolution; a section in which none is found uses those of its neighbors. Within a section a few
ref frames at a time, a chunk, are scored in one callback, so that each candidate is prepared once.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.matching.search_window import SearchWindow
from vs_align.io.array_types import Float32Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.measure.images.preprocessing import analysis_size
from vs_align.measure.metrics.structure.metric import Structure, WindowImages
from vs_align.measure.registration.sequence.geometry import Geometry, find_geometries, identity_geometry
from vs_align.nodes.clips import Stride, strided_window, tiny_clip, unpacked
from vs_align.nodes.frames import plane_array
from vs_align.nodes.match_props import copy_timing
from vs_align.nodes.resize import analysed
from vs_align.placement.homography import resize_matrix
from vs_align.placement.placement import Placement
from vs_align.render.temporal.search_request import SearchRequest
from vs_align.render.temporal.window_decision import SCORES, decided_matches, window_scores


@dataclass(frozen=True, slots=True)
class StructureSearchParameters:
    """Tunables of the search."""

    long_side: int = 240
    """Long side of the images in pixels; larger ones take longer and show finer structure."""
    anchor_step: int = 6
    """Ref frames from one anchor of a section to the next."""
    anchors: int = 40
    """Ref frames of a section on which its transforms are measured: enough to separate a shift from a pan."""
    chunks: int = 8
    """Chunks of a section. Fewer prepare each candidate less often; the first frame after a seek waits for a chunk."""
    max_threads: int = 8
    """Most threads that share the work of a chunk."""


PARAMETERS = StructureSearchParameters()
_ALL_FRAMES = range(2**31 - 1)
_FOUND = "VSAlignFound"
"""Frame prop of a section: its number of transforms."""
_GEOMETRY = "VSAlignGeometry"
"""Prefix of the frame props of a section with one transform each, as bytes."""


def structure_matches(request: SearchRequest) -> vs.VideoNode:
    """Search the windows of all ref frames for the candidate that leaves the least of ref unexplained.

    Args:
        request: What to search; clip and ref may have any format and size.

    Returns:
        A clip of one pixel as long as ref, with the `VSAlign...` props of the match on each frame.
    """
    clip, ref, window, placement = request.clip, request.ref, request.window, request.placement
    size = analysis_size((ref.width, ref.height), PARAMETERS.long_side)
    step = max(1, min(PARAMETERS.anchor_step, ref.num_frames // PARAMETERS.anchors))
    section = step * PARAMETERS.anchors
    chunk = section // PARAMETERS.chunks
    small_clip, small_ref = analysed(clip, *size), analysed(ref, *size)
    for small in (small_clip, small_ref):
        # the frames of a section are used twice: for its transforms, and for the scores
        kept = int(2 * section * max(window.rate, 1)) + 2 * window.radius
        small.std.SetVideoCache(mode=1, fixedsize=1, maxsize=kept, maxhistory=kept)
    pool = ThreadPoolExecutor(min(vs.core.num_threads, PARAMETERS.max_threads), "vs_align")
    if placement is None:
        sections = _sections(small_clip, small_ref, window, step)
    else:
        fitting = placement.resized((clip.width, clip.height), (ref.width, ref.height))
        sections = _placed_sections(fitting, size, section, ref.num_frames)
    windows = _scored_windows(small_clip, small_ref, sections, window, request.fps, chunk, pool)
    return decided_matches(windows, request)


def _sections(clip: vs.VideoNode, ref: vs.VideoNode, window: SearchWindow, step: int) -> vs.VideoNode:
    """Return a frame for each section, with its transforms as frame props."""
    section = step * PARAMETERS.anchors
    count = -(-ref.num_frames // section)
    # the last one begins earlier, to be as long as the others: a few frames cannot separate a shift from a pan
    last = max(0, ref.num_frames - section)
    width = int((section - 1) * window.rate) + 2 * window.radius + 4
    seen, begins = _section_windows(ref, 0, Fraction(section), count, section, last)
    candidates, starts = _section_windows(
        clip, -window.radius - 1, section * window.rate, count, width, window.center(last) - window.radius - 1
    )
    registration = _SectionRegistration(window, begins, starts, step)
    carrier = tiny_clip(count)
    own = carrier.std.ModifyFrame([carrier, *seen[step // 2 :: step], *candidates], registration.section)
    own.std.SetVideoCache(mode=1, fixedsize=1, maxsize=4, maxhistory=4)
    before, after = own[0] + own[:-1] if count > 1 else own, own[1:] + own[-1] if count > 1 else own
    neighbors = carrier.std.ModifyFrame([own, before, after], _neighbor_transforms)
    return carrier.std.FrameEval(
        lambda n, f: own if f.props[_FOUND] else neighbors, prop_src=own, clip_src=[own, neighbors]
    )


def _section_windows(
    clip: vs.VideoNode, start: int, step: Fraction, count: int, width: int, last: int
) -> tuple[list[vs.VideoNode], tuple[int, ...]]:
    """Return a node for each frame of the windows of sections, and their first frames; `last` is that of the last."""
    steady, stride = strided_window(clip, start, step, count, width)
    final, _ = strided_window(clip, last, Fraction(1), 1, width)
    nodes = [(a[: count - 1] + b[0]) if count > 1 else b[0] for a, b in zip(steady, final, strict=True)]
    return nodes, (*(stride.first(n) for n in range(count - 1)), last)


def _placed_sections(placement: Placement, size: tuple[int, int], section: int, length: int) -> vs.VideoNode:
    """Return a frame for each section, with the transforms of a placement as frame props."""
    carrier = tiny_clip(-(-length // section))

    def write(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        numbers = range(n * section, min((n + 1) * section, length))
        runs: list[tuple[Geometry, range]] = []
        for number in numbers:
            matrix = np.asarray(placement.at(number).array)
            small = resize_matrix(size, placement.clip_size) @ matrix @ resize_matrix(placement.ref_size, size)
            small = small / small[2, 2]
            if runs and np.array_equal(runs[-1][0].matrix, small):
                runs[-1] = runs[-1][0], range(runs[-1][1].start, number + 1)
                continue
            whole = identity_geometry(size)
            runs.append((Geometry(small, whole.clip_weight, whole.ref_weight, 1.0), range(number, number + 1)))
        return _with_geometries(f, runs)

    return carrier.std.ModifyFrame(carrier, write)


@dataclass(frozen=True, slots=True)
class _SectionRegistration:
    """The callback that measures the transforms of a section. It holds no node, which would outlive the script."""

    window: SearchWindow
    begins: tuple[int, ...]
    """The first ref frame of each section."""
    starts: tuple[int, ...]
    """The first clip frame of each section."""
    step: int
    """Ref frames from one anchor to the next."""
    trimmer: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def section(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Measure the transforms of section n; `f` holds a carrier, anchors of ref, and their candidates."""
        count = PARAMETERS.anchors
        carrier, anchors, candidates = f[0], f[1 : 1 + count], f[1 + count :]
        begin, start = self.begins[n], self.starts[n]
        numbers = [begin + self.step // 2 + i * self.step for i in range(count)]
        numbers = [i for i in numbers if i < self.window.ref_length] or [self.window.ref_length - 1]
        images = [_luma(frame) for frame in anchors[: len(numbers)]]
        first, last = self.window.first(numbers[0]), self.window.last(numbers[-1])
        clips = [_luma(candidates[number - start]) for number in range(first, last + 1)]
        windows = [range(self.window.first(i) - first, self.window.last(i) + 1 - first) for i in numbers]
        found = find_geometries(clips, images, windows, self.trimmer.check) if clips else []
        # scenes do not end with sections: each frame chooses among the transforms later
        return _with_geometries(carrier, [(each, _ALL_FRAMES) for each in found])


def _neighbor_transforms(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
    """Return the transforms of a neighbor; `f` holds a section in which none was found, and those beside it."""
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
    """Read the transforms of a section, and the ref frames of each; the resize transform if it has none."""
    out = []
    for i in range(int(frame.props[_FOUND])):
        data = bytes(frame.props[f"{_GEOMETRY}{i}"])
        numbers = np.frombuffer(data, np.float64, 12)
        bits = np.unpackbits(np.frombuffer(data, np.uint8, offset=numbers.nbytes)).reshape(2, -1)
        weights = [side[: size[0] * size[1]].reshape(size[1], size[0]).astype(np.float32) for side in bits]
        holds = range(int(numbers[10]), int(numbers[11]))
        out.append((Geometry(numbers[:9].reshape(3, 3).copy(), weights[0], weights[1], float(numbers[9])), holds))
    return out or [(identity_geometry(size), _ALL_FRAMES)]


def _scored_windows(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    sections: vs.VideoNode,
    window: SearchWindow,
    fps: tuple[Fraction, Fraction],
    chunk: int,
    pool: ThreadPoolExecutor,
) -> vs.VideoNode:
    """Return a frame for each ref frame, with the scores of its window as a frame prop."""
    count = -(-ref.num_frames // chunk)
    # candidates find their partners among all ref frames whose windows contain them
    margin = ceil(window.radius / window.rate) + 1
    refs, _ = strided_window(ref, -margin, Fraction(chunk), count, chunk + 2 * margin)
    width = int((chunk - 1) * window.rate) + 2 * window.radius + 4
    candidates, stride = strided_window(clip, -window.radius - 1, chunk * window.rate, count, width)
    of_chunk = vs.core.std.Interleave([sections] * PARAMETERS.chunks)[:count]
    names = [f"VSAlignFrame{i}" for i in range(chunk)]
    metric = Structure(2 * (len(refs) + len(candidates)), pool)
    scorer = _ChunkScorer(metric, window, stride, margin, names, fps)
    carrier = tiny_clip(count)
    packs = carrier.std.ModifyFrame([carrier, of_chunk, *refs, *candidates], scorer.score)
    packs.std.SetVideoCache(mode=1, fixedsize=1, maxsize=4, maxhistory=4)
    return unpacked(packs, names, tiny_clip(1), ref.num_frames)


@dataclass(frozen=True, slots=True)
class _ChunkScorer:
    """The callback that scores the windows of a chunk. It holds no node, which would outlive the script."""

    metric: Structure
    window: SearchWindow
    stride: Stride
    margin: int
    """Ref frames declared to either side of the chunk."""
    names: list[str]
    """Frame props of the result, one for each ref frame of the chunk."""
    fps: tuple[Fraction, Fraction]
    trimmer: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def score(self, n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Score chunk n; `f` holds a carrier, its section, ref frames and candidates. Return a frame with frames."""
        self.trimmer.check()
        length = len(self.names)
        declared = length + 2 * self.margin
        carrier, section, refs, candidates = f[0], f[1], f[2 : 2 + declared], f[2 + declared :]
        begin, end = n * length, min((n + 1) * length, self.window.ref_length)
        base, start = begin - self.margin, self.stride.first(n)
        around = range(max(0, base), min(end + self.margin, self.window.ref_length))
        first, last = self.window.first(begin), self.window.last(end - 1)
        windows = {i: range(max(first, self.window.first(i)), min(last, self.window.last(i)) + 1) for i in around}
        images = WindowImages(
            {i: _LazyLuma(refs[i - base]) for i in around},
            {k: _LazyLuma(candidates[k - start]) for k in range(first, last + 1)},
            windows,
            range(begin, end),
        )
        found = self.metric.scores(images, _geometries_in(section, (refs[0].width, refs[0].height)))
        out = carrier.copy()
        for i, name in enumerate(self.names):
            number = min(begin + i, end - 1)  # the last chunk is filled up
            ref = refs[number - base]
            frame = carrier.copy()
            props: Any = frame.props
            numbers = range(self.window.first(number), self.window.last(number) + 1)
            # beyond the end of clip the declared frames are copies of its last one
            timed = {k: candidates[max(0, k - start)] for k in numbers or [self.window.nearest(number)]}
            scores = dict(zip(numbers, found[number].tolist(), strict=True))
            props[SCORES] = window_scores(number, ref, scores, timed, self.window, self.fps).to_bytes()
            copy_timing(ref.props, props)
            out.props[name] = frame
        return out


@dataclass(frozen=True, slots=True)
class _LazyLuma:
    """The luma of a frame, read when it is called."""

    frame: vs.VideoFrame

    def __call__(self) -> Float32Array:
        return _luma(self.frame)


def _luma(frame: vs.VideoFrame) -> Float32Array:
    """Return plane 0 of a 16 bit frame as float32, 0 to 1."""
    out: Float32Array = plane_array(frame).astype(np.float32)
    out *= np.float32(1 / 65535)
    return out
