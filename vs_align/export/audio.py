"""Clip's audio track retimed to ref, as a file of its own: packets copied if one offset is enough, else encoded."""

import os
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vs_align.decide.cut_list.cut_list import AudioSegment, line_segments, silent_samples
from vs_align.errors import ArgumentError
from vs_align.export.audio_copy import CopyRange, can_copy, copy_audio_packets
from vs_align.export.audio_encoding import OPUS_LAYOUTS, flac_arguments, write_encoded
from vs_align.io.atomic_files import part_path, replace
from vs_align.media.audio_reader import AudioFormat, AudioReader, audio_format
from vs_align.media.output_checks import check_writable
from vs_align.media.tracks import hides_audio, read_tracks
from vs_align.media.verification import expected_audio_track, verify
from vs_align.render.audio.play import play
from vs_align.timeline.time_map import TimeMap

if TYPE_CHECKING:
    from vs_align.media.source import Source
    from vs_align.timeline.timeline import Timeline

_FUNCTION = "retime_audio"
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
_STEREO = {".mp3"}
"""Formats that hold no more than two channels."""
_TRIAL_SECONDS = 0.1
"""Silence that is encoded to see whether an encoder works: longer than a packet of any codec."""
_MIN_KBITS = 192
"""Lowest bit rate of lossy encoding, in kbit/s. Trades size against the loss of a second encoding."""
_KBITS_PER_CHANNEL = 64
"""Bit rate of lossy encoding per channel, in kbit/s, if that is more."""


@dataclass(frozen=True, slots=True)
class AudioReport:
    """How an audio file was made."""

    copied: bool
    """Whether the packets are clip's own, bit for bit; else they were encoded."""
    codec: str
    """Name of the codec in the file."""
    reason: str
    """Why it was copied or encoded, in words."""
    segments: int
    """Number of segments of clip that are heard."""
    silent: float
    """Seconds of silence, because ref shows what clip lacks."""
    speed: float
    """Seconds of clip per second of ref in the longest segment."""
    left_out: tuple[str, ...] = ()
    """Other tracks, chapters and tags that the file lacks, in words, an entry each."""


def retime_audio(
    timeline: "Timeline",
    clip: "Source",
    ref: "Source",
    target: str | os.PathLike[str],
    pitch: str = "change",
    *,
    copy: bool = True,
) -> AudioReport:
    """Write clip's audio track (the one flagged default, else the first) cut, padded and stretched to ref's time.

    Time 0 of the file is ref's first frame. If ref shows what clip lacks, there is silence. Cuts lie at the exact ends
    of passages. At speed 1 every sample is clip's own, moved by whole samples, except in the fades of 2 ms on either
    side of a cut. If one offset is enough, and the target's container keeps time stamps and takes clip's codec, packets
    are copied without encoding; then up to one packet (some hundredths of a second) may be missing at the beginning of
    the passage, and times are exact to the container's millisecond.

    Args:
        timeline: Which clip frame each ref frame shows.
        clip: The file whose audio is taken.
        ref: The file whose time it gets.
        target: File to write: .wav, .flac, .mka and .mkv lossless; .m4a, .m4b, .mp4, .aac, .opus, .webm, .ogg, .mp3,
            .ac3 and .eac3 lossy. A file of that name is replaced when the new one is complete.
        pitch: What happens to the pitch if clip runs at another speed. "change" resamples, like a tape that is played
            faster or slower, which restores the pitch of films that were sped up for PAL, and is exact to the sample.
            "keep" time-stretches, for audio whose pitch was corrected when the film was sped up; exact to 8 ms. Speeds
            within 0.3 % of 1 are always resampled, which is inaudible.
        copy: Whether packets may be copied.

    Raises:
        ArgumentError: `pitch` or the ending is unknown, a file does not fit the timeline, or clip has no audio.
        MediaError: The audio cannot be read, or the file cannot be written.
        MissingDependencyError: There is no ffmpeg.
    """
    path = Path(target).absolute()
    _check(timeline, clip, ref, path, pitch)
    check_writable(path, (clip.file.path, ref.file.path))
    times = TimeMap(_timed(timeline, clip, ref), _FUNCTION)
    reader = AudioReader(clip.file.path, clip.start, shifts=clip.shifts)
    rate = reader.format.rate
    segments = line_segments(times, rate, timeline.residual_ms)
    codec = clip.file.audio_codec or ""
    reason = "" if copy else "copying was not wanted"
    part = part_path(path)
    try:
        if not reason:
            reason = _copied(clip, path, part, segments, times, rate)
        copied = not reason
        if copied:
            reason = "one offset is enough"
        else:
            codec = _codec_arguments(path, reader.format)[1]
            track = read_tracks(clip.file.path).audio
            tags = {} if track is None else track.tags()
            arguments = [*_codec_arguments(path, reader.format)[0], *_tag_arguments(tags)]
            blocks = play(reader, segments, keep_pitch=pitch == "keep")
            with TemporaryDirectory(prefix="vs_align-") as folder:
                write_encoded(part, blocks, reader.format, arguments, Path(folder))
            verify(part, [expected_audio_track(segments[-1].end / rate)], path)
        replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    heard = [segment for segment in segments if segment.clip_start is not None]
    silent = silent_samples(segments) / rate
    longest = max(heard, key=len, default=None)
    speed = 1.0 if longest is None else longest.speed
    return AudioReport(copied, codec, reason, len(heard), silent, speed, _others(clip))


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
        raise ArgumentError(_FUNCTION, "clip", "must have an audio track", clip.file.path.name)


