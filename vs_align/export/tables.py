"""A timeline as CSV, one row a segment or one row a frame."""

import csv
import io
import os
from typing import TYPE_CHECKING

from vs_align.errors import ArgumentError
from vs_align.io.json_file import save_text
from vs_align.timeline.time_map import clock_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vs_align.timeline.timeline import Timeline

_FUNCTION = "write_csv"
SEGMENT_COLUMNS = (
    "kind",
    "ref_first",
    "ref_last",
    "ref_time",
    "clip_first",
    "clip_last",
    "clip_time",
    "rate",
    "speed",
    "offset_frames",
    "offset_ms",
    "confidence",
    "score",
)
FRAME_COLUMNS = (
    "ref_frame",
    "ref_time",
    "clip_frame",
    "clip_time",
    "offset_frames",
    "offset_ms",
    "confidence",
    "score",
)

type Cell = str | int | None


def write_csv(timeline: "Timeline", path: str | os.PathLike[str], rows: str = "segments") -> None:
    """Write a timeline as CSV (RFC 4180: commas, CR LF, a header line, UTF-8).

    Times are hh:mm:ss.mmm of the first frame of a row, on the clock of the time stamps, or counted from the first frame
    if there are none. `offset_frames` is clip frame minus ref frame, and `offset_ms` clip time minus ref time, of that
    frame. `rate` is clip frames per ref frame, `speed` clip seconds per ref second. Fields that do not apply or are
    unknown are empty. Segments of kind missing have no ref frames: `ref_last` is one less than `ref_first`.

    Args:
        timeline: What to write.
        path: File to write. A file of that name is replaced when the new one is complete.
        rows: "segments" for one row a segment, "frames" for one row a ref frame.

    Raises:
        ArgumentError: `rows` is neither.
        MediaError: The file cannot be written.
    """
    if rows not in ("segments", "frames"):
        raise ArgumentError(_FUNCTION, "rows", "must be 'segments' or 'frames'", repr(rows))
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(SEGMENT_COLUMNS if rows == "segments" else FRAME_COLUMNS)
    table.writerows(_segment_rows(timeline) if rows == "segments" else _frame_rows(timeline))
    save_text(_FUNCTION, text.getvalue(), path)


def _segment_rows(timeline: "Timeline") -> "Iterator[list[Cell]]":
    for segment in timeline.segments:
        shown = segment.clip_first is not None
        ref_time = _time(segment.ref_first, timeline, "ref")
        clip_time = _time(segment.clip_first, timeline, "clip")
        speed = timeline.speed_of(segment) if shown else None
        yield [
            segment.kind.value,
            segment.ref_first,
            segment.ref_last,
            _clock(ref_time),
            segment.clip_first,
            segment.clip_last,
            _clock(clip_time),
            _number(segment.rate if shown else None, 9),
            _number(speed, 9),
            None if segment.clip_first is None else segment.clip_first - segment.ref_first,
            _number(_offset(clip_time, ref_time), 3),
            _number(segment.confidence, 4),
            _number(segment.score, 6),
        ]


def _frame_rows(timeline: "Timeline") -> "Iterator[list[Cell]]":
    for n, frame in enumerate(timeline.frame_map):
        ref_time, clip_time = _time(n, timeline, "ref"), _time(frame, timeline, "clip")
        yield [
            n,
            _clock(ref_time),
            frame,
            _clock(clip_time),
            None if frame is None else frame - n,
            _number(_offset(clip_time, ref_time), 3),
            _number(timeline.confidences[n] if timeline.confidences else None, 4),
            _number(timeline.scores[n] if timeline.scores else None, 6),
        ]


def _time(frame: int | None, timeline: "Timeline", side: str) -> float | None:
    """Return when a frame is shown, in seconds; None if there is no frame or its time is unknown."""
    clip = side == "clip"
    times = timeline.clip_times if clip else timeline.ref_times
    rate = timeline.clip_rate if clip else timeline.ref_rate
    if frame is None:
        return None
    # A segment without ref frames may stand behind the last one.
    if frame < len(times):
        return times[frame]
    if times or not rate:
        return None
    return frame * rate.denominator / rate.numerator


def _offset(clip_time: float | None, ref_time: float | None) -> float | None:
    return None if clip_time is None or ref_time is None else 1000 * (clip_time - ref_time)


def _clock(seconds: float | None) -> str | None:
    return None if seconds is None else clock_text(1000 * seconds)


def _number(value: float | None, digits: int) -> str | None:
    if value is None:
        return None
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
