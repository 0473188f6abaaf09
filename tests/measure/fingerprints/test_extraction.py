"""Extraction of fingerprints: done once, cached, resumed after interruption, and repeated if the file is damaged."""

import os
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from tests.media.films import write_film
from tests.sync_films import ShotFilm
from vs_align.errors import MediaError
from vs_align.io.array_types import GenericArray
from vs_align.measure.fingerprints import extraction, fingerprint_file
from vs_align.measure.fingerprints.extraction import file_fingerprints, node_fingerprints
from vs_align.measure.fingerprints.fingerprint import Fingerprints
from vs_align.measure.fingerprints.fingerprint_file import FingerprintWriter
from vs_align.media import thumbnails as file_pictures
from vs_align.media.cache import file_identity
from vs_align.media.cache_versions import FINGERPRINTS
from vs_align.media.probe import probe
from vs_align.media.thumbnails import Thumbnail

SMALL = 8
"""Frames of a block."""
LENGTH = 3 * SMALL + 5


class BrokenError(Exception):
    """Stands for whatever ends a run."""


class Asked:
    """Counts the frames that are made small; breaks off before one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.breaks_after: int | None = None
        for name in ("read_thumbnails", "node_thumbnails"):
            monkeypatch.setattr(extraction, name, self._counted(getattr(extraction, name)))

    def _counted(self, inner: object) -> object:
        def pictures(*args: object) -> Iterator[Thumbnail]:
            assert callable(inner)
            for picture in inner(*args):
                if self.count == self.breaks_after:
                    raise BrokenError
                self.count += 1
                yield picture

        return pictures

    def taken(self) -> int:
        """Frames since this was asked for last; what is read next is not broken off."""
        count, self.count, self.breaks_after = self.count, 0, None
        return count


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "BLOCK", SMALL)
    monkeypatch.setattr(fingerprint_file, "BLOCK", SMALL)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mkv", range(LENGTH))


def clip(length: int = LENGTH, seed: int = 0) -> vs.VideoNode:
    return ShotFilm(seed).node(range(length))


def take(kind: str, path: Path, folder: Path | None, length: int = LENGTH) -> Fingerprints:
    if kind == "file":
        return file_fingerprints(probe(path), folder)
    return node_fingerprints(clip(length), "clip", folder)


def same(one: Fingerprints, other: Fingerprints) -> bool:
    pairs: list[tuple[GenericArray, GenericArray]] = [
        (one.thumbnails(0, len(one)), other.thumbnails(0, len(other))),
        (one.colors(0, len(one)), other.colors(0, len(other))),
        (one.times, other.times),
        (one.brightness, other.brightness),
        (one.contrast, other.contrast),
        (one.change, other.change),
        (one.stats.grid, other.stats.grid),
    ]
    facts = [(each.rate, each.variable, each.interlaced, each.size) for each in (one, other)]
    return all(np.array_equal(a, b) for a, b in pairs) and facts[0] == facts[1]


def test_a_node_in_numbers() -> None:
    found = node_fingerprints(ShotFilm(1).node(range(20), Fraction(25), (162, 90)), "clip", None)
    assert (found.rate, found.variable, found.interlaced, found.size) == (Fraction(25), False, False, (162, 90))
    assert found.times == pytest.approx(np.arange(20) / 25)
    wanted = np.stack([ShotFilm(1).picture(n, 96, 54) for n in range(20)]).astype(int)
    assert np.abs(found.thumbnails(0, 20) - wanted).mean() < 3
    assert (found.colors(0, 20) == 128).all()


def test_a_file_in_numbers(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", range(20), Fraction(24000, 1001), size=(162, 90))
    found = file_fingerprints(probe(path), None)
    assert (len(found), found.rate, found.variable, found.size) == (20, Fraction(24000, 1001), False, (162, 90))
    assert found.times == pytest.approx(np.arange(20) * 1001 / 24000, abs=1e-4)


@pytest.mark.parametrize("length", [1, SMALL - 1, SMALL, SMALL + 1, 2 * SMALL])
def test_lengths_about_blocks(tmp_path: Path, length: int, asked: Asked) -> None:
    first = node_fingerprints(clip(length), "clip", tmp_path)
    assert asked.taken() == len(first) == length
    again = node_fingerprints(clip(length), "clip", tmp_path)
    assert asked.taken() == 0
    assert same(first, again)
    assert same(first, node_fingerprints(clip(length), "clip", None))
    assert [path.suffix for path in tmp_path.iterdir()] == [".fingerprints"]


def test_the_second_run_reads_no_frame_of_a_file(film: Path, tmp_path: Path, asked: Asked) -> None:
    first = file_fingerprints(probe(film), tmp_path / "cache")
    assert asked.taken() == LENGTH
    assert same(first, file_fingerprints(probe(film), tmp_path / "cache"))
    # another name is no other file
    moved = film.rename(tmp_path / "moved.mkv")
    assert same(first, file_fingerprints(probe(moved), tmp_path / "cache"))
    assert asked.taken() == 0


@pytest.mark.parametrize("broken", [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL - 1, 3 * SMALL, LENGTH - 1])
def test_broken_runs_go_on(film: Path, tmp_path: Path, asked: Asked, broken: int) -> None:
    whole = file_fingerprints(probe(film), None)
    whole_node = node_fingerprints(clip(), "clip", None)
    asked.taken()
    for kind, wanted in (("file", whole), ("node", whole_node)):
        asked.breaks_after = broken
        with pytest.raises(BrokenError):
            take(kind, film, tmp_path / kind)
        assert [path.suffix for path in (tmp_path / kind).iterdir()] == [".part"]
        asked.taken()
        assert same(take(kind, film, tmp_path / kind), wanted)
        # whole blocks are not read again
        assert asked.taken() == LENGTH - broken // SMALL * SMALL
        assert [path.suffix for path in (tmp_path / kind).iterdir()] == [".fingerprints"]


@pytest.mark.parametrize("kind", ["file", "node"])
def test_a_run_that_was_broken_after_the_last_frame_goes_on(
    tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = write_film(tmp_path / "film.mkv", range(2 * SMALL))

    def broken(*_: object) -> None:
        raise BrokenError

    with monkeypatch.context() as patch:
        patch.setattr(FingerprintWriter, "finish", broken)
        with pytest.raises(BrokenError):
            take(kind, path, tmp_path / "cache", 2 * SMALL)
    assert asked.taken() == 2 * SMALL
    found = take(kind, path, tmp_path / "cache", 2 * SMALL)
    assert asked.taken() == 0
    assert same(found, take(kind, path, None, 2 * SMALL))


def test_a_broken_run_tells_fields_like_a_whole_one(tmp_path: Path, asked: Asked) -> None:
    fields = clip().std.SetFieldBased(2)
    assert node_fingerprints(fields, "clip", None).interlaced
    asked.taken()
    asked.breaks_after = 3 * SMALL
    with pytest.raises(BrokenError):
        node_fingerprints(fields, "clip", tmp_path)
    asked.taken()
    assert node_fingerprints(fields, "clip", tmp_path).interlaced
    assert asked.taken() == 5
    assert not node_fingerprints(clip(), "clip", None).interlaced


def test_a_part_is_never_read_as_if_it_were_finished(film: Path, tmp_path: Path, asked: Asked) -> None:
    cache = tmp_path / "cache"
    whole = file_fingerprints(probe(film), None)
    file_fingerprints(probe(film), cache)
    (finished,) = cache.iterdir()
    content = finished.read_bytes()
    asked.taken()
    for place in (0, 10, len(content) // 2, len(content) - 1):
        finished.write_bytes(content[:place])
        assert same(file_fingerprints(probe(film), cache), whole)
        assert asked.taken() == LENGTH
    # what was finished but not yet renamed is taken up again, not trusted
    finished.rename(finished.with_suffix(".part"))
    assert same(file_fingerprints(probe(film), cache), whole)
    assert asked.taken() == LENGTH - 3 * SMALL
    assert finished.read_bytes() == content


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9, 0.9999])
def test_a_damaged_file_is_taken_anew(film: Path, tmp_path: Path, share: float) -> None:
    cache = tmp_path / "cache"
    whole = file_fingerprints(probe(film), None)
    file_fingerprints(probe(film), cache)
    (finished,) = cache.iterdir()
    content = bytearray(finished.read_bytes())
    content[int(share * len(content))] ^= 255
    finished.write_bytes(content)
    assert same(file_fingerprints(probe(film), cache), whole)


def test_a_changed_file_is_taken_anew(film: Path, tmp_path: Path, asked: Asked) -> None:
    cache = tmp_path / "cache"
    file_fingerprints(probe(film), cache)
    asked.taken()
    facts = film.stat()
    before = file_identity(film)
    os.utime(film, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1_000_000_000))
    assert file_identity(film) != before
    file_fingerprints(probe(film), cache)
    assert asked.taken() == LENGTH
    with film.open("ab") as file:
        file.write(b"\0")
    os.utime(film, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    file_fingerprints(probe(film), cache)
    assert asked.taken() == LENGTH
    # of the same size and time
    content = bytearray(film.read_bytes())
    content[-1] ^= 1
    film.write_bytes(content)
    os.utime(film, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    file_fingerprints(probe(film), cache)
    assert asked.taken() == LENGTH
    assert len(list(cache.iterdir())) == 4


def test_the_identity_of_large_files_looks_at_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "large"
    content = bytearray(5 << 20)
    seen = set()
    for place in (None, 0, (1 << 20) - 1, 4 << 20, (5 << 20) - 1):
        changed = bytearray(content)
        if place is not None:
            changed[place] = 1
        path.write_bytes(changed)
        os.utime(path, (1, 1))
        seen.add(file_identity(path))
    assert len(seen) == 5
    with pytest.raises(MediaError, match="gone"):
        file_identity(tmp_path / "gone")


def test_another_version_of_the_method_is_taken_anew(
    film: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    file_fingerprints(probe(film), cache)
    asked.taken()
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "FINGERPRINTS", FINGERPRINTS + 1)
        patch.setattr(fingerprint_file, "_MAGIC", b"vs_align fingerprints next\n")
        file_fingerprints(probe(film), cache)
        assert asked.taken() == LENGTH
    file_fingerprints(probe(film), cache)
    assert asked.taken() == 0


def test_other_clips_have_other_fingerprints(tmp_path: Path, asked: Asked) -> None:
    versions = [clip(), clip(seed=1), clip(LENGTH - 1), clip().std.AssumeFPS(fpsnum=25), clip().std.Crop(left=2)]
    for version in versions:
        node_fingerprints(version, "clip", tmp_path)
    assert asked.taken() == sum(version.num_frames for version in versions)
    assert len(list(tmp_path.iterdir())) == len(versions)


def test_without_a_cache_nothing_is_left_behind(
    film: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    found = file_fingerprints(probe(film), None)
    # it can still be read
    assert len(found.thumbnails(0, LENGTH)) == LENGTH
    del found
    assert list(folder.iterdir()) == []
    asked.taken()
    asked.breaks_after = SMALL + 1
    with pytest.raises(BrokenError):
        node_fingerprints(clip(), "clip", None)
    assert list(folder.iterdir()) == []


def test_progress_rises_and_ends(film: Path, tmp_path: Path, asked: Asked) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(text: str, done: int, total: int) -> None:
        told.append((text, done, total))

    asked.breaks_after = 2 * SMALL + 1
    with pytest.raises(BrokenError):
        file_fingerprints(probe(film), tmp_path / "cache", tell)
    assert [done for _, done, _ in told] == [SMALL, 2 * SMALL]
    asked.taken()
    file_fingerprints(probe(film), tmp_path / "cache", tell)
    assert [done for _, done, _ in told] == [SMALL, 2 * SMALL, 3 * SMALL, LENGTH]
    assert {text for text, _, _ in told} == {"reading film.mkv"}
    assert all(done <= total and abs(total - LENGTH) <= 1 for _, done, total in told)
    assert told[-1][1:] == (LENGTH, LENGTH)


def test_two_runs_at_once(film: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    whole = file_fingerprints(probe(film), None)
    found: list[Fingerprints] = []
    both = threading.Barrier(2)

    def meet(*_: object) -> None:
        # at the first block both are at work
        if threading.current_thread() not in met:
            met.add(threading.current_thread())
            both.wait(30)

    met: set[threading.Thread] = set()
    runs = [
        threading.Thread(target=lambda: found.append(file_fingerprints(probe(film), cache, meet))) for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert len(found) == len(met) == 2
    assert all(same(each, whole) for each in found)
    assert [path.suffix for path in cache.iterdir()] == [".fingerprints"]


def test_a_run_that_begins_when_another_ends(
    film: Path, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    whole = file_fingerprints(probe(film), None)
    asked.taken()
    finish = FingerprintWriter.finish
    later: list[FingerprintWriter] = []

    def finish_and_begin(self: FingerprintWriter, target: Path) -> None:
        finish(self, target)
        later.append(FingerprintWriter(self._path))

    with monkeypatch.context() as patch:
        patch.setattr(FingerprintWriter, "finish", finish_and_begin)
        found = file_fingerprints(probe(film), cache)
    assert [writer.length for writer in later] == [0]
    later[0].close()
    assert same(found, whole)
    assert same(file_fingerprints(probe(film), cache), whole)


def test_the_cache_does_not_grow_forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: Asked) -> None:
    clips = [clip(seed=seed) for seed in range(3)]
    for each in clips:
        node_fingerprints(each, "clip", tmp_path)
        time.sleep(0.01)
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    # used again, and so the second is the oldest
    node_fingerprints(clips[0], "clip", tmp_path)
    asked.taken()
    monkeypatch.setattr(extraction, "_MOST_BYTES", int(3.5 * size))
    node_fingerprints(clip(seed=3), "clip", tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    for each in (clips[0], clips[2]):
        node_fingerprints(each, "clip", tmp_path)
    assert asked.taken() == LENGTH
    node_fingerprints(clips[1], "clip", tmp_path)
    assert asked.taken() == LENGTH


def test_a_folder_that_cannot_be_written(film: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MediaError, match=r"film\.mkv.*taken"):
        file_fingerprints(probe(film), tmp_path / "taken" / "cache")
    with pytest.raises(MediaError, match=r"the clip.*taken"):
        node_fingerprints(clip(), "the clip", tmp_path / "taken" / "cache")


def test_a_file_without_frames(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = probe(film)
    monkeypatch.setattr(file_pictures, "_decoded", lambda *_: iter(()))
    with pytest.raises(MediaError, match="not one frame"):
        file_fingerprints(file, tmp_path / "cache")
    with pytest.raises(MediaError, match="not one frame"):
        file_fingerprints(file, None)
