"""The files that `vs-align overlay` writes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.cli.console import frame_progress, note, stage_progress, step
from vs_align.cli.overlay.checks import Means
from vs_align.cli.overlay.layers import Found, built
from vs_align.cli.overlay.request import Request, layer_files
from vs_align.cli.overlay.summary import page_of
from vs_align.cli.side_outputs import Writing
from vs_align.enums import Timing
from vs_align.media.image_output import check_one_frame, image_format, is_image

if TYPE_CHECKING:
    from vs_align.export.overlay_audio import SoundSide, SoundSummary
    from vs_align.media.encode import EncodeJob
    from vs_align.media.scripts.overlay import OverlayScript, ScriptLayer
    from vs_align.media.source import Source
    from vs_align.media.verification import MeantTrack


@dataclass(frozen=True, slots=True)
class Done:
    """What was written.

    Args:
        frames: Number of frames of the result.
        width: Their width.
        height: Their height.
        sound: What is heard, and what is left out.
    """

    frames: int
    width: int
    height: int
    sound: "SoundSummary | None"
    """None of an image."""


def render(given: Request, means: Means, found: Found, writing: Writing) -> Done:
    """Write the result, and then what is wanted beside it.

    Raises:
        AlignError: A program failed, or the result cannot be written. Nothing is left behind.
    """
    from vs_align.media.atomic_output import parts
    from vs_align.media.encode import encode
    from vs_align.media.scripts.common import write_script

    frames = len(found.schedule)
    check_one_frame(given.out, frames)
    with TemporaryDirectory(prefix="vs_align-") as name, parts(given.out, 2) as (part, sounding):
        folder = Path(name)
        path = folder / "overlay.vpy"
        script = _script(given, means, found, path)
        for kept, save in _findings(found, path):
            save(kept)
        write_script(script.text(), path)
        job = _job(given, means, found, script, path, part)
        with frame_progress("overlaying", frames) as on_frame:
            encode(job, folder, on_frame)
        sound = None
        if not is_image(given.out):
            sound = _add_sound(given, found, _shown(found, script), part, sounding, folder)
            part = sounding
        writing.name(part, given.out)
    _write_beside(given, found, script, writing)
    return Done(frames, *script.size, sound)


def write_dry_report(given: Request, found: Found, writing: Writing) -> None:
    """Write the page of what was found, where one is wanted and nothing is rendered.

    Raises:
        AlignError: A video cannot be decoded.
    """
    from vs_align.export.overlay_report import write_page

    writing.write(given.kept_page, lambda path: write_page(path, page_of(given, found, None)))


def _write_beside(given: Request, found: Found, script: "OverlayScript", writing: Writing) -> None:
    """Write the files beside the result. A finding that was given under the very name is not written over."""
    from vs_align.export.overlay_report import write_page
    from vs_align.media.scripts.common import write_script

    if given.kept_page is not None:
        step("writing the report")
        writing.write(given.kept_page, lambda path: write_page(path, page_of(given, found, given.out)))
    if given.kept_script is not None:
        text = replace(script, layers=_script_layers(found, given.out)).text()
        writing.write(given.kept_script, lambda path: write_script(text, path))
        for target, save in _findings(found, given.out):
            if target not in (given.search.timeline, given.search.placement):
                writing.write(target, save)


def _findings(found: Found, beside: Path) -> Iterator[tuple[Path, Callable[[Path], None]]]:
    """Yield the names of timelines and placements that a script reads, with what writes each."""
    for number, layer in enumerate(found.layers):
        timeline, placement = layer_files(beside, number)
        yield timeline, found.timeline_of(number).save
        yield placement, layer.placement.save


def _script_layers(found: Found, beside: Path) -> "list[ScriptLayer]":
    from vs_align.media.scripts.overlay import ScriptLayer

    return [ScriptLayer(layer.fg, *layer_files(beside, number)) for number, layer in enumerate(found.layers)]


def _script(given: Request, means: Means, found: Found, path: Path) -> "OverlayScript":
    """Return the script for a file beside which the findings lie."""
    from vs_align.media.scripts.overlay import OverlayScript, fitting_format

    node = built(given, found)
    size = node.width, node.height
    wanted = fitting_format(means.format, size)
    if is_image(given.out):
        is_grey = not found.bg.is_yuv and not found.bg.is_rgb
        wanted = image_format(given.out, found.bg.bits, is_grey=is_grey)
        means = replace(means, format=wanted)
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


def _shown(found: Found, script: "OverlayScript") -> "MeantTrack":
    """Return what the picture should be."""
    from vs_align.media.verification import MeantTrack, meant_video

    count, first = len(found.schedule), found.schedule.first
    if script.clock is None:
        rate = float(_clock(found).rate)
        return meant_video([n / rate for n in range(count)], 1 / rate)
    times = script.clock.times
    if first < 0 or first + count > len(times):
        return MeantTrack("video", count, 0.0, None, None)  # frames that the clock has not last as long as others
    inside = times[first : first + count]
    return meant_video([time - inside[0] for time in inside], script.clock.frame_seconds)


def _add_sound(
    given: Request, found: Found, shown: "MeantTrack", video: Path, target: Path, folder: Path
) -> "SoundSummary":
    """Mux a finished picture with what is to be heard and what else goes along, and read the file back."""
    from vs_align.export.overlay_audio import add_overlay_sound
    from vs_align.media.assembly import Contents
    from vs_align.media.tracks import read_tracks

    bg, fg = _side(found.bg), _side(found.layers[0].fg)
    with stage_progress() as progress:

        def told(share: float) -> None:
            progress("adding the sound", round(1000 * share), 1000)

        coding = given.coding
        summary = add_overlay_sound(
            found.schedule, bg, fg, coding.audio, video, target, coding.audio_bitrate, folder, told, shown
        )
    others = Contents(left_out=list(summary.left_out))
    for number, layer in enumerate(found.layers[1:], 2):
        file = read_tracks(layer.fg.file.path)
        others.leave_out(f"fg {number}", file.of_kind("audio", "subtitle", "attachment"))
    return replace(summary, left_out=tuple(others.left_out))


def _side(source: "Source") -> "SoundSide | None":
    from vs_align.export.overlay_audio import SoundSide

    # a still has no time in which its audio could be heard
    return None if source.is_still else SoundSide.of(source)
