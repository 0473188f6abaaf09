"""`vs-align temporal`: two files in, one file out that shows ref's moments with clip's pictures."""

import dataclasses
import math
import time
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vs_align.cli.console import frame_progress, note, spoken
from vs_align.cli.contents import PairContents, picture_meant
from vs_align.cli.options import (
    Audio,
    ClipFps,
    Codec,
    Crf,
    KeepScript,
    Overwrite,
    Plot,
    Preset,
    Quiet,
    RefFps,
    Report,
    Verbose,
    absolute,
    parse_rate,
    report_path,
)
from vs_align.cli.preparation import check_targets, open_video, probe_pair, ready_encoder, tell_alpha
from vs_align.cli.reporting import left_out_line, show_report, write_report
from vs_align.cli.side_outputs import Writing
from vs_align.errors import MediaError, MissingDependencyError
from vs_align.io.atomic_files import beside
from vs_align.media.image_output import check_one_frame, image_format, is_image

if TYPE_CHECKING:
    from fractions import Fraction

    from vs_align.measure.metrics.registry import MetricRow
    from vs_align.media.encode import EncodeJob
    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.frame_props import FrameMatch
    from vs_align.media.scripts.temporal import TemporalScript
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline


class Fallback(StrEnum):
    """What is shown where clip has no counterpart."""

    REF = "ref"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class _Options:
    clip: Path
    ref: Path
    out: Path
    precision: int
    tr: int
    match_height: int
    fallback: Fallback
    thresh: float | None
    metric: str | None
    smooth: bool
    audio: Audio | None
    crf: float
    preset: str
    codec: str
    keep_script: bool
    timeline: Path | None
    use_timeline: Path | None
    plot: Path | None
    report: str | None
    rates: "tuple[Fraction | None, Fraction | None]"
    overwrite: bool

    @property
    def inputs(self) -> list[Path]:
        return [self.clip, self.ref, *([self.use_timeline] if self.use_timeline else [])]

    @property
    def kept_script(self) -> Path | None:
        return beside(self.out, ".vpy") if self.keep_script else None


