"""Runs a command and measures it together with all that it starts."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Run:
    """What a command did."""

    code: int
    seconds: float
    peak_mib: float | None
    """Largest sum of memory of all processes at one time, shared memory counted once; None where nobody asked."""
    said: str
    """The last line on stderr, or on stdout where that is empty."""


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout: float = 3600.0,
    memory: bool = False,
) -> Run:
    """Run a command to its end, or kill it after so many seconds.

    Args:
        command: The program and its arguments.
        environment: Variables to set in addition.
        folder: Where it runs.
        timeout: Seconds.
        memory: Watch how much it needs. Asking costs a little time.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder,
            env={**os.environ, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
        done = threading.Event()
        peaks = [0.0]
        watcher = threading.Thread(target=_watch, args=(child.pid, done, peaks)) if memory else None
        if watcher is not None:
            watcher.start()
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            for pid in tree(child.pid):
                _kill(pid)
            child.wait()
        seconds = time.perf_counter() - began
        done.set()
        if watcher is not None:
            watcher.join()
        words = [_text(err), _text(out)]
    lines = next((text.splitlines() for text in words if text), [""])
    return Run(child.returncode, seconds, max(peaks) / 1024 if memory else None, lines[-1])


def tree(root: int) -> list[int]:
    """Ids of a process and of all that it and its children have started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # the name of a program may hold spaces and brackets
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended meanwhile
            parents.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def _watch(root: int, done: threading.Event, peaks: list[float]) -> None:
    while not done.wait(_EVERY):
        peaks[0] = max(peaks[0], sum(map(_kib, tree(root))))


def _kib(pid: int) -> float:
    """Memory of a process, with its share of what it shares."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0  # it has ended meanwhile
    return next((float(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace").strip()
