"""Commands on files whose time stamps lack, restart or jitter: the same frames, speeds and sound as for whole files."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.cli.calling import call
from tests.folders import SHARED
from tests.media.films import SOUND_RATE, heard, lag, sound
from tests.media.odd_files import RATE, ffmpeg, film, joined
from tests.sync_films import ShotFilm

FIRST, COUNT, JOINT = 20, 80, 36
"""Frames of the film that clip has, and where its clock starts anew."""
WHOLE = 120
PAINT = ShotFilm(1).picture


class Films:
    """The film, a part of it as a stream whose clock starts anew, and the same part without time stamps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole = film(folder, "whole.mkv", 0, WHOLE, paint=PAINT)
        self.part = film(folder, "whole part.mkv", FIRST, COUNT, paint=PAINT)
        self.joined = joined(folder, (FIRST, JOINT), (FIRST + JOINT, COUNT - JOINT), paint=PAINT)
        self.raw = folder / "raw.264"
        ffmpeg("-i", self.part, "-an", "-c:v", "libx264", "-bf", 2, self.raw)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return Films(tmp_path_factory.mktemp("films"))


def video_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    # encoded sound may begin before the picture, which then begins later
    return [time - times[0] for time in times]


def assert_heard(path: Path, first: int, count: int, begin: int = 0) -> None:
    """From frame `begin` of a file on, the film's sound of frames first..first+count-1, to 2 ms on both sides."""
    found = heard(path, (begin + count) / RATE) if path.suffix != ".wav" else wave_of(path)
    film_sound = sound(40)
    step = SOUND_RATE // RATE
    for part in (slice(5, count // 3), slice(count // 2, count - 5)):
        wanted = film_sound[(first + part.start) * step : (first + part.stop) * step]
        late, likeness = lag(wanted, found[(begin + part.start) * step : (begin + part.stop) * step])
        assert abs(late) < 0.002
        assert likeness > 0.85


def wave_of(path: Path) -> Any:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray().reshape(-1) / 32768 for frame in container.decode(audio=0)])


def test_sync_where_the_clock_of_clip_starts_anew(films: Films, tmp_path: Path, capsys: Any) -> None:
    out, found = tmp_path / "s.wav", tmp_path / "t.json"
    assert call("sync", films.joined, films.whole, "--no-cache", "--audio-out", out, "--json", found) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"time stamps of clip start anew at frame {JOINT} (1.500 s): they were made continuous" in said
    assert "frame for frame" in said
    matches = [row for row in json.loads(found.read_text())["segments"] if row["kind"] == "match"]
    assert [(row["ref_first"], row["ref_last"], row["clip_first"]) for row in matches] == [
        (FIRST, FIRST + COUNT - 1, 0)
    ]
    assert_heard(out, FIRST, COUNT, FIRST)


@pytest.mark.parametrize("kind", ["joined", "raw"])
def test_sync_muxes_pictures_with_rebuilt_times(films: Films, tmp_path: Path, kind: str) -> None:
    out, stamps = tmp_path / "m.mkv", tmp_path / "t.txt"
    assert call("sync", films.part, getattr(films, kind), "--no-cache", "--mux", out, "--timecodes", stamps) == 0
    assert video_times(out) == pytest.approx(np.arange(COUNT) / RATE, abs=0.0011)
    lines = [float(line) / 1000 for line in stamps.read_text().splitlines()[1:]]
    assert lines == pytest.approx(np.arange(COUNT) / RATE, abs=1e-6)
    assert_heard(out, FIRST, COUNT)


@pytest.mark.parametrize("side", ["clip", "ref"])
def test_temporal_where_a_clock_starts_anew(films: Films, tmp_path: Path, side: str) -> None:
    out = tmp_path / "t.mkv"
    pair = (films.joined, films.part) if side == "clip" else (films.part, films.joined)
    assert call("temporal", *pair, "-o", out, "--audio", side, "--tr", 2, "--preset", "ultrafast") == 0
    assert video_times(out) == pytest.approx(np.arange(COUNT) / RATE, abs=0.0011)
    assert_heard(out, FIRST, COUNT)


