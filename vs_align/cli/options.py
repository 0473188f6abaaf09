"""Options that mean the same in every command that writes a video."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Audio(StrEnum):
    """Whose sound is heard."""

    REF = "ref"
    CLIP = "clip"
    NONE = "none"


Crf = Annotated[float, typer.Option(help="Quality for encoders that know crf; lower is better.")]
Preset = Annotated[str, typer.Option(help="Preset for encoders that know presets.")]
Codec = Annotated[str, typer.Option(help="Video encoder of ffmpeg.")]
KeepScript = Annotated[bool, typer.Option("--keep-script", help="Leave the script beside OUT.")]
Report = Annotated[str | None, typer.Option("--json", help="Write the report as JSON; - is stdout.")]


def absolute(path: Path | None) -> Path | None:
    """Return the absolute path of an option that may not have been given."""
    return None if path is None else path.absolute()


def report_path(report: str | None) -> Path | None:
    """Return the file that a report goes to, None where it goes to stdout or nowhere."""
    return None if report in (None, "-") else Path(report).absolute()
