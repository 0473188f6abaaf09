"""Butteraugli on PyTorch: scores of libjxl, and those of the CPU version."""

from itertools import product
from math import inf
from typing import Any

import numpy as np
import pytest

from tests.measure.metrics.butteraugli import cases
from vs_align.errors import ArgumentError
from vs_align.measure.metrics.butteraugli.metric import Butteraugli

pytest.importorskip("torch", reason="needs PyTorch")

# every kind of picture, both sides of all size limits, and the ranges that only linear light has
NAMES = (
    "astro1x1_bright9", "astro7x5_noise8", "astro8x8_noise8", "astro9x23_noise8", "astro14x14_noise8",
    "astro15x15_noise8", "astro33x17_noise8", "astro64_jpeg60", "redgreen64_noise8", "const64_128v129",
    "black_white64", "checker64_vs_grey188", "step64_moved1", "cramp64_bright5", "float64_hdr", "float64_dim",
)  # fmt: skip


def _metric(norm: str = "max", intensity: float = 80.0, asymmetry: float = 0.8, batch_size: int | None = None) -> Any:
    from vs_align.measure.metrics.butteraugli.metric_torch import ButteraugliTorch

    return ButteraugliTorch("cpu", norm, intensity, asymmetry, batch_size)


@pytest.mark.parametrize("name", cases.KNOWN)
def test_scores_of_drawn_pictures_are_those_of_libjxl(name: str) -> None:
    first, second, intensity, asymmetry, highest, three = cases.KNOWN[name]
    for norm, expected in (("max", highest), ("3", three)):
        metric = _metric(norm, intensity, asymmetry)
        assert metric.score(metric.prepare(first), metric.prepare(second)) == cases.near(expected)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_scores(name: str) -> None:
    cases.need_goldens()
    pair = cases.pairs()[name]
    for intensity in (80, 203):
        source = _metric("max", intensity)
        first, second = cases.prepared(source, pair["ref"]), cases.prepared(source, pair["dist"])
        for row in (row for row in pair["scores"] if row["intensity_target"] == intensity):
            for norm, key in (("max", "max_norm"), ("3", "libjxl_3norm")):
                metric = _metric(norm, intensity, row["hf_asymmetry"])
                assert metric.score(first, second) == cases.near(row[key])


@pytest.mark.parametrize(("norm", "form"), list(product(("max", "3"), cases.FORMS)))
def test_both_versions_agree(norm: Any, form: str) -> None:
    images = [cases.FORMS[form](image) for image in cases.footage(67, 95, 4)]
    metric, other = _metric(norm), Butteraugli(norm)
    mine, theirs = [metric.prepare(image) for image in images], [other.prepare(image) for image in images]
    expected = other.scores(theirs, theirs[0])
    assert min(expected[1:]) > 1
    assert metric.scores(mine, mine[0]) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    bounds = metric._bounds(mine[1:], mine[0])
    assert bounds == pytest.approx([other.bound(each, theirs[0]) for each in theirs[1:]], rel=1e-4)


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_limits_and_batches(batch_size: int | None) -> None:
    images = cases.footage(67, 95, 5)
    metric = _metric(batch_size=batch_size)
    features = [metric.prepare(image) for image in images]
    exact = metric.scores(features, features[0])
    assert exact[0] == 0
    assert exact == [metric.score(each, features[0]) for each in features]
    limit = sorted(exact)[2]
    for score, found in zip(exact, metric.scores(features, features[0], limit), strict=True):
        assert found == score if score <= limit else limit < found <= score
    assert metric.scores([], features[0], limit) == []


def test_a_bound_replaces_scores_beyond_the_limit() -> None:
    images = cases.footage(67, 95, 2)
    metric = _metric()
    first, second = (metric.prepare(image) for image in images)
    assert 0.01 < metric.score(first, second, 0.01) < metric.score(first, second, inf)
    assert metric.bound(first, second) == 0


def test_size_counts_what_is_held() -> None:
    metric = _metric()
    features = metric.prepare(cases.solid(64, 96, 9))
    pixels = 64 * 96 + 32 * 48
    assert metric.size(features) == 4 * (12 * pixels + 2 * 4 * (16 * 24))


def test_wrong_arguments() -> None:
    with pytest.raises(ArgumentError, match="batch_size must be at least 1, got 0"):
        _metric(batch_size=0)
    with pytest.raises(ArgumentError, match="norm must be"):
        _metric("2")
    metric = _metric()
    with pytest.raises(ArgumentError, match="image must hold"):
        metric.prepare(np.zeros((3, 8, 8)))
    with pytest.raises(ArgumentError, match=r"candidate must be as large as ref \(10x8\), got 9x8"):
        metric.score(metric.prepare(cases.solid(8, 9, 1)), metric.prepare(cases.solid(8, 10, 1)))
