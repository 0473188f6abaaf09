"""`match_video`: the clip frame of each ref frame, from the frames alone, at any offset and position in the image.

Collinear chaining of descriptors proposes intervals, registration of thumbnails at anchor pairs places clip's image on
ref's, and the best path over the dissimilarities of all candidates gives the map.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vs_align.decide.synchronization.best_path import (
    FramePath,
    RunExtender,
    best_path,
    neighbor_cost,
    plateaus,
)
from vs_align.decide.synchronization.candidate_ranges import (
    CandidateRanges,
    all_candidates,
    are_short,
    candidates_around,
    candidates_within,
)
from vs_align.decide.synchronization.chaining import MatchedInterval, chain_matches, sample_frames
from vs_align.decide.synchronization.common_crop import common_crop
from vs_align.decide.synchronization.high_resolution import HighResolutionMatcher
from vs_align.decide.synchronization.localization import localize
from vs_align.decide.synchronization.rates import frame_rate_ratios
from vs_align.decide.synchronization.segmentation import NEIGHBOR_REACH, FrameMap
from vs_align.decide.synchronization.similarity import dissimilarities
from vs_align.io.array_types import Float32Array, Float64Array, Int64Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.io.progress import Progress
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.registration.sequence.geometry import (
    Geometry,
    find_geometries,
    identity_geometry,
    likely_aspect_ratios,
)
from vs_align.placement.placement import Placement, Transform


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Sizes and thresholds. Agreement is the mean correlation of registered thumbnails, -1..1."""

    anchors: int = 32
    """Matched pairs at which the placement is estimated."""
    anchor_reach: int = 6
    """Clip frames to either side of an anchor that are registered too: matched intervals are not exact."""
    short_candidates: int = 40
    """Clip frames that each ref frame is registered with in short videos, whose correspondence is unknown."""
    short_anchors: int = 8
    """Ref frames that are registered in short videos, about."""
    convincing: float = 0.75
    """Skip localization above this agreement."""
    positions: int = 2
    """Localized positions that are tried."""
    accepted: float = 0.6
    """Agreement from which on no further position is tried."""
    most_similar: float = 0.98
    """Agreement beyond which a placement gets no better."""
    most_placements: int = 3
    """Placements of one video that are used at most."""
    worthwhile_seconds: float = 1.0
    """Unmatched seconds of ref from which on other placements are searched for them."""
    relative_agreement: float = 0.8
    """Agreement that another placement must reach, as a share of that of the first."""


_TUNING = _Tuning()


@dataclass(frozen=True, slots=True, eq=False)
class VideoMatch:
    """Result of `match_video`.

    Args:
        found: The clip frame of each ref frame.
        differences: (n,) dissimilarity of each pair, 1 minus the correlation of local contrast; NaN for none, negative
            for flat pairs.
        costs: (n,) increase of the negative log-likelihood if a neighboring frame were shown; the lesser of both sides.
        agreement: Mean correlation of registered thumbnails, -1..1; 0 if they could not be registered.
        geometries: Placements of clip's thumbnails on those of ref.
        extender: Extends runs into gaps; None if nothing was compared.
    """

    found: FrameMap
    differences: Float32Array
    costs: Float32Array
    agreement: float
    geometries: tuple[Geometry, ...] = field(default=())
    extender: RunExtender | None = None


