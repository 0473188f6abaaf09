"""Parameters of `vs-align overlay`, and what follows from them."""

import math
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from vs_align.cli.options import (
    DEFAULT_CODEC,
    BgFps,
    CacheOptions,
    Codec,
    Crf,
    DriftInterval,
    FgFps,
    GeneralOptions,
    KeepScript,
    Preset,
    Report,
    Window,
    parse_rate,
)
from vs_align.enums import Background, Canvas, OverlayAudio, PlaceMethod, SyncEngine, Timing, Track
from vs_align.errors import MediaError
from vs_align.io.atomic_files import MAX_NAME_BYTES, beside, truncate_utf8

type Place = PlaceMethod | tuple[float, ...]
"""How the place is found, or the place in pixels: x and y, or x, y and scale."""

_LONGEST_ENDING = 16
"""Bytes by which names of files beside the result, such as OUT.12.placement.json, exceed that of the result."""
_MIN_SCALE = 0.01
"""Smallest scale; the largest is its inverse. Beyond, one video is a few pixels of the other."""
_MIN_BITRATE = 8000
"""Smallest bit rate of audio in bits a second; lower ones are taken for a typing error."""
_MAX_BITRATE = 4_000_000
"""Largest bit rate of audio in bits a second."""


class Clock(StrEnum):
    """Whose time the result has."""

    FG = "fg"
    """Every frame of fg once and in order."""
    BG = "bg"
    """Bg's, at the higher of both frame rates."""


