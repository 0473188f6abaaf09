"""The DIS engine finds known fields: everywhere, at every scale, beside masks and borders."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tests.synth import grid, texture
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.flow.dis.engine import DisEngine
from vs_align.measure.images.field import homography_field
from vs_align.placement.homography import resize_matrix

Places = Callable[[Float64Array, Float64Array], tuple[Float64Array, Float64Array]]

WIDTH, HEIGHT = 240, 136


def painted(u: Float64Array, v: Float64Array, finest: float = 7, seed: int = 0) -> Float32Array:
    return texture(u, v, seed, finest).astype(np.float32)


def shift(x: float, y: float) -> Float64Array:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def pair(places: Places, finest: float = 7) -> tuple[Float32Array, Float32Array, Float64Array]:
    """Return clip, ref, and the true field."""
    u, v = places(*grid(WIDTH, HEIGHT))
    return painted(*grid(WIDTH, HEIGHT), finest), painted(u, v, finest), np.dstack([u, v])


def errors(field: Float32Array, truth: Float64Array, border: int = 0) -> Float64Array:
    """Distance in clip pixels where the truth lies inside clip."""
    assert field.dtype == np.float32
    assert field.flags.c_contiguous
    assert np.isfinite(field).all()
    u, v = truth[..., 0], truth[..., 1]
    inside = (u >= border) & (v >= border) & (u <= WIDTH - 1 - border) & (v <= HEIGHT - 1 - border)
    inside[:border] = inside[HEIGHT - border :] = False
    inside[:, :border] = inside[:, WIDTH - border :] = False
    out: Float64Array = np.hypot(field[..., 0] - u, field[..., 1] - v)[inside]
    assert out.size > 1000
    return out


def moved(x: float, y: float) -> Places:
    return lambda u, v: (u + x, v + y)


def bent(u: Float64Array, v: Float64Array) -> tuple[Float64Array, Float64Array]:
    return u + 1.5 * np.sin(v / 25 + 0.3) + 0.4, v + 1.2 * np.sin(u / 31) - 0.7


@pytest.mark.parametrize("precision", [1, 2, 3, 4])
@pytest.mark.parametrize(("x", "y"), [(0, 0), (0.25, 0), (0, -0.5), (1, 1), (2.3, -1.7), (-5, 4)])
def test_shifts_are_found_without_bias(x: float, y: float, precision: int) -> None:
    clip, ref, truth = pair(moved(x, y))
    field = DisEngine(precision).field(clip, ref, np.eye(3))
    assert np.median(errors(field, truth)) < 0.02
    bias = np.median((field - truth).reshape(-1, 2), axis=0)
    assert np.abs(bias).max() < (0.02 if precision == 1 else 0.01)


@pytest.mark.parametrize("finest", [6, 12, 20])
@pytest.mark.parametrize("x", [0.5, 1.5, 6])
def test_borders_are_found_like_the_rest(x: float, finest: float) -> None:
    clip, ref, truth = pair(moved(x, -x / 2), finest)
    off = np.hypot(*np.moveaxis(DisEngine(3).field(clip, ref, np.eye(3)) - truth, 2, 0))
    at_border = np.ones((HEIGHT, WIDTH), bool)
    at_border[16:-16, 16:-16] = False
    assert np.median(off[at_border]) < 0.06
    assert np.percentile(off[at_border], 95) < 0.2


@pytest.mark.parametrize(("precision", "bound"), [(1, 0.06), (2, 0.04), (3, 0.03), (4, 0.02)])
def test_smooth_local_motion(precision: int, bound: float) -> None:
    clip, ref, truth = pair(bent)
    off = errors(DisEngine(precision).field(clip, ref, np.eye(3)), truth, 12)
    assert np.median(off) < bound
    assert np.percentile(off, 95) < 4 * bound


def test_more_iterations_reach_farther_and_are_never_worse() -> None:
    clip, ref, truth = pair(lambda u, v: (u + 7 * np.sin(v / 40), v + 6 * np.sin(u / 50)))
    once, twice = (
        np.median(errors(DisEngine(2, iterations).field(clip, ref, np.eye(3)), truth, 12)) for iterations in (1, 3)
    )
    assert twice < 0.05
    assert twice < once + 0.002


@pytest.mark.parametrize("zoom", [0.5, 0.8, 0.97, 1.1, 1.33, 2.0])
def test_clip_of_another_scale(zoom: float) -> None:
    """Clip shows everything larger by the zoom, and has as many more pixels."""
    size = round(WIDTH * zoom), round(HEIGHT * zoom)
    neutral = resize_matrix(size, (WIDTH, HEIGHT))
    (kx, _, ox), (_, ky, oy), _ = neutral
    u, v = grid(*size)
    clip = painted((u - ox) / kx - 1.5, (v - oy) / ky + 1, 14)
    x, y = grid(WIDTH, HEIGHT)
    truth = np.dstack([(x + 1.5) * kx + ox, (y - 1) * ky + oy])
    off = np.hypot(*np.moveaxis((DisEngine(3).field(clip, painted(x, y, 14), neutral) - truth) / (kx, ky), 2, 0))
    assert np.median(off[12:-12, 12:-12]) < 0.05
    assert np.percentile(off[12:-12, 12:-12], 95) < 0.25


def test_the_coarse_transform_is_where_it_starts() -> None:
    matrix = np.array([[0.94, -0.34, 50], [0.34, 0.94, -30], [0, 0, 1]])
    truth = homography_field(matrix, (WIDTH, HEIGHT)).astype(np.float64)
    clip, ref = painted(*grid(WIDTH, HEIGHT)), painted(truth[..., 0], truth[..., 1])
    near_it = matrix @ shift(1.2, -0.8)
    assert np.median(errors(DisEngine(3).field(clip, ref, near_it), truth, 12)) < 0.05


AREAS = {
    "logo": (slice(12, 46), slice(16, 90)),
    "line": (slice(60, 63), slice(0, WIDTH)),
    "subtitles": (slice(105, HEIGHT), slice(30, 210)),
    "half": (slice(0, HEIGHT), slice(0, WIDTH // 2)),
}


@pytest.mark.parametrize("finest", [6, 12])
@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS.keys())
@pytest.mark.parametrize("side", ["ref", "clip"])
def test_under_a_mask_the_field_goes_on_like_around_it(side: str, area: tuple[slice, slice], finest: float) -> None:
    clip, ref, truth = pair(moved(1.7, -1.2), finest)
    excluded = np.zeros((HEIGHT, WIDTH), bool)
    excluded[area] = True
    coarse = shift(1.2, -0.9)
    logo = painted(*grid(WIDTH, HEIGHT), finest, seed=9)
    if side == "ref":
        field = DisEngine(3).field(clip, np.where(excluded, logo, ref), coarse, excluded)
    else:
        field = DisEngine(3).field(np.where(excluded, logo, clip), ref, coarse, None, excluded)
    off = np.hypot(*np.moveaxis(field - truth, 2, 0))
    assert np.median(off[excluded]) < 0.1
    assert np.percentile(off[excluded], 95) < 0.2
    assert np.percentile(off[~excluded], 95) < 0.1


def test_all_of_it_masked_is_the_coarse_transform() -> None:
    clip, ref, _ = pair(moved(1.7, -1.2))
    everything, start = np.ones((HEIGHT, WIDTH), bool), shift(0.3, 0.2)
    for masks in ((everything, None), (None, everything), (everything, everything)):
        assert np.allclose(
            DisEngine(3).field(clip, ref, start, *masks), homography_field(start, (WIDTH, HEIGHT)), atol=1e-4
        )


GRADES: dict[str, Callable[[Float32Array], Float32Array]] = {
    "gamma": lambda p: p**1.8,
    "fade": lambda p: 0.15 * p + 0.02,
    "crushed": lambda p: np.clip((p - 0.3) / 0.7, 0, 1),
    "over range": lambda p: p * 3 - 1,
}


@pytest.mark.parametrize("grade", GRADES.values(), ids=GRADES.keys())
@pytest.mark.parametrize("side", ["clip", "ref"])
def test_grades(side: str, grade: Callable[[Float32Array], Float32Array]) -> None:
    clip, ref, truth = pair(bent)
    pictures = (
        (np.asarray(grade(clip), np.float32), ref) if side == "clip" else (clip, np.asarray(grade(ref), np.float32))
    )
    assert np.median(errors(DisEngine(3).field(*pictures, np.eye(3)), truth, 12)) < 0.06


@pytest.mark.parametrize(("strength", "bound"), [(0.01, 0.06), (0.03, 0.12), (0.06, 0.25)])
@pytest.mark.parametrize("lq_input", [False, True])
def test_grain(lq_input: bool, strength: float, bound: float) -> None:
    clip, ref, truth = pair(bent)
    rng = np.random.default_rng(2)
    noisy = [np.asarray(p + rng.normal(0, strength, p.shape), np.float32) for p in (clip, ref)]
    assert np.median(errors(DisEngine(3, 1, lq_input).field(noisy[0], noisy[1], np.eye(3)), truth, 12)) < bound


@pytest.mark.parametrize("clip_shape", [(1, 1), (1, 30), (15, 40), (16, 16), (17, 90), (33, 47), (90, 160)])
@pytest.mark.parametrize("ref_shape", [(1, 1), (30, 1), (16, 16), (17, 23), (90, 160)])
def test_awkward_sizes(clip_shape: tuple[int, int], ref_shape: tuple[int, int]) -> None:
    clip, ref = (painted(*grid(*shape[::-1])) for shape in (clip_shape, ref_shape))
    start = resize_matrix(clip_shape[::-1], ref_shape[::-1])
    field = DisEngine(3).field(clip, ref, start, np.zeros(ref_shape, bool), np.zeros(clip_shape, bool))
    assert field.shape == (*ref_shape, 2)
    assert np.isfinite(field).all()
    if clip_shape == ref_shape:
        assert np.abs(field - homography_field(start, ref_shape[::-1])).max() < 1e-3


def test_flat_pictures_stay_on_the_coarse_transform() -> None:
    flat, start = np.full((HEIGHT, WIDTH), 0.4, np.float32), shift(2.5, -1.25)
    field = DisEngine(4).field(flat, flat * np.float32(0.5), start)
    assert np.allclose(field, homography_field(start, (WIDTH, HEIGHT)), atol=1e-3)


def test_how_arrays_lie_in_memory_does_not_matter_and_they_stay_as_they_are() -> None:
    clip, ref, _ = pair(moved(1.7, -1.2))
    kept = clip.copy(), ref.copy()
    plain = DisEngine(3).field(clip, ref, np.eye(3))
    assert np.array_equal(clip, kept[0])
    assert np.array_equal(ref, kept[1])
    wide = np.zeros((HEIGHT, WIDTH + 8), np.float32)
    wide[:, :WIDTH] = clip
    for other in (wide[:, :WIDTH], np.asfortranarray(clip)):
        assert np.allclose(DisEngine(3).field(other, ref, np.eye(3)), plain, atol=1e-4)


def test_a_hidden_object_does_not_pull_the_background() -> None:
    clip, ref, truth = pair(moved(0.8, 0.3))
    disc = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), (120, 68), 24, 1, -1) > 0
    field = DisEngine(3).field(np.where(disc, np.float32(0.95), clip), ref, np.eye(3))
    off = np.hypot(*np.moveaxis(field - truth, 2, 0))
    far = cv2.dilate(disc.astype(np.uint8), np.ones((33, 33), np.uint8)) == 0
    assert np.percentile(off[far], 99) < 0.1
