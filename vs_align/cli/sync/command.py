"""`vs-align sync`: the frame mapping between two unknown files, and what is retimed by it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from vs_align.cli.console import console, failure, note, show_result, spoken, stage_progress, step, write_stdout
from vs_align.cli.options import command
from vs_align.cli.preparation import open_video, prepare_cache
from vs_align.cli.sync.checks import check_names, check_stills, known_failures
from vs_align.cli.sync.options import SyncCommandOptions
from vs_align.cli.sync.outputs import Failure, SyncOutputs
from vs_align.cli.sync.writing import needs_sources, write_outputs
from vs_align.enums import SyncEngine
from vs_align.errors import AlignError, MediaError
from vs_align.timeline.report import refused

if TYPE_CHECKING:
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline

UNRELATED = 3
"""Exit code if the two are not versions of one film."""


@command
def sync(options: SyncCommandOptions) -> None:
    """Find which frame of CLIP belongs to which frame of REF, whatever lies between the two.

    Exit code 3: the two have nothing in common, or only a part such as a leader or an ident, and it was not forced.
    Exit code 1: a file could not be written; all others are.
    """
    outputs = options.outputs()
    with spoken(quiet=options.general.quiet, verbose=options.general.verbose):
        timeline, failures = _work(options, outputs)
    for failed in failures:
        failure(str(failed))
    if timeline is not None and timeline.verdict == "unrelated" and not options.force:
        failure(_refusal(options, outputs, timeline))
        raise typer.Exit(UNRELATED)
    if failures:
        raise typer.Exit(1)


def _work(options: SyncCommandOptions, wanted: SyncOutputs) -> "tuple[Timeline | None, list[Failure]]":
    """Search and write. Return the timeline, None if nothing was searched, and what could not be written."""
    started = time.monotonic()
    files = _prepared(options, wanted)
    failures = known_failures(wanted, options.extras, files)
    outputs = wanted.without(failures)
    if failures and not (options.json_to_stdout or any(outputs.named())):
        return None, failures
    for failed in failures:
        note(f"{failed} The rest will be written.")
    folder = prepare_cache(options.caching.cache, not options.caching.no_cache)
    timeline = _found(options, files, folder)
    if timeline.verdict == "unrelated":
        if options.force:
            note("the two have nothing in common: the best map that was found is written all the same.")
        else:
            outputs, failures = SyncOutputs(json=outputs.json), []
    sources, unopened = _opened(outputs, files)
    outputs = outputs.without(unopened)
    unwritten = write_outputs(outputs, options.extras, timeline, files, sources)
    _show(options, timeline)
    names = [path.name for _, path in outputs.without(unwritten).named()]
    if names:
        step(f"written: {', '.join(names)} in {time.monotonic() - started:.1f} s")
    return timeline, [*failures, *unopened, *unwritten]


def _opened(
    outputs: SyncOutputs, files: "tuple[VideoFile, VideoFile]"
) -> "tuple[tuple[Source, Source] | None, list[Failure]]":
    """Open both files frame by frame if an output needs it; if that fails, return the outputs that need it."""
    if not needs_sources(outputs):
        return None, []
    try:
        return (open_video(files[0]), open_video(files[1])), []
    except AlignError as error:
        needing = [(what, path) for what, path in outputs.named() if what in ("audio", "mux")]
        return None, [Failure(what, path.name, str(error)) for what, path in needing]


def _prepared(options: SyncCommandOptions, outputs: SyncOutputs) -> "tuple[VideoFile, VideoFile]":
    """Check names, options and files before any work is done.

    Raises:
        AlignError: One of them is wrong.
    """
    from vs_align.media.probe import probe

    inputs = [options.clip, options.ref, *options.extras.inputs()]
    check_names(outputs, inputs, overwrite=options.general.overwrite)
    if options.engine is SyncEngine.AUDIO and not options.sound:
        raise MediaError("--engine audio goes by audio alone: leave out --no-sound.")
    rates = options.rates.both
    files = probe(options.clip, rates[0]), probe(options.ref, rates[1])
    for file in files:
        if options.engine is SyncEngine.AUDIO and file.audio_codec is None:
            raise MediaError(f"--engine audio: {file.path.name} has no audio.")
        if file.interlaced:
            note(f"{file.path.name} is interlaced: frames are compared as they are; deinterlace it first.")
    check_stills(outputs, files)
    return files


def _found(options: SyncCommandOptions, files: "tuple[VideoFile, VideoFile]", folder: Path | None) -> "Timeline":
    from vs_align.api.sync import sync_videos
    from vs_align.api.video import FileVideo

    search = options.search_options
    with stage_progress() as progress:
        clip, ref = (FileVideo(file, folder, listen=options.sound and search.uses_audio) for file in files)
        timeline = sync_videos(clip, ref, search, folder, progress)
    for file, times in zip(files, (timeline.clip_times, timeline.ref_times), strict=True):
        if times:
            note(f"{file.path.name} has a variable frame rate: its time stamps count.")
    return timeline


def _show(options: SyncCommandOptions, timeline: "Timeline") -> None:
    if not options.json_to_stdout:
        show_result(timeline.explain())
        return
    console.print(escape(timeline.explain()))
    write_stdout(timeline.to_json().rstrip("\n"))


def _refusal(options: SyncCommandOptions, outputs: SyncOutputs, timeline: "Timeline") -> str:
    text = f"{options.clip.name} and {options.ref.name} {refused(timeline.reasons)}."
    left = [name for name, _ in outputs.named() if name != "json"]
    return f"{text} Nothing else was written." if left else text
