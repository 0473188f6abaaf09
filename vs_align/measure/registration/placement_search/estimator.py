"""`place_films`: where one film's picture lies in another's, one transform for each scene."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.decide.synchronization.options import Progress
from vs_align.enums import PlaceMethod, Track
from vs_align.io.array_types import BoolArray, Float32Array, Float64Array
from vs_align.measure.fingerprints.fingerprint import Fingerprints
from vs_align.measure.images.field import neutral_matrix
from vs_align.measure.registration.placement_search.anchor_frames import (
    ROOM,
    NearPictures,
    around,
    near_pictures,
    shared_boxes,
)
from vs_align.measure.registration.placement_search.initial_estimates import centred, plain_starts, small_starts
from vs_align.measure.registration.placement_search.subpixel import (
    NOTHING,
    FinePlace,
    confidence_of,
    corner_difference,
    fine_place,
)
from vs_align.placement.placement import Placement, Scene, Transform

_log = logging.getLogger(__name__)

# Pairs of frames that one transform for all is found from; those of one scene; candidates beside each.
_ANCHORS, _SCENE_ANCHORS, _AROUND, _SCENE_AROUND = 16, 4, 4, 2
_LONGEST = 640
# Frames for a look at small pictures.
_SMALL_ANCHORS, _SMALL_AROUND = 24, 3
# So few scenes are all looked at closely; of more, those that stand out in small pictures, so many at most.
_FEW_SCENES, _MOST_SCENES = 8, 48
# By how many pixels of the small pictures a scene may lie elsewhere until it stands out, and by how many pixels of
# clip until it has a transform of its own.
_STANDS_OUT, _ELSEWHERE = 0.12, 0.3
# Agreement from which on no other place can explain more; less is enough under grain, where halves say the same.
_ENOUGH, _ENOUGH_UNDER_GRAIN = 0.6, 0.35
# The part of what is looked at of ref that lies in clip where all of it does.
_WHOLE = 0.98
# Agreement below which other ways to begin are tried.
_CONVINCING = 0.5
# Pixels by which halves of the anchors may disagree where a place is exact, and confidences that make verdicts.
_EXACT_SPREAD = 0.15
_DOUBTFUL, _SURE = 0.4, 0.8
_SHORTEST_SCENE = 6
# Pairs of frames without which no place is exact: one still confirms nothing but itself.
_CONFIRMED = 4
# Mean difference of two frames, in levels of 255, below which a film stands still.
_STANDS = 0.5
# Cuts of the two films that lie so many frames beside each other are one.
_BESIDE = 3


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two films.

    Args:
        node: Its frames, of any constant format.
        film: Its fingerprints.
        excluded: Areas of the whole picture that do not count, bool (h, w); or None.
        identity: A text that differs where films do.
    """

    node: vs.VideoNode
    film: Fingerprints
    excluded: BoolArray | None = None
    identity: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.node.width, self.node.height


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """How to look.

    Args:
        method: What finds the place.
        scale: Clip pixels per ref pixel, where it is known.
        track: How steady a placement is.
    """

    method: PlaceMethod = PlaceMethod.AUTO
    scale: float | None = None
    track: Track = Track.SCENE


def place_films(
    clip: Side,
    ref: Side,
    frames: Sequence[int | None],
    options: PlaceOptions,
    progress: Progress | None = None,
) -> Placement:
    """Find where ref's picture lies in clip's.

    Args:
        clip: The film in which the other one lies.
        ref: The other one; its frames count.
        frames: The clip frame of each ref frame, or None.
        options: How to look.
        progress: Told how many places are done.
    """
    return _Search(clip, ref, frames, options, progress).placement()


