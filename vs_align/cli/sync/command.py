"""`vs-align sync`: two files of which nothing is known in, which frame belongs to which out."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vs_align.cli.console import console, failure, note, show_result, spoken, stage_progress, step, write_stdout
from vs_align.cli.options import (
    Cache,
    ClipFps,
    NoCache,
    Overwrite,
    Quiet,
    RefFps,
    Verbose,
    absolute,
    parse_rate,
    report_path,
)
from vs_align.cli.preparation import open_video, ready_cache
from vs_align.cli.sync.outputs import (
    Failure,
    Pitch,
    SyncExtras,
    SyncOutputs,
    check_names,
    check_stills,
    default_chapters,
    default_subs,
    known_failures,
    needs_sources,
    write_outputs,
)
from vs_align.enums import SyncEngine
from vs_align.errors import AlignError, MediaError
from vs_align.timeline.report import refused

if TYPE_CHECKING:
    from fractions import Fraction

    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline

UNRELATED = 3
"""Exit code where the two are not versions of one film."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for. `cache` is None for the usual folder, `keep` is whether anything is kept."""

    clip: Path
    ref: Path
    engine: SyncEngine
    reach: float | None
    min_segment: float
    window: int
    drift_interval: int
    margin: int
    sound: bool
    cache: Path | None
    keep: bool
    outputs: SyncOutputs
    extras: SyncExtras
    json_to_stdout: bool
    rates: "tuple[Fraction | None, Fraction | None]"
    force: bool
    overwrite: bool


def _check_search(text: str) -> str:
    if _reach(text) is None and text != "all":
        raise typer.BadParameter("must be 'all' or a number of seconds above 0.")
    return text


def _reach(text: str) -> float | None:
    """Seconds of --search; None for all, and for what is no number above 0."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def sync(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="Video in which frames are sought.", show_default=False)],
    ref: Annotated[Path, typer.Argument(metavar="REF", help="Video whose time counts.", show_default=False)],
    engine: Annotated[SyncEngine, typer.Option(case_sensitive=False, help="What finds the frames.")] = SyncEngine.AUTO,
    search: Annotated[
        str, typer.Option(callback=_check_search, metavar="SECONDS", help="How far apart both may be at most, or all.")
    ] = "all",
    min_segment: Annotated[float, typer.Option(min=0, help="Seconds that a stretch must last to be believed.")] = 1.0,
    window: Annotated[int, typer.Option(min=1, help="Frames to either side: fast to tunnel_mask.")] = 100,
    drift_interval: Annotated[int, typer.Option(min=1, help="Frames between measurings: precise, mask, border.")] = 100,
    margin: Annotated[int, typer.Option(min=1, help="Pixels of the edge: border.")] = 8,
    sound: Annotated[bool, typer.Option("--sound/--no-sound", help="Whether to listen, where both have sound.")] = True,
    cache: Cache = None,
    no_cache: NoCache = False,
    json: Annotated[
        str | None, typer.Option(help="Write the timeline as JSON, for `temporal --use-timeline`; - is stdout.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the segments as a table.")] = None,
    edl: Annotated[Path | None, typer.Option(help="Write an edit decision list (CMX 3600).")] = None,
    fcpxml: Annotated[Path | None, typer.Option(help="Write FCPXML.")] = None,
    otio: Annotated[Path | None, typer.Option(help="Write an OpenTimelineIO file.")] = None,
    timecodes: Annotated[Path | None, typer.Option(help="Write the result's time codes (v2).")] = None,
    subs: Annotated[Path | None, typer.Option(help="Clip's subtitles, or a video with them.")] = None,
    subs_out: Annotated[Path | None, typer.Option(help="Where to. Default: beside them, as NAME.synced.")] = None,
    subs_encoding: Annotated[str | None, typer.Option(help="Their encoding. Default: UTF-8.")] = None,
    chapters: Annotated[Path | None, typer.Option(help="Clip's chapters: a text, or a video with chapters.")] = None,
    chapters_out: Annotated[Path | None, typer.Option(help="Where to. Default: beside them, as NAME.synced.")] = None,
    audio_out: Annotated[Path | None, typer.Option(help="Write CLIP's sound, fitted to REF.")] = None,
    pitch: Annotated[Pitch, typer.Option(help="Of that sound, where the speeds differ.")] = Pitch.CHANGE,
    mux: Annotated[Path | None, typer.Option(help="Write REF's picture, as it is, with that sound.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw what lies where: .png, .svg or .pdf.")] = None,
    clip_fps: ClipFps = None,
    ref_fps: RefFps = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the best map that was found where the two have nothing in common.")
    ] = False,
    overwrite: Overwrite = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Find which frame of CLIP belongs to which frame of REF, whatever lies between the two.

    Exit code 3: the two have nothing in common, or only a part such as a leader or an ident, and it was not forced.
    Exit code 1: a file could not be written; all others are.
    """
    outputs = SyncOutputs(
        json=report_path(json),
        csv=absolute(csv),
        edl=absolute(edl),
        fcpxml=absolute(fcpxml),
        otio=absolute(otio),
        timecodes=absolute(timecodes),
        subs=_beside("--subs", subs, subs_out, default_subs),
        chapters=_beside("--chapters", chapters, chapters_out, default_chapters),
        plot=absolute(plot),
        audio=absolute(audio_out),
        mux=absolute(mux),
    )
    given = _Request(
        clip=clip.absolute(),
        ref=ref.absolute(),
        engine=engine,
        reach=_reach(search),
        min_segment=min_segment,
        window=window,
        drift_interval=drift_interval,
        margin=margin,
        sound=sound,
        cache=absolute(cache),
        keep=not no_cache,
        outputs=outputs,
        extras=SyncExtras(absolute(subs), subs_encoding, absolute(chapters), pitch),
        json_to_stdout=json == "-",
        rates=(parse_rate(clip_fps), parse_rate(ref_fps)),
        force=force,
        overwrite=overwrite,
    )
    with spoken(quiet=quiet, verbose=verbose):
        timeline, failures = _work(given)
    for failed in failures:
        failure(str(failed))
    if timeline is not None and timeline.verdict == "unrelated" and not force:
        failure(_refusal(given, timeline))
        raise typer.Exit(UNRELATED)
    if failures:
        raise typer.Exit(1)


