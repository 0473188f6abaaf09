"""Child processes that never outlive the work they were started for."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_PATIENCE = 3.0
_NOISE = ("Output ", "Information: ", "Exiting with exit code", "Conversion failed!")
_LINES_SHOWN = 4
# "vs_align.errors.ArgumentError: vs_align.temporal: ..." says who speaks twice.
_PYTHON_ERROR = re.compile(r"vs_align\.errors\.\w+: ")


class Children:
    """Starts programs, keeps what they say on stderr, and ends those that still run when the block is left.

    Each runs in a session of its own, so that Ctrl-C in a terminal reaches this process alone and it decides the order
    in which things end.
    """

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._logs: dict[int, Path] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever still runs: ask first, then insist."""
        self.end()

    def start(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        env: dict[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program with a pipe from its stdout; its stderr goes to a file, which can never fill up and block.

        Args:
            command: The program and its arguments; no shell is involved.
            stdin: What it reads, as for `subprocess.Popen`.
            env: Environment variables; those of this process by default.
        """
        log = self._log_folder / f"{len(self._logs)}-{Path(command[0]).stem}.log"
        with log.open("wb") as stderr:
            child = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=env,
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        self._running.append(child)
        self._logs[child.pid] = log
        return child

    def end(self) -> None:
        """End all children that run, and wait for them."""
        for child in self._running:
            _signal(child, force=False)
        for child in self._running:
            try:
                child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                _signal(child, force=True)
                child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    _close(stream)
        self._running.clear()

    def last_words(self, child: subprocess.Popen[bytes]) -> str:
        """Return the last lines on stderr of a child that say something, joined."""
        text = self._logs[child.pid].read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
        lines = [line.strip() for line in text.splitlines()]
        telling = [line for line in lines if line and not line.startswith(_NOISE)]
        for i, line in enumerate(telling):
            if _PYTHON_ERROR.match(line):
                # What follows a traceback's last line is the error; where it came from helps nobody here.
                return " / ".join([_PYTHON_ERROR.sub("", line), *telling[i + 1 :]])
        return " / ".join(telling[-_LINES_SHOWN:]) or "it said nothing"


def _signal(child: subprocess.Popen[bytes], *, force: bool) -> None:
    if child.poll() is not None:
        return
    if sys.platform == "win32":
        child.kill() if force else child.terminate()
        return
    try:
        # A program may be a wrapper around the one that works, so its whole session is addressed.
        os.killpg(child.pid, signal.SIGKILL if force else signal.SIGTERM)
    except ProcessLookupError:
        return


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        # The reader is gone, and with it whatever was still to be flushed.
        return
