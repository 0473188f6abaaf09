"""`vs-align spatial`: registers each frame of one file with that of another and writes the warped frames."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vs_align.cli.console import frame_progress, note, spoken, step
from vs_align.cli.options import (
    Audio,
    EncodingOptions,
    GeneralOptions,
    KeepScript,
    PairRateOptions,
    Report,
    command,
    report_path,
)
from vs_align.cli.preparation import (
    check_targets,
    fit_placement,
    open_video,
    prepare_encoder,
    probe_pair,
    report_alpha,
)
from vs_align.cli.reporting import left_out_line, show_report, write_report
from vs_align.cli.side_outputs import Writing
from vs_align.enums import Device, FlowEngine, SpatialPrecision, Stabilize
from vs_align.io.atomic_files import beside
from vs_align.media.scripts.comparison import CompareStyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vs_align.media.encode import EncodeJob
    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.frame_props import FrameAlignment
    from vs_align.media.scripts.spatial import SpatialScript
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialOptions:
    """Parameters of `vs-align spatial`."""

    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video whose frames are shown.", show_default=False)]
    ref: Annotated[Path, typer.Argument(metavar="REF", help="Video that they are laid on.", show_default=False)]
    out: Annotated[Path | None, typer.Option("-o", "--output", help="File to write.", show_default=False)] = None
    mask: Annotated[
        Path | None, typer.Option(help="Image or video, white where REF does not count: logos, subtitles.")
    ] = None
    clip_mask: Annotated[Path | None, typer.Option(help="Image or video, white where CLIP does not count.")] = None
    precision: Annotated[int, typer.Option(min=1, max=4, help="1 is the fastest, 4 the most accurate.")] = 3
    iterations: Annotated[int, typer.Option(min=1, help="How often the search is repeated; for large motions.")] = 1
    lq_input: Annotated[bool, typer.Option("--lq-input", help="A version is grainy or full of artefacts.")] = False
    wide_search: Annotated[
        bool, typer.Option("--wide-search", help="Find large crops, turns and scales too, by features.")
    ] = False
    stabilize: Annotated[Stabilize, typer.Option(help="For how many frames one coarse transform is found.")] = (
        Stabilize.FRAME
    )
    placement: Annotated[
        Path | None, typer.Option(help="JSON file that maps pixels of REF to pixels of CLIP; no coarse search then.")
    ] = None
    engine: Annotated[FlowEngine, typer.Option(help="dis is built in; rife needs PyTorch and its weights.")] = (
        FlowEngine.AUTO
    )
    device: Annotated[Device, typer.Option(help="Device to run on.")] = Device.AUTO
    batch_size: Annotated[int | None, typer.Option(min=1, help="Frames worked on at once; less needs less memory.")] = (
        None
    )
    compare: Annotated[
        Path | None, typer.Option(help="Write a video that shows before, ref and after; with or without -o.")
    ] = None
    compare_style: Annotated[CompareStyle, typer.Option(help="All frames side by side, or stills that blink.")] = (
        CompareStyle.SIDE
    )
    audio: Annotated[Audio | None, typer.Option(help="Whose audio. Default: clip's, if it has any.")] = None
    encoding: EncodingOptions
    keep_script: KeepScript = False
    report: Report = None
    rates: PairRateOptions
    general: GeneralOptions

    @property
    def search(self) -> dict[str, int | str]:
        """Options of `vs_align.spatial` that are not files, as the script writes them."""
        search: dict[str, int | str] = {"precision": self.precision, "iterations": self.iterations}
        search |= {"lq_input": True} if self.lq_input else {}
        search |= {"wide_search": True} if self.wide_search else {}
        search |= {"stabilize": self.stabilize.value, "engine": self.engine.value, "device": self.device.value}
        search |= {"batch_size": self.batch_size} if self.batch_size is not None else {}
        return search

    @property
    def inputs(self) -> list[Path]:
        """Files that are read."""
        return [self.clip, self.ref, *(path for path in (self.mask, self.clip_mask, self.placement) if path)]

    @property
    def outputs(self) -> list[Path]:
        """Videos that are written."""
        return [path for path in (self.out, self.compare) if path is not None]

    @property
    def kept_script(self) -> Path | None:
        """The script beside the first output; None if it is not kept."""
        return beside(self.outputs[0], ".vpy") if self.keep_script else None


@command
def spatial(options: SpatialOptions) -> None:
    """Lay each frame of CLIP on the frame of REF with the same number, below a pixel.

    The result has CLIP's pixel format and colours, and REF's size, length and frame rate. Where the two do not show the
    same moments, run `vs-align temporal` first. A still as CLIP lasts as long as REF, as REF as long as CLIP. OUT may
    be an image where the result is one frame. Alpha is for scripts: that of files is ignored.
    """
    if not options.outputs:
        raise typer.BadParameter("name a file to write, with -o, --compare or both.")
    with spoken(quiet=options.general.quiet, verbose=options.general.verbose):
        _work(options)


def _work(options: SpatialOptions) -> None:
    started = time.monotonic()
    script, encoder, heard = _prepare(options)
    with Writing() as writing:
        found, left_out = _render(options, script, encoder, heard, writing)
        _report(options, script.ref, found, left_out, time.monotonic() - started, writing)


def _prepare(options: SpatialOptions) -> "tuple[SpatialScript, Encoder, Audio]":
    """Check inputs and outputs, open both files, and make the script."""
    from vs_align.media.image_output import check_single_frame, image_encoder, is_image
    from vs_align.media.output_checks import check_video_name
    from vs_align.media.probe import probe
    from vs_align.media.scripts.comparison import Comparison
    from vs_align.media.scripts.spatial import SpatialScript
    from vs_align.placement.placement import Placement

    others = [options.kept_script, report_path(options.report)]
    check_targets(options.outputs, others, options.inputs, images=True, overwrite=options.general.overwrite)
    if options.compare is not None:
        check_video_name(options.compare)
    placement = None if options.placement is None else Placement.load(options.placement)
    usual = Audio.NONE if options.out is None or is_image(options.out) else Audio.CLIP
    clip_file, ref_file, heard = probe_pair(options.clip, options.ref, options.audio, usual, options.rates.both)
    masks = [probe(path) for path in (options.mask, options.clip_mask) if path is not None]
    encoder = prepare_encoder(options.encoding.codec)
    if options.out is not None and is_image(options.out):
        image_encoder(options.out)
    _check_engine(options.search)
    clip, ref = open_video(clip_file), open_video(ref_file)
    if placement is not None:
        fit_placement(placement, ("CLIP", clip), ("REF", ref), Path(str(options.placement)).name)
    report_alpha(clip, ref)
    for file in masks:
        open_video(file)
    script = SpatialScript(
        clip,
        ref,
        options.search,
        options.mask,
        options.clip_mask,
        options.placement,
        None if options.compare is None else Comparison(options.compare_style, ref, clip if ref.is_still else ref),
        image=_image(options, clip),
    )
    if options.out is not None:
        check_single_frame(options.out, script.timed.length)
    _tell_differences(script)
    return script, encoder, heard


def _image(options: SpatialOptions, clip: "Source") -> str | None:
    """Return the pixel format for an image; None if a video is written."""
    from vs_align.media.image_output import image_format, is_image

    if options.out is None or not is_image(options.out):
        return None
    return image_format(options.out, clip.bits, is_gray=not clip.is_yuv and not clip.is_rgb)


def _check_engine(search: dict[str, int | str]) -> None:
    """Raise before the work if the engine cannot run: `vs_align.spatial` checks it, and may download its weights."""
    if search["engine"] != FlowEngine.RIFE and search["device"] != Device.CUDA:
        return  # built in
    from vs_align.api.spatial import require_engine

    step(f"looking for engine {search['engine']}, device {search['device']}")
    require_engine(
        SpatialPrecision(int(search["precision"])), FlowEngine(str(search["engine"])), Device(str(search["device"]))
    )


def _tell_differences(script: "SpatialScript") -> None:
    clip, ref = script.clip, script.ref
    if clip.is_still or ref.is_still:
        if clip.length < ref.length:
            note("clip is a still: it is laid on every frame of ref.")
        elif clip.length > ref.length:
            note("ref is a still: every frame of clip is laid on it, and the result has clip's time.")
        return
    if clip.rate != ref.rate:
        rates = f"{float(clip.rate):.3f} and {float(ref.rate):.3f} fps"
        note(f"clip and ref have {rates}: frames are taken by their number, and the result has ref's rate.")
    if clip.length < ref.length:
        note(f"clip has {clip.length} frames, ref {ref.length}: the last one of clip is repeated.")
    elif clip.length > ref.length:
        note(f"clip has {clip.length} frames, ref {ref.length}: what clip has behind that is left out.")
    if script.format != clip.format:
        size = f"{ref.width}x{ref.height}"
        note(f"ref has an odd size, {size}, which {clip.format} cannot have: the result is {script.format}.")


def _render(
    options: SpatialOptions, script: "SpatialScript", encoder: "Encoder", heard: Audio, writing: Writing
) -> "tuple[list[FrameAlignment], list[str]]":
    """Write result, comparison and script, each atomically.

    Returns:
        The alignment of each frame, and the contents of the inputs that the result lacks, as text.
    """
    from vs_align.io.atomic_files import temporary_paths
    from vs_align.media.scripts.common import write_script

    found: list[FrameAlignment] = []
    left_out: list[str] = []
    with TemporaryDirectory(prefix="vs_align-") as name:
        folder = Path(name)
        if options.out is not None:
            with temporary_paths(options.out, 2) as names:
                found, result, left_out = _render_result(options, script, encoder, heard, names, folder)
                writing.name(result, options.out)
        # the finished result is read back, which is faster than a second alignment
        compared = script.after(options.out)

        def compare(part: Path) -> None:
            found.extend(_render_comparison(options, compared, encoder, part, folder))

        if options.out is not None:
            writing.write(options.compare, compare)
        elif options.compare is not None:
            with temporary_paths(options.compare) as (part,):
                compare(part)
                writing.name(part, options.compare)
        writing.write(options.kept_script, lambda path: write_script(script.text(), path))
    return found, left_out


def _render_result(
    options: SpatialOptions,
    script: "SpatialScript",
    encoder: "Encoder",
    heard: Audio,
    names: "Sequence[Path]",
    folder: Path,
) -> "tuple[list[FrameAlignment], Path, list[str]]":
    """Encode the result to one of two temporary paths. Return alignments, path, and what the result lacks."""
    from vs_align.export.pair_contents import PairContents, expected_video
    from vs_align.media.encode import encode
    from vs_align.media.frame_props import read_alignments
    from vs_align.media.image_output import is_image

    clip, timed, target = script.clip, script.timed, options.out or names[0]
    job = _job(options, script, encoder, names[0], folder)
    with frame_progress("aligning", timed.length) as on_frame:
        found = read_alignments(encode(job, folder, on_frame))
    if is_image(target):
        return found, names[0], []
    keeps_time = timed is clip or (clip.rate == timed.rate and not clip.variable and not timed.variable)
    seconds = timed.duration if heard is Audio.CLIP and keeps_time and clip.length > timed.length else None
    collector = PairContents(clip, script.ref, heard, target, folder, keeps_time, seconds, step, note)
    timeline = None if keeps_time else _frame_by_frame(clip, timed)
    return found, *collector.assembled(timeline, names[0], expected_video(timed), names[1])


def _render_comparison(
    options: SpatialOptions, script: "SpatialScript", encoder: "Encoder", part: Path, folder: Path
) -> "list[FrameAlignment]":
    """Encode the comparison. Return the alignments of frames that were aligned for it; none for a finished result."""
    from vs_align.media.encode import encode
    from vs_align.media.frame_props import read_alignments
    from vs_align.media.verification import expected_video_track, verify

    comparison = script.comparison
    if comparison is None:
        return []
    job = replace(_job(options, script, encoder, part, folder), output=1, rate=comparison.rate)
    with frame_progress("comparing", comparison.length) as on_frame:
        props = encode(job, folder, on_frame)
    times = [n / float(comparison.rate) for n in range(comparison.length)]
    verify(part, [expected_video_track(times, float(1 / comparison.rate))], options.compare or part)
    return read_alignments(props, comparison.measured) if script.rendered is None else []


def _job(options: SpatialOptions, script: "SpatialScript", encoder: "Encoder", part: Path, folder: Path) -> "EncodeJob":
    from vs_align.media.encode import EncodeJob
    from vs_align.media.scripts.common import write_script

    path = folder / "spatial.vpy"
    write_script(script.text(), path)
    return EncodeJob(
        script=path,
        target=part,
        encoder=encoder,
        rate=None if script.timed.variable else script.timed.rate,
        tags=script.tags,
        format=script.format,
        bits=script.clip.bits,
        crf=options.encoding.crf,
        preset=options.encoding.preset,
    )


def _frame_by_frame(clip: "Source", ref: "Source") -> "Timeline":
    """Return the timeline that matches frames of equal numbers."""
    from vs_align.timeline.timeline import Timeline

    return Timeline.from_frame_map(
        [n if n < clip.length else None for n in range(ref.length)],
        clip_rate=clip.rate,
        ref_rate=ref.rate,
        clip_length=clip.length,
        clip_times=clip.times if clip.variable else (),
        ref_times=ref.times if ref.variable else (),
    )


def _report(
    options: SpatialOptions,
    ref: "Source",
    found: "Sequence[FrameAlignment]",
    left_out: list[str],
    seconds: float,
    writing: Writing,
) -> None:
    from vs_align.decide.alignment_report import alignment_report
    from vs_align.decide.alignment_verdict import judge_alignment

    report = alignment_report(found, judge_alignment(found, (ref.width, ref.height)))
    report |= {
        name: str(path) if path in writing.done else None
        for name, path in (("output", options.out), ("compare", options.compare))
    }
    report |= {"left_out": left_out, "seconds": round(seconds, 3), "fps": round(len(found) / seconds, 2)}
    show_report(report, _lines(report), " and ".join(map(str, writing.done)))
    write_report(report, options.report, writing)


def _lines(report: dict[str, Any]) -> dict[str, str]:
    said = {"1": "with a neighbour's transform", "2": "without a transform", "3": "that could not be refined"}
    counts = [f"{count} {said[kind]}" for kind, count in report["fallback"].items() if count]
    turn, across, down = (report[name]["median"] for name in ("rotation", "scale_x", "scale_y"))
    return {
        "frames": ", ".join([f"{report['frames']}, engine {report['engine']}", *counts]),
        "shift": f"x {_spread(report['shift_x'])}, y {_spread(report['shift_y'])} px",
        "shape": f"turned by {_number(turn)} degrees, scaled by {across:.4f} and {down:.4f}",
        "residual": _worst(report["residual"], 1, " px"),
        "valid": _worst(report["valid"], 100, " %"),
    } | left_out_line(report["left_out"])


def _number(value: float) -> str:
    """Format a number with two decimals; zero has no sign."""
    return f"{round(value, 2) + 0.0:.2f}"


def _spread(values: dict[str, float]) -> str:
    low, middle, high = (_number(values[name]) for name in ("min", "median", "max"))
    return middle if low == high else f"{low} to {high} (median {middle})"


def _worst(values: dict[str, Any], factor: float, unit: str) -> str:
    if values["median"] is None:
        return "unknown, for the images have no structure"
    median, worst = (_number(factor * values[name]) for name in ("median", "worst"))
    return f"median {median}{unit}, worst {worst}{unit} in frame {values['worst_frame']}"
