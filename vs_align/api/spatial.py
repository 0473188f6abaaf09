"""`spatial`: each frame of clip, warped onto its frame of ref."""

from os import PathLike
from typing import TYPE_CHECKING

import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.enums import Device, FlowEngine, SpatialPrecision, Stabilize, Unaligned
from vs_align.errors import ArgumentError
from vs_align.placement.placement import Placement

if TYPE_CHECKING:
    from vs_align.measure.registration.features.detector import Detector

_NAME = "spatial"


def spatial(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    mask: vs.VideoNode | None = None,
    precision: "int | SpatialPrecision" = 3,
    wide_search: bool = False,
    lq_input: bool = False,
    alpha: bool = False,
    device: "str | Device" = "auto",
    *,
    iterations: int = 1,
    engine: "str | FlowEngine" = "auto",
    unaligned: "str | Unaligned" = "keep",
    clip_mask: vs.VideoNode | None = None,
    stabilize: "str | Stabilize" = "frame",
    placement: "Placement | str | PathLike[str] | None" = None,
    batch_size: int | None = None,
    backend: "str | Device | None" = None,
) -> vs.VideoNode:
    """Warp each frame of `clip` so that it lies on the frame of `ref` with the same number, below a pixel.

    First a transform of the whole picture is found, then what is left pixel by pixel, and then the picture is sampled
    once (Lanczos with four lobes; the quicker Catmull-Rom spline at precision 1). Differences in grade, fade, gamma and
    grain do not matter. Nothing is computed before the first frame is asked for, and frames may be asked for in any
    order.

    The two must show the same moments: use `temporal` first where they do not.

    Example:
        ```python
        bluray, dvd = (c.resize.Bicubic(format=vs.RGB48, matrix_in_s="709") for c in (bluray, dvd))
        vs_align.spatial(bluray, dvd).set_output()
        ```

    Args:
        clip: The frames to warp. RGB: 8 to 16 bit integer, half or single float; any size. Shorter than `ref`, its
            last frame is repeated.
        ref: What they are to lie on. RGB of any depth, any size. A still, one frame, lasts as long as `clip`.
        mask: What does not count in `ref`, such as a logo or subtitles: white is left out. Any format; stretched to
            `ref` where the size differs. Still or moving; shorter than `ref`, its last frame is repeated. What is left
            out moves like its surroundings.
        precision: 1 to 4, faster to more accurate; see `SpatialPrecision`.
        wide_search: Find crops, shear, turns to 45 degrees and scales from 0.5 to 2 by features of the pictures. XFeat
            finds them where its weights are, and PyTorch and kornia are installed; else SIFT. Without it shifts of a
            tenth of the picture and scales from 0.9 to 1.1 are found.
        lq_input: Set it where a version is grainy or full of artefacts. Grain is also measured.
        alpha: Attach `_Alpha`, of clip's depth and full range: white where a pixel was found inside clip's picture.
        device: "auto", "cpu" or "cuda"; see `Device`. Only RIFE runs on CUDA.
        iterations: How often the search for the field is repeated from where it ended, at least 1. More than one helps
            with large motions.
        engine: "auto", "dis" or "rife"; see `FlowEngine`.
        unaligned: "keep" or "mask": whether alpha is black also where clip does not show what ref shows; see
            `Unaligned`. "mask" needs `alpha`.
        clip_mask: What does not count in `clip`; otherwise like `mask`.
        stabilize: "frame", "scene" or "clip": for how many frames one coarse transform is found; see `Stabilize`.
        placement: A `Placement`, or the path of its JSON file, from which the coarse transforms are taken; nothing is
            then searched for. It may be for other sizes of the same aspect ratios.
        batch_size: How many frames are worked on at once, at least 1. Default: as many as the core has threads, up to
            8; less for RIFE. More needs more memory.
        backend: Another name of `device`.

    Returns:
        A clip with the format of `clip` and the size, length and frame rate of `ref`, and the props of `clip`. Outside
        of clip's picture its edge is repeated. A clip that equals `ref` comes back to the last bit. Each frame
        carries:

        - `VSAlignShiftX`, `VSAlignShiftY`: median of position in clip minus position without any alignment, in clip
          pixels.
        - `VSAlignRotation`: degrees. `VSAlignScaleX`, `VSAlignScaleY`: see `Transform`.
        - `VSAlignResidual`: median forward-backward error in ref pixels, measured at 192 pixels across. Missing where
          the pictures have no structure.
        - `VSAlignValid`: share of pixels inside clip's picture that show what `ref` shows, 0 to 1.
        - `VSAlignEngine`: "dis" or "rife".
        - `VSAlignFallback`: 0 where the coarse transform was found or none was needed, 1 where a neighbouring frame's
          was taken, 2 where none was found and the search began from clip stretched over ref, 3 where the two show
          different things and clip was put there by the coarse transform alone. `VSAlignReason` then says why.

    Raises:
        ArgumentError: An argument breaks one of the rules above.
        MissingDependencyError: `device` is "cuda" and there is no PyTorch that sees a CUDA device; `engine` is "rife"
            and there is no PyTorch.
        AlignError: `engine` is "rife" and its weights are neither there nor to be had.

    Source:
        See `vs_align.measure.flow.dis.engine`, `vs_align.measure.flow.rife.engine`,
        `vs_align.measure.registration.coarse_search` and `vs_align.measure.registration.features.feature_search`.
    """
    clip, ref = (_check_rgb(name, node) for name, node in (("clip", clip), ("ref", ref)))
    masks = [
        None if node is None else _check_depth(name, checks.check_clip(_NAME, name, node))
        for name, node in (("mask", mask), ("clip_mask", clip_mask))
    ]
    chosen = checks.check_option(_NAME, "precision", precision, SpatialPrecision)
    iterations = checks.check_integer(_NAME, "iterations", iterations, 1)
    lq_input, wide_search, alpha = (
        checks.check_flag(_NAME, name, value)
        for name, value in (("lq_input", lq_input), ("wide_search", wide_search), ("alpha", alpha))
    )
    unaligned = checks.check_option(_NAME, "unaligned", unaligned, Unaligned)
    if unaligned is Unaligned.MASK and not alpha:
        raise ArgumentError(_NAME, "unaligned", "must be 'keep' without alpha=True", repr(unaligned.value))
    steady = checks.check_option(_NAME, "stabilize", stabilize, Stabilize)
    if batch_size is not None:
        batch_size = checks.check_integer(_NAME, "batch_size", batch_size, 1)
    where = checks.check_device(_NAME, device if backend is None else backend)
    flow = checks.check_option(_NAME, "engine", engine, FlowEngine)
    if where is Device.CUDA and flow is FlowEngine.DIS:
        raise ArgumentError(_NAME, "device", "must be 'cpu' or 'auto' with engine 'dis'", repr(where.value))
    placed = None if placement is None else checks.check_placement(_NAME, placement, clip, ref)

    from vs_align.measure.flow.engine import engine_for  # loads OpenCV and numba
    from vs_align.render.spatial.graph import Choices, spatial_graph

    choices = Choices(
        engine_for(flow, where, int(chosen), iterations, lq_input, _NAME),
        _detector(where) if wide_search and placed is None else None,
        steady,
        placed,
        alpha,
        unaligned,
        chosen is not SpatialPrecision.FAST,
        batch_size,
    )
    if ref.num_frames == 1 < clip.num_frames:
        ref = _lasting(ref, clip)
    return spatial_graph(clip, ref, masks[0], masks[1], choices)


