"""A lock on a file, which the system gives back when its process ends, however it ends."""

import os
import sys
from pathlib import Path
from typing import BinaryIO


def open_locked(path: Path, *, make: bool = True) -> BinaryIO:
    """Open a file for reading and writing that no other process has locked, and lock it.

    Args:
        path: The file.
        make: Whether to make it if it does not exist.

    Raises:
        BlockingIOError: Another process holds the lock, or this one through another open file.
        FileNotFoundError: There is no such file, and none is to be made.
        OSError: The file cannot be opened, or the file system has no locks.
    """
    flags = os.O_RDWR | (os.O_CREAT if make else 0) | getattr(os, "O_BINARY", 0)
    while True:
        # opened and made in one step, so that nobody empties what somebody else has begun
        file = os.fdopen(os.open(path, flags, 0o644), "r+b")
        try:
            _lock(file)
            # who had the lock may have renamed or removed the file in the meantime
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
