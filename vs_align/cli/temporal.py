"""`vs-align temporal`: matches the frames of two files and writes clip's frames in ref's time."""

import dataclasses
import math
import time
from dataclasses import dataclass
from enum import StrEnum
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
    Plot,
    Report,
    command,
    report_path,
)
from vs_align.cli.preparation import (
    check_targets,
    open_video,
    prepare_encoder,
    probe_pair,
    report_alpha,
    require_matplotlib,
)
from vs_align.cli.reporting import left_out_line, show_report, write_report
from vs_align.cli.side_outputs import Writing
from vs_align.errors import ArgumentError, MediaError
from vs_align.io.atomic_files import beside, temporary_paths
from vs_align.media.image_output import check_single_frame, image_format, is_image

if TYPE_CHECKING:
    from vs_align.measure.metrics.registry import MetricRow
    from vs_align.media.encode import EncodeJob
    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.frame_props import FrameMatch
    from vs_align.media.scripts.temporal import TemporalScript
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline


class Fallback(StrEnum):
    """What is shown for ref frames without a match."""

    REF = "ref"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalOptions:
    """Parameters of `vs-align temporal`."""

    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video whose frames are shown.", show_default=False)]
    ref: Annotated[Path, typer.Argument(metavar="REF", help="Video whose moments are shown.", show_default=False)]
    out: Annotated[Path, typer.Option("-o", "--output", help="File to write.", show_default=False)]
    precision: Annotated[int, typer.Option(min=1, max=3, help="How frames are compared.")] = 1
    tr: Annotated[int, typer.Option(min=0, help="Frames to search on either side.")] = 20
    match_height: Annotated[int, typer.Option(min=16, help="Rows at which frames are compared.")] = 360
    fallback: Annotated[Fallback, typer.Option(help="What to show where the best score is not below --thresh.")] = (
        Fallback.NONE
    )
    thresh: Annotated[
        float | None, typer.Option(help="Score from which on a match does not count. Default: the metric's own.")
    ] = None
    metric: Annotated[
        str | None, typer.Option(help="Metric by name, instead of --precision; `vs-align doctor` lists them.")
    ] = None
    smooth: Annotated[
        bool, typer.Option("--smooth/--no-smooth", help="Whether neighbours have a say where scores hardly differ.")
    ] = True
    audio: Annotated[
        Audio | None, typer.Option(help="Whose audio; clip's is cut to ref's time. Default: ref's, if it has any.")
    ] = None
    encoding: EncodingOptions
    keep_script: KeepScript = False
    timeline: Annotated[
        Path | None, typer.Option(help="Write which frame belongs where, as JSON; one by sync is rendered.")
    ] = None
    use_timeline: Annotated[Path | None, typer.Option(help="Render such a file and search nothing.")] = None
    plot: Plot = None
    report: Report = None
    rates: PairRateOptions
    general: GeneralOptions

    @property
    def inputs(self) -> list[Path]:
        """Files that are read."""
        return [self.clip, self.ref, *([self.use_timeline] if self.use_timeline else [])]

    @property
    def kept_script(self) -> Path | None:
        """The script beside the result; None if it is not kept."""
        return beside(self.out, ".vpy") if self.keep_script else None


@command
def temporal(options: TemporalOptions) -> None:
    """Show for each frame of REF the frame of CLIP that shows the same moment."""
    with spoken(quiet=options.general.quiet, verbose=options.general.verbose):
        _work(options)


def _work(options: TemporalOptions) -> None:
    options = _with_existing_timeline(options)
    started = time.monotonic()
    others = [options.kept_script, options.timeline, options.plot, report_path(options.report)]
    check_targets([options.out], others, options.inputs, images=True, overwrite=options.general.overwrite)
    clip_file, ref_file, heard = probe_pair(options.clip, options.ref, options.audio, Audio.REF, options.rates.both)
    heard = Audio.NONE if is_image(options.out) else heard
    encoder = prepare_encoder(options.encoding.codec, options.out)
    row = _metric(options)
    if options.plot is not None:
        _check_plot(options.plot)
    clip_source, ref_source = open_video(clip_file), open_video(ref_file)
    report_alpha(clip_source, ref_source)
    if options.use_timeline is not None:
        _check_timeline(options.use_timeline, clip_source, ref_source)
    check_single_frame(options.out, ref_source.length)
    script = _plan(options, row, clip_source, ref_source)
    with Writing() as writing:
        matches, found, left_out = _render(options, script, encoder, heard, writing)
        writing.write(options.kept_script, script.write)
        writing.write(options.timeline, found.save)
        writing.write(options.plot, lambda path: _plot(path, matches, ref_source))
        _report(options, script, matches, found, left_out, time.monotonic() - started, writing)


