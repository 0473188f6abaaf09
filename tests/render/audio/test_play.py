"""Cut lists played back: known samples at known positions, with 2 ms fades at cuts only."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.media.films import SOUND_RATE, sound, write_film
from vs_align.decide.cut_list.cut_list import AudioSegment
from vs_align.io.array_types import AnyArray, Float32Array, Float64Array
from vs_align.media.audio_reader import AudioFormat, AudioReader
from vs_align.render.audio.play import fade_length, play

RATE = 48_000
FADE = 96
"""2 ms."""


class Ramp:
    """Audio of one channel whose every sample tells its position: its number, exact in float32 up to 16.7 million."""

    format = AudioFormat(RATE, 1, "mono", True)

    def read(self, start: int, count: int) -> Float32Array:
        """Numbers from `start` on."""
        return np.arange(start, start + count, dtype=np.float32)[:, None]


class Tone:
    """A sine of 1 kHz, which is 0 at sample 0."""

    format = AudioFormat(RATE, 1, "mono", True)

    def read(self, start: int, count: int) -> Float32Array:
        """Samples from `start` on."""
        return tone(np.arange(start, start + count))[:, None].astype(np.float32)


def tone(places: AnyArray) -> Float64Array:
    return np.asarray(np.sin(2 * np.pi * 1000 / RATE * places))


def heard(*segments: AudioSegment, keep_pitch: bool = False) -> Float32Array:
    return np.concatenate(list(play(Ramp(), segments, keep_pitch=keep_pitch)))[:, 0]


def fade(count: int = FADE) -> Float64Array:
    """A linear ramp whose samples lie in the middle of their steps."""
    return (np.arange(count) + 0.5) / count


def test_one_segment_is_passed_on_without_fades() -> None:
    np.testing.assert_array_equal(heard(AudioSegment(0, 200_000, 1.5)), np.arange(72_000, 272_000))


def test_positions_are_exact_and_cuts_fade_within_2_ms() -> None:
    found = heard(AudioSegment(0, 10_000, 0.5), AudioSegment(10_000, 30_000, 2.0), AudioSegment(30_000, 35_000, 0.25))
    expected = np.concatenate([np.arange(24_000, 34_000), np.arange(96_000, 116_000), np.arange(12_000, 17_000)])
    gain = np.ones(35_000)
    for cut in (10_000, 30_000):
        gain[cut - FADE : cut], gain[cut : cut + FADE] = fade()[::-1], fade()
    np.testing.assert_allclose(found, expected * gain, rtol=1e-6)
    assert (found[FADE : 10_000 - FADE] == expected[FADE : 10_000 - FADE]).all()
    assert found[0] == expected[0], "the beginning is no cut"
    assert found[-1] == expected[-1], "the end is no cut"


def test_audio_fades_into_silence_and_out_of_it() -> None:
    found = heard(AudioSegment(0, 5000, 1.0), AudioSegment(5000, 9000, None), AudioSegment(9000, 12_000, 1.0))
    assert not found[5000:9000].any()
    np.testing.assert_allclose(found[4904:5000], np.arange(52_904, 53_000) * fade()[::-1], rtol=1e-6)
    np.testing.assert_allclose(found[9000:9096], np.arange(48_000, 48_096) * fade(), rtol=1e-6)


def test_a_fade_takes_at_most_half_of_its_segment() -> None:
    assert fade_length(AudioSegment(0, 50, 0.0), RATE) == 25
    found = heard(AudioSegment(0, 1000, 0.0), AudioSegment(1000, 1050, 1.0), AudioSegment(1050, 2000, 0.0))
    gain = np.concatenate([fade(25), fade(25)[::-1]])
    np.testing.assert_allclose(found[1000:1050], np.arange(48_000, 48_050) * gain, rtol=1e-6)


def test_a_start_between_two_samples_is_rounded_once_for_all_blocks() -> None:
    """Rounding each block by itself may step by a sample where the start lies near the middle of two."""
    start = np.nextafter(1.5, 0) / RATE
    found = heard(AudioSegment(0, 1 << 23, float(start)))
    assert (np.diff(found) == 1).all()
    assert found[0] == round(start * RATE)


@pytest.mark.parametrize("speed", [25 / 24, 0.999, 24000 / 25025])
def test_another_speed_keeps_positions_to_a_fraction_of_a_sample(speed: float) -> None:
    """A tone whose phase is right to 0.002 is taken from a position that is right to a sixtieth of a sample."""
    count = 150_000
    found = np.concatenate(list(play(Tone(), [AudioSegment(0, count, 2.0001, speed)], keep_pitch=False)))[:, 0]
    assert np.abs(found - tone(2.0001 * RATE + np.arange(count) * speed)).max() < 0.002


def test_segments_of_uneven_length_give_a_file_back(tmp_path: Path) -> None:
    wave = sound(4.0)
    path = write_film(tmp_path / "talkie.mkv", range(25), wave=wave)
    edges = [round(edge * SOUND_RATE) for edge in np.cumsum([0, 1 / 3, 0.04171, 2.00001, 1 / 24])]
    segments = [AudioSegment(a, b, a / SOUND_RATE) for a, b in pairwise(edges)]
    joined = np.concatenate([block[:, 0] for block in play(AudioReader(path), segments, keep_pitch=False)])
    assert len(joined) == edges[-1]
    near_cut = np.zeros(len(joined), bool)
    for edge in edges[1:-1]:
        near_cut[edge - FADE : edge + FADE] = True
    np.testing.assert_allclose(joined[~near_cut], wave[: len(joined)][~near_cut], atol=1.01 / 32768)


def test_silence_has_the_channels_of_the_reader() -> None:
    blocks = list(play(Ramp(), [AudioSegment(0, 120_000, None)], keep_pitch=True))
    assert sum(map(len, blocks)) == 120_000
    assert not any(block.any() for block in blocks)
    assert {block.shape[1] for block in blocks} == {1}
