"""What `vs-align overlay` is asked for."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from vs_align.enums import Background, Canvas, OverlayAudio, PlaceMethod, SyncEngine, Timing, Track
from vs_align.io.atomic_files import beside

type Place = PlaceMethod | tuple[float, ...]
"""How the place is found, or the place: x and y, or x, y and scale."""


class Clock(StrEnum):
    """Whose time the result has."""

    FG = "fg"
    """Every frame of fg once and in order."""
    BG = "bg"
    """Bg's, at the higher of both frame rates."""


class Preview(StrEnum):
    """How large and how carefully the result is made."""

    DRAFT = "draft"
    """A quarter of the size, as quickly as the encoder can."""
    HALF = "half"
    """Half the size, quickly."""
    FULL = "full"
    """As large as it is."""

    @property
    def division(self) -> int:
        """By what the size is divided."""
        return {Preview.DRAFT: 4, Preview.HALF: 2, Preview.FULL: 1}[self]

    @property
    def preset(self) -> str | None:
        """Preset of the encoder; None is what was asked for."""
        return {Preview.DRAFT: "ultrafast", Preview.HALF: "veryfast", Preview.FULL: None}[self]


@dataclass(frozen=True, slots=True)
class Look:
    """How fg is laid on bg; see `vs_align.overlay` for what each means."""

    timing: Timing | None
    trim: bool
    margin: int
    smooth: bool
    opacity: float
    background: Background
    canvas: Canvas
    colour_match: bool

    def differing(self) -> dict[str, int | float | str | bool]:
        """Return those options of `vs_align.overlay` that are not its defaults, by name."""
        usual: dict[str, int | float | str | bool | None] = {
            "timing": None,
            "trim": True,
            "margin": 8,
            "smooth": False,
            "opacity": 1.0,
            "background": "keep",
            "canvas": "bg",
            "colour_match": False,
        }
        given = {name: getattr(self, name) for name in usual}
        plain = {name: value.value if isinstance(value, StrEnum) else value for name, value in given.items()}
        return {name: value for name, value in plain.items() if value is not None and value != usual[name]}


@dataclass(frozen=True, slots=True)
class Search:
    """How fg is found in bg.

    Args:
        engine: What finds the frames.
        place: What finds the place.
        scale: Pixels of bg a pixel of fg, None where it is to be found.
        track: How steady the place is.
        window: See `SyncOptions`.
        drift_interval: Likewise.
        margin: Likewise.
        timeline: A finding of `sync` that is used instead; None: search.
        placement: Likewise for the place.
        force: Whether to go on where the two have nothing in common.
    """

    engine: SyncEngine
    place: Place
    scale: float | None
    track: Track
    window: int
    drift_interval: int
    margin: int
    timeline: Path | None
    placement: Path | None
    force: bool


@dataclass(frozen=True, slots=True)
class Coding:
    """How the result becomes a file.

    Args:
        codec: Video encoder of ffmpeg.
        crf: Its quality; lower is better.
        preset: Its preset.
        pixel_format: ffmpeg's name of the format of the pixels.
        audio: Whose sound is heard.
        audio_bitrate: Bits a second of sound that is encoded.
        gpu: Whether a graphics card should encode.
        preview: How large the result is made.
    """

    codec: str
    crf: float
    preset: str
    pixel_format: str
    audio: OverlayAudio
    audio_bitrate: int
    gpu: bool
    preview: Preview


@dataclass(frozen=True, slots=True)
class Request:
    """All that is asked for.

    `cache` is None for the usual folder, `keep` is whether anything is kept, `rates` are frames per second of bg and of
    the first fg that count whatever their time stamps say.
    """

    bg: Path
    fgs: tuple[Path, ...]
    out: Path
    search: Search
    look: Look
    coding: Coding
    mask: Path | None
    bg_mask: Path | None
    cache: Path | None
    keep: bool
    page: bool
    keep_script: bool
    json: str | None
    dry_run: bool
    overwrite: bool
    rates: tuple[Fraction | None, Fraction | None] = (None, None)

    @property
    def inputs(self) -> list[Path]:
        """Files that are read."""
        further = (self.mask, self.bg_mask, self.search.timeline, self.search.placement)
        return [self.bg, *self.fgs, *(path for path in further if path is not None)]

    @property
    def kept_page(self) -> Path | None:
        """The report as a page, None where none is wanted."""
        return beside(self.out, ".report.html") if self.page else None

    @property
    def kept_script(self) -> Path | None:
        """The script beside the result, None where it is not kept."""
        return beside(self.out, ".vpy") if self.keep_script else None

    def kept_files(self) -> Iterator[Path]:
        """Yield all files that are written beside the result."""
        for path in (self.kept_page, self.kept_script):
            if path is not None:
                yield path
        if self.keep_script:
            for number in range(len(self.fgs)):
                yield from layer_files(self.out, number)


def layer_files(out: Path, number: int) -> tuple[Path, Path]:
    """Return the names of timeline and placement of a layer, beside a script or a result."""
    named = "" if number == 0 else f".{number + 1}"
    return beside(out, f"{named}.timeline.json"), beside(out, f"{named}.placement.json")


def parse_place(text: str) -> Place | None:
    """Read a method by name, `X,Y` or `X,Y,SCALE`; None is neither."""
    try:
        return PlaceMethod(text.lower())
    except ValueError:
        numbers = _numbers(text)
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        return None
    return None if len(numbers) == 3 and numbers[2] <= 0 else numbers


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return ()


def parse_bitrate(text: str) -> int | None:
    """Read bits a second such as `192k` or `192000`, at least 8000; None is no such number."""
    factor = {"k": 1000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    try:
        bits = float(text if factor == 1 else text[:-1]) * factor
    except ValueError:
        return None
    return round(bits) if 8000 <= bits <= 4_000_000 else None