def _beside(option: str, source: Path | None, target: Path | None, usual: Callable[[Path], Path]) -> Path | None:
    if source is not None:
        return absolute(target or usual(source))
    if target is not None:
        raise MediaError(f"{option}-out {target.name}: needs {option}, which says what to fit.")
    return None


def _work(given: _Request) -> "tuple[Timeline | None, list[Failure]]":
    """Do what is asked for; return what was found, None where nothing was sought, and what could not be written."""
    started = time.monotonic()
    files = _prepared(given)
    failures = known_failures(given.outputs, given.extras, files)
    outputs = given.outputs.without(failures)
    if failures and not (given.json_to_stdout or any(outputs.named())):
        return None, failures
    for failed in failures:
        note(f"{failed} The rest will be written.")
    folder = ready_cache(given.cache, given.keep)
    timeline = _found(given, files, folder)
    if timeline.verdict == "unrelated":
        if given.force:
            note("the two have nothing in common: the best map that was found is written all the same.")
        else:
            outputs, failures = SyncOutputs(json=outputs.json), []
    sources, unopened = _opened(outputs, files)
    outputs = outputs.without(unopened)
    unwritten = write_outputs(outputs, given.extras, timeline, files, sources)
    _show(given, timeline)
    names = [path.name for _, path in outputs.without(unwritten).named()]
    if names:
        step(f"written: {', '.join(names)} in {time.monotonic() - started:.1f} s")
    return timeline, [*failures, *unopened, *unwritten]


def _opened(
    outputs: SyncOutputs, files: "tuple[VideoFile, VideoFile]"
) -> "tuple[tuple[Source, Source] | None, list[Failure]]":
    """Open both files frame by frame where an output needs it, or tell which cannot be written for want of that."""
    if not needs_sources(outputs):
        return None, []
    try:
        return (open_video(files[0]), open_video(files[1])), []
    except AlignError as error:
        needing = [(what, path) for what, path in outputs.named() if what in ("audio", "mux")]
        return None, [Failure(what, path.name, str(error)) for what, path in needing]


def _prepared(given: _Request) -> "tuple[VideoFile, VideoFile]":
    """Look at all that may be wrong before any work is done.

    Raises:
        AlignError: Something is.
    """
    from vs_align.media.probe import probe

    check_names(given.outputs, [given.clip, given.ref, *given.extras.inputs()], overwrite=given.overwrite)
    if given.engine is SyncEngine.AUDIO and not given.sound:
        raise MediaError("--engine audio goes by sound alone: leave out --no-sound.")
    files = probe(given.clip, given.rates[0]), probe(given.ref, given.rates[1])
    for file in files:
        if given.engine is SyncEngine.AUDIO and file.audio_codec is None:
            raise MediaError(f"--engine audio: {file.path.name} has no sound.")
        if file.interlaced:
            note(f"{file.path.name} is interlaced: frames are compared as they are; deinterlace it first.")
    check_stills(given.outputs, files)
    return files


def _found(given: _Request, files: "tuple[VideoFile, VideoFile]", folder: Path | None) -> "Timeline":
    from vs_align.decide.synchronization.options import SyncOptions
    from vs_align.decide.synchronization.pipeline_files import sync_files

    options = SyncOptions(
        engine=given.engine,
        reach=given.reach,
        min_segment=given.min_segment,
        window=given.window,
        drift_interval=given.drift_interval,
        margin=given.margin,
        force=given.force,
    )
    with stage_progress() as progress:
        timeline = sync_files(*files, options, folder, progress, listen=given.sound)
    for file, times in zip(files, (timeline.clip_times, timeline.ref_times), strict=True):
        if times:
            note(f"{file.path.name} has a variable frame rate: its time stamps count.")
    return timeline


def _show(given: _Request, timeline: "Timeline") -> None:
    if not given.json_to_stdout:
        show_result(timeline.explain())
        return
    console.print(escape(timeline.explain()))
    write_stdout(timeline.to_json().rstrip("\n"))


def _refusal(given: _Request, timeline: "Timeline") -> str:
    text = f"{given.clip.name} and {given.ref.name} {refused(timeline.reasons)}."
    left = [name for name, _ in given.outputs.named() if name != "json"]
    return f"{text} Nothing else was written." if left else text
