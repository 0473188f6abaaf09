"""The finished video of an overlay muxed with its audio: packets copied if nothing changes, else mixed and encoded."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING

from vs_align.decide.cut_list.cut_list import AudioSegment, silent_samples
from vs_align.decide.cut_list.overlay_segments import bg_segments, fg_segments
from vs_align.enums import OverlayAudio
from vs_align.errors import MediaError
from vs_align.export.audio_encoding import OPUS_LAYOUTS, encode_samples, flac_arguments
from vs_align.export.overlay_contents import ContentsSide, overlay_contents
from vs_align.export.stream_copy import AudioInput, Copying, copying_of
from vs_align.io.atomic_files import replace, temporary_paths
from vs_align.media.assembly import Contents, copy_all, video_copy
from vs_align.media.audio_reader import AudioFormat, AudioReader
from vs_align.media.ffmpeg import holds_audio
from vs_align.media.remux import TrackCopy
from vs_align.media.tracks import read_tracks
from vs_align.media.verification import ExpectedTrack, expected_video_track
from vs_align.render.audio.mix import mix_blocks, unclipped_gain
from vs_align.render.audio.play import play

if TYPE_CHECKING:
    from vs_align.decide.schedule.schedule import Schedule
    from vs_align.io.array_types import Float32Array
    from vs_align.io.progress import ShareProgress

_CLOCK_RATE = 48_000
"""Parts of a second in which tracks and chapters are moved: as fine as the audio of most files."""
_OPUS_MAX_BITRATE = 256_000
"""Bits per second of each channel: the most that libopus takes."""
_AC3_MAX_BITRATE = 640_000
"""Bits per second of all channels: the most that AC-3 has."""


@dataclass(frozen=True, slots=True)
class AudioSummary:
    """What became of the audio."""

    heard: OverlayAudio
    """Whose audio is in the file."""
    copied: bool
    """Whether the packets are the file's own, bit for bit."""
    codec: str | None
    """Name of the codec in the file, None without audio."""
    words: str
    """All of it in one line."""
    left_out: tuple[str, ...] = ()
    """Tracks, chapters and tags of both files that the result lacks, in words, an entry each."""


@dataclass(frozen=True, slots=True)
class _HeardSide:
    """The audio of one side that is heard."""

    name: str
    side: AudioInput
    segments: list[AudioSegment]
    form: AudioFormat

    def blocks(self) -> "Iterator[Float32Array]":
        reader = AudioReader(self.side.file.path, self.side.start, form=self.form, shifts=self.side.shifts)
        return play(reader, self.segments, keep_pitch=False)

    def cut_words(self) -> str:
        """Return in words what was done to it."""
        heard = [segment for segment in self.segments if segment.clip_start is not None]
        silent = silent_samples(self.segments) / self.form.rate
        longest = max(heard, key=len, default=None)
        parts = [] if len(heard) == 1 else [f"{len(heard)} segments"]
        parts += [f"{silent:.2f} s of silence"] if silent else []
        parts += [f"{100 * longest.speed:.3f} % of its speed"] if longest is not None and longest.speed != 1 else []
        return f"{self.name}'s" + (f" ({', '.join(parts)})" if parts else "")


