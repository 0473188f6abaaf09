"""Clip's sound as a file that fits ref."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.decide.cut_list.cut_list import SoundPiece, pieces_of, sound_of
from vs_align.errors import ArgumentError
from vs_align.export.audio_copy import CopyRange, can_copy, copy_sound
from vs_align.media.atomic_output import check_writable, part_path, replace
from vs_align.media.audio_reader import SoundFormat, SoundReader, pour, sound_format
from vs_align.media.ffmpeg import file_url, find_ffmpeg
from vs_align.media.tracks import hides_audio, read_tracks
from vs_align.media.verification import meant_audio, verify
from vs_align.timeline.time_map import TimeMap

if TYPE_CHECKING:
    from vs_align.io.array_types import Float32Array
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "write_sound"
_LOSSLESS = {".wav": "pcm", ".flac": "flac", ".mka": "flac", ".mkv": "flac"}
_LOSSY = {
    ".m4a": "aac",
    ".m4b": "aac",
    ".mp4": "aac",
    ".aac": "aac",
    ".opus": "libopus",
    ".ogg": "libvorbis",
    ".webm": "libopus",
    ".mp3": "libmp3lame",
    ".ac3": "ac3",
    ".eac3": "eac3",
}
_STEREO = {".mp3"}  # formats that hold no more than two channels
_MOMENT_SECONDS = 0.1  # more than any codec's packet, less than anybody waits for
_OPUS_LAYOUTS = "mono|stereo|3.0|quad|5.0|5.1|6.1|7.1"


@dataclass(frozen=True, slots=True)
class SoundReport:
    """How a sound file was made."""

    copied: bool
    """Whether the packets are clip's own, bit for bit; else it was encoded anew."""
    codec: str
    """Name of the codec in the file."""
    reason: str
    """Why it was copied or encoded, in words."""
    pieces: int
    """Pieces of clip that are heard."""
    silent: float
    """Seconds of silence where ref shows what clip has not."""
    speed: float
    """Seconds of clip per second of ref in the longest piece."""
    left_out: tuple[str, ...] = ()
    """Other tracks, chapters and tags that the file has not, in words, an entry each."""


def write_sound(
    timeline: "Timeline",
    clip: "Source",
    ref: "Source",
    target: str | os.PathLike[str],
    pitch: str = "change",
    *,
    copy: bool = True,
) -> SoundReport:
    """Write clip's audio track (the one flagged default, else the first) cut, padded and stretched to ref's time.

    Time 0 of the file is ref's first frame, and silence is where ref shows what clip has not. Cuts lie at the exact
    ends of passages; at speed 1 every sample is clip's own, moved by whole samples, but for two milliseconds at
    either side of a cut, where pieces fade. Where one offset is all there is, the target's container keeps time
    stamps and takes clip's codec, packets are copied without encoding; then up to one packet (some hundredths of a
    second) may be missing where the passage begins, and times are exact to the container's millisecond.

    Args:
        timeline: Which clip frame each ref frame shows.
        clip: The file whose sound is taken.
        ref: The file whose time it is to fit.
        target: File to write: .wav, .flac, .mka and .mkv without loss; .m4a, .m4b, .mp4, .aac, .opus, .webm, .ogg,
            .mp3, .ac3 and .eac3. A file of that name is replaced when the new one is whole.
        pitch: What happens to the pitch where clip runs at another speed. "change" plays the sound faster or slower
            like a tape, which restores the pitch of films that were sped up for PAL, and is exact to the sample.
            "keep" stretches it in time, for sound whose pitch was corrected when the film was sped up; exact to
            8 ms. Speeds within 0.3 % of 1 are always resampled: nobody hears that.
        copy: Whether packets may be copied.

    Raises:
        ArgumentError: `pitch` or the ending is unknown, a file does not fit the timeline, or clip has no sound.
        MediaError: The sound cannot be read, or the file not be written.
        MissingDependencyError: There is no ffmpeg.
    """
    path = Path(target).absolute()
    _check(timeline, clip, ref, path, pitch)
    check_writable(path, (clip.file.path, ref.file.path))
    times = TimeMap(_timed(timeline, clip, ref), _FUNCTION)
    reader = SoundReader(clip.file.path, clip.start, shifts=clip.shifts)
    pieces = pieces_of(times, reader.format.rate, timeline.residual_ms)
    codec = clip.file.audio_codec or ""
    reason = "" if copy else "copying was not wanted"
    part = part_path(path)
    try:
        if not reason:
            reason = _copied(clip, ref, path, part, pieces, times, reader.format)
        copied = not reason
        if copied:
            reason = "one offset is all there is"
        else:
            codec = _codec_arguments(path, reader.format)[1]
            track = read_tracks(clip.file.path).audio
            tags = {} if track is None else track.tags()
            _encode(path, part, reader.format, sound_of(reader, pieces, pitch == "keep"), tags)
            verify(part, [meant_audio(pieces[-1].end / reader.format.rate)], path)
        replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    heard = [piece for piece in pieces if piece.clip_start is not None]
    silent = sum(piece.end - piece.begin for piece in pieces if piece.clip_start is None) / reader.format.rate
    longest = max(heard, key=lambda piece: piece.end - piece.begin, default=None)
    speed = 1.0 if longest is None else longest.speed
    return SoundReport(copied, codec, reason, len(heard), silent, speed, _others(clip))


