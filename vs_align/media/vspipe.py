"""vspipe: finding the program, its environment and configuration, and whether it pipes Matroska."""

import os
import shutil
import subprocess
import sys
import sysconfig
from contextlib import suppress
from functools import cache
from pathlib import Path

from vs_align.errors import MissingDependencyError
from vs_align.io.install_advice import install_command
from vs_align.io.user_folders import temporary_home
from vs_align.media.subprocesses import run_program

_TIMEOUT = 60
"""Seconds. The first start on a slow disk reads Python, VapourSynth and plugins."""
# Replaces the user's configuration folder; empty: it is used.
_own_config: list[Path] = []


def find_vspipe() -> Path:
    """Return the vspipe that belongs to this Python's VapourSynth, else the first on PATH.

    Raises:
        MissingDependencyError: There is none.
    """
    import vapoursynth as vs

    name = "vspipe.exe" if os.name == "nt" else "vspipe"
    # the program inside the package first: the one beside Python is a wrapper, a second process to end
    for folder in (Path(vs.__file__).parent, Path(sys.executable).parent):
        if (folder / name).is_file():
            return folder / name
    found = shutil.which("vspipe")
    if found is None:
        command = install_command("vapoursynth", upgrade=True)
        raise MissingDependencyError(f"vspipe, which comes with VapourSynth, is missing. Run: {command}")
    return Path(found)


def vspipe_environment() -> dict[str, str]:
    """Return environment variables with which vspipe uses this Python and this vs_align."""
    environment = dict(os.environ)
    _put_first(environment, "PATH", Path(sys.executable).parent)
    if _own_config:
        environment["XDG_CONFIG_HOME"] = str(_own_config[-1])
    home = Path(__file__).resolve().parents[2]
    if home != Path(sysconfig.get_path("purelib")).resolve():
        _put_first(environment, "PYTHONPATH", home)
    return environment


def _use_own_config() -> None:
    """Let vspipe read a temporary copy of the user's configuration."""
    own = temporary_home() / "config"
    users = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "vapoursynth"
    (own / "vapoursynth").mkdir(parents=True, exist_ok=True)
    for name in ("vapoursynth.toml", "vapoursynth.conf"):
        with suppress(OSError):  # there is none
            shutil.copy(users / name, own / "vapoursynth" / name)
    _own_config.append(own)


def _put_first(environment: dict[str, str], variable: str, folder: Path) -> None:
    present = environment.get(variable)
    environment[variable] = os.pathsep.join([str(folder), present] if present else [str(folder)])


def vspipe_output(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run vspipe with some arguments and return its output."""
    return _run([str(find_vspipe()), *arguments])


def ensure_config() -> bool:
    """Register this Python with VapourSynth for vspipe, which is needed once per installation.

    Returns:
        Whether it had to be registered.

    Raises:
        MissingDependencyError: vspipe is missing or does not start even so.
    """
    if vspipe_output("--version").returncode == 0:
        return False
    configured = _run([sys.executable, "-m", "vapoursynth", "config"])
    started = vspipe_output("--version")
    if started.returncode != 0 and os.name != "nt":
        # VapourSynth's configuration lies in the user's home, which may not be writable
        _use_own_config()
        configured = _run([sys.executable, "-m", "vapoursynth", "config"])
        started = vspipe_output("--version")
    if started.returncode != 0:
        said = (started.stderr or configured.stderr or configured.stdout).strip().splitlines()
        reason = said[-1] if said else "it says nothing"
        raise MissingDependencyError(f"vspipe does not start: {reason} Try `{sys.executable} -m vapoursynth config`.")
    return True


@cache
def supports_mkv() -> bool:
    """Return whether this vspipe pipes Matroska, which has variable frame rates (VapourSynth R81 and later)."""
    said = vspipe_output("--help")
    # some versions print help on stdout, others on stderr
    return "mkv" in said.stdout + said.stderr


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return run_program(command, _TIMEOUT, vspipe_environment())
