"""Where the user's folders cannot be written, all goes on without them, and that is said once."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

import vs_align
from tests.sync_films import ShotFilm
from vs_align.io import user_folders
from vs_align.io.user_folders import is_writable, prepare_numba_cache, writable_cache
from vs_align.media.source import index_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="folders of the user are elsewhere")


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that is below a file, where not even root can make it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    return tmp_path / "file" / "vs_align"


def test_a_cache_that_cannot_be_written_is_told_of_once(no_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert [writable_cache(), writable_cache()] == [None, None]
    said = f"the cache {no_home} cannot be written (Not a directory): nothing is kept for the next time."
    assert [record.getMessage() for record in caplog.records] == [said]
    # without a place for indexes BestSource takes no film of more than some minutes
    assert is_writable(index_folder())


def test_a_cache_that_can_be_written_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert writable_cache() == tmp_path / "vs_align"
    assert index_folder() == tmp_path / "vs_align" / "index"


@pytest.mark.usefixtures("no_home")
def test_functions_go_on_without_a_cache() -> None:
    clip = vs.core.std.BlankClip(format=vs.GRAY8, width=64, height=36, length=30, fpsnum=25)
    film = ShotFilm()

    def painted(n: int, f: Any) -> vs.VideoFrame:
        frame: vs.VideoFrame = f.copy()
        np.asarray(frame[0])[:] = film.picture(n, 64, 36)
        return frame

    shown = clip.std.ModifyFrame(clip, painted)
    assert vs_align.sync(shown, shown).frame_map == tuple(range(30))


@pytest.mark.parametrize("writable", [True, False])
def test_numba_has_a_place_for_what_it_compiles(no_home: Path, monkeypatch: pytest.MonkeyPatch, writable: bool) -> None:
    """Neither beside the code, as in a system's packages, nor in a home: its decorators would raise."""
    real = os.access
    package = Path(vs_align.__file__).parent
    monkeypatch.setattr(os, "access", lambda path, mode: writable if Path(path) == package else real(path, mode))
    # set first, so that it is taken back after the test
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    prepare_numba_cache()
    named = os.environ["NUMBA_CACHE_DIR"]
    assert named == ("" if writable else str(user_folders.temporary_home() / "numba"))
    assert no_home.parent.is_file()


def test_a_disk_that_is_full_by_then_loses_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.sync_films import ShotFilm
    from vs_align.api.sync import sync_videos
    from vs_align.api.video import FileVideo
    from vs_align.decide.synchronization.options import SyncOptions
    from vs_align.measure.fingerprints.fingerprint_file import FingerprintWriter
    from vs_align.media.probe import probe
    from vs_align.timeline.timeline import Timeline

    film = probe(ShotFilm().write(tmp_path / "film.mkv", range(60), 25))
    folder = tmp_path / "cache"
    added = FingerprintWriter.add

    def full(self: FingerprintWriter, frames: Any) -> None:
        if folder in self._path.parents:
            raise OSError(28, "No space left on device")
        added(self, frames)

    def unsaved(*_: object) -> None:
        raise vs_align.MediaError("vs_align.Timeline.save: cannot write 'x': No space left on device.")

    monkeypatch.setattr(FingerprintWriter, "add", full)
    monkeypatch.setattr(Timeline, "save", unsaved)
    with caplog.at_level(logging.WARNING, "vs_align"):
        found = sync_videos(FileVideo(film, folder), FileVideo(film, folder), SyncOptions(), folder)
    assert found.frame_map == tuple(range(60))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        f"the fingerprints of film.mkv are not kept in {folder}",
        f"the fingerprints of film.mkv are not kept in {folder}",
        "what was found is not kept",
    ]