def add_overlay_audio(
    schedule: "Schedule",
    bg: AudioInput | None,
    fg: AudioInput | None,
    which: OverlayAudio,
    video: Path,
    target: Path,
    bitrate: int,
    folder: Path,
    on_progress: "ShareProgress | None" = None,
    shown: ExpectedTrack | None = None,
) -> AudioSummary:
    """Write a finished video, copied as it is, with the audio that belongs to it.

    Packets are copied if nothing has to change: one side is heard, at its own speed, in one segment that begins with
    the side (in MP4 and MOV: anywhere) and goes on to its end or that of the result. All else is encoded: AAC, Opus in
    WebM; FLAC in Matroska if the sources are lossless. Encoded audio is in its place to the sample, copied audio to the
    millisecond of the container. Further audio tracks of a side that is copied, the subtitles of the side that is
    heard, in Matroska, chapters at their new times, language and title go along. The file is read back before it gets
    its name.

    Args:
        schedule: Which frames of both sides the result shows.
        bg: Bg's file, None to leave it out.
        fg: Fg's file, None to leave it out.
        which: Whose audio. A side without audio is replaced by the other. A mix is that of `overlay_audio`: at the rate
            and with the channels of fg, lowered as far as it needs not to clip.
        video: The finished video; its first frame is shown at time 0.
        target: The file to write, in any container that `vs-align` writes. It is replaced when the new one is complete.
        bitrate: Bits per second of lossy encoding.
        folder: A folder for logs.
        on_progress: Called with the share that is done, 0 to 1, while audio is encoded.
        shown: What the video track should be; None to derive it from the schedule.

    Raises:
        ArgumentError: The schedule has no rate of a side.
        MediaError: An audio track cannot be read, ffmpeg failed, or the file cannot be written.
        MissingDependencyError: There is no ffmpeg.
    """
    voices = _voices(schedule, bg, fg, which)
    given = {"fg": fg, "bg": bg}
    sides = _sides(schedule, given, voices[0].name if voices else "fg")
    with temporary_paths(target) as (part,):
        output = _Output(video, shown or _shown(schedule, (fg, bg)), target, part, folder)
        if voices:
            summary = _with_audio(voices, sides, output, bitrate, on_progress)
        else:
            contents = overlay_contents(sides, (), target, None)
            output.finish(contents)
            reason = "not wanted" if which is OverlayAudio.NONE else "neither has any"
            words = f"no audio: {reason}"
            summary = AudioSummary(OverlayAudio.NONE, False, None, words, tuple(contents.left_out))
        replace(part, target)
    return summary


def _voices(
    schedule: "Schedule", bg: AudioInput | None, fg: AudioInput | None, which: OverlayAudio
) -> list[_HeardSide]:
    """Return the sides that are heard, fg first."""
    sides = {"fg": fg, "bg": bg}
    there = {name: side for name, side in sides.items() if side is not None and side.file.audio_codec is not None}
    if which is OverlayAudio.NONE or not there:
        return []
    if which is not OverlayAudio.MIX and which.value in there:
        there = {which.value: there[which.value]}
    forms = {name: AudioReader(side.file.path).format for name, side in there.items()}
    lead = next(iter(forms.values()))
    form = changed(lead, deep=any(form.deep for form in forms.values()))
    found = []
    for name, side in there.items():
        segments = _segments(schedule, name, side, form.rate)
        found.append(_HeardSide(name, side, segments, form))
    return found


def _with_audio(
    voices: Sequence[_HeardSide],
    sides: Mapping[str, ContentsSide],
    output: "_Output",
    bitrate: int,
    on_progress: "ShareProgress | None",
) -> AudioSummary:
    heard = OverlayAudio(voices[0].name) if len(voices) == 1 else OverlayAudio.MIX
    names = [voice.name for voice in voices]
    reason = "it is a mix"
    if len(voices) == 1:
        voice = voices[0]
        copying = copying_of(voice.side, voice.segments, voice.form.rate, output.target)
        if isinstance(copying, Copying):
            try:
                contents = overlay_contents(sides, names, output.target, copying)
                output.finish(contents)
            except MediaError as error:
                # A container may refuse a codec that it should take. Any other fault occurs again below.
                reason = f"copying failed: {error}"
            else:
                codec = voice.side.file.audio_codec
                words = f"audio: {voice.cut_words()}, copied ({codec})"
                return AudioSummary(heard, True, codec, words, tuple(contents.left_out))
        else:
            reason = copying
    gain = unclipped_gain(mix_blocks(voices[0].blocks(), voices[1].blocks())) if len(voices) == 2 else 1.0
    codec, arguments = _encoder(output.target, voices, bitrate)
    form, total = voices[0].form, voices[0].segments[-1].end
    blocks = _with_progress(_blocks(voices, gain), total, on_progress)
    encoded = encode_samples(blocks, form, total / form.rate, arguments, output.folder)
    track = sides[names[0]].file.audio
    tags = {} if track is None or len(voices) > 1 else track.tags()
    contents = overlay_contents(sides, names, output.target, TrackCopy(encoded, 0, tags=tags, default=True))
    output.finish(contents)
    words = " and ".join(voice.cut_words() for voice in voices)
    lowered = f", {-20 * math.log10(gain):.1f} dB lower" if gain < 1 else ""
    text = f"audio: {words}{lowered}, encoded ({codec}): {reason}"
    return AudioSummary(heard, False, codec, text, tuple(contents.left_out))


