"""What the command line shows: everything on stderr, so that stdout carries results alone."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
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

_HEADINGS = ("Verdict:", "ref time")

console = Console(stderr=True, highlight=False, soft_wrap=True)


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
    with Progress(*columns, console=console, speed_estimate_period=10) as progress:
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
    with Progress(*columns, console=console, speed_estimate_period=30) as progress:
        bars: dict[str, TaskID] = {}

        def told(stage: str, done: int, total: int) -> None:
            bar = bars.get(stage)
            if bar is None or (progress.tasks[bar].finished and done < total):
                bar = bars[stage] = progress.add_task(escape(stage))
            # a container may promise fewer frames than it has
            progress.update(bar, total=total or None, completed=min(done, total) if total else done)

        yield told
        for task in progress.tasks:
            total = task.completed if task.total is None else task.total
            progress.update(task.id, total=total, completed=total)


@contextmanager
def hushed(quiet: bool) -> Iterator[None]:
    """Show nothing on stderr while this lasts, if that is wanted. Why something fails is said after it."""
    before, console.quiet = console.quiet, quiet
    try:
        yield
    finally:
        console.quiet = before


class Interrupted(BaseException):
    """Somebody asked the program to end."""


def _signals() -> list[int]:
    known = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
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


def write_stdout(text: str) -> None:
    """Write a result to stdout."""
    sys.stdout.write(text + os.linesep if os.name != "nt" else text + "\n")
    sys.stdout.flush()


def show_result(text: str) -> None:
    """Write a result of several lines to stdout, where its headings stand out if somebody reads it there."""
    if not sys.stdout.isatty():
        write_stdout(text)
        return
    lines = (f"[bold]{escape(line)}[/]" if line.startswith(_HEADINGS) else escape(line) for line in text.splitlines())
    Console(highlight=False, soft_wrap=True).print("\n".join(lines))
