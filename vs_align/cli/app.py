"""The commands of `vs-align` and what happens when one fails."""

import sys
from typing import Annotated

import typer

from vs_align.cli.console import Interrupted, failure, interruptible, write_stdout
from vs_align.cli.demo import demo
from vs_align.cli.doctor import doctor
from vs_align.cli.models import models
from vs_align.cli.overlay import overlay
from vs_align.cli.spatial import spatial
from vs_align.cli.sync import sync
from vs_align.cli.temporal import temporal
from vs_align.errors import AlignError
from vs_align.version import __version__

_INTERRUPTED = 130

app = typer.Typer(
    name="vs-align",
    help="Aligns two versions of the same footage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        write_stdout(f"vs-align {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Aligns two versions of the same footage."""


app.command()(sync)
app.command()(temporal)
app.command()(spatial)
app.command()(overlay)
app.command()(demo)
app.command()(doctor)
app.add_typer(models, name="models")


def run() -> None:
    """Run a command; an error that was foreseen is one line on stderr and exit code 1."""
    try:
        with interruptible():
            app()
    except AlignError as error:
        failure(str(error))
        sys.exit(1)
    except Interrupted:
        failure("interrupted: no result was written.")
        sys.exit(_INTERRUPTED)
