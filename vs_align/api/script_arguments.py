"""Paths given to a VapourSynth script with `vspipe -a`, resolved as the caller of vspipe means them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, overload

from vs_align.errors import ArgumentError


@overload
def argument_path(variables: Mapping[str, Any], name: str, default: str) -> str: ...
@overload
def argument_path(variables: Mapping[str, Any], name: str, default: None = None) -> str | None: ...
def argument_path(variables: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """Return the absolute path of a file or folder that is named in a script or in an argument of vspipe.

    vspipe changes into the folder of the script before it runs it, so that a relative name given with `-a` would be
    looked for there. Here it is looked for in the folder that vspipe was called from, then in that of the script.

    Example:
        ```python
        # vspipe -a clip=dvd.mkv scripts/match.vpy -
        clip = core.bs.VideoSource(vs_align.argument_path(globals(), "clip", "dvd.mkv"))
        ```

    Args:
        variables: `globals()` of the script: vspipe puts its arguments there, as text, and the script's `__file__`.
        name: Name of the argument.
        default: The path if the argument is not given.

    Returns:
        The absolute path of the first file that exists; if there is none, the path in the folder that vspipe was
        called from. None if the argument is not given and there is no default.

    Raises:
        ArgumentError: The argument is no text.
    """
    given = variables.get(name, default)
    if given is None:
        return None
    if not isinstance(given, str | os.PathLike):
        raise ArgumentError("argument_path", name, "must be the name of a file", repr(given))
    path = Path(given)
    if path.is_absolute():
        return str(path)
    tried = [folder / path for folder in _folders(variables.get("__file__"))]
    return str(next((each for each in tried if each.exists()), tried[0]))


def _folders(script: object) -> Iterator[Path]:
    """Yield the folders in which a relative name is looked for, the most likely one first."""
    here = Path.cwd()
    if isinstance(script, str) and script:
        yield from _calling_folders(Path(script), here)
    yield here


def _calling_folders(script: Path, here: Path) -> Iterator[Path]:
    """Yield the folders that vspipe may have been called from.

    Args:
        script: Path of the script as it was typed: the only trace of the folder that it is relative to.
        here: The present folder. It is that of the script if vspipe changed into it.
    """
    resolved = here / script.name
    shell = os.environ.get("PWD", "")
    for folder in filter(None, (shell, _folder_of_parent())):
        # a shell tells where it is; a program that sets the folder of its child leaves an outdated PWD behind
        if script.is_absolute() or _is_same(Path(folder) / script, resolved):
            yield Path(folder)
    parts = script.parent.parts
    if not script.is_absolute() and parts and ".." not in parts and here.parts[-len(parts) :] == parts:
        yield Path(*here.parts[: -len(parts)])


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _folder_of_parent() -> str:
    """Return the working folder of the program that started this one; empty where the system does not tell."""
    try:
        return os.readlink(f"/proc/{os.getppid()}/cwd")
    except OSError:
        return ""
