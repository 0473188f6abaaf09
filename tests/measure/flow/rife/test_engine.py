"""The RIFE engine finds known fields, and keeps aligned images unchanged."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from tests.measure.flow.rife.cases import pictures, weights_file, world
from tests.measure.networks.goldens import Golden
from vs_align.errors import AlignError, ArgumentError
from vs_align.io.array_types import Float32Array
from vs_align.measure.flow.rife.engine import RifeEngine, RifeOptions
from vs_align.measure.images.field import homography_field
from vs_align.placement.homography import resize_matrix

PRECISIONS = (1, 2, 3, 4)
_engines: dict[RifeOptions, RifeEngine] = {}


def engine(precision: int = 2, iterations: int = 1, lq_input: bool = False) -> RifeEngine:
    options = RifeOptions(precision, iterations, lq_input)
    if options not in _engines:
        _engines[options] = RifeEngine(weights_file(), options, "cpu")
    return _engines[options]


def neutral(clip: Float32Array, ref: Float32Array) -> Any:
    return resize_matrix(clip.shape[1::-1], ref.shape[1::-1])


def find(engine: RifeEngine, clip: Float32Array, ref: Float32Array, excluded: Any = None) -> Float32Array:
    field = engine.field(clip, ref, neutral(clip, ref), excluded)
    assert field.shape == (*ref.shape[:2], 2)
    assert field.dtype == np.float32
    assert field.flags.c_contiguous
    assert np.isfinite(field).all()
    return field


def error(field: Float32Array, truth: Float32Array, border: int = 12) -> float:
    inner = (slice(border, -border), slice(border, -border))
    return float(np.hypot(*np.moveaxis(field - truth, 2, 0))[inner].mean())


@pytest.mark.parametrize("precision", PRECISIONS)
def test_aligned_pictures_stay_where_they_are(precision: int) -> None:
    ref = world(67, 93) * 1.2 - 0.1  # over-range values are nothing special
    field = find(engine(precision), ref.copy(), ref)
    assert np.array_equal(field, homography_field(np.eye(3), (93, 67)))


def test_aligned_pictures_stay_under_a_mask() -> None:
    ref = world(67, 93)
    clip, excluded = ref.copy(), np.zeros((67, 93), bool)
    excluded[20:30, 40:60] = True
    ref[excluded] = 1
    assert np.array_equal(find(engine(), clip, ref, excluded), homography_field(np.eye(3), (93, 67)))


def test_pixels_without_a_value_spoil_nothing() -> None:
    clip, ref, truth = pictures(96, 128, shift=(2.0, 1.0))
    clip[40, 60], ref[20, 30] = np.nan, np.inf
    assert error(find(engine(), clip, ref), truth) < 0.3


@pytest.mark.parametrize("precision", PRECISIONS)
def test_nearly_aligned_pictures_nearly_stay(precision: int) -> None:
    """No step at the exact case, which is looked for: the network itself has no preference either."""
    ref = world(96, 128)
    clip = ref.copy()
    clip[40, 50] += 1e-3
    assert np.abs(find(engine(precision), clip, ref) - homography_field(np.eye(3), (128, 96))).max() < 0.01


@pytest.mark.parametrize(("precision", "limit"), [(1, 0.35), (2, 0.25), (3, 0.2), (4, 0.2)])
def test_known_field_is_found(precision: int, limit: float) -> None:
    clip, ref, truth = pictures(160, 224, shift=(2.6, -1.7), bend=1.5)
    assert error(homography_field(np.eye(3), (224, 160)), truth) > 3
    assert error(find(engine(precision), clip, ref), truth) < limit


@pytest.mark.parametrize("precision", [1, 2, 3])
def test_more_exact_than_the_reference(precision: int) -> None:
    """Recorded flows of 3.3.1 against the same truth, on a photograph."""
    golden = Golden("precision_256x384")
    base = homography_field(np.eye(3), (384, 256))
    truth = base + golden["known_flow"].transpose(1, 2, 0)
    field = find(engine(precision), golden.picture("clip"), golden.picture("ref"))
    assert error(field, truth) < 0.9 * {1: 1.03, 2: 0.41, 3: 0.22}[precision]


def test_start_is_taken_up() -> None:
    clip, ref, truth = pictures(128, 160, bend=1.5)
    far = 20
    shifted = np.ascontiguousarray(np.roll(clip, far, axis=1))
    start = np.array([[1, 0, far], [0, 1, 0], [0, 0, 1]], np.float64)
    field = engine().field(shifted, ref, start, None)
    inner = (slice(12, -12), slice(far + 12, -far - 12))
    assert np.hypot(*np.moveaxis(field - truth - [far, 0], 2, 0))[inner].mean() < 0.3


@pytest.mark.parametrize("precision", [1, 3])
def test_aligned_clip_of_another_size(precision: int) -> None:
    """A clip three times as large, in whose finer detail ref's pixels are means, is where its size says."""
    ref = world(60, 92)
    clip = np.ascontiguousarray(ref.repeat(3, 0).repeat(3, 1))
    field = find(engine(precision), clip, ref)
    assert np.abs(field - homography_field(neutral(clip, ref), (92, 60)))[4:-4, 4:-4].max() < 0.1 * 3


