"""Fingerprint files return what was written or raise an error; interrupted runs are resumed."""

import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from tests.decide.synchronization.synthetic_fingerprints import noise_frames
from tests.folders import REPOSITORY
from vs_align.io import file_lock
from vs_align.measure.fingerprints import fingerprint_file
from vs_align.measure.fingerprints.fingerprint import FrameThumbnails, frame_stats
from vs_align.measure.fingerprints.fingerprint_file import BLOCK, FingerprintFile, FingerprintWriter
from vs_align.media.cache_versions import FINGERPRINTS

SMALL = 8
"""Frames of a block in tests of which many are needed."""


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint_file, "BLOCK", SMALL)


def part_of(frames: FrameThumbnails, first: int, stop: int) -> FrameThumbnails:
    part = slice(first, stop)
    return FrameThumbnails(frames.luma[part], frames.color[part], frames.times[part], frames.fields[part])


def add_from(writer: FingerprintWriter, frames: FrameThumbnails, block: int, stop: int | None = None) -> None:
    for first in range(writer.length, len(frames) if stop is None else stop, block):
        writer.add(part_of(frames, first, first + block))


def written(path: Path, frames: FrameThumbnails, block: int) -> Path:
    writer = FingerprintWriter(path)
    add_from(writer, frames, block)
    writer.finish(path)
    writer.close()
    return path


def assert_holds(path: Path, frames: FrameThumbnails) -> None:
    found = FingerprintFile(path)
    whole = found.read(0, len(frames))
    assert np.array_equal(whole.luma, frames.luma)
    assert np.array_equal(whole.color, frames.color)
    assert np.array_equal(whole.times, frames.times)
    assert np.array_equal(whole.fields, frames.fields)
    assert found.facts == {"interlaced": bool(2 * frames.fields.sum() > len(frames)), "combed": False}
    assert np.array_equal(found.times, frames.times)
    wanted = frame_stats(frames.luma, None)
    for name in ("brightness", "contrast", "change", "grid"):
        assert np.array_equal(getattr(found.stats, name), getattr(wanted, name)), name


@pytest.mark.parametrize("count", [1, 255, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_what_was_put_in_comes_back(tmp_path: Path, count: int) -> None:
    frames = noise_frames(count)
    assert_holds(written(tmp_path / "deep" / "a", frames, BLOCK), frames)


@pytest.mark.parametrize(("fields", "said"), [([1, 1, 1], True), ([1, 0, 1], True), ([1, 0], False), ([0], False)])
def test_most_frames_tell_whether_there_are_fields(tmp_path: Path, fields: list[int], said: bool) -> None:
    frames = replace(noise_frames(len(fields)), fields=np.array(fields, np.bool_))
    assert FingerprintFile(written(tmp_path / "a", frames, BLOCK)).facts == {"interlaced": said, "combed": False}


def test_a_finished_file_changes_its_name(tmp_path: Path) -> None:
    frames = noise_frames(3)
    writer = FingerprintWriter(tmp_path / "a.part")
    writer.add(frames)
    writer.finish(tmp_path / "a.done")
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.done"]
    assert_holds(tmp_path / "a.done", frames)


def test_parts_are_read_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_blocks: None) -> None:
    monkeypatch.setattr(fingerprint_file, "_CACHED_BLOCKS", 2)
    frames = noise_frames(5 * SMALL + 3)
    found = FingerprintFile(written(tmp_path / "a", frames, SMALL))
    pairs = list(itertools.combinations(range(len(frames) + 1), 2))
    np.random.default_rng(0).shuffle(pairs)
    for first, stop in pairs[:300]:
        got, wanted = found.read(first, stop), part_of(frames, first, stop)
        assert len(got) == stop - first
        assert np.array_equal(got.luma, wanted.luma)
        assert np.array_equal(got.color, wanted.color)
        assert np.array_equal(got.times, wanted.times)
        assert np.array_equal(got.fields, wanted.fields)


def test_another_writer_is_kept_out_until_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    first = FingerprintWriter(path)
    first.add(noise_frames(BLOCK))
    with pytest.raises(BlockingIOError):
        FingerprintWriter(path)
    first.close()
    second = FingerprintWriter(path)
    assert second.length == BLOCK
    second.close()


def test_a_file_that_was_finished_before_it_could_be_locked_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, path, done = noise_frames(5), tmp_path / "a.part", tmp_path / "a.done"
    first = FingerprintWriter(path)
    first.add(frames)
    lock = file_lock._lock
    calls: list[BinaryIO] = []

    def late(file: BinaryIO) -> None:
        if not calls:
            first.finish(done)
            first.close()
        calls.append(file)
        lock(file)

    monkeypatch.setattr(file_lock, "_lock", late)
    second = FingerprintWriter(path)
    assert len(calls) == 2
    assert second.length == 0
    second.add(noise_frames(2, seed=1))
    assert_holds(done, frames)
    second.finish(done)
    second.close()
    assert_holds(done, noise_frames(2, seed=1))


def test_a_run_goes_on_after_each_block(tmp_path: Path, small_blocks: None) -> None:
    frames = noise_frames(4 * SMALL + 5)
    whole = written(tmp_path / "whole", frames, SMALL).read_bytes()
    path = tmp_path / "a.part"
    for n in range(1, 5):
        writer = FingerprintWriter(path)
        assert writer.length == (n - 1) * SMALL
        assert writer.last_time == (frames.times[writer.length - 1] if n > 1 else 0.0)
        add_from(writer, frames, SMALL, n * SMALL)
        writer.close()
    assert written(path, frames, SMALL).read_bytes() == whole
    assert_holds(path, frames)


def test_a_file_cut_off_anywhere_goes_on(tmp_path: Path, small_blocks: None) -> None:
    frames = noise_frames(3 * SMALL + 2)
    whole = written(tmp_path / "whole", frames, SMALL).read_bytes()
    path = tmp_path / "a.part"
    ends = _block_ends(whole)
    assert len(ends) == 5  # the mark at the beginning and four blocks
    places = sorted({place + d for place in (0, *ends, len(whole)) for d in (-17, -16, -1, 0, 1, 15, 16, 17, 300)})
    for place in places:
        if not 0 <= place < len(whole):
            continue
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError, match="fingerprints"):
            FingerprintFile(path)
        writer = FingerprintWriter(path)
        # whole blocks are kept, except for the last, which may have been cut short on purpose
        assert writer.length == SMALL * min(3, max(0, sum(end <= place for end in ends) - 1))
        writer.close()
        assert written(path, frames, SMALL).read_bytes() == whole


