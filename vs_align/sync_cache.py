"""What was concluded about two films, kept so that the same question is answered at once."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vs_align.errors import AlignError, MediaError
from vs_align.timeline import Timeline
from vs_align.timing.fingerprint import METHOD

CONCLUSIONS = 1
"""Changes whenever the same films would be answered otherwise than before."""

# Small files: so many are kept.
_MOST = 500


def remembered(folder: Path | None, question: tuple[object, ...], answer: Callable[[], Timeline]) -> Timeline:
    """Return what was answered before, or find it and keep it.

    Args:
        folder: Where answers are kept; None: nowhere.
        question: All that the answer depends on, as values whose text tells them apart.
        answer: Finds the answer.

    Raises:
        MediaError: The folder cannot be written to.
    """
    if folder is None:
        return answer()
    text = repr((METHOD, CONCLUSIONS, *question))
    path = folder / f"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}.timeline.json"
    if path.exists():
        # what somebody damaged is found anew
        with suppress(AlignError):
            found = Timeline.load(path)
            os.utime(path)
            return found
    found = answer()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder} cannot be made: {error.strerror}.") from error
    found.save(path)
    _tidy(folder)
    return found


def _tidy(folder: Path) -> None:
    """Remove answers that were not asked for since long ago."""
    kept = []
    for path in folder.glob("*.timeline.json"):
        with suppress(FileNotFoundError):  # another process tidies too
            kept.append((path.stat().st_mtime, path))
    for _, path in sorted(kept, reverse=True)[_MOST:]:
        path.unlink(missing_ok=True)
