"""A whole audio track as one array, on the clock of the video."""

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.media.films import SOUND_RATE, lag, sound, write_film
from vs_align.errors import ArgumentError, MediaError
from vs_align.media.audio_track import RATE, read_audio
from vs_align.media.ffmpeg import find_ffmpeg


def expected(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What `sound` is at RATE."""
    wave = sound(seconds)
    spectrum = np.fft.rfft(wave)
    count = round(seconds * RATE)
    return np.asarray(np.fft.irfft(spectrum[: count // 2 + 1], count) * count / len(wave))


@pytest.mark.parametrize(
    ("name", "codec", "start"),
    [("film.mkv", None, 0.0), ("film.mp4", None, 0.0), ("film.mkv", "libmp3lame", 1.7), ("film.ts", None, 0.4)],
)
def test_encoders_and_starts_change_nothing(tmp_path: Path, name: str, codec: str | None, start: float) -> None:
    """Neither the delay of an encoder nor when the video begins in its file."""
    path = write_film(tmp_path / name, range(25), wave=sound(3.0), start=start, wave_start=start, audio_codec=codec)
    found = read_audio(path)
    samples = found.samples / 32768
    late, likeness = lag(expected(3.0), np.asarray(samples))
    late = late * SOUND_RATE / RATE + found.start
    # Matroska rounds time stamps to a millisecond.
    assert late == pytest.approx(0, abs=0.0011)
    assert likeness > 0.85
    assert found.rate == RATE


def test_sound_that_begins_after_the_picture(tmp_path: Path) -> None:
    found = read_audio(write_film(tmp_path / "film.mkv", range(50), wave=sound(1.0), wave_start=0.6))
    assert found.start == pytest.approx(0.6, abs=0.001)
    assert found.duration == pytest.approx(1.0, abs=0.001)


def test_sound_before_the_picture(tmp_path: Path) -> None:
    found = read_audio(write_film(tmp_path / "film.mkv", range(25), start=0.5, wave=sound(1.0)))
    assert found.start == pytest.approx(-0.5, abs=0.001)


def test_any_rate_and_layout(tmp_path: Path) -> None:
    """Five channels of 44100 samples become one of 8000, and none is louder than full scale."""
    path = tmp_path / "five.flac"
    tones = "|".join(f"0.9*sin(2*PI*{f}*t)" for f in (300, 300, 300, 60, 300, 300))
    source = f"aevalsrc={tones}:s=44100:d=1.5:c=5.1"
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-f", "lavfi", "-i", source, str(path)], check=True)
    found = read_audio(path, 8000)
    assert (found.rate, found.start) == (8000, 0.0)
    assert found.duration == pytest.approx(1.5, abs=0.001)
    power = np.abs(np.fft.rfft(found.samples[400:8400].astype(float)))
    assert int(power.argmax()) == 300
    assert 3000 < np.abs(found.samples.astype(int)).max() <= 32767


def test_gap_is_silence(tmp_path: Path) -> None:
    """A quarter of a second is missing in the file."""
    path = tmp_path / "gap.mkv"
    wave = (sound(1.0) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=SOUND_RATE, layout="mono")
        for first, shift in ((0, 0), (24_000, 12_000)):
            frame = av.AudioFrame.from_ndarray(wave[None, first : first + 24_000], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first + shift, Fraction(1, SOUND_RATE)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    found = read_audio(path).samples / 32768
    want = expected(1.0)
    assert len(found) == pytest.approx(1.25 * RATE, abs=2)
    assert not found[8050:11950].any()
    np.testing.assert_allclose(found[12_050:19_900], want[8050:15_900], atol=0.02)
    np.testing.assert_allclose(found[50:7950], want[50:7950], atol=0.02)


def test_progress_ends_at_all(tmp_path: Path) -> None:
    seen: list[float] = []
    read_audio(write_film(tmp_path / "film.mkv", range(100), wave=sound(4.0)), on_progress=seen.append)
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_what_is_no_sound(tmp_path: Path) -> None:
    mute = write_film(tmp_path / "mute.mkv", range(3))
    with pytest.raises(MediaError, match=r"mute\.mkv has no audio track"):
        read_audio(mute)
    with pytest.raises(MediaError, match="does not exist"):
        read_audio(tmp_path / "nothing.mkv")
    text = tmp_path / "text.mkv"
    text.write_text("no film")
    with pytest.raises(MediaError, match=r"The audio of text\.mkv cannot be read"):
        read_audio(text)
    talkie = write_film(tmp_path / "talkie.mkv", range(3), wave=sound(0.2))
    with pytest.raises(ArgumentError, match="rate must be from 8000 to 48000, got 96000"):
        read_audio(talkie, 96_000)
    with pytest.raises(ArgumentError, match=r"track must be from 0 to 0 in talkie\.mkv, got 1"):
        read_audio(talkie, track=1)


def test_damaged_packets_are_left_out(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.ts", range(75), wave=sound(3.0))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(1).integers(0, 256, 4000, np.uint8).tobytes()
    path.write_bytes(data)
    found = read_audio(path)
    late, likeness = lag(expected(3.0), np.asarray(found.samples / 32768))
    assert late * SOUND_RATE / RATE + found.start == pytest.approx(0, abs=0.0011)
    assert likeness > 0.8