def _block_ends(whole: bytes) -> list[int]:
    head = fingerprint_file._HEAD
    end = len(fingerprint_file._MAGIC)
    ends = [end]
    while whole[end : end + 4] == b"FRMS":
        end += head.size + head.unpack_from(whole, end)[2]
        ends.append(end)
    return ends


def test_flipped_bytes_are_never_taken_for_fingerprints(tmp_path: Path, small_blocks: None) -> None:
    frames = noise_frames(3 * SMALL + 2)
    whole = written(tmp_path / "whole", frames, SMALL).read_bytes()
    path = tmp_path / "a.part"
    ends = _block_ends(whole)
    rng = np.random.default_rng(1)
    head = fingerprint_file._HEAD.size
    sore = [range(ends[0]), *(range(end, end + head) for end in ends), range(len(whole) - head, len(whole))]
    places = {place for part in sore for place in part} | set(rng.integers(0, len(whole), 60).tolist())
    for place in sorted(places):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            assert_holds(path, frames)
            # heads of blocks are not needed where a table says where the blocks are
            assert any(end <= place < end + head for end in ends[:-1])
        except ValueError:
            pass
        # as a broken run
        writer = FingerprintWriter(path)
        assert writer.length == SMALL * min(3, max(0, sum(end <= place for end in ends) - 1))
        writer.close()
        written(path, frames, SMALL)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("size", [0, -8, 1, 2**31])
def test_a_wrong_length_at_the_end_is_damage(tmp_path: Path, size: int, small_blocks: None) -> None:
    path = written(tmp_path / "a", noise_frames(SMALL), SMALL)
    whole = path.read_bytes()
    head = fingerprint_file._HEAD
    kind, count, _, checksum = head.unpack(whole[-head.size :])
    path.write_bytes(whole[: -head.size] + head.pack(kind, count, len(whole) + size, checksum))
    with pytest.raises(ValueError, match="fingerprints"):
        FingerprintFile(path)


@pytest.mark.parametrize("content", [b"", b"x", b"something else\n" * 40, bytes(3000)])
def test_other_files_are_no_fingerprints(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.part"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="fingerprints"):
        FingerprintFile(path)
    frames = noise_frames(3)
    assert_holds(written(path, frames, BLOCK), frames)


def test_other_versions_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = noise_frames(BLOCK)
    path = written(tmp_path / "a", frames, BLOCK)
    monkeypatch.setattr(fingerprint_file, "_MAGIC", f"vs_align fingerprints {FINGERPRINTS + 1}\n".encode())
    with pytest.raises(ValueError, match="version"):
        FingerprintFile(path)
    writer = FingerprintWriter(path)
    assert writer.length == 0
    writer.close()


def test_damage_inside_of_a_block_is_said(tmp_path: Path, small_blocks: None) -> None:
    path = written(tmp_path / "a", noise_frames(3 * SMALL), SMALL)
    whole = bytearray(path.read_bytes())
    ends = _block_ends(bytes(whole))
    whole[(ends[1] + ends[2]) // 2] ^= 255
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="damaged"):
        FingerprintFile(path)


_CHILD = """
import sys, time
from pathlib import Path
from tests.decide.synchronization.synthetic_fingerprints import noise_frames
from vs_align.measure.fingerprints.fingerprint_file import BLOCK, FingerprintWriter
writer = FingerprintWriter(Path(sys.argv[1]))
for n in range(2):
    writer.add(noise_frames(BLOCK, begin=n * BLOCK))
Path(sys.argv[2]).touch()
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_killed_process_leaves_its_blocks_and_no_lock(tmp_path: Path) -> None:
    path, ready = tmp_path / "a.part", tmp_path / "ready"
    root = str(REPOSITORY)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(path), str(ready)], env=env)
    try:
        end = time.monotonic() + 60
        while not ready.exists():
            assert child.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        with pytest.raises(BlockingIOError):
            FingerprintWriter(path)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    with pytest.raises(ValueError, match="finished"):
        FingerprintFile(path)
    frames = noise_frames(2 * BLOCK + 9)
    writer = FingerprintWriter(path)
    assert writer.length == 2 * BLOCK
    writer.close()
    assert written(path, frames, BLOCK).read_bytes() == written(tmp_path / "whole", frames, BLOCK).read_bytes()
