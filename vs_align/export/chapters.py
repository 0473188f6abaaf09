"""Clip's chapters retimed to ref."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.errors import ArgumentError, MediaError
from vs_align.export.chapter_formats import FORMATS, Chapter, chapter_text, read_chapters
from vs_align.export.cue_times import CueTimes
from vs_align.io.json_file import save_text
from vs_align.media.ffmpeg_text import ffmpeg_text
from vs_align.media.file_clock import playback_zero
from vs_align.timeline.time_map import TimeMap, milliseconds

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "retime_chapters"
_TEXT = {*FORMATS, ".text", ".chapters"}
_MAX_TEXT_BYTES = 1 << 24
"""Bytes of a text that are read: far more than any list of chapters has."""
_TIMEOUT_SECONDS = 120
"""Guards against a hang; nothing is decoded."""


@dataclass(frozen=True, slots=True)
class ChapterReport:
    """What became of the chapters of a file."""

    kept: int
    dropped: int
    """Chapters of which ref shows nothing."""
    dropped_titles: tuple[str, ...] = ()


def retime_chapters(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    timeline: "Timeline",
    *,
    clip_start: float | None = None,
    ref_start: float | None = None,
) -> ChapterReport:
    """Write clip's chapters with ref's times.

    A chapter that begins on clip frame k begins on the ref frame that shows k, or if ref lacks that frame, on the first
    frame of the chapter that it shows. If the passage is shifted by one offset, so is the chapter, to the millisecond.
    Chapters of which ref shows nothing are left out. Each ends where the next begins, the last with ref.

    Args:
        source: A media file with chapters, or a text: OGM, Matroska XML or ffmpeg's metadata.
        target: File to write, in UTF-8: .txt and .ogm for OGM text, .xml for Matroska XML, .ffmetadata and .ini for
            ffmpeg's metadata. A file of that name is replaced when the new one is complete.
        timeline: Which clip frame each ref frame shows. Rates or time stamps of both must be known.
        clip_start: When clip's first frame is shown, in seconds of the clock that its chapters are timed by; see
            `media.file_clock.first_frame_time`. None: the time stamp that the timeline has for it, else 0.
        ref_start: When ref's first frame is shown, in seconds of the clock of the result; None as for `clip_start`.

    Raises:
        ArgumentError: The source has no chapters or cannot be read, or the ending is unknown.
        MediaError: The file cannot be written.
        MissingDependencyError: There is no ffmpeg to read a media file with.
    """
    form = FORMATS.get(Path(target).suffix.lower())
    if form is None:
        rule = f"must end in one of {', '.join(FORMATS)}"
        raise ArgumentError(_FUNCTION, "target", rule, repr(os.fspath(target)))
    try:
        chapters = read_chapters(_text(Path(source)))
    except ValueError as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(_FUNCTION, "source", str(error), repr(os.fspath(source))) from None
    if not chapters:
        raise ArgumentError(_FUNCTION, "source", "must have chapters", repr(os.fspath(source)))
    made, dropped = retimed(chapters, TimeMap(timeline, _FUNCTION, clip_start, ref_start))
    save_text(_FUNCTION, chapter_text(made, form), target)
    return ChapterReport(len(made), len(dropped), tuple(chapter.title for chapter in dropped))


def retimed(chapters: list[Chapter], times: TimeMap) -> tuple[list[Chapter], list[Chapter]]:
    """Return chapters with ref's times, in rising order, and those of which ref shows nothing.

    Args:
        chapters: With clip's times, in rising order.
        times: Times and frames of both sides.
    """
    cues = CueTimes(times)
    end = int(milliseconds(times.clip_times)[-1])
    found: list[tuple[int, Chapter]] = []
    dropped = []
    for i, chapter in enumerate(chapters):
        stop = chapters[i + 1].start if i + 1 < len(chapters) else max(end, chapter.start + 1)
        start = cues.beginning(chapter.start, max(stop, chapter.start + 1))
        if start is None:
            dropped.append(chapter)
        else:
            found.append((start, chapter))
    # Scenes may be in another order.
    found.sort(key=lambda entry: entry[0])
    ends = [*[start for start, _ in found[1:]], int(milliseconds(times.ref_times)[-1])][: len(found)]
    made = [replace(c, start=start, end=stop) for (start, c), stop in zip(found, ends, strict=True)]
    return made, dropped


def _text(source: Path) -> str:
    try:
        with source.open("rb") as file:
            head = file.read(16)
            if source.suffix.lower() not in _TEXT and not head.startswith(b";FFMETADATA"):
                return _metadata(source)
            content = head + file.read(_MAX_TEXT_BYTES)
    except OSError as error:
        if isinstance(error, MediaError):
            raise
        given = f"'{source}' ({error.strerror or error})"
        raise ArgumentError(_FUNCTION, "source", "must name a file that can be read", given) from None
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise ArgumentError(_FUNCTION, "source", "must be text in UTF-8", f"'{source}'") from None


def _metadata(source: Path) -> str:
    """Return the metadata of a media file as ffmpeg writes it, chapters among it, on the clock of players."""
    try:
        zero = playback_zero(source)
    except MediaError as error:
        given = f"'{source}' ({error})"
        raise ArgumentError(_FUNCTION, "source", "must be a media file or a text of chapters", given) from error
    return ffmpeg_text(source, zero, ["-map_chapters", "0", "-f", "ffmetadata"], "chapters", _TIMEOUT_SECONDS)
