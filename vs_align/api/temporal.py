"""`temporal`: frame matching within a search window, for each ref frame the clip frame of the same moment."""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING

import vapoursynth as vs

from vs_align.api import arguments as checks
from vs_align.decide.matching.search_window import SearchWindow
from vs_align.enums import Device, TemporalPrecision
from vs_align.errors import ArgumentError
from vs_align.measure.metrics.registry import METRICS, MetricRow, metric_named, on_device
from vs_align.nodes.clips import steady_timing
from vs_align.nodes.debug_text import match_lines
from vs_align.nodes.match_props import render_matches
from vs_align.placement.placement import Placement
from vs_align.render.temporal.search_request import SearchRequest
from vs_align.render.temporal.searches import SEARCHES
from vs_align.render.temporal.timeline_matches import timeline_matches

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

_NAME = "temporal"


def temporal(
    clip: vs.VideoNode,
    ref: vs.VideoNode,
    out: vs.VideoNode | None = None,
    precision: "int | TemporalPrecision" = 1,
    tr: int = 20,
    fallback: vs.VideoNode | None = None,
    thresh: float | None = None,
    clip_num: int | None = None,
    clip_den: int | None = None,
    ref_num: int | None = None,
    ref_den: int | None = None,
    device: str | Device = "auto",
    batch_size: int | None = None,
    debug: bool = False,
    *,
    timeline: "Timeline | str | PathLike[str] | None" = None,
    backend: str | Device | None = None,
    metric: str | None = None,
    smooth: bool = True,
    placement: Placement | str | PathLike[str] | None = None,
) -> vs.VideoNode:
    """Find for each frame of `ref` the frame of `clip` that shows the same moment.

    For ref frame n the candidates are the clip frames from n - tr to n + tr that exist. The one with the best score
    wins; of equal scores the one nearest to n, and of two equally near ones the later. With `smooth`, which is the
    default, the offsets are smoothed over the eight neighbors to either side (Viterbi algorithm): if scores differ by
    no more than noise, as in still, repeated and noisy frames, the offset does not jump. Nothing is computed before the
    first frame is requested, and frames may be requested in any order.

    Match at low resolution and copy from the full one: pass small versions as `clip` and `ref`, the original as `out`.

    Example:
        ```python
        small = lambda c: vs.core.resize.Bicubic(c, 640, 360)
        vs_align.temporal(small(clip), small(ref), out=clip, tr=20).set_output()
        ```

    Args:
        clip: The clip that is searched. Any constant format: 8 to 16 bit integer, half or single float; GRAY, YUV or
            RGB. Precision 1 compares plane 0, precision 2 colors. Any length.
        ref: The frames to find. Format and size of `clip`, except with the metric "structure"; any length.
        out: The clip whose frames the result shows: as long as `clip`, any constant format and size. Default: `clip`.
        precision: How two frames are compared, 1 to 3; see `TemporalPrecision`.
        tr: Temporal radius, in clip frames to either side, at least 0.
        fallback: Shown if the best score is not below `thresh` or if there is no candidate. At least as long as `ref`;
            format and size of `out`. Without it the best, or nearest, frame of `out` is shown.
        thresh: Scores from here on count as no match. Default: that of the metric. Scores of precision 1 range from 0
            to 1.
        clip_num: Numerator of the frame rate of `clip` in frames per second. Give all four or none. With rates the
            window of ref frame n is centered on the clip frame that is on display when ref frame n begins.
        clip_den: Denominator of the frame rate of `clip`.
        ref_num: Numerator of the frame rate of `ref`.
        ref_den: Denominator of the frame rate of `ref`.
        device: "auto", "cpu" or "cuda"; see `Device`. Precision 1 and the metric "structure" always run on the CPU;
            Butteraugli on "cuda" is that of the plugin Vship if it is installed, else it needs PyTorch.
        batch_size: Candidates that a neural metric compares at once, at least 1. Precision 1 does not use it.
        debug: Draw the method, the best match and the scores of the window on the frame. Compares every candidate.
        timeline: A `Timeline`, or the path of its JSON file. It is rendered, and nothing is searched; of `clip` and
            `ref` only their lengths and time stamps are used.
        backend: Alias of `device`.
        metric: Name of the metric, instead of `precision`: one of `vs_align.measure.metrics.registry.METRICS`, such as
            "butteraugli:3norm".
        smooth: Whether to smooth the offsets. False gives the lowest score of each window by itself, for precision 1
            that of `std.PlaneStats` to the last bit, as in vs_align 3.3.1.
        placement: Maps pixels of `ref` to pixels of `clip`, for the metric "structure" only: a `Placement`, or the path
            of its JSON file. It may be for other sizes of the same aspect ratios. Default: measured on the images.

    Returns:
        A clip with the length and frame durations of `ref` and the format and size of `out`. Frame props are those of
        the shown frame, except that timing props are those of `ref` and `_SceneChange*` and `_PictType` are dropped.
        Each frame also has the props:

        - `VSAlignMatch`: number of the matching clip frame.
        - `VSAlignOffset`: that number minus the ref frame's.
        - `VSAlignOffsetMs`: its time stamp minus the ref frame's, in milliseconds: `_AbsoluteTime` if frames have it,
          else computed from the frame rates. Missing if neither is known.
        - `VSAlignScore`: its score, lower is more alike; infinite if there was no candidate.
        - `VSAlignMetric`: name of the metric.
        - `VSAlignConfidence`: probability that the match is right, 0 to 1. Only with `smooth`.
        - `VSAlignRunnerUp`: the best score among candidates that look different; if it is clearly worse, the score from
          which on a candidate counts as that. Missing if all look the same. Only with `smooth`.
        - `VSAlignFallback`: 1 if `fallback` is shown, or the nearest frame because there is no candidate; else 0.

    Raises:
        ArgumentError: An argument breaks one of the rules above.
        MissingDependencyError: `device` is "cuda" and PyTorch with a CUDA device is missing, or `metric` needs
            something that is not installed.

    Source:
        `std.PlaneStats` of VapourSynth for the score of precision 1; successive elimination (W. Li and E. Salari, IEEE
        Transactions on Image Processing 4(1), 1995) for finding its minimum; dynamic programming over a chain (A. J.
        Viterbi, IEEE Transactions on Information Theory 13(2), 1967) for `smooth`.
    """
    clip, ref = checks.check_clip(_NAME, "clip", clip), checks.check_clip(_NAME, "ref", ref)
    out = clip if out is None else _check_out(out, clip)
    fallback = None if fallback is None else _check_fallback(fallback, ref, out)
    tr = checks.check_integer(_NAME, "tr", tr, 0)
    thresh = None if thresh is None else checks.check_number(_NAME, "thresh", thresh)
    rates = checks.check_rates(_NAME, clip_num=clip_num, clip_den=clip_den, ref_num=ref_num, ref_den=ref_den)
    if batch_size is not None:
        checks.check_integer(_NAME, "batch_size", batch_size, 1)
    row = metric_named(_NAME, checks.check_option(_NAME, "precision", precision, TemporalPrecision), metric)
    smooth = checks.check_flag(_NAME, "smooth", smooth)
    placed = None if placement is None else _check_placement(placement, row, clip, ref)
    requested = checks.check_option(_NAME, "device", device if backend is None else backend, Device)
    row = on_device(row, requested)
    torch_device = checks.check_device(_NAME, requested) if row.uses_torch else Device.CPU

    if timeline is not None:
        matches = timeline_matches(_NAME, timeline, clip, ref)
        return render_matches(matches, out, steady_timing(ref), fallback, _debug_lines("timeline", out, debug))
    if not row.registers:
        checks.check_same_format(_NAME, "clip", clip, "ref", ref)
    request = SearchRequest(
        clip=clip,
        ref=ref,
        window=SearchWindow(tr, ref.num_frames, clip.num_frames, rates[0] / rates[1] if rates else Fraction(1)),
        fps=rates or (Fraction(clip.fps), Fraction(ref.fps)),
        metric=row,
        thresh=None if fallback is None else row.thresh if thresh is None else thresh,
        smooth=smooth,
        all_scores=debug,
        device=torch_device,
        batch_size=batch_size,
        placement=placed,
    )
    search = SEARCHES[row.search]
    if out is clip and fallback is None and not debug:
        frames = search.frames(request)
        if frames is not None:
            return frames
    lines = _debug_lines(row.title, out, debug)
    return render_matches(search.matches(request), out, ref, fallback, lines, stamped=search.carries_timing)


