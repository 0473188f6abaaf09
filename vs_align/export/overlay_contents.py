"""What goes into an overlay's file besides picture and audio: further tracks, chapters and tags of both sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vs_align.decide.cut_list.cut_list import SoundPiece
from vs_align.export.stream_copy import Copying
from vs_align.media.assembly import Contents
from vs_align.media.remux import TrackCopy
from vs_align.media.tracks import FileChapter, FileTracks, shifted_chapters

_CLOSE = 1e-3  # s: containers round time stamps to a millisecond


@dataclass(frozen=True, slots=True)
class ContentsSide:
    """One side of an overlay, as far as its tracks, chapters and tags go.

    Args:
        file: What its file holds.
        start: When its first frame is shown, in seconds of the file's clock.
        pieces: Which time of it the result shows when.
        rate: Units of the pieces per second.
    """

    file: FileTracks
    start: float
    pieces: Sequence[SoundPiece]
    rate: int

    @property
    def end(self) -> float:
        """Seconds of the result."""
        return self.pieces[-1].end / self.rate if self.pieces else 0.0

    def cut(self) -> TrackCopy | None:
        """Return how times of its tracks are moved, None where that is not by one time for all of them."""
        shown = [piece for piece in self.pieces if piece.clip_start is not None]
        if len(shown) != 1 or shown[0].clip_start is None or shown[0].speed != 1:
            return None
        begin, stop = shown[0].begin / self.rate, shown[0].end / self.rate
        return TrackCopy(self.file.path, 0, begin - self.start - shown[0].clip_start, begin - _CLOSE, stop)


def overlay_contents(
    sides: Mapping[str, ContentsSide], heard: Sequence[str], target: Path, audio: TrackCopy | Copying | None
) -> Contents:
    """Collect what goes into the file of an overlay.

    Args:
        sides: Both sides by name, those first whose chapters and tags count more.
        heard: Names of those that are heard.
        target: The file to write.
        audio: Audio that was encoded; or how that of the one side that is heard is copied; or nothing.
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
    """Return the chapters of a side with times of the result, in rising order, and titles of those not shown."""
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
    """When the result first shows something of a stretch of the side's time, from its beginning on if it can."""
    first = None
    for piece in side.pieces:
        if piece.clip_start is None:
            continue
        begin, length = piece.begin / side.rate, (piece.end - piece.begin) / side.rate
        if piece.clip_start - _CLOSE <= start < piece.clip_start + length * piece.speed - _CLOSE:
            return max(0.0, begin + (start - piece.clip_start) / piece.speed)
        if first is None and start < piece.clip_start < end - _CLOSE:
            first = begin
    return first


def _ends_at(side: ContentsSide, start: float, end: float) -> float:
    """When the result shows the last of a stretch of the side's time."""
    reached = 0.0
    for piece in side.pieces:
        if piece.clip_start is None:
            continue
        begin, length = piece.begin / side.rate, (piece.end - piece.begin) / side.rate
        last = min(end, piece.clip_start + length * piece.speed)
        if last > max(start, piece.clip_start):
            reached = max(reached, begin + (last - piece.clip_start) / piece.speed)
    return reached
