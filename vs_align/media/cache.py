"""Disk cache of results: timelines and placements of two videos, keyed by all that they depend on."""

import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from vs_align.errors import AlignError, MediaError
from vs_align.io.user_folders import writable_cache
from vs_align.media.cache_versions import CONCLUSIONS, FINGERPRINTS, PLACES
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

_log = logging.getLogger(__name__)

_HASHED_END = 1 << 20
"""Bytes at either end of a file that are hashed; the middle would take minutes of a long video."""
_MAX_RESULTS = 500
"""Largest number of cached results of each kind; the least recently used are evicted. Each has some kilobytes."""


def writable_cache_folder() -> Path | None:
    """Return the folder of fingerprints and results in the user's cache.

    None if it cannot be written to, which is reported once a process.
    """
    home = writable_cache()
    return None if home is None else home / "sync"


def file_identity(path: Path) -> str:
    """Return a hash of the size, the time of the last change, and the first and last megabyte of a file.

    Raises:
        MediaError: The file cannot be read.
    """
    sums = hashlib.blake2b(digest_size=16)
    try:
        facts = path.stat()
        with path.open("rb") as file:
            sums.update(file.read(_HASHED_END))
            file.seek(max(0, facts.st_size - _HASHED_END))
            sums.update(file.read(_HASHED_END))
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error
    sums.update(f"{facts.st_size} {facts.st_mtime_ns}".encode())
    return sums.hexdigest()


def memoized_timeline(folder: Path | None, key: tuple[object, ...], find: Callable[[], Timeline]) -> Timeline:
    """Return the cached timeline of a key, or find it and keep it.

    Args:
        folder: Folder of the cache; None: no cache.
        key: All that the result depends on, as values with distinct `repr`.
        find: Finds the result.

    Raises:
        MediaError: The folder cannot be written to.
    """
    return _memoized(folder, "timeline", (CONCLUSIONS, *key), Timeline.load, find)


def memoized_placement(folder: Path | None, key: tuple[object, ...], find: Callable[[], Placement]) -> Placement:
    """Return the cached placement of a key, or find it and keep it; see `memoized_timeline`."""
    return _memoized(folder, "placement", (PLACES, *key), Placement.load, find)


class _Savable(Protocol):
    def save(self, path: str | os.PathLike[str]) -> None: ...


def _memoized[T: _Savable](
    folder: Path | None,
    kind: str,
    key: tuple[object, ...],
    load: Callable[[Path], T],
    find: Callable[[], T],
) -> T:
    if folder is None:
        return find()
    text = repr((FINGERPRINTS, *key))
    path = folder / f"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}.{kind}.json"
    if path.exists():
        # a damaged file is a miss
        with suppress(AlignError):
            found = load(path)
            os.utime(path)
            _log.debug("%s is cached: %s", kind, path)
            return found
    found = find()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder} cannot be made: {error.strerror}.") from error
    try:
        found.save(path)
    except MediaError as error:
        # a full disk is no reason to lose the result
        _log.warning("what was found is not kept: %s", error)
    else:
        _evict(folder, kind)
    return found


def _evict(folder: Path, kind: str) -> None:
    """Remove the least recently used results."""
    kept = []
    for path in folder.glob(f"*.{kind}.json"):
        with suppress(FileNotFoundError):  # another process evicts too
            kept.append((path.stat().st_mtime, path))
    for _, path in sorted(kept, reverse=True)[_MAX_RESULTS:]:
        path.unlink(missing_ok=True)
