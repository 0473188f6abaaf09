"""Gate weave: small shifts are measured, and do not hide which moment matches."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.footage import Shot
from tests.measure.registration.scenes import noisy, shifted
from vs_align.io.array_types import Float32Array
from vs_align.measure.metrics.structure import kernels
from vs_align.measure.metrics.structure import metric as structure
from vs_align.measure.metrics.structure.gate_weave import gradients_at, weave_range
from vs_align.measure.metrics.structure.metric import Structure, WindowImages
from vs_align.measure.registration.sequence.geometry import identity_geometry

SIZE = (150, 86)
SHOT = Shot(7, SIZE)
INSIDE = np.flatnonzero(np.ones((SIZE[1], SIZE[0]), np.bool_))


def rows(picture: Float32Array) -> Float32Array:
    return np.asarray(picture.take(INSIDE), np.float32)


def test_slopes_are_brightness_per_pixel() -> None:
    xs, ys = np.meshgrid(np.arange(9, dtype=np.float32), np.arange(7, dtype=np.float32))
    inside = np.flatnonzero((xs > 0) & (xs < 8) & (ys > 0) & (ys < 6))
    across, down = gradients_at(np.asarray(0.03 * xs - 0.02 * ys, np.float32), inside)
    assert across == pytest.approx(np.full(35, 0.03), abs=1e-6)
    assert down == pytest.approx(np.full(35, -0.02), abs=1e-6)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.3), (-0.6, 0.1), (0.05, 0.5)], ids=str)
@pytest.mark.parametrize("grain", [0.0, 0.02])
def test_a_small_shift_comes_back(shift: tuple[float, float], grain: float) -> None:
    """What clip shows lies so far to the right and below; what moves by itself is elsewhere altogether."""
    ref, clip = SHOT.at(3), noisy(SHOT.at(9, shifted(*shift)), grain)
    x, y = kernels.small_shift(rows(ref), rows(clip), *gradients_at(ref, INSIDE))
    assert (-x, -y) == pytest.approx(shift, abs=0.1)


def test_flat_pictures_do_not_shift() -> None:
    flat = np.full((SIZE[1], SIZE[0]), 0.5, np.float32)
    assert kernels.small_shift(rows(flat), rows(SHOT.at(3)), *gradients_at(flat, INSIDE)) == (0, 0)


@pytest.mark.parametrize("reach", [0.05, 0.2, 5.0])
def test_the_difference_after_the_best_shift(reach: float) -> None:
    ref, clip = SHOT.at(3), SHOT.at(4, shifted(0.3, -0.2))
    edges = gradients_at(ref, INSIDE)
    shift = np.array(kernels.small_shift(rows(ref), rows(clip), *edges), np.float64)
    shift *= min(1, reach / np.hypot(*shift))
    expected = np.abs(rows(clip) - rows(ref) - shift[0] * edges[0] - shift[1] * edges[1]).mean()
    found = kernels.mean_difference_within(rows(ref), rows(clip), *edges, reach)
    assert found == pytest.approx(expected, rel=1e-4)
    assert found < kernels.mean_difference(rows(ref), rows(clip))


def test_weave_is_what_is_usual_and_not_what_is_rare() -> None:
    rng = np.random.default_rng(0)
    assert weave_range(np.zeros((0, 2))) == 0
    assert weave_range(np.zeros((9, 2))) == 0
    still = rng.normal(0, 0.01, (20, 2))
    still[:5] = 3  # a few pairs show two moments
    assert weave_range(still) == 0
    astray = rng.normal(0, 0.1, (20, 2))
    assert weave_range(astray) == pytest.approx(4 * np.median(np.hypot(*astray.T)))
    assert weave_range(10 * astray) == 1


def scores_of(clip: list[Float32Array], ref: list[Float32Array]) -> list[list[float]]:
    def giver(picture: Float32Array) -> Callable[[], Float32Array]:
        return lambda: picture

    windows = {n: range(max(0, n - 3), min(len(clip), n + 6)) for n in range(len(ref))}
    refs, candidates = ({n: giver(p) for n, p in enumerate(side)} for side in (ref, clip))
    asked = WindowImages(refs, candidates, windows, range(len(ref)))
    found = Structure(200).scores(asked, [(identity_geometry(SIZE), range(99))])
    return [found[n].tolist() for n in sorted(found)]


@pytest.mark.parametrize(("pan", "least"), [((0.0, 0.0), 0.5), ((0.9, 0.2), 0.9)], ids=str)
def test_frames_that_stray_are_told_apart(
    pan: tuple[float, float], least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their scores alone; where little moves, what is left of the weave weighs as much as a moment."""
    rng = np.random.default_rng(4)
    shot = Shot(7, SIZE, pan)
    clip = [shot.at(n, shifted(*rng.normal(0, 0.3, 2))) for n in range(24)]
    ref = shot.film(range(2, 20))
    right = [n + 2 - max(0, n - 3) for n in range(18)]

    def best_and_share(scores: list[list[float]]) -> tuple[float, float]:
        best = [row[place] for row, place in zip(scores, right, strict=True)]
        return float(np.median(best)), float(np.mean([np.argmin(s) == p for s, p in zip(scores, right, strict=True)]))

    measured = best_and_share(scores_of(clip, ref))
    monkeypatch.setattr(structure, "weave_range", lambda shifts: 0.0)
    plain = best_and_share(scores_of(clip, ref))
    assert measured[0] < 0.75 * plain[0]
    assert measured[1] >= max(least, plain[1])
