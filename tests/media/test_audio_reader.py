"""Sound by the sample."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.media.films import SOUND_RATE, sound, write_film
from vs_align.decide.cut_list.audio_piece import AudioPiece
from vs_align.errors import MediaError
from vs_align.media.audio_reader import SoundReader, piece_samples, sound_format

ONE_STEP = 1.01 / 32768


@pytest.fixture(scope="module")
def talkie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("talkie")
    return write_film(folder / "talkie.mkv", range(25), wave=sound(20.0))


def read(reader: SoundReader, start: int, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return reader.read(start, count)[:, 0]


def test_any_stretch_in_any_order_is_exact(talkie: Path) -> None:
    wave, reader = sound(20.0), SoundReader(talkie)
    rng = np.random.default_rng(3)
    starts = [0, 4000, 100_000, 100_100, 99_000, 0, 900_000, 12_345, *rng.integers(0, 900_000, 10).tolist()]
    for start in starts:
        np.testing.assert_allclose(read(reader, start, 5000), wave[start : start + 5000], atol=ONE_STEP)


def test_silence_around_the_sound(talkie: Path) -> None:
    wave, reader = sound(20.0), SoundReader(talkie)
    early = read(reader, -100, 300)
    assert not early[:100].any()
    np.testing.assert_allclose(early[100:], wave[:200], atol=ONE_STEP)
    late = read(reader, len(wave) - 100, 300)
    np.testing.assert_allclose(late[:100], wave[-100:], atol=ONE_STEP)
    assert not late[100:].any()
    assert not read(reader, len(wave) + 10 * SOUND_RATE, 10).any()


def test_zero_is_where_the_picture_begins(talkie: Path) -> None:
    wave = sound(20.0)
    np.testing.assert_allclose(read(SoundReader(talkie, zero=0.5), 0, 1000), wave[24000:25000], atol=ONE_STEP)


def test_pieces_fit_to_the_sample(talkie: Path) -> None:
    """Pieces of uneven length without an offset give the sound back, whole."""
    wave, reader = sound(20.0), SoundReader(talkie)
    edges = np.cumsum([0, 1 / 3, 0.04171, 2.00001, 1 / 24])
    pieces = [AudioPiece(a, b, a) for a, b in pairwise(edges)]
    joined = np.concatenate([block[:, 0] for piece in pieces for block in piece_samples(reader, piece)])
    assert len(joined) == round(edges[-1] * SOUND_RATE)
    np.testing.assert_allclose(joined, wave[: len(joined)], atol=ONE_STEP)


def test_silent_piece(talkie: Path) -> None:
    blocks = list(piece_samples(SoundReader(talkie), AudioPiece(1.0, 3.5, None)))
    assert sum(map(len, blocks)) == 2.5 * SOUND_RATE
    assert not any(block.any() for block in blocks)


def test_format(talkie: Path, tmp_path: Path) -> None:
    found = sound_format(talkie)
    assert (found.rate, found.channels, found.layout, found.deep) == (SOUND_RATE, 1, "mono", False)
    with pytest.raises(MediaError, match=r"The sound of film\.mkv cannot be read"):
        sound_format(write_film(tmp_path / "film.mkv", range(2)))
