"""Folders of the user, and what takes their place where they cannot be written, as in many containers."""

import atexit
import logging
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

_log = logging.getLogger(__name__)


def cache_home() -> Path:
    """Return where the user's cache of vs_align lies, whether or not it can be written."""
    from platformdirs import user_cache_path

    return user_cache_path("vs_align", appauthor=False)


def writable_cache() -> Path | None:
    """Return the user's cache; None if it cannot be written, which is reported once a process."""
    home = cache_home()
    fault = _fault(home)
    return home if fault is None else None


def is_writable(folder: Path) -> bool:
    """Tell whether files can be made in a folder, which is made for it; permissions alone do not tell."""
    return _refusal(folder) is None


@cache
def temporary_home() -> Path:
    """Return a folder that lasts as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="vs_align-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def ready_numba_cache() -> None:
    """Give numba a place for what it compiles, for without one its functions cannot even be defined.

    It keeps it beside the code, else in the user's cache. Where it can do neither, the folder goes when the process
    ends; programs that are started meanwhile share it.
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