def middle_placement(
    clip_size: tuple[int, int],
    ref_size: tuple[int, int],
    scale: float | None = None,
    confidence: float | None = None,
    reasons: tuple[str, ...] = ("the middle of one on the middle of the other; nothing was compared",),
) -> Placement:
    """Ref's middle on clip's, all along, which is always doubtful; made smaller to fit where no scale is given."""
    if scale is None and (ref_size[0] > clip_size[0] or ref_size[1] > clip_size[1]):
        reasons = (*reasons, "ref is larger than clip, so it was made smaller to fit")
    place = Transform(_rows(centred(clip_size, ref_size, scale)), clip_size, ref_size)
    return Placement(clip_size, ref_size, (Scene(0, place, confidence, "center"),), verdict="doubtful", reasons=reasons)


class _Search:
    def __init__(
        self, clip: Side, ref: Side, frames: Sequence[int | None], options: PlaceOptions, progress: Progress | None
    ) -> None:
        self._clip, self._ref, self._options = clip, ref, options
        self._sizes = clip.size, ref.size
        self._tell = progress or (lambda *_: None)
        flat = clip.film.flat, ref.film.flat
        self._pairs = [
            (n, k) for n, k in enumerate(frames) if k is not None and not flat[1][n] and not flat[0][k]
        ]  # fmt: skip
        self._length = len(frames)

    def placement(self) -> Placement:
        """Find one place for all, then those scenes that lie elsewhere."""
        if self._options.method is PlaceMethod.CENTER:
            return middle_placement(*self._sizes, self._options.scale)
        if not self._pairs:
            return self._centre(("no frames of the two show the same",))
        self._tell("placing", 0, 1)
        whole = self._place_of_all()
        confidence = _confidence(whole)
        if whole is None or confidence < _DOUBTFUL:
            why = "no place explains the pictures" if whole is None else f"pictures agree by {whole.agreement:.2f} only"
            return self._centre((f"{why}: the middle of one on the middle of the other",))
        scenes = self._scenes(whole)
        self._tell("placing", 1, 1)
        if self._options.track is Track.SCAN:
            from vs_align.measure.registration.placement_search.pan_tracking import scanned

            scenes = scanned(self._clip, self._ref, self._pairs, scenes, self._tell)
            moving = [scene.confidence or 0.0 for scene in scenes if scene.method == "scan"]
            if len(moving) == len(scenes):
                # halves of what moves do not lie in one place, and need not
                confidence = min(moving)
        return self._judged(whole, confidence, scenes)

    def _centre(self, reasons: tuple[str, ...]) -> Placement:
        return middle_placement(*self._sizes, self._options.scale, 0.0, reasons)

    def _judged(self, whole: FinePlace, confidence: float, scenes: Sequence[Scene]) -> Placement:
        word = "good" if confidence >= _SURE else "doubtful"
        if confidence >= _SURE and whole.spread <= _EXACT_SPREAD and self._is_confirmed():
            word = "exact"
        own = sum(scene.transform != scenes[0].transform for scene in scenes)
        steady = "nothing confirms the place"
        if np.isfinite(whole.spread):
            steady = f"halves of them place it within {whole.spread:.2f} pixels"
        reasons = [f"pictures agree by {whole.agreement:.3f}; {steady}"]
        if own:
            reasons.append(f"{own} of {len(scenes)} scenes lie elsewhere than the first")
        return Placement(*self._sizes, tuple(scenes), verdict=word, reasons=tuple(reasons))

    def _is_confirmed(self) -> bool:
        """Whether there are several pairs, of which one can confirm what another says."""
        numbers = [n for n, _ in self._pairs]
        # a still that lasts is one image, however many frames there are of it
        return len(numbers) >= _CONFIRMED and float(self._ref.film.change[numbers].max()) >= _STANDS

    def _place_of_all(self) -> FinePlace | None:
        """The place that explains the most of the film."""
        chosen = _spread_out(self._pairs, _ANCHORS)
        found = self._found(chosen)
        if found is None:
            return None
        boxes = (shared_boxes(found.matrix, *self._sizes, ref_room=room)[1] for room in (0.0, None))
        inside, seen = (width * height for _, _, width, height in boxes)
        if found.agreement < _CONVINCING or inside > _WHOLE * seen:
            return found
        # Contrast is measured in surroundings. Where ref goes on beyond clip's edge it has others than clip, and what
        # differs by that pulls the place; without that part of ref it is exact.
        near = self._near(chosen, _AROUND, found.matrix, ref_room=0.0)
        return fine_place(near, found.matrix, self._sizes)

    def _found(self, chosen: Sequence[tuple[int, int]]) -> FinePlace | None:
        method = self._options.method
        best: FinePlace | None = None
        if method in (PlaceMethod.AUTO, PlaceMethod.TEMPLATE):
            starts = self._small_starts(_spread_out(self._pairs, _SMALL_ANCHORS))
            for start in islice(starts, 3):
                best = _better(best, self._fine(chosen, start, _AROUND))
                if _is_enough(best):
                    return best
        if method is PlaceMethod.AUTO and best is not None and best.agreement >= _CONVINCING:
            return best
        if method is not PlaceMethod.TEMPLATE:
            kinds = [PlaceMethod.FEATURE, PlaceMethod.ECC] if method is PlaceMethod.AUTO else [method]
            whole = self._near(chosen, 0, neutral_matrix(*self._sizes), room=1.0)
            for kind in kinds:
                for start in plain_starts(kind, whole, self._sizes):
                    best = _better(best, self._fine(chosen, start, _AROUND))
        return best

    def _fine(
        self, pairs: Sequence[tuple[int, int]], start: Float64Array, reach: int, known: Sequence[Float64Array] = ()
    ) -> FinePlace:
        found = fine_place(self._near(pairs, reach, start), start, self._sizes, known)
        shift = found.matrix[0][2], found.matrix[1][2]
        _log.debug("place tried: shift %.2f, %.2f px, pictures agree by %.3f", *shift, found.agreement)
        return found

    def _near(
        self,
        pairs: Sequence[tuple[int, int]],
        reach: int,
        start: Float64Array,
        room: float = ROOM,
        ref_room: float | None = None,
    ) -> NearPictures:
        excluded = self._clip.excluded, self._ref.excluded
        boxes = shared_boxes(start, *self._sizes, room, ref_room)
        anchors = [(n, around(k, reach, self._clip.node.num_frames)) for n, k in pairs]
        return near_pictures(self._clip.node, self._ref.node, anchors, boxes, _LONGEST, excluded)

    def _small_starts(self, chosen: Sequence[tuple[int, int]]) -> Iterator[Float64Array]:
        clips: list[Float32Array] = []
        refs: list[Float32Array] = []
        windows: list[range] = []
        for n, k in chosen:
            first, stop = max(0, k - _SMALL_AROUND), min(len(self._clip.film), k + _SMALL_AROUND + 1)
            windows.append(range(len(clips), len(clips) + stop - first))
            clips += self._clip.film.lumas(first, stop)
            refs += self._ref.film.lumas(n, n + 1)
        return small_starts(clips, refs, windows, self._sizes, self._options.scale)

    def _scenes(self, whole: FinePlace) -> list[Scene]:
        """One entry for each scene of ref; those that lie elsewhere have transforms of their own."""
        starts = self._starts(whole)
        groups = self._grouped(starts)
        standing_out = self._standing_out(groups, whole)
        shared = Transform(_rows(whole.matrix), *self._sizes)
        sure = _confidence(whole)
        scenes: list[Scene] = []
        done = 0
        for number, (first, pairs) in enumerate(zip(starts, groups, strict=True)):
            scene = Scene(first, shared, sure, whole.kind)
            if number in standing_out:
                done += 1
                self._tell("placing", done, len(standing_out) + 1)
                scene = self._own(scene, pairs, whole)
            scenes.append(scene)
        return scenes

    def _starts(self, whole: FinePlace) -> list[int]:
        """First frames of scenes of ref: its own cuts, those of clip where it shows the same, and changes of place."""
        from vs_align.measure.registration.placement_search.scene_check import unseen_changes

        starts = {0, *self._ref.film.cuts.tolist()}
        theirs = self._clip.film.cuts
        for (n, k), (after, other) in pairwise(self._pairs):
            crossed = np.searchsorted(theirs, k, side="right") != np.searchsorted(theirs, other, side="right")
            if after == n + 1 and crossed and not starts.intersection(range(after - _BESIDE, after + _BESIDE + 1)):
                starts.add(after)
        for n in unseen_changes(self._clip, self._ref, self._pairs, whole.matrix):
            if not starts.intersection(range(n - _BESIDE, n + _BESIDE + 1)):
                starts.add(n)
        return sorted(starts)

    def _grouped(self, starts: Sequence[int]) -> list[list[tuple[int, int]]]:
        groups: list[list[tuple[int, int]]] = [[] for _ in starts]
        places = np.searchsorted(starts, [n for n, _ in self._pairs], side="right") - 1
        for place, pair in zip(places, self._pairs, strict=True):
            groups[place].append(pair)
        return groups

    def _standing_out(self, groups: Sequence[Sequence[tuple[int, int]]], whole: FinePlace) -> set[int]:
        """Scenes that are looked at closely."""
        from vs_align.measure.registration.placement_search.scene_check import misplaced

        possible = [i for i, pairs in enumerate(groups) if len(pairs) >= _SHORTEST_SCENE]
        if len(possible) <= 1:
            return set()
        if len(possible) <= _FEW_SCENES:
            return set(possible)
        off = {i: misplaced(self._clip, self._ref, groups[i], whole.matrix) for i in possible}
        elsewhere = sorted((i for i in possible if off[i] > _STANDS_OUT), key=lambda i: -off[i])
        return set(elsewhere[:_MOST_SCENES])

    def _own(self, scene: Scene, pairs: Sequence[tuple[int, int]], whole: FinePlace) -> Scene:
        """The transform of one scene, which is the common one where that explains it as well."""
        chosen = _spread_out(pairs, _SCENE_ANCHORS)
        found = self._fine(chosen, whole.matrix, _SCENE_AROUND, [whole.matrix])
        if found.agreement < _CONVINCING * whole.agreement or found.agreement < NOTHING:
            for start in islice(self._small_starts(chosen), 2):
                found = _better(found, self._fine(chosen, start, _SCENE_AROUND, [whole.matrix]))
                if _is_enough(found):
                    break
        sure = _confidence(found)
        if found.kind == "known" or sure < _DOUBTFUL:
            return replace(scene, confidence=max(sure, 0.5 * (scene.confidence or 0)))
        if corner_difference(found.matrix, whole.matrix, self._ref.size) < _ELSEWHERE:
            return scene
        return Scene(scene.ref_first, Transform(_rows(found.matrix), *self._sizes), sure, found.kind)


def _rows(matrix: Float64Array) -> Any:
    (a, b, c), (d, e, f), (g, h, i) = (matrix / matrix[2, 2]).tolist()
    return ((a, b, c), (d, e, f), (g, h, i))


def _better(one: FinePlace | None, other: FinePlace) -> FinePlace:
    return other if one is None or other.worth > one.worth else one


def _confidence(place: FinePlace | None) -> float:
    """How sure a place is; of too few anchors it is not known whether they say the same."""
    if place is None:
        return 0.0
    return confidence_of(place.agreement, place.spread if np.isfinite(place.spread) else 1.0)


def _is_enough(place: FinePlace) -> bool:
    steady = place.spread <= _EXACT_SPREAD
    return place.agreement >= _ENOUGH or (steady and place.agreement >= _ENOUGH_UNDER_GRAIN)


def _spread_out(pairs: Sequence[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    return [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).astype(int))]
