"""The finished picture of an overlay with its sound, as one file."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.decide.cut_list.cut_list import SoundPiece, sound_of
from vs_align.decide.cut_list.overlay_segments import bg_pieces, fg_pieces
from vs_align.enums import OverlayAudio
from vs_align.errors import MediaError
from vs_align.export.overlay_contents import ContentsSide, overlay_contents
from vs_align.export.stream_copy import Copying, SoundSide, copying_of
from vs_align.media.assembly import Contents, copy_all, picture_copy
from vs_align.media.atomic_output import parts, replace
from vs_align.media.audio_reader import SoundFormat, SoundReader, encode_samples
from vs_align.media.ffmpeg import holds_audio
from vs_align.media.remux import TrackCopy
from vs_align.media.tracks import read_tracks
from vs_align.media.verification import MeantTrack, meant_video
from vs_align.render.audio.mix_arrays import safe_gain, summed

if TYPE_CHECKING:
    from vs_align.decide.schedule.schedule import Schedule
    from vs_align.io.array_types import Float32Array

    Progress = Callable[[float], object]

__all__ = ["SoundSide", "SoundSummary", "add_overlay_sound"]

_OPUS_LAYOUTS = "mono|stereo|3.0|quad|5.0|5.1|6.1|7.1"
_CLOCK_RATE = 48_000  # parts of a second in which chapters are moved
_OPUS_MOST, _AC3_MOST = 256_000, 640_000  # bits a second: of Opus per channel


@dataclass(frozen=True, slots=True)
class SoundSummary:
    """What became of the sound."""

    heard: OverlayAudio
    """Whose sound is in the file."""
    copied: bool
    """Whether the packets are the file's own, bit for bit."""
    codec: str | None
    """Name of the codec in the file, None without sound."""
    words: str
    """All that in a line."""
    left_out: tuple[str, ...] = ()
    """Tracks, chapters and tags of both files that the file has not, in words, an entry each."""


@dataclass(frozen=True, slots=True)
class _Voice:
    name: str
    side: SoundSide
    pieces: list[SoundPiece]
    form: SoundFormat

    def blocks(self) -> "Iterator[Float32Array]":
        reader = SoundReader(self.side.file.path, self.side.start, form=self.form, shifts=self.side.shifts)
        return sound_of(reader, self.pieces, keep_pitch=False)

    def cut_words(self) -> str:
        """What was done to it, in words."""
        heard = [piece for piece in self.pieces if piece.clip_start is not None]
        silent = sum(piece.end - piece.begin for piece in self.pieces if piece.clip_start is None) / self.form.rate
        longest = max(heard, key=lambda piece: piece.end - piece.begin, default=None)
        parts = [] if len(heard) == 1 else [f"{len(heard)} pieces"]
        parts += [f"{silent:.2f} s of silence"] if silent else []
        parts += [f"{100 * longest.speed:.3f} % of its speed"] if longest is not None and longest.speed != 1 else []
        return f"{self.name}'s" + (f" ({', '.join(parts)})" if parts else "")


