"""Files that appear whole or not at all: written under a hidden name beside their place, then renamed.

Hidden names are `.STEM.TOKEN.part...`. While they are lent, `.STEM.TOKEN.lock` beside them is locked. The system gives
the lock back when the process ends, so what a killed process left is recognised at the next start and removed.
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

LONGEST_NAME = 255
"""Bytes of a file name that file systems in use allow; NTFS counts UTF-16 units, which are never more."""
_LONGEST_STEM = 40  # bytes of the target's stem in a hidden name, so that one of 255 bytes has a hidden name too
_LONGEST_SUFFIX = 16  # bytes; endings that tell a container are shorter, others need not be kept
_PART = re.compile(r"(\..*\.[0-9a-f]{8})\.part[^.]*(?:\.|$)")
_HIDDEN = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part[^.]*(\.\w+)?")
_WINDOWS_DEVICES = frozenset({"NUL", "CON"})


def is_device(path: Path) -> bool:
    """Tell whether a path is written to as it is, such as /dev/null, /dev/stdout or a named pipe."""
    if os.name == "nt":
        return path.name.upper() in _WINDOWS_DEVICES
    # /dev/stdout may be a regular file, which whoever redirected it wants to be written to
    if path.is_absolute() and os.path.normpath(path) in ("/dev/stdout", "/dev/stderr"):
        return True
    if os.path.normpath(path.parent) in ("/dev/fd", "/proc/self/fd"):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def cut_text(text: str, size: int) -> str:
    """Return the beginning of a text that has at most so many bytes in UTF-8."""
    return os.fsencode(text)[: max(0, size)].decode(errors="ignore")


def beside(path: Path, suffix: str) -> Path:
    """Return the name of a file beside another one: with another ending, shortened where it would be too long.

    Args:
        path: A file, whose ending is replaced.
        suffix: The ending of the other, with its dot; it may have several.
    """
    stem = path.with_suffix("").name
    return path.with_name(cut_text(stem, LONGEST_NAME - len(os.fsencode(suffix))) + suffix)


def part_path(target: Path) -> Path:
    """Return a hidden name beside the target, with its extension, that nobody else uses.

    A link keeps pointing at its file, so the name is beside that; what is written for a device is kept in the folder
    for temporary files.
    """
    place, begin = _begin(target)
    return place / f"{begin}.part-{secrets.token_hex(4)}{_suffix(target)}"


def shown_name(path: Path) -> str:
    """Return the name that a file is to get which may still have a hidden one, without its folder."""
    hidden = _HIDDEN.fullmatch(path.name)
    return path.name if hidden is None else f"{hidden[1]}{hidden[2] or ''}"


@contextmanager
def parts(target: Path, count: int = 1) -> Iterator[list[Path]]:
    """Lend hidden names beside the target and remove what is left of them at the end, however it comes.

    The folder is made if it does not exist. What dead processes left for the same target is removed first.

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
    """Give a finished file its name. A file of that name is replaced in one step; a device is written to.

    Raises:
        MediaError: The file system refuses.
    """
    try:
        _rename(part, target)
    except OSError as error:
        raise _unwritable(target, error) from error


def save_bytes(content: bytes, target: Path) -> None:
    """Write a file: all of it, or nothing.

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
        # devices and pipes have nothing to be kept on a disk
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
    return MediaError(f"{path} cannot be written: {reason_of(error)}.")


def reason_of(error: Exception) -> str:
    """Return in words why the system or libav refused something, without number and name of a function."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _begin(target: Path) -> tuple[Path, str]:
    """Return the folder and the beginning of the hidden names for a target. Parts of a part have its beginning."""
    known = _PART.match(target.name)
    if known is not None:
        return target.parent, known[1]
    device = is_device(target)
    final = target if device else target.resolve()
    stem = cut_text(final.stem.lstrip("."), _LONGEST_STEM)
    return Path(tempfile.gettempdir()) if device else final.parent, f".{stem}.{secrets.token_hex(4)}"


def _suffix(target: Path) -> str:
    return target.suffix if len(os.fsencode(target.suffix)) <= _LONGEST_SUFFIX else ""


@contextmanager
def _made(folder: Path, target: Path) -> Iterator[None]:
    """Make a folder and those above it; those in which nothing was written are removed again."""
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
    """Lock a new file; None where the file system has no locks: then a leftover is not recognised as one."""
    try:
        return open_locked(path)
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return None


def _tidy(folder: Path, begin: str) -> None:
    """Remove the parts of processes that have ended without doing so, which their locks tell."""
    named = re.compile(rf"({re.escape(begin)}\.[0-9a-f]{{8}})\.lock")
    dead = []
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(begin)]
    except OSError:
        return  # a folder that can be written to, but not listed
    for match in filter(None, map(named.fullmatch, names)):
        with suppress(OSError):  # it is held by a process that runs, or belongs to somebody else
            dead.append((match[1], open_locked(folder / match[0], make=False)))
    for token, lock in dead:
        with lock, suppress(OSError):
            for name in names:
                if name.startswith(f"{token}.part"):
                    (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            (folder / f"{token}.lock").unlink(missing_ok=True)
