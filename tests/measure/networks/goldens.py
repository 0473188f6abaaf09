"""Recorded results of the networks, which lie beside the repository on some machines."""

import numpy as np
import pytest

from tests.folders import SHARED
from vs_align.io.array_types import Float32Array


class Golden:
    """One file of recorded arrays, scaled as they were before they were stored."""

    def __init__(self, name: str) -> None:
        path = SHARED / "goldens" / "models" / f"{name}.npz"
        if not path.is_file():
            pytest.skip("no folder shared/goldens with recorded results beside the repository")
        self._arrays = np.load(path)

    def __getitem__(self, name: str) -> Float32Array:
        """Return an array as float32: pictures 0 to 1, flows in pixels."""
        for suffix, scale in (("", 1), ("_i16", 2048), ("_u8", 255), ("_u16", 65535)):
            if name + suffix in self._arrays:
                return np.asarray(self._arrays[name + suffix] / np.float32(scale), np.float32)
        raise KeyError(name)

    def picture(self, name: str) -> Float32Array:
        """Return an input picture (height, width, 3) as RGB from 0 to 1, or a mask (height, width)."""
        return np.asarray(self._arrays[name] / np.float32(255), np.float32)
