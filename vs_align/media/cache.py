"""What was concluded about two films, kept so that the same question is answered at once."""

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

_ENDS = 1 << 20
# Small files: so many are kept.
_MOST = 500


def writable_cache_folder() -> Path | None:
    """Return where fingerprints and results are kept, in the user's cache.

    None if it cannot be written, which is reported once a process.
    """
    home = writable_cache()
    return None if home is None else home / "sync"


def file_identity(path: Path) -> str:
    """Return a text that differs where files do: by size, time of the last change, first and last megabyte.

    Raises:
        MediaError: The file cannot be read.
    """
    sums = hashlib.blake2b(digest_size=16)
    try:
        facts = path.stat()
        with path.open("rb") as file:
            sums.update(file.read(_ENDS))
            file.seek(max(0, facts.st_size - _ENDS))
            sums.update(file.read(_ENDS))
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error
    sums.update(f"{facts.st_size} {facts.st_mtime_ns}".encode())
    return sums.hexdigest()


def remembered(folder: Path | None, question: tuple[object, ...], answer: Callable[[], Timeline]) -> Timeline:
    """Return what was answered before, or find it and keep it.

    Args:
        folder: Where answers are kept; None: nowhere.
        question: All that the answer depends on, as values whose text tells them apart.
        answer: Finds the answer.

    Raises:
        MediaError: The folder cannot be written to.
    """
    return _remembered(folder, "timeline", (CONCLUSIONS, *question), Timeline.load, answer)


def remembered_placement(
    folder: Path | None, question: tuple[object, ...], answer: Callable[[], Placement]
) -> Placement:
    """Do the same for placements; see `remembered`."""
    return _remembered(folder, "placement", (PLACES, *question), Placement.load, answer)


class _Keepable(Protocol):
    def save(self, path: str | os.PathLike[str]) -> None: ...


def _remembered[T: _Keepable](
    folder: Path | None,
    kind: str,
    question: tuple[object, ...],
    load: Callable[[Path], T],
    answer: Callable[[], T],
) -> T:
    if folder is None:
        return answer()
    text = repr((FINGERPRINTS, *question))
    path = folder / f"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}.{kind}.json"
    if path.exists():
        # what somebody damaged is found anew
        with suppress(AlignError):
            found = load(path)
            os.utime(path)
            _log.debug("%s was found before: %s", kind, path)
            return found
    found = answer()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder} cannot be made: {error.strerror}.") from error
    try:
        found.save(path)
    except MediaError as error:
        # a disk that is full by now is no reason to lose what was found
        _log.warning("what was found is not kept: %s", error)
    else:
        _tidy(folder, kind)
    return found


def _tidy(folder: Path, kind: str) -> None:
    """Remove answers that were not asked for since long ago."""
    kept = []
    for path in folder.glob(f"*.{kind}.json"):
        with suppress(FileNotFoundError):  # another process tidies too
            kept.append((path.stat().st_mtime, path))
    for _, path in sorted(kept, reverse=True)[_MOST:]:
        path.unlink(missing_ok=True)
