"""Subprocesses: started so that none outlives this process, with timeouts, and with stderr kept for error messages.

`start` makes a process that ends with this one, `run_program` runs one to its end, `ChildProcesses` manages several.
On Linux and macOS a process is started through `launcher.py`; on Windows it joins a job object.
"""

import logging
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from vs_align.errors import MissingDependencyError

_log = logging.getLogger(__name__)

_QUIET_SECONDS = 1.5
"""Seconds after which a wait is reported; shorter waits go unnoticed."""
_TERMINATE_SECONDS = 3.0
"""Seconds that a process gets to end by itself before it is killed; more delays the end of this process."""
_NOT_RUN = 127
"""Exit code of `launcher.py`, and of shells, for a program that cannot be run."""
_LAUNCHER = Path(__file__).with_name("launcher.py")
_TAIL_LINES = 4
"""Lines of stderr that an error message shows: ffmpeg names the cause in its last lines."""
_NOISE = ("Output ", "Information: ", "Exiting with exit code", "Conversion failed!", "Last message repeated")
"""Beginnings of lines on stderr that name no cause."""
_COMPONENT = re.compile(r"^\[([^\]]+?) @ 0x[0-9a-f]+\] ")
"""A component of ffmpeg with its address, as in "[mp4 @ 0x55d0c8a3b840] ..."; the address is removed."""
_PYTHON_ERROR = re.compile(r"vs_align\.errors\.\w+: ")
"""The class name before a message of this package, which already begins with "vs_align."."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process in its own session. `tether` is the writing end of the pipe that `launcher.py` watches, or None."""

    process: subprocess.Popen[bytes]
    tether: int | None

    def signal(self, *, force: bool) -> None:
        """Send SIGTERM, or SIGKILL if `force`, to the whole session of the process."""
        if self.process.poll() is not None:
            return
        if sys.platform == "win32":
            self.process.kill() if force else self.process.terminate()
            return
        with suppress(ProcessLookupError):
            # the program may be a wrapper around the one that does the work
            os.killpg(self.process.pid, signal.SIGKILL if force else signal.SIGTERM)

    def release(self) -> None:
        """Tell `launcher.py` that the process has ended, so that it kills no later process of the same id."""
        if self.tether is not None:
            with suppress(BrokenPipeError):
                os.write(self.tether, b"x")
            os.close(self.tether)