def test_spatial_and_overlay_where_a_clock_starts_anew(films: Films, tmp_path: Path) -> None:
    out = tmp_path / "s.mkv"
    assert call("spatial", films.joined, films.part, "-o", out, "--precision", 1, "--preset", "ultrafast") == 0
    assert video_times(out) == pytest.approx(np.arange(COUNT) / RATE, abs=0.0011)
    assert_heard(out, FIRST, COUNT)
    out = tmp_path / "o.mkv"
    assert call("overlay", films.whole, films.joined, "-o", out, "--no-cache", "--skip-spatial", "-q") == 0
    assert video_times(out) == pytest.approx(np.arange(COUNT) / RATE, abs=0.0011)
    assert_heard(out, FIRST, COUNT)


def test_temporal_without_time_stamps(films: Films, tmp_path: Path) -> None:
    out = tmp_path / "t.mkv"
    assert call("temporal", films.part, films.raw, "-o", out, "--tr", 2, "--audio", "clip") == 0
    assert video_times(out) == pytest.approx(np.arange(COUNT) / RATE, abs=0.0011)
    assert_heard(out, FIRST, COUNT)


@pytest.mark.parametrize("command", ["temporal", "spatial"])
def test_sound_that_an_edit_list_hides_stays_hidden(films: Films, tmp_path: Path, command: str) -> None:
    whole, cut, out = tmp_path / "whole.mp4", tmp_path / "cut.mp4", tmp_path / "out.mkv"
    ffmpeg("-i", films.part, "-c:v", "libx264", "-g", 48, "-c:a", "aac", whole)
    ffmpeg("-ss", "1.5", "-i", whole, "-t", "1.25", "-c", "copy", cut)
    options = ("--tr", 2) if command == "temporal" else ("--precision", 1)
    assert call(command, cut, cut, "-o", out, "--audio", "ref", "--preset", "ultrafast", *options) == 0
    with av.open(str(out)) as container:
        starts = [stream.start_time * stream.time_base for stream in container.streams]  # type: ignore[operator]
    assert abs(starts[1] - starts[0]) < 0.05
    shown = len(video_times(out))
    late, likeness = lag(heard(cut, shown / RATE), heard(out, shown / RATE))
    assert abs(late) < 0.002
    assert likeness > 0.9


def test_a_rate_that_is_said(films: Films, tmp_path: Path, capsys: Any) -> None:
    stamps = tmp_path / "t.txt"
    options = ("--no-cache", "--no-sound", "--ref-fps", "23.976", "--timecodes", stamps)
    assert call("sync", films.part, films.raw, *options) == 0
    assert float(stamps.read_text().splitlines()[-1]) == pytest.approx((COUNT - 1) * 1001 / 24)
    capsys.readouterr()
    assert call("sync", films.part, films.raw, "--clip-fps", "fast") == 2
    assert "24000/1001" in capsys.readouterr().err


REPORTS = SHARED / "inputs" / "reports"
# file, first and last ref frame that are matched, by how many frames clip lags
REPORTED = [
    ("editlist.mp4", 120, 313),
    ("cutcopy.mkv", 45, 313),
    ("phone_jitter.mp4", 100, 387),
    ("remux.mp4", 100, 387),
]


@pytest.mark.parametrize(("name", "first", "last"), REPORTED)
def test_files_of_which_a_speed_was_told(tmp_path: Path, capsys: Any, name: str, first: int, last: int) -> None:
    if not REPORTS.is_dir():
        pytest.skip("no folder shared/inputs with reported files beside the repository")
    found, events = tmp_path / "t.json", tmp_path / "e.edl"
    options = ("--no-cache", "--no-sound", "--json", found, "--edl", events)
    assert call("sync", REPORTS / name, REPORTS / "ref0.mkv", *options) == 0
    said = capsys.readouterr().out
    assert "frame for frame" in said
    assert not any(word in said for word in ("drift", "slower", "faster", "PAL"))
    told = json.loads(found.read_text())
    matches = [row for row in told["segments"] if row["kind"] == "match"]
    assert (matches[0]["ref_first"], matches[-1]["ref_last"], matches[0]["clip_first"]) == (first, last, 0)
    assert told["clip"]["rate"] == "24"
    assert "M2" not in events.read_text()
