"""Clip's subtitles retimed to ref."""

import codecs
import os
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.errors import ArgumentError, MediaError, MissingDependencyError
from vs_align.export.cue_times import CueTimes
from vs_align.export.subtitle_formats import FORMATS, Cue, CueTime, Times, guess_format, rewritten
from vs_align.io.install_advice import EXPORT, install_command
from vs_align.io.json_file import save_text
from vs_align.media.subtitle_track import find_track, is_media, track_text
from vs_align.timeline.time_map import TimeMap

if TYPE_CHECKING:
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "retime_subtitles"
_MAX_TEXT_BYTES = 1 << 28
"""Bytes of a text that is read: a larger file holds no subtitles, and would fill the memory."""
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class SubtitleReport:
    """What became of the cues of a subtitle file. Each is counted once, as kept, clipped or dropped."""

    kept: int
    """Cues that are shown completely, comments among them."""
    clipped: int
    """Cues of which a part was left out, because ref lacks some of their frames or splits them by an insert."""
    dropped: int
    """Cues that were left out, because ref shows none or hardly any of their frames."""
    repeated: int
    """Further showings that were added, because ref shows the same frames again."""
    dropped_cues: tuple[tuple[int, str], ...] = ()
    """Start of each dropped cue in clip, in milliseconds, and its text."""


@dataclass
class _Counts:
    kept: int = 0
    clipped: int = 0
    repeated: int = 0
    dropped: list[tuple[int, str]] = field(default_factory=list)


def retime_subtitles(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    timeline: "Timeline",
    encoding: str | None = None,
    *,
    clip_start: float | None = None,
    ref_start: float | None = None,
) -> SubtitleReport:
    """Write clip's subtitles with ref's times.

    A cue that a player first shows on clip frame k is first shown on the ref frame that shows k, and it ends with the
    same clip frame. If the whole passage is shifted by one offset, so are the times, to the millisecond (ASS and SSA:
    to the centisecond); otherwise times that would fall on another frame are put half-way between two frames. A cue
    that ref splits by an insert keeps its largest part. A cue that ref shows twice is written twice. Times inside cues
    follow: time stamps of VTT, and in ASS the override tags that count from a line's start (karaoke, transitions,
    moves, fades), if the line is faster, slower or cut short. Text, styles and everything else in the file are kept;
    comments whose frames ref lacks keep their times.

    Args:
        source: SRT, VTT, ASS or SSA file for clip, or another format that pysubs2 reads. Of a media file, the text
            track that is flagged default is taken, else the first.
        target: File to write, in UTF-8. Its ending, .srt, .vtt, .ass or .ssa, is the format; from another format it
            is converted by pysubs2. A file of that name is replaced when the new one is complete.
        timeline: Which clip frame each ref frame shows. Rates or time stamps of both must be known.
        encoding: Encoding of the source. None: by its byte order mark, else UTF-8. Not used for media files.
        clip_start: When clip's first frame is shown, in seconds of the clock that its subtitles are timed by; see
            `media.file_clock.first_frame_time`. None: the time stamp that the timeline has for it, else 0.
        ref_start: When ref's first frame is shown, in seconds of the clock of the result; None as for `clip_start`.

    Raises:
        ArgumentError: The source is no subtitle file or is in another encoding, or the target's ending is unknown.
        MediaError: The file cannot be written, or the source is a media file without subtitles in text.
        MissingDependencyError: pysubs2 is needed and not installed, or ffmpeg for a media file.
    """
    form = Path(target).suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise ArgumentError(_FUNCTION, "target", "must end in .srt, .vtt, .ass or .ssa", repr(os.fspath(target)))
    text = subtitle_text(source, encoding)
    if guess_format(text) != form:
        text = _converted(text, form, source, timeline)
    times = CueTimes(TimeMap(timeline, _FUNCTION, clip_start, ref_start), step=10 if form in ("ass", "ssa") else 1)
    counts = _Counts()
    try:
        made = rewritten(text, form, lambda cue: _retimed(cue, times, counts))
    except ValueError as error:
        raise ArgumentError(_FUNCTION, "source", str(error), repr(os.fspath(source))) from None
    save_text(_FUNCTION, made, target)
    return SubtitleReport(counts.kept, counts.clipped, len(counts.dropped), counts.repeated, tuple(counts.dropped))


def _retimed(cue: Cue, times: CueTimes, counts: _Counts) -> Times:
    showings = times.showings(cue.start, cue.end)
    if not showings and cue.comment:
        counts.kept += 1
        return [CueTime(cue.start, cue.end, lambda time: time)]
    if not showings:
        counts.dropped.append((cue.start, cue.text))
        return []
    # If one showing is whole, further ones that are clipped lose nothing of the cue.
    if any(showing.whole for showing in showings):
        counts.kept += 1
    else:
        counts.clipped += 1
    counts.repeated += len(showings) - 1
    return [CueTime(showing.start, showing.end, partial(times.moment, showing)) for showing in showings]


def subtitle_text(source: str | os.PathLike[str], encoding: str | None = None) -> str:
    """Return the subtitles of a file, or of a track of a media file; see `retime_subtitles`.

    Raises:
        ArgumentError: The source cannot be read, is too large, or in another encoding.
        MediaError: It is a media file without text subtitles.
        MissingDependencyError: It is a media file, and there is no ffmpeg.
    """
    try:
        wide = (encoding or "").lower().startswith(("utf-16", "utf_16", "utf-32", "utf_32"))
        if not wide and is_media(Path(source)):
            return track_text(find_track(Path(source)))
        if Path(source).stat().st_size > _MAX_TEXT_BYTES:
            raise ArgumentError(_FUNCTION, "source", "must be a subtitle file", f"{os.fspath(source)!r} (too large)")
        content = Path(source).read_bytes()
    except OSError as error:
        if isinstance(error, MediaError):
            raise
        given = f"{os.fspath(source)!r} ({error.strerror or error})"
        raise ArgumentError(_FUNCTION, "source", "must name a file that can be read", given) from None
    name = encoding or next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(name)
    except LookupError:
        raise ArgumentError(_FUNCTION, "encoding", "must be one that Python knows", repr(encoding)) from None
    except UnicodeDecodeError:
        given = f"{name} for {os.fspath(source)!r}"
        raise ArgumentError(_FUNCTION, "encoding", "must be that of the source", given) from None


def require_converter(source: str | os.PathLike[str]) -> None:
    """Make sure that subtitles can be converted to another format.

    Raises:
        MissingDependencyError: pysubs2 is not installed.
    """
    if find_spec("pysubs2") is None:
        message = f"vs_align.{_FUNCTION}: {os.fspath(source)!r} is not in the format of the target, and converting it"
        raise MissingDependencyError(f"{message} needs pysubs2. Run: {install_command(*EXPORT)}")


def _converted(text: str, form: str, source: str | os.PathLike[str], timeline: "Timeline") -> str:
    try:
        import pysubs2
    except ImportError as error:
        message = f"vs_align.{_FUNCTION}: {os.fspath(source)!r} is not in the format of the target, and converting it"
        raise MissingDependencyError(f"{message} needs pysubs2. Run: {install_command(*EXPORT)}") from error
    try:
        # Formats that count frames count clip's.
        return pysubs2.SSAFile.from_string(text, fps=float(timeline.clip_rate) or None).to_string(form)
    except (pysubs2.exceptions.Pysubs2Error, ValueError) as error:
        given = f"{os.fspath(source)!r} ({error})"
        raise ArgumentError(_FUNCTION, "source", "must be a subtitle file", given) from None
