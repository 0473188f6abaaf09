"""`scanned`: placements that move slowly within a scene, as in pan and scan."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.signal import savgol_filter

from vs_align.io.array_types import Float64Array
from vs_align.measure.registration.esm import AFFINE, UNIFORM
from vs_align.measure.registration.placement_search.anchor_frames import (
    NearPictures,
    around,
    near_pictures,
    shared_boxes,
)
from vs_align.measure.registration.placement_search.subpixel import confidence_of, edges_of, placed_on
from vs_align.measure.registration.sequence.sequence_pair import Sequences
from vs_align.placement.placement import Scene, Transform

if TYPE_CHECKING:
    from vs_align.measure.registration.placement_search.estimator import Side

# Frames from one look to the next, and looks that a scene must have to be followed.
_STEP, _FEWEST = 12, 3
_LONGEST, _RADIUS, _STEPS = 480, 7, 12
# How far beyond its place at first a scene may wander, as a share of what both pictures share.
_ROOM = 0.4
# What looks must agree by to be believed, and pixels of clip by which an edge must move to be called moving.
_BELIEVED, _MOVES = 0.2, 0.75
_SMOOTHED = 5
# By how much another moment must explain the pictures better: at least, and as a part of what stays unexplained.
_CLEARLY, _CLEARLY_SHARE = 0.002, 0.1


def scanned(
    clip: "Side",
    ref: "Side",
    pairs: Sequence[tuple[int, int]],
    scenes: Sequence[Scene],
    tell: Callable[[str, int, int], Any],
) -> list[Scene]:
    """Follow the place within each scene.

    Args:
        clip: The film in which the other one lies.
        ref: The other one.
        pairs: Ref frames and clip frames that show the same, in order.
        scenes: One steady transform for each scene of ref. Those that turn or shear stay as they are.
        tell: Told how many scenes are done.

    Returns:
        The scenes; where one moves, several that lead from one place to the next, smoothly.
    """
    numbers = np.array([n for n, _ in pairs])
    out: list[Scene] = []
    for i, scene in enumerate(scenes):
        tell("following", i, len(scenes))
        stop = scenes[i + 1].ref_first if i + 1 < len(scenes) else int(numbers[-1]) + 1
        inside = pairs[int(np.searchsorted(numbers, scene.ref_first)) : int(np.searchsorted(numbers, stop))]
        out += _followed(clip, ref, inside, scene)
    tell("following", len(scenes), len(scenes))
    return out


def _followed(clip: "Side", ref: "Side", pairs: Sequence[tuple[int, int]], scene: Scene) -> list[Scene]:
    count = len(pairs) // _STEP + 1
    matrix = scene.transform.array
    turned = abs(matrix[0, 1]) + abs(matrix[1, 0]) + np.abs(matrix[2, :2]).sum() > 1e-9
    if len(pairs) < 2 or count < _FEWEST or turned:
        return [scene]
    looks = [pairs[j] for j in np.unique(np.linspace(0, len(pairs) - 1, count).astype(int))]
    boxes = shared_boxes(matrix, clip.size, ref.size, _ROOM)
    excluded = clip.excluded, ref.excluded
    anchors = [(n, around(k, 1, clip.node.num_frames)) for n, k in looks]
    pictures = near_pictures(clip.node, ref.node, anchors, boxes, _LONGEST, excluded)
    given = [
        window[0] + k - anchor[0] for window, (_, anchor), (_, k) in zip(pictures.windows, anchors, looks, strict=True)
    ]
    edges, alike = _tracked(pictures, given, matrix, ref.size)
    known = np.flatnonzero(alike > _BELIEVED)
    if len(known) < _FEWEST or np.ptp(edges[known], axis=0).max() < _MOVES:
        return [scene]
    path = _smooth(edges[known])
    if np.ptp(path, axis=0).max() < _MOVES:
        return [scene]
    scene = replace(scene, confidence=confidence_of(float(alike[known].mean())), method="scan")
    places = [_transform(placed_on(each, ref.size), scene.transform) for each in path]
    frames = [looks[j][0] for j in known]
    moving = [
        replace(scene, ref_first=n, transform=place, moving=j + 1 < len(frames))
        for j, (n, place) in enumerate(zip(frames, places, strict=True))
    ]
    if frames[0] > scene.ref_first:
        moving.insert(0, replace(scene, transform=places[0]))
    return moving


def _tracked(
    pictures: NearPictures, given: Sequence[int], matrix: Float64Array, ref_size: tuple[int, int]
) -> tuple[Float64Array, Float64Array]:
    """Edges of ref in clip at each look, and how well the pictures agree: from the best look on to either side."""
    sequences = Sequences(pictures.clip, pictures.ref, *pictures.weights, pictures.size, _RADIUS)
    start = pictures.inner(matrix)
    first = int(sequences.matched(start, pictures.windows).agreements.argmax())
    count = len(pictures.ref)
    edges, alike = np.zeros((count, 4)), np.zeros(count)
    for order in (range(first, count), range(first, -1, -1)):
        here = start
        for i in order:
            here, alike[i] = _look(sequences, pictures, i, given[i], here)
            edges[i] = edges_of(pictures.outer(here), ref_size)
            if alike[i] < _BELIEVED:
                here = start
            elif i == first:
                start = here
    return edges, alike


def _look(
    sequences: Sequences, pictures: NearPictures, i: int, given: int, start: Float64Array
) -> tuple[Float64Array, float]:
    """The place at one look and how well the pictures agree.

    Where all moves alike, another moment is as good as another place: the moment that was given counts, unless one
    beside it explains the pictures clearly better.
    """
    ends = []
    for candidate in pictures.windows[i]:
        here = sequences.refined(start, [(i, candidate)], AFFINE, _STEPS, UNIFORM)
        window = [range(candidate, candidate + 1) if j == i else range(0) for j in range(len(pictures.ref))]
        agreement = float(sequences.matched(here, window).agreements[i])
        left = 0.0 if candidate == given else max(_CLEARLY, _CLEARLY_SHARE * (1 - agreement))
        ends.append((agreement - left, agreement, here))
    _, agreement, matrix = max(ends, key=lambda end: end[0])
    return matrix, agreement


def _smooth(edges: Float64Array) -> Float64Array:
    """The path without trembling: local parabolas (A. Savitzky and M. Golay, Analytical Chemistry 36, 1964)."""
    length = min(_SMOOTHED, len(edges) - 1 + len(edges) % 2)
    if length < 3:
        return edges
    out: Float64Array = savgol_filter(edges, length, min(2, length - 1), axis=0)
    return out


def _transform(matrix: Float64Array, example: Transform) -> Transform:
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    return Transform(((a, b, c), (d, e, f), (g, h, i)), example.clip_size, example.ref_size)
