"""What the command line shows: everything on stderr, so that stdout carries results alone."""

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
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vs_align.errors import MediaError
from vs_align.io.atomic_files import reason_of
from vs_align.version import __version__

_PACKAGES = ("vapoursynth", "vapoursynth-bestsource", "numpy", "numba", "opencv-contrib-python", "scipy", "av", "torch")
_HEADINGS = ("Verdict:", "ref time")

_log = logging.getLogger("vs_align.cli")


class _Stderr:
    """The stderr of the moment. What cannot be said there is lost, for no result depends on it."""

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
        # Rich puts something in its place while a bar is shown
        return getattr(sys.stderr, "rich_proxied_file", sys.stderr) or io.StringIO()


console = Console(file=cast("IO[str]", _Stderr()), highlight=False, emoji=False, soft_wrap=True)


def note(text: str) -> None:
    """Say something that the user should know, in one line."""
    console.print(f"[yellow]note[/]: {escape(text)}")


def step(text: str) -> None:
    """Say what is being done now."""
    console.print(f"[dim]{escape(text)}[/]")


def failure(text: str) -> None:
    """Say in one line why nothing comes of it."""
    console.print(f"[bold red]error[/]: {escape(' '.join(text.split()))}")


class _Speed(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("-- fps" if speed is None else f"{speed:.1f} fps", style="progress.data.speed")


@contextmanager
def frame_progress(label: str, frames: int) -> Iterator[Callable[[int], None]]:
    """Show a bar with frames, frames per second and time left; yields what takes the number of frames done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with stage_time(label), Progress(*columns, console=console, speed_estimate_period=10) as progress:
        task = progress.add_task(label, total=frames)
        yield lambda done: progress.update(task, completed=min(done, frames))


@contextmanager
def stage_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar with time left for each stage; yields what takes a stage, how much is done and how much there is.

    A stage that begins again after it was done, as when two files have one name, gets another bar. How much there is
    may be 0 where nobody knows.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    progress = Progress(*columns, console=console, speed_estimate_period=30)
    bars: dict[str, TaskID] = {}
    begun: dict[str, float] = {}
    # what is told first of a stage may be that it is done
    last = time.monotonic()

    def told(stage: str, done: int, total: int) -> None:
        nonlocal last
        # without a bar it would leave an empty line
        progress.start()
        bar = bars.get(stage)
        if bar is None or (progress.tasks[bar].finished and done < total):
            bar = bars[stage] = progress.add_task(escape(stage))
            begun[stage] = last
        # a container may promise fewer frames than it has
        progress.update(bar, total=total or None, completed=min(done, total) if total else done)
        if total and done >= total and stage in begun:
            _log.debug("%s took %.2f s", stage, time.monotonic() - begun.pop(stage))
        last = time.monotonic()

    try:
        yield told
        for task in progress.tasks:
            total = task.completed if task.total is None else task.total
            progress.update(task.id, total=total, completed=total)
    finally:
        if bars:
            progress.stop()


class _Told(logging.Handler):
    """Shows what the library reports: steps as steps, warnings as notes, details as they are."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            note(text)
        else:
            step(text)


@contextmanager
def library_reports() -> Iterator[None]:
    """Show on stderr what the library reports while this lasts."""
    logger, handler = logging.getLogger("vs_align"), _Told()
    level = logger.level
    # it says at length where it keeps its own things if a home cannot be written
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
    """Show more or nothing on stderr while this lasts.

    Args:
        quiet: Show nothing. Why something fails is said after it.
        verbose: Show details too: versions, commands, seconds of each stage, what was tried.

    Raises:
        typer.BadParameter: Both are wanted.
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
    """Return what runs here, in which versions."""
    from importlib.metadata import PackageNotFoundError, version

    said = [f"vs-align {__version__}, Python {platform.python_version()} on {platform.platform()}"]
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            said.append(f"{package} {version(package)}")
    return ", ".join(said)


@contextmanager
def stage_time(name: str) -> Iterator[None]:
    """Report how long a stage took."""
    started = time.monotonic()
    try:
        yield
    finally:
        _log.debug("%s took %.2f s", name, time.monotonic() - started)


class Interrupted(BaseException):
    """Somebody asked the program to end. The message, if any, says what was written by then."""


def _signals() -> list[int]:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # A shell starts background jobs deaf to Ctrl-C, and nohup to a closed terminal; they stay so.
    return [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def interrupt_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process without delay, while code runs that does not come back to Python for long.

    Nothing may have been written when this is used, and no cursor hidden.
    """
    before = {number: signal.signal(number, signal.SIG_DFL) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` on Ctrl-C, SIGTERM and a closed terminal alike, so that everything is cleaned up."""

    def stop(number: int, frame: Any) -> None:
        # A second request must not disturb the cleaning up.
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
    """Make sure that what is written to stdout meanwhile arrives there.

    Raises:
        MediaError: It does not: the disk is full, the reader has gone, or stdout is closed.
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
        raise MediaError(f"stdout cannot be written: {reason_of(error)}.") from error


def _give_up_stdout() -> None:
    """Let what is left in its buffer go nowhere: Python would try, and complain, once more when it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def write_stdout(text: str) -> None:
    """Write a result to stdout.

    Raises:
        MediaError: It does not arrive there.
    """
    with checked_stdout():
        sys.stdout.write(text + "\n")


def print_stdout(*renderables: RenderableType, soft_wrap: bool = True) -> None:
    """Write a result to stdout with colours where somebody reads it there.

    Raises:
        MediaError: It does not arrive there.
    """
    with checked_stdout():
        shown = Console(highlight=False, emoji=False, soft_wrap=soft_wrap)
        for each in renderables:
            shown.print(each)


def show_result(text: str) -> None:
    """Write a result of several lines to stdout, where its headings stand out if somebody reads it there."""
    if not sys.stdout.isatty():
        write_stdout(text)
        return
    lines = (f"[bold]{escape(line)}[/]" if line.startswith(_HEADINGS) else escape(line) for line in text.splitlines())
    print_stdout("\n".join(lines))
