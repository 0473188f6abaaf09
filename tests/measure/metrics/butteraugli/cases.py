"""Images with known scores by libjxl, and metrics to test on them."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest

from tests.folders import SHARED
from vs_align.io.array_types import Float32Array, RgbImage, UInt8Array
from vs_align.measure.metrics.butteraugli import comparison_kernels
from vs_align.measure.metrics.butteraugli.metric import Butteraugli
from vs_align.measure.metrics.butteraugli.psycho_image import PsychoImage

FOLDER = SHARED / "goldens" / "metrics" / "butteraugli"
RELATIVE, ABSOLUTE = 2e-4, 1e-6


FORMS: dict[str, Callable[[UInt8Array], RgbImage]] = {
    "8 bits": lambda image: image,
    "16 bits": lambda image: image.astype(np.uint16) * np.uint16(257),
    "float": lambda image: np.asarray(image, np.float32) / np.float32(255),
}


def solid(height: int, width: int, value: int) -> UInt8Array:
    """A grey picture without anything on it."""
    return np.full((3, height, width), value, np.uint8)


def _checker() -> UInt8Array:
    rows, columns = np.indices((48, 64))
    return np.repeat(((rows + columns) % 2 * 255).astype(np.uint8)[None], 3, 0)


def _step(column: int) -> UInt8Array:
    image = solid(48, 64, 30)
    image[:, :, column:] = 220
    return image


def _dot() -> UInt8Array:
    image = solid(16, 16, 40)
    image[:, 8, 7] = 255
    return image


# first picture, second picture, intensity, asymmetry, max norm and 3-norm as libjxl gives them
KNOWN: dict[str, tuple[UInt8Array, UInt8Array, float, float, float, float]] = {
    "level": (solid(48, 64, 128), solid(48, 64, 129), 80, 0.8, 2.1479082107543945, 2.1476974064471346),
    "black and white": (solid(48, 64, 0), solid(48, 64, 255), 203, 0.8, 564.5011596679688, 564.4950483303593),
    "checker": (_checker(), solid(48, 64, 188), 80, 0.8, 6.132640838623047, 6.0050557811277985),
    "checker, symmetric": (_checker(), solid(48, 64, 188), 80, 1.0, 6.2562360763549805, 6.122870757599635),
    "step": (_step(32), _step(33), 80, 0.8, 19.726892471313477, 10.964440540225091),
    "step, symmetric": (_step(32), _step(33), 203, 1.0, 24.321617126464844, 13.669669487654991),
    "dot": (solid(16, 16, 40), _dot(), 80, 0.8, 16.632823944091797, 10.326610569743663),
}


def need_goldens() -> None:
    """Skip a test where the recorded scores are not there."""
    if not FOLDER.is_dir():
        pytest.skip("no folder shared/goldens with recorded results beside the repository")


@cache
def pairs() -> dict[str, Any]:
    """All pairs of which scores were recorded, by name; none where the folder is missing."""
    if not FOLDER.is_dir():
        return {}
    return {pair["name"]: pair for pair in json.loads((FOLDER / "scores.json").read_text())["pairs"]}


@cache
def arrays(name: str) -> dict[str, Float32Array]:
    """The arrays of a recorded file."""
    with np.load(FOLDER / name) as stored:
        return dict(stored)


def prepared(metric: Any, name: str) -> Any:
    """Prepare a recorded image, which is a file or an array of linear light, 1 for white."""
    if ":" in name:
        file, _, key = name.partition(":")
        return metric.prepare(srgb_codes(arrays(file)[key]))
    return metric.prepare(image_of(name))


def srgb_codes(light: Float32Array) -> Float32Array:
    """Return the float samples of linear light, by the sRGB curve extended below 0 and above 1."""
    power = 1.055 * np.maximum(light, 0.001).astype(np.float64) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.04045 / 12.92, light * 12.92, power).astype(np.float32)


def distance_map(metric: Butteraugli, candidate: PsychoImage, ref: PsychoImage) -> Float32Array:
    """Return the map of visible differences, of which the score is the norm."""
    full, half = metric._levels(candidate, ref)
    out = np.empty(full[2].shape, np.float32)
    across, down = (
        -(-size // step)
        for size, step in ((out.shape[1], comparison_kernels.COLUMNS), (out.shape[0], comparison_kernels.ROWS))
    )
    order = np.arange(across * down)
    comparison_kernels.compare(full, half, metric._weights, order, np.inf, candidate.crop, metric._cubes, out)
    top, left, height, width = candidate.crop
    return out[top : top + height, left : left + width]


@cache
def image_of(name: str) -> UInt8Array:
    """A recorded picture, (3, height, width)."""
    image = cv2.imread(str(FOLDER / name), cv2.IMREAD_COLOR)
    assert image is not None
    return np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1), np.uint8)


def near(value: float) -> Any:
    """What counts as equal to a recorded score."""
    return pytest.approx(value, rel=RELATIVE, abs=ABSOLUTE)


def footage(height: int, width: int, count: int) -> list[UInt8Array]:
    """A camera that moves over soft spots and fine grain of its own making."""
    rng = np.random.default_rng(7)
    large = np.zeros((height + 3 * count, width + 3 * count, 3), np.float32)
    for scale, strength in ((3, 30), (12, 60), (48, 80)):
        shape = (large.shape[0] // scale + 2, large.shape[1] // scale + 2, 3)
        spots = rng.normal(0, strength, shape).astype(np.float32)
        large += cv2.resize(spots, large.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(large + 120, 0, 255).astype(np.uint8).transpose(2, 0, 1)
    return [np.ascontiguousarray(pixels[:, i : i + height, 2 * i : 2 * i + width]) for i in range(count)]


def compressed(image: UInt8Array, quality: int) -> UInt8Array:
    """A picture after JPEG."""
    _, data = cv2.imencode(".jpg", image[::-1].transpose(1, 2, 0), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded.transpose(2, 0, 1)[::-1], np.uint8)
