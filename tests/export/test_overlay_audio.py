"""Films with clicks at known times, demanded back from the file of an overlay."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.media.films import SOUND_RATE, heard, shown_numbers, write_audio, write_film
from vs_align.decide.schedule.schedule import schedule_of
from vs_align.enums import OverlayAudio, SegmentKind, Timing
from vs_align.errors import MediaError
from vs_align.export.overlay_audio import AudioSummary, add_overlay_audio
from vs_align.export.stream_copy import AudioInput
from vs_align.io.array_types import Float64Array
from vs_align.media.audio_reader import AudioReader, audio_format
from vs_align.media.probe import probe
from vs_align.media.remux import TrackCopy, remux
from vs_align.timeline.timeline import Segment, Timeline

FRAMES, SECONDS = 250, 10.0
TIMES = (0.06, 1.5, 5.02, 9.9)
CODECS: dict[str, tuple[str, int | None]] = {
    "aac.mp4": ("aac", 128_000),
    "aac.mkv": ("aac", 128_000),
    "flac.mkv": ("flac", None),
    "pcm.mkv": ("pcm_s24le", None),
    "opus.webm": ("libopus", 128_000),
    "ac3.mkv": ("ac3", 192_000),
    "mp3.mkv": ("libmp3lame", 128_000),
}
EXACT = {"flac": ".mka", "pcm_s24le": ".mka", "libopus": ".ogg"}


def clicks(times: Sequence[float], seconds: float = SECONDS, rate: int = SOUND_RATE) -> Float64Array:
    # so soft that nobody hears it, but no two packets are alike
    wave = 1e-3 * np.random.default_rng(1).standard_normal(round(seconds * rate))
    for time in times:
        wave[round(time * rate)] = 0.9
    return wave


def side(
    folder: Path,
    name: str = "flac.mkv",
    wave: Float64Array | None = None,
    *,
    rate: int = SOUND_RATE,
    layout: str = "mono",
    frames: int = FRAMES,
    fps: Fraction | int = 25,
    late: float = 0.0,
) -> AudioInput:
    """A film whose audio, the same in all channels, begins `late` seconds after its first frame."""
    codec = "libvpx" if name.endswith("webm") else "libx264"
    picture = folder / f"picture-{name}"
    write_film(picture, [0] * frames, fps, size=(32, 16), codec=codec)
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    wave = clicks(TIMES, rate=rate) if wave is None else wave
    samples = np.repeat(wave.astype(np.float32)[:, None], channels, axis=1)
    encoder, bits = CODECS[name]
    encoded = folder / f"encoded-{name.split('.')[0]}{EXACT.get(encoder, '.mp4')}"
    write_audio(encoded, samples, rate, layout, encoder, bits)
    start = max(0.0, -late)
    remux(folder / name, [TrackCopy(picture, 0, start), TrackCopy(encoded, 0, start + late)])
    file = probe(folder / name)
    return AudioInput(file, file.video_start, Fraction(fps), frames)


def silent_side(folder: Path, frames: int = FRAMES, fps: Fraction | int = 25) -> AudioInput:
    file = probe(write_film(folder / f"silent-{frames}.mkv", [0] * frames, fps, size=(32, 16)))
    return AudioInput(file, file.video_start, Fraction(fps), frames)


def line(segments: Sequence[Segment], bg_length: int, bg_rate: Any = 25, fg_rate: Any = 25) -> Timeline:
    """`sync(bg, fg)`."""
    return Timeline(tuple(segments), Fraction(bg_rate), Fraction(fg_rate), bg_length, segments[-1].ref_last + 1)


WHOLE = line([Segment(0, FRAMES - 1, 0)], FRAMES)
CUT = line([Segment(0, 99, 10), Segment(100, 149, None, kind=SegmentKind.INSERT), Segment(150, 249, 140)], FRAMES)


def make(
    timeline: Timeline,
    bg: AudioInput | None,
    fg: AudioInput | None,
    target: Path,
    which: OverlayAudio = OverlayAudio.FG,
    timing: Timing = Timing.FG,
    trim: bool = True,
    **more: Any,
) -> AudioSummary:
    schedule = schedule_of(timeline, timing, trim)
    folder = target.parent / "logs"
    folder.mkdir(exist_ok=True)
    codec = "libvpx" if target.suffix == ".webm" else "libx264"
    name = folder / f"picture{target.suffix}"
    numbers = [k % 7 for k in range(len(schedule))]
    video = write_film(name, numbers, schedule.bg.ref_rate, codec=codec, size=(80, 46))
    summary = add_overlay_audio(schedule, bg, fg, which, video, target, 192_000, folder, **more)
    assert [path.name for path in target.parent.glob(".*")] == []
    return summary


def found_clicks(path: Path, seconds: float, threshold: float = 0.12) -> list[float]:
    """When clicks are heard, in seconds after the first frame."""
    wave, times = np.abs(heard(path, seconds)), list[float]()
    for i in np.flatnonzero(wave > threshold).tolist():
        if wave[i] == wave[max(0, i - 960) : i + 961].max() and (not times or i / SOUND_RATE - times[-1] > 0.02):
            times.append(i / SOUND_RATE)
    return times


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize(("name", "end"), [(name, end) for name in CODECS for end in (".mp4", ".mkv")])
def test_whole_sound_is_copied(tmp_path: Path, name: str, end: str) -> None:
    """Bit for bit, and each click within a millisecond of its frame."""
    fg = side(tmp_path, name)
    target = tmp_path / f"out{end}"
    summary = make(WHOLE, silent_side(tmp_path), fg, target)
    codec = name.split(".")[0].replace("pcm", "pcm_s24le")
    if (name, end) == ("pcm.mkv", ".mp4"):
        assert (summary.copied, summary.codec) == (False, "aac")
        assert summary.words.endswith(".mp4 does not take packets of pcm_s24le and keep their times")
    else:
        assert (summary.copied, summary.codec) == (True, codec)
        assert summary.words == f"audio: fg's, copied ({codec})"
        made, given = packets(target), packets(fg.file.path)
        # what the encoder put behind the last picture may be left out
        assert len(made) > 50
        assert made == given[: len(made)]
        assert len(given) - len(made) <= 2
    assert summary.heard is OverlayAudio.FG
    np.testing.assert_allclose(found_clicks(target, SECONDS), TIMES, atol=0.001)
    assert shown_numbers(target, range(7)) == [k % 7 for k in range(FRAMES)]


@pytest.mark.parametrize("end", [".mp4", ".mov", ".mkv"])
def test_a_trimmed_beginning(tmp_path: Path, end: str) -> None:
    """Fg from 3 s on: MP4 and MOV leave out to the sample what they copy; for Matroska it is encoded anew."""
    timeline = line([Segment(0, 74, None, kind=SegmentKind.INSERT), Segment(75, 249, 0)], 175)
    fg = side(tmp_path, "aac.mp4", clicks([2.995, 3.01, 5.02, 9.9]))
    summary = make(timeline, None, fg, tmp_path / f"out{end}")
    assert summary.copied == (end != ".mkv")
    assert summary.codec == "aac"
    assert summary.copied or summary.words == "audio: fg's, encoded (aac): it begins within a packet"
    if summary.copied:
        made, given = packets(tmp_path / f"out{end}"), packets(fg.file.path)
        first = given.index(made[0])
        assert 100 < first < 141
        assert made == given[first : first + len(made)]
    np.testing.assert_allclose(found_clicks(tmp_path / f"out{end}", 7), [0.01, 2.02, 6.9], atol=0.001)


@pytest.mark.parametrize("name", ["aac.mp4", "flac.mkv"])
@pytest.mark.parametrize("end", [".mp4", ".mkv"])
@pytest.mark.parametrize("late", [-0.3, -0.0834, 0.25])
def test_sound_that_begins_sooner_or_later(tmp_path: Path, name: str, end: str, late: float) -> None:
    times = np.array([0.4, 1.5, 5.02, 9.6])
    fg = side(tmp_path, name, clicks((times - late).tolist()), late=late)
    assert fg.start == pytest.approx(max(0.0, -late), abs=0.002)
    target = tmp_path / f"out{end}"
    summary = make(WHOLE, None, fg, target)
    anew = name == "flac.mkv" and end == ".mkv" and late < 0
    assert (summary.copied, summary.codec) == (not anew, name.split(".")[0])
    np.testing.assert_allclose(found_clicks(target, SECONDS), times, atol=0.0015)
    with av.open(str(target)) as container:
        assert next(container.decode(video=0)).time == 0


def wanted_after_cut() -> list[float]:
    return [t - 0.4 for t in TIMES if 0.4 <= t < 4.4] + [t - 5.6 + 6 for t in TIMES if 5.6 <= t < 9.6]


@pytest.mark.parametrize("end", [".mp4", ".mkv", ".webm"])
def test_bg_is_cut(tmp_path: Path, end: str) -> None:
    """Segments with silence between, in AAC or Opus: clicks to the millisecond in each."""
    times = [0.5, 2.2, 4.3, 5.0, 5.7, 9.5]
    bg = side(tmp_path, "ac3.mkv", clicks(times), layout="stereo")
    summary = make(CUT, bg, silent_side(tmp_path), tmp_path / f"out{end}", trim=False)
    codec = "opus" if end == ".webm" else "aac"
    assert (summary.heard, summary.copied, summary.codec) == (OverlayAudio.BG, False, codec)
    said = "audio: bg's (2 segments, 2.00 s of silence), encoded"
    assert summary.words == f"{said} ({codec}): 2 segments are heard"
    found = found_clicks(tmp_path / f"out{end}", SECONDS)
    np.testing.assert_allclose(found, [0.1, 1.8, 3.9, 6.1, 9.9], atol=0.001)
    form = audio_format(tmp_path / f"out{end}")
    assert (form.rate, form.layout) == (48_000, "stereo")


@pytest.mark.parametrize(("rate", "layout"), [(44_100, "5.1"), (44_100, "mono"), (48_000, "5.1"), (96_000, "stereo")])
def test_matroska_keeps_what_is_without_loss(tmp_path: Path, rate: int, layout: str) -> None:
    """Cut, but to the sample and bit for bit, at the rate and with the channels it had."""
    rng = np.random.default_rng(1)
    wave = rng.integers(-16_384, 16_384, round(SECONDS * rate)) / 32_768
    bg = side(tmp_path, "pcm.mkv", wave, rate=rate, layout=layout)
    summary = make(CUT, bg, None, tmp_path / "out.mkv", OverlayAudio.BG, trim=False)
    assert (summary.copied, summary.codec) == (False, "flac")
    reader = AudioReader(tmp_path / "out.mkv")
    assert (reader.format.rate, reader.format.layout, reader.format.deep) == (
        rate,
        audio_format(bg.file.path).layout,
        True,
    )
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == 10 * rate
    found, fade = reader.read(0, 10 * rate), round(0.002 * rate)
    assert not found[4 * rate : 6 * rate].any()
    for channel in range(reader.format.channels):
        head, tail = found[: 4 * rate - fade, channel], found[6 * rate + fade :, channel]
        np.testing.assert_array_equal(head, wave[rate * 2 // 5 :][: len(head)].astype(np.float32))
        np.testing.assert_array_equal(tail, wave[round(5.6 * rate) + fade :][: len(tail)].astype(np.float32))


@pytest.mark.parametrize("end", [".mp4", ".mkv"])
def test_pal_speed(tmp_path: Path, end: str) -> None:
    times = [0.1, 5.0, 9.8]
    bg = side(tmp_path, "flac.mkv", clicks(times), frames=240, fps=Fraction(24_000, 1001), rate=SOUND_RATE)
    timeline = line([Segment(0, 239, 0)], 240, Fraction(24_000, 1001), 25)
    summary = make(timeline, bg, None, tmp_path / f"out{end}")
    assert summary.words.startswith("audio: bg's (104.271 % of its speed), encoded")
    assert summary.words.endswith("it runs at another speed")
    wanted = np.array(times) * 24_000 / 25_025
    np.testing.assert_allclose(found_clicks(tmp_path / f"out{end}", 9.6), wanted, atol=0.001)


@pytest.mark.parametrize("end", [".mp4", ".mkv"])
@pytest.mark.parametrize("name", ["aac.mp4", "flac.mkv"])
def test_fg_in_the_time_of_bg(tmp_path: Path, name: str, end: str) -> None:
    """Fg begins 2 s into bg and ends before it: its packets are copied to there."""
    fg = side(tmp_path, name, clicks([0.06, 5.02, 7.9], 8.0), frames=200)
    bg = silent_side(tmp_path, 500)
    timeline = line([Segment(0, 199, 50)], 500)
    summary = make(timeline, bg, fg, tmp_path / f"out{end}", timing=Timing.BG, trim=False)
    assert summary.copied
    assert summary.words == f"audio: fg's (12.00 s of silence), copied ({summary.codec})"
    np.testing.assert_allclose(found_clicks(tmp_path / f"out{end}", 20), [2.06, 7.02, 9.9], atol=0.001)


@pytest.mark.parametrize(("rate", "layout"), [(44_100, "mono"), (44_100, "5.1"), (48_000, "stereo")])
def test_a_mix(tmp_path: Path, rate: int, layout: str) -> None:
    """Both at their times, at the rate and with the channels of fg; where both click it would clip."""
    bg = side(tmp_path, "pcm.mkv", clicks([0.5, 3.0, 9.9], rate=rate), rate=rate, layout=layout)
    fg = side(tmp_path, "flac.mkv", clicks([0.3, 2.4, 5.0]), layout="stereo")
    timeline = line([Segment(0, 236, 13)], FRAMES)
    told: list[float] = []
    target = tmp_path / "out.mkv"
    summary = make(timeline, bg, fg, target, OverlayAudio.MIX, trim=False, on_progress=told.append)
    assert (summary.heard, summary.codec, summary.copied) == (OverlayAudio.MIX, "flac", False)
    assert summary.words.startswith("audio: fg's and bg's")
    assert summary.words.endswith("encoded (flac): it is a mix")
    form = audio_format(target)
    assert (form.rate, form.layout) == (48_000, "stereo")
    found = found_clicks(target, 9.48, 0.05)
    np.testing.assert_allclose(found, [0.3, 2.4, 2.48, 5.0, 9.38], atol=0.001)
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_mix_does_not_clip(tmp_path: Path) -> None:
    bg, fg = side(tmp_path, "pcm.mkv", clicks(TIMES)), side(tmp_path, "flac.mkv", clicks(TIMES[:2]))
    summary = make(WHOLE, bg, fg, tmp_path / "out.mkv", OverlayAudio.MIX)
    assert summary.words == "audio: fg's and bg's, 5.1 dB lower, encoded (flac): it is a mix"
    wave = heard(tmp_path / "out.mkv", SECONDS)
    peaks = [wave[round(time * SOUND_RATE)] for time in TIMES]
    np.testing.assert_allclose(peaks, [1, 1, 0.5, 0.5], atol=1e-3)


def test_who_is_heard(tmp_path: Path) -> None:
    """The requested side if it has audio, else the other; and none."""
    with_sound, without = side(tmp_path, "aac.mp4"), silent_side(tmp_path)
    for sides, which, wanted in (
        ((with_sound, without), OverlayAudio.FG, OverlayAudio.BG),
        ((without, with_sound), OverlayAudio.BG, OverlayAudio.FG),
        ((with_sound, with_sound), OverlayAudio.BG, OverlayAudio.BG),
        ((with_sound, without), OverlayAudio.MIX, OverlayAudio.BG),
        ((None, with_sound), OverlayAudio.MIX, OverlayAudio.FG),
    ):
        assert make(WHOLE, sides[0], sides[1], tmp_path / "out.mp4", which).heard is wanted
    for given, which, said in (
        ((with_sound, with_sound), OverlayAudio.NONE, "no audio: not wanted"),
        ((without, None), OverlayAudio.FG, "no audio: neither has any"),
    ):
        summary = make(WHOLE, given[0], given[1], tmp_path / "out.mp4", which)
        assert (summary.heard, summary.copied, summary.codec) == (OverlayAudio.NONE, False, None)
        assert summary.words == said
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert not container.streams.audio
            assert sum(1 for _ in container.decode(video=0)) == FRAMES


def test_rates_that_only_the_file_knows(tmp_path: Path) -> None:
    bg = side(tmp_path, "flac.mkv")
    schedule = schedule_of(WHOLE, Timing.FG, True)
    schedule = replace(schedule, bg=replace(schedule.bg, clip_rate=Fraction(0)))
    video = write_film(tmp_path / "picture.mp4", [0] * FRAMES)
    add_overlay_audio(schedule, bg, None, OverlayAudio.BG, video, tmp_path / "out.mp4", 192_000, tmp_path)
    np.testing.assert_allclose(found_clicks(tmp_path / "out.mp4", SECONDS), TIMES, atol=0.001)


def test_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    fg = side(tmp_path, "aac.mp4")
    schedule = schedule_of(WHOLE, Timing.FG, True)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "made").mkdir()
    target = tmp_path / "made" / "out.mp4"
    target.write_bytes(b"old")
    for which in OverlayAudio.FG, OverlayAudio.NONE:
        with pytest.raises(MediaError, match=r"broken\.mp4 was written, but cannot be read back"):
            add_overlay_audio(schedule, None, fg, which, tmp_path / "broken.mp4", target, 192_000, tmp_path)
    assert [path.name for path in target.parent.iterdir()] == ["out.mp4"]
    assert target.read_bytes() == b"old"
