"""`vs-align temporal`: two files in, one file out that shows ref's moments with clip's pictures."""

import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vs_align.cli.console import frame_progress, note
from vs_align.cli.options import Audio, Codec, Crf, KeepScript, Preset, Report, absolute, report_path
from vs_align.cli.preparation import check_targets, open_video, probe_pair, ready_encoder
from vs_align.cli.reporting import show_report, write_report
from vs_align.cli.sound import add_clip_sound, whole_sound
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.media.encode import EncodeJob
    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.source import Source
    from vs_align.media.temporal_script import TemporalScript
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
    thresh: float
    audio: Audio | None
    crf: float
    preset: str
    codec: str
    keep_script: bool
    timeline: Path | None
    use_timeline: Path | None
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
    thresh: Annotated[float, typer.Option(help="Score from which on a match does not count; 0 is equal.")] = 100.0,
    audio: Annotated[
        Audio | None, typer.Option(help="Whose sound; clip's is cut to ref's time. Default: ref's, if it has any.")
    ] = None,
    crf: Crf = 18,
    preset: Preset = "medium",
    codec: Codec = "libx264",
    keep_script: KeepScript = False,
    timeline: Annotated[Path | None, typer.Option(help="Write which frame belongs where, as JSON.")] = None,
    use_timeline: Annotated[Path | None, typer.Option(help="Render such a file and search nothing.")] = None,
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
        audio=audio,
        crf=crf,
        preset=preset,
        codec=codec,
        keep_script=keep_script,
        timeline=absolute(timeline),
        use_timeline=absolute(use_timeline),
        report=report,
    )
    started = time.monotonic()
    script_file = given.kept_script if given.keep_script else None
    check_targets([given.out], [script_file, given.timeline, report_path(given.report)], given.inputs)
    clip_file, ref_file, heard = probe_pair(given.clip, given.ref, given.audio, Audio.REF)
    encoder = ready_encoder(given.codec)
    if given.precision != 1:
        _check_precision(given)
    clip_source, ref_source = open_video(clip_file), open_video(ref_file)
    if given.use_timeline is not None:
        _check_timeline(given.use_timeline, clip_source, ref_source)
    script = _plan(given, clip_source, ref_source)
    found = _render(given, script, encoder, heard)
    _report(given, script, found, time.monotonic() - started)


def _check_precision(given: _Options) -> None:
    """Ask the library itself, which knows the precisions it has."""
    import vapoursynth as vs

    import vs_align

    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=64, length=1)
    vs_align.temporal(blank, blank, tr=given.tr, precision=given.precision)


def _check_timeline(path: Path, clip: "Source", ref: "Source") -> None:
    from vs_align.timeline import Timeline

    found = Timeline.load(path)
    for name, length, source in (("clip", found.clip_length, clip), ("ref", found.ref_length, ref)):
        if length != source.length:
            raise MediaError(
                f"--use-timeline {path.name}: it was made for a {name} of {length} frames, "
                f"{source.file.path.name} has {source.length}."
            )


def _plan(given: _Options, clip: "Source", ref: "Source") -> "TemporalScript":
    from vs_align.media.temporal_script import TemporalScript, follows_clock

    by_time = follows_clock(clip, ref)
    if clip.rate != ref.rate and given.use_timeline is None:
        rates = f"{float(clip.rate):.3f} and {float(ref.rate):.3f} fps"
        way = "the search follows the clock" if by_time else "equally many frames, so the search goes frame for frame"
        note(f"clip and ref have {rates}: {way}.")
    if given.fallback is Fallback.REF and given.thresh > 1 and given.precision == 1:
        note("scores of precision 1 run from 0 to 1: with this --thresh ref is shown only where clip has no frame.")
    return TemporalScript(
        clip=clip,
        ref=ref,
        tr=given.tr,
        precision=given.precision,
        match_height=given.match_height,
        fallback=given.fallback is Fallback.REF,
        thresh=given.thresh,
        by_time=by_time,
        timeline=given.use_timeline,
    )


def _render(given: _Options, script: "TemporalScript", encoder: "Encoder", heard: Audio) -> "Timeline":
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
        found = matched_timeline(read_matches(props), script.clip, script.ref)
        if heard is Audio.CLIP:
            add_clip_sound(script.clip, script.ref, found, part, sounding, folder)
            part = sounding
        if given.keep_script:
            script.write(given.kept_script)
        if given.timeline is not None:
            found.save(given.timeline)
        replace(part, given.out)
    return found


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


def _report(given: _Options, script: "TemporalScript", found: "Timeline", seconds: float) -> None:
    from vs_align.timing.match_report import match_report
    from vs_align.timing.verdict import judge

    ratio = script.clip.rate / script.ref.rate if script.by_time else 1
    searched = given.use_timeline is None
    centres = [int(n * ratio) for n in range(len(found))] if searched else []
    verdict = judge(found.scores, found.frame_map, centres, given.tr if searched else None)
    report = match_report(found, verdict)
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
    return lines


def _spread(spread: "dict[str, Any]", unit: str) -> str:
    if spread["constant"] is None:
        return f"unknown ({unit})"
    if spread["constant"]:
        return f"{spread['median']:g} {unit}, constant"
    return f"{spread['min']:g} to {spread['max']:g} {unit}, median {spread['median']:g}"
