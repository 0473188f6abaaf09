"""Clicks at known times of clip, demanded back at ref's times."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.media.films import SOUND_RATE, lag, sound, write_film
from vs_align.enums import SegmentKind
from vs_align.errors import ArgumentError, MediaError
from vs_align.export.audio import retime_audio
from vs_align.io.array_types import Float64Array
from vs_align.media.probe import probe
from vs_align.media.source import Source, open_source
from vs_align.render.audio.time_stretch_kernels import overlap_add
from vs_align.timeline.timeline import Segment, Timeline

ONE_STEP = 1.01 / 32768
CLIP_FRAMES, RATE = 300, 25
SECONDS = CLIP_FRAMES / RATE
CLICKS = [0.5 + 0.731 * k for k in range(15)]


def clicking(seconds: float, times: Sequence[float]) -> Float64Array:
    wave = np.zeros(round(seconds * SOUND_RATE))
    for time in times:
        wave[round(time * SOUND_RATE)] = 0.9
    return wave


def source(path: Path, length: int, rate: Fraction | int = RATE, **options: Any) -> Source:
    return open_source(probe(write_film(path, [0] * length, rate, size=(32, 16), **options)))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tmp_path_factory.mktemp("clip")
    return source(folder / "clip.mkv", CLIP_FRAMES, wave=clicking(SECONDS, CLICKS))


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return source(tmp_path_factory.mktemp("noisy") / "noisy.mp4", CLIP_FRAMES, wave=sound(SECONDS))


type Silent = Callable[..., Source]


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Silent:
    """Makes films without audio, of a length and a rate."""
    folder, made = tmp_path_factory.mktemp("silent"), dict[tuple[int, Fraction | int], Source]()

    def film(length: int = 300, rate: Fraction | int = RATE) -> Source:
        if (length, rate) not in made:
            made[length, rate] = source(folder / f"ref-{len(made)}.mkv", length, rate)
        return made[length, rate]

    return film


def decoded(path: Path) -> tuple[Float64Array, float]:
    """First audio channel of a file from its time 0 on, and the time of its first sample."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SOUND_RATE)
        frames = list(container.decode(audio=0))
        first = float(frames[0].time or 0.0)
        parts = [np.zeros(max(0, round(first * SOUND_RATE)))]
        for frame in [*frames, None]:
            if frame is not None:
                frame.pts = None
            parts += [done.to_ndarray().reshape(-1).astype(float) for done in resampler.resample(frame)]
    wave = np.concatenate(parts)
    return wave[max(0, -round(first * SOUND_RATE)) :], first


def clicks_in(wave: Float64Array, threshold: float = 0.3) -> list[float]:
    """Times of peaks that stand alone for 10 ms."""
    times: list[float] = []
    for i in np.flatnonzero(np.abs(wave) > threshold).tolist():
        near = np.abs(wave[max(0, i - 480) : i + 481])
        if abs(wave[i]) == near.max() and (not times or i / SOUND_RATE - times[-1] > 0.01):
            times.append(i / SOUND_RATE)
    return times


def timeline(segments: Sequence[Segment], ref: Source, clip: Source, **fields: Any) -> Timeline:
    return Timeline(tuple(segments), clip.rate, ref.rate, clip.length, ref.length, **fields)


CUT = (
    Segment(0, 99, 10),
    Segment(100, 149, None, kind=SegmentKind.INSERT),
    Segment(150, 249, 120),
    Segment(250, 299, 250),
)


def wanted_after_cut() -> list[float]:
    places = [(0, 99, 10), (150, 249, 120), (250, 299, 250)]
    wanted = []
    for first, last, start in places:
        inside = [t for t in CLICKS if start / RATE <= t < (start + last - first + 1) / RATE]
        wanted += [t - start / RATE + first / RATE for t in inside]
    return wanted


