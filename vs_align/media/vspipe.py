"""The program vspipe, which runs a script and pipes its frames: where it is, what it can do, and its configuration."""

import os
import shutil
import subprocess
import sys
import sysconfig
from contextlib import suppress
from functools import cache
from pathlib import Path

from vs_align.errors import MissingDependencyError
from vs_align.io.user_folders import temporary_home
from vs_align.media.programs import output_of

# Its first start on a slow disk reads Python, VapourSynth and some plugins.
_TIMEOUT = 60
# What takes the place of the user's configuration folder, if anything does.
_own_config: list[Path] = []


def find_vspipe() -> Path:
    """Return the vspipe that belongs to this Python's VapourSynth, else the first on PATH.

    Raises:
        MissingDependencyError: There is none.
    """
    import vapoursynth as vs

    name = "vspipe.exe" if os.name == "nt" else "vspipe"
    # The program inside the package goes first: the one beside Python is a wrapper that would have to be ended too.
    for folder in (Path(vs.__file__).parent, Path(sys.executable).parent):
        if (folder / name).is_file():
            return folder / name
    found = shutil.which("vspipe")
    if found is None:
        raise MissingDependencyError("vspipe, which comes with VapourSynth, is missing: pip install -U vapoursynth")
    return Path(found)


def vspipe_environment() -> dict[str, str]:
    """Return environment variables with which vspipe runs the Python and the vs_align that run now, and no others."""
    environment = dict(os.environ)
    _put_first(environment, "PATH", Path(sys.executable).parent)
    if _own_config:
        environment["XDG_CONFIG_HOME"] = str(_own_config[-1])
    home = Path(__file__).resolve().parents[2]
    if home != Path(sysconfig.get_path("purelib")).resolve():
        _put_first(environment, "PYTHONPATH", home)
    return environment


def _use_own_config() -> None:
    """Let vspipe read a copy of the user's configuration that lasts as long as this process."""
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
    """Run vspipe with some arguments and return what it said."""
    return _run([str(find_vspipe()), *arguments])


def ensure_config() -> bool:
    """Let vspipe know this Python, which VapourSynth wants to be told once per installation.

    Returns:
        Whether it had to be told.

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
    """Tell whether this vspipe can pipe Matroska, which carries variable frame rates (VapourSynth R81 and later)."""
    said = vspipe_output("--help")
    # Versions differ in where help goes.
    return "mkv" in said.stdout + said.stderr


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return output_of(command, _TIMEOUT, vspipe_environment())