def _others(clip: "Source") -> tuple[str, ...]:
    """Name the audio tracks of clip that are not written."""
    file = read_tracks(clip.file.path)
    return tuple(f"clip: {track.words()}" for track in file.of_kind("audio") if track != file.audio)


def _check(timeline: "Timeline", clip: "Source", ref: "Source", path: Path, pitch: str) -> None:
    if pitch not in ("change", "keep"):
        raise ArgumentError(_FUNCTION, "pitch", "must be 'change' or 'keep'", repr(pitch))
    known = [*_LOSSLESS, *_LOSSY]
    if path.suffix.lower() not in known:
        raise ArgumentError(_FUNCTION, "target", f"must end in one of {', '.join(known)}", repr(path.name))
    for name, source, length in (("clip", clip, timeline.clip_length), ("ref", ref, timeline.ref_length)):
        if source.length != length:
            rule = f"must have as many frames as the timeline says ({length})"
            raise ArgumentError(_FUNCTION, name, rule, source.length)
    if clip.file.audio_codec is None:
        raise ArgumentError(_FUNCTION, "clip", "must have sound", clip.file.path.name)


def _timed(timeline: "Timeline", clip: "Source", ref: "Source") -> "Timeline":
    """The timeline with the files' rates and time stamps, which it may lack."""
    from dataclasses import replace as changed

    return changed(
        timeline,
        clip_rate=timeline.clip_rate or clip.rate,
        ref_rate=timeline.ref_rate or ref.rate,
        clip_times=timeline.clip_times or (clip.times if clip.variable else ()),
        ref_times=timeline.ref_times or (ref.times if ref.variable else ()),
    )


def _copied(
    clip: "Source", ref: "Source", path: Path, part: Path, pieces: list[SoundPiece], times: TimeMap, form: SoundFormat
) -> str:
    """Copy packets if that is possible; return why it is not, or nothing."""
    if clip.shifts:
        return "its time stamps start anew"
    if hides_audio(clip.file.path):
        return "an edit list hides how it begins"
    heard = [piece for piece in pieces if piece.clip_start is not None]
    if len(heard) != 1 or heard[0].clip_start is None:
        return f"{len(heard)} pieces are heard" if heard else "nothing is heard"
    piece, start = heard[0], heard[0].clip_start
    if piece.speed != 1:
        return "clip runs at another speed"
    codec = clip.file.audio_codec or ""
    if not can_copy(path, codec):
        return f"{path.suffix} does not take packets of {codec} and keep their times"
    at_start = times.frames[times.stretches[0].ref_first] == 0
    at_end = piece.end == pieces[-1].end or times.frames[times.stretches[-1].ref_last] == clip.length - 1
    begin = clip.start + start
    end, shift = begin + (piece.end - piece.begin) / form.rate, piece.begin / form.rate - begin
    what = CopyRange(begin, end, shift, at_start, at_end)
    meant = copy_sound(clip.file.path, part, what)
    if not meant.packets:
        return "no packet of clip lies within the passage"
    verify(part, [meant], path)
    return ""


def _codec_arguments(path: Path, form: SoundFormat) -> tuple[list[str], str]:
    """Return ffmpeg's options for the target, and the codec's name."""
    end = path.suffix.lower()
    kind = _LOSSLESS.get(end)
    if kind == "pcm":
        codec = "pcm_s24le" if form.deep else "pcm_s16le"
        # Four gigabytes are less than four hours of 5.1.
        return ["-c:a", codec, "-rf64", "auto"], codec
    if kind == "flac":
        return ["-c:a", "flac", "-sample_fmt", "s32" if form.deep else "s16"], "flac"
    codec = _LOSSY[end]
    arguments = ["-c:a", codec, "-b:a", f"{max(192, 64 * form.channels)}k"]
    if codec == "libopus":
        arguments += ["-af", f"aformat=channel_layouts={_OPUS_LAYOUTS}"]
    elif end in _STEREO and form.channels > 2:
        arguments += ["-ac", "2"]
    return arguments, codec.removeprefix("lib")


def _encode(path: Path, part: Path, form: SoundFormat, blocks: "Iterator[Float32Array]", tags: dict[str, str]) -> None:
    command = [str(find_ffmpeg()), "-hide_banner", "-nostats", "-loglevel", "warning", "-y"]
    command += ["-f", "f32le", "-ar", str(form.rate), "-ch_layout", form.layout, "-i", "pipe:0"]
    command += _codec_arguments(path, form)[0]
    for name, text in tags.items():
        command += ["-metadata:s:a:0", f"{name}={text}"]
    with TemporaryDirectory(prefix="vs_align-") as folder:
        pour([*command, file_url(part)], blocks, Path(folder))


def check_target(target: Path, source: Path) -> None:
    """Make sure that a file's sound can be encoded for a target, by encoding a moment of silence like it.

    Args:
        target: What is to be written; its ending tells the codec.
        source: The file whose sound it is.

    Raises:
        MediaError: The source has no sound that can be read, or this ffmpeg does not encode it so.
        MissingDependencyError: There is no ffmpeg.
    """
    import numpy as np

    form = sound_format(source)
    silence = np.zeros((max(1, round(_MOMENT_SECONDS * form.rate)), form.channels), np.float32)
    with TemporaryDirectory(prefix="vs_align-") as folder:
        _encode(target, Path(folder) / f"moment{target.suffix}", form, iter([silence]), {})