@pytest.mark.parametrize("name", ["sound.wav", "sound.flac", "sound.mka"])
def test_cuts_and_inserts_are_exact_to_the_sample(name: str, clip: Source, tmp_path: Path, silent: Silent) -> None:
    ref = silent()
    report = retime_audio(timeline(CUT, ref, clip), clip, ref, tmp_path / name)
    assert (report.copied, report.segments, report.silent, report.speed) == (False, 3, 2.0, 1.0)
    assert report.reason == "3 segments are heard"
    wave, first = decoded(tmp_path / name)
    assert (len(wave), first) == (12 * SOUND_RATE, 0)
    found, wanted = clicks_in(wave), wanted_after_cut()
    assert len(wanted) >= 10
    np.testing.assert_allclose(found, wanted, atol=1.01 / SOUND_RATE)
    assert not wave[round(4.0 * SOUND_RATE) : round(6.0 * SOUND_RATE)].any()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_samples_are_those_of_clip(tmp_path: Path, silent: Silent) -> None:
    """An offset into a lossless target without copying: bit for bit, silence around."""
    wave = sound(SECONDS)
    clip, ref = source(tmp_path / "c.mkv", 300, wave=wave), silent(250)
    segments = [Segment(0, 49, None, kind=SegmentKind.INSERT), Segment(50, 249, 60)]
    retime_audio(timeline(segments, ref, clip), clip, ref, tmp_path / "s.wav")
    found, _ = decoded(tmp_path / "s.wav")
    assert len(found) == 10 * SOUND_RATE
    assert not found[: 2 * SOUND_RATE].any()
    shift, fade = 60 * SOUND_RATE // RATE, 96
    np.testing.assert_allclose(
        found[2 * SOUND_RATE + fade :], wave[shift + fade : shift + 8 * SOUND_RATE], atol=ONE_STEP
    )


@pytest.mark.parametrize("clip_first", [0, 17])
def test_pal_speed_with_the_pitch_changed(clip_first: int, clip: Source, tmp_path: Path, silent: Silent) -> None:
    """Film frames played at 25: each click comes later by 25025/24000, and the pitch falls by as much."""
    ref = silent(280, Fraction(24000, 1001))
    report = retime_audio(timeline([Segment(0, 279, clip_first)], ref, clip), clip, ref, tmp_path / "s.flac")
    assert not report.copied
    assert report.speed == pytest.approx(24000 / 25025)
    wave, _ = decoded(tmp_path / "s.flac")
    assert len(wave) == round(280 * 1001 / 24000 * SOUND_RATE)
    wanted = [(t - clip_first / RATE) * 25025 / 24000 for t in CLICKS]
    wanted = [t for t in wanted if 0 < t < len(wave) / SOUND_RATE]
    assert len(wanted) >= 10
    np.testing.assert_allclose(clicks_in(wave), wanted, atol=1.01 / SOUND_RATE)