def match_video(
    clip: Fingerprints,
    ref: Fingerprints,
    prior: Sequence[MatchedInterval] = (),
    reach: float | None = None,
    progress: Progress | None = None,
    placement: Placement | None = None,
    matcher: HighResolutionMatcher | None = None,
) -> VideoMatch:
    """Find the clip frame of each ref frame.

    Args:
        clip: The video that is searched.
        ref: The video whose frames are looked up.
        prior: Candidate intervals from another source, such as the audio.
        reach: Largest difference of the times of both in seconds; None: any.
        progress: Called with the stage, the work done and its total.
        placement: Maps pixels of ref to pixels of clip, if known.
        matcher: Compares matches that thumbnails leave ambiguous; None: they are not compared again.
    """
    report = progress or (lambda *_: None)
    report("searching", 0, 3)
    known = [] if placement is None else _known_placements(placement)
    searched = _with_known_placements(clip, ref, reach, known) if known else _search(clip, ref, reach)
    intervals, placed, positions = searched
    report("searching", 1, 3)
    if prior:
        intervals, placed = _with_prior(clip, ref, intervals, placed, prior)
    short = are_short(clip, ref)
    if short:
        # a few frames cannot tell a pan from a shift: the unchanged image is always one of the placements
        found = placed or _placed_without_matches(clip, ref, positions)
        placed = known or [*found, identity_geometry((WIDTH, HEIGHT))]
    report("searching", 2, 3)
    if not placed or not (intervals or short):
        return _no_match(len(ref))
    if not short:
        candidates = candidates_around(intervals, clip, ref)
    else:
        candidates = all_candidates(len(clip), len(ref)) if reach is None else candidates_within(clip, ref, reach)
    differences = _compared(clip, ref, candidates, placed, report)
    rates = frame_rate_ratios(intervals, clip, ref)
    path = best_path(candidates, differences, rates, ref.cuts, clip.cuts)
    if matcher is not None:
        before, after = (neighbor_cost(candidates, differences, path, offset) for offset in (-1, 1))
        rematched = matcher.rematch(candidates, differences, path.frames, np.minimum(before, after))
        if rematched is not None:
            candidates, differences = rematched
            path = best_path(candidates, differences, rates, ref.cuts, clip.cuts)
    report("searching", 3, 3)
    return _concluded(candidates, differences, path, placed, rates)


def _compared(
    clip: Fingerprints,
    ref: Fingerprints,
    candidates: CandidateRanges,
    placed: Sequence[Geometry],
    report: Progress,
) -> Float32Array:
    """Dissimilarities of all candidates, with progress of the stage "comparing"."""
    trimmer = MemoryTrimmer()
    most = 0

    def on_progress(done: int) -> None:
        nonlocal most
        trimmer.check()
        # batches run in parallel and may finish out of order
        most = max(most, done)
        report("comparing", most, len(ref))

    differences = dissimilarities(clip, ref, candidates, placed, on_progress)
    report("comparing", len(ref), len(ref))
    return differences


def _search(
    clip: Fingerprints, ref: Fingerprints, reach: float | None
) -> tuple[list[MatchedInterval], list[Geometry], list[Float64Array]]:
    """Matched intervals, placements, and positions at which one image may lie in the other."""
    intervals = chain_matches(clip, ref, reach=reach)
    placed = _placed(clip, ref, intervals)
    positions: list[Float64Array] = []
    if not placed or placed[0].agreement < _TUNING.convincing:
        found = localize(clip, ref)
        positions = [place.matrix for place in found]
        for place in found[: _TUNING.positions]:
            crop = common_crop(Geometry(place.matrix, *_full_weights(), place.agreement)) or (clip.box, ref.box)
            others = chain_matches(clip, ref, *crop, reach)
            closer = _placed(clip, ref, others, [place.matrix], positions)
            if closer and (not placed or _significance(closer[0]) > _significance(placed[0])):
                intervals, placed = others, closer
            if closer and closer[0].agreement >= _TUNING.accepted:
                break
    crop_pair = common_crop(placed[0]) if placed else None
    if crop_pair is not None:
        cropped = chain_matches(clip, ref, *crop_pair, reach)
        if sum(interval.weight for interval in cropped) > sum(interval.weight for interval in intervals):
            closer = _placed(clip, ref, cropped, [placed[0].matrix], positions)
            if closer:
                intervals, placed = cropped, closer
    if placed and positions:
        intervals, placed = _with_other_placements(clip, ref, intervals, placed, reach)
    return intervals, placed, positions


