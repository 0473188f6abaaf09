"""Files that appear whole or not at all, and what is left of processes that were killed."""

import os
import signal
import stat
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from vs_align.errors import MediaError
from vs_align.io.atomic_files import MAX_NAME_BYTES, beside, is_device, part_path, replace, save_bytes, temporary_paths

_HELD = """
import sys, time
from pathlib import Path
from vs_align.io.atomic_files import temporary_paths
with temporary_paths(Path(sys.argv[1])) as (part,):
    part.write_text("half")
    with temporary_paths(part) as (inner,):  # as when a writer of sound is given the part of a video
        inner.write_text("half of a half")
        print("held", flush=True)
        time.sleep(60)
"""


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_leftovers_of_a_killed_process_are_removed_and_no_others(tmp_path: Path) -> None:
    target = tmp_path / "film.mkv"
    mine = [tmp_path / name for name in (".film.0123abcd.part.mkv", ".film.notes.mkv", ".film.0123abcg.lock")]
    for path in mine:
        path.write_text("precious")
    with subprocess.Popen([sys.executable, "-c", _HELD, str(target)], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        before = hidden(tmp_path)
        assert len(before) == len(mine) + 3
        with temporary_paths(target):
            assert set(before) < set(hidden(tmp_path))  # nothing of a process that runs is touched
        with temporary_paths(tmp_path / "other.mkv"):
            pass
        running.send_signal(signal.SIGKILL)
    assert hidden(tmp_path) == before
    with temporary_paths(tmp_path / "film2.mkv"):
        assert set(before) < set(hidden(tmp_path))  # it is not beside this output that they lie
    with temporary_paths(target) as (part,):
        assert [name for name in hidden(tmp_path) if name.endswith(".lock")] == sorted(
            [mine[2].name, part.name.replace(".part.mkv", ".lock")]
        )
    assert hidden(tmp_path) == sorted(path.name for path in mine)
    assert [path.read_text() for path in mine] == ["precious"] * 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    fifo, read = tmp_path / "pipe", []
    os.mkfifo(fifo)
    for write in (partial(save_bytes, b"results"), lent):
        reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
        reader.start()
        write(fifo)
        reader.join(10)
    assert read == [b"results", b"results"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert hidden(tmp_path) == []


def lent(target: Path) -> None:
    with temporary_paths(target) as (part,):
        part.write_bytes(b"results")
        replace(part, target)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        save_bytes(b"results", Path("/dev/full"))
    (tmp_path / "part").write_bytes(b"results")
    with pytest.raises(MediaError, match=r"^/dev/full cannot be written: No space left on device\.$"):
        replace(tmp_path / "part", Path("/dev/full"))
    assert is_device(Path("/dev/full"))


@pytest.mark.parametrize("letter", ["a", "é", "映", "🎬"])
def test_names_are_as_long_as_a_file_system_takes(tmp_path: Path, letter: str) -> None:
    stem = letter * ((MAX_NAME_BYTES - 4) // len(letter.encode()))
    target = tmp_path / f"{stem}.mkv"
    lent(target)
    assert target.read_bytes() == b"results"
    for suffix in (".vpy", ".report.html", ".synced.srt"):
        path = beside(target, suffix)
        path.touch()
        assert path.name.endswith(suffix)
        assert len(os.fsencode(path.name)) > MAX_NAME_BYTES - 4
    assert len(os.fsencode(part_path(target).name)) <= MAX_NAME_BYTES
    # an ending that is no ending
    odd = tmp_path / f"a.{letter * (200 // len(letter.encode()))}"
    lent(odd)
    assert odd.exists()


def test_short_names_stay() -> None:
    assert beside(Path("film.2024.mkv"), ".vpy") == Path("film.2024.vpy")


def test_folders_are_made_and_removed_where_nothing_was_written(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "a.txt"
    with pytest.raises(KeyError), temporary_paths(target) as (part,):
        part.touch()
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    lent(target)
    assert target.read_bytes() == b"results"


@pytest.mark.skipif(os.name == "nt", reason="links and modes are those of POSIX")
def test_a_link_keeps_pointing_at_its_file_and_a_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    lent(link)
    assert link.is_symlink()
    assert real.read_bytes() == b"results"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    save_bytes(b"more", link)
    assert (link.is_symlink(), real.read_bytes()) == (True, b"more")
