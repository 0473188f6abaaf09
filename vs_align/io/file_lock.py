"""File locks (flock, or msvcrt.locking on Windows), which the system releases when the process ends."""

import os
import sys
from pathlib import Path
from typing import BinaryIO


def open_locked(path: Path, *, make: bool = True) -> BinaryIO:
    """Open a file for reading and writing and lock it; it must not be locked by another process.

    Args:
        path: The file.
        make: Whether to make it if it does not exist.

    Raises:
        BlockingIOError: Another process holds the lock, or this process through another file object.
        FileNotFoundError: There is no such file, and `make` is false.
        OSError: The file cannot be opened, or the file system has no locks.
    """
    flags = os.O_RDWR | (os.O_CREAT if make else 0) | getattr(os, "O_BINARY", 0)
    while True:
        # open without truncation: another process may have begun to write
        file = os.fdopen(os.open(path, flags, 0o644), "r+b")
        try:
            _lock(file)
            # the previous holder of the lock may have renamed or removed the file
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError("the file is locked") from error
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
