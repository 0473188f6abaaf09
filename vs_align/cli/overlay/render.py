"""The files that `vs-align overlay` writes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.cli.console import frame_progress, note, stage_progress, step
from vs_align.cli.overlay.checks import OverlayInputs
from vs_align.cli.overlay.layers import AlignedLayers, result_size
from vs_align.cli.overlay.options import OverlayOptions, layer_files
from vs_align.cli.overlay.summary import RenderedVideo, page_of
from vs_align.cli.side_outputs import Writing
from vs_align.enums import Timing
from vs_align.io.atomic_files import temporary_paths
from vs_align.io.progress import share_of
from vs_align.media.image_output import check_single_frame, image_format, is_image

if TYPE_CHECKING:
    from vs_align.export.overlay_audio import AudioSummary
    from vs_align.export.stream_copy import AudioInput
    from vs_align.media.encode import EncodeJob
    from vs_align.media.scripts.overlay import OverlayScript, ScriptLayer
    from vs_align.media.source import Source
    from vs_align.media.verification import ExpectedTrack


def render(options: OverlayOptions, inputs: OverlayInputs, aligned: AlignedLayers, writing: Writing) -> RenderedVideo:
    """Write the result, and then what is wanted beside it.

    Raises:
        AlignError: A program failed, or the result cannot be written. Nothing is left behind.
    """
    from vs_align.media.encode import encode
    from vs_align.media.scripts.common import write_script

    frames = len(aligned.schedule)
    check_single_frame(options.target, frames)
    with TemporaryDirectory(prefix="vs_align-") as name, temporary_paths(options.target, 2) as (part, sounding):
        folder = Path(name)
        path = folder / "overlay.vpy"
        script = _script(options, inputs, aligned, path)
        for kept, save in _findings(aligned, path):
            save(kept)
        write_script(script.text(), path)
        job = _job(options, inputs, aligned, script, path, part)
        with frame_progress("overlaying", frames) as on_frame:
            encode(job, folder, on_frame)
        sound = None
        if not is_image(options.target):
            sound = _add_sound(options, aligned, _shown(aligned, script), part, sounding, folder)
            part = sounding
        writing.name(part, options.target)
    _write_beside(options, aligned, script, writing)
    return RenderedVideo(frames, *script.size, sound)


def write_dry_report(options: OverlayOptions, aligned: AlignedLayers, writing: Writing) -> None:
    """Write the page of what was aligned, if it is wanted and nothing is rendered.

    Raises:
        AlignError: A video cannot be decoded.
    """
    from vs_align.export.overlay_report import write_page

    writing.write(options.kept_page, lambda path: write_page(path, page_of(options, aligned, None)))


def _write_beside(options: OverlayOptions, aligned: AlignedLayers, script: "OverlayScript", writing: Writing) -> None:
    """Write the files beside the result. A finding that was given under the very name is not written over."""
    from vs_align.export.overlay_report import write_page
    from vs_align.media.scripts.common import write_script

    if options.kept_page is not None:
        step("writing the report")
        writing.write(options.kept_page, lambda path: write_page(path, page_of(options, aligned, options.target)))
    if options.kept_script is not None:
        text = replace(script, layers=_script_layers(aligned, options.target)).text()
        writing.write(options.kept_script, lambda path: write_script(text, path))
        for target, save in _findings(aligned, options.target):
            if target not in (options.timeline, options.placement):
                writing.write(target, save)


def _findings(aligned: AlignedLayers, beside: Path) -> Iterator[tuple[Path, Callable[[Path], None]]]:
    """Yield the names of timelines and placements that a script reads, with what writes each."""
    for number, layer in enumerate(aligned.layers):
        timeline, placement = layer_files(beside, number)
        yield timeline, aligned.timeline_of(number).save
        yield placement, layer.placement.save


def _script_layers(aligned: AlignedLayers, beside: Path) -> "list[ScriptLayer]":
    from vs_align.media.scripts.overlay import ScriptLayer

    return [ScriptLayer(layer.fg, *layer_files(beside, number)) for number, layer in enumerate(aligned.layers)]


def _script(options: OverlayOptions, inputs: OverlayInputs, aligned: AlignedLayers, path: Path) -> "OverlayScript":
    """Return the script for a file beside which the findings lie."""
    from vs_align.media.pixel_format import format_for_size
    from vs_align.media.scripts.overlay import OverlayScript

    size = result_size(options, aligned)
    wanted = format_for_size(inputs.format, size)
    if is_image(options.target):
        is_gray = not aligned.bg.is_yuv and not aligned.bg.is_rgb
        wanted = image_format(options.target, aligned.bg.bits, is_gray=is_gray)
        inputs = replace(inputs, format=wanted)
    if wanted != inputs.format:
        note(f"the result is {size[0]}x{size[1]}, which {inputs.format} cannot be: it is {wanted}.")
    clock = _clock(aligned)
    return OverlayScript(
        bg=aligned.bg,
        layers=_script_layers(aligned, path),
        format=wanted,
        size=size,
        options=options.overlay_arguments(),
        mask=aligned.mask,
        bg_mask=aligned.bg_mask,
        division=options.coding.preview.division,
        clock=clock if clock.variable else None,
    )


def _clock(aligned: AlignedLayers) -> "Source":
    """Return whose frame rate the result has."""
    line, fg = aligned.schedule.bg, aligned.layers[0].fg
    by_bg = aligned.schedule.clock is Timing.BG and not line.ref_rate > line.clip_rate > 0
    return aligned.bg if by_bg else fg


def _job(
    options: OverlayOptions,
    inputs: OverlayInputs,
    aligned: AlignedLayers,
    script: "OverlayScript",
    path: Path,
    part: Path,
) -> "EncodeJob":
    from vs_align.media.encode import EncodeJob

    return EncodeJob(
        script=path,
        target=part,
        encoder=inputs.encoder,
        rate=None if script.clock is not None else _clock(aligned).rate,
        tags=script.tags,
        format=script.format,
        bits=script.bits,
        crf=options.coding.crf,
        preset=inputs.preset,
        extra=inputs.arguments,
        wants_props=False,
    )


def _shown(aligned: AlignedLayers, script: "OverlayScript") -> "ExpectedTrack":
    """Return the expected frame times of the result."""
    from vs_align.media.verification import ExpectedTrack, expected_video_track

    count, first = len(aligned.schedule), aligned.schedule.first
    if script.clock is None:
        rate = float(_clock(aligned).rate)
        return expected_video_track([n / rate for n in range(count)], 1 / rate)
    times = script.clock.times
    if first < 0 or first + count > len(times):
        return ExpectedTrack("video", count, 0.0, None, None)  # frames that the clock has not last as long as others
    inside = times[first : first + count]
    return expected_video_track([time - inside[0] for time in inside], script.clock.frame_seconds)


def _add_sound(
    options: OverlayOptions, aligned: AlignedLayers, shown: "ExpectedTrack", video: Path, target: Path, folder: Path
) -> "AudioSummary":
    """Mux the finished video with its audio and the other streams, and read the file back."""
    from vs_align.export.overlay_audio import add_overlay_audio
    from vs_align.media.assembly import Contents
    from vs_align.media.tracks import read_tracks

    bg, fg = _side(aligned.bg), _side(aligned.layers[0].fg)
    with stage_progress() as progress:
        report = share_of(progress, "adding the audio")
        coding = options.coding
        summary = add_overlay_audio(
            aligned.schedule, bg, fg, coding.audio, video, target, coding.audio_bits, folder, report, shown
        )
    others = Contents(left_out=list(summary.left_out))
    for number, layer in enumerate(aligned.layers[1:], 2):
        file = read_tracks(layer.fg.file.path)
        others.leave_out(f"fg {number}", file.of_kind("audio", "subtitle", "attachment"))
    return replace(summary, left_out=tuple(others.left_out))


def _side(source: "Source") -> "AudioInput | None":
    from vs_align.export.stream_copy import AudioInput

    # a still has no time in which its audio could be heard
    return None if source.is_still else AudioInput.of(source)