def add_overlay_sound(
    schedule: "Schedule",
    bg: SoundSide | None,
    fg: SoundSide | None,
    which: OverlayAudio,
    video: Path,
    target: Path,
    bitrate: int,
    folder: Path,
    on_progress: "Progress | None" = None,
    shown: MeantTrack | None = None,
) -> SoundSummary:
    """Write a finished picture, copied as it is, with the sound that belongs to it.

    Packets are copied where nothing has to change: one side is heard, at its own speed, in one piece that takes it from
    its beginning or, in MP4 and MOV, from any place, and goes on to its end or that of the result. All else is encoded
    anew: AAC, Opus in WebM; FLAC in Matroska where what it comes from is without loss. Its sound is then in its place
    to the sample; copied it is to the millisecond of the container. Further audio tracks of a side that is copied, the
    subtitles of the side that is heard, in Matroska, chapters at their new times, language and title go along. The file
    is read back before it gets its name.

    Args:
        schedule: Which frames of both the result shows.
        bg: Bg's file, None where it does not count.
        fg: Likewise.
        which: Whose sound; where that side has none, the other's. A mix is as in `overlay_audio`: at the rate and with
            the channels of fg, lowered by as much as it needs not to clip.
        video: The picture; its first frame is shown at time 0.
        target: The file to write, in any container that `vs-align` writes. It is replaced when the new one is whole.
        bitrate: Bits a second of what is encoded with loss.
        folder: A folder for logs.
        on_progress: Called with the share that is done, 0 to 1, while sound is encoded.
        shown: What the picture should be; None for what the schedule says of it.

    Raises:
        ArgumentError: The schedule has no rate of a side.
        MediaError: A sound cannot be read, ffmpeg failed, or the file cannot be written.
        MissingDependencyError: There is no ffmpeg.
    """
    voices = _voices(schedule, bg, fg, which)
    given = {"fg": fg, "bg": bg}
    sides = _sides(schedule, given, voices[0].name if voices else "fg")
    with parts(target) as (part,):
        work = _Work(video, shown or _shown(schedule, (fg, bg)), target, part, folder)
        if voices:
            summary = _with_sound(voices, sides, work, bitrate, on_progress)
        else:
            contents = overlay_contents(sides, (), target, None)
            work.finish(contents)
            reason = "not wanted" if which is OverlayAudio.NONE else "neither has any"
            words = f"no sound: {reason}"
            summary = SoundSummary(OverlayAudio.NONE, False, None, words, tuple(contents.left_out))
        replace(part, target)
    return summary


def _voices(schedule: "Schedule", bg: SoundSide | None, fg: SoundSide | None, which: OverlayAudio) -> list[_Voice]:
    """Those that are heard, fg first."""
    sides = {"fg": fg, "bg": bg}
    there = {name: side for name, side in sides.items() if side is not None and side.file.audio_codec is not None}
    if which is OverlayAudio.NONE or not there:
        return []
    if which is not OverlayAudio.MIX and which.value in there:
        there = {which.value: there[which.value]}
    forms = {name: SoundReader(side.file.path).format for name, side in there.items()}
    lead = next(iter(forms.values()))
    form = changed(lead, deep=any(form.deep for form in forms.values()))
    found = []
    for name, side in there.items():
        pieces = _pieces(schedule, name, side, form.rate)
        found.append(_Voice(name, side, pieces, form))
    return found


def _with_sound(
    voices: Sequence[_Voice],
    sides: Mapping[str, ContentsSide],
    work: "_Work",
    bitrate: int,
    on_progress: "Progress | None",
) -> SoundSummary:
    heard = OverlayAudio(voices[0].name) if len(voices) == 1 else OverlayAudio.MIX
    names = [voice.name for voice in voices]
    reason = "it is a mix"
    if len(voices) == 1:
        voice = voices[0]
        copying = copying_of(voice.side, voice.pieces, voice.form.rate, work.target)
        if isinstance(copying, Copying):
            try:
                contents = overlay_contents(sides, names, work.target, copying)
                work.finish(contents)
            except MediaError as error:
                # A container may refuse what it is said to hold; what else is wrong will show again.
                reason = f"copying failed: {error}"
            else:
                codec = voice.side.file.audio_codec
                words = f"sound: {voice.cut_words()}, copied ({codec})"
                return SoundSummary(heard, True, codec, words, tuple(contents.left_out))
        else:
            reason = copying
    gain = safe_gain(summed(voices[0].blocks(), voices[1].blocks())) if len(voices) == 2 else 1.0
    codec, arguments = _encoder(work.target, voices, bitrate)
    form, total = voices[0].form, voices[0].pieces[-1].end
    blocks = _told(_blocks(voices, gain), total, on_progress)
    encoded = encode_samples(blocks, form, total / form.rate, arguments, work.folder)
    track = sides[names[0]].file.audio
    tags = {} if track is None or len(voices) > 1 else track.tags()
    contents = overlay_contents(sides, names, work.target, TrackCopy(encoded, 0, tags=tags, default=True))
    work.finish(contents)
    words = " and ".join(voice.cut_words() for voice in voices)
    lowered = f", {-20 * math.log10(gain):.1f} dB lower" if gain < 1 else ""
    told = f"sound: {words}{lowered}, encoded ({codec}): {reason}"
    return SoundSummary(heard, False, codec, told, tuple(contents.left_out))