def _lasting(still: vs.VideoNode, clip: vs.VideoNode) -> vs.VideoNode:
    """Return a still that lasts as long as a clip, frame by frame."""
    from vs_align.nodes.clips import steady_timing
    from vs_align.render.overlay.frame_order import with_clock

    return with_clock(still * clip.num_frames, steady_timing(clip))


def _check_rgb(name: str, node: object) -> vs.VideoNode:
    checked = checks.check_clip(_NAME, name, node)
    if checked.format.color_family != vs.RGB:
        raise ArgumentError(
            _NAME,
            name,
            "must be RGB",
            f'{checked.format.name}; convert it, as in resize.Bicubic(format=vs.RGB24, matrix_in_s="709")',
        )
    return _check_depth(name, checked)


def _check_depth(name: str, checked: vs.VideoNode) -> vs.VideoNode:
    if checked.format.sample_type == vs.INTEGER and checked.format.bits_per_sample > 16:
        raise ArgumentError(_NAME, name, "must have at most 16 bits, or be float", checked.format.name)
    return checked


def _detector(device: Device) -> "Detector":
    """Return the best detector of features that is there."""
    from importlib.util import find_spec

    from vs_align.measure.networks import weights

    found = weights.available("xfeat")
    if found is not None and find_spec("torch") is not None and find_spec("kornia") is not None:
        import torch

        from vs_align.measure.registration.features.xfeat import XFeatDetector

        return XFeatDetector(found, "cuda" if torch.cuda.is_available() and device is not Device.CPU else "cpu")
    from vs_align.measure.registration.features.sift import SiftDetector

    return SiftDetector()