def temporal(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video whose frames are shown.", show_default=False)],
    ref: Annotated[Path, typer.Argument(metavar="REF", help="Video whose moments are shown.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option("-o", "--output", help="File to write.", show_default=False),
    ],
    precision: Annotated[int, typer.Option(min=1, max=3, help="How frames are compared.")] = 1,
    tr: Annotated[int, typer.Option(min=0, help="Frames to search on either side.")] = 20,
    match_height: Annotated[int, typer.Option(min=16, help="Rows at which frames are compared.")] = 360,
    fallback: Annotated[
        Fallback, typer.Option(help="What to show where the best score is not below --thresh.")
    ] = Fallback.NONE,
    thresh: Annotated[
        float | None, typer.Option(help="Score from which on a match does not count. Default: the metric's own.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Metric by name, instead of --precision; `vs-align doctor` lists them.")
    ] = None,
    smooth: Annotated[
        bool, typer.Option("--smooth/--no-smooth", help="Whether neighbours have a say where scores hardly differ.")
    ] = True,
    audio: Annotated[
        Audio | None, typer.Option(help="Whose sound; clip's is cut to ref's time. Default: ref's, if it has any.")
    ] = None,
    crf: Crf = 18,
    preset: Preset = "medium",
    codec: Codec = "libx264",
    keep_script: KeepScript = False,
    timeline: Annotated[
        Path | None, typer.Option(help="Write which frame belongs where, as JSON; one by sync is rendered.")
    ] = None,
    use_timeline: Annotated[Path | None, typer.Option(help="Render such a file and search nothing.")] = None,
    plot: Plot = None,
    report: Report = None,
    clip_fps: ClipFps = None,
    ref_fps: RefFps = None,
    overwrite: Overwrite = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Show for each frame of REF the frame of CLIP that shows the same moment."""
    given = _Options(
        clip=clip.absolute(),
        ref=ref.absolute(),
        out=out.absolute(),
        precision=precision,
        tr=tr,
        match_height=match_height,
        fallback=fallback,
        thresh=thresh,
        metric=metric,
        smooth=smooth,
        audio=audio,
        crf=crf,
        preset=preset,
        codec=codec,
        keep_script=keep_script,
        timeline=absolute(timeline),
        use_timeline=absolute(use_timeline),
        plot=absolute(plot),
        report=report,
        rates=(parse_rate(clip_fps), parse_rate(ref_fps)),
        overwrite=overwrite,
    )
    with spoken(quiet=quiet, verbose=verbose):
        _work(given)


def _work(given: _Options) -> None:
    given = _with_given_timeline(given)
    started = time.monotonic()
    others = [given.kept_script, given.timeline, given.plot, report_path(given.report)]
    check_targets([given.out], others, given.inputs, images=True, overwrite=given.overwrite)
    clip_file, ref_file, heard = probe_pair(given.clip, given.ref, given.audio, Audio.REF, given.rates)
    heard = Audio.NONE if is_image(given.out) else heard
    encoder = ready_encoder(given.codec, given.out)
    row = _metric(given)
    if given.plot is not None:
        _check_plot(given.plot)
    clip_source, ref_source = open_video(clip_file), open_video(ref_file)
    tell_alpha(clip_source, ref_source)
    if given.use_timeline is not None:
        _check_timeline(given.use_timeline, clip_source, ref_source)
    check_one_frame(given.out, ref_source.length)
    script = _plan(given, row, clip_source, ref_source)
    with Writing() as writing:
        matches, found, left_out = _render(given, script, encoder, heard, writing)
        writing.write(given.kept_script, script.write)
        writing.write(given.timeline, found.save)
        writing.write(given.plot, lambda path: _plot(path, matches, ref_source))
        _report(given, script, matches, found, left_out, time.monotonic() - started, writing)


def _with_given_timeline(given: _Options) -> _Options:
    """Render what `vs-align sync` wrote instead of writing over it."""
    if given.timeline is None or given.use_timeline is not None or not given.timeline.is_file():
        return given
    from vs_align.errors import ArgumentError
    from vs_align.timeline.timeline import Timeline

    try:
        found = Timeline.load(given.timeline)
    except ArgumentError:
        return given  # whatever it is, it was to be replaced
    if found.verdict is None:
        return given
    note(f"{given.timeline.name} is the timeline of a sync: it is rendered, and nothing is searched.")
    return dataclasses.replace(given, timeline=None, use_timeline=given.timeline)


def _metric(given: _Options) -> "MetricRow":
    from vs_align.enums import TemporalPrecision
    from vs_align.measure.metrics.registry import metric_named

    return metric_named("temporal", TemporalPrecision(given.precision), given.metric)


def _check_plot(path: Path) -> None:
    """Complain before the work, not after it."""
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise MediaError(f"--plot {path.name}: must end in .png, .svg or .pdf.")
    if find_spec("matplotlib") is None:
        raise MissingDependencyError("--plot needs Matplotlib. Install it with: pip install 'vs_align[report]'.")


def _check_timeline(path: Path, clip: "Source", ref: "Source") -> None:
    from vs_align.timeline.timeline import Timeline

    found = Timeline.load(path)
    for name, length, source in (("clip", found.clip_length, clip), ("ref", found.ref_length, ref)):
        if length != source.length:
            raise MediaError(
                f"--use-timeline {path.name}: it was made for a {name} of {length} frames, "
                f"{source.file.path.name} has {source.length}."
            )


def _plan(given: _Options, row: "MetricRow", clip: "Source", ref: "Source") -> "TemporalScript":
    from vs_align.measure.metrics.registry import Pictures
    from vs_align.media.scripts.temporal import TemporalScript, follows_clock

    by_time = follows_clock(clip, ref)
    is_grey = not clip.is_yuv and not clip.is_rgb
    for name, source in (("clip", clip), ("ref", ref)):
        if source.is_still and given.use_timeline is None:
            note(f"{name} is a still, which has no time: frames are searched from frame 0 on; `sync` looks everywhere.")
    if clip.rate != ref.rate and not (clip.is_still or ref.is_still) and given.use_timeline is None:
        rates = f"{float(clip.rate):.3f} and {float(ref.rate):.3f} fps"
        way = "the search follows the clock" if by_time else "equally many frames, so the search goes frame for frame"
        note(f"clip and ref have {rates}: {way}.")
    thresh, most = row.thresh if given.thresh is None else given.thresh, row.score_range[1]
    if given.fallback is Fallback.REF and thresh > most and given.use_timeline is None:
        note(f"scores of {row.title} end at {most:g}: with this --thresh ref is shown only where clip has no frame.")
    return TemporalScript(
        clip=clip,
        ref=ref,
        tr=given.tr,
        precision=given.precision,
        match_height=given.match_height,
        fallback=given.fallback is Fallback.REF,
        thresh=given.thresh,
        metric=given.metric if given.metric is None else row.name,
        smooth=given.smooth,
        colour=row.pictures is Pictures.RGB,
        by_time=by_time,
        timeline=given.use_timeline,
        image=image_format(given.out, clip.bits, is_grey=is_grey) if is_image(given.out) else None,
    )


def _render(
    given: _Options, script: "TemporalScript", encoder: "Encoder", heard: Audio, writing: Writing
) -> "tuple[list[FrameMatch], Timeline, list[str]]":
    """Write the result; also return what of the inputs is left out, in words."""
    from vs_align.decide.cut_list.matched_timeline import matched_timeline
    from vs_align.media.atomic_output import parts
    from vs_align.media.encode import encode
    from vs_align.media.frame_props import read_matches

    with TemporaryDirectory(prefix="vs_align-") as name, parts(given.out, 2) as (part, sounding):
        folder = Path(name)
        path = folder / "temporal.vpy"
        script.write(path)
        job = _job(given, script, encoder, path, part)
        with frame_progress("matching", script.ref.length) as on_frame:
            props = encode(job, folder, on_frame)
        matches = read_matches(props)
        found = matched_timeline(matches, script.clip, script.ref)
        finished, left_out = part, list[str]()
        if not is_image(given.out):
            collector = PairContents(script.clip, script.ref, heard, given.out, folder)
            finished, left_out = collector.assembled(found, part, picture_meant(script.ref), sounding)
        writing.name(finished, given.out)
    return matches, found, left_out


def _job(given: _Options, script: "TemporalScript", encoder: "Encoder", path: Path, part: Path) -> "EncodeJob":
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
        crf=given.crf,
        preset=given.preset,
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
    given: _Options,
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
    searched = given.use_timeline is None
    centres = [int(n * ratio) for n in range(len(found))] if searched else []
    metric = next((match.metric for match in matches if match.metric is not None), None)
    findings = Findings(
        confidences=found.confidences,
        telling=[match.runner_up is not None for match in matches],
        framings=[match.framing for match in matches],
        grades=[match.grade for match in matches],
    )
    verdict = judge(
        found.scores, found.frame_map, centres, given.tr if searched else None, metric or "planestats", findings,
        script.clip.length,
    )  # fmt: skip
    report = match_report(found, verdict, metric)
    report |= {"output": str(given.out), "left_out": left_out}
    report |= {"seconds": round(seconds, 3), "fps": round(len(found) / seconds, 2)}
    show_report(report, _lines(report), " and ".join(map(str, writing.done)))
    write_report(report, given.report, writing)


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