class Preview(StrEnum):
    """How large and how carefully the result is made."""

    DRAFT = "draft"
    """A quarter of width and height, with the fastest preset of the encoder."""
    HALF = "half"
    """Half of width and height, with a fast preset."""
    FULL = "full"
    """Full size."""

    @property
    def division(self) -> int:
        """Divisor of width and height."""
        return {Preview.DRAFT: 4, Preview.HALF: 2, Preview.FULL: 1}[self]

    @property
    def preset(self) -> str | None:
        """Preset of the encoder; None: the one of the options."""
        return {Preview.DRAFT: "ultrafast", Preview.HALF: "veryfast", Preview.FULL: None}[self]


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
    if value is not None and not _MIN_SCALE <= value <= 1 / _MIN_SCALE:
        raise typer.BadParameter("must lie in 0.01..100.")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendOptions:
    """How fg is laid on bg; see `vs_align.overlay` for what each means."""

    smooth: Annotated[bool, typer.Option("--smooth", help="Soften FG's edges that lie inside BG.")] = False
    opacity: Annotated[float, typer.Option(min=0, max=1, help="0: FG cannot be seen; 1: nothing of BG behind it.")] = (
        1.0
    )
    mask: Annotated[Path | None, typer.Option(help="Image or video, white where FG is shown.")] = None
    bg_mask: Annotated[Path | None, typer.Option(help="Image or video, white where BG may be covered.")] = None
    background: Annotated[Background, typer.Option(help="What is seen where no image is.")] = Background.KEEP
    canvas: Annotated[Canvas, typer.Option(help="Whose image the result is; union: both whole.")] = Canvas.BG
    colour_match: Annotated[bool, typer.Option("--colour-match", help="Give FG the colours of BG.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayEncodingOptions:
    """How the result becomes a file."""

    audio: Annotated[OverlayAudio, typer.Option(help="Whose audio; fg: BG's where FG has none.")] = OverlayAudio.FG
    codec: Codec = DEFAULT_CODEC
    crf: Crf = 18
    preset: Preset = "medium"
    pixel_format: Annotated[str, typer.Option(help="Format of the result's pixels, such as yuv420p10le.")] = "yuv420p"
    audio_bitrate: Annotated[
        str, typer.Option(callback=_check_bitrate, metavar="BITS", help="Of audio that must be encoded: 192k.")
    ] = "192k"
    gpu: Annotated[bool, typer.Option("--gpu", help="Let a graphics card encode, where one can.")] = False
    preview: Annotated[Preview, typer.Option(help="Smaller and quicker.")] = Preview.FULL

    @property
    def audio_bits(self) -> int:
        """Bits a second of audio that is encoded."""
        return parse_bitrate(self.audio_bitrate) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayOptions:
    """Parameters of `vs-align overlay`."""

    bg: Annotated[
        Path | None,
        typer.Argument(metavar="BG", help="Video or image that is laid under; or give --bg.", show_default=False),
    ] = None
    fg: Annotated[
        Path | None,
        typer.Argument(metavar="FG", help="Video or image that is laid on it; or give --fg.", show_default=False),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write. Default: BG_overlay_FG.mp4 here.", show_default=False),
    ] = None
    bg_named: Annotated[
        Path | None, typer.Option("--bg", metavar="FILE", help="BG by name, not by place.", show_default=False)
    ] = None
    further: Annotated[
        list[Path] | None,
        typer.Option(
            "--fg",
            metavar="FILE",
            help="FG by name, not by place; each that comes after FG is a further one to lay on top.",
            show_default=False,
        ),
    ] = None
    engine: Annotated[SyncEngine, typer.Option(case_sensitive=False, help="What finds the time.")] = SyncEngine.AUTO
    place: Annotated[
        str,
        typer.Option(
            callback=_check_place,
            metavar="METHOD|X,Y[,SCALE]",
            help=f"What finds the place: {', '.join(PlaceMethod)}; or where FG's top left corner lies in BG.",
        ),
    ] = "auto"
    scale: Annotated[
        float | None, typer.Option(callback=_check_scale, help="Pixels of BG a pixel of FG, where that is known.")
    ] = None
    skip_spatial: Annotated[
        bool,
        typer.Option(
            "--skip-spatial", help="Search no place: FG in the middle of BG, smaller if it is larger than BG."
        ),
    ] = False
    track: Annotated[Track, typer.Option(help="One place a scene, or slow moves followed.")] = Track.SCENE
    timing: Annotated[
        Clock | None,
        typer.Option(help="Whose time the result has. Default: fg; bg where FG is a still.", show_default=False),
    ] = None
    trim: Annotated[bool, typer.Option("--trim/--no-trim", help="Whether only what both show is kept.")] = True
    window: Window = 100
    drift_interval: DriftInterval = 100
    margin: Annotated[int, typer.Option(min=1, help="Pixels: of --smooth, and of the edge for the engine border.")] = 8
    blend: BlendOptions
    coding: OverlayEncodingOptions
    report: Annotated[bool, typer.Option("--report", help="Write OUT.report.html: what was found, with images.")] = (
        False
    )
    keep_script: KeepScript = False
    timeline: Annotated[
        Path | None, typer.Option(help="What `vs-align sync BG FG --json` wrote: search no frames.")
    ] = None
    placement: Annotated[Path | None, typer.Option(help="What --keep-script wrote: search no place.")] = None
    json: Report = None
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say where FG lies in place and time, and write no video; a report is written."),
    ] = False
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on where nothing is in common: by what ENGINE found; auto: by the middles."),
    ] = False
    bg_fps: BgFps = None
    fg_fps: FgFps = None
    caching: CacheOptions
    general: GeneralOptions

    def check(self) -> None:
        """Check what options mean together.

        Raises:
            typer.BadParameter: BG or FG is missing, or named twice.
            MediaError: Two options contradict each other.
        """
        named_videos(self.bg, self.fg, self.bg_named, self.further or [])
        if self.skip_spatial and (self.place not in ("auto", "center") or self.placement is not None):
            raise MediaError("--skip-spatial searches no place: leave out --place and --placement.")

    @property
    def bg_path(self) -> Path:
        """The video below."""
        return named_videos(self.bg, self.fg, self.bg_named, self.further or [])[0]

    @property
    def fg_paths(self) -> list[Path]:
        """The videos on top, in order."""
        return named_videos(self.bg, self.fg, self.bg_named, self.further or [])[1]

    @property
    def rates(self) -> tuple[Fraction | None, Fraction | None]:
        """Frames per second of bg and of the first fg; None: as the time stamps say."""
        return parse_rate(self.bg_fps), parse_rate(self.fg_fps)

    @property
    def target(self) -> Path:
        """The file to write."""
        if self.out is not None:
            return self.out
        # a preview must not replace what took hours
        preview = self.coding.preview
        suffix = ".mp4" if preview is Preview.FULL else f".{preview.value}.mp4"
        room = (MAX_NAME_BYTES - _LONGEST_ENDING - len(f"_overlay_{suffix}")) // 2
        names = truncate_utf8(self.bg_path.stem, room), truncate_utf8(self.fg_paths[0].stem, room)
        return Path.cwd() / f"{names[0]}_overlay_{names[1]}{suffix}"

    @property
    def place_input(self) -> Place:
        """How the place is found, or the place."""
        return PlaceMethod.CENTER if self.skip_spatial else parse_place(self.place) or PlaceMethod.AUTO

    @property
    def clock(self) -> Timing | None:
        """Whose time the result has; None: what is usual."""
        return None if self.timing is None else Timing(self.timing.value)

    @property
    def inputs(self) -> list[Path]:
        """Files that are read."""
        further = (self.blend.mask, self.blend.bg_mask, self.timeline, self.placement)
        return [self.bg_path, *self.fg_paths, *(path for path in further if path is not None)]

    @property
    def kept_page(self) -> Path | None:
        """The report as a page; None if it is not wanted."""
        return beside(self.target, ".report.html") if self.report else None

    @property
    def kept_script(self) -> Path | None:
        """The script beside the result; None if it is not kept."""
        return beside(self.target, ".vpy") if self.keep_script else None

    def kept_files(self) -> Iterator[Path]:
        """Yield all files that are written beside the result."""
        for path in (self.kept_page, self.kept_script):
            if path is not None:
                yield path
        if self.keep_script:
            for number in range(len(self.fg_paths)):
                yield from layer_files(self.target, number)

    def overlay_arguments(self) -> dict[str, int | float | str | bool]:
        """Return the keyword arguments of `vs_align.overlay` that differ from its defaults."""
        out: dict[str, int | float | str | bool] = {}
        for options, names in (
            (self, ("timing", "trim", "margin")),
            (self.blend, ("smooth", "opacity", "background", "canvas", "colour_match")),
        ):
            defaults = {field.name: field.default for field in fields(options) if field.default is not MISSING}
            for name in names:
                value = getattr(options, name)
                if value != defaults[name]:
                    out[name] = value.value if isinstance(value, StrEnum) else value
        return out


def named_videos(bg: Path | None, fg: Path | None, bg_named: Path | None, named: list[Path]) -> tuple[Path, list[Path]]:
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


def layer_files(out: Path, number: int) -> tuple[Path, Path]:
    """Return the names of timeline and placement of a layer, beside a script or a result."""
    named = "" if number == 0 else f".{number + 1}"
    return beside(out, f"{named}.timeline.json"), beside(out, f"{named}.placement.json")


def parse_place(text: str) -> Place | None:
    """Parse the name of a method, `X,Y` or `X,Y,SCALE`; None if it is neither."""
    try:
        return PlaceMethod(text.lower())
    except ValueError:
        numbers = _parse_numbers(text)
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        return None
    return None if len(numbers) == 3 and numbers[2] <= 0 else numbers


def _parse_numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return ()


def parse_bitrate(text: str) -> int | None:
    """Parse bits a second such as `192k` or `192000`, 8000 to 4000000; None if it is no such number."""
    factor = {"k": 1000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    try:
        bits = float(text if factor == 1 else text[:-1]) * factor
    except ValueError:
        return None
    return round(bits) if _MIN_BITRATE <= bits <= _MAX_BITRATE else None
