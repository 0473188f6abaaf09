"""`spatial`: each frame of clip warped onto the frame of ref with the same number."""

from os import PathLike
from typing import TYPE_CHECKING

import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.enums import Device, FlowEngine, SpatialPrecision, Stabilize, Unaligned
from vs_align.errors import ArgumentError
from vs_align.nodes.checks import check_depth
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
    """Warp each frame of `clip` onto the frame of `ref` with the same number, with subpixel accuracy.

    A homography is estimated first (coarse stage), then the remaining displacement of each pixel by optical flow, and
    the image is resampled once (Lanczos with four lobes; the faster Catmull-Rom spline at precision 1). Differences in
    grade, fade, gamma and grain do not matter. Nothing is computed before the first frame is requested; frames may be
    requested in any order.

    Frames of equal number must show the same moment; if they do not, use `temporal` first.

    Example:
        ```python
        bluray, dvd = (c.resize.Bicubic(format=vs.RGB48, matrix_in_s="709") for c in (bluray, dvd))
        vs_align.spatial(bluray, dvd).set_output()
        ```

    Args:
        clip: The clip to warp. RGB of 8 to 16 bit integers, 16 or 32 bit float; any size. If it is shorter than `ref`,
            its last frame is repeated.
        ref: The reference. RGB of 8 to 16 bit integers or float, any size. A single frame is repeated for the length of
            `clip`.
        mask: Areas of `ref` to ignore, such as a logo or subtitles: white is ignored. Any format; resized to `ref`. If
            it is shorter than `ref`, its last frame is repeated. Ignored areas move with their surroundings.
        precision: 1 to 4, faster to more accurate; see `SpatialPrecision`.
        wide_search: Use local features in the coarse stage: finds crops, shear, rotations up to 45 degrees and scales
            from 0.5 to 2. XFeat if its weights, PyTorch and kornia are installed, else SIFT. Without it, shifts up to a
            tenth of the image and scales from 0.9 to 1.1 are found.
        lq_input: Whether a version is grainy or has many artifacts. Grain is also measured.
        alpha: Attach the prop `_Alpha`, of clip's depth and full range: white where a pixel lies inside clip's image.
        device: "auto", "cpu" or "cuda"; see `Device`. Only RIFE runs on CUDA.
        iterations: Number of passes of the flow, each from the result of the last one, at least 1. More than one helps
            with large motion.
        engine: "auto", "dis" or "rife"; see `FlowEngine`.
        unaligned: "keep" or "mask": whether alpha is black also where clip differs from ref in content; see
            `Unaligned`. "mask" needs `alpha`.
        clip_mask: Areas of `clip` to ignore: white is ignored. Any format and length, as with `mask`.
        stabilize: "frame", "scene" or "clip": the frames that share one coarse transform; see `Stabilize`.
        placement: A `Placement`, or the path of its JSON file, that gives the coarse transforms, from pixels of ref to
            pixels of clip, instead of a search. One for other sizes of the same aspect ratios is rescaled.
        batch_size: Number of frames to process at once, at least 1. Default: the number of threads of the core, at most
            8; fewer for RIFE. More needs more memory.
        backend: Another name of `device`.

    Returns:
        A clip with the format and props of `clip` and the size, length and frame rate of `ref`. Outside of clip's image
        its border is repeated. A frame that equals its frame of `ref` is returned unchanged, bit by bit. Each frame has
        the props:

        - `VSAlignShiftX`, `VSAlignShiftY`: median of position in clip minus position without any alignment, in clip
          pixels.
        - `VSAlignRotation`: degrees. `VSAlignScaleX`, `VSAlignScaleY`: see `Transform`.
        - `VSAlignResidual`: median forward-backward error in ref pixels, measured at 192 pixels across. Missing if the
          images have no structure.
        - `VSAlignValid`: share of pixels inside clip's image that show what `ref` shows, 0 to 1.
        - `VSAlignEngine`: "dis" or "rife".
        - `VSAlignFallback`: 0 if the coarse transform was found or none was needed, 1 if that of a neighboring frame
          was used, 2 if none was found and the flow started from clip resized to ref, 3 if the two show different
          things and clip was warped by the coarse transform alone. `VSAlignReason` then gives the reason.

    Raises:
        ArgumentError: An argument breaks one of the rules above.
        MissingDependencyError: `device` is "cuda" and PyTorch with a CUDA device is not available; `engine` is "rife"
            and PyTorch is not installed.
        AlignError: `engine` is "rife" and its weights are neither installed nor can be downloaded.

    Source:
        See `vs_align.measure.flow.dis.engine`, `vs_align.measure.flow.rife.engine`,
        `vs_align.measure.registration.coarse_search` and `vs_align.measure.registration.features.feature_search`.
    """
    clip, ref = (checks.check_rgb(_NAME, name, node) for name, node in (("clip", clip), ("ref", ref)))
    masks = [
        None if node is None else check_depth(_NAME, name, checks.check_clip(_NAME, name, node))
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
    from vs_align.render.spatial.graph import SpatialOptions, spatial_graph

    options = SpatialOptions(
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
    return spatial_graph(clip, ref, masks[0], masks[1], options)


def require_engine(precision: SpatialPrecision, engine: FlowEngine, device: Device) -> None:
    """Raise before any frame is read if `spatial` cannot run with these options. Weights may be downloaded.

    Raises:
        MissingDependencyError: A package or a device is missing.
        AlignError: The weights of the engine are neither installed nor can be downloaded.
    """
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=1)
    spatial(blank, blank, precision=precision, engine=engine, device=device)


def _lasting(still: vs.VideoNode, clip: vs.VideoNode) -> vs.VideoNode:
    """Return a still repeated for the length of a clip, with its frame durations."""
    from vs_align.nodes.clips import steady_timing
    from vs_align.render.overlay.frame_order import adopt_timing

    return adopt_timing(still * clip.num_frames, steady_timing(clip))


def _detector(device: Device) -> "Detector":
    """Return the best feature detector that is available."""
    from importlib.util import find_spec

    from vs_align.measure.networks import weights

    found = weights.available("xfeat")
    if found is not None and find_spec("torch") is not None and find_spec("kornia") is not None:
        import torch

        from vs_align.measure.registration.features.xfeat import XFeatDetector

        return XFeatDetector(found, "cuda" if torch.cuda.is_available() and device is not Device.CPU else "cpu")
    from vs_align.measure.registration.features.sift import SiftDetector

    return SiftDetector()
