"""The files that `vs-align overlay` writes."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.cli.console import frame_progress, note, stage_progress, step
from vs_align.cli.overlay_checks import Means
from vs_align.cli.overlay_layers import Found, built
from vs_align.cli.overlay_request import Request, layer_files
from vs_align.cli.overlay_summary import page_of
from vs_align.enums import OverlayAudio, Timing

if TYPE_CHECKING:
    from vs_align.export.overlay_sound import SoundSide, SoundSummary
    from vs_align.media.encode import EncodeJob
    from vs_align.media.overlay_script import OverlayScript, ScriptLayer
    from vs_align.media.source import Source


@dataclass(frozen=True, slots=True)
class Done:
    """What was written.

    Args:
        frames: Number of frames of the result.
        width: Their width.
        height: Their height.
        sound: What is heard; None for nothing.
    """

    frames: int
    width: int
    height: int
    sound: "SoundSummary | None"


def render(given: Request, means: Means, found: Found) -> Done:
    """Write the result and what is wanted beside it; all get their names when all of them are finished.

    Raises:
        AlignError: A program failed, or a file cannot be written. Nothing is left behind.
    """
    from vs_align.media.encode import encode
    from vs_align.media.output import parts
    from vs_align.media.output import replace as named
    from vs_align.media.script import write_script

    frames = len(found.schedule)
    with TemporaryDirectory(prefix="vs_align-") as name, ExitStack() as stack:
        folder = Path(name)
        part, sounding = stack.enter_context(parts(given.out, 2))
        beside = stack.enter_context(_lent(given))
        path = folder / "overlay.vpy"
        script = _script(given, means, found, path)
        _save_findings(found, path)
        write_script(script.text(), path)
        job = _job(given, means, found, script, path, part)
        with frame_progress("overlaying", frames) as on_frame:
            encode(job, folder, on_frame)
        summary = _add_sound(given, found, part, sounding, folder)
        if summary is not None:
            part = sounding
        done = Done(frames, *script.size, summary)
        _write_beside(given, found, script, beside, part)
        for written, target in (*beside.items(), (part, given.out)):
            named(written, target)
    return done


@contextmanager
def _lent(given: Request) -> Iterator[dict[Path, Path]]:
    """Lend hidden names for the files beside the result, with the names that they get in the end.

    A finding that was given under the very name is not written over.
    """
    from vs_align.media.output import parts

    read = (given.search.timeline, given.search.placement)
    with ExitStack() as stack:
        yield {stack.enter_context(parts(path))[0]: path for path in given.kept_files() if path not in read}


def _write_beside(
    given: Request, found: Found, script: "OverlayScript", names: Mapping[Path, Path], result: Path
) -> None:
    """Write the files beside the result under their hidden names."""
    from vs_align.media.overlay_report import write_page
    from vs_align.media.script import write_script

    hidden = {target: name for name, target in names.items()}
    if given.kept_page is not None:
        step("writing the report")
        write_page(hidden[given.kept_page], page_of(given, found, result))
    if given.kept_script is not None:
        write_script(replace(script, layers=_script_layers(found, given.out)).text(), hidden[given.kept_script])
        _save_findings(found, given.out, hidden)


def _save_findings(found: Found, beside: Path, hidden: Mapping[Path, Path] | None = None) -> None:
    """Write timelines and placements under the names that the script reads, or hidden ones for those."""
    for number, layer in enumerate(found.layers):
        timeline, placement = layer_files(beside, number)
        # those that are not hidden were given, and are as they should be
        if hidden is None or timeline in hidden:
            found.timeline_of(number).save(timeline if hidden is None else hidden[timeline])
        if hidden is None or placement in hidden:
            layer.placement.save(placement if hidden is None else hidden[placement])


def _script_layers(found: Found, beside: Path) -> "list[ScriptLayer]":
    from vs_align.media.overlay_script import ScriptLayer

    return [ScriptLayer(layer.fg, *layer_files(beside, number)) for number, layer in enumerate(found.layers)]


def _script(given: Request, means: Means, found: Found, path: Path) -> "OverlayScript":
    """Return the script for a file beside which the findings lie."""
    from vs_align.media.overlay_script import OverlayScript, fitting_format

    node = built(given, found)
    size = node.width, node.height
    wanted = fitting_format(means.format, size)
    if wanted != means.format:
        note(f"the result is {size[0]}x{size[1]}, which {means.format} cannot be: it is {wanted}.")
    clock = _clock(found)
    return OverlayScript(
        bg=found.bg,
        layers=_script_layers(found, path),
        format=wanted,
        size=size,
        options=given.look.differing(),
        mask=found.mask,
        bg_mask=found.bg_mask,
        division=given.coding.preview.division,
        clock=clock if clock.variable else None,
    )


def _clock(found: Found) -> "Source":
    """Return whose frame rate the result has."""
    line, fg = found.schedule.bg, found.layers[0].fg
    by_bg = found.schedule.clock is Timing.BG and not line.ref_rate > line.clip_rate > 0
    return found.bg if by_bg else fg


def _job(given: Request, means: Means, found: Found, script: "OverlayScript", path: Path, part: Path) -> "EncodeJob":
    from vs_align.media.encode import EncodeJob

    return EncodeJob(
        script=path,
        target=part,
        encoder=means.encoder,
        rate=None if script.clock is not None else _clock(found).rate,
        tags=script.tags,
        format=script.format,
        bits=script.bits,
        crf=given.coding.crf,
        preset=means.preset,
        extra=means.arguments,
        wants_props=False,
    )


def _add_sound(given: Request, found: Found, video: Path, target: Path, folder: Path) -> "SoundSummary | None":
    """Mux a finished picture with what is to be heard; None where that is nothing."""
    from vs_align.export.overlay_sound import add_overlay_sound

    bg, fg = _side(found.bg), _side(found.layers[0].fg)
    which = given.coding.audio
    if which is OverlayAudio.NONE or (bg is None and fg is None):
        return None
    bitrate = given.coding.audio_bitrate
    with stage_progress() as progress:

        def told(share: float) -> None:
            progress("adding the sound", round(1000 * share), 1000)

        return add_overlay_sound(found.schedule, bg, fg, which, video, target, bitrate, folder, told)


def _side(source: "Source") -> "SoundSide | None":
    from vs_align.export.overlay_sound import SoundSide

    if source.file.audio_codec is None:
        return None
    return SoundSide(source.file, source.start, source.rate, source.length, source.times if source.variable else ())
