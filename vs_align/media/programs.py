"""Programs that are started: none outlives this process, and none is waited for in silence."""

import logging
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vs_align.errors import MissingDependencyError

_log = logging.getLogger(__name__)

_SILENT = 1.5  # seconds after which somebody who waits is told for what
_NOT_RUN = 127  # exit code of the leash, and of shells, for what cannot be run
_LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, slots=True)
class Running:
    """A program that was started in a session of its own. `tether` is a pipe that holds it, where one is needed."""

    process: subprocess.Popen[bytes]
    tether: int | None

    def signal(self, *, force: bool) -> None:
        """Ask the program to end, or end it."""
        if self.process.poll() is not None:
            return
        if sys.platform == "win32":
            self.process.kill() if force else self.process.terminate()
            return
        with suppress(ProcessLookupError):
            # A program may be a wrapper around the one that works, so its whole session is addressed.
            os.killpg(self.process.pid, signal.SIGKILL if force else signal.SIGTERM)

    def release(self) -> None:
        """Say that it has ended, so that nobody ends another process of the same number."""
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
    """Start a program, with a pipe from its stdout, that ends when this process does, even when it is killed.

    On Linux it ends with the thread that started it, so that thread must wait for it.

    Args:
        command: The program, as a path, and its arguments; no shell is involved.
        stdin: What it reads, as for `subprocess.Popen`.
        stderr: Where its messages go, likewise.
        env: Environment variables; those of this process by default.
    """
    _log.debug("running %s", shlex.join(command))
    leash, reading, tether = _leash()
    try:
        process = subprocess.Popen(
            [*leash, *command],
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


def _leash() -> tuple[list[str], int | None, int | None]:
    """Return what goes before a command, and both ends of the pipe that it watches, where it needs one."""
    # Where Python is part of another program, that one is no interpreter to start.
    if sys.platform == "win32" or not Path(sys.executable or "").name.startswith(("python", "pypy")):
        return [], None, None
    # Without the user's settings it starts sooner, but for one that says where Python itself lies.
    flags = ["-s", "-P"] if os.environ.get("PYTHONHOME") else ["-I"]
    begin = [sys.executable, *flags, "-S", str(_LEASH), str(os.getpid())]
    if sys.platform == "linux":
        return [*begin, "0"], None, None
    reading, tether = os.pipe()
    return [*begin, str(reading)], reading, tether


def output_of(
    command: Sequence[str], timeout: float, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it said. Who waits for long is told so, through the logger.

    Args:
        command: The program, as a path, and its arguments.
        timeout: Seconds after which it is ended.
        env: Environment variables; those of this process by default.

    Raises:
        MissingDependencyError: It cannot be run, or has not ended by then.
    """
    try:
        running = start(command, env=env)
    except OSError as error:
        raise MissingDependencyError(f"{command[0]} cannot be run: {error.strerror or error}.") from error
    process = running.process
    try:
        try:
            said, errors = process.communicate(timeout=_SILENT)
        except subprocess.TimeoutExpired:
            _log.info("waiting for %s, for %g s at most", shlex.join(command), timeout)
            said, errors = process.communicate(timeout=timeout - _SILENT)
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
    texts = [part.decode(errors="replace").replace("\r\n", "\n") for part in (said, errors)]
    if process.returncode == _NOT_RUN:
        raise MissingDependencyError(f"{command[0]} cannot be run: {' '.join(texts[1].split())}")
    return subprocess.CompletedProcess(list(command), process.returncode, *texts)