def test_small_clip_for_a_large_ref() -> None:
    clip, ref, truth = pictures(120, 180, shift=(2.0, 1.0))
    large, want = (
        np.asarray(cv2.resize(p, (360, 240), interpolation=cv2.INTER_LINEAR), np.float32) for p in (ref, truth)
    )
    assert error(find(engine(), clip, large), want, 16) < 0.2


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2), (7, 33), (45, 46)])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_tiny_pictures(size: tuple[int, int], precision: int) -> None:
    clip, ref, _ = pictures(*size, shift=(0.3, 0.2))
    excluded = np.zeros(size, bool)
    find(engine(precision), clip, ref, excluded)
    find(engine(precision), np.ascontiguousarray(clip[:1, :1]), ref)
    find(engine(precision), clip, np.ascontiguousarray(ref[:1, :1]))


def test_what_is_masked_follows_its_surroundings() -> None:
    clip, ref, truth = pictures(160, 224, shift=(4.0, -3.0), bend=1)
    excluded = np.zeros(ref.shape[:2], bool)
    excluded[50:90, 80:150] = True
    ref[excluded] = world(40, 70, seed=9).reshape(-1, 3)
    inside = (slice(50, 90), slice(80, 150))
    misled = np.hypot(*np.moveaxis(find(engine(), clip, ref) - truth, 2, 0))[inside].mean()
    masked = np.hypot(*np.moveaxis(find(engine(), clip, ref, excluded) - truth, 2, 0))[inside].mean()
    assert misled > 2
    assert masked < 0.4


def test_all_masked_is_the_start() -> None:
    clip, ref, _ = pictures(64, 80, shift=(2, 2))
    field = find(engine(), clip, ref, np.ones((64, 80), bool))
    assert np.abs(field - homography_field(np.eye(3), (80, 64))).max() < 1e-3


def test_poor_pictures() -> None:
    clip, ref, truth = pictures(160, 224, shift=(2.0, -1.5), bend=1)
    rng = np.random.default_rng(1)
    noisy = [(p + rng.normal(0, 0.02, p.shape)).astype(np.float32) for p in (clip, ref)]
    plain = error(find(engine(3), *noisy), truth)
    poor = error(find(engine(3, lq_input=True), *noisy), truth)
    assert poor < 0.8 * plain
    assert poor < 0.35


def test_more_iterations_reach_as_far() -> None:
    clip, ref, truth = pictures(160, 224, shift=(9.0, -6.0), bend=2)
    once, thrice = (error(find(engine(1, n), clip, ref), truth) for n in (1, 3))
    assert thrice < once + 0.05
    assert thrice < 0.4


def test_threads_get_what_each_asked_for() -> None:
    pairs = [pictures(64, 96, shift=(n - 2.0, 1.0), seed=n)[:2] for n in range(5)]
    alone = [find(engine(1), *pair) for pair in pairs]
    barrier = threading.Barrier(5)

    def run(pair: tuple[Float32Array, Float32Array]) -> Float32Array:
        barrier.wait(30)
        return find(engine(1), *pair)

    with ThreadPoolExecutor(5) as pool:
        together = list(pool.map(run, pairs))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    assert np.abs(alone[0] - alone[1]).max() > 0.5


def test_inputs_are_left_alone() -> None:
    clip, ref, _ = pictures(40, 56, shift=(1, 1))
    kept = clip.copy(), ref.copy()
    find(engine(1), clip, ref, np.zeros((40, 56), bool))
    assert np.array_equal(clip, kept[0])
    assert np.array_equal(ref, kept[1])


@pytest.mark.parametrize(
    ("precision", "iterations", "named"), [(0, 1, "precision"), (5, 1, "precision"), (3, 0, "itera")]
)
def test_options_are_checked(precision: int, iterations: int, named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        RifeOptions(precision, iterations)


def test_wrong_files_and_devices_are_refused(tmp_path: Path) -> None:
    weights = weights_file()
    with pytest.raises(AlignError, match="no-such-device"):
        RifeEngine(weights, RifeOptions(1), "no-such-device")
    state = torch.load(weights, map_location="cpu", weights_only=True)
    state.pop(next(iter(state)))
    torch.save(state, tmp_path / "less.pkl")
    with pytest.raises(AlignError, match=r"less\.pkl"):
        RifeEngine(tmp_path / "less.pkl", RifeOptions(1), "cpu")
    (tmp_path / "other.pkl").write_bytes(b"no archive")
    with pytest.raises(AlignError, match=r"other\.pkl"):
        RifeEngine(tmp_path / "other.pkl", RifeOptions(1), "cpu")
