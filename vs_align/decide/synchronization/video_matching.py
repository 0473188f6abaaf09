"""`match_pictures`: the clip frame of each ref frame, found in the pictures alone, wherever it may be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vs_align.decide.synchronization.best_path import Carrier, Path, best_path, equals, evidence
from vs_align.decide.synchronization.chaining import Stretch, chain, sampled
from vs_align.decide.synchronization.common_crop import framing_of
from vs_align.decide.synchronization.localization import located
from vs_align.decide.synchronization.options import Progress
from vs_align.decide.synchronization.rates import paces
from vs_align.decide.synchronization.refinement import CloseLook
from vs_align.decide.synchronization.search_bands import Bands, are_short, bands_of, near_bands, whole_bands
from vs_align.decide.synchronization.segmentation import REACH, FrameMap
from vs_align.decide.synchronization.similarity import differences
from vs_align.io.array_types import Float32Array, Float64Array, Int64Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.measure.fingerprints.fingerprint import HEIGHT, WIDTH, Fingerprints
from vs_align.measure.registration.sequence.geometry import Geometry, geometries, likely_shapes, neutral_geometry
from vs_align.placement.placement import Placement, Transform

# Frames at which it is looked how clip lies on ref, and candidates to either side of what the chain says.
_ANCHORS, _AROUND = 32, 6
# Where films are so short that nothing is known, so many candidates are looked at for each.
_CANDIDATES = 40
# Agreement from which on nobody asks where else one picture may lie in the other; and how many places are looked at.
_CONVINCING, _PLACES, _SETTLED = 0.75, 2, 0.6
_MOST_ALIKE = 0.98
# Transforms of a placement that are tried.
_MOST_KNOWN = 3
# Seconds of ref without a counterpart that are worth a look at other places; and what a place must reach there, as a
# part of what the first one does.
_WORTH_A_LOOK, _AS_GOOD = 1.0, 0.8


@dataclass(frozen=True, slots=True, eq=False)
class PictureMatch:
    """What the pictures say.

    Args:
        found: The clip frame of each ref frame.
        differences: (n,) 1 minus the correlation of local contrast of each pair; NaN without a counterpart, negative
            where there is nothing to be seen.
        evidence: (n,) by how much the frames beside are worse, as the lesser of both sides.
        agreement: Mean correlation of frames that were laid on each other, -1..1; 0 where they could not be.
        geometries: How small pictures of clip lie on those of ref.
        carrier: Carries lines on; None where nothing was compared.
    """

    found: FrameMap
    differences: Float32Array
    evidence: Float32Array
    agreement: float
    geometries: tuple[Geometry, ...] = field(default=())
    carrier: Carrier | None = None


def match_pictures(
    clip: Fingerprints,
    ref: Fingerprints,
    hints: Sequence[Stretch] = (),
    reach: float | None = None,
    progress: Progress | None = None,
    placement: Placement | None = None,
    closer: CloseLook | None = None,
) -> PictureMatch:
    """Find the clip frame of each ref frame.

    Args:
        clip: Where to look.
        ref: What to look for.
        hints: Stretches that something else, such as the sound, says both have in common.
        reach: Seconds by which the times of both may differ at most; None: any.
        progress: Told what is being done.
        placement: Where clip lies on ref, where that is known.
        closer: Compares frames that small pictures do not tell apart; None: nobody does.
    """
    tell = progress or (lambda *_: None)
    tell("searching", 0, 3)
    known = [] if placement is None else _known(placement)
    stretches, placed, places = _known_places(clip, ref, reach, known) if known else _searched(clip, ref, reach)
    tell("searching", 1, 3)
    if hints:
        stretches, placed = _with_hints(clip, ref, stretches, placed, hints)
    short = are_short(clip, ref)
    if short:
        # a few frames cannot tell a pan from a shift: as they are is always one way to look at them
        placed = known or [*(placed or _placed_anywhere(clip, ref, places)), neutral_geometry((WIDTH, HEIGHT))]
    tell("searching", 2, 3)
    if not placed or not (stretches or short):
        return _nothing(len(ref))
    if not short:
        bands = bands_of(stretches, clip, ref)
    else:
        bands = whole_bands(len(clip), len(ref)) if reach is None else near_bands(clip, ref, reach)
    trimmer = MemoryTrimmer()

    most = 0

    def told(done: int) -> None:
        nonlocal most
        trimmer.check()
        # stretches are worked at side by side
        most = max(most, done)
        tell("comparing", most, len(ref))

    unlike = differences(clip, ref, bands, placed, told)
    tell("comparing", len(ref), len(ref))
    rates = paces(stretches, clip, ref)
    path = best_path(bands, unlike, rates, ref.cuts, clip.cuts)
    if closer is not None:
        beside = np.minimum(evidence(bands, unlike, path, -1), evidence(bands, unlike, path, 1))
        again = closer.again(bands, unlike, path.frames, beside)
        if again is not None:
            bands, unlike = again
            path = best_path(bands, unlike, rates, ref.cuts, clip.cuts)
    tell("searching", 3, 3)
    return _concluded(bands, unlike, path, placed, rates)


def _searched(
    clip: Fingerprints, ref: Fingerprints, reach: float | None
) -> tuple[list[Stretch], list[Geometry], list[Float64Array]]:
    """What both have in common, how one lies on the other, and where it may lie if it is a part of it."""
    stretches = chain(clip, ref, reach=reach)
    placed = _placed(clip, ref, stretches)
    places: list[Float64Array] = []
    if not placed or placed[0].agreement < _CONVINCING:
        found = located(clip, ref)
        places = [place.matrix for place in found]
        for place in found[:_PLACES]:
            there = framing_of(Geometry(place.matrix, *_whole(), place.agreement)) or (clip.box, ref.box)
            others = chain(clip, ref, *there, reach)
            closer = _placed(clip, ref, others, [place.matrix], places)
            if closer and (not placed or _worth(closer[0]) > _worth(placed[0])):
                stretches, placed = others, closer
            if closer and closer[0].agreement >= _SETTLED:
                break
    framing = framing_of(placed[0]) if placed else None
    if framing is not None:
        again = chain(clip, ref, *framing, reach)
        if sum(stretch.weight for stretch in again) > sum(stretch.weight for stretch in stretches):
            closer = _placed(clip, ref, again, [placed[0].matrix], places)
            if closer:
                stretches, placed = again, closer
    if placed and places:
        stretches, placed = _with_other_places(clip, ref, stretches, placed, reach)
    return stretches, placed, places


def _with_other_places(
    clip: Fingerprints, ref: Fingerprints, stretches: list[Stretch], placed: list[Geometry], reach: float | None
) -> tuple[list[Stretch], list[Geometry]]:
    """Look for those parts of ref that nothing explains yet at other places, as where scenes were cropped anew."""
    while len(placed) < _MOST_KNOWN:
        rest = _unexplained(ref, stretches)
        found = located(clip, ref, rest)[:1] if len(rest) > _WORTH_A_LOOK * float(ref.rate) else []
        if not found:
            break
        there = framing_of(Geometry(found[0].matrix, *_whole(), found[0].agreement)) or (clip.box, ref.box)
        others = [
            stretch
            for stretch in chain(clip, ref, *there, reach)
            if not any(_meet(stretch, known) for known in stretches)
        ]
        closer = _placed(clip, ref, others, [found[0].matrix])
        if not closer or closer[0].agreement < _AS_GOOD * placed[0].agreement:
            break
        stretches = sorted([*stretches, *others], key=lambda stretch: float(stretch.ref[0]))
        placed = [*placed, closer[0]]
    return stretches, placed


def _unexplained(ref: Fingerprints, stretches: Sequence[Stretch]) -> Int64Array:
    """Ref frames that lie in no stretch."""
    open_frames = ~ref.flat
    for stretch in stretches:
        open_frames &= (ref.times < stretch.ref[0]) | (ref.times > stretch.ref[-1])
    return np.flatnonzero(open_frames)


def _known(placement: Placement) -> list[Geometry]:
    """The transforms of a placement that hold for most frames of ref, between small pictures."""
    small = WIDTH, HEIGHT
    transforms = [scene.transform for scene in placement.resized(small, small).scenes]
    ends = [*(scene.ref_first for scene in placement.scenes[1:]), placement.scenes[-1].ref_first + 1]
    lasting: dict[Transform, int] = {}
    for transform, scene, end in zip(transforms, placement.scenes, ends, strict=True):
        lasting[transform] = lasting.get(transform, 0) + end - scene.ref_first
    most = sorted(lasting, key=lambda transform: -lasting[transform])[:_MOST_KNOWN]
    return [Geometry(transform.array, *_whole(), 1.0) for transform in most]


def _known_places(
    clip: Fingerprints, ref: Fingerprints, reach: float | None, known: list[Geometry]
) -> tuple[list[Stretch], list[Geometry], list[Float64Array]]:
    framing = framing_of(known[0])
    return chain(clip, ref, *(framing or (clip.box, ref.box)), reach), known, [known[0].matrix]


def _whole() -> tuple[Float32Array, Float32Array]:
    whole = np.ones((HEIGHT, WIDTH), np.float32)
    return whole, whole


def _worth(geometry: Geometry) -> float:
    """How unlikely it is that pictures agree so well, and on so many pixels, by chance."""
    alike = min(max(geometry.agreement, 0.0), _MOST_ALIKE)
    return -math.log(1 - alike * alike) * len(geometry.common)


def _concluded(
    bands: Bands,
    unlike: Float32Array,
    path: Path,
    placed: Sequence[Geometry],
    rates: Float64Array,
) -> PictureMatch:
    lows, highs = equals(bands, unlike, path)
    prices = np.column_stack([evidence(bands, unlike, path, beside) for beside in range(-REACH, REACH + 1)])
    return PictureMatch(
        FrameMap(path.frames, lows, highs, prices),
        path.differences,
        np.minimum(prices[:, REACH - 1], prices[:, REACH + 1]),
        min(1.0, max(each.agreement for each in placed)),
        tuple(placed),
        Carrier(bands, unlike, path.floors, rates),
    )


def _nothing(length: int) -> PictureMatch:
    frames = np.full(length, -1, np.int64)
    nan = np.full(length, np.nan, np.float32)
    return PictureMatch(FrameMap(frames, frames, frames), nan, np.zeros(length, np.float32), 0.0)


def _with_hints(
    clip: Fingerprints,
    ref: Fingerprints,
    stretches: list[Stretch],
    placed: list[Geometry],
    hints: Sequence[Stretch],
) -> tuple[list[Stretch], list[Geometry]]:
    """Take hints for those parts of ref of which the pictures say nothing, if pictures agree there."""
    open_hints = [hint for hint in hints if not any(_meet(hint, stretch) for stretch in stretches)]
    if not open_hints:
        return stretches, placed
    there = _placed(clip, ref, open_hints)
    if not there:
        return stretches, placed
    both = sorted([*stretches, *open_hints], key=lambda stretch: float(stretch.ref[0]))
    return both, placed or there


def _meet(one: Stretch, other: Stretch) -> bool:
    return bool(one.ref[0] <= other.ref[-1] and other.ref[0] <= one.ref[-1])


def _placed(
    clip: Fingerprints,
    ref: Fingerprints,
    stretches: Sequence[Stretch],
    starts: Sequence[Float64Array] = (),
    others: Sequence[Float64Array] = (),
) -> list[Geometry]:
    """How clip lies on ref at some pairs of frames that are near each other in time; empty where they do not agree."""
    pairs = [(r, c) for stretch in stretches for r, c in zip(stretch.ref, stretch.clip, strict=True)]
    if not pairs:
        return []
    chosen = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, _ANCHORS).astype(int))]
    clips: list[Float32Array] = []
    refs: list[Float32Array] = []
    windows: list[range] = []
    for r, c in chosen:
        n, k = _frame_at(ref, r), _frame_at(clip, c)
        first, stop = max(0, k - _AROUND), min(len(clip), k + _AROUND + 1)
        windows.append(range(len(clips), len(clips) + stop - first))
        clips += clip.lumas(first, stop)
        refs += ref.lumas(n, n + 1)
    return geometries(clips, refs, windows, starts=starts, shapes=likely_shapes(clip.size, ref.size), others=others)


def placed_by_map(frames: Int64Array, clip: Fingerprints, ref: Fingerprints) -> list[Geometry]:
    """How clip lies on ref where a map says which frames belong together; empty where they do not agree.

    Args:
        frames: (n,) the clip frame of each ref frame, or one nearby; -1 where there is none.
        clip: The film with the candidates.
        ref: The other one.
    """
    there = np.flatnonzero((frames >= 0) & ~ref.flat)
    if not len(there):
        return []
    return _placed(clip, ref, [Stretch(ref.times[there], clip.times[frames[there]], float(len(there)))])


def _placed_anywhere(clip: Fingerprints, ref: Fingerprints, places: Sequence[Float64Array]) -> list[Geometry]:
    """How clip lies on ref where nobody knows which frames belong together, in short films."""
    asking, answering = sampled(ref, 0.0), sampled(clip, 0.0)
    if not len(asking) or not len(answering):
        return []
    if len(answering) >= len(asking):
        return _placed_among(clip, answering, ref, asking, places)
    # each frame of the shorter one is in the longer one, and not the other way round
    turned = _placed_among(ref, asking, clip, answering, [np.linalg.inv(place) for place in places])
    return [
        Geometry(np.linalg.inv(each.matrix), each.ref_weight, each.clip_weight, each.agreement) for each in turned
    ]  # fmt: skip


def _placed_among(
    many: Fingerprints,
    candidates: Int64Array,
    few: Fingerprints,
    wanted: Int64Array,
    places: Sequence[Float64Array],
) -> list[Geometry]:
    """How frames of one film lie on some of another, each of which has a counterpart among all of them."""
    some = candidates[:: max(1, len(candidates) // _CANDIDATES)]
    clips = [luma for k in some for luma in many.lumas(int(k), int(k) + 1)]
    refs = [luma for n in wanted[:: max(1, len(wanted) // 8)] for luma in few.lumas(int(n), int(n) + 1)]
    return geometries(
        clips,
        refs,
        [range(len(clips))] * len(refs),
        starts=places[:1],
        shapes=likely_shapes(many.size, few.size),
        others=places,
    )


def _frame_at(film: Fingerprints, time: float) -> int:
    return min(int(np.searchsorted(film.times, time - 1e-6)), len(film) - 1)
