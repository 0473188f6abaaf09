"""Checks of output files before any work is done: path, container, permissions, existing files.

How they are written is in `vs_align.io.atomic_files`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from vs_align.errors import MediaError
from vs_align.io.atomic_files import MAX_NAME_BYTES, error_reason, is_device
from vs_align.media.ffmpeg import container_suffixes
from vs_align.media.image_output import image_suffixes


def check_writable(path: Path, inputs: Sequence[Path] = (), *, make_folder: bool = False) -> None:
    """Raise if a file cannot be written or is one of the inputs.

    Args:
        path: The file.
        inputs: Files that are read.
        make_folder: Whether its folder will be made if it does not exist.

    Raises:
        MediaError: It cannot be written, or it is an input; the message gives the reason.
    """
    size = len(os.fsencode(path.name))
    if size > MAX_NAME_BYTES:
        raise MediaError(f"{path} cannot be written: its name has {size} bytes, a file system takes {MAX_NAME_BYTES}.")
    try:
        _check(path, inputs, make_folder)
    except MediaError:
        raise
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {error_reason(error)}.") from error


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
    # a symbolic link is kept, and the file that it points to is replaced
    folder = path.resolve().parent
    if not folder.is_dir() and not make_folder:
        raise MediaError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise MediaError(f"{path} cannot be written: {folder} is not a folder.")
    # permissions are not enough: file systems may be full or read-only
    with TemporaryFile(dir=folder):
        pass


def check_new(path: Path) -> None:
    """Raise if a file would be replaced. Devices and empty files, such as those of mktemp, are accepted.

    Raises:
        MediaError: The file exists and is not empty.
    """
    if path.is_file() and not is_device(path) and path.stat().st_size > 0:
        raise MediaError(f"{path} exists: name another file, or replace it with -y (--overwrite).")


def check_video_name(path: Path, *, images: bool = False) -> None:
    """Raise if the suffix of a file name determines no container.

    Args:
        path: The file.
        images: Whether it may be an image.

    Raises:
        MediaError: The suffix is unknown.
    """
    known = container_suffixes() + (image_suffixes() if images else [])
    if path.suffix.lower() not in known:
        raise MediaError(f"{path.name} must end in one of {', '.join(known)}, so that the container is known.")
