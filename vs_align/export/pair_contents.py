"""Tracks, chapters and tags that go along with the video of a result of `temporal` or `spatial`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vs_align.decide.cut_list.cut_list import AudioSegment, silent_samples
from vs_align.decide.cut_list.matched_timeline import frame_times, matched_segments
from vs_align.errors import MediaError
from vs_align.export.audio_encoding import encode_segments
from vs_align.export.stream_copy import AudioInput
from vs_align.media.assembly import Contents, assemble, copies_audio
from vs_align.media.audio_reader import AudioReader
from vs_align.media.containers import MP4_NAMES
from vs_align.media.remux import TrackCopy
from vs_align.media.source import Source
from vs_align.media.tracks import FileTracks, heard_from, hides_audio, read_tracks, shifted_chapters
from vs_align.media.verification import ExpectedTrack, expected_video_track
from vs_align.timeline.timeline import Timeline

type _Side = Literal["clip", "ref"]

_RUN_UP_SECONDS = 0.1
"""Packets before the first that is heard, which decoders need."""
_ROUNDING_SECONDS = 0.001
"""Containers round time stamps to a millisecond."""


@dataclass(slots=True)
class PairContents:
    """Collects what goes along with the video of a pair, on the clock of ref.

    Args:
        clip: The file whose frames are shown.
        ref: The file whose moments are shown.
        heard: Whose audio is taken: "clip", "ref" or "none".
        target: The file to write.
        folder: A folder for encoded audio, and for logs.
        clip_fits: Whether clip has ref's time, counted from the first frames.
        seconds: End of the tracks in the result, in seconds; None keeps them whole.
        on_step: Called with the description of a step that takes time.
        on_note: Called with a remark for the user.
    """

    clip: Source
    ref: Source
    heard: str
    target: Path
    folder: Path
    clip_fits: bool = False
    seconds: float | None = None
    on_step: Callable[[str], object] = field(default=lambda text: None)
    on_note: Callable[[str], object] = field(default=lambda text: None)
    _files: dict[_Side, FileTracks] = field(init=False)

    def __post_init__(self) -> None:
        self._files = {"clip": read_tracks(self.clip.file.path), "ref": read_tracks(self.ref.file.path)}

    def assembled(
        self, found: Timeline | None, video: Path, shown: ExpectedTrack, part: Path
    ) -> tuple[Path, list[str]]:
        """Mux a finished video with what goes along, and read the file back.

        Args:
            found: Which frame of clip each frame of ref shows; needed if clip is heard and its time does not fit.
            video: The finished video.
            shown: What its track should be.
            part: A name for the file until it is complete.

        Returns:
            The file, which may be `video`, and what of the inputs is left out, in words.

        Raises:
            MediaError: It cannot be written, or is not what was meant.
        """
        contents = self.collect(found)
        try:
            return assemble(video, shown, contents, part, self.target), contents.left_out
        except MediaError as error:
            if not any(copy.path in (self.clip.file.path, self.ref.file.path) for copy in contents.copies):
                raise
            # Time stamps that go back can be read but not be written. Any other fault occurs again below.
            self.on_note(f"tracks cannot be copied, so the audio is encoded: {error}")
        contents = self.collect(found, copying=False)
        return assemble(video, shown, contents, part, self.target), contents.left_out

    def collect(self, found: Timeline | None, *, copying: bool = True) -> Contents:
        """Return what goes along.

        Args:
            found: See `assembled`.
            copying: Whether tracks are copied; if not, one audio track is encoded and the others are left out.
        """
        contents = Contents(video_tags=self._files["clip"].of_kind("video")[0].tags())
        for side, file in self._files.items():
            if side != self.heard:
                contents.leave_out(side, file.of_kind("audio"))
        if self.heard == "clip" and not self.clip_fits:
            self._add_segments(contents, found)
        elif self.heard != "none":
            self._add_whole(contents, copying=copying and copies_whole(self._source(self._heard_side)))
        owner: _Side = self._owner()
        other: _Side = "ref" if owner == "clip" else "clip"
        for side in (owner, other):
            file, fits = self._files[side], side == "ref" or self.clip_fits
            if side == owner and copying and not self._source(side).shifts:
                contents.take_subtitles(side, file, self.target, self._cut(side, 0.0))
            else:
                contents.leave_out(side, file.of_kind("subtitle", "attachment"))
            if fits:
                contents.take_chapters(side, shifted_chapters(file.chapters, self._source(side).start), self.target)
            elif file.chapters:
                contents.left_out.append(f"{side}: {len(file.chapters)} chapters (its times change)")
            contents.take_tags(side, dict(file.tags))
            contents.leave_rest(side, file)
        return contents

    def _source(self, side: _Side) -> Source:
        return self.clip if side == "clip" else self.ref

    @property
    def _heard_side(self) -> _Side:
        return "clip" if self.heard == "clip" else "ref"

    def _owner(self) -> _Side:
        """Return whose subtitles, chapters and tags count more: those of the audio, if its times are the result's."""
        if self.heard == "ref" or not self.clip_fits:
            return "ref"
        return "clip"

    def _cut(self, side: _Side, first: float | None) -> TrackCopy:
        source = self._source(side)
        return TrackCopy(source.file.path, 0, -source.start, first, self.seconds)

    def _add_whole(self, contents: Contents, *, copying: bool) -> None:
        """Add the audio of a file whose time is that of the result."""
        source, file = self._source(self._heard_side), self._files[self._heard_side]
        heard, run_up = heard_from(file.path)
        lead = source.start - heard
        if lead > _RUN_UP_SECONDS:
            contents.left_out.append(f"{self.heard}: {lead:.2f} s of audio before the first frame")
        # Players of MP4 skip what is before time 0; in other containers it would delay all that follows.
        first = -_RUN_UP_SECONDS if self.target.suffix.lower() in MP4_NAMES else -run_up - _ROUNDING_SECONDS
        main = file.audio
        # A packet across the time of the first frame would be lost. Lossless audio can be encoded instead.
        within = first != -_RUN_UP_SECONDS and lead > _ROUNDING_SECONDS and AudioInput.of(source).lossless
        if main is None or (copying and not within and copies_audio(self.target, main.codec)):
            contents.take_audio(self.heard, file, self.target, self._cut(self._heard_side, first))
            return
        seconds = max(source.duration, (source.file.duration or 0.0) - source.start)
        seconds = seconds if self.seconds is None else min(seconds, self.seconds)
        reader = self._reader()
        self._encode(contents, reader, [AudioSegment(0, round(Fraction(seconds) * reader.format.rate), 0.0)])
        if copying:
            contents.take_audio(self.heard, file, self.target, self._cut(self._heard_side, first), but=main.index)
        else:
            others = [track for track in file.of_kind("audio") if track != main]
            contents.leave_out(self.heard, others, "it cannot be copied")

    def _add_segments(self, contents: Contents, found: Timeline | None) -> None:
        """Add clip's audio, cut along a timeline."""
        if found is None:
            raise ValueError("there is no timeline to cut the audio by")
        reader = self._reader()
        segments = matched_segments(found, self.clip, self.ref, reader.format.rate)
        count = "1 segment" if len(segments) == 1 else f"{len(segments)} segments"
        self.on_step(f"cutting clip's audio: {count}, {silent_samples(segments) / reader.format.rate:.2f} s of silence")
        self._encode(contents, reader, segments)
        file = self._files[self._heard_side]
        others = [track for track in file.of_kind("audio") if track != file.audio]
        contents.leave_out(self.heard, others, "one track is cut")

    def _reader(self) -> AudioReader:
        source = self._source(self._heard_side)
        return AudioReader(source.file.path, source.start, shifts=source.shifts)

    def _encode(self, contents: Contents, reader: AudioReader, segments: Sequence[AudioSegment]) -> None:
        main = self._files[self._heard_side].audio
        encoded = encode_segments(reader, segments, self.target, self.folder)
        contents.copies.append(TrackCopy(encoded, 0, tags={} if main is None else main.tags(), default=True))


def copies_whole(source: Source) -> bool:
    """Tell whether packets of a file's audio, copied as they are, stay in sync with its frames.

    They do not if the time stamps of the file restart, nor if an edit list hides how the audio begins.
    """
    return not source.shifts and not hides_audio(source.file.path)


def expected_video(source: Source) -> ExpectedTrack:
    """Return the video track that has as many frames as a file, at the same times."""
    return expected_video_track(frame_times(source), source.frame_seconds)
