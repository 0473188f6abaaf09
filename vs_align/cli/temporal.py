"""`vs-align temporal`: two files in, one file out that shows ref's moments with clip's pictures."""

import json
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from vs_align.cli.console import frame_progress, interrupt_at_once, note, show_report, step, write_stdout
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.media.audio_piece import AudioPiece
    from vs_align.media.encode import AudioInput, EncodeJob
    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.probe import VideoFile
    from vs_align.media.script import TemporalScript
    from vs_align.media.source import Source
    from vs_align.timeline import Timeline


class Fallback(StrEnum):
    """What is shown where clip has no counterpart."""

    REF = "ref"
    NONE = "none"


class Audio(StrEnum):
    """Whose sound is heard."""

    REF = "ref"
    CLIP = "clip"
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
    crf: Annotated[float, typer.Option(help="Quality for encoders that know crf; lower is better.")] = 18,
    preset: Annotated[str, typer.Option(help="Preset for encoders that know presets.")] = "medium",
    codec: Annotated[str, typer.Option(help="Video encoder of ffmpeg.")] = "libx264",
    keep_script: Annotated[bool, typer.Option("--keep-script", help="Leave the script beside OUT.")] = False,
    timeline: Annotated[Path | None, typer.Option(help="Write which frame belongs where, as JSON.")] = None,
    use_timeline: Annotated[Path | None, typer.Option(help="Render such a file and search nothing.")] = None,
    report: Annotated[str | None, typer.Option("--json", help="Write the report as JSON; - is stdout.")] = None,
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
        timeline=timeline.absolute() if timeline else None,
        use_timeline=use_timeline.absolute() if use_timeline else None,
        report=report,
    )
    started = time.monotonic()
    _check_outputs(given)
    clip_file, ref_file, heard = _probe(given)
    encoder = _check_programs(given)
    clip_source, ref_source = _open(clip_file), _open(ref_file)
    if given.use_timeline is not None:
        _check_timeline(given.use_timeline, clip_source, ref_source)
    script = _plan(given, clip_source, ref_source)
    found = _render(given, script, encoder, heard)
    _report(given, script, found, time.monotonic() - started)


def _check_outputs(given: _Options) -> None:
    from vs_align.media.output import check_video_name, check_writable

    check_video_name(given.out)
    targets = [given.out]
    targets += [given.kept_script] if given.keep_script else []
    targets += [given.timeline] if given.timeline else []
    targets += [Path(given.report).absolute()] if given.report not in (None, "-") else []
    for target in targets:
        check_writable(target, given.inputs)
    for target in targets:
        if targets.count(target) > 1:
            raise MediaError(f"{target} is named for two of the files to write.")


def _probe(given: _Options) -> "tuple[VideoFile, VideoFile, Audio]":
    from vs_align.media.probe import probe

    clip, ref = probe(given.clip), probe(given.ref)
    chosen = given.audio or Audio.REF
    file = {Audio.REF: ref, Audio.CLIP: clip, Audio.NONE: None}[chosen]
    if file is not None and file.audio_codec is None:
        if given.audio is not None:
            raise MediaError(f"--audio {chosen}: {file.path.name} has no sound.")
        note(f"{file.path.name} has no sound, so the result has none.")
        chosen = Audio.NONE
    for video in (clip, ref):
        if video.interlaced:
            note(f"{video.path.name} is interlaced: frames are matched and written as they are; deinterlace first.")
    return clip, ref, chosen


def _check_programs(given: _Options) -> "Encoder":
    from vs_align.media.ffmpeg import find_encoder
    from vs_align.media.source import require_bestsource
    from vs_align.media.vspipe import ensure_config

    require_bestsource()
    if ensure_config():
        step("vspipe was told which Python to use (vapoursynth config)")
    if given.precision != 1:
        _check_precision(given)
    return find_encoder(given.codec)


def _check_precision(given: _Options) -> None:
    """Ask the library itself, which knows the precisions it has."""
    import vapoursynth as vs

    import vs_align

    blank = vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=64, length=1)
    vs_align.temporal(blank, blank, tr=given.tr, precision=given.precision)


def _open(file: "VideoFile") -> "Source":
    from vs_align.media.source import open_source

    step(f"reading {file.path.name}")
    with interrupt_at_once():
        return open_source(file)


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
    from vs_align.media.script import TemporalScript, follows_clock

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
            _add_clip_sound(script, found, part, sounding, folder)
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
        audio=_ref_sound(ref) if heard is Audio.REF else None,
    )


def _ref_sound(ref: "Source") -> "AudioInput":
    from vs_align.media.audio import sound_format
    from vs_align.media.encode import AudioInput

    return AudioInput(ref.file, ref.start, sound_format(ref.file.path).channels)


def _add_clip_sound(script: "TemporalScript", found: "Timeline", video: Path, target: Path, folder: Path) -> None:
    from vs_align.media.audio import SoundReader, mux_pieces
    from vs_align.timing.matched_timeline import sound_pieces

    speed, pieces = sound_pieces(found, script.clip, script.ref)
    _note_cuts(pieces)
    reader = SoundReader(script.clip.file.path, script.clip.start, speed)
    mux_pieces(video, target, reader, pieces, folder)


def _note_cuts(pieces: "list[AudioPiece]") -> None:
    silent = sum(piece.ref_end - piece.ref_start for piece in pieces if piece.clip_start is None)
    count = "1 piece" if len(pieces) == 1 else f"{len(pieces)} pieces"
    step(f"cutting clip's sound: {count}, {silent:.2f} s of silence")


def _report(given: _Options, script: "TemporalScript", found: "Timeline", seconds: float) -> None:
    from vs_align.timing.match_report import match_report
    from vs_align.timing.verdict import judge

    ratio = script.clip.rate / script.ref.rate if script.by_time else 1
    searched = given.use_timeline is None
    centres = [int(n * ratio) for n in range(len(found))] if searched else []
    verdict = judge(found.scores, found.frame_map, centres, given.tr if searched else None)
    report = match_report(found, verdict)
    report |= {"output": str(given.out), "seconds": round(seconds, 3), "fps": round(len(found) / seconds, 2)}
    show_report(report)
    text = json.dumps(report, indent=2)
    if given.report == "-":
        write_stdout(text)
    elif given.report is not None:
        Path(given.report).write_text(text + "\n", encoding="utf-8")
