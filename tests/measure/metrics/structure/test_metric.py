"""Structure metric: kernels against plain numpy, and scores of known candidates."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.footage import Shot
from tests.measure.registration.scenes import centred, noisy, shifted, turned
from vs_align.io.array_types import Float32Array, Float64Array
from vs_align.measure.metrics.structure import kernels
from vs_align.measure.metrics.structure.metric import Structure, WindowImages
from vs_align.measure.registration.sequence.geometry import Geometry, identity_geometry

SIZE = (130, 76)
SHOT = Shot(5, SIZE, (0.7, 0.2))
ALWAYS = range(10**6)
NEUTRAL = [(identity_geometry(SIZE), ALWAYS)]
TONES: dict[str, Callable[[Float32Array], Float32Array]] = {
    "same": lambda x: x,
    "gamma": lambda x: x**2.2,
    "brighter gamma": lambda x: x**0.7,
    "crushed": lambda x: np.clip(1.5 * x - 0.3, 0, 1),
    "faded": lambda x: 0.3 * x + 0.5,
    "dark": lambda x: 0.2 * x,
    "curve": lambda x: np.asarray(x + 0.1 * np.sin(2 * np.pi * x), np.float32),
}


def curve_of(clip: Float32Array, ref: Float32Array) -> Float32Array:
    curve = np.full(kernels.BINS, np.nan, np.float32)
    kernels.tone_curve(clip, ref, curve)
    return curve


def toned(picture: Float32Array, curve: Float32Array) -> Float32Array:
    out = np.empty_like(picture)
    kernels.apply_curve(picture, curve, out)
    return out


@pytest.mark.parametrize("tone", TONES.values(), ids=TONES.keys())
@pytest.mark.parametrize("grain", [0.0, 0.03])
def test_a_tone_curve_comes_back(tone: Callable[[Float32Array], Float32Array], grain: float) -> None:
    rng = np.random.default_rng(1)
    clip = rng.random(60001).astype(np.float32)
    ref = (tone(clip) + rng.normal(0, grain, clip.size)).astype(np.float32)
    curve = curve_of(clip, ref)
    x = np.linspace(0, 1, kernels.BINS).astype(np.float32)
    assert (np.diff(curve) >= 0).all()
    assert np.abs(curve - tone(x))[8:-8].max() < 0.006 + 0.2 * grain
    assert np.abs(curve - tone(x)).max() < 0.05
    assert np.abs(toned(clip, curve) - tone(clip)).mean() < 0.002 + 0.06 * grain


def test_the_curve_of_unrelated_pictures_is_flat_and_never_falls() -> None:
    rng = np.random.default_rng(2)
    clip, ref = rng.random((2, 50001)).astype(np.float32)
    for other in (ref, 1 - clip):
        curve = curve_of(clip, other)
        assert (np.diff(curve) >= 0).all()
        assert np.abs(curve - 0.5)[10:-10].max() < 0.05


def test_brightness_that_clip_does_not_have_takes_the_nearest() -> None:
    rng = np.random.default_rng(3)
    clip = rng.uniform(0.4, 0.6, 4001).astype(np.float32)
    curve = curve_of(clip, 0.5 * clip)
    assert np.abs(curve[:90] - 0.2).max() < 0.01
    assert np.abs(curve[165:] - 0.3).max() < 0.01


@pytest.mark.parametrize("value", [-0.2, 0.0, 0.37, 1.0, 1.3])
def test_flat_pictures_take_the_mean(value: float) -> None:
    rng = np.random.default_rng(4)
    flat, ref = np.full(999, value, np.float32), rng.random(999).astype(np.float32)
    assert toned(flat, curve_of(flat, ref)) == pytest.approx(np.full(999, ref.mean()), abs=1e-5)
    assert toned(ref, curve_of(ref, flat)) == pytest.approx(flat, abs=1e-6)


def test_the_curve_of_no_pixels_changes_nothing() -> None:
    nothing = np.empty(0, np.float32)
    assert curve_of(nothing, nothing) == pytest.approx(np.linspace(0, 1, kernels.BINS), abs=1e-6)


def test_tones_lie_straight_between_the_values_of_the_curve() -> None:
    curve = np.random.default_rng(5).random(kernels.BINS).astype(np.float32)
    x = np.linspace(-0.5, 1.5, 5003).astype(np.float32)
    expected = np.interp(np.clip(x.astype(np.float64), 0, 1) * (kernels.BINS - 1), np.arange(kernels.BINS), curve)
    assert toned(x, curve) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("length", [1, 3, 4095, 4096, 4097, 30011])
def test_differences_and_deviations(length: int) -> None:
    first, second = np.random.default_rng(length).random((2, length)).astype(np.float32)
    wide = first.astype(np.float64)
    assert kernels.mean_difference(first, second) == pytest.approx(np.abs(wide - second).mean(), rel=1e-5)
    assert kernels.mean_difference(first, first) == 0
    assert kernels.mean_deviation(first) == pytest.approx(np.abs(wide - wide.mean()).mean(), rel=1e-5, abs=1e-7)


def asked_of(clip: Sequence[Float32Array], ref: Sequence[Float32Array], windows: Sequence[range]) -> WindowImages:
    def giver(picture: Float32Array) -> Callable[[], Float32Array]:
        return lambda: picture

    return WindowImages(
        {n: giver(p) for n, p in enumerate(ref)},
        {k: giver(p) for k, p in enumerate(clip)},
        dict(enumerate(windows)),
        range(len(ref)),
    )


WINDOWS = [range(max(0, n - 2), n + 5) for n in range(12)]
CLIP, REF = SHOT.film(range(16)), SHOT.film(range(1, 13))
RIGHT = [n + 1 - window.start for n, window in enumerate(WINDOWS)]


def choices(scores: dict[int, Float64Array]) -> list[int]:
    return [int(scores[n].argmin()) for n in sorted(scores)]


def test_equal_pictures_leave_nothing_unexplained() -> None:
    scores = Structure(100).scores(asked_of(CLIP, REF, WINDOWS), NEUTRAL)
    assert [len(scores[n]) for n in range(12)] == [len(window) for window in WINDOWS]
    assert choices(scores) == RIGHT
    best = [scores[n][right] for n, right in enumerate(RIGHT)]
    assert max(best) < 0.03
    assert min(np.partition(scores[n], 1)[1] for n in range(12)) > 3 * max(best)


@pytest.mark.parametrize("tone", TONES.values(), ids=TONES.keys())
def test_the_grade_of_each_candidate_is_its_own(tone: Callable[[Float32Array], Float32Array]) -> None:
    """Every candidate has another gain on top, as under flicker or in a fade."""
    clip = [np.asarray(tone((0.8 + 0.2 * np.sin(2.1 * k)) * p), np.float32) for k, p in enumerate(CLIP)]
    assert choices(Structure(100).scores(asked_of(clip, REF, WINDOWS), NEUTRAL)) == RIGHT


def test_grain_raises_scores_and_leaves_the_choice() -> None:
    clip = [noisy(p, 0.05, k) for k, p in enumerate(CLIP)]
    scores = Structure(100).scores(asked_of(clip, REF, WINDOWS), NEUTRAL)
    assert choices(scores) == RIGHT
    assert min(min(row) for row in scores.values()) > 0.1


def test_what_has_nothing_in_common_leaves_all_of_it() -> None:
    other = Shot(60, SIZE, (1, 0)).film(range(16))
    scores = Structure(100).scores(asked_of(other, REF, WINDOWS), NEUTRAL)
    assert min(min(row) for row in scores.values()) > 0.6 and max(max(row) for row in scores.values()) < 1.3


def test_of_several_transforms_the_one_counts_that_explains_the_frame() -> None:
    moves = [centred(SIZE) @ m @ np.linalg.inv(centred(SIZE)) for m in (shifted(7, 3), turned(2, 1.06))]
    clip = [SHOT.at(k, moves[k >= 8]) for k in range(16)]
    windows = [
        range(max(0, n - 2), min(8, n + 5)) if n < 6 else range(max(8, n - 2), min(16, n + 5)) for n in range(12)
    ]
    ref = [SHOT.at(n + 1 if n < 6 else n + 3) for n in range(12)]
    right = [(n + 1 if n < 6 else n + 3) - window.start for n, window in enumerate(windows)]
    whole = np.ones((SIZE[1], SIZE[0]), np.float32)
    both = [(Geometry(move, whole, whole, 1.0), ALWAYS) for move in moves]
    asked = asked_of(clip, ref, windows)
    found = Structure(200).scores(asked, both)
    assert choices(found) == right
    assert max(min(row) for row in found.values()) < 0.2
    # and it makes no difference which comes first, nor whether they are said to hold where they do
    named = [(both[1][0], range(6, 12)), (both[0][0], range(6))]
    for other in (both[::-1], named):
        again = Structure(200).scores(asked, other)
        assert choices(again) == right
    assert min(min(Structure(200).scores(asked, both[:1])[n]) for n in range(6, 12)) > 0.3


def test_a_transform_that_does_not_hold_is_not_used() -> None:
    scores = Structure(100).scores(asked_of(CLIP, REF, WINDOWS), [(NEUTRAL[0][0], range(3, 7))])
    assert [bool(np.isfinite(scores[n]).all()) for n in range(12)] == [3 <= n < 7 for n in range(12)]


@pytest.mark.parametrize("matrix", [shifted(500, 0), shifted(0, -75)])
def test_pictures_that_hardly_overlap_are_not_compared(matrix: Float64Array) -> None:
    part = np.zeros((SIZE[1], SIZE[0]), np.float32)
    part[:, :50] = 1
    scores = Structure(100).scores(asked_of(CLIP, REF, WINDOWS), [(Geometry(matrix, part, part, 1.0), ALWAYS)])
    assert all(np.isinf(row).all() for row in scores.values())


def test_empty_windows_have_no_scores() -> None:
    windows = [range(0) if n % 2 else window for n, window in enumerate(WINDOWS)]
    scores = Structure(100).scores(asked_of(CLIP, REF, windows), NEUTRAL)
    assert [len(scores[n]) for n in range(12)] == [len(window) for window in windows]
    assert choices({n: scores[n] for n in range(0, 12, 2)}) == RIGHT[::2]


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_flat_pictures_are_alike_and_explain_nothing_else(value: float) -> None:
    flat = [np.full((SIZE[1], SIZE[0]), value, np.float32)] * 16
    scores = Structure(100).scores(asked_of(flat, flat[:12], WINDOWS), NEUTRAL)
    assert all(np.abs(row).max() < 1e-4 for row in scores.values())
    mixed = Structure(100).scores(asked_of(flat, REF, WINDOWS), NEUTRAL)
    assert min(min(row) for row in mixed.values()) > 0.7 and max(max(row) for row in mixed.values()) < 1.3


def test_what_is_remembered_changes_nothing() -> None:
    asked = asked_of(CLIP, REF, WINDOWS)
    expected = Structure(1000).scores(asked, NEUTRAL)
    with ThreadPoolExecutor(3) as pool:
        for scorer in (Structure(0), Structure(3), Structure(1000, pool), Structure(5, pool)):
            for _ in range(2):
                found = scorer.scores(asked, NEUTRAL)
                assert all(np.array_equal(found[n], expected[n]) for n in range(12))


def test_each_candidate_is_read_once_while_it_is_remembered() -> None:
    asked, read = asked_of(CLIP, REF, WINDOWS), []

    def noting(k: int) -> Callable[[], Float32Array]:
        def give() -> Float32Array:
            read.append(k)
            return CLIP[k]

        return give

    noted = WindowImages(asked.refs, {k: noting(k) for k in asked.candidates}, asked.windows, asked.wanted)
    scorer = Structure(100)
    for _ in range(2):
        scorer.scores(noted, NEUTRAL)
    assert sorted(read) == list(range(16))
