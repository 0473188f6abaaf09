"""When the first frame is shown on the clock by which players time subtitles and chapters."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.media.films import sound, write_film
from vs_align.errors import MediaError
from vs_align.media.ffmpeg import find_ffmpeg
from vs_align.media.file_clock import first_frame_time, playback_zero


def remuxed(source: Path, target: Path) -> Path:
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-i", str(source), "-c", "copy", str(target)], check=True)
    return target


def stamps(path: Path) -> list[int]:
    """Time stamps of the frames in milliseconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [packet.pts * stream.time_base for packet in container.demux(stream) if packet.pts is not None]
    return sorted(round(1000 * time) for time in times)


def test_images_that_begin_behind_the_sound(tmp_path: Path) -> None:
    """A transport stream begins anywhere, at 1.4 s here; players count from there."""
    film = write_film(tmp_path / "film.mkv", range(50), 24, start=0.5, wave=sound(2), audio_codec="aac")
    stream = remuxed(film, tmp_path / "film.ts")
    assert playback_zero(film) == 0
    assert playback_zero(stream) > 1
    assert first_frame_time(film) == pytest.approx(0.5, abs=0.0006)
    # the packet by which AAC begins earlier moves with the sound
    assert first_frame_time(stream) == pytest.approx(0.5 + 1024 / 48000, abs=0.001)


def test_files_without_sound_keep_the_clock_of_their_container(tmp_path: Path) -> None:
    for name in ("film.mkv", "film.mp4"):
        assert first_frame_time(write_film(tmp_path / name, range(10), 25, start=0.52)) == pytest.approx(0.52)
    assert first_frame_time(write_film(tmp_path / "none.mkv", range(10), 25)) == 0


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(60)])
@pytest.mark.parametrize("start", [0.0, 0.02133, 0.50049])
def test_rounding_is_put_back(start: float, rate: Fraction, tmp_path: Path) -> None:
    """Matroska keeps whole milliseconds; with what they hide, every frame is found at its own."""
    film = write_film(tmp_path / "film.mkv", range(130), rate, start=start)
    begun = first_frame_time(film, rate)
    assert begun == pytest.approx(start, abs=0.00051)
    assert [round(1000 * (begun + n / rate)) for n in range(130)] == stamps(film)


def test_variable_rates_keep_the_first_time_stamp(tmp_path: Path) -> None:
    times = [n / 25 + (0.7 if n > 3 else 0) for n in range(20)]
    film = write_film(tmp_path / "film.mkv", range(20), 25, start=0.04, times=times)
    assert first_frame_time(film, Fraction(25)) == first_frame_time(film) == 0.04


def test_what_cannot_be(tmp_path: Path) -> None:
    text = tmp_path / "text.srt"
    text.write_text("1\n00:00:01,000 --> 00:00:02,000\nx\n")
    with pytest.raises(MediaError, match=r"text\.srt has no video stream"):
        first_frame_time(text)
    with pytest.raises(MediaError, match=r"nothing\.mkv cannot be read"):
        first_frame_time(tmp_path / "nothing.mkv")
    with pytest.raises(MediaError, match=r"nothing\.mkv cannot be read"):
        playback_zero(tmp_path / "nothing.mkv")
