"""Console of the command line: notes, progress and errors on stderr, results alone on stdout; signals."""

import io
import logging
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, TextIO, cast

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as ProgressBars
from rich.text import Text

from vs_align.errors import MediaError
from vs_align.io.atomic_files import error_reason
from vs_align.io.progress import Progress
from vs_align.version import __version__

_PACKAGES = ("vapoursynth", "vapoursynth-bestsource", "numpy", "numba", "opencv-contrib-python", "scipy", "av", "torch")
_HEADINGS = ("Verdict:", "ref time")

_log = logging.getLogger("vs_align.cli")


class _Stderr:
    """The current sys.stderr. Errors of writing are ignored, because no result depends on it."""

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._file().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._file().flush()

    def isatty(self) -> bool:
        return self._file().isatty()

    def fileno(self) -> int:
        return self._file().fileno()

    @property
    def encoding(self) -> str:
        return self._file().encoding or "utf-8"

    def _file(self) -> TextIO:
        # rich replaces sys.stderr while a progress bar is shown
        return getattr(sys.stderr, "rich_proxied_file", sys.stderr) or io.StringIO()


console = Console(file=cast("IO[str]", _Stderr()), highlight=False, emoji=False, soft_wrap=True)


def note(text: str) -> None:
    """Print a note in one line."""
    console.print(f"[yellow]note[/]: {escape(text)}")


def step(text: str) -> None:
    """Print the step that begins now."""
    console.print(f"[dim]{escape(text)}[/]")


def failure(text: str) -> None:
    """Print an error in one line."""
    console.print(f"[bold red]error[/]: {escape(' '.join(text.split()))}")


class _Speed(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("-- fps" if speed is None else f"{speed:.1f} fps", style="progress.data.speed")


@contextmanager
def frame_progress(label: str, frames: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar with frames, frames per second and time left; yields a callback for the frames done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with stage_time(label), ProgressBars(*columns, console=console, speed_estimate_period=10) as progress:
        task = progress.add_task(label, total=frames)
        yield lambda done: progress.update(task, completed=min(done, frames))


@contextmanager
def stage_progress() -> Iterator[Progress]:
    """Show a progress bar with time left for each stage; yields the callback, a `Progress`.

    A stage that restarts after it was finished, as for two files of the same name, gets another bar.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    progress = ProgressBars(*columns, console=console, speed_estimate_period=30)
    bars: dict[str, TaskID] = {}
    begun: dict[str, float] = {}
    # the first report of a stage may be that it is finished
    last = time.monotonic()

    def report(stage: str, done: int, total: int) -> None:
        nonlocal last
        # started late: without a bar it would print an empty line
        progress.start()
        bar = bars.get(stage)
        if bar is None or (progress.tasks[bar].finished and done < total):
            bar = bars[stage] = progress.add_task(escape(stage))
            begun[stage] = last
        # a container may declare fewer frames than it has
        progress.update(bar, total=total or None, completed=min(done, total) if total else done)
        if total and done >= total and stage in begun:
            _log.debug("%s took %.2f s", stage, time.monotonic() - begun.pop(stage))
        last = time.monotonic()

    try:
        yield report
        for task in progress.tasks:
            total = task.completed if task.total is None else task.total
            progress.update(task.id, total=total, completed=total)
    finally:
        if bars:
            progress.stop()


class _ConsoleHandler(logging.Handler):
    """Prints log records of the library: warnings as notes, others as steps."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            note(text)
        else:
            step(text)


@contextmanager
def library_reports() -> Iterator[None]:
    """Print the log records of the library on stderr inside the block."""
    logger, handler = logging.getLogger("vs_align"), _ConsoleHandler()
    level = logger.level
    # it logs long warnings about its folders if the home is not writable
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def spoken(*, quiet: bool, verbose: bool) -> Iterator[None]:
    """Set how much is printed on stderr inside the block.

    Args:
        quiet: Print nothing; errors are printed after the block.
        verbose: Print details too: versions, commands, seconds of each stage.

    Raises:
        typer.BadParameter: Both are set.
    """
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose exclude each other.")
    logger = logging.getLogger("vs_align")
    before, level = console.quiet, logger.level
    console.quiet = quiet
    if verbose:
        logger.setLevel(logging.DEBUG)
        _log.debug("%s", _versions())
    try:
        yield
    finally:
        logger.setLevel(level)
        console.quiet = before


def _versions() -> str:
    """Return the versions of Python and of the packages in use."""
    from importlib.metadata import PackageNotFoundError, version

    versions = [f"vs-align {__version__}, Python {platform.python_version()} on {platform.platform()}"]
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    return ", ".join(versions)


@contextmanager
def stage_time(name: str) -> Iterator[None]:
    """Log the duration of a stage."""
    started = time.monotonic()
    try:
        yield
    finally:
        _log.debug("%s took %.2f s", name, time.monotonic() - started)


class Interrupted(BaseException):
    """A signal to end the program. The message, if any, lists the files that were written."""


def _signals() -> list[int]:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # shells ignore SIGINT for background jobs, and nohup ignores SIGHUP; this is kept
    return [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def interrupt_at_once() -> Iterator[None]:
    """Let signals kill the process inside the block, for long calls that do not return to Python.

    Use it only before anything was written, and while no progress bar is shown.
    """
    before = {number: signal.signal(number, signal.SIG_DFL) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` on Ctrl-C, SIGTERM and a closed terminal, so that temporary files are removed."""

    def stop(number: int, frame: Any) -> None:
        # a second signal must not interrupt the cleanup
        for other in before:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted

    before = {number: signal.signal(number, stop) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def checked_stdout() -> Iterator[None]:
    """Flush stdout at the end of the block, and raise if it cannot be written.

    Raises:
        MediaError: The disk is full, the reader has ended, or stdout is closed.
    """
    if sys.stdout is None:
        raise MediaError("stdout cannot be written: it is closed.")
    try:
        yield
        sys.stdout.flush()
    except MediaError:
        raise
    except OSError as error:
        _give_up_stdout()
        raise MediaError(f"stdout cannot be written: {error_reason(error)}.") from error


def _give_up_stdout() -> None:
    """Redirect stdout to the null device: Python would flush its buffer again at exit and print an error."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def write_stdout(text: str) -> None:
    """Write a result to stdout.

    Raises:
        MediaError: stdout cannot be written.
    """
    with checked_stdout():
        sys.stdout.write(text + "\n")


def print_stdout(*renderables: RenderableType, soft_wrap: bool = True) -> None:
    """Write a result to stdout, with colors if it is a terminal.

    Raises:
        MediaError: stdout cannot be written.
    """
    with checked_stdout():
        shown = Console(highlight=False, emoji=False, soft_wrap=soft_wrap)
        for each in renderables:
            shown.print(each)


def show_result(text: str) -> None:
    """Write a result of several lines to stdout, with bold headings if it is a terminal."""
    if not sys.stdout.isatty():
        write_stdout(text)
        return
    lines = (f"[bold]{escape(line)}[/]" if line.startswith(_HEADINGS) else escape(line) for line in text.splitlines())
    print_stdout("\n".join(lines))
