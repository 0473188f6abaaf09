"""Findings of `vs-align doctor`: programs, plugins, packages, models and folders on this machine."""

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from vs_align.errors import AlignError
from vs_align.io.install_advice import TORCH, install_command
from vs_align.io.user_folders import cache_home, is_writable
from vs_align.measure.networks import weights
from vs_align.media.ffmpeg import VARIABLE, ffmpeg_version, find_encoder, find_ffmpeg, known_limits
from vs_align.media.vspipe import ensure_config, find_vspipe, supports_mkv

OLDEST_PYTHON = (3, 12)
"""Oldest supported version of Python."""
OLDEST_VAPOURSYNTH = 80
"""Oldest supported release of VapourSynth."""


class State(StrEnum):
    """State of a dependency."""

    OK = "ok"
    """Present and working."""
    MISSING = "missing"
    """Required, and missing, broken or too old."""
    OPTIONAL = "optional"
    """Missing, but not required."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check."""

    name: str
    state: State
    found: str
    """Version and path, or the problem."""
    mend: str = ""
    """Advice in one line; empty if the state is OK."""


@dataclass(frozen=True, slots=True)
class _Plugin:
    namespace: str
    use: str
    mend: str
    required: bool = False


_PLUGINS = (
    _Plugin("bs", "reads video files", install_command("vapoursynth-bestsource"), required=True),
    _Plugin("akarin", "makes some graphs faster", install_command("vapoursynth-akarin")),
    _Plugin("vszip", "makes some graphs faster", install_command("vapoursynth-vszip")),
    # The package index has an unrelated program of the name vship, so no pip command may stand here.
    _Plugin("vship", "metrics on a GPU", "Copy the library of a Vship release into {plugins} (it is not on pip)."),
    _Plugin("julek", "metrics on the CPU", "Copy the library of a julek-plugin release into {plugins}."),
)


def show_versions() -> tuple[Finding, ...]:
    """Check all programs, plugins, packages, models and folders that vs_align uses.

    Registers this Python for vspipe if needed. PyTorch is imported if it is installed.

    Returns:
        Findings in a fixed order.
    """
    checks: Iterable[Callable[[], Iterable[Finding]]] = (
        _python, _vapoursynth, _vspipe, _plugins, _ffmpeg, _torch, _models, _metrics, _folders,
    )  # fmt: skip
    return tuple(finding for check in checks for finding in check())


def _python() -> Iterator[Finding]:
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= OLDEST_PYTHON:
        yield Finding("Python", State.OK, found)
    else:
        yield Finding("Python", State.MISSING, found, f"Install Python {'.'.join(map(str, OLDEST_PYTHON))} or later.")


def _vapoursynth() -> Iterator[Finding]:
    from vs_align.nodes.plugins import core_release, core_threads

    release = core_release()
    if release >= OLDEST_VAPOURSYNTH:
        yield Finding("VapourSynth", State.OK, f"R{release}, {core_threads()} threads")
    else:
        mend = install_command("vapoursynth", upgrade=True)
        yield Finding("VapourSynth", State.MISSING, f"R{release}, older than R{OLDEST_VAPOURSYNTH}", mend)


def _vspipe() -> Iterator[Finding]:
    try:
        path = find_vspipe()
        registered = ensure_config()
        carries_mkv = supports_mkv()
    except AlignError as error:
        yield Finding(
            "vspipe", State.MISSING, str(error), f"{install_command('vapoursynth', upgrade=True)} && {_configure()}"
        )
        return
    yield Finding("vspipe", State.OK, f"{path}{', which now knows this Python' if registered else ''}")
    if carries_mkv:
        yield Finding("vspipe: mkv", State.OK, "variable frame rates can be piped")
    else:
        found = "only y4m, which cannot carry a variable frame rate"
        yield Finding("vspipe: mkv", State.OPTIONAL, found, install_command("vapoursynth", upgrade=True))


def _configure() -> str:
    return f'"{sys.executable}" -m vapoursynth config'


def _plugins() -> Iterator[Finding]:
    from vs_align.nodes.plugins import is_loaded, plugin_folder, plugin_version

    folder = plugin_folder()
    for plugin in _PLUGINS:
        name = f"plugin: {plugin.namespace}"
        if is_loaded(plugin.namespace):
            yield Finding(name, State.OK, f"{plugin_version(plugin.namespace)}, {plugin.use}")
        else:
            state = State.MISSING if plugin.required else State.OPTIONAL
            yield Finding(name, state, f"not loaded; {plugin.use}", plugin.mend.format(plugins=folder))


