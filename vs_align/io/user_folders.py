"""Cache folders of the user, and replacements if they are not writable, as in many containers."""

import atexit
import logging
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

_log = logging.getLogger(__name__)


def cache_home() -> Path:
    """Return the path of the user's cache of vs_align, whether or not it is writable."""
    from platformdirs import user_cache_path

    return user_cache_path("vs_align", appauthor=False)


def writable_cache() -> Path | None:
    """Return the user's cache; None if it is not writable, which is logged once per process."""
    home = cache_home()
    fault = _fault(home)
    return home if fault is None else None


def is_writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, by making one; the folder is made too."""
    return _refusal(folder) is None


@cache
def temporary_home() -> Path:
    """Return a temporary folder that is removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="vs_align-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def prepare_numba_cache() -> None:
    """Set numba's cache folder, because numba raises an error for cached functions if it finds no writable folder.

    Numba uses a folder beside the code, else the user's cache. If neither is writable, NUMBA_CACHE_DIR is set to a
    temporary folder, which child processes share.
    """
    if os.environ.get("NUMBA_CACHE_DIR") or os.name == "nt" or os.access(Path(__file__).parents[1], os.W_OK):
        return
    from platformdirs import user_cache_path

    folder = user_cache_path("numba", appauthor=False)
    while not os.path.lexists(folder):
        folder = folder.parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return
    os.environ["NUMBA_CACHE_DIR"] = str(temporary_home() / "numba")


@cache
def _fault(home: Path) -> str | None:
    fault = _refusal(home)
    if fault is not None:
        _log.warning("the cache %s cannot be written (%s): nothing is kept for the next time.", home, fault)
    return fault


def _refusal(folder: Path) -> str | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)
