"""`vs-align overlay`: one video laid on another, at the right place, at the right time, with sound."""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from vs_align.cli.console import failure, spoken
from vs_align.cli.options import (
    BgFps,
    Cache,
    Codec,
    Crf,
    FgFps,
    KeepScript,
    NoCache,
    Overwrite,
    Preset,
    Quiet,
    Report,
    Verbose,
    absolute,
    parse_rate,
)
from vs_align.cli.overlay.request import Clock, Coding, Look, Preview, Request, Search, parse_bitrate, parse_place
from vs_align.cli.side_outputs import Writing
from vs_align.enums import Background, Canvas, OverlayAudio, PlaceMethod, SyncEngine, Timing, Track
from vs_align.errors import MediaError
from vs_align.io.atomic_files import LONGEST_NAME, cut_text

# Bytes that the names of files beside the result, such as OUT.12.placement.json, have more.
_ROOM_BESIDE = 16

UNRELATED = 3
"""Exit code where the two have nothing in common."""


def _check_place(text: str) -> str:
    if parse_place(text) is None:
        names = ", ".join(PlaceMethod)
        raise typer.BadParameter(f"must be one of {names}, or X,Y or X,Y,SCALE in pixels of BG, SCALE above 0.")
    return text


def _check_bitrate(text: str) -> str:
    if parse_bitrate(text) is None:
        raise typer.BadParameter("must be bits a second from 8k to 4M, such as 192k.")
    return text


def _check_scale(value: float | None) -> float | None:
    if value is not None and not 0.01 <= value <= 100:
        raise typer.BadParameter("must lie in 0.01..100.")
    return value


_Out = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="File to write. Default: BG_overlay_FG.mp4 here.", show_default=False),
]
_Bg = Annotated[
    Path | None,
    typer.Argument(metavar="BG", help="Video or image that is laid under; or give --bg.", show_default=False),
]
_Fg = Annotated[
    Path | None,
    typer.Argument(metavar="FG", help="Video or image that is laid on it; or give --fg.", show_default=False),
]
_BgNamed = Annotated[
    Path | None, typer.Option("--bg", metavar="FILE", help="BG by name, not by place.", show_default=False)
]
_Further = Annotated[
    list[Path] | None,
    typer.Option(
        "--fg",
        metavar="FILE",
        help="FG by name, not by place; each that comes after FG is a further one to lay on top.",
        show_default=False,
    ),
]
_Clock = Annotated[
    Clock | None,
    typer.Option(help="Whose time the result has. Default: fg; bg where FG is a still.", show_default=False),
]
_Place = Annotated[
    str,
    typer.Option(callback=_check_place, metavar="METHOD|X,Y[,SCALE]", help="What finds the place: "
                 f"{', '.join(PlaceMethod)}; or where FG's top left corner lies in BG."),
]  # fmt: skip
_Scale = Annotated[
    float | None, typer.Option(callback=_check_scale, help="Pixels of BG a pixel of FG, where that is known.")
]
_Skip = Annotated[
    bool,
    typer.Option("--skip-spatial", help="Search no place: FG in the middle of BG, smaller if it is larger than BG."),
]
_Margin = Annotated[int, typer.Option(min=1, help="Pixels: of --smooth, and of the edge for the engine border.")]
_Opacity = Annotated[float, typer.Option(min=0, max=1, help="0: FG cannot be seen; 1: nothing of BG behind it.")]
_Mask = Annotated[Path | None, typer.Option(help="Picture or video, white where FG is shown.")]
_BgMask = Annotated[Path | None, typer.Option(help="Likewise, white where BG may be covered.")]
_Pixels = Annotated[str, typer.Option(help="Format of the result's pixels, such as yuv420p10le.")]
_Bitrate = Annotated[
    str, typer.Option(callback=_check_bitrate, metavar="BITS", help="Of sound that must be encoded: 192k.")
]
_Gpu = Annotated[bool, typer.Option("--gpu", help="Let a graphics card encode, where one can.")]
_Page = Annotated[bool, typer.Option("--report", help="Write OUT.report.html: what was found, with pictures.")]
_Timeline = Annotated[Path | None, typer.Option(help="What `vs-align sync BG FG --json` wrote: search no frames.")]
_Placement = Annotated[Path | None, typer.Option(help="What --keep-script wrote: search no place.")]
_Dry = Annotated[
    bool,
    typer.Option("--dry-run", help="Say where FG lies in place and time, and write no video; a report is written."),
]
_Force = Annotated[
    bool,
    typer.Option("--force", help="Go on where nothing is in common: by what ENGINE found; auto: by the middles."),
]


