"""File systems that are soon full."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted_disk(parent: Path, kilobytes: int) -> Iterator[Path]:
    """Mount an empty file system of a size in a folder; the test is skipped where that is not allowed."""
    mount = shutil.which("mount")
    folder = parent / "disk"
    folder.mkdir()
    command = [str(mount), "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root alone")
    yield folder
    subprocess.run([str(shutil.which("umount")), str(folder)], check=True)
