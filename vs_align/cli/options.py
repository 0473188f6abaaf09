"""Options of the commands: those that several commands share, and the decorator that declares a command by a dataclass.

A command's parameters are the fields of one frozen dataclass. Each field is annotated with its `typer.Option` or
`typer.Argument` and has the default of the parameter. A field that is a dataclass itself stands for a group of
parameters, in its place. `command` makes the signature that typer reads, and the object that the command gets.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from vs_align.enums import SyncEngine


def command[T](function: Callable[[T], None]) -> Callable[..., None]:
    """Decorator: turn a function of one options dataclass into a function that typer can register.

    The parameters are keyword-only and carry the names, annotations and defaults of the fields. Relative paths become
    absolute before the dataclass is made, so that they stay valid if the working directory changes.

    Example:
        ```python
        @dataclass(frozen=True, slots=True, kw_only=True)
        class CopyOptions:
            source: Annotated[Path, typer.Argument(metavar="FILE", help="File to read.")]
            encoding: EncodingOptions
            general: GeneralOptions


        @command
        def copy(options: CopyOptions) -> None:
            \"\"\"Copy a file.\"\"\"


        app.command()(copy)
        ```

    Args:
        function: Takes one argument, annotated with a dataclass whose fields are keyword-only.

    Raises:
        ValueError: The function has another number of arguments, or two parameters have the same name.
    """
    [options_type] = (hint for name, hint in get_type_hints(function).items() if name != "return")
    parameters = list(_parameters(options_type))
    signature = inspect.Signature(parameters, return_annotation=None)

    @functools.wraps(function)
    def call(**values: Any) -> None:
        bound = signature.bind(**values)
        bound.apply_defaults()
        function(_instance(options_type, bound.arguments))

    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    return call


def _parameters(options_type: type[Any]) -> Iterator[inspect.Parameter]:
    """Yield a parameter for each field; groups are expanded."""
    hints = get_type_hints(options_type, include_extras=True)
    for field in fields(options_type):
        hint = hints[field.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield from _parameters(hint)
        else:
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            yield inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _instance(options_type: type[Any], values: Mapping[str, Any]) -> Any:
    """Return an options object, with its groups, from the values of all parameters."""
    hints = get_type_hints(options_type)
    return options_type(
        **{
            field.name: _instance(hints[field.name], values)
            if is_dataclass(hints[field.name])
            else _absolute(values[field.name])
            for field in fields(options_type)
        }
    )


def _absolute(value: Any) -> Any:
    if isinstance(value, Path):
        return value.absolute()
    return [_absolute(item) for item in value] if isinstance(value, list) else value


class Audio(StrEnum):
    """Which file's audio the result has."""

    REF = "ref"
    CLIP = "clip"
    NONE = "none"


DEFAULT_CODEC = "libx264"
"""Encoder of ffmpeg that is used if none is named."""
Crf = Annotated[float, typer.Option(help="Quality for encoders that know crf; lower is better.")]
Preset = Annotated[str, typer.Option(help="Preset for encoders that know presets.")]
Codec = Annotated[str, typer.Option(help="Video encoder of ffmpeg.")]
KeepScript = Annotated[bool, typer.Option("--keep-script", help="Leave the script beside OUT.")]
Report = Annotated[str | None, typer.Option("--json", help="Write the report as JSON; - is stdout.")]
Plot = Annotated[Path | None, typer.Option(help="Draw offsets and scores: .png, .svg or .pdf.")]
Window = Annotated[int, typer.Option(min=1, help="Frames to either side: fast to tunnel_mask.")]
DriftInterval = Annotated[int, typer.Option(min=1, help="Frames between measurings: precise, mask, border.")]
Engine = Annotated[SyncEngine, typer.Option(case_sensitive=False, help="What finds the frames.")]
Cache = Annotated[Path | None, typer.Option(help="Folder for what was found. Default: the user's cache.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Keep nothing, and begin anew.")]
Overwrite = Annotated[
    bool, typer.Option("-y", "--overwrite", help="Replace files that exist; without it they are refused.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing on stderr but errors.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="Say more on stderr: versions, commands, seconds of each stage.")
]

_MIN_RATE = 1
"""Frames per second; lower rates are taken for a typing error."""
_MAX_RATE = 1000
"""Frames per second; higher rates are taken for a typing error."""
_NTSC_RATES = tuple(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120))
"""Rates in frames per second that are usually written with decimals: 23.976, 29.97, 47.952, 59.94, 119.88."""
_NTSC_TOLERANCE = 0.005
"""Largest difference in frames per second between a decimal number and the NTSC rate that it stands for. Two decimals
round by at most this; the nearest whole rates are at least 0.02 away."""


def parse_rate(text: str | None) -> Fraction | None:
    """Parse frames per second such as 25, 23.976 or 24000/1001; None stays None.

    Raises:
        typer.BadParameter: It is no number from 1 to 1000.
    """
    if text is None:
        return None
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not _MIN_RATE <= rate <= _MAX_RATE:
        raise typer.BadParameter("must be frames per second from 1 to 1000, such as 25, 23.976 or 24000/1001.")
    return next((known for known in _NTSC_RATES if "." in text and abs(known - rate) < _NTSC_TOLERANCE), rate)


def _check_rate(text: str | None) -> str | None:
    parse_rate(text)
    return text


def _rate_option(name: str) -> typer.models.OptionInfo:
    help_text = f"Frames per second of {name}, whatever its time stamps say; for raw streams that name none."
    option: typer.models.OptionInfo = typer.Option(callback=_check_rate, metavar="RATE", help=help_text)
    return option


ClipFps = Annotated[str | None, _rate_option("CLIP")]
RefFps = Annotated[str | None, _rate_option("REF")]
BgFps = Annotated[str | None, _rate_option("BG")]
FgFps = Annotated[str | None, _rate_option("FG")]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodingOptions:
    """How the result is encoded."""

    crf: Crf = 18
    preset: Preset = "medium"
    codec: Codec = DEFAULT_CODEC


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRateOptions:
    """Frame rates of CLIP and REF that replace those of their time stamps."""

    clip_fps: ClipFps = None
    ref_fps: RefFps = None

    @property
    def both(self) -> tuple[Fraction | None, Fraction | None]:
        """Frames per second of CLIP and of REF; None: as the time stamps say."""
        return parse_rate(self.clip_fps), parse_rate(self.ref_fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOptions:
    """Where results of searches are kept."""

    cache: Cache = None
    no_cache: NoCache = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralOptions:
    """Whether files are replaced, and how much is reported on stderr."""

    overwrite: Overwrite = False
    verbose: Verbose = False
    quiet: Quiet = False


def absolute(path: Path | None) -> Path | None:
    """Return the absolute path of an option that may not have been given."""
    return None if path is None else path.absolute()


def report_path(report: str | None) -> Path | None:
    """Return the file that a report goes to; None if it goes to stdout or is not written."""
    return None if report in (None, "-") else Path(report).absolute()
