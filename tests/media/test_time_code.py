"""Time codes as numbers of frames."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from tests.media.films import write_film
from vs_align.errors import MediaError
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.media.time_code import frames_of, start_time_code

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("text", "rate", "frames"),
    [
        ("00:00:00:00", Fraction(25), 0),
        ("01:00:00:05", Fraction(25), 90005),
        ("01:00:00:00", Fraction(24000, 1001), 86400),
        # 108 numbers are left out in an hour
        ("01:00:00;00", NTSC, 107892),
        ("01:00:00:00", NTSC, 108000),
        ("00:00:59;29", NTSC, 1799),
        ("00:01:00;02", NTSC, 1800),
        ("00:10:00;00", NTSC, 17982),
        ("00:01:00;04", 2 * NTSC, 3600),
        ("later", Fraction(25), None),
        ("1:2:3", Fraction(25), None),
    ],
)
def test_frames(text: str, rate: Fraction, frames: int | None) -> None:
    assert frames_of(text, rate) == frames


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_files(tmp_path: Path, suffix: str) -> None:
    plain, coded = write_film(tmp_path / "plain.mkv", range(5)), tmp_path / f"coded{suffix}"
    tag = ["-metadata", "timecode=01:00:00:05"] if suffix == ".mkv" else ["-timecode", "01:00:00:05"]
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(plain), "-c", "copy", *tag, str(coded)]
    subprocess.run(command, check=True)
    assert start_time_code(coded, Fraction(25)) == 90005
    assert start_time_code(plain, Fraction(25)) == 0


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "text.mkv").write_text("no video")
    with pytest.raises(MediaError, match=r"text\.mkv cannot be read"):
        start_time_code(tmp_path / "text.mkv", Fraction(25))
