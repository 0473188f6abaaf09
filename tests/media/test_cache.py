"""What `sync` keeps: nothing is decoded twice, an interruption costs little, and nothing half-written is believed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.folders import REPOSITORY
from tests.sync_films import WORN, ShotFilm
from vs_align.errors import MediaError
from vs_align.media.cache import memoized_placement, memoized_timeline
from vs_align.media.thumbnails import read_thumbnails
from vs_align.placement.placement import Placement
from vs_align.timeline.timeline import Timeline

LENGTH, SHORT, LATER = 800, 200, 36


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("films")
    clip = ShotFilm(1, WORN).write(folder / "clip.mkv", range(LATER, LENGTH + LATER))
    return clip, ShotFilm(1).write(folder / "ref.mkv", range(LENGTH))


@pytest.fixture(scope="module")
def short_films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("short")
    clip = ShotFilm(1, WORN).write(folder / "clip.mkv", range(LATER, SHORT))
    return clip, ShotFilm(1).write(folder / "ref.mkv", range(SHORT))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files of all frames that are decoded."""
    names: list[str] = []
    whole = read_thumbnails

    def counting(path: Path, *arguments: Any) -> Iterator[Any]:
        for picture in whole(path, *arguments):
            names.append(path.name)
            yield picture

    monkeypatch.setattr("vs_align.measure.fingerprints.extraction.read_thumbnails", counting)
    return names


def map_of(path: Path) -> list[int | None]:
    found = json.loads(path.read_text())
    assert found["verdict"] in ("exact", "good")
    return list(found["frame_map"])


RIGHT: list[int | None] = [None] * LATER + list(range(LENGTH - LATER))
SHORT_RIGHT = RIGHT[:SHORT]


def names_in(folder: Path) -> list[str]:
    """Endings of the files of a folder."""
    return sorted("".join(path.suffixes) for path in folder.iterdir())


def test_the_same_files_again_are_not_decoded(
    short_films: tuple[Path, Path], tmp_path: Path, decoded: list[str]
) -> None:
    out, cache = tmp_path / "t.json", tmp_path / "cache"
    assert call("sync", "-y", *short_films, "--cache", cache, "--json", out, "-q") == 0
    assert (decoded.count("clip.mkv"), decoded.count("ref.mkv")) == (SHORT - LATER, SHORT)
    assert map_of(out) == SHORT_RIGHT
    first = out.read_text()
    decoded.clear()
    out.unlink()
    began = time.perf_counter()
    assert call("sync", "-y", *short_films, "--cache", cache, "--json", out, "-q") == 0
    assert time.perf_counter() - began < 1
    assert decoded == []
    assert out.read_text() == first
    # another question about the same files needs no frames either
    assert call("sync", "-y", *short_films, "--cache", cache, "--min-segment", 2, "--json", out, "-q") == 0
    assert decoded == []
    assert map_of(out) == SHORT_RIGHT
    # nor does the other way round
    assert call("sync", "-y", *reversed(short_films), "--cache", cache, "--json", out, "-q") == 0
    assert decoded == []
    assert map_of(out) == list(range(LATER, SHORT))
    assert names_in(cache) == [".fingerprints"] * 2 + [".timeline.json"] * 3


AGAIN = """
import resource, sys
from vs_align.cli import main
try:
    main()
finally:
    heavy = {"numba", "scipy", "cv2", "matplotlib", "torch", "opentimelineio"} & set(sys.modules)
    assert not heavy, heavy
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert used.ru_utime + used.ru_stime < 1.5, used
"""


@pytest.mark.skipif(os.name == "nt", reason="asks for its own use of the processor as POSIX does")
def test_what_is_known_needs_nothing_heavy(short_films: tuple[Path, Path], tmp_path: Path) -> None:
    """A fresh process that knows the answer is done in a second, and what takes that long is not even imported."""
    cache, outs = tmp_path / "cache", [tmp_path / f"{k}.json" for k in range(2)]
    arguments = ["sync", "-y", *map(str, short_films), "--cache", str(cache), "-q", "--json"]
    assert call(*arguments, outs[0]) == 0
    command = [sys.executable, "-c", AGAIN, *arguments, str(outs[1])]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert outs[0].read_text() == outs[1].read_text()


def test_a_file_that_changed_is_decoded_anew(
    short_films: tuple[Path, Path], tmp_path: Path, decoded: list[str]
) -> None:
    clip = tmp_path / "clip.mkv"
    clip.write_bytes(short_films[0].read_bytes())
    options = ("--cache", tmp_path / "cache", "--json", tmp_path / "t.json", "-q")
    assert call("sync", "-y", clip, short_films[1], *options) == 0
    decoded.clear()
    later = clip.stat().st_mtime_ns + 10**9
    os.utime(clip, ns=(later, later))
    assert call("sync", "-y", clip, short_films[1], *options) == 0
    assert set(decoded) == {"clip.mkv"}


