"""Atomic file output: a file is written under a temporary name in the target's folder, then renamed.

Temporary names are `.STEM.TOKEN.part...`. While they are in use, `.STEM.TOKEN.lock` beside them is locked. The system
releases the lock when the process ends, so that files of a killed process are recognized at the next start and removed.
"""

import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from vs_align.errors import MediaError
from vs_align.io.file_lock import open_locked

MAX_NAME_BYTES = 255
"""Longest file name in bytes on the usual file systems; NTFS counts UTF-16 units, which are never more."""
_MAX_STEM_BYTES = 40
"""Bytes of the target's stem in a temporary name, so that a target of 255 bytes has a temporary name too."""
_MAX_SUFFIX_BYTES = 16
"""Longest suffix in bytes that a temporary name keeps; suffixes that determine a container are shorter."""
_PART = re.compile(r"(\..*\.[0-9a-f]{8})\.part[^.]*(?:\.|$)")
_HIDDEN = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part[^.]*(\.\w+)?")
_WINDOWS_DEVICES = frozenset({"NUL", "CON"})


def is_device(path: Path) -> bool:
    """Return whether a path is written to directly, such as /dev/null, /dev/stdout or a named pipe."""
    if os.name == "nt":
        return path.name.upper() in _WINDOWS_DEVICES
    # /dev/stdout is a regular file if it was redirected to one
    if path.is_absolute() and os.path.normpath(path) in ("/dev/stdout", "/dev/stderr"):
        return True
    if os.path.normpath(path.parent) in ("/dev/fd", "/proc/self/fd"):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def truncate_utf8(text: str, size: int) -> str:
    """Return the beginning of a text that has at most `size` bytes in UTF-8."""
    return os.fsencode(text)[: max(0, size)].decode(errors="ignore")


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file in the same folder with another suffix; a name that is too long is shortened.

    Args:
        path: A file, whose suffix is replaced.
        suffix: The new suffix, with its dot; it may have several.
    """
    stem = path.with_suffix("").name
    return path.with_name(truncate_utf8(stem, MAX_NAME_BYTES - len(os.fsencode(suffix))) + suffix)


def part_path(target: Path) -> Path:
    """Return an unused temporary path in the target's folder, with its suffix.

    For a symbolic link it is in the folder of the linked file; for a device in the folder for temporary files.
    """
    place, begin = _begin(target)
    return place / f"{begin}.part-{secrets.token_hex(4)}{_suffix(target)}"


def final_name(path: Path) -> str:
    """Return the final name of a file, without its folder, from its final or temporary path."""
    hidden = _HIDDEN.fullmatch(path.name)
    return path.name if hidden is None else f"{hidden[1]}{hidden[2] or ''}"


@contextmanager
def temporary_paths(target: Path, count: int = 1) -> Iterator[list[Path]]:
    """Yield temporary paths in the target's folder, and remove the files that are left at the end of the block.

    The folder is made if it does not exist. Files of killed processes for the same target are removed first.

    Raises:
        MediaError: The folder cannot be made.
    """
    place, begin = _begin(target)
    nested = _PART.match(target.name) is not None
    with _made(place, target):
        if not nested and not is_device(target):
            _tidy(place, begin.rsplit(".", 1)[0])
        lock = None if nested else _locked(place / f"{begin}.lock")
        marks = [f"-{secrets.token_hex(4)}" if nested else "" if n == 0 else str(n + 1) for n in range(count)]
        names = [place / f"{begin}.part{mark}{_suffix(target)}" for mark in marks]
        try:
            yield names
        finally:
            for name in names:
                name.unlink(missing_ok=True)
            if lock is not None:
                lock.close()
                (place / f"{begin}.lock").unlink(missing_ok=True)


def replace(part: Path, target: Path) -> None:
    """Rename a finished file to its target. An existing target is replaced atomically; a device is written to.

    Raises:
        MediaError: The file system reports an error.
    """
    try:
        _rename(part, target)
    except OSError as error:
        raise _unwritable(target, error) from error


def save_bytes(content: bytes, target: Path) -> None:
    """Write a file atomically.

    Raises:
        OSError: It cannot be written.
    """
    if is_device(target):
        _write(content, target, "wb")
        return
    part = part_path(target)
    try:
        _write(content, part, "xb")
        _rename(part, target)
    finally:
        part.unlink(missing_ok=True)


def _write(content: bytes, path: Path, mode: str) -> None:
    with path.open(mode) as file:
        file.write(content)
        file.flush()
        # devices and pipes cannot be synchronized to a disk
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.fsync(file.fileno())


def _rename(part: Path, target: Path) -> None:
    if is_device(target):
        with part.open("rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
        return
    final = target.resolve()
    if final.is_file():
        shutil.copymode(final, part)
    os.replace(part, final)


def _unwritable(path: Path, error: OSError) -> MediaError:
    return MediaError(f"{path} cannot be written: {error_reason(error)}.")


def error_reason(error: Exception) -> str:
    """Return the reason in an error of the system or of libav, without error number and function name."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _begin(target: Path) -> tuple[Path, str]:
    """Return folder and beginning of the temporary names for a target; a temporary target keeps its own beginning."""
    known = _PART.match(target.name)
    if known is not None:
        return target.parent, known[1]
    device = is_device(target)
    final = target if device else target.resolve()
    stem = truncate_utf8(final.stem.lstrip("."), _MAX_STEM_BYTES)
    return Path(tempfile.gettempdir()) if device else final.parent, f".{stem}.{secrets.token_hex(4)}"


def _suffix(target: Path) -> str:
    return target.suffix if len(os.fsencode(target.suffix)) <= _MAX_SUFFIX_BYTES else ""


@contextmanager
def _made(folder: Path, target: Path) -> Iterator[None]:
    """Make a folder and its parents; those that are empty at the end of the block are removed again."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    try:
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        yield
    finally:
        for each in missing:
            with suppress(OSError):  # it is in use
                each.rmdir()


def _locked(path: Path) -> BinaryIO | None:
    """Lock a new file; None if the file system has no locks: then files of killed processes are not recognized."""
    try:
        return open_locked(path)
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return None


def _tidy(folder: Path, begin: str) -> None:
    """Remove the temporary files of processes that have ended, which is known because their locks are free."""
    named = re.compile(rf"({re.escape(begin)}\.[0-9a-f]{{8}})\.lock")
    dead = []
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(begin)]
    except OSError:
        return  # the folder can be written to, but not listed
    for match in filter(None, map(named.fullmatch, names)):
        with suppress(OSError):  # a running process holds it, or it belongs to another user
            dead.append((match[1], open_locked(folder / match[0], make=False)))
    for token, lock in dead:
        with lock, suppress(OSError):
            for name in names:
                if name.startswith(f"{token}.part"):
                    (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            (folder / f"{token}.lock").unlink(missing_ok=True)
