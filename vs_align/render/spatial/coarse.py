"""Coarse stage of `spatial`: for each frame the homography from which the optical flow starts.

Each result is a frame of one pixel whose props hold the transform, so that VapourSynth computes it once, caches it, and
serves requests in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.io.array_types import Float64Array
from vs_align.io.prop_names import FALLBACK, REASON
from vs_align.measure.images.scene_cuts import detect_cuts
from vs_align.measure.registration.coarse_search import register_coarse
from vs_align.measure.registration.features.detector import Detector, Matches
from vs_align.measure.registration.features.feature_search import register_by_features
from vs_align.measure.registration.features.multi_frame import register_pairs
from vs_align.measure.registration.result import Registration
from vs_align.nodes.clips import strided_window, tiny_clip
from vs_align.nodes.frames import mask_array, plane_array
from vs_align.nodes.parallel import run_parallel
from vs_align.nodes.resize import downscale
from vs_align.placement.homography import apply_homography, resize_matrix
from vs_align.placement.placement import Placement

TRANSFORM = "VSAlignTransform"

_NEAR_LONGEST = 640
"""Longer side in pixels of the images of the intensity-based search: larger is slower, smaller less accurate."""
_WIDE_LONGEST = 960
"""Longer side in pixels of the images of the feature-based search: features need more detail."""
_ANCHOR_STEP = 12
"""Distance in ref frames of the anchor frames from which the transform of a scene is estimated."""
_SECTION = 240
"""Length in ref frames of the sections in which scenes are found: bounds the frames needed for a first result."""
_ANCHORS_OF_CLIP = 16
"""Number of anchor frames for one transform of the whole clip."""
_THUMBNAIL = (32, 18)
"""Width and height in pixels of the thumbnails for scene detection."""
_POINTS = 5
"""Points per axis of the grid that represents a transform of the intensity-based search."""
_ALIKE = 0.5
"""Correlation above which images without a found transform count as aligned already."""
_NEIGHBORS = (-1, 1, -2, 2)
"""Offsets of the frames whose transform a frame without one of its own takes, in this order."""


@dataclass(frozen=True, slots=True)
class CoarseInputs:
    """Inputs of the coarse stage; all clips have the length of ref."""

    clip: vs.VideoNode
    """Luma."""
    ref: vs.VideoNode
    """Luma."""
    mask: vs.VideoNode | None
    clip_mask: vs.VideoNode | None
    detector: Detector | None
    """Detector of the feature-based search. None: intensity-based search."""
    lanes: int

    def nodes(self) -> list[vs.VideoNode]:
        """Return the downscaled clips and the masks; one-pixel clips stand for missing masks."""
        longest = _NEAR_LONGEST if self.detector is None else _WIDE_LONGEST
        nothing = tiny_clip(self.ref.num_frames)
        return [
            downscale(self.clip, longest),
            downscale(self.ref, longest),
            self.mask or nothing,
            self.clip_mask or nothing,
        ]

    def search(self) -> "_Search":
        """Return the callbacks, which hold no node."""
        return _Search((self.clip.width, self.clip.height), (self.ref.width, self.ref.height), self.detector)


def frame_transforms(inputs: CoarseInputs) -> vs.VideoNode:
    """Return a transform for each frame, estimated from that frame alone.

    If the feature-based search finds nothing, the frame takes the transform of the nearest neighbor that has one, else
    the neutral transform.
    """
    carrier = tiny_clip(inputs.ref.num_frames)
    own = run_parallel([carrier, *inputs.nodes()], inputs.search().one, inputs.lanes)
    if inputs.detector is None:
        return own
    shifted = [_shifted(own, offset) for offset in _NEIGHBORS]
    borrowed = own.std.ModifyFrame([own, *shifted], _borrow_transform)
    return own.std.FrameEval(
        lambda n, f: own if f.props[FALLBACK] == 0 else borrowed, prop_src=own, clip_src=[own, borrowed]
    )


def clip_transforms(inputs: CoarseInputs) -> vs.VideoNode:
    """Return one transform for all frames, estimated from anchor frames spread over the clip."""
    length = inputs.ref.num_frames
    count = min(_ANCHORS_OF_CLIP, length)
    numbers = [(2 * i + 1) * length // (2 * count) for i in range(count)]
    small = [vs.core.std.Splice([node[n] for n in numbers], mismatch=True) for node in inputs.nodes()]
    found = _anchors(small, count, inputs)
    group = _Group(inputs.search(), 0)
    nodes = [tiny_clip(1), *[found[i] for i in range(count)]]
    one = nodes[0].std.ModifyFrame(nodes, lambda n, f: group.all_of(f))
    return one.std.Loop(length)[:length]


def scene_transforms(inputs: CoarseInputs) -> vs.VideoNode:
    """Return one transform for each scene of ref, estimated from every twelfth frame.

    Long scenes are split into sections of 240 frames. Scenes without an anchor frame, or in which nothing is found, get
    a transform for each frame.
    """
    length = inputs.ref.num_frames
    count = -(-length // _SECTION)
    thumbnails = inputs.ref.resize.Bilinear(*_THUMBNAIL, format=vs.GRAY8)
    # the frame before a section is not needed: a section begins a scene in any case
    seen, _ = strided_window(thumbnails, 0, Fraction(_SECTION), count, min(_SECTION, length))
    anchor_count = -(-length // _ANCHOR_STEP)
    small = [
        node.std.SelectEvery(_ANCHOR_STEP, [_ANCHOR_STEP // 2]) if length > _ANCHOR_STEP // 2 else node[:1]
        for node in inputs.nodes()
    ]
    small = [_fit_length(node, anchor_count) for node in small]
    anchors = _anchors(small, anchor_count, inputs)
    per_section = _SECTION // _ANCHOR_STEP
    found, _ = strided_window(anchors, 0, Fraction(per_section), count, per_section)
    group = _Group(inputs.search(), length)
    nodes = [tiny_clip(count), *[node[:count] for node in seen], *[node[:count] for node in found]]
    sections = nodes[0].std.ModifyFrame(nodes, lambda n, f: group.scenes_of(n, f, len(seen)))
    lookup = vs.core.std.Interleave([sections] * _SECTION)[:length]
    carrier = tiny_clip(length)
    chosen = carrier.std.ModifyFrame([carrier, lookup], _look_up_scene)
    single = frame_transforms(inputs)
    return chosen.std.FrameEval(
        lambda n, f: chosen if f.props[FALLBACK] == 0 else single, prop_src=chosen, clip_src=[chosen, single]
    )


def placement_transforms(
    placement: Placement, clip_size: tuple[int, int], ref_size: tuple[int, int], length: int
) -> vs.VideoNode:
    """Return the transforms of a given placement, resized to the sizes of the clips."""
    fitting = placement.resized(clip_size, ref_size)
    carrier = tiny_clip(length)
    return carrier.std.ModifyFrame(carrier, lambda n, f: write_transform(f, np.asarray(fitting.at(n).array), 0, ""))


def write_transform(frame: vs.VideoFrame, matrix: Float64Array, fallback: int, reason: str) -> vs.VideoFrame:
    """Return a copy of a frame with a transform, matrix (3, 3), in its props."""
    out = frame.copy()
    props: Any = out.props
    props[TRANSFORM], props[FALLBACK] = [float(value) for value in matrix.ravel()], fallback
    if reason:
        props[REASON] = reason
    return out


def read_transform(frame: vs.VideoFrame) -> Float64Array:
    """Return the transform in the props of a frame, shape (3, 3)."""
    return np.array(frame.props[TRANSFORM], np.float64).reshape(3, 3)


@dataclass(frozen=True, slots=True)
class _Search:
    """Callbacks that process one pair of frames. They hold no node."""

    clip_size: tuple[int, int]
    ref_size: tuple[int, int]
    detector: Detector | None

    def one(self, _n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Estimate the transform of one pair; `f` holds a carrier, luma of clip and ref, and two masks."""
        carrier, clip, ref, excluded, clip_excluded = self._arrays(f)
        if self.detector is None:
            found = register_coarse(clip, ref, excluded, clip_excluded)
            return write_transform(carrier, self.enlarged(found, clip, ref), 0, "")
        found = register_by_features(clip, ref, clip_excluded, excluded, detector=self.detector)
        if _is_conclusive(found):
            return write_transform(carrier, self.enlarged(found, clip, ref), 0, "")
        return write_transform(carrier, self.enlarged(found, clip, ref), 2, found.reason)

    def anchor(self, _n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Find point correspondences of an anchor pair, in pixels of the full-size images."""
        carrier, clip, ref, excluded, clip_excluded = self._arrays(f)
        to_clip = resize_matrix(self.clip_size, (clip.shape[1], clip.shape[0]))
        to_ref = resize_matrix(self.ref_size, (ref.shape[1], ref.shape[0]))
        if self.detector is None:
            found = register_coarse(clip, ref, excluded, clip_excluded)
            ref_points = _point_grid(self.ref_size) if _is_conclusive(found) else np.empty((0, 2))
            clip_points = apply_homography(self.enlarged(found, clip, ref), ref_points)
        else:
            matches = self.detector.match(
                self.detector.detect(clip, clip_excluded), self.detector.detect(ref, excluded)
            )
            clip_points, ref_points = apply_homography(to_clip, matches.clip), apply_homography(to_ref, matches.ref)
        out = carrier.copy()
        props: Any = out.props
        props["VSAlignClipPoints"] = np.ascontiguousarray(clip_points, np.float64).tobytes()
        props["VSAlignRefPoints"] = np.ascontiguousarray(ref_points, np.float64).tobytes()
        return out

    def together(self, anchors: Sequence[vs.VideoFrame]) -> Registration | None:
        """Estimate one transform from several anchors, None if there is none."""
        pairs = [
            tuple(
                np.frombuffer(frame.props[name], np.float64).reshape(-1, 2)
                for name in ("VSAlignClipPoints", "VSAlignRefPoints")
            )
            for frame in anchors
        ]
        if self.detector is None:
            return _median_transform([clip for clip, _ in pairs if len(clip)], self.clip_size, self.ref_size)
        matches = [Matches(clip, ref, self.clip_size, self.ref_size, self.detector.name) for clip, ref in pairs]
        found = register_pairs(matches)
        return found if found.found else None

    def enlarged(self, found: Registration, clip: Any, ref: Any) -> Float64Array:
        """Return a transform of downscaled images for the full-size images."""
        small_clip, small_ref = (clip.shape[1], clip.shape[0]), (ref.shape[1], ref.shape[0])
        if not found.found:
            return resize_matrix(self.clip_size, self.ref_size)
        return np.asarray(
            resize_matrix(self.clip_size, small_clip) @ found.matrix @ resize_matrix(small_ref, self.ref_size)
        )

    def _arrays(self, f: Sequence[vs.VideoFrame]) -> tuple[vs.VideoFrame, Any, Any, Any, Any]:
        carrier, clip, ref, mask, clip_mask = f
        return carrier, plane_array(clip), plane_array(ref), mask_array(mask), mask_array(clip_mask)


@dataclass(frozen=True, slots=True)
class _Group:
    """Callbacks that combine several anchors."""

    search: _Search
    length: int

    def all_of(self, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Estimate one transform from all anchors; `f` holds a carrier and the anchors."""
        found = self.search.together(f[1:])
        if found is None:
            neutral = resize_matrix(self.search.clip_size, self.search.ref_size)
            return write_transform(f[0], neutral, 2, "no transform explains the frames of the clip")
        return write_transform(f[0], found.matrix, 0, "")

    def scenes_of(self, k: int, f: Sequence[vs.VideoFrame], seen: int) -> vs.VideoFrame:
        """Detect the scenes of section k and estimate their transforms; `f`: carrier, thumbnails, anchors."""
        carrier, thumbnails, anchors = f[0], f[1 : 1 + seen], f[1 + seen :]
        first = k * _SECTION
        here = min(_SECTION, self.length - first)
        starts = [0, *detect_cuts(np.stack([np.asarray(frame[0]) for frame in thumbnails[:here]]))]
        out = carrier.copy()
        props: Any = out.props
        props["VSAlignFirst"], props["VSAlignStarts"] = first, starts
        for i, (start, stop) in enumerate(zip(starts, [*starts[1:], here], strict=True)):
            inside = [anchors[a] for a in range(len(anchors)) if start <= a * _ANCHOR_STEP + _ANCHOR_STEP // 2 < stop]
            found = self.search.together(inside) if inside else None
            if found is not None:
                props[f"{TRANSFORM}{i}"] = [float(value) for value in found.matrix.ravel()]
        return out


def _is_conclusive(found: Registration) -> bool:
    """Return whether a search found a transform, or images that are aligned already."""
    return found.found or found.agreement > _ALIKE


def _anchors(small: Sequence[vs.VideoNode], count: int, inputs: CoarseInputs) -> vs.VideoNode:
    return run_parallel([tiny_clip(count), *small], inputs.search().anchor, inputs.lanes)


def _look_up_scene(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
    """Look up the scene of frame n; `f` holds a carrier and its section."""
    carrier, section = f
    props: Any = section.props
    starts = props["VSAlignStarts"]
    starts = [starts] if isinstance(starts, int) else starts
    scene = int(np.searchsorted(starts, n - props["VSAlignFirst"], side="right")) - 1
    values = props.get(f"{TRANSFORM}{scene}")
    if values is None:
        out = carrier.copy()
        mine: Any = out.props
        mine[FALLBACK] = 2
        return out
    return write_transform(carrier, np.array(values, np.float64), 0, "")


def _borrow_transform(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
    """Take the transform of the nearest neighbor that has one; `f` holds the frame itself and its neighbors."""
    reason = f[0].props.get(REASON, "")
    for frame in f[1:]:
        if frame.props[FALLBACK] == 0:
            return write_transform(f[0], read_transform(frame), 1, str(reason))
    return f[0]


def _shifted(node: vs.VideoNode, offset: int) -> vs.VideoNode:
    """Return a clip whose frame n is frame n + offset, clamped to the clip."""
    length = node.num_frames
    if abs(offset) >= length:
        return node
    return node[0] * -offset + node[:offset] if offset < 0 else node[offset:] + node[-1] * offset


def _fit_length(node: vs.VideoNode, length: int) -> vs.VideoNode:
    return node + node[-1] * (length - node.num_frames) if node.num_frames < length else node[:length]


def _point_grid(size: tuple[int, int]) -> Any:
    xs, ys = np.meshgrid(*(np.linspace(0, side - 1, _POINTS) for side in size))
    return np.stack([xs.ravel(), ys.ravel()], axis=1)


def _median_transform(grids: list[Any], clip_size: tuple[int, int], ref_size: tuple[int, int]) -> Registration | None:
    """Return the least-squares affine transform to the median of several mapped point grids."""
    if not grids:
        return None
    points = _point_grid(ref_size)
    middle = np.median(np.stack(grids), axis=0)
    neutral = resize_matrix(clip_size, ref_size)
    if np.array_equal(middle, apply_homography(neutral, points)):
        return Registration(neutral, True, len(grids), 1.0, "near", "")
    solution, *_ = np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), middle, rcond=None)
    matrix = np.vstack([solution.T, [0, 0, 1]])
    return Registration(matrix, True, len(grids), 1.0, "near", "")
