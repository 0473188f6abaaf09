"""`vs-align spatial`: two files in, one file out in which clip's frames lie on ref's."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vs_align.cli.console import frame_progress, note, spoken, step
from vs_align.cli.contents import PairContents, picture_meant
from vs_align.cli.options import (
    Audio,
    ClipFps,
    Codec,
    Crf,
    KeepScript,
    Overwrite,
    Preset,
    Quiet,
    RefFps,
    Report,
    Verbose,
    absolute,
    parse_rate,
    report_path,
)
from vs_align.cli.preparation import (
    check_targets,
    fitted_placement,
    open_video,
    probe_pair,
    ready_encoder,
    tell_alpha,
)
from vs_align.cli.reporting import left_out_line, show_report, write_report
from vs_align.cli.side_outputs import Writing
from vs_align.enums import Device, FlowEngine, Stabilize
from vs_align.io.atomic_files import beside
from vs_align.media.scripts.comparison import CompareStyle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from vs_align.media.encode import EncodeJob
    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.frame_props import FrameAlignment
    from vs_align.media.scripts.spatial import SpatialScript
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline


_Out = Annotated[Path | None, typer.Option("-o", "--output", help="File to write.", show_default=False)]
_Mask = Annotated[Path | None, typer.Option(help="Picture or video, white where REF does not count: logos, subtitles.")]
_WideSearch = Annotated[
    bool, typer.Option("--wide-search", help="Find large crops, turns and scales too, by features.")
]
_Stabilize = Annotated[Stabilize, typer.Option(help="For how many frames one coarse transform is found.")]
_Placement = Annotated[
    Path | None, typer.Option(help="JSON file that maps pixels of REF to pixels of CLIP; no coarse search then.")
]
_Engine = Annotated[FlowEngine, typer.Option(help="dis is built in; rife needs PyTorch and its weights.")]
_BatchSize = Annotated[int | None, typer.Option(min=1, help="Frames worked on at once; less needs less memory.")]
_Compare = Annotated[
    Path | None, typer.Option(help="Write a video that shows before, ref and after; with or without -o.")
]
_CompareStyle = Annotated[CompareStyle, typer.Option(help="All frames side by side, or stills that blink.")]


@dataclass(frozen=True, slots=True)
class _Options:
    clip: Path
    ref: Path
    out: Path | None
    compare: Path | None
    style: CompareStyle
    mask: Path | None
    clip_mask: Path | None
    placement: Path | None
    audio: Audio | None
    crf: float
    preset: str
    codec: str
    keep_script: bool
    report: str | None
    search: dict[str, int | str]
    """Options of `vs_align.spatial` that are not files."""
    rates: "tuple[Fraction | None, Fraction | None]"
    overwrite: bool

    @property
    def inputs(self) -> list[Path]:
        return [self.clip, self.ref, *(path for path in (self.mask, self.clip_mask, self.placement) if path)]

    @property
    def outputs(self) -> list[Path]:
        return [path for path in (self.out, self.compare) if path is not None]

    @property
    def kept_script(self) -> Path | None:
        return beside(self.outputs[0], ".vpy") if self.keep_script else None


def spatial(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video whose frames are shown.", show_default=False)],
    ref: Annotated[Path, typer.Argument(metavar="REF", help="Video that they are laid on.", show_default=False)],
    out: _Out = None,
    mask: _Mask = None,
    clip_mask: Annotated[Path | None, typer.Option(help="Likewise for CLIP.")] = None,
    precision: Annotated[int, typer.Option(min=1, max=4, help="1 is the fastest, 4 the most accurate.")] = 3,
    iterations: Annotated[int, typer.Option(min=1, help="How often the search is repeated; for large motions.")] = 1,
    lq_input: Annotated[bool, typer.Option("--lq-input", help="A version is grainy or full of artefacts.")] = False,
    wide_search: _WideSearch = False,
    stabilize: _Stabilize = Stabilize.FRAME,
    placement: _Placement = None,
    engine: _Engine = FlowEngine.AUTO,
    device: Annotated[Device, typer.Option(help="Where numbers are crunched.")] = Device.AUTO,
    batch_size: _BatchSize = None,
    compare: _Compare = None,
    compare_style: _CompareStyle = CompareStyle.SIDE,
    audio: Annotated[Audio | None, typer.Option(help="Whose sound. Default: clip's, if it has any.")] = None,
    crf: Crf = 18,
    preset: Preset = "medium",
    codec: Codec = "libx264",
    keep_script: KeepScript = False,
    report: Report = None,
    clip_fps: ClipFps = None,
    ref_fps: RefFps = None,
    overwrite: Overwrite = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Lay each frame of CLIP on the frame of REF with the same number, below a pixel.

    The result has CLIP's pixel format and colours, and REF's size, length and frame rate. Where the two do not show the
    same moments, run `vs-align temporal` first. A still as CLIP lasts as long as REF, as REF as long as CLIP. OUT may
    be an image where the result is one frame. Alpha is for scripts: that of files is ignored.
    """
    if out is None and compare is None:
        raise typer.BadParameter("name a file to write, with -o, --compare or both.")
    search: dict[str, int | str] = {"precision": precision, "iterations": iterations}
    search |= {"lq_input": True} if lq_input else {}
    search |= {"wide_search": True} if wide_search else {}
    search |= {"stabilize": stabilize.value, "engine": engine.value, "device": device.value}
    search |= {"batch_size": batch_size} if batch_size is not None else {}
    given = _Options(
        clip=clip.absolute(),
        ref=ref.absolute(),
        out=absolute(out),
        compare=absolute(compare),
        style=compare_style,
        mask=absolute(mask),
        clip_mask=absolute(clip_mask),
        placement=absolute(placement),
        audio=audio,
        crf=crf,
        preset=preset,
        codec=codec,
        keep_script=keep_script,
        report=report,
        search=search,
        rates=(parse_rate(clip_fps), parse_rate(ref_fps)),
        overwrite=overwrite,
    )
    with spoken(quiet=quiet, verbose=verbose):
        _work(given)


