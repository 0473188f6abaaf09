"""Advice to install something names packages and the environment, and works when it is copied as it stands."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from vs_align.io import install_advice
from vs_align.io.install_advice import DEMO, EXPORT, REPORT, TORCH, install_command

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "vs_align").rglob("*.py"),
    *(ROOT / "examples").iterdir(),
]


@pytest.mark.parametrize(
    ("extra", "packages"), [("torch", TORCH), ("export", EXPORT), ("report", REPORT), ("demo", DEMO)]
)
def test_packages_are_those_of_the_extra(extra: str, packages: tuple[str, ...]) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][extra]
    assert list(packages) == [re.split("[>=<]", requirement)[0] for requirement in declared]


@pytest.mark.skipif(find_spec("pip") is None and shutil.which("uv") is None, reason="there is neither pip nor uv")
def test_command_runs_as_it_stands() -> None:
    # NumPy is there, so nothing is fetched or changed
    command = [*shlex.split(install_command("numpy")), "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_command_is_for_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_advice, "find_spec", lambda name: object())
    assert install_command("a", "b", upgrade=True) == f"{sys.executable} -m pip install -U a b"
    monkeypatch.setattr(sys, "executable", "/my programs/python")
    assert install_command("a", reinstall=True) == '"/my programs/python" -m pip install --force-reinstall a'


def test_command_for_an_environment_without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_advice, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert install_command("a", reinstall=True) == f"uv pip install --reinstall a --python {sys.executable}"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert install_command("a") == f"{sys.executable} -m pip install a"


def test_no_text_installs_the_project_by_its_name() -> None:
    # a registry may hold another project of this name; the module that says so is the one that quotes it
    texts = {path: path.read_text(encoding="utf-8") for path in TEXTS if path.name != "install_advice.py"}
    for path, text in texts.items():
        assert not re.search(r"\b(pip install|uv add|uvx|pipx)[ \w-]* '?\"?vs[_-]align\b", text), path
