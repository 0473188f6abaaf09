"""Placement estimation: the transform from ref to clip for each scene, from matched frames of two videos.

One transform is estimated for the whole video from anchor frames: initial estimates (thumbnails, features or phase
correlation), then subpixel refinement with model selection. Scenes whose thumbnails disagree with it are refined on
their own; pan-and-scan tracking follows if requested.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

import numpy as np

from vs_align.enums import PlaceMethod, Track
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.io.progress import Progress
from vs_align.measure.registration.placement_search.anchor_frames import (
    MARGIN,
    AnchorFrames,
    frames_around,
    overlap_boxes,
    read_anchor_frames,
)
from vs_align.measure.registration.placement_search.initial_estimates import (
    centered_matrix,
    direct_estimates,
    thumbnail_estimates,
)
from vs_align.measure.registration.placement_search.subpixel import (
    MIN_AGREEMENT,
    RefinedPlacement,
    placement_confidence,
    refine_placement,
)
from vs_align.measure.video import Video
from vs_align.placement.homography import corner_distance, resize_matrix
from vs_align.placement.placement import Placement, Scene, Transform

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Settings:
    """Tunables of placement estimation."""

    anchors: int = 16
    """Frame pairs from which the transform of the whole video is estimated."""
    scene_anchors: int = 4
    """Frame pairs from which the transform of a scene is estimated."""
    candidate_radius: int = 4
    """Candidates to either side of a matched frame, for the whole video."""
    scene_candidate_radius: int = 2
    """Candidates to either side of a matched frame, for a scene."""
    longer_side: int = 640
    """Longer side of anchor frames in pixels."""
    thumbnail_anchors: int = 24
    """Frame pairs for the initial estimates from thumbnails."""
    thumbnail_candidate_radius: int = 3
    """Candidates to either side of a matched frame, for thumbnails."""
    refine_all_up_to: int = 8
    """Number of scenes up to which all are refined; of more, those of the largest thumbnail errors."""
    max_refined_scenes: int = 48
    """Largest number of scenes that are refined."""
    min_thumbnail_error: float = 0.12
    """Placement error in thumbnail pixels from which on a scene is refined."""
    min_scene_distance: float = 0.3
    """Distance in clip pixels from which on a scene gets a transform of its own."""
    sufficient_ncc: float = 0.6
    """NCC from which on no other initial estimate is tried."""
    sufficient_ncc_if_stable: float = 0.35
    """The same if two halves of the anchors agree: grain lowers the NCC."""
    fully_covered: float = 0.98
    """Share of the compared area of ref that lies in clip, from which on ref lies in clip entirely."""
    convincing_ncc: float = 0.5
    """NCC below which further sources of initial estimates are tried."""
    exact_error: float = 0.15
    """Largest error between two halves of the anchors, in clip pixels, for the verdict "exact"."""
    min_confidence: float = 0.4
    """Confidence below which a placement is rejected."""
    good_confidence: float = 0.8
    """Confidence from which on the verdict is "good"."""
    min_scene_length: int = 6
    """Smallest number of frame pairs of a scene that is refined."""
    min_confirming_pairs: int = 4
    """Smallest number of frame pairs for the verdict "exact": a single one confirms only itself."""
    still_change: float = 0.5
    """Mean absolute difference of successive thumbnails, in levels of 255, below which a video is a still."""
    cut_tolerance: int = 3
    """Frames within which cuts of the two videos are the same cut."""


_SETTINGS = _Settings()


@dataclass(frozen=True, slots=True)
class PlacementOptions:
    """Options of placement estimation.

    Args:
        method: Source of the initial estimates.
        scale: Clip pixels per ref pixel if known.
        track: Whether one transform holds per scene, or moves within scenes.
    """

    method: PlaceMethod = PlaceMethod.AUTO
    scale: float | None = None
    track: Track = Track.SCENE


def estimate_placement(
    clip: Video,
    ref: Video,
    frames: Sequence[int | None],
    options: PlacementOptions,
    progress: Progress | None = None,
) -> Placement:
    """Estimate the placement of ref in clip.

    Args:
        clip: The video that contains the other one.
        ref: The other video; its frames are numbered in the result.
        frames: The clip frame of each ref frame, or None.
        options: Options of the search.
        progress: Called with stage, finished and total number of steps.
    """
    return _PlacementEstimator(clip, ref, frames, options, progress).placement()


def centered_placement(
    clip_size: tuple[int, int],
    ref_size: tuple[int, int],
    scale: float | None = None,
    confidence: float | None = None,
    reasons: tuple[str, ...] = ("the middle of one on the middle of the other; nothing was compared",),
) -> Placement:
    """Return the placement with ref centered in clip, reduced to fit if no scale is given, with verdict "doubtful"."""
    if scale is None and (ref_size[0] > clip_size[0] or ref_size[1] > clip_size[1]):
        reasons = (*reasons, "ref is larger than clip, so it was made smaller to fit")
    place = Transform(_rows(centered_matrix(clip_size, ref_size, scale)), clip_size, ref_size)
    return Placement(clip_size, ref_size, (Scene(0, place, confidence, "center"),), verdict="doubtful", reasons=reasons)


class _PlacementEstimator:
    def __init__(
        self,
        clip: Video,
        ref: Video,
        frames: Sequence[int | None],
        options: PlacementOptions,
        progress: Progress | None,
    ) -> None:
        self._clip, self._ref, self._options = clip, ref, options
        self._sizes = clip.size, ref.size
        self._tell = progress or (lambda *_: None)
        flat = clip.fingerprints(progress).flat, ref.fingerprints(progress).flat
        self._pairs = [
            (n, k) for n, k in enumerate(frames) if k is not None and not flat[1][n] and not flat[0][k]
        ]  # fmt: skip
        self._length = len(frames)

    def placement(self) -> Placement:
        """Estimate one transform for all frames, then those of scenes that deviate."""
        if self._options.method is PlaceMethod.CENTER:
            return centered_placement(*self._sizes, self._options.scale)
        if not self._pairs:
            return self._center(("no frames of the two show the same",))
        self._tell("placing", 0, 1)
        overall = self._global_placement()
        confidence = _confidence(overall)
        if overall is None or confidence < _SETTINGS.min_confidence:
            why = "no place explains the images" if overall is None else f"images agree by {overall.agreement:.2f} only"
            return self._center((f"{why}: the middle of one on the middle of the other",))
        scenes = self._scene_placements(overall)
        self._tell("placing", 1, 1)
        if self._options.track is Track.SCAN:
            from vs_align.measure.registration.placement_search.pan_tracking import track_pans

            scenes = track_pans(self._clip, self._ref, self._pairs, scenes, self._tell)
            moving = [scene.confidence or 0.0 for scene in scenes if scene.method == "scan"]
            if len(moving) == len(scenes):
                # A moving placement has no error between two halves of the anchors.
                confidence = min(moving)
        return self._with_verdict(overall, confidence, scenes)

    def _center(self, reasons: tuple[str, ...]) -> Placement:
        return centered_placement(*self._sizes, self._options.scale, 0.0, reasons)

    def _with_verdict(self, overall: RefinedPlacement, confidence: float, scenes: Sequence[Scene]) -> Placement:
        word = "good" if confidence >= _SETTINGS.good_confidence else "doubtful"
        if (
            confidence >= _SETTINGS.good_confidence
            and overall.split_half_error <= _SETTINGS.exact_error
            and self._is_confirmed()
        ):
            word = "exact"
        own = sum(scene.transform != scenes[0].transform for scene in scenes)
        steady = "nothing confirms the place"
        if np.isfinite(overall.split_half_error):
            steady = f"halves of them place it within {overall.split_half_error:.2f} pixels"
        reasons = [f"images agree by {overall.agreement:.3f}; {steady}"]
        if own:
            reasons.append(f"{own} of {len(scenes)} scenes lie elsewhere than the first")
        return Placement(*self._sizes, tuple(scenes), verdict=word, reasons=tuple(reasons))

    def _is_confirmed(self) -> bool:
        """Return whether there are several frame pairs with different content, which confirm each other."""
        numbers = [n for n, _ in self._pairs]
        # A still image that lasts is a single sample, regardless of its number of frames.
        return (
            len(numbers) >= _SETTINGS.min_confirming_pairs
            and float(self._ref.fingerprints().change[numbers].max()) >= _SETTINGS.still_change
        )

    def _global_placement(self) -> RefinedPlacement | None:
        """Return the placement of highest significance for all frames."""
        chosen = _evenly_spaced(self._pairs, _SETTINGS.anchors)
        found = self._from_all_estimates(chosen)
        if found is None:
            return None
        boxes = (overlap_boxes(found.matrix, *self._sizes, ref_margin=margin)[1] for margin in (0.0, None))
        inside, seen = (width * height for _, _, width, height in boxes)
        if found.agreement < _SETTINGS.convincing_ncc or inside > _SETTINGS.fully_covered * seen:
            return found
        # Contrast normalization depends on the surroundings. If ref extends beyond clip's edge, the surroundings
        # there differ, which biases the placement; ref is therefore cropped to the common area.
        near = self._anchor_frames(chosen, _SETTINGS.candidate_radius, found.matrix, ref_margin=0.0)
        return refine_placement(near, found.matrix, self._sizes)

    def _from_all_estimates(self, chosen: Sequence[tuple[int, int]]) -> RefinedPlacement | None:
        method = self._options.method
        best: RefinedPlacement | None = None
        if method in (PlaceMethod.AUTO, PlaceMethod.TEMPLATE):
            starts = self._thumbnail_estimates(_evenly_spaced(self._pairs, _SETTINGS.thumbnail_anchors))
            for start in islice(starts, 3):
                best = _more_significant(best, self._refined(chosen, start, _SETTINGS.candidate_radius))
                if _is_sufficient(best):
                    return best
        if method is PlaceMethod.AUTO and best is not None and best.agreement >= _SETTINGS.convincing_ncc:
            return best
        if method is not PlaceMethod.TEMPLATE:
            kinds = [PlaceMethod.FEATURE, PlaceMethod.ECC] if method is PlaceMethod.AUTO else [method]
            full_frames = self._anchor_frames(chosen, 0, resize_matrix(*self._sizes), margin=1.0)
            for kind in kinds:
                for start in direct_estimates(kind, full_frames, self._sizes):
                    best = _more_significant(best, self._refined(chosen, start, _SETTINGS.candidate_radius))
        return best

    def _refined(
        self, pairs: Sequence[tuple[int, int]], start: Float64Array, reach: int, known: Sequence[Float64Array] = ()
    ) -> RefinedPlacement:
        found = refine_placement(self._anchor_frames(pairs, reach, start), start, self._sizes, known)
        shift = found.matrix[0][2], found.matrix[1][2]
        _log.debug("placement tried: shift %.2f, %.2f px, images agree by %.3f", *shift, found.agreement)
        return found

    def _anchor_frames(
        self,
        pairs: Sequence[tuple[int, int]],
        reach: int,
        start: Float64Array,
        margin: float = MARGIN,
        ref_margin: float | None = None,
    ) -> AnchorFrames:
        excluded = self._clip.excluded, self._ref.excluded
        boxes = overlap_boxes(start, *self._sizes, margin, ref_margin)
        anchors = [(n, frames_around(k, reach, self._clip.length)) for n, k in pairs]
        return read_anchor_frames(self._clip, self._ref, anchors, boxes, _SETTINGS.longer_side, excluded)

    def _thumbnail_estimates(self, chosen: Sequence[tuple[int, int]]) -> Iterator[Float64Array]:
        clips: list[Float32Array] = []
        refs: list[Float32Array] = []
        windows: list[range] = []
        for n, k in chosen:
            first, stop = (
                max(0, k - _SETTINGS.thumbnail_candidate_radius),
                min(len(self._clip.fingerprints()), k + _SETTINGS.thumbnail_candidate_radius + 1),
            )
            windows.append(range(len(clips), len(clips) + stop - first))
            clips += self._clip.fingerprints().lumas(first, stop)
            refs += self._ref.fingerprints().lumas(n, n + 1)
        return thumbnail_estimates(clips, refs, windows, self._sizes, self._options.scale)

    def _scene_placements(self, overall: RefinedPlacement) -> list[Scene]:
        """Return one entry per scene of ref; scenes that deviate have transforms of their own."""
        starts = self._scene_starts(overall)
        groups = self._pairs_of_scenes(starts)
        refined_scenes = self._scenes_to_refine(groups, overall)
        shared = Transform(_rows(overall.matrix), *self._sizes)
        confidence = _confidence(overall)
        scenes: list[Scene] = []
        done = 0
        for number, (first, pairs) in enumerate(zip(starts, groups, strict=True)):
            scene = Scene(first, shared, confidence, overall.kind)
            if number in refined_scenes:
                done += 1
                self._tell("placing", done, len(refined_scenes) + 1)
                scene = self._scene_placement(scene, pairs, overall)
            scenes.append(scene)
        return scenes

    def _scene_starts(self, overall: RefinedPlacement) -> list[int]:
        """Return the first frames of scenes of ref: its cuts, cuts of clip between matched frames, and missed cuts."""
        from vs_align.measure.registration.placement_search.scene_check import missed_cuts

        starts = {0, *self._ref.fingerprints().cuts.tolist()}
        theirs = self._clip.fingerprints().cuts
        for (n, k), (after, other) in pairwise(self._pairs):
            crossed = np.searchsorted(theirs, k, side="right") != np.searchsorted(theirs, other, side="right")
            if (
                after == n + 1
                and crossed
                and not starts.intersection(range(after - _SETTINGS.cut_tolerance, after + _SETTINGS.cut_tolerance + 1))
            ):
                starts.add(after)
        for n in missed_cuts(self._clip, self._ref, self._pairs, overall.matrix):
            if not starts.intersection(range(n - _SETTINGS.cut_tolerance, n + _SETTINGS.cut_tolerance + 1)):
                starts.add(n)
        return sorted(starts)

    def _pairs_of_scenes(self, starts: Sequence[int]) -> list[list[tuple[int, int]]]:
        groups: list[list[tuple[int, int]]] = [[] for _ in starts]
        places = np.searchsorted(starts, [n for n, _ in self._pairs], side="right") - 1
        for place, pair in zip(places, self._pairs, strict=True):
            groups[place].append(pair)
        return groups

    def _scenes_to_refine(self, groups: Sequence[Sequence[tuple[int, int]]], overall: RefinedPlacement) -> set[int]:
        """Return the indices of the scenes to refine: all if there are few, else those of the largest errors."""
        from vs_align.measure.registration.placement_search.scene_check import placement_error

        possible = [i for i, pairs in enumerate(groups) if len(pairs) >= _SETTINGS.min_scene_length]
        if len(possible) <= 1:
            return set()
        if len(possible) <= _SETTINGS.refine_all_up_to:
            return set(possible)
        off = {i: placement_error(self._clip, self._ref, groups[i], overall.matrix) for i in possible}
        elsewhere = sorted((i for i in possible if off[i] > _SETTINGS.min_thumbnail_error), key=lambda i: -off[i])
        return set(elsewhere[: _SETTINGS.max_refined_scenes])

    def _scene_placement(self, scene: Scene, pairs: Sequence[tuple[int, int]], overall: RefinedPlacement) -> Scene:
        """Return the placement of one scene: the common one if it explains the scene as well."""
        chosen = _evenly_spaced(pairs, _SETTINGS.scene_anchors)
        found = self._refined(chosen, overall.matrix, _SETTINGS.scene_candidate_radius, [overall.matrix])
        if found.agreement < _SETTINGS.convincing_ncc * overall.agreement or found.agreement < MIN_AGREEMENT:
            for start in islice(self._thumbnail_estimates(chosen), 2):
                found = _more_significant(
                    found, self._refined(chosen, start, _SETTINGS.scene_candidate_radius, [overall.matrix])
                )
                if _is_sufficient(found):
                    break
        confidence = _confidence(found)
        if found.kind == "known" or confidence < _SETTINGS.min_confidence:
            return replace(scene, confidence=max(confidence, 0.5 * (scene.confidence or 0)))
        if corner_distance(found.matrix, overall.matrix, self._ref.size) < _SETTINGS.min_scene_distance:
            return scene
        return Scene(scene.ref_first, Transform(_rows(found.matrix), *self._sizes), confidence, found.kind)


def _rows(matrix: Float64Array) -> Any:
    (a, b, c), (d, e, f), (g, h, i) = (matrix / matrix[2, 2]).tolist()
    return ((a, b, c), (d, e, f), (g, h, i))


def _more_significant(one: RefinedPlacement | None, other: RefinedPlacement) -> RefinedPlacement:
    return other if one is None or other.significance > one.significance else one


def _confidence(place: RefinedPlacement | None) -> float:
    """Return the confidence of a placement, 0..1; an error of one pixel is assumed if it could not be measured."""
    if place is None:
        return 0.0
    return placement_confidence(place.agreement, place.split_half_error if np.isfinite(place.split_half_error) else 1.0)


def _is_sufficient(place: RefinedPlacement) -> bool:
    steady = place.split_half_error <= _SETTINGS.exact_error
    return place.agreement >= _SETTINGS.sufficient_ncc or (
        steady and place.agreement >= _SETTINGS.sufficient_ncc_if_stable
    )


def _evenly_spaced(pairs: Sequence[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    return [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).astype(int))]
