"""Further tracks, chapters and tags of both sides that go into the file of an overlay, retimed by its cut lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.export.stream_copy import Copying
from vs_align.media.assembly import Contents
from vs_align.media.remux import TrackCopy
from vs_align.media.tracks import FileChapter, FileTracks, shifted_chapters

_TOLERANCE = 1e-3
"""Seconds: containers round time stamps to a millisecond."""


@dataclass(frozen=True, slots=True)
class ContentsSide:
    """Tracks, chapters and tags of one side of an overlay, and its cut list.

    Args:
        file: Tracks, chapters and tags of its file.
        start: When its first frame is shown, in seconds of the file's clock.
        segments: The cut list of the side.
        rate: Samples per second of the cut list.
    """

    file: FileTracks
    start: float
    segments: Sequence[AudioSegment]
    rate: int

    @property
    def end(self) -> float:
        """Duration of the result in seconds."""
        return self.segments[-1].end / self.rate if self.segments else 0.0

    def cut(self) -> TrackCopy | None:
        """Return how times of its tracks are moved, None if they are not all moved by one offset."""
        shown = [segment for segment in self.segments if segment.clip_start is not None]
        if len(shown) != 1 or shown[0].clip_start is None or shown[0].speed != 1:
            return None
        begin, stop = shown[0].begin / self.rate, shown[0].end / self.rate
        return TrackCopy(self.file.path, 0, begin - self.start - shown[0].clip_start, begin - _TOLERANCE, stop)


def overlay_contents(
    sides: Mapping[str, ContentsSide], heard: Sequence[str], target: Path, audio: TrackCopy | Copying | None
) -> Contents:
    """Collect what goes into the file of an overlay.

    Args:
        sides: Both sides by name; chapters and tags of the first take precedence.
        heard: Names of the sides that are heard.
        target: The file to write.
        audio: Encoded audio; or how the audio of the one side that is heard is copied; or None.
    """
    contents = Contents()
    if isinstance(audio, TrackCopy):
        contents.copies.append(audio)
    for name, side in sides.items():
        _take_audio(contents, name, side, target, audio if name in heard else None, is_heard=name in heard)
    for name, side in sides.items():
        if name == next(iter(sides)):
            _take_subtitles(contents, name, side, target)
        else:
            contents.leave_out(name, side.file.of_kind("subtitle", "attachment"))
        chapters, lost = chapters_in(side)
        contents.take_chapters(name, chapters, target)
        contents.left_out += [f"{name}: chapter {title} (it is not shown)" for title in lost]
        contents.take_tags(name, dict(side.file.tags))
        contents.leave_rest(name, side.file)
    return contents


def _take_audio(
    contents: Contents,
    name: str,
    side: ContentsSide,
    target: Path,
    audio: TrackCopy | Copying | None,
    *,
    is_heard: bool,
) -> None:
    tracks = side.file.of_kind("audio")
    if isinstance(audio, Copying):
        cut = TrackCopy(side.file.path, 0, audio.shift, audio.first, audio.stop)
        main = side.file.audio
        contents.take_audio(name, side.file, target, cut, surely=None if main is None else main.index)
    elif is_heard and side.file.audio is not None:
        contents.leave_out(name, [track for track in tracks if track != side.file.audio], "one track is encoded")
    else:
        contents.leave_out(name, tracks)


def _take_subtitles(contents: Contents, name: str, side: ContentsSide, target: Path) -> None:
    cut = side.cut()
    if cut is not None:
        contents.take_subtitles(name, side.file, target, cut)
    else:
        contents.leave_out(name, side.file.of_kind("subtitle", "attachment"), "its times change within")


def chapters_in(side: ContentsSide) -> tuple[list[FileChapter], list[str]]:
    """Return the chapters of a side on the clock of the result, in rising order, and titles of those not shown."""
    moved, lost = [], []
    for chapter in shifted_chapters(side.file.chapters, side.start):
        start = _shown_at(side, chapter.start, chapter.end)
        if start is None:
            lost.append(chapter.title or f"at {chapter.start:.3f} s")
        else:
            end = _ends_at(side, chapter.start, chapter.end)
            moved.append(FileChapter(start, max(start, end), chapter.title))
    return sorted(moved, key=lambda chapter: chapter.start), lost


def _shown_at(side: ContentsSide, start: float, end: float) -> float | None:
    """Return when the result first shows a part of a span of the side's time, preferably its beginning."""
    first = None
    for segment in side.segments:
        if segment.clip_start is None:
            continue
        begin, length = segment.begin / side.rate, len(segment) / side.rate
        if segment.clip_start - _TOLERANCE <= start < segment.clip_start + length * segment.speed - _TOLERANCE:
            return max(0.0, begin + (start - segment.clip_start) / segment.speed)
        if first is None and start < segment.clip_start < end - _TOLERANCE:
            first = begin
    return first


def _ends_at(side: ContentsSide, start: float, end: float) -> float:
    """Return when the result shows the end of a span of the side's time."""
    reached = 0.0
    for segment in side.segments:
        if segment.clip_start is None:
            continue
        begin, length = segment.begin / side.rate, len(segment) / side.rate
        last = min(end, segment.clip_start + length * segment.speed)
        if last > max(start, segment.clip_start):
            reached = max(reached, begin + (last - segment.clip_start) / segment.speed)
    return reached
