"""Fine stage of `spatial`: optical flow, forward-backward check, resampling of the frame, and its props."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.enums import Unaligned
from vs_align.io.array_types import Float32Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.io.prop_names import (
    ENGINE,
    FALLBACK,
    REASON,
    RESIDUAL,
    ROTATION,
    SCALE_X,
    SCALE_Y,
    SHIFT_X,
    SHIFT_Y,
    VALID,
)
from vs_align.measure.flow.consistency_check import ConsistencyCheck, check_consistency
from vs_align.measure.flow.engine import Engine
from vs_align.measure.flow.summary import Summary, summarize_field
from vs_align.measure.images.field import homography_field
from vs_align.measure.images.warp import warp
from vs_align.nodes.clips import tiny_clip
from vs_align.nodes.frames import mask_array, peak_value, plane_array
from vs_align.nodes.parallel import run_parallel
from vs_align.placement.homography import resize_matrix
from vs_align.render.spatial.coarse import read_transform

_DOUBTFUL = 0.5
"""Share of reliable pixels below which the flow is compared with the coarse transform alone; the better is used."""


@dataclass(frozen=True, slots=True)
class WarpInputs:
    """Inputs of the warp; all clips have the length of ref."""

    carrier: vs.VideoNode
    """Output frames: size of ref, format and props of clip."""
    clip: vs.VideoNode
    """Clip to warp: RGB of integers or 32 bit float."""
    clip_luma: vs.VideoNode
    ref_luma: vs.VideoNode
    seen: tuple[vs.VideoNode, ...]
    """Clip and ref as RGB of 32 bit float for engines that need color, else empty."""
    transforms: vs.VideoNode
    mask: vs.VideoNode | None
    clip_mask: vs.VideoNode | None
    alpha: vs.VideoNode | None
    """Output frames of alpha: size of ref, gray of the depth of clip."""


def warp_frames(inputs: WarpInputs, engine: Engine, unaligned: Unaligned, lanes: int, *, sharp: bool) -> vs.VideoNode:
    """Return the frames of clip warped onto ref. `sharp`: Lanczos with four lobes, else Catmull-Rom."""
    nothing = tiny_clip(inputs.ref_luma.num_frames)
    nodes = [
        inputs.carrier,
        inputs.clip,
        inputs.clip_luma,
        inputs.ref_luma,
        inputs.transforms,
        inputs.mask or nothing,
        inputs.clip_mask or nothing,
        inputs.alpha or nothing,
        *inputs.seen,
    ]
    integer = inputs.clip.format.sample_type == vs.INTEGER
    frame = _Warp(
        engine, float(peak_value(inputs.clip)) if integer else None, inputs.alpha is not None, unaligned, sharp
    )
    return run_parallel(nodes, frame.one, lanes)


@dataclass(frozen=True, slots=True)
class _Warp:
    """Callback of one frame. It holds no node."""

    engine: Engine
    peak: float | None
    alpha: bool
    unaligned: Unaligned
    sharp: bool
    memory: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def one(self, _n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Warp one frame; `f` holds what `warp_frames` lists."""
        self.memory.check()
        carrier, clip, clip_luma, ref_luma, transform, mask, clip_mask, alpha = f[:8]
        lumas = plane_array(clip_luma), plane_array(ref_luma)
        start, excluded = read_transform(transform), mask_array(mask)
        fallback, reason = int(transform.props[FALLBACK]), str(transform.props.get(REASON, ""))
        same = _are_equal(*lumas)
        if same:
            # equal frames must come back bit by bit
            start = resize_matrix(lumas[0].shape[::-1], lumas[1].shape[::-1])
        size = lumas[1].shape[::-1]
        if same:
            places = homography_field(start, size)
        else:
            seen = (_rgb(f[8]), _rgb(f[9])) if self.engine.wants_rgb else lumas
            places = self.engine.field(seen[0], seen[1], start, excluded, mask_array(clip_mask))
        if not np.isfinite(places.sum()):
            places, fallback, reason = homography_field(start, size), 3, f"{self.engine.name} found no field"
        verified = check_consistency(*lumas, places, excluded)
        if verified.share_of_inside < _DOUBTFUL and fallback != 3:
            rigid = homography_field(start, size)
            simpler = check_consistency(*lumas, rigid, excluded)
            if simpler.share_of_inside >= verified.share_of_inside:
                places, verified, fallback, reason = rigid, simpler, 3, "the images show different things"
        out = carrier.copy()
        planes, targets = ([np.asarray(frame[i]) for i in range(3)] for frame in (clip, out))
        if same:
            for plane, target in zip(planes, targets, strict=True):
                np.copyto(target, plane)
        else:
            warp(planes, places, self.peak, targets, sharp=self.sharp)
        props: Any = out.props
        props[ENGINE], props[FALLBACK] = self.engine.name, fallback
        if reason:
            props[REASON] = reason
        _write_numbers(out, summarize_field(places, start, lumas[0].shape[::-1], verified.reliable), verified)
        if self.alpha:
            out.props["_Alpha"] = self._alpha(alpha, verified)
        return out

    def _alpha(self, blank: vs.VideoFrame, verified: ConsistencyCheck) -> vs.VideoFrame:
        shown = verified.reliable if self.unaligned is Unaligned.MASK else verified.inside
        out = blank.copy()
        plane = np.asarray(out[0])
        plane[:] = shown.astype(plane.dtype) * (1 if self.peak is None else int(self.peak))
        out.props["_Range"] = int(vs.RANGE_FULL)
        return out


def _write_numbers(out: vs.VideoFrame, summary: Summary, verified: ConsistencyCheck) -> None:
    """Write the statistics of the field to the props."""
    props: Any = out.props
    props[SHIFT_X], props[SHIFT_Y] = summary.shift
    props[ROTATION], props[SCALE_X], props[SCALE_Y] = summary.rotation, summary.scale_x, summary.scale_y
    props[VALID] = verified.share
    if verified.residual is not None:
        props[RESIDUAL] = verified.residual


def _are_equal(clip: Float32Array, ref: Float32Array) -> bool:
    """Return whether two lumas are equal and not flat."""
    return clip.shape == ref.shape and np.array_equal(clip, ref) and bool(clip.min() < clip.max())


def _rgb(frame: vs.VideoFrame) -> Float32Array:
    return np.ascontiguousarray(np.stack([plane_array(frame, plane) for plane in range(3)], axis=-1))