def _timed(timeline: "Timeline", clip: "Source", ref: "Source") -> "Timeline":
    """Return the timeline with the files' rates and time stamps, which it may lack."""
    return changed(
        timeline,
        clip_rate=timeline.clip_rate or clip.rate,
        ref_rate=timeline.ref_rate or ref.rate,
        clip_times=timeline.clip_times or (clip.times if clip.variable else ()),
        ref_times=timeline.ref_times or (ref.times if ref.variable else ()),
    )


def _copied(clip: "Source", path: Path, part: Path, segments: list[AudioSegment], times: TimeMap, rate: int) -> str:
    """Copy packets if that is possible; return why it is not, or an empty text."""
    if clip.shifts:
        return "its time stamps start anew"
    if hides_audio(clip.file.path):
        return "an edit list hides how it begins"
    heard = [segment for segment in segments if segment.clip_start is not None]
    if len(heard) != 1 or heard[0].clip_start is None:
        return f"{len(heard)} segments are heard" if heard else "nothing is heard"
    segment, start = heard[0], heard[0].clip_start
    if segment.speed != 1:
        return "clip runs at another speed"
    codec = clip.file.audio_codec or ""
    if not can_copy(path, codec):
        return f"{path.suffix} does not take packets of {codec} and keep their times"
    at_start = times.frames[times.stretches[0].ref_first] == 0
    at_end = segment.end == segments[-1].end or times.frames[times.stretches[-1].ref_last] == clip.length - 1
    begin = clip.start + start
    end, shift = begin + len(segment) / rate, segment.begin / rate - begin
    what = CopyRange(begin, end, shift, at_start, at_end)
    meant = copy_audio_packets(clip.file.path, part, what)
    if not meant.packets:
        return "no packet of clip lies within the passage"
    verify(part, [meant], path)
    return ""


def _codec_arguments(path: Path, form: AudioFormat) -> tuple[list[str], str]:
    """Return ffmpeg's options for the target, and the codec's name."""
    end = path.suffix.lower()
    kind = _LOSSLESS.get(end)
    if kind == "pcm":
        codec = "pcm_s24le" if form.deep else "pcm_s16le"
        # RF64 above 4 GiB, which are less than four hours of 5.1.
        return ["-c:a", codec, "-rf64", "auto"], codec
    if kind == "flac":
        return flac_arguments(form), "flac"
    codec = _LOSSY[end]
    arguments = ["-c:a", codec, "-b:a", f"{max(_MIN_KBITS, _KBITS_PER_CHANNEL * form.channels)}k"]
    if codec == "libopus":
        arguments += ["-af", f"aformat=channel_layouts={OPUS_LAYOUTS}"]
    elif end in _STEREO and form.channels > 2:
        arguments += ["-ac", "2"]
    return arguments, codec.removeprefix("lib")


def _tag_arguments(tags: dict[str, str]) -> list[str]:
    """Return ffmpeg's options that set tags of the audio track."""
    return [argument for name, text in tags.items() for argument in ("-metadata:s:a:0", f"{name}={text}")]


def check_target(target: Path, source: Path) -> None:
    """Make sure that a file's audio can be encoded for a target, by encoding a moment of silence in its format.

    Args:
        target: The file to write; its ending chooses the codec.
        source: The file whose audio it is.

    Raises:
        MediaError: The source has no audio that can be read, or this ffmpeg lacks the encoder.
        MissingDependencyError: There is no ffmpeg.
    """
    import numpy as np

    form = audio_format(source)
    silence = np.zeros((max(1, round(_TRIAL_SECONDS * form.rate)), form.channels), np.float32)
    with TemporaryDirectory(prefix="vs_align-") as name:
        folder = Path(name)
        write_encoded(folder / f"trial{target.suffix}", [silence], form, _codec_arguments(target, form)[0], folder)
