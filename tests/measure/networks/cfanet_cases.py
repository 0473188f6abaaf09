"""CFANet with generated weights, and the recorded results that belong to them."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.folders import REPOSITORY, SHARED
from vs_align.io.array_types import AnyArray, UInt8Array

GOLDENS = SHARED / "goldens" / "metrics"
SCRIPTS = REPOSITORY / "scripts"


def generated(shapes: dict[str, tuple[int, ...]]) -> dict[str, AnyArray]:
    """Make weights by the rule that the measurements use too."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        from generated_weights import generated_weights
    finally:
        sys.path.remove(str(SCRIPTS))
    return dict(generated_weights(shapes))


def weight_file(folder: Path, prefix: str = "") -> Path:
    """Write a file of generated weights in the form of the published one."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("timm")
    from vs_align.measure.networks.cfanet import CFANet, gated_means

    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in CFANet(gated_means).state_dict().items()}
    state = {prefix + name: torch.from_numpy(np.array(value)) for name, value in generated(shapes).items()}
    path = folder / "cfanet.pth"
    torch.save({"params": state}, path)
    return path


def digest_of(arrays: dict[str, AnyArray]) -> str:
    """Hash names and values in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def recorded(name: str) -> Any:
    """Read a recorded file, or skip the test."""
    path = GOLDENS / "topiq" / name
    if not path.is_file():
        pytest.skip("no folder shared/goldens with recorded results beside the repository")
    return json.loads(path.read_text()) if path.suffix == ".json" else np.load(path)


def picture(name: str, crop: list[int] | None = None) -> UInt8Array:
    """Read a recorded picture as (3, h, w) RGB, cropped to y, x, height, width."""
    pixels = cv2.imread(str(GOLDENS / "butteraugli" / name), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    if crop is not None:
        y, x, height, width = crop
        pixels = pixels[y : y + height, x : x + width]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.uint8)
