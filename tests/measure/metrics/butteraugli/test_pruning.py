"""The pruned search of Butteraugli returns the result of the full search, bit for bit, with less work."""

from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from tests.measure.metrics.butteraugli import cases
from vs_align.io.array_types import UInt8Array
from vs_align.measure.metrics.best_match_search import find_best_match
from vs_align.measure.metrics.butteraugli import comparison_kernels
from vs_align.measure.metrics.butteraugli.metric import Butteraugli, Norm
from vs_align.measure.metrics.butteraugli.psycho_image import PsychoImage
from vs_align.measure.metrics.metric import ScoreTolerance
from vs_align.nodes.rgb import rgb_array, rgb_of

NORMS: tuple[Norm, ...] = ("max", "3")


@dataclass(frozen=True)
class _Sample:
    prepared: PsychoImage
    digest: bytes

    def features(self) -> PsychoImage:
        return self.prepared


class _Counting(Butteraugli):
    """Counts how many scores had to be compared at."""

    asked = 0

    def score(self, candidate: PsychoImage, ref: PsychoImage, limit: float = inf) -> float:
        self.asked += 1
        return super().score(candidate, ref, limit)


def _still(image: UInt8Array, count: int) -> list[UInt8Array]:
    """A scene without motion, with camera noise and compression of its own in every frame."""
    rng = np.random.default_rng(3)
    noisy = (np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8) for _ in range(count))
    return [cases.compressed(picture, 60 + 5 * (i % 5)) for i, picture in enumerate(noisy)]


def _samples(metric: Butteraugli, images: list[UInt8Array]) -> list[_Sample]:
    return [_Sample(metric.prepare(image), image.tobytes()) for image in images]


def _equal_to_full(
    metric: Butteraugli, refs: list[UInt8Array], images: list[UInt8Array], exact: ScoreTolerance
) -> list[int]:
    """Search the window of every ref among all images, and compare with the full search; return the winners."""
    candidates, winners = dict(enumerate(_samples(metric, images))), []
    for n, ref in enumerate(_samples(metric, refs)):
        full = {k: metric.score(sample.prepared, ref.prepared) for k, sample in candidates.items()}
        best = min(full.values())
        for hint in (n, 0):
            found = find_best_match(metric, ref, candidates, n, hint, exact)
            assert full[found.winner] == best
            for k, score in found.scores.items():
                if full[k] <= exact.limit(best):
                    assert score == full[k]
                else:
                    assert exact.limit(best) < score <= full[k]
        winners.append(found.winner)
    return winners


@pytest.mark.parametrize("norm", NORMS)
def test_moving_pictures(norm: Norm) -> None:
    refs = cases.footage(90, 130, 7)
    metric = _Counting(norm)
    winners = _equal_to_full(metric, refs, [cases.compressed(image, 80) for image in refs], ScoreTolerance())
    assert winners == list(range(7))
    # 49 pairs in full; two searches of each window then look at little more than the winners
    assert metric.asked <= 49 + 7 * 2 * 3


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("exact", [ScoreTolerance(), ScoreTolerance(0.04, 0.02)])
def test_still_pictures(norm: Norm, exact: ScoreTolerance) -> None:
    image = cases.footage(90, 130, 1)[0]
    _equal_to_full(Butteraugli(norm), [image, *_still(image, 2)], _still(image, 9), exact)


@pytest.mark.parametrize("name", ["dog-fetch", "his-girl-friday", "tears-of-steel"])
def test_real_footage(shared_clips: Path, name: str) -> None:
    clip = vs.core.bs.VideoSource(str(next(shared_clips.glob(f"{name}*"))), cachemode=0)
    clip = rgb_of(clip.resize.Bicubic(240, 180))[60:68]
    refs = [np.asarray(rgb_array(frame), np.uint8) for frame in clip.frames(close=True)]
    winners = _equal_to_full(Butteraugli(), refs, [cases.compressed(image, 70) for image in refs], ScoreTolerance())
    if name != "his-girl-friday":  # which hardly moves
        assert winners == list(range(8))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("pair", ["pan", "still"])
def test_limits(norm: Norm, pair: str) -> None:
    images = cases.footage(101, 187, 2)
    metric = Butteraugli(norm)
    other = images[1] if pair == "pan" else _still(images[0], 1)[0]
    ref, candidate = metric.prepare(images[0]), metric.prepare(other)
    score = metric.score(candidate, ref)
    assert 0 < metric.bound(candidate, ref) <= score
    for limit in (score, np.nextafter(score, inf), score * 1.5, inf):
        assert metric.score(candidate, ref, limit) == score
    for share in (0.0, 0.01, 0.2, 0.5, 0.8, 0.95, 0.999, 0.999999, 1 - 1e-15):
        limit = score * share
        assert limit < metric.score(candidate, ref, limit) <= score
    assert metric.scores([candidate, ref], ref, score) == [score, 0]


@pytest.mark.parametrize("cubes", [False, True])
def test_the_order_of_tiles_does_not_matter(cubes: bool) -> None:
    images = cases.footage(101, 251, 2)
    metric = Butteraugli("3" if cubes else "max")
    first, second = (metric.prepare(image) for image in images)
    full, half = metric._levels(first, second)
    count = -(-101 // comparison_kernels.ROWS) * -(-251 // comparison_kernels.COLUMNS)
    rng = np.random.default_rng(0)
    assert count == 12
    for _ in range(5):
        order, out = rng.permutation(count), np.full((101, 251), -1, np.float32)
        norm, compared = comparison_kernels.compare(full, half, metric._weights, order, inf, first.crop, cubes, out)
        assert compared == count
        assert norm == metric.score(first, second)
        np.testing.assert_array_equal(out, cases.distance_map(metric, first, second))


def test_a_tile_is_enough_to_reject_a_picture_that_moved() -> None:
    images = cases.footage(101, 251, 2)
    metric = Butteraugli()
    first, second = (metric.prepare(image) for image in images)
    full, half = metric._levels(first, second)
    limit = metric.score(first, second) / 10
    nothing = np.empty((0, 0), np.float32)
    _, compared = comparison_kernels.compare(
        full, half, metric._weights, np.arange(12), limit, first.crop, False, nothing
    )
    assert compared == 1