def _ffmpeg() -> Iterator[Finding]:
    try:
        path = find_ffmpeg()
        version = ffmpeg_version(path)
    except AlignError as error:
        mend = f"unset {VARIABLE}; {install_command('imageio-ffmpeg', reinstall=True)}"
        yield Finding("ffmpeg", State.MISSING, " ".join(str(error).split()), mend)
        return
    chosen = f", which {VARIABLE} names" if os.environ.get(VARIABLE) else ""
    yield Finding("ffmpeg", State.OK, f"{version} at {path}{chosen}")
    yield Finding("ffmpeg: limits", State.OK, known_limits(version))
    try:
        find_encoder("libx264")
        yield Finding("ffmpeg: libx264", State.OK, "the usual encoder is there")
    except AlignError as error:
        mend = "Install an ffmpeg that has libx264, or name another encoder with --codec."
        yield Finding("ffmpeg: libx264", State.MISSING, str(error), mend)


def _torch() -> Iterator[Finding]:
    mend = install_command(*TORCH)
    if find_spec("torch") is None:
        yield Finding("PyTorch", State.OPTIONAL, "not installed; runs neural engines", mend)
        yield Finding("CUDA", State.OPTIONAL, "needs PyTorch", mend)
        return
    try:
        import torch
    except (ImportError, OSError) as error:
        broken = f"installed, but cannot be loaded: {' '.join(str(error).split())}"
        yield Finding("PyTorch", State.OPTIONAL, broken, install_command("torch", reinstall=True))
        return
    yield Finding("PyTorch", State.OK, str(torch.__version__))
    if torch.cuda.is_available():
        yield Finding("CUDA", State.OK, f"{torch.version.cuda} on {torch.cuda.get_device_name(0)}")
    else:
        mend = "Check the driver with nvidia-smi, or install a CUDA build of torch."
        yield Finding("CUDA", State.OPTIONAL, "PyTorch sees no CUDA device", mend)


def _models() -> Iterator[Finding]:
    named = os.environ.get(weights.VARIABLE)
    if named and not Path(named).is_dir():
        mend = "Create the folder, or unset the variable."
        yield Finding(weights.VARIABLE, State.OPTIONAL, f"{named} is not a folder", mend)
    for model in weights.MODELS.values():
        path = weights.find(model.name)
        if path is None:
            found = f"not there; {model.purpose}"
            yield Finding(f"model: {model.file}", State.OPTIONAL, found, f"vs-align models get {model.name}")
        else:
            megabytes = path.stat().st_size / 1e6
            yield Finding(f"model: {model.file}", State.OK, f"{megabytes:.1f} MB in {path.parent}")


def _metrics() -> Iterator[Finding]:
    from vs_align.measure.metrics.registry import METRICS, missing_for

    for row in METRICS.values():
        missing = missing_for(row)
        name = f"metric: {row.name}"
        if not missing:
            yield Finding(name, State.OK, f"{row.best_for}; licence: {row.license}")
        else:
            need, _, mend = missing.partition(". ")
            yield Finding(name, State.OPTIONAL, f"{need}; {row.best_for}", mend)


def _folders() -> Iterator[Finding]:
    cache = cache_home()
    if is_writable(cache):
        yield Finding("cache folder", State.OK, f"{_size_of(cache) / 1e6:.1f} MB in {cache}")
    else:
        mend = "Let this user write there, or name another folder in the variable XDG_CACHE_HOME (Linux)."
        found = f"{cache} cannot be written, so that nothing is kept for the next time"
        yield Finding("cache folder", State.OPTIONAL, found, mend)
    places = _numba_folders()
    place = next((folder for folder in places if is_writable(folder)), None)
    if place is not None:
        yield Finding("numba cache", State.OK, str(place))
    else:
        found = f"{places[0]} cannot be written, so that each start takes seconds longer"
        yield Finding("numba cache", State.OPTIONAL, found, "Name a folder in the variable NUMBA_CACHE_DIR.")


def _numba_folders() -> list[Path]:
    """Return the folders in which numba may cache compiled code, in its order."""
    from platformdirs import user_cache_path

    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return [Path(named)]
    return [
        Path(__file__).parents[1] / "measure" / "metrics" / "planestats" / "__pycache__",
        user_cache_path("numba", appauthor=False),
    ]


def _size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; files that vanish meanwhile are skipped."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:
                continue
    return total