@dataclass(frozen=True, slots=True)
class _Output:
    """The file that is written: its video, what that should be, and the paths."""

    video: Path
    shown: ExpectedTrack
    target: Path
    part: Path
    folder: Path

    def finish(self, contents: Contents) -> None:
        """Mux video and contents into one file and read it back."""
        copy_all(video_copy(self.video), self.shown, contents, self.part, self.target)


def _sides(schedule: "Schedule", given: Mapping[str, AudioInput | None], first: str) -> dict[str, ContentsSide]:
    """Return what the files of both sides hold, that of side `first` first."""
    found = {}
    for name in sorted(given, key=lambda name: name != first):
        side = given[name]
        if side is not None:
            segments = _segments(schedule, name, side, _CLOCK_RATE)
            found[name] = ContentsSide(read_tracks(side.file.path), side.start, segments, _CLOCK_RATE)
    return found


def _segments(schedule: "Schedule", name: str, side: AudioInput, rate: int) -> list[AudioSegment]:
    line = schedule.fg if name == "fg" else schedule.bg
    timed = changed(line, clip_rate=line.clip_rate or side.rate, clip_times=line.clip_times or side.times)
    if name == "fg":
        return fg_segments(changed(schedule, fg=timed), rate)
    return bg_segments(changed(schedule, bg=timed), rate)


def _shown(schedule: "Schedule", sides: Sequence[AudioInput | None]) -> ExpectedTrack:
    """Return what the video track should be, as far as that is known without its file."""
    line, count = schedule.bg, len(schedule)
    if line.ref_times:
        return expected_video_track([time - line.ref_times[0] for time in line.ref_times], 0.0)
    if not line.ref_rate or any(side is not None and side.times for side in sides):
        return ExpectedTrack("video", count, 0.0, None, None)
    return expected_video_track([n / float(line.ref_rate) for n in range(count)], float(1 / line.ref_rate))


def _blocks(voices: Sequence[_HeardSide], gain: float) -> "Iterator[Float32Array]":
    if len(voices) == 1:
        return voices[0].blocks()
    return (block * gain for block in mix_blocks(voices[0].blocks(), voices[1].blocks()))


def _with_progress(
    blocks: "Iterator[Float32Array]", total: int, on_progress: "ShareProgress | None"
) -> "Iterator[Float32Array]":
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        if on_progress is not None:
            on_progress(done / total)


def _encoder(target: Path, voices: Sequence[_HeardSide], bitrate: int) -> tuple[str, list[str]]:
    """Return the name of the codec, and ffmpeg's options that encode for the target."""
    form = voices[0].form
    if target.suffix.lower() == ".mkv" and all(voice.side.lossless for voice in voices):
        return "flac", flac_arguments(form)
    if holds_audio(target, "aac"):
        return "aac", ["-c:a", "aac", "-b:a", str(bitrate)]
    if holds_audio(target, "opus"):
        bits = min(bitrate, _OPUS_MAX_BITRATE * form.channels)
        layouts = ["-af", f"aformat=channel_layouts={OPUS_LAYOUTS}"]
        return "opus", ["-c:a", "libopus", "-b:a", str(bits), *layouts]
    return "ac3", ["-c:a", "ac3", "-b:a", str(min(bitrate, _AC3_MAX_BITRATE))]
