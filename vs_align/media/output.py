"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from vs_align.errors import MediaError
from vs_align.media.ffmpeg import container_names

_LONGEST_STEM = 40


def check_writable(path: Path, inputs: Sequence[Path] = ()) -> None:
    """Make sure that a file can be written, and that it is none of the inputs.

    Raises:
        MediaError: It cannot or it is; the message says why.
    """
    if path.is_dir():
        raise MediaError(f"{path} is a folder: name a file to write.")
    if not path.parent.is_dir():
        raise MediaError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    for given in inputs:
        if path.exists() and given.exists() and path.samefile(given):
            raise MediaError(f"{path} is one of the inputs: name another file to write.")
    try:
        # Asking for permissions is not enough: file systems may be full, read-only or no file systems at all.
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error.strerror or error}.") from error


def check_video_name(path: Path) -> None:
    """Make sure that the name says which container to write.

    Raises:
        MediaError: It does not.
    """
    known = container_names()
    if path.suffix.lower() not in known:
        raise MediaError(f"{path.name} must end in one of {', '.join(known)}, so that the container is known.")


def part_path(target: Path) -> Path:
    """Return a hidden name beside the target, with its extension, that nobody else uses."""
    stem = target.stem[:_LONGEST_STEM].lstrip(".")
    return target.with_name(f".{stem}.{secrets.token_hex(4)}.part{target.suffix}")


@contextmanager
def parts(target: Path, count: int = 1) -> Iterator[list[Path]]:
    """Lend hidden names beside the target and remove what is left of them at the end, however it comes."""
    names = [part_path(target) for _ in range(count)]
    try:
        yield names
    finally:
        for name in names:
            name.unlink(missing_ok=True)


def replace(part: Path, target: Path) -> None:
    """Give a finished file its name. A file of that name is replaced in one step.

    Raises:
        MediaError: The file system refuses.
    """
    try:
        os.replace(part, target)
    except OSError as error:
        raise MediaError(f"{target} cannot be written: {error.strerror or error}.") from error
