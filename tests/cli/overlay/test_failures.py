"""`vs-align overlay` when something ends it half way: the target is as it was, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.calling import call
from tests.cli.overlay.films import FG_FIRST, FG_STOP, Scenario, film_sound, leftovers, write_bg, write_fg
from tests.cli.small_disks import mounted_disk
from vs_align.media import ffmpeg


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    folder = tmp_path_factory.mktemp("films")
    bg = write_bg(folder / "bg.mkv", wave=film_sound())
    return Scenario(folder, bg, write_fg(folder / "fg.mkv", wave=film_sound(FG_FIRST, FG_STOP)))


def arguments_of(scenario: Scenario, out: Path) -> list[str]:
    """All that is written is wanted."""
    return scenario.arguments(out, "--keep-script", "--report")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file that is there already, alone in its folder."""
    (tmp_path / "work").mkdir()
    out = tmp_path / "work" / "out.mp4"
    out.write_text("precious")
    return out


def check_untouched(target: Path) -> None:
    """The target is as it was, and alone."""
    assert target.read_text() == "precious"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A name that is found where ffmpeg is looked for."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("REAL_FFMPEG", str(ffmpeg.find_ffmpeg()))
    monkeypatch.delenv(ffmpeg.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    yield tmp_path / "bin" / "ffmpeg"
    ffmpeg.find_ffmpeg.cache_clear()


def fail_where(stand_in: Path, condition: str, failure: str) -> None:
    """Write an ffmpeg that works, but for commands of which the shell says that a condition holds."""
    stand_in.write_text(f'#!/bin/sh\ncase "$*" in {condition}) {failure};; esac\nexec "$REAL_FFMPEG" "$@"\n')
    stand_in.chmod(0o755)
    ffmpeg.find_ffmpeg.cache_clear()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for ffmpeg is a POSIX script")
@pytest.mark.parametrize(
    ("stage", "said"),
    [
        # it reads the picture from a pipe, and some bytes are written before the end
        ("*pipe:0*libx264*", "No space left on device"),
        # the picture is finished, and the sound is on its way
        ("*f32le*", "No space left on device"),
    ],
    ids=["picture", "sound"],
)
def test_encoder_that_dies_half_way(
    scenario: Scenario, target: Path, stand_in: Path, capfd: pytest.CaptureFixture[str], stage: str, said: str
) -> None:
    dying = f'for out; do :; done; head -c 200000 >/dev/null; echo half > "${{out#file:}}"; echo "{said}" >&2; exit 228'
    fail_where(stand_in, stage, dying)
    assert call(*arguments_of(scenario, target), "--audio", "mix") == 1
    err = capfd.readouterr().err
    assert f"ffmpeg failed (code 228): {said}" in " ".join(err.split())
    assert "Traceback" not in err
    check_untouched(target)


def test_script_that_fails(scenario: Scenario, target: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A frame that cannot be read ends vspipe in the middle."""
    cut = tmp_path / "cut.mkv"
    whole = scenario.bg.read_bytes()
    cut.write_bytes(whole[: len(whole) // 3])
    arguments = [str(cut) if argument == str(scenario.bg) else argument for argument in arguments_of(scenario, target)]
    assert call(*arguments) == 1
    assert "cut.mkv" in capfd.readouterr().err
    check_untouched(target)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 KB."""
    with mounted_disk(tmp_path, 96) as folder:
        yield folder


def test_full_disk(scenario: Scenario, small_disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = small_disk / "out.mp4"
    out.write_text("precious")
    assert call(*arguments_of(scenario, out), "--crf", "1") == 1
    err = capfd.readouterr().err
    assert "No space left on device" in err
    assert "Traceback" not in err
    check_untouched(out)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for child processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGTERM)])
def test_interruption_leaves_nothing_behind(
    scenario: Scenario, target: Path, tmp_path: Path, number: signal.Signals
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    # so slow that it is still at work when the signal comes
    slow = ["--preset", "placebo", "--canvas", "union", "--background", "blur", "--timing", "bg", "--no-trim"]
    command = [sys.executable, "-m", "vs_align", *arguments_of(scenario, target), *slow]
    with subprocess.Popen(
        command, env=os.environ | {"TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        deadline = time.monotonic() + 60
        while not list(target.parent.glob(".*.part*")) and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert leftovers(target.parent), "the encoder never began"
        # as a terminal does: to all that have not left the group
        os.killpg(running.pid, number)
        _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "interrupted: no result was written" in said
    assert "Traceback" not in said
    check_untouched(target)
    assert list(temporary.iterdir()) == []
    names = (str(target.parent), str(temporary))
    assert [line for line in _command_lines() if any(name in line for name in names)] == []


def _command_lines() -> list[str]:
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                lines.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return lines