def _work(given: _Options) -> None:
    started = time.monotonic()
    script, encoder, heard = _prepare(given)
    with Writing() as writing:
        found, left_out = _render(given, script, encoder, heard, writing)
        _report(given, script.ref, found, left_out, time.monotonic() - started, writing)


def _prepare(given: _Options) -> "tuple[SpatialScript, Encoder, Audio]":
    """Check what can be wrong, and plan the work."""
    from vs_align.media.atomic_output import check_video_name
    from vs_align.media.image_output import check_one_frame, image_encoder, is_image
    from vs_align.media.probe import probe
    from vs_align.media.scripts.comparison import Comparison
    from vs_align.media.scripts.spatial import SpatialScript
    from vs_align.placement.placement import Placement

    others = [given.kept_script, report_path(given.report)]
    check_targets(given.outputs, others, given.inputs, images=True, overwrite=given.overwrite)
    if given.compare is not None:
        check_video_name(given.compare)
    placement = None if given.placement is None else Placement.load(given.placement)
    usual = Audio.NONE if given.out is None or is_image(given.out) else Audio.CLIP
    clip_file, ref_file, heard = probe_pair(given.clip, given.ref, given.audio, usual, given.rates)
    masks = [probe(path) for path in (given.mask, given.clip_mask) if path is not None]
    encoder = ready_encoder(given.codec)
    if given.out is not None and is_image(given.out):
        image_encoder(given.out)
    _check_engine(given.search)
    clip, ref = open_video(clip_file), open_video(ref_file)
    if placement is not None:
        fitted_placement(placement, ("CLIP", clip), ("REF", ref), Path(str(given.placement)).name)
    tell_alpha(clip, ref)
    for file in masks:
        open_video(file)
    script = SpatialScript(
        clip,
        ref,
        given.search,
        given.mask,
        given.clip_mask,
        given.placement,
        None if given.compare is None else Comparison(given.style, ref, clip if ref.is_still else ref),
        image=_image(given, clip),
    )
    if given.out is not None:
        check_one_frame(given.out, script.timed.length)
    _tell_differences(script)
    return script, encoder, heard


def _image(given: _Options, clip: "Source") -> str | None:
    """Return the format that an image needs, None where a video is written."""
    from vs_align.media.image_output import image_format, is_image

    if given.out is None or not is_image(given.out):
        return None
    return image_format(given.out, clip.bits, is_grey=not clip.is_yuv and not clip.is_rgb)


