"""Subprocesses end with this process, and long waits are reported."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vs_align.errors import MissingDependencyError
from vs_align.media import subprocesses
from vs_align.media.ffmpeg import VARIABLE, find_ffmpeg
from vs_align.media.subprocesses import ChildProcesses, run_program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs are POSIX scripts")

_PARENT = """
import sys, time
from pathlib import Path
if len(sys.argv) > 2:
    sys.platform = sys.argv[2]
from vs_align.media.subprocesses import ChildProcesses
with ChildProcesses(Path(sys.argv[1])) as children:
    child = children.start([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"])
    print(child.stdout.readline().decode(), flush=True)
    if sys.stdin.readline() == "leave\\n":
        sys.exit()
    time.sleep(60)
"""


def runs(number: int) -> bool:
    """Whether there is a process of this number that has not ended."""
    try:
        os.kill(number, 0)
        # one that nobody has waited for yet has ended all the same
        command = ["ps", "-o", "stat=", "-p", str(number)]
        state = subprocess.run(command, capture_output=True, text=True, check=False)
    except ProcessLookupError:
        return False
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


def ends(number: int) -> bool:
    deadline = time.monotonic() + 10
    while runs(number) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not runs(number)


# each system has its way, and that without a signal of the kernel works on all
@pytest.mark.parametrize("system", [sys.platform, "darwin"])
@pytest.mark.parametrize("killed", [True, False])
def test_children_of_a_killed_process_end(tmp_path: Path, system: str, killed: bool) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path), system]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert runs(child)
        if killed:
            parent.send_signal(signal.SIGKILL)
        else:
            parent.stdin.write("leave\n")
            parent.stdin.flush()
        parent.wait(20)
        assert ends(child)


def test_signals_that_python_ignores_are_not_ignored_by_programs() -> None:
    done = run_program(["/bin/sh", "-c", "kill -PIPE $$; echo alive"], 20)
    assert (done.returncode, done.stdout) == (-signal.SIGPIPE, "")


def test_what_cannot_be_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\x00\x01 no program")
    (tmp_path / "odd").chmod(0o755)
    for path in (tmp_path / "nowhere", tmp_path / "odd"):
        with pytest.raises(MissingDependencyError, match=f"^{path} cannot be run: "):
            run_program([str(path)], 20)


def test_a_program_that_hangs_is_told_of_and_given_up_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subprocesses, "_QUIET_SECONDS", 0.2)
    number = tmp_path / "number"
    command = ["/bin/sh", "-c", f"sleep 60 & echo $! > {number}; wait"]
    with caplog.at_level(logging.INFO, "vs_align"), pytest.raises(MissingDependencyError, match=r"within 1\.5 s\.$"):
        run_program(command, 1.5)
    assert [record.getMessage()[:20] for record in caplog.records] == ["waiting for /bin/sh "]
    assert ends(int(number.read_text()))


def test_a_hanging_ffmpeg_is_replaced_by_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\nsleep 60\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(subprocesses, "_QUIET_SECONDS", 0.1)
    monkeypatch.setattr("vs_align.media.ffmpeg._TIMEOUT", 1)
    find_ffmpeg.cache_clear()
    try:
        with caplog.at_level(logging.INFO, "vs_align"):
            assert find_ffmpeg() == Path(imageio_ffmpeg.get_ffmpeg_exe())
    finally:
        find_ffmpeg.cache_clear()
    assert f"{tmp_path / 'ffmpeg'} -version has not answered within 1 s. Another ffmpeg is looked for." in caplog.text


def test_last_words_have_no_addresses_and_no_repetitions(tmp_path: Path) -> None:
    said = "[aac @ 0x55d0c8a3b840] Number of bands (2) exceeds limit (1).\\n" * 9 + "[mp4 @ 0x1f] disk is full\\n"
    with ChildProcesses(tmp_path) as children:
        child = children.start(["/bin/sh", "-c", f"printf '{said}' >&2"])
        child.wait()
        assert children.stderr_tail(child) == "aac: Number of bands (2) exceeds limit (1). / mp4: disk is full"