@dataclass(frozen=True, slots=True)
class _Work:
    """The file that is written: its picture, what that should be, and where all goes."""

    video: Path
    shown: MeantTrack
    target: Path
    part: Path
    folder: Path

    def finish(self, contents: Contents) -> None:
        """Put picture and contents into one file and read it back."""
        copy_all(picture_copy(self.video), self.shown, contents, self.part, self.target)


def _sides(schedule: "Schedule", given: Mapping[str, SoundSide | None], first: str) -> dict[str, ContentsSide]:
    """What the files of both sides hold, that of one side first."""
    found = {}
    for name in sorted(given, key=lambda name: name != first):
        side = given[name]
        if side is not None:
            pieces = _pieces(schedule, name, side, _CLOCK_RATE)
            found[name] = ContentsSide(read_tracks(side.file.path), side.start, pieces, _CLOCK_RATE)
    return found


def _pieces(schedule: "Schedule", name: str, side: SoundSide, rate: int) -> list[SoundPiece]:
    line = schedule.fg if name == "fg" else schedule.bg
    timed = changed(line, clip_rate=line.clip_rate or side.rate, clip_times=line.clip_times or side.times)
    if name == "fg":
        return fg_pieces(changed(schedule, fg=timed), rate)
    return bg_pieces(changed(schedule, bg=timed), rate)


def _shown(schedule: "Schedule", sides: Sequence[SoundSide | None]) -> MeantTrack:
    """What the picture should be, as far as that is known without its file."""
    line, count = schedule.bg, len(schedule)
    if line.ref_times:
        return meant_video([time - line.ref_times[0] for time in line.ref_times], 0.0)
    if not line.ref_rate or any(side is not None and side.times for side in sides):
        return MeantTrack("video", count, 0.0, None, None)
    return meant_video([n / float(line.ref_rate) for n in range(count)], float(1 / line.ref_rate))


def _blocks(voices: Sequence[_Voice], gain: float) -> "Iterator[Float32Array]":
    if len(voices) == 1:
        return voices[0].blocks()
    return (block * gain for block in summed(voices[0].blocks(), voices[1].blocks()))


def _told(blocks: "Iterator[Float32Array]", total: int, on_progress: "Progress | None") -> "Iterator[Float32Array]":
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        if on_progress is not None:
            on_progress(done / total)


def _encoder(target: Path, voices: Sequence[_Voice], bitrate: int) -> tuple[str, list[str]]:
    """Name of the codec, and options that encode for the target."""
    form = voices[0].form
    if target.suffix.lower() == ".mkv" and all(voice.side.lossless for voice in voices):
        return "flac", ["-c:a", "flac", "-sample_fmt", "s32" if form.deep else "s16"]
    if holds_audio(target, "aac"):
        return "aac", ["-c:a", "aac", "-b:a", str(bitrate)]
    if holds_audio(target, "opus"):
        bits = min(bitrate, _OPUS_MOST * form.channels)
        layouts = ["-af", f"aformat=channel_layouts={_OPUS_LAYOUTS}"]
        return "opus", ["-c:a", "libopus", "-b:a", str(bits), *layouts]
    return "ac3", ["-c:a", "ac3", "-b:a", str(min(bitrate, _AC3_MOST))]