def test_nothing_is_kept_where_nothing_should_be(
    short_films: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folder() -> Path:
        raise AssertionError("the cache was looked for")

    monkeypatch.setattr("vs_align.media.cache.writable_cache_folder", folder)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert call("sync", "-y", *short_films, "--no-cache", "-q") == 0
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from vs_align.measure.fingerprints import extraction as fingerprinting
whole = fingerprinting.read_thumbnails
def dying(*arguments):
    for n, picture in enumerate(whole(*arguments)):
        if n == 600:
            os.kill(os.getpid(), signal.{signal})
        yield picture
fingerprinting.read_thumbnails = dying
from vs_align.cli import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(("name", "code"), [("SIGKILL", -9), ("SIGTERM", 130)])
def test_a_run_that_was_broken_off_is_taken_up(
    films: tuple[Path, Path], tmp_path: Path, decoded: list[str], name: str, code: int
) -> None:
    cache, out, edl = tmp_path / "cache", tmp_path / "out" / "t.json", tmp_path / "out" / "cut.edl"
    out.parent.mkdir()
    edl.write_text("precious")
    arguments = ["sync", "-y", *map(str, films), "--cache", str(cache), "--json", str(out), "--edl", str(edl)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(signal=name), *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert names_in(out.parent) == [".edl"]
    assert edl.read_text() == "precious"
    # never under the name of what is finished
    assert names_in(cache) == [".part"]
    assert call(*arguments, "-q") == 0
    assert decoded.count("ref.mkv") == LENGTH
    # two blocks of 256 frames were kept, and the frame before them tells where to go on
    assert LENGTH - 600 <= decoded.count("clip.mkv") <= LENGTH - 512 + 1
    assert map_of(out) == RIGHT
    assert names_in(cache) == [".fingerprints"] * 2 + [".timeline.json"]


def test_two_runs_at_once(short_films: tuple[Path, Path], tmp_path: Path) -> None:
    cache, outs = tmp_path / "cache", [tmp_path / f"{k}.json" for k in range(2)]
    command = [sys.executable, "-m", "vs_align", "sync", *map(str, short_films), "--cache", str(cache), "-q", "--json"]
    running = [subprocess.Popen([*command, str(out)], cwd=REPOSITORY, stdout=subprocess.DEVNULL) for out in outs]
    assert [child.wait(100) for child in running] == [0, 0]
    assert outs[0].read_text() == outs[1].read_text()
    assert map_of(outs[0]) == SHORT_RIGHT
    assert names_in(cache) == [".fingerprints"] * 2 + [".timeline.json"]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_what_was_damaged_is_taken_anew(short_films: tuple[Path, Path], tmp_path: Path, damage: bytes | None) -> None:
    cache, out = tmp_path / "cache", tmp_path / "t.json"
    assert call("sync", "-y", *short_films, "--cache", cache, "-q") == 0
    for path in cache.iterdir():
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert call("sync", "-y", *short_films, "--cache", cache, "--json", out, "-q") == 0
    assert map_of(out) == SHORT_RIGHT


ANSWER = Timeline.from_frame_map([0, 1], clip_rate=25, ref_rate=25, clip_length=2)
OTHER = Timeline.from_frame_map([1, 1], clip_rate=Fraction(24000, 1001), ref_rate=25, clip_length=2)


def test_answers_are_remembered_by_their_questions(tmp_path: Path) -> None:
    asked: list[int] = []

    def answer() -> Timeline:
        asked.append(1)
        return ANSWER

    folder = tmp_path / "not" / "yet"
    for _ in range(2):
        assert memoized_timeline(folder, ("a", 1.5, None), answer) == ANSWER
    assert len(asked) == 1
    assert memoized_timeline(folder, ("a", 2.5, None), lambda: OTHER) == OTHER
    assert memoized_timeline(folder, ("a", 1.5, None), answer) == ANSWER
    assert len(asked) == 1
    for _ in range(2):
        assert memoized_timeline(None, ("a", 1.5, None), answer) == ANSWER
    assert len(asked) == 3


def test_placements_are_remembered_beside_timelines(tmp_path: Path) -> None:
    place, asked = Placement.from_corner((64, 36), (32, 18), 3, 4, 0.5, "template"), list[int]()

    def answer() -> Placement:
        asked.append(1)
        return place

    for _ in range(2):
        assert memoized_placement(tmp_path, ("a", 1.5, None), answer) == place
    assert len(asked) == 1
    # the same question about time is another one
    assert memoized_timeline(tmp_path, ("a", 1.5, None), lambda: ANSWER) == ANSWER
    assert names_in(tmp_path) == [".placement.json", ".timeline.json"]
    other = Placement.neutral((64, 36), (32, 18))
    assert memoized_placement(tmp_path, ("b", 1.5, None), lambda: other) == other
    assert memoized_placement(tmp_path, ("a", 1.5, None), answer) == place
    assert len(asked) == 1
    for path in tmp_path.glob("*.placement.json"):
        path.write_text(path.read_text()[:99])
    assert memoized_placement(tmp_path, ("a", 1.5, None), answer) == place
    assert len(asked) == 2
    for _ in range(2):
        assert memoized_placement(None, ("a", 1.5, None), answer) == place
    assert len(asked) == 4


def test_old_placements_go_and_timelines_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vs_align.media.cache._MAX_RESULTS", 1)
    memoized_timeline(tmp_path, ("a",), lambda: ANSWER)
    for k in range(3):
        memoized_placement(tmp_path, (k,), lambda: Placement.neutral((64, 36), (32, 18)))
    assert names_in(tmp_path) == [".placement.json", ".timeline.json"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="cannot be made"):
        memoized_timeline(tmp_path / "file" / "in", ("a",), lambda: ANSWER)
    with pytest.raises(MediaError):
        memoized_timeline(tmp_path / "file", ("a",), lambda: ANSWER)


def test_old_answers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vs_align.media.cache._MAX_RESULTS", 3)
    for k in range(5):
        memoized_timeline(tmp_path, (k,), lambda: ANSWER)
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
    assert len(list(tmp_path.iterdir())) == 3
    # the last ones stayed
    memoized_timeline(tmp_path, (4,), lambda: pytest.fail("it was forgotten"))
