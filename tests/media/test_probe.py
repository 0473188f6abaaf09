"""What is said of a file before any work."""

import struct
from fractions import Fraction
from pathlib import Path

import pytest

from tests.media.films import sound, write_film
from vs_align.errors import MediaError
from vs_align.media.containers import declared_bytes
from vs_align.media.probe import probe


def test_describes_a_file(tmp_path: Path) -> None:
    rate = Fraction(24000, 1001)
    film = write_film(tmp_path / "film.mp4", range(24), rate, start=0.5, wave=sound(1.0))
    found = probe(film)
    assert (found.width, found.height, found.fps, found.frames) == (160, 90, rate, 24)
    assert found.video_start == pytest.approx(0.5, abs=0.001)
    assert (found.audio_codec, found.rotation) == ("aac", 0)
    assert not found.interlaced


def test_file_without_sound(tmp_path: Path) -> None:
    assert probe(write_film(tmp_path / "film.mkv", range(3))).audio_codec is None


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi", ".webm"])
def test_whole_files_keep_their_promise(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    film = write_film(tmp_path / f"film{suffix}", range(12), codec=codec)
    assert declared_bytes(film) == film.stat().st_size
    assert probe(film).width == 160


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
@pytest.mark.parametrize("missing", [1, 1000])
def test_one_missing_byte_is_noticed(tmp_path: Path, suffix: str, missing: int) -> None:
    film = write_film(tmp_path / f"film{suffix}", range(12))
    film.write_bytes(film.read_bytes()[:-missing])
    with pytest.raises(MediaError, match="is truncated: its header promises"):
        probe(film)


def test_matroska_of_unknown_length_is_let_pass(tmp_path: Path) -> None:
    """Recorders that write to a pipe leave the length open."""
    film = write_film(tmp_path / "film.mkv", range(12))
    data = bytearray(film.read_bytes())
    place = data.index(bytes.fromhex("18538067")) + 4
    data[place : place + 8] = bytes.fromhex("01ffffffffffffff")
    film.write_bytes(data[:-100])
    assert declared_bytes(film) is None
    assert probe(film).width == 160


def test_boxes_with_64_bit_lengths(tmp_path: Path) -> None:
    path = tmp_path / "boxes.mp4"
    body = struct.pack(">I4s", 16, b"ftyp") + b"isom0000" + struct.pack(">I4sQ", 1, b"mdat", 5000)
    path.write_bytes(body)
    assert declared_bytes(path) == 16 + 5000


def test_last_box_may_reach_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "boxes.mp4"
    path.write_bytes(struct.pack(">I4s", 16, b"ftyp") + b"isom0000" + struct.pack(">I4s", 0, b"mdat") + bytes(100))
    assert declared_bytes(path) == path.stat().st_size


def test_rubbish_behind_the_last_box_is_no_damage(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", range(3))
    film.write_bytes(film.read_bytes() + bytes(64))
    assert probe(film).frames == 3


def test_other_kinds_promise_nothing(tmp_path: Path) -> None:
    path = tmp_path / "any.bin"
    path.write_bytes(b"\x47" * 400)
    assert declared_bytes(path) is None