def overlay(
    bg: _Bg = None,
    fg: _Fg = None,
    out: _Out = None,
    bg_named: _BgNamed = None,
    further: _Further = None,
    engine: Annotated[SyncEngine, typer.Option(case_sensitive=False, help="What finds the time.")] = SyncEngine.AUTO,
    place: _Place = "auto",
    scale: _Scale = None,
    skip_spatial: _Skip = False,
    track: Annotated[Track, typer.Option(help="One place a scene, or slow moves followed.")] = Track.SCENE,
    timing: _Clock = None,
    trim: Annotated[bool, typer.Option("--trim/--no-trim", help="Whether only what both show is kept.")] = True,
    window: Annotated[int, typer.Option(min=1, help="Frames to either side: fast to tunnel_mask.")] = 100,
    drift_interval: Annotated[int, typer.Option(min=1, help="Frames between measurings: precise, mask, border.")] = 100,
    margin: _Margin = 8,
    smooth: Annotated[bool, typer.Option("--smooth", help="Soften FG's edges that lie inside BG.")] = False,
    opacity: _Opacity = 1.0,
    mask: _Mask = None,
    bg_mask: _BgMask = None,
    background: Annotated[Background, typer.Option(help="What is seen where no picture is.")] = Background.KEEP,
    canvas: Annotated[Canvas, typer.Option(help="Whose picture the result is; union: both whole.")] = Canvas.BG,
    colour_match: Annotated[bool, typer.Option("--colour-match", help="Give FG the colours of BG.")] = False,
    audio: Annotated[OverlayAudio, typer.Option(help="Whose sound; fg: BG's where FG has none.")] = OverlayAudio.FG,
    codec: Codec = "libx264",
    crf: Crf = 18,
    preset: Preset = "medium",
    pixel_format: _Pixels = "yuv420p",
    audio_bitrate: _Bitrate = "192k",
    gpu: _Gpu = False,
    preview: Annotated[Preview, typer.Option(help="Smaller and quicker.")] = Preview.FULL,
    report: _Page = False,
    keep_script: KeepScript = False,
    timeline: _Timeline = None,
    placement: _Placement = None,
    json: Report = None,
    dry_run: _Dry = False,
    force: _Force = False,
    bg_fps: BgFps = None,
    fg_fps: FgFps = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    overwrite: Overwrite = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Lay FG on BG: where it belongs, when it belongs there, and with sound.

    A still has no time of its own: as FG it is shown all the time, as BG it lasts as long as FG. Alpha of FG is
    honoured. OUT may be an image where the result is one frame.

    Exit code 3: the two have nothing in common, or only a part such as a leader or an ident.
    """
    bg, fgs = _named_videos(bg, fg, bg_named, further or [])
    if skip_spatial and (place not in ("auto", "center") or placement is not None):
        raise MediaError("--skip-spatial searches no place: leave out --place and --placement.")
    if skip_spatial:
        place = "center"
    search = Search(
        engine=engine,
        place=parse_place(place) or PlaceMethod.AUTO,
        scale=scale,
        track=track,
        window=window,
        drift_interval=drift_interval,
        # so that the width of a soft edge is no reason to search again
        margin=margin if engine is SyncEngine.BORDER else 8,
        timeline=absolute(timeline),
        placement=absolute(placement),
        force=force,
    )
    look = Look(
        None if timing is None else Timing(timing.value),
        trim,
        margin,
        smooth,
        opacity,
        background,
        canvas,
        colour_match,
    )
    coding = Coding(codec, crf, preset, pixel_format, audio, parse_bitrate(audio_bitrate) or 0, gpu, preview)
    given = Request(
        bg=bg.absolute(),
        fgs=tuple(path.absolute() for path in fgs),
        out=_target(bg, fgs[0], out, preview),
        search=search,
        look=look,
        coding=coding,
        mask=absolute(mask),
        bg_mask=absolute(bg_mask),
        cache=absolute(cache),
        keep=not no_cache,
        page=report,
        keep_script=keep_script,
        json=json,
        dry_run=dry_run,
        rates=(parse_rate(bg_fps), parse_rate(fg_fps)),
        overwrite=overwrite,
    )
    with spoken(quiet=quiet, verbose=verbose):
        refusal = _work(given)
    if refusal is not None:
        failure(refusal)
        raise typer.Exit(UNRELATED)


def _named_videos(
    bg: Path | None, fg: Path | None, bg_named: Path | None, named: list[Path]
) -> tuple[Path, list[Path]]:
    """Return BG and all that is laid on it: by place, or by the names --bg and --fg.

    Raises:
        typer.BadParameter: One of them is missing, or it is not clear which is which.
    """
    placed = [path for path in (bg, fg) if path is not None]
    if bg_named is not None and len(placed) == 2:
        raise typer.BadParameter(f"--bg {bg_named}: BG was given by place too, {placed[0]}.")
    if bg_named is not None and placed and named:
        raise typer.BadParameter(f"{placed[0]} is neither BG nor FG: --bg and --fg name both.")
    if bg_named is not None:
        layers = placed + named
        if not layers:
            raise typer.BadParameter("FG is missing: name it by --fg, or behind the options.")
        return bg_named, layers
    if not placed:
        raise typer.BadParameter("BG is missing: give BG and FG, or --bg FILE --fg FILE.")
    layers = placed[1:] + named
    if not layers:
        raise typer.BadParameter("FG is missing: give BG and FG, or --bg FILE --fg FILE.")
    return placed[0], layers


def _target(bg: Path, fg: Path, out: Path | None, preview: Preview) -> Path:
    if out is not None:
        return out.absolute()
    # a preview must not replace what took hours
    suffix = ".mp4" if preview is Preview.FULL else f".{preview.value}.mp4"
    room = (LONGEST_NAME - _ROOM_BESIDE - len(f"_overlay_{suffix}")) // 2
    return Path.cwd() / f"{cut_text(bg.stem, room)}_overlay_{cut_text(fg.stem, room)}{suffix}"


def _work(given: Request) -> str | None:
    """Do all of it; return why it was refused, None where it was done."""
    from vs_align.cli.overlay.checks import prepared
    from vs_align.cli.overlay.layers import found_layers
    from vs_align.cli.overlay.render import render, write_dry_report
    from vs_align.cli.overlay.summary import show_dry_run, show_summary

    started = time.monotonic()
    means = prepared(given)
    with TemporaryDirectory(prefix="vs_align-") as folder:
        # the same files are looked at several times in one run, even where nothing is kept after it
        found = found_layers(given, means if means.cache is not None else replace(means, cache=Path(folder)))
    if isinstance(found, str):
        return found
    if given.dry_run:
        with Writing() as writing:
            write_dry_report(given, found, writing)
            show_dry_run(given, found, writing)
        return None
    with Writing() as writing:
        done = render(given, means, found, writing)
        show_summary(given, found, done, time.monotonic() - started, writing)
    return None
