"""Checks of the inputs and options of `vs-align overlay` before anything is opened or searched."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from vs_align.cli.console import console, note
from vs_align.cli.options import report_path
from vs_align.cli.overlay.options import OverlayEncodingOptions, OverlayOptions
from vs_align.cli.preparation import check_targets, prepare_cache, prepare_encoder
from vs_align.enums import Canvas, OverlayAudio, SyncEngine
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vs_align.media.ffmpeg import Encoder
    from vs_align.media.probe import VideoFile
    from vs_align.media.source import Source
    from vs_align.placement.placement import Placement
    from vs_align.timeline.timeline import Timeline

# Shapes that differ by less come from rounding to even sizes.
_SAME_SHAPE = 0.02
_SAME_RATE = 1e-4


@dataclass(frozen=True, slots=True)
class OverlayInputs:
    """What there is to work with.

    Args:
        bg: The video that lies under all.
        fgs: Those that are laid on it, in order.
        mask: Where the first of them is shown, None for everywhere.
        bg_mask: White where bg may be covered; None: everywhere.
        cache: Folder for findings, None where none are kept.
        encoder: What makes the video.
        preset: Its preset, None where it has none.
        arguments: Further options of it.
        format: VapourSynth's name of the format of the result's pixels.
        timeline: A timeline to use; None: it is searched.
        placement: A placement to use; None: it is searched.
    """

    bg: "VideoFile"
    fgs: "tuple[VideoFile, ...]"
    mask: "VideoFile | None"
    bg_mask: "VideoFile | None"
    cache: Path | None
    encoder: "Encoder"
    preset: str | None
    arguments: tuple[str, ...]
    format: str
    timeline: "Timeline | None"
    placement: "Placement | None"


def prepare(options: OverlayOptions) -> OverlayInputs:
    """Check options and inputs, open nothing yet, and describe both videos on stderr.

    Raises:
        AlignError: Something is wrong.
    """
    from vs_align.media.probe import probe
    from vs_align.placement.placement import Placement
    from vs_align.timeline.timeline import Timeline

    _check_options(options)
    _check_names(options)
    timeline, placement = options.timeline, options.placement
    laid = None if timeline is None else Timeline.load(timeline)
    placed = None if placement is None else Placement.load(placement)
    rates = (*options.rates, *(None for _ in options.fg_paths[1:]))
    bg, *fgs = (probe(path, rate) for path, rate in zip((options.bg_path, *options.fg_paths), rates, strict=True))
    mask, bg_mask = (None if path is None else probe(path) for path in (options.blend.mask, options.blend.bg_mask))
    _check_sound(options, bg, fgs)
    cache = prepare_cache(options.caching.cache, not options.caching.no_cache)
    encoder, preset, arguments = _encoder(options)
    made = _pixel_format(options.coding, encoder, options.target)
    _tell(bg, fgs)
    return OverlayInputs(bg, tuple(fgs), mask, bg_mask, cache, encoder, preset, arguments, made, laid, placed)


def _check_options(options: OverlayOptions) -> None:
    if len(options.fg_paths) > 1 and options.blend.canvas is not Canvas.BG:
        raise MediaError(f"--canvas {options.blend.canvas}: several videos are laid on BG's image; leave it out.")


def _check_names(options: OverlayOptions) -> None:
    """Make sure of all names. A finding that is read may be kept under its own name, for it is not written anew."""
    if options.dry_run:
        check_targets(
            [], [report_path(options.json), options.kept_page], options.inputs, overwrite=options.general.overwrite
        )
        return
    read = (options.timeline, options.placement)
    kept = [path for path in options.kept_files() if path not in read]
    others = [*kept, report_path(options.json)]
    check_targets([options.target], others, options.inputs, images=True, overwrite=options.general.overwrite)


def _check_sound(options: OverlayOptions, bg: "VideoFile", fgs: "list[VideoFile]") -> None:
    if options.engine is SyncEngine.AUDIO:
        for file in (bg, *fgs):
            if file.audio_codec is None:
                raise MediaError(f"--engine audio: {file.path.name} has no audio.")
    wanted = options.coding.audio
    sounding = [file for file in (bg, fgs[0]) if file.audio_codec is not None]
    if wanted is OverlayAudio.BG and bg.audio_codec is None:
        raise MediaError(f"--audio bg: {bg.path.name} has no audio.")
    if wanted is OverlayAudio.NONE:
        return
    if not sounding:
        note("neither has audio, so the result has none.")
    elif wanted is OverlayAudio.MIX and len(sounding) == 1:
        note(f"only {sounding[0].path.name} has audio: there is nothing to mix it with.")
    elif wanted is OverlayAudio.FG and sounding[0] is bg and len(sounding) == 1:
        note(f"{fgs[0].path.name} has no audio: that of {bg.path.name} is heard.")


def _encoder(options: OverlayOptions) -> "tuple[Encoder, str | None, tuple[str, ...]]":
    from vs_align.media.gpu_encoder import find_gpu_encoder
    from vs_align.media.image_output import is_image

    coding = options.coding
    encoder = prepare_encoder(coding.codec, None if options.dry_run else options.target)
    if is_image(options.target):
        return encoder, None, ()
    preset = coding.preview.preset or coding.preset
    if coding.gpu:
        found = find_gpu_encoder(coding.codec, coding.crf, preset)
        if found is not None:
            return found.encoder, found.preset, found.arguments
        note(f"no graphics card encodes what {coding.codec} makes: the processor does.")
    return encoder, preset, ()


def _pixel_format(coding: OverlayEncodingOptions, encoder: "Encoder", out: Path) -> str:
    from vs_align.media.image_output import is_image
    from vs_align.media.pixel_format import vapoursynth_format

    name = vapoursynth_format(coding.pixel_format)
    if name is None:
        raise MediaError(
            f"--pixel-format {coding.pixel_format}: must be the name of a planar format, such as yuv420p, yuv420p10le, "
            "yuv422p10le, yuv444p, gray or gbrp."
        )
    taken = frozenset() if is_image(out) else encoder.pixel_formats
    if taken and coding.pixel_format not in taken and not _near(coding.pixel_format, taken):
        raise MediaError(f"--pixel-format {coding.pixel_format}: {encoder.name} takes {', '.join(sorted(taken))}.")
    return name


def _near(name: str, taken: frozenset[str]) -> bool:
    """Whether an encoder takes the same samples in another order, which ffmpeg rearranges: p010le for yuv420p10le."""
    return {"yuv420p": "nv12", "yuv420p10le": "p010le", "yuv444p": "yuvj444p"}.get(name) in taken


def _tell(bg: "VideoFile", fgs: "list[VideoFile]") -> None:
    for name, file in (("bg", bg), *(("fg", fg) for fg in fgs)):
        console.print(f"[bold]{name:<8}[/] {escape(described(file))}")
    for fg in fgs:
        for warning in differences(bg, fg):
            note(warning)


def report_alpha(bg: "Source", fgs: "Sequence[Source]") -> None:
    """Report which alpha is ignored."""
    if bg.alpha or bg.file.alpha_mode:
        note(f"{bg.file.path.name} (bg) has alpha: it is ignored.")
    for fg in fgs:
        if fg.file.alpha_mode and not fg.alpha:
            name = fg.file.path.name
            note(f"{name} (fg) has alpha that its decoder does not give: it is ignored. ProRes 4444 and PNG give it.")


def described(file: "VideoFile") -> str:
    """Describe a video in one line."""
    facts = [f"{file.width}x{file.height}"]
    if file.is_still:
        return f"{file.path.name}: {facts[0]}, a still"
    facts += [f"{float(file.fps):.3f} fps"] if file.fps else ["unknown rate"]
    facts += [f"{file.duration:.2f} s"] if file.duration is not None else []
    facts += [f"{file.frames} frames"] if file.frames else []
    facts.append("no audio" if file.audio_codec is None else f"audio {file.audio_codec}")
    return f"{file.path.name}: {', '.join(facts)}"


def differences(bg: "VideoFile", fg: "VideoFile") -> list[str]:
    """Return warnings about differences of two videos: shape, size, frame rate, interlacing."""
    warnings = []
    mine, theirs = fg.width / fg.height, bg.width / bg.height
    if abs(mine / theirs - 1) > _SAME_SHAPE:
        warnings.append(
            f"their shapes differ: {fg.path.name} is {mine:.2f} times as wide as high, {bg.path.name} {theirs:.2f}."
        )
    if fg.width > bg.width or fg.height > bg.height:
        warnings.append(
            f"{fg.path.name} has more pixels than {bg.path.name}: its place says whether it is made smaller or cut."
        )
    if fg.fps and bg.fps and abs(float(fg.fps / bg.fps) - 1) > _SAME_RATE:
        warnings.append(f"their rates differ: {float(fg.fps):.3f} and {float(bg.fps):.3f} fps.")
    for file in (bg, fg):
        if file.interlaced:
            warnings.append(f"{file.path.name} is interlaced: frames are used as they are; deinterlace it first.")
    return warnings
