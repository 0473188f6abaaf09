"""`match_audio` on synthetic audio with known changes (offset, speed, cuts, rooms, dubs) and on real tracks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.measure.audio.audio_signals import RATE, as_sound, film, microphone, music, pitch_kept, sampled_at, speech
from vs_align.errors import ArgumentError
from vs_align.io.array_types import Float64Array
from vs_align.measure.audio.matching import AudioMatch, match_audio
from vs_align.media.audio_track import MonoAudio, read_audio

SECONDS = 71.0


@pytest.fixture(scope="module")
def wave() -> Float64Array:
    return film(SECONDS, 1)


@pytest.fixture(scope="module")
def other() -> Float64Array:
    return film(50.3, 77)


def error(found: AudioMatch, clip_at_zero: float, speed: float = 1.0) -> float:
    """Largest error of a match with one interval, seconds."""
    (interval,) = found.intervals
    times = np.array([interval.ref_start, interval.ref_end])
    said = interval.clip_start + (times - interval.ref_start) * interval.speed
    return float(np.abs(said - clip_at_zero - times * speed).max())


def test_the_same_sound_later_is_found_to_the_sample(wave: Float64Array) -> None:
    found = match_audio(as_sound(wave[17 * RATE + 123 :], level=0.02), as_sound(-wave))
    late = 17 + 123 / RATE
    assert error(found, -late) < 2e-5
    assert found.intervals[0].ref_start == pytest.approx(late, abs=0.01)
    assert found.intervals[0].ref_end == pytest.approx(SECONDS, abs=0.01)
    assert found.intervals[0].speed == 1.0
    assert found.confidence > 0.9


def test_both_starts_count(wave: Float64Array) -> None:
    found = match_audio(as_sound(wave, start=0.25), as_sound(wave[: 40 * RATE], start=-0.5))
    assert error(found, 0.75) < 2e-5


@pytest.mark.parametrize(("rt60", "direct"), [(0.3, 1.0), (0.5, 0.5)])
def test_microphones_in_two_rooms(wave: Float64Array, rt60: float, direct: float) -> None:
    """Echo and noise as loud as the sound, on both sides."""
    clip, ref = microphone(wave[9 * RATE :], 11, rt60, direct), microphone(wave, 12, rt60, direct)
    found = match_audio(as_sound(clip), as_sound(ref))
    assert error(found, -9.0) < 0.001
    assert found.confidence > 0.7


@pytest.mark.parametrize("speed", [1 + 150e-6, 1.001, 24 / 25])
def test_speed_with_its_pitch(wave: Float64Array, speed: float) -> None:
    clip = as_sound(sampled_at(wave, np.arange(int(len(wave) / speed), dtype=np.float64) * speed))
    found = match_audio(clip, as_sound(wave))
    assert error(found, 0.0, 1 / speed) < 0.0005
    known = abs(speed - 1) > 3e-4
    assert found.intervals[0].speed == pytest.approx(1 / speed, rel=1e-12 if known else 5e-6)
    assert found.confidence > 0.9


def test_speed_with_pitch_kept(wave: Float64Array) -> None:
    found = match_audio(pitch_kept(wave, 25 / 24), as_sound(wave))
    assert error(found, 0.0, 24 / 25) < 0.03
    assert found.confidence > 0.5


def test_cut_and_insert(wave: Float64Array, other: Float64Array) -> None:
    """Of clip 20 s are lost, 15 s of something else come in, and then 40 ms are lost."""
    parts = wave[: 15 * RATE], wave[35 * RATE : 45 * RATE], other[: 15 * RATE], wave[45 * RATE : 58 * RATE]
    ref = np.concatenate([*parts, wave[round(58.04 * RATE) :]])
    found = match_audio(as_sound(wave), as_sound(ref))
    truth = [(0.0, 15.0, 0.0), (15.0, 25.0, 20.0), (40.0, 53.0, 5.0), (53.0, len(ref) / RATE, 5.04)]
    assert len(found.intervals) == 4
    for interval, (start, end, late) in zip(found.intervals, truth, strict=True):
        assert interval.ref_start == pytest.approx(start, abs=0.1)
        assert interval.ref_end == pytest.approx(end, abs=0.1)
        assert interval.clip_start - interval.ref_start == pytest.approx(late, abs=5e-5)
    assert found.confidence > 0.7


def test_far_apart() -> None:
    """Half a minute, eleven minutes into something else."""
    wanted = film(31, 5)
    rng = np.random.default_rng(3)
    around = rng.standard_normal(700 * RATE) * np.repeat(rng.uniform(0.05, 0.4, 7000), RATE // 10)
    around[660 * RATE : 660 * RATE + len(wanted)] = wanted / wanted.std() * 0.2
    found = match_audio(as_sound(wanted), as_sound(around))
    assert error(found, -660.0) < 2e-5
    assert found.intervals[0].ref_start == pytest.approx(660, abs=0.1)
    assert found.intervals[0].ref_end == pytest.approx(691, abs=0.1)
    assert found.confidence > 0.7


def test_dub(other: Float64Array) -> None:
    """The music is one, the words are not."""
    count = len(other)
    score = music(count / RATE, 9)
    languages = [speech(count / RATE, seed) for seed in (21, 22)]
    clip, ref = (as_sound(2 * score[: len(words)] + words) for words in languages)
    found = match_audio(clip, ref)
    assert found.confidence < 0.3 or error(found, 0.0) < 0.001
    assert found.intervals


@pytest.mark.parametrize("make", [film, speech, music], ids=["films", "speech", "music"])
def test_unrelated(make: Callable[[float, int], Float64Array]) -> None:
    found = match_audio(as_sound(make(60.7, 31)), as_sound(make(70, 41)))
    assert found.confidence < 0.3


def test_silence_is_like_nothing(wave: Float64Array) -> None:
    hiss = MonoAudio(np.random.default_rng(1).integers(-1, 2, 20 * RATE, np.int16), RATE)
    for clip in (as_sound(np.zeros(20 * RATE)), hiss, as_sound(wave[:10])):
        found = match_audio(clip, as_sound(wave))
        assert (found.intervals, found.confidence) == ((), 0.0)
        assert found.reason == "clip is silent or nearly so."
    assert match_audio(as_sound(wave), hiss).reason == "ref is silent or nearly so."


def test_repeated_music_is_said() -> None:
    loop = np.tile(music(8, 5), 9)
    found = match_audio(as_sound(loop), as_sound(loop[: 60 * RATE]))
    assert found.confidence < 0.3
    assert "repeats itself" in found.reason


def test_refrain_that_comes_back() -> None:
    """All of the song is clear, a refrain alone could be any, and nothing of clip is used twice."""
    refrain = music(20, 1)
    song = np.concatenate([refrain, music(15, 2), refrain, music(15, 3), refrain])
    whole = match_audio(as_sound(song), as_sound(song))
    assert error(whole, 0.0) < 2e-5
    assert whole.confidence > 0.7
    alone = match_audio(as_sound(refrain), as_sound(song))
    assert len(alone.intervals) == 1
    assert alone.confidence < 0.3
    assert "repeats itself" in alone.reason


def test_rates_have_to_be_one(wave: Float64Array) -> None:
    with pytest.raises(ArgumentError, match=r"match_audio: clip must have ref's 16000 samples per second, got 8000"):
        match_audio(MonoAudio(np.zeros(100, np.int16), 8000), as_sound(wave[:100]))


@pytest.mark.parametrize(
    "name", ["bbb_3d-animation_cuts_music_480p24.mkv", "his-girl-friday_static_dialogue_bw_480p30.mp4"]
)
def test_real_sound(shared_clips: Path, name: str) -> None:
    whole = read_audio(shared_clips / name)
    late = round(0.8 * RATE)
    found = match_audio(MonoAudio(whole.samples[late:], RATE, whole.start), whole)
    assert error(found, -0.8) < 2e-5
    assert found.confidence > 0.7


def test_real_sounds_that_have_nothing_in_common(shared_clips: Path) -> None:
    names = "bbb_3d-animation_cuts_music_480p24.mkv", "his-girl-friday_static_dialogue_bw_480p30.mp4"
    one, two = (read_audio(shared_clips / name) for name in names)
    assert match_audio(one, two).confidence < 0.3
    assert match_audio(two, one).confidence < 0.3
    silent = read_audio(shared_clips / "dog-fetch_live-action_fast_720p30.mp4")
    assert match_audio(silent, one).reason == "clip is silent or nearly so."
