"""Synchronization of two files: each is decoded once, audio only if it is wanted."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.media.films import SOUND_RATE, sound, write_film
from tests.sync_films import SIZE, WORN, Look, ShotFilm
from vs_align.api.sync import sync_videos
from vs_align.api.video import FileVideo
from vs_align.decide.synchronization.options import SyncOptions
from vs_align.enums import SyncEngine
from vs_align.errors import MediaError
from vs_align.io.progress import Progress
from vs_align.media import audio_track as sound_track
from vs_align.media.probe import VideoFile, probe
from vs_align.media.thumbnails import read_thumbnails
from vs_align.timeline.timeline import Timeline

A_FRAME = SOUND_RATE // 24
RIGHT = (None,) * 40 + tuple(range(220))


def filmed(path: Path, moments: Sequence[int], look: Look | None = None, late: int = 0, start: float = 0.0) -> Path:
    """A file of moments and the sound that belongs to them, `late` samples after its picture."""
    wave = np.concatenate([np.zeros(late), sound(320 / 24)])
    film = ShotFilm(1) if look is None else ShotFilm(1, look)
    return write_film(
        path, moments, 24, size=SIZE, paint=film.picture, start=start, wave_start=start,
        wave=wave[moments[0] * A_FRAME : (moments[-1] + 1) * A_FRAME],
    )  # fmt: skip


def sync_files(
    clip: VideoFile,
    ref: VideoFile,
    options: SyncOptions,
    folder: Path | None,
    progress: Progress | None = None,
    *,
    listen: bool = True,
) -> Timeline:
    one, other = (FileVideo(file, folder, listen=listen and options.uses_audio) for file in (clip, ref))
    return sync_videos(one, other, options, folder, progress)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[VideoFile, VideoFile]:
    folder = tmp_path_factory.mktemp("pair")
    clip = filmed(folder / "clip.mkv", range(40, 300), WORN, late=round(0.01 * SOUND_RATE))
    return probe(clip), probe(filmed(folder / "ref.mp4", range(260), start=0.5))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is decoded: names of files, followed by a mark for sound."""
    names: list[str] = []
    pictures, sounds = read_thumbnails, sound_track.read_audio

    def seen(path: Path, *arguments: Any) -> Iterator[Any]:
        names.append(path.name)
        yield from pictures(path, *arguments)

    def heard(path: Path, *arguments: Any, **options: Any) -> Any:
        names.append(f"{path.name} (sound)")
        return sounds(path, *arguments, **options)

    monkeypatch.setattr("vs_align.measure.fingerprints.extraction.read_thumbnails", seen)
    monkeypatch.setattr(sound_track, "read_audio", heard)
    return names


def test_each_is_decoded_once(pair: tuple[VideoFile, VideoFile], tmp_path: Path, read: list[str]) -> None:
    found = sync_files(*pair, SyncOptions(), tmp_path)
    assert sorted(read) == ["clip.mkv", "clip.mkv (sound)", "ref.mp4", "ref.mp4 (sound)"]
    assert found.frame_map == RIGHT
    # both files have clocks of their own
    assert found.residual_ms == pytest.approx(10, abs=1.5)
    read.clear()
    assert sync_files(*pair, SyncOptions(), tmp_path) == found
    assert read == []


def test_sound_is_left_alone_where_nobody_listens(
    pair: tuple[VideoFile, VideoFile], tmp_path: Path, read: list[str]
) -> None:
    found = sync_files(*pair, SyncOptions(), tmp_path, listen=False)
    assert found.frame_map == RIGHT
    assert found.residual_ms is None
    sync_files(*pair, SyncOptions(SyncEngine.FAST), tmp_path)
    assert not [name for name in read if "sound" in name]
    # what was found without the sound is not what is found with it
    assert sync_files(*pair, SyncOptions(), tmp_path).residual_ms is not None


def test_sound_alone(pair: tuple[VideoFile, VideoFile]) -> None:
    found = sync_files(*pair, SyncOptions(SyncEngine.AUDIO), None)
    assert np.mean([a == b for a, b in zip(found.frame_map, RIGHT, strict=True)]) > 0.99
    assert "by audio alone: " in found.reasons[0]


def test_sound_alone_without_sound(pair: tuple[VideoFile, VideoFile], tmp_path: Path, read: list[str]) -> None:
    mute = probe(ShotFilm(1).write(tmp_path / "mute.mkv", range(30)))
    for files in ((mute, pair[1]), (pair[0], mute)):
        with pytest.raises(MediaError, match=r"that of mute\.mkv is missing"):
            sync_files(*files, SyncOptions(SyncEngine.AUDIO), None)
    with pytest.raises(MediaError, match=r"switched off"):
        sync_files(*pair, SyncOptions(SyncEngine.AUDIO), None, listen=False)
    assert read == []


def test_one_of_both_without_sound(pair: tuple[VideoFile, VideoFile], tmp_path: Path, read: list[str]) -> None:
    mute = probe(ShotFilm(1).write(tmp_path / "mute.mkv", range(30, 200)))
    found = sync_files(mute, pair[1], SyncOptions(), None)
    assert found.frame_map == (None,) * 30 + tuple(range(170)) + (None,) * 60
    assert sorted(read) == ["mute.mkv", "ref.mp4"]


def test_progress_tells_of_each_file(pair: tuple[VideoFile, VideoFile]) -> None:
    told: list[tuple[str, int, int]] = []
    sync_files(*pair, SyncOptions(), None, lambda *now: told.append(now))
    for stage in ("reading clip.mkv", "reading ref.mp4", "listening to clip.mkv", "listening to ref.mp4"):
        done = [(n, total) for each, n, total in told if each == stage]
        assert done, stage
        assert done == sorted(done)
        assert done[-1][0] == done[-1][1]


def test_a_file_against_itself(pair: tuple[VideoFile, VideoFile], tmp_path: Path, read: list[str]) -> None:
    found = sync_files(pair[1], pair[1], SyncOptions(), tmp_path)
    assert found.frame_map == tuple(range(260))
    assert found.verdict == "exact"
    assert found.residual_ms == pytest.approx(0, abs=0.1)
    assert read.count("ref.mp4") == 1