def start(
    command: Sequence[str],
    *,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.PIPE,
    env: dict[str, str] | None = None,
) -> Running:
    """Start a program that ends when this process ends, even if this process is killed. Its stdout is a pipe.

    On Linux it ends with the thread that started it, so that thread must wait for it.

    Args:
        command: Path of the program, and its arguments; no shell is involved.
        stdin: As for `subprocess.Popen`.
        stderr: As for `subprocess.Popen`.
        env: Environment variables; those of this process by default.
    """
    _log.debug("running %s", shlex.join(command))
    launcher, reading, tether = _launcher()
    try:
        process = subprocess.Popen(
            [*launcher, *command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=env,
            pass_fds=() if reading is None else (reading,),
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except BaseException:
        if tether is not None:
            os.close(tether)
        raise
    finally:
        if reading is not None:
            os.close(reading)
    if sys.platform == "win32":
        from vs_align.media.job_object import end_with_this_process

        end_with_this_process(int(process._handle))
    return Running(process, tether)


def _launcher() -> tuple[list[str], int | None, int | None]:
    """Return the command that runs `launcher.py`, and both ends of the pipe that it watches, None on Linux."""
    # sys.executable is no interpreter if Python is embedded in another program
    if sys.platform == "win32" or not Path(sys.executable or "").name.startswith(("python", "pypy")):
        return [], None, None
    # isolated mode starts faster; PYTHONHOME must be kept, it locates Python itself
    flags = ["-s", "-P"] if os.environ.get("PYTHONHOME") else ["-I"]
    begin = [sys.executable, *flags, "-S", str(_LAUNCHER), str(os.getpid())]
    if sys.platform == "linux":
        return [*begin, "0"], None, None
    reading, tether = os.pipe()
    return [*begin, str(reading)], reading, tether


def run_program(
    command: Sequence[str], timeout: float, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its stdout and stderr. A long wait is logged.

    Args:
        command: Path of the program, and its arguments.
        timeout: Seconds after which it is killed.
        env: Environment variables; those of this process by default.

    Raises:
        MissingDependencyError: The program cannot be run, or has not ended after `timeout`.
    """
    try:
        running = start(command, env=env)
    except OSError as error:
        raise MissingDependencyError(f"{command[0]} cannot be run: {error.strerror or error}.") from error
    process = running.process
    try:
        try:
            stdout, stderr = process.communicate(timeout=_QUIET_SECONDS)
        except subprocess.TimeoutExpired:
            _log.info("waiting for %s, for %g s at most", shlex.join(command), timeout)
            stdout, stderr = process.communicate(timeout=timeout - _QUIET_SECONDS)
    except subprocess.TimeoutExpired:
        text = f"{shlex.join(command)} has not answered within {timeout:g} s."
        raise MissingDependencyError(text) from None
    finally:
        running.signal(force=True)
        process.wait()
        running.release()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    # Windows ends lines with two characters
    texts = [part.decode(errors="replace").replace("\r\n", "\n") for part in (stdout, stderr)]
    if process.returncode == _NOT_RUN:
        raise MissingDependencyError(f"{command[0]} cannot be run: {' '.join(texts[1].split())}")
    return subprocess.CompletedProcess(list(command), process.returncode, *texts)


class ChildProcesses:
    """Context manager: starts processes, keeps their stderr in files, and ends those that run at the end of the block.

    Each process runs in a session of its own: Ctrl-C in a terminal reaches only this process, which then ends the
    others in order. They end with this process if it is killed. On Linux they end with the thread that started them,
    which must be the thread that leaves the block.
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
        """End the processes that still run: SIGTERM first, SIGKILL after some seconds."""
        self.end()

    def start(
        self,
        command: Sequence[str],
        *,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        env: dict[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program. Its stdout is a pipe; its stderr goes to a file, which never blocks as a full pipe would.

        Args:
            command: The program and its arguments; no shell is involved.
            stdin: As for `subprocess.Popen`.
            env: Environment variables; those of this process by default.
        """
        log = self._log_folder / f"{len(self._logs)}-{Path(command[0]).stem}.log"
        with log.open("wb") as stderr:
            running = start(command, stdin=stdin, stderr=stderr, env=env)
        self._running.append(running)
        self._logs[running.process.pid] = log
        return running.process

    def end(self) -> None:
        """End all processes that run, and wait for them."""
        for running in self._running:
            running.signal(force=False)
        for running in self._running:
            child = running.process
            try:
                child.wait(_TERMINATE_SECONDS)
            except subprocess.TimeoutExpired:
                running.signal(force=True)
                child.wait()
            running.release()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    _close(stream)
        self._running.clear()

    def stderr_tail(self, child: subprocess.Popen[bytes]) -> str:
        """Return the last informative lines that a process wrote to stderr, joined by slashes."""
        text = self._logs[child.pid].read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
        lines = [_COMPONENT.sub(r"\1: ", line.strip()) for line in text.splitlines()]
        # a damaged stream gives the same message for each of its packets
        informative = [line for line in dict.fromkeys(lines) if line and not line.startswith(_NOISE)]
        for i, line in enumerate(informative):
            if _PYTHON_ERROR.match(line):
                # the error follows the traceback, which is left out
                return " / ".join([_PYTHON_ERROR.sub("", line), *informative[i + 1 :]])
        return " / ".join(informative[-_TAIL_LINES:]) or "it said nothing"


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        # the reader has ended; unflushed data is lost
        return
