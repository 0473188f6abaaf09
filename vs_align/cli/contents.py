"""What a result of `temporal` or `spatial` holds besides its picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.cli.console import note, step
from vs_align.cli.options import Audio
from vs_align.errors import MediaError

if TYPE_CHECKING:
    from vs_align.decide.cut_list.audio_piece import AudioPiece
    from vs_align.media.assembly import Contents
    from vs_align.media.remux import TrackCopy
    from vs_align.media.source import Source
    from vs_align.media.tracks import FileTracks
    from vs_align.media.verification import MeantTrack
    from vs_align.timeline.timeline import Timeline

# Decoders need some packets before the first that is heard.
_RUN_UP = 0.1  # s
_ROUNDING = 0.001  # s: containers round time stamps to a millisecond


@dataclass(slots=True)
class PairContents:
    """Collects what goes along with the picture of a pair, on the clock of ref.

    Args:
        clip: The file whose frames are shown.
        ref: The file whose moments are shown.
        heard: Whose audio.
        target: The file to write.
        folder: A folder for audio that is encoded, and for logs.
        clip_fits: Whether clip's time is ref's, counted from the first frames.
        seconds: Where tracks are cut that go on behind the picture; None keeps all.
    """

    clip: "Source"
    ref: "Source"
    heard: Audio
    target: Path
    folder: Path
    clip_fits: bool = False
    seconds: float | None = None
    files: "dict[Audio, FileTracks]" = field(default_factory=dict)

    def assembled(
        self, found: "Timeline | None", video: Path, shown: "MeantTrack", part: Path
    ) -> "tuple[Path, list[str]]":
        """Put a finished picture and what goes along into one file, and read it back.

        Args:
            found: Which frame of clip each frame of ref shows; needed if clip is heard and its time does not fit.
            video: The picture.
            shown: What its track should be.
            part: A name for the file as long as it is not whole.

        Returns:
            The file, which may be `video`, and what of the inputs is left out, in words.

        Raises:
            MediaError: It cannot be written, or is not what was meant.
        """
        from vs_align.media.assembly import assemble

        contents = self.collect(found)
        try:
            return assemble(video, shown, contents, part, self.target), contents.left_out
        except MediaError as error:
            if not any(copy.path in (self.clip.file.path, self.ref.file.path) for copy in contents.copies):
                raise
            # Time stamps that go back can be read but not be written; what else is wrong will show again.
            note(f"tracks cannot be copied, so the audio is encoded: {error}")
        contents = self.collect(found, copying=False)
        return assemble(video, shown, contents, part, self.target), contents.left_out

    def collect(self, found: "Timeline | None", *, copying: bool = True) -> "Contents":
        """Return what goes along.

        Args:
            found: See `assembled`.
            copying: Whether tracks are copied; if not, one audio track is encoded and the others are left out.
        """
        from vs_align.media.assembly import Contents
        from vs_align.media.tracks import read_tracks, shifted_chapters

        self.files = {Audio.CLIP: read_tracks(self.clip.file.path), Audio.REF: read_tracks(self.ref.file.path)}
        contents = Contents(picture_tags=self.files[Audio.CLIP].of_kind("video")[0].tags())
        for side, file in self.files.items():
            if side is not self.heard:
                contents.leave_out(side, file.of_kind("audio"))
        if self.heard is Audio.CLIP and not self.clip_fits:
            self._add_pieces(contents, found)
        elif self.heard is not Audio.NONE:
            self._add_whole(contents, copying=copying and copies_whole(self._source(self.heard)))
        owner = self._owner()
        for side in (owner, Audio.REF if owner is Audio.CLIP else Audio.CLIP):
            file, fits = self.files[side], side is Audio.REF or self.clip_fits
            if side is owner and copying and not self._source(side).shifts:
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

    def _source(self, side: Audio) -> "Source":
        return self.clip if side is Audio.CLIP else self.ref

    def _owner(self) -> Audio:
        """Return whose subtitles, chapters and tags count more: those of the audio, if its times are the result's."""
        if self.heard is Audio.REF or not self.clip_fits:
            return Audio.REF
        return Audio.CLIP

    def _cut(self, side: Audio, first: float | None) -> "TrackCopy":
        from vs_align.media.remux import TrackCopy

        source = self._source(side)
        return TrackCopy(source.file.path, 0, -source.start, first, self.seconds)

    def _add_whole(self, contents: "Contents", *, copying: bool) -> None:
        """Add the audio of a file whose time is that of the result."""
        from vs_align.decide.cut_list.audio_piece import AudioPiece
        from vs_align.export.stream_copy import SoundSide
        from vs_align.media.assembly import copies_audio
        from vs_align.media.containers import MP4_NAMES
        from vs_align.media.tracks import heard_from

        source, file = self._source(self.heard), self.files[self.heard]
        heard, run_up = heard_from(file.path)
        lead = source.start - heard
        if lead > _RUN_UP:
            contents.left_out.append(f"{self.heard}: {lead:.2f} s of audio before the first frame")
        # Players of MP4 leave out what is before time 0; in others all that follows would be late.
        first = -_RUN_UP if self.target.suffix.lower() in MP4_NAMES else -run_up - _ROUNDING
        main = file.audio
        # A packet that begins before the first frame and ends behind it would be lost; without loss it need not be.
        within = first != -_RUN_UP and lead > _ROUNDING and SoundSide.of(source).lossless
        if main is None or (copying and not within and copies_audio(self.target, main.codec)):
            contents.take_audio(self.heard, file, self.target, self._cut(self.heard, first))
            return
        end = max(source.duration, (source.file.duration or 0.0) - source.start)
        piece = AudioPiece(0.0, end if self.seconds is None else min(end, self.seconds), 0.0)
        self._encode(contents, 1.0, [piece])
        if copying:
            contents.take_audio(self.heard, file, self.target, self._cut(self.heard, first), but=main.index)
        else:
            others = [track for track in file.of_kind("audio") if track != main]
            contents.leave_out(self.heard, others, "it cannot be copied")

    def _add_pieces(self, contents: "Contents", found: "Timeline | None") -> None:
        """Add clip's audio, cut so that it follows a timeline."""
        from vs_align.decide.cut_list.matched_timeline import sound_pieces

        if found is None:
            raise ValueError("there is no timeline to cut the audio by")
        speed, pieces = sound_pieces(found, self.clip, self.ref)
        _tell_cuts(pieces)
        self._encode(contents, speed, pieces)
        file = self.files[self.heard]
        others = [track for track in file.of_kind("audio") if track != file.audio]
        contents.leave_out(self.heard, others, "one track is cut")

    def _encode(self, contents: "Contents", speed: float, pieces: "Sequence[AudioPiece]") -> None:
        from vs_align.media.audio_reader import SoundReader, encode_pieces
        from vs_align.media.remux import TrackCopy

        source, main = self._source(self.heard), self.files[self.heard].audio
        reader = SoundReader(source.file.path, source.start, speed, shifts=source.shifts)
        encoded = encode_pieces(reader, pieces, self.target, self.folder)
        contents.copies.append(TrackCopy(encoded, 0, tags={} if main is None else main.tags(), default=True))


def copies_whole(source: "Source") -> bool:
    """Whether packets of a file's audio, copied as they are, keep their place beside its frames.

    They do not if the clock of the file starts anew, nor if an edit list hides how the audio begins.
    """
    from vs_align.media.tracks import hides_audio

    return not source.shifts and not hides_audio(source.file.path)


def picture_meant(source: "Source") -> "MeantTrack":
    """Return the picture that has as many frames as a file, each at the time that it has there."""
    from vs_align.decide.cut_list.matched_timeline import frame_times
    from vs_align.media.verification import meant_video

    return meant_video(frame_times(source), source.frame_seconds)


def _tell_cuts(pieces: "Sequence[AudioPiece]") -> None:
    silent = sum(piece.ref_end - piece.ref_start for piece in pieces if piece.clip_start is None)
    count = "1 piece" if len(pieces) == 1 else f"{len(pieces)} pieces"
    step(f"cutting clip's sound: {count}, {silent:.2f} s of silence")
