"""Options that mean the same in every command that has them."""

from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer


class Audio(StrEnum):
    """Whose sound is heard."""

    REF = "ref"
    CLIP = "clip"
    NONE = "none"


DEFAULT_CODEC = "libx264"
Crf = Annotated[float, typer.Option(help="Quality for encoders that know crf; lower is better.")]
Preset = Annotated[str, typer.Option(help="Preset for encoders that know presets.")]
Codec = Annotated[str, typer.Option(help="Video encoder of ffmpeg.")]
KeepScript = Annotated[bool, typer.Option("--keep-script", help="Leave the script beside OUT.")]
Report = Annotated[str | None, typer.Option("--json", help="Write the report as JSON; - is stdout.")]
Plot = Annotated[Path | None, typer.Option(help="Draw offsets and scores: .png, .svg or .pdf.")]
Cache = Annotated[Path | None, typer.Option(help="Folder for what was found. Default: the user's cache.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Keep nothing, and begin anew.")]
Overwrite = Annotated[
    bool, typer.Option("-y", "--overwrite", help="Replace files that exist; without it they are refused.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing on stderr but errors.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Say more on stderr: versions, commands, seconds of each stage.")
]


_LEAST_RATE, _MOST_RATE = 1, 1000
# Rates that people write with decimals: 23.976, 29.97, 47.952, 59.94, 119.88.
_NTSC_RATES = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120))
_NTSC_WITHIN = 0.005


def parse_rate(text: str | None) -> Fraction | None:
    """Read frames per second such as 25, 23.976 or 24000/1001; None where nothing was given.

    Raises:
        typer.BadParameter: It is no number from 1 to 1000.
    """
    if text is None:
        return None
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not _LEAST_RATE <= rate <= _MOST_RATE:
        raise typer.BadParameter("must be frames per second from 1 to 1000, such as 25, 23.976 or 24000/1001.")
    return next((known for known in _NTSC_RATES if "." in text and abs(known - rate) < _NTSC_WITHIN), rate)


def _check_rate(text: str | None) -> str | None:
    parse_rate(text)
    return text


def _rate_option(name: str) -> typer.models.OptionInfo:
    said = f"Frames per second of {name}, whatever its time stamps say; for raw streams that name none."
    option: typer.models.OptionInfo = typer.Option(callback=_check_rate, metavar="RATE", help=said)
    return option


ClipFps = Annotated[str | None, _rate_option("CLIP")]
RefFps = Annotated[str | None, _rate_option("REF")]
BgFps = Annotated[str | None, _rate_option("BG")]
FgFps = Annotated[str | None, _rate_option("FG")]


def absolute(path: Path | None) -> Path | None:
    """Return the absolute path of an option that may not have been given."""
    return None if path is None else path.absolute()


def report_path(report: str | None) -> Path | None:
    """Return the file that a report goes to, None where it goes to stdout or nowhere."""
    return None if report in (None, "-") else Path(report).absolute()
