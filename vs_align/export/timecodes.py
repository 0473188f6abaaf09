"""Time stamps of the result as a text file: timestamp format v2 of mkvmerge."""

import os
from typing import TYPE_CHECKING

from vs_align.io.json_file import save_text
from vs_align.timeline.time_map import shown_times

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "write_timecodes"
_HEADER = "# timestamp format v2"
"""First line, by which mkvmerge and others recognize the format."""


def write_timecodes(timeline: "Timeline", path: str | os.PathLike[str]) -> None:
    """Write when each frame of the result, which has ref's frames, is shown.

    One time in milliseconds a line, in rising order, to 0.000001 ms, so that frame rates such as 24000/1001 stay exact.
    Variable frame rates keep their time stamps.

    Args:
        timeline: Ref must have a rate or time stamps.
        path: File to write. A file of that name is replaced when the new one is complete.

    Raises:
        ArgumentError: Neither rate nor time stamps of ref are known.
        MediaError: The file cannot be written.
    """
    times = shown_times(timeline.ref_times, timeline.ref_rate, timeline.ref_length, "ref", _FUNCTION)
    lines = [_HEADER, *(_number(1000 * time) for time in times[:-1].tolist())]
    save_text(_FUNCTION, "\n".join(lines) + "\n", path)


def _number(milliseconds: float) -> str:
    text = f"{milliseconds:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
