"""The VapourSynth core: its release, its threads, and the plugins that it has loaded."""

from pathlib import Path

import vapoursynth as vs


def core_release() -> int:
    """Return the release of VapourSynth, such as 80."""
    return int(vs.__version__.release_major)


def core_threads() -> int:
    """Return the number of threads of the core."""
    return int(vs.core.num_threads)


def plugin_folder() -> Path:
    """Return the folder from which VapourSynth loads plugins that are installed as packages."""
    return Path(vs.__file__).parent / "plugins"


def is_loaded(namespace: str) -> bool:
    """Return whether the core has a plugin of this namespace."""
    return hasattr(vs.core, namespace)


def plugin_version(namespace: str) -> str:
    """Return the version of a loaded plugin, such as "1.4"."""
    version = getattr(vs.core, namespace).version
    return f"{version.major}.{version.minor}"