def test_resampling_changes_nothing_but_time(tmp_path: Path, silent: Silent) -> None:
    """A tone of 1000 Hz becomes one of 959 Hz, as clean as before."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(12 * SOUND_RATE) / SOUND_RATE)
    clip, ref = source(tmp_path / "c.mkv", 300, wave=tone), silent(300, Fraction(24000, 1001))
    retime_audio(timeline([Segment(0, 299, 0)], ref, clip), clip, ref, tmp_path / "s.flac")
    wave, _ = decoded(tmp_path / "s.flac")
    places = np.arange(1000, len(wave) - 1000)
    wanted = 0.5 * np.sin(2 * np.pi * 1000 * 24000 / 25025 * places / SOUND_RATE)
    assert np.abs(wave[places] - wanted).max() < 3 * ONE_STEP


def test_pitch_is_kept_where_asked(tmp_path: Path, silent: Silent) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(12 * SOUND_RATE) / SOUND_RATE)
    # Bursts tell the time, their tone the pitch.
    gate = (np.arange(12 * SOUND_RATE) // (SOUND_RATE // 2)) % 2
    clip = source(tmp_path / "c.mkv", 300, wave=tone * gate)
    ref = silent(300, Fraction(24000, 1001))
    retime_audio(timeline([Segment(0, 299, 0)], ref, clip), clip, ref, tmp_path / "s.flac", pitch="keep")
    wave, _ = decoded(tmp_path / "s.flac")
    assert len(wave) == round(300 * 1001 / 24000 * SOUND_RATE)
    loud = np.convolve(np.abs(wave), np.ones(480) / 480, "same") > 0.16
    edges = np.flatnonzero(np.diff(loud.astype(int)) == 1) / SOUND_RATE
    wanted = np.arange(0.5, 12, 1.0) * 25025 / 24000
    assert len(edges) == len(wanted) == 12
    assert np.abs(edges - wanted).max() < 0.008
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    assert abs(np.argmax(spectrum) * SOUND_RATE / len(wave) - 1000) < 3


@pytest.mark.parametrize("speed", [0.9, 24 / 25, 25 / 24, 1.2])
def test_stretched_tones_stay_whole(speed: float) -> None:
    """A chord keeps its frequencies and its loudness, and nothing but a little of it leaves its lines."""
    places = np.arange(6 * SOUND_RATE) / SOUND_RATE
    chord = sum(0.2 * np.sin(2 * np.pi * f * places) for f in (220.0, 330.0, 1750.0))
    samples = np.stack([chord, 0.5 * chord], axis=1).astype(np.float32)
    hop, reach = 960, 384
    wanted = 4000 + np.rint(hop * (np.arange(200) + 1) * speed - hop).astype(np.int64)
    made, behind = overlap_add(samples, 4000, wanted, hop, reach)
    assert made.shape == (200 * hop, 2)
    assert abs(behind - hop - wanted[-1]) <= reach + 4
    np.testing.assert_allclose(made[:, 1], 0.5 * made[:, 0], atol=1e-6)
    power = np.square(np.abs(np.fft.rfft(made[:, 0] * np.hanning(len(made)))))
    frequencies = np.fft.rfftfreq(len(made), 1 / SOUND_RATE)
    lines = sum(power[np.abs(frequencies - f) < 4].sum() for f in (220.0, 330.0, 1750.0))
    assert lines / power.sum() > 0.97
    assert np.square(made[:, 0]).mean() == pytest.approx(0.06, rel=0.05)


def test_small_drift_is_followed_exactly(tmp_path: Path, silent: Silent) -> None:
    """150 ppm: 1.8 ms over the film, and pitch="keep" makes no difference to it."""
    rate = 1.00015
    clip, ref = source(tmp_path / "c.mkv", 301, wave=clicking(12.04, CLICKS)), silent()
    line = timeline([Segment(0, 299, 0, rate)], ref, clip)
    for pitch in ("change", "keep"):
        retime_audio(line, clip, ref, tmp_path / "s.wav", pitch=pitch)
        wave, _ = decoded(tmp_path / "s.wav")
        np.testing.assert_allclose(clicks_in(wave), np.array(CLICKS) / rate, atol=1.01 / SOUND_RATE)


def test_rest_below_a_frame_moves_the_sound(clip: Source, tmp_path: Path, silent: Silent) -> None:
    ref = silent()
    line = timeline([Segment(0, 299, 0)], ref, clip, residual_ms=12.5)
    retime_audio(line, clip, ref, tmp_path / "s.wav")
    wave, _ = decoded(tmp_path / "s.wav")
    np.testing.assert_allclose(clicks_in(wave), np.array(CLICKS) - 0.0125, atol=1.01 / SOUND_RATE)


@pytest.mark.parametrize("name", ["s.mka", "s.m4a", "s.mkv"])
@pytest.mark.parametrize("clip_first", [0, 60])
def test_one_offset_is_copied(name: str, clip_first: int, noisy: Source, tmp_path: Path, silent: Silent) -> None:
    """AAC of clip, packet by packet, in its place."""
    ref = silent(250)
    segments = [Segment(0, 49, None, kind=SegmentKind.INSERT), Segment(50, 249, clip_first)]
    report = retime_audio(timeline(segments, ref, noisy), noisy, ref, tmp_path / name)
    assert (report.copied, report.codec, report.segments) == (True, "aac", 1)
    with av.open(str(tmp_path / name)) as made, av.open(str(noisy.file.path)) as given:
        packets = [bytes(packet) for packet in made.demux(audio=0) if packet.size]
        assert len(packets) > 300
        assert set(packets) <= {bytes(packet) for packet in given.demux(audio=0)}
    wave, _ = decoded(tmp_path / name)
    # Compared with what the codec left of it; its first packets need those before them.
    expected = decoded(noisy.file.path)[0][clip_first * SOUND_RATE // RATE :][SOUND_RATE : 7 * SOUND_RATE]
    late, likeness = lag(expected, wave[3 * SOUND_RATE : 9 * SOUND_RATE])
    assert abs(late) <= 0.001
    assert likeness > 0.99
    assert not wave[: round(1.9 * SOUND_RATE)].any()


def test_copying_is_not_forced(noisy: Source, tmp_path: Path, silent: Silent) -> None:
    ref = silent()
    line = timeline([Segment(0, 299, 0)], ref, noisy)
    for name, options, reason in (
        ("s.flac", {}, ".flac does not take packets of aac and keep their times"),
        ("s.mka", {"copy": False}, "copying was not wanted"),
        ("s.opus", {}, ".opus does not take packets of aac and keep their times"),
    ):
        report = retime_audio(line, noisy, ref, tmp_path / name, **options)  # type: ignore[arg-type]
        assert (report.copied, report.reason) == (False, reason)
        wave, _ = decoded(tmp_path / name)
        late, likeness = lag(sound(SECONDS)[: 10 * SOUND_RATE], wave[: 10 * SOUND_RATE])
        assert abs(late) <= 0.001
        assert likeness > 0.95


def test_nothing_matched_is_silence(clip: Source, tmp_path: Path, silent: Silent) -> None:
    ref = silent(50)
    line = timeline([Segment(0, 49, None, kind=SegmentKind.INSERT)], ref, clip)
    report = retime_audio(line, clip, ref, tmp_path / "s.flac")
    assert (report.segments, report.silent, report.reason) == (0, 2.0, "nothing is heard")
    wave, _ = decoded(tmp_path / "s.flac")
    assert len(wave) == 2 * SOUND_RATE
    assert not wave.any()


def test_what_cannot_be(clip: Source, tmp_path: Path, silent: Silent) -> None:
    ref = silent()
    line = timeline([Segment(0, 299, 0)], ref, clip)
    with pytest.raises(ArgumentError, match=r"retime_audio: pitch must be 'change' or 'keep', got 'up'"):
        retime_audio(line, clip, ref, tmp_path / "s.wav", pitch="up")
    with pytest.raises(ArgumentError, match=r"retime_audio: target must end in one of \.wav, .* got 's\.txt'"):
        retime_audio(line, clip, ref, tmp_path / "s.txt")
    with pytest.raises(ArgumentError, match=r"retime_audio: clip must have an audio track, got ref-\d\.mkv"):
        retime_audio(timeline([Segment(0, 299, 0)], ref, ref), ref, ref, tmp_path / "s.wav")
    short = Timeline((Segment(0, 9, 0),), clip.rate, ref.rate, clip.length, 10)
    with pytest.raises(ArgumentError, match=r"retime_audio: ref must have as many frames .*\(10\), got 300"):
        retime_audio(short, clip, ref, tmp_path / "s.wav")
    with pytest.raises(MediaError, match="does not exist"):
        retime_audio(line, clip, ref, tmp_path / "nowhere" / "s.wav")
    assert not list(tmp_path.iterdir())