def _with_other_placements(
    clip: Fingerprints,
    ref: Fingerprints,
    intervals: list[MatchedInterval],
    placed: list[Geometry],
    reach: float | None,
) -> tuple[list[MatchedInterval], list[Geometry]]:
    """Search unmatched parts of ref at other positions, for example scenes that were cropped differently."""
    while len(placed) < _TUNING.most_placements:
        rest = _unmatched(ref, intervals)
        worthwhile = len(rest) > _TUNING.worthwhile_seconds * float(ref.rate)
        found = localize(clip, ref, rest)[:1] if worthwhile else []
        if not found:
            break
        crop = common_crop(Geometry(found[0].matrix, *_full_weights(), found[0].agreement)) or (clip.box, ref.box)
        others = [
            interval
            for interval in chain_matches(clip, ref, *crop, reach)
            if not any(_overlap(interval, known) for known in intervals)
        ]
        closer = _placed(clip, ref, others, [found[0].matrix])
        if not closer or closer[0].agreement < _TUNING.relative_agreement * placed[0].agreement:
            break
        intervals = sorted([*intervals, *others], key=lambda interval: float(interval.ref[0]))
        placed = [*placed, closer[0]]
    return intervals, placed


def _unmatched(ref: Fingerprints, intervals: Sequence[MatchedInterval]) -> Int64Array:
    """Ref frames with content outside all intervals."""
    open_frames = ~ref.flat
    for interval in intervals:
        open_frames &= (ref.times < interval.ref[0]) | (ref.times > interval.ref[-1])
    return np.flatnonzero(open_frames)


def _known_placements(placement: Placement) -> list[Geometry]:
    """The transforms of a placement that hold for most ref frames, between thumbnails."""
    small = WIDTH, HEIGHT
    transforms = [scene.transform for scene in placement.resized(small, small).scenes]
    ends = [*(scene.ref_first for scene in placement.scenes[1:]), placement.scenes[-1].ref_first + 1]
    durations: dict[Transform, int] = {}
    for transform, scene, end in zip(transforms, placement.scenes, ends, strict=True):
        durations[transform] = durations.get(transform, 0) + end - scene.ref_first
    most = sorted(durations, key=lambda transform: -durations[transform])[: _TUNING.most_placements]
    return [Geometry(transform.array, *_full_weights(), 1.0) for transform in most]


def _with_known_placements(
    clip: Fingerprints, ref: Fingerprints, reach: float | None, known: list[Geometry]
) -> tuple[list[MatchedInterval], list[Geometry], list[Float64Array]]:
    crop = common_crop(known[0])
    return chain_matches(clip, ref, *(crop or (clip.box, ref.box)), reach), known, [known[0].matrix]


def _full_weights() -> tuple[Float32Array, Float32Array]:
    """Weights of clip and ref that count every pixel."""
    whole = np.ones((HEIGHT, WIDTH), np.float32)
    return whole, whole


def _significance(geometry: Geometry) -> float:
    """Improbability of this agreement on this number of pixels by chance, as a log-likelihood."""
    agreement = min(max(geometry.agreement, 0.0), _TUNING.most_similar)
    return -math.log(1 - agreement * agreement) * len(geometry.common)


def _concluded(
    candidates: CandidateRanges,
    differences: Float32Array,
    path: FramePath,
    placed: Sequence[Geometry],
    rates: Float64Array,
) -> VideoMatch:
    lows, highs = plateaus(candidates, differences, path)
    offsets = range(-NEIGHBOR_REACH, NEIGHBOR_REACH + 1)
    costs = np.column_stack([neighbor_cost(candidates, differences, path, offset) for offset in offsets])
    return VideoMatch(
        FrameMap(path.frames, lows, highs, costs),
        path.differences,
        np.minimum(costs[:, NEIGHBOR_REACH - 1], costs[:, NEIGHBOR_REACH + 1]),
        min(1.0, max(each.agreement for each in placed)),
        tuple(placed),
        RunExtender(candidates, differences, path.floors, rates),
    )


def _no_match(length: int) -> VideoMatch:
    frames = np.full(length, -1, np.int64)
    nan = np.full(length, np.nan, np.float32)
    return VideoMatch(FrameMap(frames, frames, frames), nan, np.zeros(length, np.float32), 0.0)


def _with_prior(
    clip: Fingerprints,
    ref: Fingerprints,
    intervals: list[MatchedInterval],
    placed: list[Geometry],
    prior: Sequence[MatchedInterval],
) -> tuple[list[MatchedInterval], list[Geometry]]:
    """Add prior intervals where the frames gave none, if the frames agree there."""
    added = [each for each in prior if not any(_overlap(each, interval) for interval in intervals)]
    if not added:
        return intervals, placed
    there = _placed(clip, ref, added)
    if not there:
        return intervals, placed
    both = sorted([*intervals, *added], key=lambda interval: float(interval.ref[0]))
    return both, placed or there


