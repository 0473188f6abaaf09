"""Random access to the samples of a file."""

from pathlib import Path

import numpy as np
import pytest

from tests.media.films import SOUND_RATE, sound, write_film
from vs_align.errors import MediaError
from vs_align.media.audio_reader import AudioReader, audio_format

ONE_STEP = 1.01 / 32768


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("talkie")
    return write_film(folder / "talkie.mkv", range(25), wave=sound(20.0))


def read(reader: AudioReader, start: int, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return reader.read(start, count)[:, 0]


def test_any_stretch_in_any_order_is_exact(talkie: Path) -> None:
    wave, reader = sound(20.0), AudioReader(talkie)
    rng = np.random.default_rng(3)
    starts = [0, 4000, 100_000, 100_100, 99_000, 0, 900_000, 12_345, *rng.integers(0, 900_000, 10).tolist()]
    for start in starts:
        np.testing.assert_allclose(read(reader, start, 5000), wave[start : start + 5000], atol=ONE_STEP)


def test_silence_around_the_sound(talkie: Path) -> None:
    wave, reader = sound(20.0), AudioReader(talkie)
    early = read(reader, -100, 300)
    assert not early[:100].any()
    np.testing.assert_allclose(early[100:], wave[:200], atol=ONE_STEP)
    late = read(reader, len(wave) - 100, 300)
    np.testing.assert_allclose(late[:100], wave[-100:], atol=ONE_STEP)
    assert not late[100:].any()
    assert not read(reader, len(wave) + 10 * SOUND_RATE, 10).any()


def test_zero_is_where_the_picture_begins(talkie: Path) -> None:
    wave = sound(20.0)
    np.testing.assert_allclose(read(AudioReader(talkie, zero=0.5), 0, 1000), wave[24000:25000], atol=ONE_STEP)


def test_format(talkie: Path, tmp_path: Path) -> None:
    found = audio_format(talkie)
    assert (found.rate, found.channels, found.layout, found.deep) == (SOUND_RATE, 1, "mono", False)
    with pytest.raises(MediaError, match=r"The audio of film\.mkv cannot be read"):
        audio_format(write_film(tmp_path / "film.mkv", range(2)))
