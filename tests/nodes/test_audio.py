"""Audio nodes as arrays."""

from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from tests.media.films import sound, write_film
from vs_align.errors import ArgumentError
from vs_align.media.audio_track import RATE, read_audio
from vs_align.nodes.audio import audio_identity, node_audio

core = vs.core


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"sampletype": vs.INTEGER, "bits": 24},
        {"sampletype": vs.FLOAT, "bits": 32, "samplerate": 44_100},
        {"channels": [vs.FRONT_LEFT, vs.FRONT_RIGHT]},
    ],
)
def test_node_and_file_are_one(tmp_path: Path, form: dict[str, object]) -> None:
    path = write_film(tmp_path / "film.mkv", range(50), wave=sound(2.0))
    node = core.bs.AudioSource(str(path), cachemode=0)
    found = node_audio(core.std.AudioResample(node, **form) if form else node)
    want = read_audio(path).samples.astype(float)
    samples = found.samples.astype(float)
    assert len(samples) == pytest.approx(len(want), abs=2)
    inner = slice(500, 31_000)
    gain = (samples[inner] * want[inner]).sum() / np.square(want[inner]).sum()
    # Channels may be louder or softer, but no sample is elsewhere.
    assert 0.4 < gain < 2
    assert np.abs(samples[inner] / gain - want[inner]).max() < 0.05 * np.abs(want).max()


def test_start_rate_and_progress() -> None:
    seen: list[float] = []
    node = core.std.BlankAudio(
        samplerate=48_000, length=48_000 * 70 + 1, waveform="sine", frequency=440.0, amplitude=0.5
    )
    found = node_audio(node, 8000, -0.25, seen.append)
    assert (found.rate, found.start) == (8000, -0.25)
    assert found.duration == pytest.approx(70, abs=0.001)
    power = np.abs(np.fft.rfft(found.samples[8000:16_000].astype(float)))
    assert int(power.argmax()) == 440
    assert 0.3 < found.samples.max() / 32768 < 1
    assert seen == sorted(seen)
    assert len(seen) >= 1


def test_what_is_no_sound() -> None:
    with pytest.raises(ArgumentError, match="audio must be an audio node, got VideoNode"):
        node_audio(core.std.BlankClip())
    with pytest.raises(ArgumentError, match="rate must be from 8000 to 48000, got 100"):
        node_audio(core.std.BlankAudio(), 100)
    assert RATE == 16_000


def test_sounds_of_one_length_are_told_apart(tmp_path: Path) -> None:
    def node(name: str, seed: int) -> vs.AudioNode:
        path = write_film(tmp_path / name, range(50), wave=sound(2.0, seed))
        return core.bs.AudioSource(str(path), cachemode=0)

    one, same, other = node("one.mkv", 1), node("same.mkv", 1), node("other.mkv", 2)
    assert one.num_samples == other.num_samples
    assert audio_identity(one) == audio_identity(same)
    assert audio_identity(one) != audio_identity(other)
    assert audio_identity(one) != audio_identity(one[:-1])
