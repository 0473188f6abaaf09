"""The warp of `spatial`: for each frame the field, what it is worth, and the picture sampled through it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import vapoursynth as vs

from vs_align.enums import Unaligned
from vs_align.io.array_types import Float32Array
from vs_align.io.memory import MemoryTrimmer
from vs_align.measure.flow.consistency_check import Verified, verify
from vs_align.measure.flow.engine import Engine
from vs_align.measure.flow.summary import Summary, summarised
from vs_align.measure.images.field import field_of, neutral_matrix
from vs_align.measure.images.warp import warp
from vs_align.nodes.clips import tiny_clip
from vs_align.nodes.frames import mask_array, peak_value, plane_array
from vs_align.nodes.parallel import in_lanes
from vs_align.render.spatial.coarse import FALLBACK, REASON, transform_in

SHIFT_X, SHIFT_Y, ROTATION = "VSAlignShiftX", "VSAlignShiftY", "VSAlignRotation"
SCALE_X, SCALE_Y = "VSAlignScaleX", "VSAlignScaleY"
RESIDUAL, VALID, ENGINE = "VSAlignResidual", "VSAlignValid", "VSAlignEngine"

# A field of which less is reliable is held against the coarse transform alone.
_DOUBTFUL = 0.5


@dataclass(frozen=True, slots=True)
class WarpInputs:
    """What the warp looks at; all clips are of ref's length."""

    carrier: vs.VideoNode
    """Frames to write into: ref's size, clip's format and props."""
    clip: vs.VideoNode
    """The picture to warp: RGB of integers or single floats."""
    clip_luma: vs.VideoNode
    ref_luma: vs.VideoNode
    seen: tuple[vs.VideoNode, ...]
    """Clip and ref in RGB of single floats for an engine that looks at them, else nothing."""
    transforms: vs.VideoNode
    mask: vs.VideoNode | None
    clip_mask: vs.VideoNode | None
    alpha: vs.VideoNode | None
    """Frames to write alpha into: ref's size, grey of clip's depth."""


def warped_frames(inputs: WarpInputs, engine: Engine, unaligned: Unaligned, lanes: int, *, sharp: bool) -> vs.VideoNode:
    """Return clip's frames, warped onto ref's, with the longer or the shorter kernel."""
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
    return in_lanes(nodes, frame.one, lanes)


@dataclass(frozen=True, slots=True)
class _Warp:
    """The callback. It holds no node."""

    engine: Engine
    peak: float | None
    alpha: bool
    unaligned: Unaligned
    sharp: bool
    memory: MemoryTrimmer = field(default_factory=MemoryTrimmer)

    def one(self, _n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Warp one frame; `f` holds what `warped_frames` lists."""
        self.memory.check()
        carrier, clip, clip_luma, ref_luma, transform, mask, clip_mask, alpha = f[:8]
        lumas = plane_array(clip_luma), plane_array(ref_luma)
        start, excluded = transform_in(transform), mask_array(mask)
        fallback, reason = int(transform.props[FALLBACK]), str(transform.props.get(REASON, ""))
        same = _lie_right(*lumas)
        if same:
            # nothing to find, and nothing may be shifted that is in its place
            start = neutral_matrix(lumas[0].shape[::-1], lumas[1].shape[::-1])
        size = lumas[1].shape[::-1]
        if same:
            places = field_of(start, size)
        else:
            seen = (_rgb(f[8]), _rgb(f[9])) if self.engine.wants_rgb else lumas
            places = self.engine.field(seen[0], seen[1], start, excluded, mask_array(clip_mask))
        if not np.isfinite(places.sum()):
            places, fallback, reason = field_of(start, size), 3, f"{self.engine.name} found no field"
        verified = verify(*lumas, places, excluded)
        if verified.share_of_inside < _DOUBTFUL and fallback != 3:
            rigid = field_of(start, size)
            simpler = verify(*lumas, rigid, excluded)
            if simpler.share_of_inside >= verified.share_of_inside:
                places, verified, fallback, reason = rigid, simpler, 3, "the pictures show different things"
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
        _tell(out, summarised(places, start, lumas[0].shape[::-1], verified.reliable), verified)
        if self.alpha:
            out.props["_Alpha"] = self._alpha(alpha, verified)
        return out

    def _alpha(self, blank: vs.VideoFrame, verified: Verified) -> vs.VideoFrame:
        shown = verified.reliable if self.unaligned is Unaligned.MASK else verified.inside
        out = blank.copy()
        plane = np.asarray(out[0])
        plane[:] = shown.astype(plane.dtype) * (1 if self.peak is None else int(self.peak))
        out.props["_Range"] = int(vs.RANGE_FULL)
        return out


def _tell(out: vs.VideoFrame, summary: Summary, verified: Verified) -> None:
    """Write the numbers into the props."""
    props: Any = out.props
    props[SHIFT_X], props[SHIFT_Y] = summary.shift
    props[ROTATION], props[SCALE_X], props[SCALE_Y] = summary.rotation, summary.scale_x, summary.scale_y
    props[VALID] = verified.share
    if verified.residual is not None:
        props[RESIDUAL] = verified.residual


def _lie_right(clip: Float32Array, ref: Float32Array) -> bool:
    """Return whether two lumas are equal, and show something that says so."""
    return clip.shape == ref.shape and np.array_equal(clip, ref) and bool(clip.min() < clip.max())


def _rgb(frame: vs.VideoFrame) -> Float32Array:
    return np.ascontiguousarray(np.stack([plane_array(frame, plane) for plane in range(3)], axis=-1))