def _overlap(one: MatchedInterval, other: MatchedInterval) -> bool:
    """Whether two intervals overlap in ref."""
    return bool(one.ref[0] <= other.ref[-1] and other.ref[0] <= one.ref[-1])


def _placed(
    clip: Fingerprints,
    ref: Fingerprints,
    intervals: Sequence[MatchedInterval],
    starts: Sequence[Float64Array] = (),
    others: Sequence[Float64Array] = (),
) -> list[Geometry]:
    """Placements estimated at anchor pairs spread over the intervals; empty if the images do not agree."""
    pairs = [(r, c) for interval in intervals for r, c in zip(interval.ref, interval.clip, strict=True)]
    if not pairs:
        return []
    chosen = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, _TUNING.anchors).astype(int))]
    clips: list[Float32Array] = []
    refs: list[Float32Array] = []
    windows: list[range] = []
    for r, c in chosen:
        n, k = _frame_at(ref, r), _frame_at(clip, c)
        first, stop = max(0, k - _TUNING.anchor_reach), min(len(clip), k + _TUNING.anchor_reach + 1)
        windows.append(range(len(clips), len(clips) + stop - first))
        clips += clip.lumas(first, stop)
        refs += ref.lumas(n, n + 1)
    return find_geometries(
        clips, refs, windows, starts=starts, shapes=likely_aspect_ratios(clip.size, ref.size), others=others
    )


def placed_by_map(frames: Int64Array, clip: Fingerprints, ref: Fingerprints) -> list[Geometry]:
    """Placements estimated from a given frame map; empty if the images do not agree.

    Args:
        frames: (n,) the clip frame of each ref frame, or one nearby; -1 for none.
        clip: The video with the candidates.
        ref: The other video.
    """
    there = np.flatnonzero((frames >= 0) & ~ref.flat)
    if not len(there):
        return []
    return _placed(clip, ref, [MatchedInterval(ref.times[there], clip.times[frames[there]], float(len(there)))])


def _placed_without_matches(clip: Fingerprints, ref: Fingerprints, positions: Sequence[Float64Array]) -> list[Geometry]:
    """Placements of short videos whose frame correspondence is unknown."""
    ref_frames, clip_frames = sample_frames(ref, 0.0), sample_frames(clip, 0.0)
    if not len(ref_frames) or not len(clip_frames):
        return []
    if len(clip_frames) >= len(ref_frames):
        return _placed_among(clip, clip_frames, ref, ref_frames, positions)
    # each frame of the shorter one occurs in the longer one, but not the reverse: swap them
    swapped = _placed_among(ref, ref_frames, clip, clip_frames, [np.linalg.inv(matrix) for matrix in positions])
    return [
        Geometry(np.linalg.inv(each.matrix), each.ref_weight, each.clip_weight, each.agreement) for each in swapped
    ]  # fmt: skip


def _placed_among(
    longer: Fingerprints,
    candidates: Int64Array,
    shorter: Fingerprints,
    wanted: Int64Array,
    positions: Sequence[Float64Array],
) -> list[Geometry]:
    """Placements of frames of one video on frames of another, each of which has a counterpart among all of them."""
    some = candidates[:: max(1, len(candidates) // _TUNING.short_candidates)]
    clips = [luma for k in some for luma in longer.lumas(int(k), int(k) + 1)]
    few = wanted[:: max(1, len(wanted) // _TUNING.short_anchors)]
    refs = [luma for n in few for luma in shorter.lumas(int(n), int(n) + 1)]
    return find_geometries(
        clips,
        refs,
        [range(len(clips))] * len(refs),
        starts=positions[:1],
        shapes=likely_aspect_ratios(longer.size, shorter.size),
        others=positions,
    )


def _frame_at(video: Fingerprints, time: float) -> int:
    return min(int(np.searchsorted(video.times, time - 1e-6)), len(video) - 1)
