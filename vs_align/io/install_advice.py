"""The commands that messages advise for installing a missing package.

They name the packages themselves. An advice such as `pip install 'vs_align[torch]'` would install whatever project a
registry holds by that name. They also name the environment that this process runs in, because the `pip` on the PATH may
belong to another one, and environments made by uv have no pip.
"""

import re
import shutil
import sys
from importlib.util import find_spec

TORCH = ("torch", "timm", "kornia")
"""Packages of the extra `torch`: neural engines and CUDA."""
EXPORT = ("opentimelineio", "otio-cmx3600-adapter", "otio-fcpx-xml-adapter", "pysubs2")
"""Packages of the extra `export`: cut lists and subtitles."""
REPORT = ("matplotlib",)
"""Packages of the extra `report`: plots."""
DEMO = ("scikit-image",)
"""Packages of the extra `demo`: photographs."""


def install_command(*packages: str, upgrade: bool = False, reinstall: bool = False) -> str:
    """Return a shell command that installs packages into the environment of this process.

    Args:
        packages: Names of packages as the registry has them, at least one.
        upgrade: Replace an older version.
        reinstall: Install again what is there but broken.
    """
    python = sys.executable or "python"
    if re.search(r"[^\w./\\:+-]", python):
        python = f'"{python}"'
    names = " ".join(packages)
    newer = "-U " if upgrade else ""
    if find_spec("pip") is None and shutil.which("uv") is not None:
        again = "--reinstall " if reinstall else ""
        return f"uv pip install {newer}{again}{names} --python {python}"
    again = "--force-reinstall " if reinstall else ""
    return f"{python} -m pip install {newer}{again}{names}"