def _check_engine(search: dict[str, int | str]) -> None:
    """Ask the library itself, which knows what its engines need, and may have to download it."""
    if search["engine"] != FlowEngine.RIFE and search["device"] != Device.CUDA:
        return  # what is built in is there
    import vapoursynth as vs

    import vs_align

    step(f"looking for engine {search['engine']}, device {search['device']}")
    blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=64, length=1)
    options: dict[str, Any] = {name: search[name] for name in ("precision", "engine", "device")}
    vs_align.spatial(blank, blank, **options)


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
    given: _Options, script: "SpatialScript", encoder: "Encoder", heard: Audio, writing: Writing
) -> "tuple[list[FrameAlignment], list[str]]":
    """Write what is asked for. Each file gets its name when it is finished.

    Returns:
        The alignment of each frame, and what of the inputs is left out, in words.
    """
    from vs_align.media.atomic_output import parts
    from vs_align.media.scripts.common import write_script

    found: list[FrameAlignment] = []
    left_out: list[str] = []
    with TemporaryDirectory(prefix="vs_align-") as name:
        folder = Path(name)
        if given.out is not None:
            with parts(given.out, 2) as names:
                found, result, left_out = _render_result(given, script, encoder, heard, names, folder)
                writing.name(result, given.out)
        # What is finished is read back, which takes less time than a second alignment.
        compared = script.after(given.out)

        def compare(part: Path) -> None:
            found.extend(_render_comparison(given, compared, encoder, part, folder))

        if given.out is not None:
            writing.write(given.compare, compare)
        elif given.compare is not None:
            with parts(given.compare) as (part,):
                compare(part)
                writing.name(part, given.compare)
        writing.write(given.kept_script, lambda path: write_script(script.text(), path))
    return found, left_out


def _render_result(
    given: _Options, script: "SpatialScript", encoder: "Encoder", heard: Audio, names: "Sequence[Path]", folder: Path
) -> "tuple[list[FrameAlignment], Path, list[str]]":
    """Encode the result under one of two names; also return what of the inputs is left out."""
    from vs_align.media.encode import encode
    from vs_align.media.frame_props import read_alignments
    from vs_align.media.image_output import is_image

    clip, timed, target = script.clip, script.timed, given.out or names[0]
    job = _job(given, script, encoder, names[0], folder)
    with frame_progress("aligning", timed.length) as on_frame:
        found = read_alignments(encode(job, folder, on_frame))
    if is_image(target):
        return found, names[0], []
    keeps_time = timed is clip or (clip.rate == timed.rate and not clip.variable and not timed.variable)
    seconds = timed.duration if heard is Audio.CLIP and keeps_time and clip.length > timed.length else None
    collector = PairContents(clip, script.ref, heard, target, folder, keeps_time, seconds)
    timeline = None if keeps_time else _frame_by_frame(clip, timed)
    return found, *collector.assembled(timeline, names[0], picture_meant(timed), names[1])


def _render_comparison(
    given: _Options, script: "SpatialScript", encoder: "Encoder", part: Path, folder: Path
) -> "list[FrameAlignment]":
    """Encode the comparison; the numbers are those of the frames that were aligned for it, none if they are known."""
    from vs_align.media.encode import encode
    from vs_align.media.frame_props import read_alignments
    from vs_align.media.verification import meant_video, verify

    comparison = script.comparison
    if comparison is None:
        return []
    job = replace(_job(given, script, encoder, part, folder), output=1, rate=comparison.rate)
    with frame_progress("comparing", comparison.length) as on_frame:
        props = encode(job, folder, on_frame)
    times = [n / float(comparison.rate) for n in range(comparison.length)]
    verify(part, [meant_video(times, float(1 / comparison.rate))], given.compare or part)
    return read_alignments(props, comparison.measured) if script.rendered is None else []


def _job(given: _Options, script: "SpatialScript", encoder: "Encoder", part: Path, folder: Path) -> "EncodeJob":
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
        crf=given.crf,
        preset=given.preset,
    )


def _frame_by_frame(clip: "Source", ref: "Source") -> "Timeline":
    """Return the timeline on which frames of equal numbers belong together."""
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
    given: _Options,
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
        for name, path in (("output", given.out), ("compare", given.compare))
    }
    report |= {"left_out": left_out, "seconds": round(seconds, 3), "fps": round(len(found) / seconds, 2)}
    show_report(report, _lines(report), " and ".join(map(str, writing.done)))
    write_report(report, given.report, writing)


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
    """Return a number with two decimals; one that is rounded to zero has no sign."""
    return f"{round(value, 2) + 0.0:.2f}"


def _spread(values: dict[str, float]) -> str:
    low, middle, high = (_number(values[name]) for name in ("min", "median", "max"))
    return middle if low == high else f"{low} to {high} (median {middle})"


def _worst(values: dict[str, Any], factor: float, unit: str) -> str:
    if values["median"] is None:
        return "unknown, for the pictures have no structure"
    median, worst = (_number(factor * values[name]) for name in ("median", "worst"))
    return f"median {median}{unit}, worst {worst}{unit} in frame {values['worst_frame']}"
