"""Launcher: replaces itself by a program that is killed when the process that asked for it ends.

    launcher.py PARENT PIPE PROGRAM ARGUMENT...

It runs as a script, without importing the package, to start within hundredths of a second. `os.execv` keeps the
process id, the streams and the exit code.

PARENT is the process id of the process that asks. PIPE is a file descriptor, or 0. On Linux it is 0, and the kernel
kills the program when its parent dies (PR_SET_PDEATHSIG). Elsewhere a second process reads the pipe: a byte means that
the program has ended, the end of the pipe without a byte that the parent has died, and then it kills the program.
"""

import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
_NOT_RUN = 127
"""Exit code for a program that cannot be run, as in shells."""


def main() -> None:
    """Run the program."""
    parent, pipe, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if pipe:
        _watch(pipe)
    else:
        _die_with(parent)
    for name in ("SIGPIPE", "SIGXFSZ"):
        # Python ignores these signals, and the program would inherit that
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
        sys.exit(_NOT_RUN)


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when the thread that started it ends."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that started this one has ended")


def _watch(pipe: int) -> None:
    """Fork a process that kills this one when the pipe ends without a byte."""
    program = os.getpid()
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        os.close(pipe)
        return
    if os.fork():
        os._exit(0)
    os.setsid()
    # this process must not keep the streams of the program open
    for stream in (0, 1, 2):
        os.close(stream)
    if not os.read(pipe, 1):
        with suppress(ProcessLookupError):
            os.killpg(program, signal.SIGKILL)
    os._exit(0)


main()
