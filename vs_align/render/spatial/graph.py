"""The graph of `spatial`: clips in, one lazy clip out."""

from dataclasses import dataclass

import vapoursynth as vs

from vs_align.enums import Stabilize, Unaligned
from vs_align.measure.flow.engine import Engine
from vs_align.measure.registration.features.detector import Detector
from vs_align.nodes.clips import blank_like
from vs_align.nodes.parallel import lane_count
from vs_align.nodes.resize import fitted_length, floats_of, halves_of, luma_of, mask_of
from vs_align.placement.placement import Placement
from vs_align.render.spatial.coarse import (
    CoarseInputs,
    clip_transforms,
    frame_transforms,
    placed_transforms,
    scene_transforms,
)
from vs_align.render.spatial.warp import WarpInputs, warped_frames

_KEPT_FRAMES = 4
_TIMING = ["_DurationNum", "_DurationDen"]


@dataclass(frozen=True, slots=True)
class Choices:
    """How to align."""

    engine: Engine
    detector: Detector | None
    """What a wide search looks for; None: a near search."""
    stabilize: Stabilize
    placement: Placement | None
    """Transforms that are known."""
    alpha: bool
    unaligned: Unaligned
    sharp: bool
    """Whether the picture is sampled with the longer kernel."""
    lanes: int | None
    """How many frames to work on at once, None for what pays."""


def spatial_graph(
    clip: vs.VideoNode, ref: vs.VideoNode, mask: vs.VideoNode | None, clip_mask: vs.VideoNode | None, choices: Choices
) -> vs.VideoNode:
    """Return clip's frames, warped onto ref's; clip and ref are RGB."""
    length, given = ref.num_frames, clip.format
    clip = fitted_length(clip, length)
    clip_luma, ref_luma = luma_of(clip), luma_of(ref)
    excluded, clip_excluded = _stretched(mask, ref), _stretched(clip_mask, clip)
    coarse = CoarseInputs(clip_luma, ref_luma, excluded, clip_excluded, choices.detector, lane_count(choices.lanes))
    # half floats are warped as single floats, which hold them all
    half = given.sample_type == vs.FLOAT and given.bits_per_sample == 16
    work = floats_of(clip) if half else clip
    inputs = WarpInputs(
        carrier=_carrier(work, ref),
        clip=work,
        clip_luma=clip_luma,
        ref_luma=ref_luma,
        seen=(floats_of(clip), floats_of(ref)) if choices.engine.wants_rgb else (),
        transforms=_transforms(coarse, choices),
        mask=excluded,
        clip_mask=clip_excluded,
        alpha=_blank_grey(given, ref) if choices.alpha else None,
    )
    lanes = lane_count(choices.lanes or choices.engine.most_lanes)
    aligned = warped_frames(inputs, choices.engine, choices.unaligned, lanes, sharp=choices.sharp)
    result = _halved(aligned, given.id, clip) if half else aligned
    # previewers ask for a frame again and again, and it is dear
    result.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_KEPT_FRAMES, maxhistory=_KEPT_FRAMES)
    return result


def _transforms(coarse: CoarseInputs, choices: Choices) -> vs.VideoNode:
    if choices.placement is not None:
        sizes = [(node.width, node.height) for node in (coarse.clip, coarse.ref)]
        return placed_transforms(choices.placement, sizes[0], sizes[1], coarse.ref.num_frames)
    search = {Stabilize.FRAME: frame_transforms, Stabilize.SCENE: scene_transforms, Stabilize.CLIP: clip_transforms}
    return search[choices.stabilize](coarse)


def _stretched(mask: vs.VideoNode | None, over: vs.VideoNode) -> vs.VideoNode | None:
    return None if mask is None else mask_of(fitted_length(mask, over.num_frames), over.width, over.height)


def _carrier(clip: vs.VideoNode, ref: vs.VideoNode) -> vs.VideoNode:
    """Return blank frames with the format and props of clip, and the size and timing of ref."""
    blank = blank_like(vs.core.std.BlankClip(clip, ref.width, ref.height, length=1), ref)
    timed = blank.std.CopyFrameProps(clip).std.CopyFrameProps(ref, props=_TIMING)
    # alpha that came with clip lies where clip lay
    return timed.std.RemoveFrameProps(["_Alpha"])


def _halved(aligned: vs.VideoNode, half: int, clip: vs.VideoNode) -> vs.VideoNode:
    """Return half floats; the props that the scaler would trip over are taken away for it and put back."""
    return halves_of(aligned, half).std.CopyFrameProps(clip, props=["_Matrix", "_FieldBased"])


def _blank_grey(like: vs.VideoFormat, ref: vs.VideoNode) -> vs.VideoNode:
    grey = vs.core.query_video_format(vs.GRAY, like.sample_type, like.bits_per_sample, 0, 0)
    return vs.core.std.BlankClip(ref, format=grey.id, keep=True)
