"""Child processes that never outlive the work they were started for."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from vs_align.media.programs import Running, start

_PATIENCE = 3.0
_NOISE = ("Output ", "Information: ", "Exiting with exit code", "Conversion failed!", "Last message repeated")
_LINES_SHOWN = 4
# "[mp4 @ 0x55d0c8a3b840] ..." has an address that tells nobody anything.
_COMPONENT = re.compile(r"^\[([^\]]+?) @ 0x[0-9a-f]+\] ")
# "vs_align.errors.ArgumentError: vs_align.temporal: ..." says who speaks twice.
_PYTHON_ERROR = re.compile(r"vs_align\.errors\.\w+: ")


class Children:
    """Starts programs, keeps what they say on stderr, and ends those that still run when the block is left.

    Each runs in a session of its own, so that Ctrl-C in a terminal reaches this process alone and it decides the order
    in which things end. They end with this process if it is killed; on Linux with the thread that started them, so that
    the block is left by the thread that entered it.
    """

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._running: list[Running] = []
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
            running = start(command, stdin=stdin, stderr=stderr, env=env)
        self._running.append(running)
        self._logs[running.process.pid] = log
        return running.process

    def end(self) -> None:
        """End all children that run, and wait for them."""
        for running in self._running:
            running.signal(force=False)
        for running in self._running:
            child = running.process
            try:
                child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                running.signal(force=True)
                child.wait()
            running.release()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    _close(stream)
        self._running.clear()

    def last_words(self, child: subprocess.Popen[bytes]) -> str:
        """Return the last lines on stderr of a child that say something, joined."""
        text = self._logs[child.pid].read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
        lines = [_COMPONENT.sub(r"\1: ", line.strip()) for line in text.splitlines()]
        # a damaged stream says the same of each of its packets
        telling = [line for line in dict.fromkeys(lines) if line and not line.startswith(_NOISE)]
        for i, line in enumerate(telling):
            if _PYTHON_ERROR.match(line):
                # What follows a traceback's last line is the error; where it came from helps nobody here.
                return " / ".join([_PYTHON_ERROR.sub("", line), *telling[i + 1 :]])
        return " / ".join(telling[-_LINES_SHOWN:]) or "it said nothing"


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        # The reader is gone, and with it whatever was still to be flushed.
        return