def _with_existing_timeline(options: TemporalOptions) -> TemporalOptions:
    """Render the timeline of `vs-align sync` instead of replacing its file."""
    if options.timeline is None or options.use_timeline is not None or not options.timeline.is_file():
        return options
    from vs_align.timeline.timeline import Timeline

    try:
        found = Timeline.load(options.timeline)
    except ArgumentError:
        return options  # another file, which is replaced
    if found.verdict is None:
        return options
    note(f"{options.timeline.name} is the timeline of a sync: it is rendered, and nothing is searched.")
    return dataclasses.replace(options, timeline=None, use_timeline=options.timeline)


def _metric(options: TemporalOptions) -> "MetricRow":
    from vs_align.enums import TemporalPrecision
    from vs_align.measure.metrics.registry import metric_named

    return metric_named("temporal", TemporalPrecision(options.precision), options.metric)


def _check_plot(path: Path) -> None:
    """Raise before the work if the plot cannot be drawn."""
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise MediaError(f"--plot {path.name}: must end in .png, .svg or .pdf.")
    require_matplotlib()


def _check_timeline(path: Path, clip: "Source", ref: "Source") -> None:
    from vs_align.timeline.timeline import Timeline

    found = Timeline.load(path)
    for name, length, source in (("clip", found.clip_length, clip), ("ref", found.ref_length, ref)):
        if length != source.length:
            raise MediaError(
                f"--use-timeline {path.name}: it was made for a {name} of {length} frames, "
                f"{source.file.path.name} has {source.length}."
            )


def _plan(options: TemporalOptions, row: "MetricRow", clip: "Source", ref: "Source") -> "TemporalScript":
    from vs_align.measure.metrics.registry import MetricInput
    from vs_align.media.scripts.temporal import TemporalScript, follows_clock

    by_time = follows_clock(clip, ref)
    is_gray = not clip.is_yuv and not clip.is_rgb
    for name, source in (("clip", clip), ("ref", ref)):
        if source.is_still and options.use_timeline is None:
            note(f"{name} is a still, which has no time: frames are searched from frame 0 on; `sync` looks everywhere.")
    if clip.rate != ref.rate and not (clip.is_still or ref.is_still) and options.use_timeline is None:
        rates = f"{float(clip.rate):.3f} and {float(ref.rate):.3f} fps"
        way = "the search follows the clock" if by_time else "equally many frames, so the search goes frame for frame"
        note(f"clip and ref have {rates}: {way}.")
    thresh, most = row.thresh if options.thresh is None else options.thresh, row.score_range[1]
    if options.fallback is Fallback.REF and thresh > most and options.use_timeline is None:
        note(f"scores of {row.title} end at {most:g}: with this --thresh ref is shown only where clip has no frame.")
    return TemporalScript(
        clip=clip,
        ref=ref,
        tr=options.tr,
        precision=options.precision,
        match_height=options.match_height,
        fallback=options.fallback is Fallback.REF,
        thresh=options.thresh,
        metric=options.metric if options.metric is None else row.name,
        smooth=options.smooth,
        color=row.input is MetricInput.RGB,
        by_time=by_time,
        timeline=options.use_timeline,
        image=image_format(options.out, clip.bits, is_gray=is_gray) if is_image(options.out) else None,
    )


