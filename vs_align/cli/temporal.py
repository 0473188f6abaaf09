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

from vs_align.cli.console import frame_progress, note
from vs_align.cli.options import Audio, Codec, Crf, KeepScript, Preset, Report, absolute, report_path
from vs_align.cli.preparation import check_targets, open_video, probe_pair, ready_encoder
from vs_align.cli.reporting import show_report, write_report
from vs_align.cli.sound import add_clip_sound, whole_sound
from vs_align.errors import MediaError, MissingDependencyError

if TYPE_CHECKING:
    from vs_align.media.encode import EncodeJob
    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.frame_props import FrameMatch
    from vs_align.media.source import Source
    from vs_align.media.temporal_script import TemporalScript
    from vs_align.metrics.registry import MetricRow
    from vs_align.timeline import Timeline


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

    @property
    def inputs(self) -> list[Path]:
        return [self.clip, self.ref, *([self.use_timeline] if self.use_timeline else [])]

    @property
    def kept_script(self) -> Path:
        return self.out.with_suffix(".vpy")


def temporal(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video whose frames are shown.", show_default=False)],
    ref: Annotated[Path, typer.Argument(metavar="REF", help="Video whose moments are shown.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option("-o", "--output", help="File to write, replaced where it exists.", show_default=False),
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
    plot: Annotated[Path | None, typer.Option(help="Draw offsets and scores: .png, .svg or .pdf.")] = None,
    report: Report = None,
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
    )
    given = _with_given_timeline(given)
    started = time.monotonic()
    script_file = given.kept_script if given.keep_script else None
    check_targets([given.out], [script_file, given.timeline, given.plot, report_path(given.report)], given.inputs)
    clip_file, ref_file, heard = probe_pair(given.clip, given.ref, given.audio, Audio.REF)
    encoder = ready_encoder(given.codec)
    row = _metric(given)
    if given.plot is not None:
        _check_plot(given.plot)
    clip_source, ref_source = open_video(clip_file), open_video(ref_file)
    if given.use_timeline is not None:
        _check_timeline(given.use_timeline, clip_source, ref_source)
    script = _plan(given, row, clip_source, ref_source)
    matches, found = _render(given, script, encoder, heard)
    if given.plot is not None:
        _plot(given.plot, matches, ref_source)
    _report(given, script, matches, found, time.monotonic() - started)


def _with_given_timeline(given: _Options) -> _Options:
    """Render what `vs-align sync` wrote instead of writing over it."""
    if given.timeline is None or given.use_timeline is not None or not given.timeline.is_file():
        return given
    from vs_align.errors import ArgumentError
    from vs_align.timeline import Timeline

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
    from vs_align.metrics.registry import metric_named

    return metric_named("temporal", TemporalPrecision(given.precision), given.metric)


def _check_plot(path: Path) -> None:
    """Complain before the work, not after it."""
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise MediaError(f"--plot {path.name}: must end in .png, .svg or .pdf.")
    if find_spec("matplotlib") is None:
        raise MissingDependencyError("--plot needs Matplotlib. Install it with: pip install 'vs_align[report]'.")


def _check_timeline(path: Path, clip: "Source", ref: "Source") -> None:
    from vs_align.timeline import Timeline

    found = Timeline.load(path)
    for name, length, source in (("clip", found.clip_length, clip), ("ref", found.ref_length, ref)):
        if length != source.length:
            raise MediaError(
                f"--use-timeline {path.name}: it was made for a {name} of {length} frames, "
                f"{source.file.path.name} has {source.length}."
            )


def _plan(given: _Options, row: "MetricRow", clip: "Source", ref: "Source") -> "TemporalScript":
    from vs_align.media.temporal_script import TemporalScript, follows_clock
    from vs_align.metrics.registry import Pictures

    by_time = follows_clock(clip, ref)
    if clip.rate != ref.rate and given.use_timeline is None:
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
    )


def _render(
    given: _Options, script: "TemporalScript", encoder: "Encoder", heard: Audio
) -> "tuple[list[FrameMatch], Timeline]":
    from vs_align.media.encode import encode
    from vs_align.media.frame_props import read_matches
    from vs_align.media.output import parts, replace
    from vs_align.timing.matched_timeline import matched_timeline

    with TemporaryDirectory(prefix="vs_align-") as name, parts(given.out, 2) as (part, sounding):
        folder = Path(name)
        path = folder / "temporal.vpy"
        script.write(path)
        job = _job(given, script, encoder, path, part, heard)
        with frame_progress("matching", script.ref.length) as on_frame:
            props = encode(job, folder, on_frame)
        matches = read_matches(props)
        found = matched_timeline(matches, script.clip, script.ref)
        if heard is Audio.CLIP:
            add_clip_sound(script.clip, script.ref, found, part, sounding, folder)
            part = sounding
        if given.keep_script:
            script.write(given.kept_script)
        if given.timeline is not None:
            found.save(given.timeline)
        replace(part, given.out)
    return matches, found


def _job(
    given: _Options, script: "TemporalScript", encoder: "Encoder", path: Path, part: Path, heard: Audio
) -> "EncodeJob":
    from vs_align.media.encode import EncodeJob

    clip, ref = script.clip, script.ref
    return EncodeJob(
        script=path,
        target=part,
        encoder=encoder,
        rate=None if ref.variable else ref.rate,
        tags=clip.tags,
        format=clip.format,
        bits=clip.bits,
        crf=given.crf,
        preset=given.preset,
        audio=whole_sound(ref) if heard is Audio.REF else None,
    )


def _plot(path: Path, matches: "list[FrameMatch]", ref: "Source") -> None:
    from vs_align.export.plots import MatchRow, plot_matches
    from vs_align.timing.matched_timeline import frame_times

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
    given: _Options, script: "TemporalScript", matches: "list[FrameMatch]", found: "Timeline", seconds: float
) -> None:
    from vs_align.timing.match_report import match_report
    from vs_align.timing.verdict import judge

    ratio = script.clip.rate / script.ref.rate if script.by_time else 1
    searched = given.use_timeline is None
    centres = [int(n * ratio) for n in range(len(found))] if searched else []
    metric = next((match.metric for match in matches if match.metric is not None), None)
    verdict = judge(
        found.scores, found.frame_map, centres, given.tr if searched else None, metric or "planestats",
        found.confidences,
    )  # fmt: skip
    report = match_report(found, verdict, metric)
    report |= {"output": str(given.out), "seconds": round(seconds, 3), "fps": round(len(found) / seconds, 2)}
    show_report(report, _lines(report), str(given.out))
    write_report(report, given.report)


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
    return lines


def _spread(spread: "dict[str, Any]", unit: str) -> str:
    if spread["constant"] is None:
        return f"unknown ({unit})"
    if spread["constant"]:
        return f"{spread['median']:g} {unit}, constant"
    return f"{spread['min']:g} to {spread['max']:g} {unit}, median {spread['median']:g}"
