"""SMPTE time code of the first frame of a file, from its metadata."""

import re
from fractions import Fraction
from pathlib import Path

from vs_align.errors import MediaError
from vs_align.io.atomic_files import error_reason

_PATTERN = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{1,3})")
_DROPPED = 2
"""Frame numbers that drop-frame time codes skip each minute except every tenth, per 30 frames per second."""


def start_time_code(path: Path, rate: Fraction) -> int:
    """Return the time code of the first frame of a file, counted in frames.

    Args:
        path: The file.
        rate: Frames per second, above 0.

    Returns:
        Frames since midnight, not counting the numbers that drop-frame time codes skip (SMPTE ST 12-1); 0 if the
        file has no time code.

    Raises:
        MediaError: The file cannot be read.
    """
    import av

    try:
        with av.open(str(path)) as container:
            tags = [*(stream.metadata for stream in container.streams), container.metadata]
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be read: {error_reason(error)}.") from error
    texts = [value for tag in tags for key, value in tag.items() if key.lower() == "timecode"]
    return next((counted for text in texts if (counted := frames_of(text, rate)) is not None), 0)


def frames_of(text: str, rate: Fraction) -> int | None:
    """Return a time code such as 01:00:00:00 as a number of frames; None if the text is no time code.

    Args:
        text: Hours, minutes, seconds and frames; a semicolon or a dot before the frames means drop-frame.
        rate: Frames per second, above 0.
    """
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
    whole = round(rate)
    counted = ((hours * 60 + minutes) * 60 + seconds) * whole + frames
    if found[4] != ":" and whole % 30 == 0:
        total = 60 * hours + minutes
        counted -= _DROPPED * (whole // 30) * (total - total // 10)
    return counted
