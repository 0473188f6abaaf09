"""Starts a program that ends with the process which asked for it: `leash.py PARENT PIPE PROGRAM ARGUMENT...`.

It is run as a file, without the package, so that it takes hundredths of a second. The program takes the place of this
process: it has its number, its streams and its exit code.

PARENT is the number of the process that asks. PIPE is a file descriptor to read from. Where the kernel has no signal
for the death of a parent, a second process reads it: a byte says that the program has ended, the end of the pipe
without a byte that the parent is dead. Linux has such a signal, and PIPE is 0.
"""

import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_NOT_RUN = 127  # what shells answer too


def main() -> None:
    """Run the program."""
    parent, pipe, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if pipe:
        _watch(pipe)
    else:
        _die_with(parent)
    for name in ("SIGPIPE", "SIGXFSZ"):
        # Python ignores them, and a program would inherit that
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
        sys.exit(_NOT_RUN)


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when the thread ends that started it."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that started this one has ended")


def _watch(pipe: int) -> None:
    """Leave a process behind that ends this one when the pipe does."""
    program = os.getpid()
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        os.close(pipe)
        return
    if os.fork():
        os._exit(0)
    os.setsid()
    # what the program reads and writes must not stay open because of this process
    for stream in (0, 1, 2):
        os.close(stream)
    if not os.read(pipe, 1):
        with suppress(ProcessLookupError):
            os.killpg(program, signal.SIGKILL)
    os._exit(0)


main()