def _debug_lines(method: str, out: vs.VideoNode, debug: bool) -> Callable[[int, vs.FrameProps], list[str]] | None:
    return partial(match_lines, method=method, width=out.width, height=out.height) if debug else None


def _check_out(out: object, clip: vs.VideoNode) -> vs.VideoNode:
    checked = checks.check_clip(_NAME, "out", out)
    if checked.num_frames != clip.num_frames:
        raise ArgumentError(_NAME, "out", f"must be as long as clip ({clip.num_frames} frames)", checked.num_frames)
    return checked


def _check_fallback(fallback: object, ref: vs.VideoNode, out: vs.VideoNode) -> vs.VideoNode:
    checked = checks.check_clip(_NAME, "fallback", fallback)
    checks.check_same_format(_NAME, "fallback", checked, "out", out)
    if checked.num_frames < ref.num_frames:
        raise ArgumentError(_NAME, "fallback", f"must be as long as ref ({ref.num_frames} frames)", checked.num_frames)
    return checked


def _check_placement(placement: object, row: MetricRow, clip: vs.VideoNode, ref: vs.VideoNode) -> Placement:
    if not row.registers:
        names = " or ".join(repr(each.name) for each in METRICS.values() if each.registers)
        raise ArgumentError(_NAME, "placement", f"must be left out but for the metric {names}", repr(row.name))
    return checks.check_placement(_NAME, placement, clip, ref)
