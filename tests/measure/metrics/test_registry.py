"""The metric registry: every row is complete, and the choice among the metrics is logged."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vs_align.enums import Device, TemporalPrecision
from vs_align.errors import ArgumentError, MissingDependencyError
from vs_align.measure.metrics import registry
from vs_align.measure.metrics.registry import (
    METRICS,
    MetricInput,
    MetricRow,
    SearchKind,
    build,
    metric_named,
    missing_for,
    on_device,
)
from vs_align.measure.networks import torch_runtime, weights
from vs_align.render.temporal.searches import SEARCHES


class Made:
    """Remembers how it was made."""

    def __init__(self, *arguments: object, **options: object) -> None:
        self.arguments, self.options = arguments, options


@pytest.mark.parametrize("row", METRICS.values(), ids=METRICS.keys())
def test_rows_are_whole(row: MetricRow) -> None:
    low, high = row.score_range
    assert METRICS[row.name] is row
    assert low == 0 < high
    assert row.thresh > 0
    assert row.noise.relative > 0 < row.noise.absolute
    assert row.title
    assert row.best_for
    assert row.license
    assert bool(row.plugin) == bool(row.plugin_advice) == (row.search is SearchKind.PLUGIN)
    assert bool(row.factory) == (row.search is SearchKind.FEATURES)
    assert not row.cuda_row or row.cuda_row in METRICS


def test_every_kind_of_search_is_there() -> None:
    assert SEARCHES.keys() == {row.search for row in METRICS.values()}


def test_precisions_name_metrics() -> None:
    assert metric_named("temporal", TemporalPrecision.PLANESTATS).name == "planestats"
    assert metric_named("temporal", TemporalPrecision.BUTTERAUGLI).name == "butteraugli"
    assert metric_named("temporal", TemporalPrecision.PLANESTATS, "BUTTERAUGLI:3norm").name == "butteraugli:3norm"


def test_precision_3_without_weights_is_structure_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(weights, "find", lambda name: None)
    monkeypatch.setattr(registry, "_warned", set())
    with caplog.at_level(logging.INFO, "vs_align"):
        for _ in range(3):
            assert metric_named("temporal", TemporalPrecision.STRUCTURE).name == "structure"
    assert len(caplog.messages) == 1
    assert "'structure', because 'topiq' needs" in caplog.messages[0]


def test_precision_3_with_weights_is_topiq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: object())
    monkeypatch.setattr(weights, "find", lambda name: tmp_path / name)
    assert metric_named("temporal", TemporalPrecision.STRUCTURE).name == "topiq"
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "timm" else object())
    assert missing_for(METRICS["topiq"]).startswith("needs timm. Run: ")
    assert "pip install torch timm kornia" in missing_for(METRICS["topiq"])


def test_what_is_named_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"vs_align\.temporal: metric 'topiq' needs torch and timm\. "):
        metric_named("temporal", TemporalPrecision.PLANESTATS, "topiq")
    with pytest.raises(ArgumentError, match=r"vs_align\.temporal: metric must be one of 'planestats', "):
        metric_named("temporal", TemporalPrecision.PLANESTATS, "ssim")


@pytest.mark.parametrize(
    ("cuda", "device", "more", "expected"),
    [
        (True, Device.AUTO, {}, ((), {"norm": "3"})),
        (True, Device.AUTO, {"cuda_factory": "F"}, (("cuda",), {"norm": "3", "batch_size": 5})),
        (True, Device.CPU, {"cuda_factory": "F"}, ((), {"norm": "3"})),
        (False, Device.AUTO, {"cuda_factory": "F"}, ((), {"norm": "3"})),
        (True, Device.CUDA, {"model": "m"}, (("m.pth",), {"norm": "3", "device": "cuda", "batch_size": 5})),
        (False, Device.AUTO, {"model": "m"}, (("m.pth",), {"norm": "3", "device": "cpu", "batch_size": 5})),
    ],
)
def test_metrics_are_made_where_they_run(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, device: Device, more: dict[str, str], expected: tuple[Any, Any]
) -> None:
    here = f"{__name__}:Made"
    more = {key: here if value == "F" else value for key, value in more.items()}
    row = replace(METRICS["butteraugli"], factory=here, cuda_factory="", options={"norm": "3"})
    monkeypatch.setattr(torch_runtime, "cuda_is_available", lambda: cuda)
    monkeypatch.setattr("vs_align.measure.networks.download.locate", lambda name: f"{name}.pth")
    made: Any = build(replace(row, **more), device, 5)  # type: ignore[arg-type]
    assert isinstance(made, Made)
    assert (made.arguments, made.options) == expected


def test_every_metric_with_a_factory_can_be_made_on_the_cpu() -> None:
    for row in METRICS.values():
        if row.factory and not row.model:
            assert row.input is MetricInput.RGB
            assert build(row, Device.CPU) is not None


def test_vship_stands_in_for_butteraugli_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    here, plugin = METRICS["butteraugli"], METRICS["butteraugli:vship"]
    assert on_device(here, Device.CUDA) is here  # it is not installed
    monkeypatch.setattr(registry, "missing_for", lambda row: "")
    assert on_device(here, Device.CUDA) is plugin
    assert on_device(here, Device.AUTO) is here
    assert on_device(here, Device.CPU) is here
    assert on_device(METRICS["butteraugli:3norm"], Device.CUDA) is METRICS["butteraugli:3norm"]
