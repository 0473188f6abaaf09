"""The finished picture of an overlay with its sound, as one file."""

import math
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.enums import OverlayAudio
from vs_align.errors import MediaError
from vs_align.export.overlay_copy import Copying, SoundSide, copying_of
from vs_align.export.overlay_pieces import bg_pieces, fg_pieces
from vs_align.export.sound_mix import safe_gain, summed
from vs_align.export.sound_pieces import SoundPiece, sound_of
from vs_align.media.audio import SoundFormat, SoundReader, pour
from vs_align.media.children import Children
from vs_align.media.encode import muxer_arguments
from vs_align.media.ffmpeg import file_url, find_ffmpeg, holds_audio
from vs_align.media.output import parts, replace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vs_align.overlay_schedule import Schedule

    Samples = NDArray[np.float32]
    Progress = Callable[[float], object]

__all__ = ["SoundSide", "SoundSummary", "add_overlay_sound"]

_OPUS_LAYOUTS = "mono|stereo|3.0|quad|5.0|5.1|6.1|7.1"
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


@dataclass(frozen=True, slots=True)
class _Voice:
    name: str
    side: SoundSide
    pieces: list[SoundPiece]
    form: SoundFormat

    def blocks(self) -> "Iterator[Samples]":
        reader = SoundReader(self.side.file.path, self.side.start, form=self.form)
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
) -> SoundSummary:
    """Write a finished picture, copied as it is, with the sound that belongs to it.

    Packets are copied where nothing has to change: one side is heard, at its own speed, in one piece that takes it from
    its beginning or, in MP4 and MOV, from any place, and goes on to its end or that of the result. All else is encoded
    anew: AAC, Opus in WebM; FLAC in Matroska where what it comes from is without loss. Its sound is then in its place
    to the sample; copied it is to the millisecond of the container.

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

    Raises:
        ArgumentError: The schedule has no rate of a side.
        MediaError: A sound cannot be read, ffmpeg failed, or the file cannot be written.
        MissingDependencyError: There is no ffmpeg.
    """
    voices = _voices(schedule, bg, fg, which)
    with parts(target) as (part,):
        if voices:
            summary = _with_sound(voices, video, target, part, bitrate, folder, on_progress)
        else:
            _run(_command(video, [], [], target, part), folder)
            reason = "not wanted" if which is OverlayAudio.NONE else "neither has any"
            summary = SoundSummary(OverlayAudio.NONE, False, None, f"no sound: {reason}")
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
        line = schedule.fg if name == "fg" else schedule.bg
        timed = changed(line, clip_rate=line.clip_rate or side.rate, clip_times=line.clip_times or side.times)
        if name == "fg":
            pieces = fg_pieces(changed(schedule, fg=timed), form.rate)
        else:
            pieces = bg_pieces(changed(schedule, bg=timed), form.rate)
        found.append(_Voice(name, side, pieces, form))
    return found


def _with_sound(
    voices: Sequence[_Voice],
    video: Path,
    target: Path,
    part: Path,
    bitrate: int,
    folder: Path,
    on_progress: "Progress | None",
) -> SoundSummary:
    heard = OverlayAudio(voices[0].name) if len(voices) == 1 else OverlayAudio.MIX
    reason = "it is a mix"
    if len(voices) == 1:
        voice = voices[0]
        copying = copying_of(voice.side, voice.pieces, voice.form.rate, target)
        if isinstance(copying, Copying):
            try:
                _run(_command(video, *_copied(voice.side, copying), target, part), folder)
            except MediaError as error:
                # A container may refuse what it is said to hold; what else is wrong will show again.
                reason = f"copying failed: {error}"
            else:
                codec = voice.side.file.audio_codec
                return SoundSummary(heard, True, codec, f"sound: {voice.cut_words()}, copied ({codec})")
        else:
            reason = copying
    gain = safe_gain(summed(voices[0].blocks(), voices[1].blocks())) if len(voices) == 2 else 1.0
    codec, arguments = _encoder(target, voices, bitrate)
    form = voices[0].form
    given = ["-f", "f32le", "-ar", str(form.rate), "-ch_layout", form.layout, "-i", "pipe:0"]
    command = _command(video, given, ["-map", "1:a:0", *arguments], target, part)
    pour(command, _told(_blocks(voices, gain), voices[0].pieces[-1].end, on_progress), folder)
    words = " and ".join(voice.cut_words() for voice in voices)
    lowered = f", {-20 * math.log10(gain):.1f} dB lower" if gain < 1 else ""
    return SoundSummary(heard, False, codec, f"sound: {words}{lowered}, encoded ({codec}): {reason}")


def _blocks(voices: Sequence[_Voice], gain: float) -> "Iterator[Samples]":
    if len(voices) == 1:
        return voices[0].blocks()
    return (block * gain for block in summed(voices[0].blocks(), voices[1].blocks()))


def _told(blocks: "Iterator[Samples]", total: int, on_progress: "Progress | None") -> "Iterator[Samples]":
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


def _copied(side: SoundSide, copying: Copying) -> tuple[list[str], list[str]]:
    """Input of a command that copies sound, and what to do with it."""
    # Commas end a filter where they are not hidden.
    left_out = rf"noise=drop=lt(pts*tb\,{copying.first:.6f})+gte(pts*tb\,{copying.stop:.6f})"
    given = ["-itsoffset", f"{copying.shift:.6f}", "-i", file_url(side.file.path)]
    return given, ["-map", "1:a:0", "-c:a", "copy", "-bsf:a", left_out]


def _command(video: Path, given: Sequence[str], sound: Sequence[str], target: Path, part: Path) -> list[str]:
    """A command that copies the picture and adds sound."""
    # Without its own zero ffmpeg would move each input to begin at 0, and sound would lose its place.
    command = [str(find_ffmpeg()), "-hide_banner", "-nostats", "-loglevel", "warning", "-y", "-copyts"]
    command += ["-i", file_url(video), *given, "-map", "0:v:0", "-c:v", "copy", *sound]
    # Chapters of a side are at other times.
    command += ["-map_metadata", "0", "-map_chapters", "-1"]
    return [*command, *muxer_arguments(target), file_url(part)]


def _run(command: Sequence[str], folder: Path) -> None:
    with Children(folder) as children:
        ffmpeg = children.start(list(command), stdin=subprocess.DEVNULL)
        if ffmpeg.wait() != 0:
            raise MediaError(f"ffmpeg failed (code {ffmpeg.returncode}): {children.last_words(ffmpeg)}")
