"""The typer application `vs-align`: its commands, error messages and exit codes."""

import sys
from typing import Annotated

import typer

from vs_align.cli.console import Interrupted, checked_stdout, failure, interruptible, library_reports, write_stdout
from vs_align.cli.demo import demo
from vs_align.cli.doctor import doctor
from vs_align.cli.models import models
from vs_align.cli.overlay.command import overlay
from vs_align.cli.spatial import spatial
from vs_align.cli.sync.command import sync
from vs_align.cli.temporal import temporal
from vs_align.errors import AlignError
from vs_align.io.atomic_files import error_reason
from vs_align.version import __version__

_INTERRUPTED = 130
"""Exit code after a signal, as in shells for SIGINT (128 + 2)."""

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


def _call() -> None:
    """Run a command, and check stdout at the end, which typer also writes to, as for --help."""
    try:
        app()
    except (SystemExit, OSError) as end:
        if sys.stdout is not None and not isinstance(end, AlignError):
            with checked_stdout():
                pass  # flushes its buffer
        raise


def run() -> None:
    """Run a command; an `AlignError` becomes one line on stderr and exit code 1."""
    try:
        with interruptible(), library_reports():
            _call()
    except AlignError as error:
        failure(str(error))
        sys.exit(1)
    except OSError as error:
        # such as a missing folder for temporary files
        place = f"{error.filename}: " if error.filename else ""
        failure(f"{place}{error_reason(error)}.")
        sys.exit(1)
    except Interrupted as end:
        failure(f"interrupted: {str(end) or 'no result was written'}.")
        sys.exit(_INTERRUPTED)
