"""Filter graph of `spatial`: coarse transforms, flow and warp, as one lazy clip."""

from dataclasses import dataclass

import vapoursynth as vs

from vs_align.enums import Stabilize, Unaligned
from vs_align.measure.flow.engine import Engine
from vs_align.measure.registration.features.detector import Detector
from vs_align.nodes.clips import blank_like
from vs_align.nodes.parallel import worker_count
from vs_align.nodes.resize import fit_length, floats_of, halves_of, luma_of, mask_of
from vs_align.placement.placement import Placement
from vs_align.render.spatial.coarse import (
    CoarseInputs,
    clip_transforms,
    frame_transforms,
    placement_transforms,
    scene_transforms,
)
from vs_align.render.spatial.warp import WarpInputs, warp_frames

_KEPT_FRAMES = 4
"""Size of the cache of results: previewers request a frame repeatedly, and a frame is expensive."""
_TIMING = ["_DurationNum", "_DurationDen"]


@dataclass(frozen=True, slots=True)
class SpatialOptions:
    """Options of `spatial`."""

    engine: Engine
    detector: Detector | None
    """Detector of the feature-based search; None: intensity-based search."""
    stabilize: Stabilize
    placement: Placement | None
    """Given coarse transforms; None: search."""
    alpha: bool
    unaligned: Unaligned
    sharp: bool
    """Whether to resample with Lanczos instead of Catmull-Rom."""
    lanes: int | None
    """Number of frames to process at once, None for the default."""


def spatial_graph(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    mask: vs.VideoNode | None,
    clip_mask: vs.VideoNode | None,
    options: SpatialOptions,
) -> vs.VideoNode:
    """Return the frames of clip warped onto ref; both are RGB."""
    length, given = ref.num_frames, clip.format
    clip = fit_length(clip, length)
    clip_luma, ref_luma = luma_of(clip), luma_of(ref)
    excluded, clip_excluded = _stretched(mask, ref), _stretched(clip_mask, clip)
    coarse = CoarseInputs(clip_luma, ref_luma, excluded, clip_excluded, options.detector, worker_count(options.lanes))
    # 16 bit float is warped as 32 bit float
    half = given.sample_type == vs.FLOAT and given.bits_per_sample == 16
    work = floats_of(clip) if half else clip
    inputs = WarpInputs(
        carrier=_carrier(work, ref),
        clip=work,
        clip_luma=clip_luma,
        ref_luma=ref_luma,
        seen=(floats_of(clip), floats_of(ref)) if options.engine.wants_rgb else (),
        transforms=_transforms(coarse, options),
        mask=excluded,
        clip_mask=clip_excluded,
        alpha=_blank_gray(given, ref) if options.alpha else None,
    )
    lanes = worker_count(options.lanes or options.engine.most_lanes)
    aligned = warp_frames(inputs, options.engine, options.unaligned, lanes, sharp=options.sharp)
    result = _halved(aligned, given.id, clip) if half else aligned
    result.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_KEPT_FRAMES, maxhistory=_KEPT_FRAMES)
    return result


def _transforms(coarse: CoarseInputs, options: SpatialOptions) -> vs.VideoNode:
    if options.placement is not None:
        sizes = [(node.width, node.height) for node in (coarse.clip, coarse.ref)]
        return placement_transforms(options.placement, sizes[0], sizes[1], coarse.ref.num_frames)
    search = {Stabilize.FRAME: frame_transforms, Stabilize.SCENE: scene_transforms, Stabilize.CLIP: clip_transforms}
    return search[options.stabilize](coarse)


def _stretched(mask: vs.VideoNode | None, over: vs.VideoNode) -> vs.VideoNode | None:
    return None if mask is None else mask_of(fit_length(mask, over.num_frames), over.width, over.height)


def _carrier(clip: vs.VideoNode, ref: vs.VideoNode) -> vs.VideoNode:
    """Return blank frames with the format and props of clip and the size and timing of ref."""
    blank = blank_like(vs.core.std.BlankClip(clip, ref.width, ref.height, length=1), ref)
    timed = blank.std.CopyFrameProps(clip).std.CopyFrameProps(ref, props=_TIMING)
    # alpha of the source is not aligned
    return timed.std.RemoveFrameProps(["_Alpha"])


def _halved(aligned: vs.VideoNode, half: int, clip: vs.VideoNode) -> vs.VideoNode:
    """Return 16 bit float; props that zimg rejects are removed before and restored after."""
    return halves_of(aligned, half).std.CopyFrameProps(clip, props=["_Matrix", "_FieldBased"])


def _blank_gray(like: vs.VideoFormat, ref: vs.VideoNode) -> vs.VideoNode:
    gray = vs.core.query_video_format(vs.GRAY, like.sample_type, like.bits_per_sample, 0, 0)
    return vs.core.std.BlankClip(ref, format=gray.id, keep=True)