def _render(
    options: TemporalOptions, script: "TemporalScript", encoder: "Encoder", heard: Audio, writing: Writing
) -> "tuple[list[FrameMatch], Timeline, list[str]]":
    """Write the result. Return matches, timeline, and the contents of the inputs that the result lacks, as text."""
    from vs_align.decide.cut_list.matched_timeline import matched_timeline
    from vs_align.export.pair_contents import PairContents, expected_video
    from vs_align.media.encode import encode
    from vs_align.media.frame_props import read_matches

    with TemporaryDirectory(prefix="vs_align-") as name, temporary_paths(options.out, 2) as (part, sounding):
        folder = Path(name)
        path = folder / "temporal.vpy"
        script.write(path)
        job = _job(options, script, encoder, path, part)
        with frame_progress("matching", script.ref.length) as on_frame:
            props = encode(job, folder, on_frame)
        matches = read_matches(props)
        found = matched_timeline(matches, script.clip, script.ref)
        finished, left_out = part, list[str]()
        if not is_image(options.out):
            collector = PairContents(script.clip, script.ref, heard, options.out, folder, on_step=step, on_note=note)
            finished, left_out = collector.assembled(found, part, expected_video(script.ref), sounding)
        writing.name(finished, options.out)
    return matches, found, left_out


def _job(options: TemporalOptions, script: "TemporalScript", encoder: "Encoder", path: Path, part: Path) -> "EncodeJob":
    from vs_align.media.encode import EncodeJob

    clip, ref = script.clip, script.ref
    return EncodeJob(
        script=path,
        target=part,
        encoder=encoder,
        rate=clip.rate if ref.is_still else None if ref.variable else ref.rate,
        tags=clip.tags,
        format=script.format,
        bits=clip.bits,
        crf=options.encoding.crf,
        preset=options.encoding.preset,
    )


def _plot(path: Path, matches: "list[FrameMatch]", ref: "Source") -> None:
    from vs_align.decide.cut_list.matched_timeline import frame_times
    from vs_align.export.plots import MatchRow, plot_matches

    rows = [
        MatchRow(
            ref=n,
            seconds=seconds,
            match=found.match,
            offset=found.match - n,
            score=math.nan if found.score is None else found.score,
            runner_up=found.runner_up,
            confidence=found.confidence,
            fallback=found.fallback,
        )
        for n, (found, seconds) in enumerate(zip(matches, frame_times(ref), strict=True))
    ]
    plot_matches(rows, path)


def _report(
    options: TemporalOptions,
    script: "TemporalScript",
    matches: "list[FrameMatch]",
    found: "Timeline",
    left_out: list[str],
    seconds: float,
    writing: Writing,
) -> None:
    from vs_align.decide.matching.match_report import match_report
    from vs_align.decide.matching.verdict import Findings, judge

    ratio = script.clip.rate / script.ref.rate if script.by_time else 1
    searched = options.use_timeline is None
    centres = [int(n * ratio) for n in range(len(found))] if searched else []
    metric = next((match.metric for match in matches if match.metric is not None), None)
    findings = Findings(
        confidences=found.confidences,
        telling=[match.runner_up is not None for match in matches],
        framings=[match.framing for match in matches],
        grades=[match.grade for match in matches],
    )
    verdict = judge(
        found.scores, found.frame_map, centres, options.tr if searched else None, metric or "planestats", findings,
        script.clip.length,
    )  # fmt: skip
    report = match_report(found, verdict, metric)
    report |= {"output": str(options.out), "left_out": left_out}
    report |= {"seconds": round(seconds, 3), "fps": round(len(found) / seconds, 2)}
    show_report(report, _lines(report), " and ".join(map(str, writing.done)))
    write_report(report, options.report, writing)


def _lines(report: "dict[str, Any]") -> dict[str, str]:
    lines = {
        "frames": f"{report['frames']}, {report['matched']} matched, {report['fallback']} without a match",
        "offset": f"{_spread(report['offset_frames'], 'frames')}; {_spread(report['offset_ms'], 'ms')}",
    }
    if report["score"]["mean"] is not None:
        lines["score"] = ", ".join(f"{key} {value:.5f}" for key, value in report["score"].items())
    if report["confidence"]["mean"] is not None:
        confidence = report["confidence"]
        lines["sure of"] = f"{100 * confidence['sure']:.0f} % of the matches; mean confidence {confidence['mean']:.2f}"
    return lines | left_out_line(report["left_out"])


def _spread(spread: "dict[str, Any]", unit: str) -> str:
    if spread["constant"] is None:
        return f"unknown ({unit})"
    if spread["constant"]:
        return f"{spread['median']:g} {unit}, constant"
    return f"{spread['min']:g} to {spread['max']:g} {unit}, median {spread['median']:g}"
