"""Whether files can be written, looked at before any work is done. See `part_files` for how they are."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from vs_align.errors import MediaError
from vs_align.io.atomic_files import LONGEST_NAME, is_device, part_path, parts, reason_of, replace, shown_name
from vs_align.media.ffmpeg import container_names
from vs_align.media.image_output import image_endings

__all__ = ["check_new", "check_video_name", "check_writable", "part_path", "parts", "replace", "shown_name"]


def check_writable(path: Path, inputs: Sequence[Path] = (), *, make_folder: bool = False) -> None:
    """Make sure that a file can be written, and that it is none of the inputs.

    Args:
        path: The file.
        inputs: Files that are read.
        make_folder: Whether its folder will be made if it does not exist.

    Raises:
        MediaError: It cannot or it is; the message says why.
    """
    size = len(os.fsencode(path.name))
    if size > LONGEST_NAME:
        raise MediaError(f"{path} cannot be written: its name has {size} bytes, a file system takes {LONGEST_NAME}.")
    try:
        _check(path, inputs, make_folder)
    except MediaError:
        raise
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {reason_of(error)}.") from error


def _check(path: Path, inputs: Sequence[Path], make_folder: bool) -> None:
    if path.is_dir():
        raise MediaError(f"{path} is a folder: name a file to write.")
    for given in inputs:
        if path.exists() and given.exists() and path.samefile(given):
            raise MediaError(f"{path} is one of the inputs: name another file to write.")
    if is_device(path):
        if not os.access(path, os.W_OK):
            raise MediaError(f"{path} cannot be written: it may not be opened for writing.")
        return
    # a link keeps pointing at its file, which is the one to replace
    folder = path.resolve().parent
    if not folder.is_dir() and not make_folder:
        raise MediaError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise MediaError(f"{path} cannot be written: {folder} is not a folder.")
    # Asking for permissions is not enough: file systems may be full, read-only or no file systems at all.
    with TemporaryFile(dir=folder):
        pass


def check_new(path: Path) -> None:
    """Make sure that a file to write replaces nothing. Devices and empty files, such as mktemp makes, lose nothing.

    Raises:
        MediaError: There is such a file.
    """
    if path.is_file() and not is_device(path) and path.stat().st_size > 0:
        raise MediaError(f"{path} exists: name another file, or replace it with -y (--overwrite).")


def check_video_name(path: Path, *, images: bool = False) -> None:
    """Make sure that the name says which container to write.

    Args:
        path: The file.
        images: Whether it may be an image.

    Raises:
        MediaError: It does not.
    """
    known = container_names() + (image_endings() if images else [])
    if path.suffix.lower() not in known:
        raise MediaError(f"{path.name} must end in one of {', '.join(known)}, so that the container is known.")
